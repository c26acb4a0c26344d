"""Check the operations on models against the rest of a document."""

from collections.abc import Iterator, Mapping

from specs.documents.media_types import JSON
from specs.documents.model import Operation
from specs.documents.models import MODEL, PAGE, ModelsAction
from specs.documents.reading.references import ResolvedDocument, suggestion

_EXAMPLES = {ModelsAction.LIST: PAGE, ModelsAction.READ: MODEL}


def check_model_operations(
    tree: ResolvedDocument, operations: Mapping[str, Operation]
) -> None:
    """Report errors and examples of operations on models that are missing."""
    if tree.has_gap(tree.root):
        return
    for operation in operations.values():
        for pointer, problem, remedy in _problems(operation):
            tree.report(f"{operation.pointer}{pointer}", problem, remedy)


def _problems(operation: Operation) -> Iterator[tuple[str, str, str]]:
    role = operation.models
    if role is None:
        return
    if role.action is ModelsAction.READ and role.unknown not in operation.errors:
        yield (
            "/x-model/unknown",
            f"'{role.unknown}' is not an error of {operation.id}",
            suggestion(role.unknown, operation.errors),
        )
    query = operation.parameters.get("query")
    known = query.properties if query else {}
    for name in role.filters:
        if name not in known:
            problem = f"the query parameter '{name}' is not described"
            yield "/x-model/filters", problem, suggestion(name, known)
    body, example = operation.success.bodies.get(JSON), _EXAMPLES[role.action]
    if body is not None and example not in body.examples:
        yield (
            body.pointer.removeprefix(operation.pointer),
            f"there is no example '{example}' of a response",
            "Add it under `examples`; the mock fills in its {placeholders}",
        )
