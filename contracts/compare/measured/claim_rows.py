"""Which row of a comparison a claim belongs to, and a case that asks for it."""

from collections.abc import Mapping

from contracts.compare.documents.responses import COMMON_ERRORS, answer_members
from contracts.judging.guarantees import GUARANTEES
from specs import Operation, Provider

# The request field that shows a guarantee, or the part of the response it is about.
GUARANTEE_ROWS: Mapping[str, str] = {
    name: each.comparison_row
    for name, each in GUARANTEES.items()
    if each.comparison_row
}
WHOLE_ANSWER = "answer/whole"
REQUEST_PREFIXES = ("request", "request-form", "request-json")


def row_of(provider: Provider, claim: str) -> str:
    """The id of the row that a claim, or a case named like one, is about."""
    name, _, rest = claim.partition("/")
    operation = provider.operations.get(name)
    if operation is None:
        return ""
    head, *steps = rest.split("/")
    if head == "auth":
        return "transport/auth"
    if head in REQUEST_PREFIXES:
        member = _first_member(provider, operation, steps)
        return f"{name}/request/{member}" if member else f"{name}/media"
    if head == "errors":
        return f"{name}/errors/{'names' if _is_specific_error(steps) else 'statuses'}"
    if head[:1].isdigit():
        if steps == ["headers", "Retry-After"]:
            return f"{name}/errors/retry-after"
        if steps[:1] == ["headers"]:
            return "transport/limits"
        return f"{name}/{_answer_row(provider, operation, head, steps)}"
    return f"{name}/path"


def _is_specific_error(steps: list[str]) -> bool:
    return bool(steps) and steps[0] not in COMMON_ERRORS


def _first_member(provider: Provider, operation: Operation, steps: list[str]) -> str:
    """The canonical name of the first member that the steps of a name speak of."""
    listed = {name for body in operation.bodies.values() for name in body.properties}
    for step in steps:
        name = step.removesuffix("[]")
        if name in listed:
            return canonical_name(provider, operation.id, name)
    return ""


def canonical_name(provider: Provider, operation: str, name: str) -> str:
    fields = provider.dialect.fields.get(operation, {})
    return next((each for each, own in fields.items() if name in own), name)


def _answer_row(
    provider: Provider, operation: Operation, status: str, steps: list[str]
) -> str:
    """The part of an answer that steps below a status speak of."""
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
    found = GUARANTEE_ROWS.get(name, WHOLE_ANSWER)
    part, _, member = found.partition("/")
    if part == "request" and not _first_member(provider, operation, [member]):
        own = provider.dialect.wire_names(operation.id, member)
        if not _first_member(provider, operation, list(own)):
            return (
                "events/stream"
                if member in {"stream", "partial_images"}
                else WHOLE_ANSWER
            )
    if part == "answer" and member not in answer_names(operation):
        return WHOLE_ANSWER
    return found


def answer_names(operation: Operation) -> set[str]:
    """The members of an answer that have rows of their own."""
    body = operation.success.bodies.get("application/json")
    return {name for name, *_ in answer_members(body)} if body else set()
