"""Cells for the operations on tasks: creation, read, list, cancel, and their errors."""

from contracts.compare.documents.cells import NOT_DOCUMENTED, unstated_cell
from contracts.compare.documents.model import ProviderCell
from contracts.compare.documents.tasks.cells import NONE, TaskColumn
from specs import ErrorExample, Operation, Role, TaskRole

ARROW = "\N{RIGHTWARDS ARROW}"


def address(column: TaskColumn, operation: Operation) -> str:
    """Method and path, with the path of the server's URL."""
    return f"{operation.method} {column.provider.full_path(operation)}"


def create_cell(column: TaskColumn) -> ProviderCell:
    """Method, path and status of the operations that create a task."""
    operations = column.operations(Role.CREATE)
    if not operations:
        return unstated_cell(NOT_DOCUMENTED)
    texts = [
        f"{address(column, each)} {ARROW} {each.success.status}{_condition(each)}"
        for each in operations
    ]
    first = operations[0]
    return column.cell("; ".join(texts), first.evidence, first.pointer)


def _condition(operation: Operation) -> str:
    """The note that only some requests create a task."""
    role = operation.task
    return "" if role is None or role.when is True else " (for some requests)"


def operation_cell(column: TaskColumn, role: Role) -> ProviderCell:
    """Method and path of all operations of a role."""
    operations = column.operations(role)
    if not operations:
        return unstated_cell(NONE)
    texts = [address(column, each) for each in operations]
    return column.cell("; ".join(texts), operations[0].evidence, operations[0].pointer)


def list_cell(column: TaskColumn) -> ProviderCell:
    """The list and its pages."""
    operations = column.operations(Role.LIST)
    if not operations:
        return unstated_cell(NONE)
    first = operations[0]
    paging = _paging_words(_role(first))
    text = f"{'; '.join(address(column, each) for each in operations)}; {paging}"
    return column.cell(text, first.evidence, first.pointer)


def pages_cell(column: TaskColumn) -> ProviderCell:
    """The parameters of the pages of a list."""
    operations = column.operations(Role.LIST)
    if not operations:
        return unstated_cell(NONE)
    first = operations[0]
    return column.cell(_paging_words(_role(first)), first.evidence, first.pointer)


def cancelled_cell(column: TaskColumn) -> ProviderCell:
    """The states in which a task can be cancelled or removed."""
    operations = column.operations(Role.CANCEL)
    if not operations:
        return unstated_cell(NONE)
    first, role = operations[0], _role(operations[0])
    text = ", ".join([*role.cancels, *(f"{each} (removed)" for each in role.deletes)])
    return column.cell(text or NONE, first.evidence, first.pointer)


def _paging_words(role: TaskRole) -> str:
    if role.page:
        return f"page numbers ({', '.join(role.page.values())})"
    if role.cursor:
        return f"cursor ({', '.join(role.cursor.values())})"
    return "no pages"


def cancel_cell(column: TaskColumn) -> ProviderCell:
    """The states that are cancelled or removed, and the answer for all others."""
    operations = column.operations(Role.CANCEL)
    if not operations:
        return unstated_cell(NONE)
    operation = operations[0]
    role = _role(operation)
    texts = [address(column, operation)]
    if role.cancels:
        texts.append(f"cancels {', '.join(role.cancels)}")
    if role.deletes:
        texts.append(f"removes {', '.join(role.deletes)}")
    refused = operation.errors.get(role.refused)
    if refused is not None:
        texts.append(f"else {error_words(refused)}")
    return column.cell("; ".join(texts), operation.evidence, operation.pointer)


def events_cell(column: TaskColumn) -> ProviderCell:
    """The stream of events about tasks."""
    operations = column.operations(Role.EVENTS)
    if not operations:
        return unstated_cell(NONE)
    operation = operations[0]
    role = _role(operation)
    text = f"{address(column, operation)}; event {role.event or 'without a name'}"
    return column.cell(text, operation.evidence, operation.pointer)


def error_cell(column: TaskColumn, name: str) -> ProviderCell:
    """
    The error of a situation: `unknown`, `not_ready` or `expired`.

    An unknown id is that of a read; the others are those of the content of a task.
    """
    wanted = Role.READ if name == "unknown" else Role.CONTENT
    for operation in column.operations(wanted):
        example = operation.errors.get(getattr(_role(operation), name))
        if example is not None:
            facts = {"status": example.status, "code": error_code(example)}
            return column.cell(
                error_words(example), example.evidence, example.pointer, facts
            )
    return unstated_cell(NOT_DOCUMENTED)


def error_words(example: ErrorExample) -> str:
    """The status of an error, and its code where it has one."""
    code = error_code(example)
    return f"{example.status} `{code}`" if code else str(example.status)


def error_code(example: ErrorExample) -> str:
    """The code in the body of an error, else its status in words or its type."""
    body = example.body if isinstance(example.body, dict) else {}
    error = body.get("error", body)
    error = error if isinstance(error, dict) else {}
    found = (error.get(name) for name in ("status", "code", "type"))
    return str(next((each for each in found if each not in (None, "")), ""))


def _role(operation: Operation) -> TaskRole:
    if operation.task is None:
        raise ValueError(f"{operation.id} is about no task")
    return operation.task
