"""The rows of a comparison of tasks, in their order."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from contracts.compare.documents.cells import row, unstated_cell
from contracts.compare.documents.model import (
    ComparisonRow,
    ProviderCell,
    Section,
    TaskKindColumn,
    TaskTable,
)
from contracts.compare.documents.request_fields import request_cells
from contracts.compare.documents.tasks import cells, operations
from contracts.compare.documents.tasks.cells import TaskColumn
from specs import Phase, Provider, Role

GROUP = "tasks"
CellBuilder = Callable[[TaskColumn], ProviderCell]

ROWS: tuple[tuple[str, str, Section, CellBuilder], ...] = (
    ("medium", "medium of the result", Section.TRANSPORT, cells.medium_cell),
    ("create", "create", Section.TRANSPORT, operations.create_cell),
    (
        "read",
        "read",
        Section.TRANSPORT,
        partial(operations.operation_cell, role=Role.READ),
    ),
    ("list", "list", Section.TRANSPORT, operations.list_cell),
    ("cancel", "cancel", Section.TRANSPORT, operations.cancel_cell),
    (
        "content",
        "content",
        Section.TRANSPORT,
        partial(operations.operation_cell, role=Role.CONTENT),
    ),
    ("events", "event stream", Section.EVENTS, operations.events_cell),
    ("webhook", "webhook", Section.EVENTS, cells.webhook_cell),
    ("id", "id", Section.ANSWER, cells.id_cell),
    ("state", "place of the state", Section.ANSWER, cells.state_place_cell),
    *(
        (
            f"states/{phase}",
            f"state: {phase}",
            Section.ANSWER,
            partial(cells.phase_cell, phase=phase),
        )
        for phase in Phase
    ),
    ("moves", "order of states", Section.ANSWER, cells.moves_cell),
    ("times", "times", Section.ANSWER, cells.times_cell),
    ("progress", "progress", Section.ANSWER, cells.progress_cell),
    ("result", "result", Section.ANSWER, cells.result_cell),
    ("failure", "reason of a failure", Section.ANSWER, cells.failure_place_cell),
    ("failures", "codes of a failure", Section.ANSWER, cells.failures_cell),
    (
        "lifetime/result",
        "lifetime of results",
        Section.DELIVERY,
        partial(cells.seconds_cell, name="result_lifetime"),
    ),
    (
        "lifetime/task",
        "lifetime of tasks",
        Section.DELIVERY,
        partial(cells.seconds_cell, name="task_lifetime"),
    ),
    (
        "interval",
        "interval of reads",
        Section.DELIVERY,
        partial(cells.seconds_cell, name="poll_interval"),
    ),
    *(
        (
            f"errors/{id_}",
            feature,
            Section.ERRORS,
            partial(operations.error_cell, name=name),
        )
        for id_, feature, name in (
            ("unknown", "unknown id", "unknown"),
            ("not-ready", "result not ready", "not_ready"),
            ("expired", "result expired", "expired"),
        )
    ),
    ("price", "price", Section.MONEY, cells.price_cell),
    ("sizes", "sizes", Section.DELIVERY, cells.sizes_cell),
)
"""The end of the id, the label, the section, and the builder of the cells."""


def task_table(providers: Sequence[Provider]) -> TaskTable:
    """The comparison of all kinds of tasks; providers without tasks have no column."""
    columns = [
        TaskColumn(provider, kind)
        for provider in providers
        for kind in provider.tasks.values()
    ]
    return TaskTable(
        tuple(
            TaskKindColumn(
                each.id,
                each.provider.id,
                each.kind.name,
                each.title,
                each.kind.medium,
                each.provider.version,
                next((one.id for one in each.operations(Role.CREATE)), ""),
            )
            for each in columns
        ),
        tuple(_rows(columns)) if columns else (),
    )


def _rows(columns: Sequence[TaskColumn]) -> Iterator[ComparisonRow]:
    """All rows about tasks: the tasks themselves, then the fields of their creation."""
    for id_, feature, section, build in ROWS:
        made = {each.id: build(each) for each in columns}
        yield row(f"{GROUP}/{id_}", feature, GROUP, section, made)
    yield from _request_rows(columns)


def _request_rows(columns: Sequence[TaskColumn]) -> Iterator[ComparisonRow]:
    """A row per field of a request that creates a task."""
    tables = {each.id: _request_cells(each) for each in columns}
    names = dict.fromkeys(name for table in tables.values() for name in table)
    for name in names:
        made = {id_: table.get(name, unstated_cell()) for id_, table in tables.items()}
        id_ = f"{GROUP}/request/{name}"
        yield row(id_, name, GROUP, Section.REQUEST, made)


def _request_cells(column: TaskColumn) -> Mapping[str, ProviderCell]:
    """The fields of the first operation that creates a task, by canonical name."""
    created_by = column.operations(Role.CREATE)
    if not created_by:
        return {}
    return request_cells(column.provider, created_by[0])
