"""The changes to code that polls long-running tasks, or that will poll them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from contracts.compare.documents.model import ProviderCell
from contracts.compare.documents.tasks import cells, operations
from contracts.compare.documents.tasks.cells import TaskColumn
from contracts.compare.migration.model import (
    BreakingChange,
    Citation,
    Migration,
    cite,
)
from contracts.compare.migration.rules import rules
from contracts.planning.tasks.addresses import linked_operation
from specs import Basis, Operation, Phase, Provider, Role, TaskKind


@dataclass(frozen=True)
class TaskSide:
    """The creation of a task at one provider, and the kind of task that it creates."""

    provider: Provider
    create: Operation
    kind: TaskKind

    @property
    def column(self) -> TaskColumn:
        return TaskColumn(self.provider, self.kind)

    def operation(self, role: Role) -> Operation | None:
        return linked_operation(self.provider, self.create, self.kind, role)


Compare = Callable[[TaskSide, TaskSide], bool]


@dataclass(frozen=True)
class TaskRow:
    """
    A statement of documents about tasks that code relies on.

    `noun` begins the sentence of a finding. `build` makes a cell from a document.
    `matters` is true if a difference concerns code for the old provider, of cells that
    differ. If `is_optional`, code relies on it only where the old document has it.
    """

    rule: str
    member: str
    noun: str
    build: Callable[[TaskColumn], ProviderCell]
    matters: Compare = lambda old, new: True
    is_optional: bool = True


def _has_moved(old: TaskSide, new: TaskSide, role: Role) -> bool:
    """True if an operation has another method, or another path below the base URL."""
    addresses = [
        (operation.method, operation.path) if operation else None
        for operation in (old.operation(role), new.operation(role))
    ]
    return addresses[0] != addresses[1]


def _is_served(_: TaskSide, new: TaskSide, role: Role) -> bool:
    return new.operation(role) is not None


def _has_new_words(old: TaskSide, new: TaskSide, phase: Phase) -> bool:
    """True if a task may have a state of this phase that the code does not know."""
    known, found = (
        {(each.name, each.schema is None) for each in side.kind.states_in(phase)}
        for side in (old, new)
    )
    return bool(found - known)


def _is_shorter(old: TaskSide, new: TaskSide, name: str) -> bool:
    before, after = (getattr(side.kind, name) for side in (old, new))
    return after is None or after.value < before.value


def _has_both(old: TaskSide, new: TaskSide, name: str) -> bool:
    return None not in (getattr(old.kind, name), getattr(new.kind, name))


def _has_error(old: TaskSide, new: TaskSide, name: str) -> bool:
    """True if both documents have the error; only then is its difference stated."""
    found = (operations.error_cell(side.column, name) for side in (old, new))
    return all(each.stated for each in found)


def _operation_row(role: Role, noun: str) -> TaskRow:
    build: Callable[[TaskColumn], ProviderCell] = partial(
        operations.operation_cell, role=role
    )
    return TaskRow("TASK-PATH", role, noun, build, partial(_has_moved, role=role))


ROWS: Sequence[TaskRow] = (
    _operation_row(Role.READ, "reading a task"),
    _operation_row(Role.LIST, "the list of tasks"),
    _operation_row(Role.CANCEL, "cancelling a task"),
    _operation_row(Role.CONTENT, "the file of a result"),
    _operation_row(Role.EVENTS, "events about tasks"),
    TaskRow(
        "TASK-PAGES",
        "list",
        "pages of the list",
        operations.pages_cell,
        partial(_is_served, role=Role.LIST),
    ),
    TaskRow(
        "TASK-CANCEL",
        "cancel",
        "states that can be cancelled",
        operations.cancelled_cell,
        partial(_is_served, role=Role.CANCEL),
    ),
    TaskRow(
        "TASK-ID", "id", "the place of the id", cells.id_place_cell, is_optional=False
    ),
    TaskRow("TASK-ID", "form of the id", "the form of the id", cells.id_form_cell),
    TaskRow(
        "TASK-STATE",
        "state",
        "the place of the state",
        cells.state_place_cell,
        is_optional=False,
    ),
    *(
        TaskRow(
            "TASK-STATE",
            phase,
            f"the state of a task that {words}",
            partial(cells.phase_cell, phase=phase),
            partial(_has_new_words, phase=phase),
            is_optional=False,
        )
        for phase, words in (
            (Phase.WAITING, "waits"),
            (Phase.RUNNING, "runs"),
            (Phase.SUCCEEDED, "has succeeded"),
            (Phase.FAILED, "has failed"),
            (Phase.CANCELLED, "was cancelled"),
            (Phase.EXPIRED, "has expired"),
        )
    ),
    TaskRow(
        "TASK-RESULT", "result", "the result", cells.result_cell, is_optional=False
    ),
    TaskRow(
        "TASK-FIELD", "failure", "the reason of a failure", cells.failure_place_cell
    ),
    TaskRow("TASK-FIELD", "progress", "the progress", cells.progress_cell),
    TaskRow("TASK-FIELD", "times", "times", cells.time_places_cell),
    TaskRow("TASK-UNIT", "unit of times", "the unit of times", cells.unit_cell),
    *(
        TaskRow(
            "TASK-LIFETIME",
            f"lifetime of {noun}",
            f"the lifetime of {noun}",
            partial(cells.seconds_cell, name=name),
            partial(_is_shorter, name=name),
        )
        for noun, name in (("results", "result_lifetime"), ("tasks", "task_lifetime"))
    ),
    TaskRow(
        "TASK-INTERVAL",
        "interval",
        "the time between two reads",
        partial(cells.seconds_cell, name="poll_interval"),
        partial(_has_both, name="poll_interval"),
    ),
    *(
        TaskRow(
            "TASK-ERROR",
            member,
            f"the error for {member}",
            partial(operations.error_cell, name=name),
            partial(_has_error, name=name),
        )
        for member, name in (
            ("an unknown id", "unknown"),
            ("a result that is not ready", "not_ready"),
            ("a result that has expired", "expired"),
        )
    ),
    TaskRow("TASK-WEBHOOK", "webhook", "webhooks", cells.webhook_cell),
)


def task_findings(migration: Migration) -> Iterator[BreakingChange]:
    """Find what differs for each task that the code creates, or will create."""
    for before in migration.operations:
        after = migration.new_operations.get(before.id)
        if after is None or not (before.task or after.task):
            continue
        old, new = _side(migration.old, before), _side(migration.new, after)
        if old is None and new is not None:
            yield from _must_poll(migration, before, new)
        elif new is None and old is not None:
            yield _need_not_poll(migration, old, after)
        elif old is not None and new is not None:
            yield from _condition_findings(migration, old, new)
            yield from _row_findings(migration, old, new)


def _side(provider: Provider, operation: Operation) -> TaskSide | None:
    """The task that an operation creates; None if its response has the result."""
    if operation.task is None:
        return None
    return TaskSide(provider, operation, provider.tasks[operation.task.kind])


def _must_poll(
    migration: Migration, before: Operation, new: TaskSide
) -> Iterator[BreakingChange]:
    """The response has a task, and no result."""
    column = new.column
    read, id_ = _cells(column, "read"), cells.id_place_cell(column)
    state = cells.state_place_cell(column)
    succeeded = cells.phase_cell(column, Phase.SUCCEEDED)
    ends = [
        cells.phase_cell(column, phase).value
        for phase in Phase
        if phase.is_final and phase is not Phase.SUCCEEDED and new.kind.states_in(phase)
    ]
    condition = condition_words(new.create)
    fix = (
        f"{f'send {condition}; ' if condition else ''}take the id at {id_.value}, and "
        f"read {read.value} until the state at {state.value} is {succeeded.value}; "
        f"give up at {', '.join(ends)}"
    )
    old_text = cite(
        migration.old, "the response has the result", before.success.evidence
    )
    yield _finding(
        migration,
        "TASK-POLL",
        before,
        "task",
        "the response has a task, and no result: code must poll",
        (old_text, _citation("the response has the id of a task", id_)),
        fix,
        documented=id_.basis == Basis.DOCUMENTED,
    )
    for row in ROWS:
        if row.member in {"result", "failure"}:
            found = row.build(column)
            is_result = row.member == "result"
            where = "in the response" if is_result else "in the response, with a status"
            yield _finding(
                migration,
                row.rule,
                before,
                row.member,
                f"{row.noun}: {found.value} in a read of the task",
                (
                    cite(
                        migration.old, f"{row.noun}: {where}", before.success.evidence
                    ),
                    _citation(f"{row.noun}: {found.value}", found),
                ),
                found.value,
                documented=found.stated and found.basis == Basis.DOCUMENTED,
                noun=row.noun,
            )


def _need_not_poll(
    migration: Migration, old: TaskSide, after: Operation
) -> BreakingChange:
    """The response has the result, and there is no task."""
    id_ = cells.id_place_cell(old.column)
    address = operations.address(TaskColumn(migration.new, old.kind), after)
    return _finding(
        migration,
        "TASK-POLL",
        old.create,
        "task",
        "the response has the result, and no task: there is nothing to poll",
        (
            _citation("the response has the id of a task", id_),
            cite(migration.new, "the response has the result", after.success.evidence),
        ),
        f"wait for the response of {address}, with a timeout of minutes, and read the "
        "result from it",
        documented=after.success.evidence.basis is Basis.DOCUMENTED,
    )


def _condition_findings(
    migration: Migration, old: TaskSide, new: TaskSide
) -> Iterator[BreakingChange]:
    """Only some requests create a task at the new provider."""
    words = condition_words(new.create)
    if not words or words == condition_words(old.create):
        return
    yield _finding(
        migration,
        "TASK-POLL",
        old.create,
        "task",
        f"only a request with {words} creates a task",
        (
            cite(migration.old, "the request creates a task", old.create.evidence),
            cite(migration.new, f"creates a task with {words}", new.create.evidence),
        ),
        f"send {words}",
        documented=new.create.evidence.basis is Basis.DOCUMENTED,
    )


def condition_words(create: Operation) -> str:
    """`async = true`: what a request must have to create a task; empty for nothing."""
    when: Any = create.task.when if create.task else True
    fields = when.get("properties", {}) if isinstance(when, dict) else {}
    return ", ".join(
        f"{name} = {str(each['const']).lower()}"
        for name, each in fields.items()
        if isinstance(each, dict) and "const" in each
    )


def _row_findings(
    migration: Migration, old: TaskSide, new: TaskSide
) -> Iterator[BreakingChange]:
    for row in ROWS:
        before, after = row.build(old.column), row.build(new.column)
        is_missing = row.is_optional and not before.stated
        if is_missing or before.value == after.value or not row.matters(old, new):
            continue
        yield _finding(
            migration,
            row.rule,
            old.create,
            row.member,
            f"{row.noun}: {after.value}, {_unlike(before)}",
            tuple(
                _citation(f"{row.noun}: {each.value}", each) for each in (before, after)
            ),
            after.value if after.stated else "",
            documented=after.stated and after.basis == Basis.DOCUMENTED,
            noun=row.noun,
        )


def _unlike(before: ProviderCell) -> str:
    return f"not {before.value}" if before.stated else "which is new"


def _cells(column: TaskColumn, member: str) -> ProviderCell:
    return next(each.build(column) for each in ROWS if each.member == member)


def _citation(text: str, cell: ProviderCell) -> Citation:
    basis = str(cell.basis) if cell.source else ""
    return Citation(text, cell.source, cell.source_title, cell.source_url, basis)


def _finding(
    migration: Migration,
    rule_id: str,
    operation: Operation,
    member: str,
    sentence: str,
    citations: tuple[Citation, ...],
    value: str,
    *,
    documented: bool,
    noun: str = "",
) -> BreakingChange:
    """A finding; without a `value`, the new provider has nothing to use instead."""
    rule = rules()[rule_id]
    old, new = citations
    fix = rule.fix.format(field=noun or member, value=value, to=migration.new.title)
    if not value:
        fix = f"do not rely on {noun}: {migration.new.title} documents none"
    return BreakingChange(
        rule=rule_id,
        severity=rule.severity(member, documented=documented),
        operation=operation.id,
        member=str(member),
        sentence=sentence,
        old=old,
        new=new,
        fix=fix,
    )
