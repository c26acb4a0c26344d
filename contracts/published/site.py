"""The files of the site that show published results."""

from collections.abc import Iterable
from pathlib import Path

from contracts.published.feed import FEED, PAGE, feed
from contracts.published.history import published_results
from contracts.published.page import results_page
from contracts.published.submission import (
    Submission,
    read_submission,
    submission_folders,
)

RESULTS = "results"


def read_submissions(site: Path) -> list[Submission]:
    """All submissions of a site. Raises what `read_submission` raises."""
    return [read_submission(each) for each in submission_folders(site / RESULTS)]


def result_files(submissions: Iterable[Submission]) -> dict[str, str]:
    """The page and the feed, by name; they follow from the submissions alone."""
    results = published_results(list(submissions))
    return {PAGE: results_page(results), FEED: feed(results)}
