"""The facts of a submission in words, for the page and the feed."""

from contracts.published.submission import Submission
from contracts.text import STOP_REASONS, pluralize

_KINDS = {"provider": "a server of the provider", "gateway": "a gateway", "mock": ""}


def server_text(submission: Submission) -> str:
    """The URL of the server; a mock has none that lasts."""
    return submission.base_url or "a mock of imageparity"


def kind_text(submission: Submission) -> str:
    """The kind of the server, and whether who measured it operates it."""
    if submission.is_mock:
        return "mock, example: it says nothing about the service"
    kind = _KINDS[submission.endpoint]
    return f"{kind}, measured by its operator" if submission.operates_server else kind


def level_text(submission: Submission) -> str:
    """The set of requirements, and the level that was reached."""
    level = submission.level
    if level is None:
        return "no set of requirements"
    return f"{level.name}: {level.words}"


def findings_text(submission: Submission) -> str:
    """`2 findings failed, 1 warning, of 484 test cases`, and why the run stopped."""
    summary = submission.summary
    failed = len(summary.broken)
    warnings = len(summary.sightings) - failed
    text = (
        f"{pluralize(failed, 'finding')} failed, {pluralize(warnings, 'warning')}, in "
        f"{pluralize(summary.tally.asked, 'test case')}"
    )
    if submission.stopped is None:
        return text
    return f"{text}; stopped early: {STOP_REASONS[submission.stopped]}"
