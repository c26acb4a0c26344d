"""
The evidence that the outcomes of a run give for a row of a comparison.

A response is evidence for a feature only if an output was decoded in it, or if it
repeats the value of the request field. A response that was merely not an error is none.
"""

from collections.abc import Iterable, Sequence

from contracts.judging.guarantees.table import COMPARED_FIELDS, GUARANTEES
from contracts.report.model import Outcome

# Values that leave the choice to the provider.
OPEN_VALUES = (None, "auto")
NOT_FETCHED = "not fetched: the images are links to another server"
NO_OUTPUT = "no response had an image that was decoded"
NOT_SENT = "not tested"
_COMPARED = frozenset(COMPARED_FIELDS.values())
# Request fields whose effect a decoded image or a whole stream shows.
_VISIBLE = frozenset(each.field for each in GUARANTEES.values() if each.field)


def shows_output(outcome: Outcome) -> bool:
    """True if an image of the response was decoded."""
    return outcome.images > 0


def shows_field(outcome: Outcome, name: str) -> bool:
    """True if the response shows what became of a value of this request field."""
    if name in _COMPARED:
        return shows_output(outcome)
    if outcome.fields.get(name) in OPEN_VALUES:
        return False
    is_visible = name in _VISIBLE and shows_output(outcome)
    return is_visible or name in outcome.echoed


def honours_field(
    name: str, positives: Sequence[Outcome], outcomes: Sequence[Outcome]
) -> bool:
    """
    True if responses show a field, given that no check failed on one of them.

    `positives` are the valid requests that test the field, `outcomes` all of its
    operation. A field with an effect that only two responses can show needs two.
    """
    if name in _COMPARED and sum(map(shows_output, outcomes)) < 2:
        return False
    return any(shows_field(each, name) for each in positives)


def missing_evidence(outcomes: Iterable[Outcome]) -> str:
    """The reason why none of the outcomes is evidence; "" if one is."""
    known = list(outcomes)
    if any(map(shows_output, known)):
        return ""
    if any(each.not_fetched for each in known):
        return NOT_FETCHED
    return NO_OUTPUT if any(map(_is_success, known)) else NOT_SENT


def row_evidence(
    row: str, own: Sequence[Outcome], operation: Sequence[Outcome]
) -> list[Outcome]:
    """
    The outcomes that show the feature of a row, whether they pass or not.

    `own` are the outcomes of cases about the row, `operation` those of its operation,
    or all for a row without one.
    """
    _, _, part = row.partition("/")
    if part.startswith("errors/"):
        return [each for each in operation if _is_error_for(part, each)]
    if part.startswith("events/") and part != "events/stream":
        streams = (each for each in operation if each.fields.get("stream") == "true")
        return [each for each in streams if shows_output(each)]
    if part.startswith("request/"):
        return [each for each in own if shows_output(each) or _is_rejected(each)]
    rejected = [each for each in own if _is_rejected(each)]
    return [*filter(shows_output, operation), *rejected]


def _is_error_for(part: str, outcome: Outcome) -> bool:
    if part == "errors/retry-after":
        return outcome.status == 429
    return outcome.status is not None and outcome.status >= 400


def _is_rejected(outcome: Outcome) -> bool:
    """True if a request that must be rejected was."""
    return outcome.expectation == "invalid" and _is_client_error(outcome.status)


def _is_client_error(status: int | None) -> bool:
    return status is not None and 400 <= status < 500


def _is_success(outcome: Outcome) -> bool:
    return outcome.status is not None and 200 <= outcome.status < 300
