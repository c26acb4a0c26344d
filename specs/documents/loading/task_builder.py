"""Build the kinds of tasks of a document, and check the operations on them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from specs.documents.model import Operation
from specs.documents.reading.pointers import escape_pointer
from specs.documents.reading.references import ResolvedDocument, suggestion
from specs.documents.tasks import (
    Moves,
    Phase,
    Place,
    ResultPlace,
    Role,
    Seconds,
    TaskId,
    TaskKind,
    TaskRole,
    TaskState,
    TimeUnit,
    Webhook,
)
from specs.validation.evidence import Evidence

TIMES = ("created", "updated", "completed", "expires")
ID_PARTS = re.compile(
    r"\{(digits|hex|letters):[0-9]{1,2}\}|\{(uuid|time|model)\}|\{path:[A-Za-z0-9_]+\}"
)
_NEEDED_ROLES = (Role.CREATE, Role.READ)
_STATES_OF = {"from": "cancels", "deletes": "deletes"}
_ERRORS_OF = ("unknown", "refused", "not-ready", "expired")


def task_kinds(tree: ResolvedDocument) -> dict[str, TaskKind]:
    """The kinds of tasks of a document; reports what is wrong in them."""
    evidence = Evidence().within(tree.root)
    kinds = tree.root.get("x-tasks", {})
    return {
        name: _Kind(tree, name, raw, evidence).build() for name, raw in kinds.items()
    }


class _Kind:
    """Builds one kind of task; each part states or inherits its evidence."""

    def __init__(
        self,
        tree: ResolvedDocument,
        name: str,
        raw: Mapping[str, Any],
        evidence: Evidence,
    ) -> None:
        self._tree, self._name, self._raw = tree, name, raw
        self._evidence = evidence.within(raw)

    def build(self) -> TaskKind:
        raw = self._raw
        if not self._evidence.source:
            self._report(
                raw, "has no x-source", "Name the page that describes the task"
            )
        states = {
            name: TaskState(name, Phase(each["phase"]), each.get("if"))
            for name, each in raw["states"].items()
        }
        self._check_states(states)
        lifetime = raw.get("lifetime", {})
        return TaskKind(
            name=self._name,
            medium=raw["medium"],
            id=self._id(raw["id"]),
            state=self._place(raw["state"]),
            states=states,
            evidence=self._evidence,
            pointer=self._tree.pointer_of(raw),
            moves=self._moves(states),
            times={each: self._place(raw[each]) for each in TIMES if each in raw},
            progress=self._optional_place("progress"),
            results=tuple(map(self._result, raw.get("result", ()))),
            error=self._optional_place("error"),
            failures=raw.get("failures", {}),
            result_lifetime=self._seconds(lifetime, "result"),
            task_lifetime=self._seconds(lifetime, "task"),
            state_lifetimes=self._state_lifetimes(lifetime, states),
            deadline=raw.get("deadline"),
            poll_interval=self._seconds(raw, "poll"),
            webhook=self._webhook(states),
        )

    def _check_states(self, states: Mapping[str, TaskState]) -> None:
        phases = {each.phase for each in states.values()}
        if Phase.SUCCEEDED not in phases:
            self._report(
                self._raw["states"],
                "no state has the phase 'succeeded'",
                "Name the state of a task that has its result",
            )
        if not phases & {Phase.WAITING, Phase.RUNNING}:
            self._report(
                self._raw["states"],
                "no state has the phase 'waiting' or 'running'",
                "Name the state of a new task",
            )

    def _id(self, raw: Mapping[str, Any]) -> TaskId:
        form = raw.get("form", "{hex:32}")
        rest = ID_PARTS.sub("", form)
        if "{" in rest:
            self._report(
                raw,
                f"the form '{form}' of an id is not supported",
                "Use text, {digits:N}, {hex:N}, {letters:N}, {uuid}, {time}, {model} "
                "or {path:NAME}, the value of a path parameter",
            )
        return TaskId(self._place(raw), form, raw.get("alias"))

    def _place(self, raw: Mapping[str, Any]) -> Place:
        return Place(
            at=raw.get("at", ""),
            evidence=self._evidence.within(raw),
            pointer=self._tree.pointer_of(raw),
            unit=TimeUnit(raw.get("unit", "s")),
            minimum=raw.get("min", 0),
            maximum=raw.get("max", 100),
        )

    def _optional_place(self, name: str) -> Place | None:
        return self._place(self._raw[name]) if name in self._raw else None

    def _result(self, raw: Mapping[str, Any]) -> ResultPlace:
        if "at" not in raw and raw["as"] != "content":
            self._report(raw, "has no place 'at'", "Write the pointer of the results")
        return ResultPlace(
            self._place(raw), raw["as"], raw.get("when", True), raw.get("medium")
        )

    def _moves(self, states: Mapping[str, TaskState]) -> Moves | None:
        raw = self._raw.get("moves")
        if raw is None:
            return None
        pairs = [tuple(each) for each in raw["allowed"]]
        self._check_names(raw, [name for pair in pairs for name in pair], states)
        return Moves(
            frozenset((old, new) for old, new in pairs),
            self._evidence.within(raw),
            self._tree.pointer_of(raw),
        )

    def _seconds(self, raw: Mapping[str, Any], name: str) -> Seconds | None:
        given = raw.get(name)
        if given is None:
            return None
        evidence, node = self._evidence, raw
        if isinstance(given, Mapping):
            evidence, node, given = evidence.within(given), given, given["seconds"]
        return Seconds(given, evidence, self._tree.pointer_of(node))

    def _state_lifetimes(
        self, raw: Mapping[str, Any], states: Mapping[str, TaskState]
    ) -> dict[str, Seconds]:
        given = raw.get("states", {})
        self._check_names(raw, given, states)
        found = {name: self._seconds(given, name) for name in given}
        return {name: each for name, each in found.items() if each is not None}

    def _webhook(self, states: Mapping[str, TaskState]) -> Webhook | None:
        raw = self._raw.get("webhook")
        if raw is None:
            return None
        retry = raw.get("retry", {})
        self._check_names(raw, [*raw["states"], *retry.get("states", ())], states)
        return Webhook(
            field=raw["field"],
            states=tuple(raw["states"]),
            evidence=self._evidence.within(raw),
            pointer=self._tree.pointer_of(raw),
            events=raw.get("events"),
            body=raw.get("body"),
            body_from=raw.get("body-from", ""),
            signature=raw.get("signature"),
            delays=tuple(retry.get("delays", ())),
            retry_on=tuple(retry.get("for", ("5xx", "timeout", "network"))),
            retried=tuple(retry["states"]) if "states" in retry else None,
        )

    def _check_names(
        self, node: Any, names: Iterable[str], known: Iterable[str]
    ) -> None:
        for name in names:
            if name not in known:
                self._report(node, f"unknown state '{name}'", suggestion(name, known))

    def _report(self, node: Any, problem: str, remedy: str) -> None:
        place = f"/x-tasks/{escape_pointer(self._name)}"
        self._tree.report(self._tree.pointer_of(node) or place, problem, remedy)


def task_role(raw: Mapping[str, Any]) -> TaskRole:
    """The role of an operation, from the value of its `x-task`."""
    names = ("id", "source", "extends", "index", "event", "items", "item")
    names_of_errors = ("unknown", "refused", "expired")
    optional = {each: raw[each] for each in names + names_of_errors if each in raw}
    for name in ("variant", "variants", "page", "cursor", "filters", "heartbeat"):
        if name in raw:
            optional[name] = raw[name]
    if "not-ready" in raw:
        optional["not_ready"] = raw["not-ready"]
    return TaskRole(
        kind=raw["kind"],
        role=Role(raw["role"]),
        when=raw.get("when", True),
        cancels=tuple(raw.get("from", ())),
        deletes=tuple(raw.get("deletes", ())),
        also=tuple(raw.get("also", ())),
        **optional,
    )


def check_task_operations(
    tree: ResolvedDocument,
    kinds: Mapping[str, TaskKind],
    operations: Mapping[str, Operation],
) -> None:
    """Report kinds, states, errors, examples and links that do not fit together."""
    if tree.has_gap(tree.root):
        return
    for operation in operations.values():
        for pointer, problem, remedy in _operation_problems(
            tree, operation, kinds, operations
        ):
            tree.report(f"{operation.pointer}{pointer}", problem, remedy)
    for kind in kinds.values():
        roles = {
            each.task.role
            for each in operations.values()
            if each.task is not None and each.task.kind == kind.name
        }
        for role in _NEEDED_ROLES:
            if role not in roles:
                tree.report(
                    kind.pointer,
                    f"no operation has the role '{role}' for this kind of task",
                    f"Add `x-task: {{kind: {kind.name}, role: {role}}}` to one",
                )


def _operation_problems(
    tree: ResolvedDocument,
    operation: Operation,
    kinds: Mapping[str, TaskKind],
    operations: Mapping[str, Operation],
) -> Iterator[tuple[str, str, str]]:
    for response in operation.responses.values():
        for link in response.links:
            if link.operation not in operations:
                yield (
                    link.pointer.removeprefix(operation.pointer),
                    f"the link names an unknown operation '{link.operation}'",
                    suggestion(link.operation, operations),
                )
    if operation.task is None:
        return
    kind = kinds.get(operation.task.kind)
    if kind is None:
        problem = f"unknown kind of task '{operation.task.kind}'"
        remedy = suggestion(operation.task.kind, kinds) if kinds else "Add `x-tasks`"
        yield "/x-task/kind", problem, remedy
        return
    raw = _node(tree, operation)["x-task"]
    for name in raw.get("also", ()):
        if name not in kinds:
            problem = f"unknown kind of task '{name}'"
            yield "/x-task/also", problem, suggestion(name, kinds)
    for key in _STATES_OF:
        for name in raw.get(key, ()):
            if name not in kind.states:
                yield (
                    f"/x-task/{key}",
                    f"unknown state '{name}'",
                    suggestion(name, kind.states),
                )
    for key in _ERRORS_OF:
        if key in raw and raw[key] not in operation.errors:
            yield (
                f"/x-task/{key}",
                f"'{raw[key]}' is not an error of {operation.id}",
                suggestion(raw[key], operation.errors),
            )
    yield from _example_problems(operation, kind)


def _example_problems(
    operation: Operation, kind: TaskKind
) -> Iterator[tuple[str, str, str]]:
    task = operation.task
    body = operation.success.bodies.get("application/json")
    if task is None or body is None:
        return
    place = body.pointer.removeprefix(operation.pointer)
    needed: Iterable[str] = {
        Role.CREATE: ("created",),
        Role.READ: tuple(kind.states),
        Role.LIST: ("page",),
    }.get(task.role, ())
    for name in needed:
        if name not in body.examples:
            yield (
                place,
                f"there is no example '{name}' of a response",
                "Add it under `examples`; the mock fills in its {placeholders}",
            )


def _node(tree: ResolvedDocument, operation: Operation) -> Mapping[str, Any]:
    found: Mapping[str, Any] = tree.root["paths"][operation.path][
        operation.method.lower()
    ]
    return found
