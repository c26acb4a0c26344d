"""The row of a comparison that a claim or a case belongs to."""

from collections.abc import Mapping

from contracts.compare.documents.error_responses import COMMON_ERRORS
from contracts.compare.documents.operations import FIELDS
from contracts.compare.documents.responses import response_fields
from contracts.judging.guarantees.table import GUARANTEES
from specs import JSON, Operation, Provider

# The request field that shows a guarantee, or the part of the response it is about.
GUARANTEE_ROWS: Mapping[str, str] = {
    name: each.comparison_row
    for name, each in GUARANTEES.items()
    if each.comparison_row
}
WHOLE_ANSWER = "answer/whole"
REQUEST_PREFIXES = ("request", "request-form", "request-json")
STREAM_FIELDS = {"stream", "partial_images"}


def row_of(provider: Provider, claim: str) -> str:
    """The row of a claim id or case id; "" if the provider lacks the operation."""
    name, _, rest = claim.partition("/")
    operation = provider.operations.get(name)
    if operation is None:
        return ""
    head, *steps = rest.split("/")
    if head == "auth":
        return "transport/auth"
    if head in REQUEST_PREFIXES:
        field = _first_field(provider, operation, steps)
        return f"{name}/request/{field}" if field else f"{name}/media"
    if head == "errors":
        is_specific = bool(steps) and steps[0] not in COMMON_ERRORS
        return f"{name}/errors/{'names' if is_specific else 'statuses'}"
    if head[:1].isdigit():
        if steps == ["headers", "Retry-After"]:
            return f"{name}/errors/retry-after"
        if steps[:1] == ["headers"]:
            return "transport/limits"
        return f"{name}/{_response_row(provider, operation, head, steps)}"
    return f"{name}/path"


def _first_field(provider: Provider, operation: Operation, steps: list[str]) -> str:
    """The canonical name of the first request field among the steps; "" if none."""
    listed = {name for body in operation.bodies.values() for name in body.properties}
    for step in steps:
        name = step.removesuffix("[]")
        if name in listed:
            return provider.dialect.canonical_name(operation.id, name)
    return ""


def _response_row(
    provider: Provider, operation: Operation, status: str, steps: list[str]
) -> str:
    """The row of a claim about a response, below the operation."""
    if steps[:1] == ["guarantees"]:
        return _guarantee_row(provider, operation, steps[1])
    if not status.startswith("2"):
        return "errors/envelope"
    if steps[:1] == ["events"]:
        return "events/types"
    listed = answer_names(operation)
    for name in (".".join(steps[:2]), *steps[:1]):
        if name in listed:
            return f"answer/{name}"
    return WHOLE_ANSWER


def _guarantee_row(provider: Provider, operation: Operation, name: str) -> str:
    """The row of a guarantee; of the whole response if its field is not documented."""
    found = GUARANTEE_ROWS.get(name, WHOLE_ANSWER)
    part, _, field = found.partition("/")
    if part == "request" and not has_nested_row(provider, operation.id, field):
        wire_names = provider.dialect.wire_names(operation.id, field)
        if not _first_field(provider, operation, [field, *wire_names]):
            return "events/stream" if field in STREAM_FIELDS else WHOLE_ANSWER
    if part == "answer" and field not in answer_names(operation):
        return WHOLE_ANSWER
    return found


def has_nested_row(provider: Provider, operation: str, field: str) -> bool:
    """True for a field inside others with a row in the table of operations."""
    return field in FIELDS and field in provider.dialect.places_of(operation)


def answer_names(operation: Operation) -> set[str]:
    """The paths of the response fields that have rows of their own."""
    body = operation.success.bodies.get(JSON)
    return {each.path for each in response_fields(body)} if body else set()
