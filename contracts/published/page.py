"""The page of published results: one file that needs no network."""

from collections.abc import Sequence

from contracts.published import words
from contracts.published.feed import FEED, TITLE, anchor
from contracts.published.history import PublishedResult
from contracts.reporters.page.environment import page_template
from contracts.text import pluralize


def results_page(results: Sequence[PublishedResult]) -> str:
    """The page with a table per provider; `results` are the newest first."""
    groups: dict[str, list[PublishedResult]] = {}
    for result in sorted(results, key=lambda each: each.submission.title.casefold()):
        groups.setdefault(result.submission.title, []).append(result)
    servers = {each.submission.base_url for each in results if each.submission.base_url}
    headline = f"Published results of {pluralize(len(servers), 'server')}"
    return page_template("published.html").render(
        headline=headline if servers else "Published results",
        groups=list(groups.items()),
        words=words,
        anchor=anchor,
        feed=FEED,
        feed_title=TITLE,
    )
