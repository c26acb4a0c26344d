"""Long-running tasks of a document: their states, and the operations on them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from specs.documents.reading.pointers import unescape_pointer
from specs.validation.engine import Schema, compile_validator
from specs.validation.evidence import Evidence

ANY_ITEM = "*"


class Phase(StrEnum):
    """The meaning of a state, whatever a provider calls it."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def is_final(self) -> bool:
        return self not in {Phase.WAITING, Phase.RUNNING}


class Role(StrEnum):
    """The purpose of an operation on tasks."""

    CREATE = "create"
    READ = "read"
    LIST = "list"
    CANCEL = "cancel"
    CONTENT = "content"
    EVENTS = "events"


class TimeUnit(StrEnum):
    """The form of a point in time: seconds or milliseconds since 1970, or ISO 8601."""

    SECONDS = "s"
    MILLISECONDS = "ms"
    ISO = "iso"


@dataclass(frozen=True)
class TaskState:
    """
    A state of a task.

    `schema` is the JSON Schema of the bodies that have this state; None if the name is
    the value at the place of the state.
    """

    name: str
    phase: Phase
    schema: Schema | None = None

    @property
    def is_final(self) -> bool:
        return self.phase.is_final

    @cached_property
    def validator(self) -> Any:
        return compile_validator(True if self.schema is None else self.schema)


@dataclass(frozen=True, slots=True)
class Place:
    """
    A place in the body of a response, as a JSON pointer; `*` is each item of an array.

    `unit` is the form of a point in time. `minimum` and `maximum` bound a progress.
    """

    at: str
    evidence: Evidence
    pointer: str
    unit: TimeUnit = TimeUnit.SECONDS
    minimum: float = 0
    maximum: float = 100

    def values(self, body: Any) -> list[Any]:
        """The values at this place; empty if there are none."""
        return list(values_at(body, self.at))

    def value(self, body: Any) -> Any:
        """The first value at this place, or None."""
        return next(values_at(body, self.at), None)


@dataclass(frozen=True, slots=True)
class TaskId:
    """
    The id of a task: its place in responses, and how the mock makes one.

    `alias` is the request field with an id that the client chose, which reads accept.
    """

    place: Place
    form: str = "{hex:32}"
    alias: str | None = None


@dataclass(frozen=True)
class ResultPlace:
    """
    A place of outputs in the body of a finished task.

    `form` is `url`, `b64_json`, `data_uri`, or `content` for outputs that an operation
    of the role `content` returns. `when` is a schema of the requests that have it.
    `medium` is that of these outputs, where it is not the one of the task.
    """

    place: Place
    form: str
    when: Schema = True
    medium: str | None = None

    def applies_to(self, request: Any) -> bool:
        """True for a request, in canonical names, whose task has outputs here."""
        return bool(self._validator.is_valid(request))

    @cached_property
    def _validator(self) -> Any:
        return compile_validator(self.when)


@dataclass(frozen=True, slots=True)
class Moves:
    """The pairs of states that may follow each other directly."""

    allowed: frozenset[tuple[str, str]]
    evidence: Evidence
    pointer: str

    def after(self, state: str) -> frozenset[str]:
        """The states that may follow a state, directly or later."""
        found: set[str] = set()
        pending = [state]
        while pending:
            current = pending.pop()
            following = {new for old, new in self.allowed if old == current} - found
            found |= following
            pending += following
        return frozenset(found)


@dataclass(frozen=True, slots=True)
class Seconds:
    """A number of seconds that a page states."""

    value: float
    evidence: Evidence
    pointer: str


@dataclass(frozen=True, slots=True)
class Webhook:
    """
    Requests that a provider sends when the state of a task changes.

    * `field`: the field of a request with the URL.
    * `states`: the states that are sent.
    * `events`: the field of a request that selects some of these states.
    * `body`: a template, or None for the part of the read body at `body_from`.
    * `signature`: `standard-webhooks`, or None.
    * `delays`: seconds before each repetition; `retry_on` has `5xx`, `timeout`, ….
    * `retried`: the states that are sent again; None for all.
    """

    field: str
    states: tuple[str, ...]
    evidence: Evidence
    pointer: str
    events: str | None = None
    body: Any = None
    body_from: str = ""
    signature: str | None = None
    delays: tuple[float, ...] = ()
    retry_on: tuple[str, ...] = ()
    retried: tuple[str, ...] | None = None

    def delays_for(self, state: str) -> tuple[float, ...]:
        """The seconds before each repetition of a state; empty if it is sent once."""
        is_repeated = self.retried is None or state in self.retried
        return self.delays if is_repeated else ()


@dataclass(frozen=True)
class TaskKind:
    """
    A kind of task: what all responses about it have in common.

    * `states`: in the words of the document, in its order.
    * `failures`: the code and message of each error with which a task may fail.
    * `result_lifetime`, `task_lifetime`: for how long results and tasks are kept.
    * `state_lifetimes`: for how long tasks are kept once they have a final state.
    * `deadline`: the request field with the number of seconds after the creation at
      which a task that has not ended expires, in canonical names.
    * `poll_interval`: the time between reads that a page recommends.
    """

    name: str
    medium: str
    id: TaskId
    state: Place
    states: Mapping[str, TaskState]
    evidence: Evidence
    pointer: str
    moves: Moves | None = None
    times: Mapping[str, Place] = field(default_factory=dict)
    progress: Place | None = None
    results: tuple[ResultPlace, ...] = ()
    error: Place | None = None
    failures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    result_lifetime: Seconds | None = None
    task_lifetime: Seconds | None = None
    state_lifetimes: Mapping[str, Seconds] = field(default_factory=dict)
    deadline: str | None = None
    poll_interval: Seconds | None = None
    webhook: Webhook | None = None

    def state_of(self, body: Any) -> TaskState | None:
        """The state in the body of a response; None for a body without one."""
        for state in self.states.values():
            if state.schema is not None and state.validator.is_valid(body):
                return state
        value = self.state.value(body)
        return self.states.get(value) if isinstance(value, str) else None

    def first(self, *phases: Phase) -> TaskState | None:
        """The first state of one of the phases, in this order; None if it has none."""
        for phase in phases:
            for state in self.states.values():
                if state.phase is phase:
                    return state
        return None

    def states_in(self, phase: Phase) -> tuple[TaskState, ...]:
        return tuple(each for each in self.states.values() if each.phase is phase)


@dataclass(frozen=True)
class TaskRole:
    """
    The purpose of one operation on the tasks of a kind.

    * `when`: a schema of the requests, in canonical names, that create a task; others
      get the finished task at once.
    * `id`: a path parameter, a template of them, or the JSON pointer of a field of the
      request body; None for the last path parameter.
    * `source`: of a create operation, a path parameter, or the JSON pointer of a field
      of the request body, with the id of the task whose result it begins with.
    * `extends`: true if the new result has that of the source in it, at its beginning.
    * `also`: further kinds of tasks that a list has, or that can be read here.
    * `unknown`, `refused`, `not_ready`, `expired`: names of errors of the operation.
    * `cancels`, `deletes`: the states that a cancel operation ends or removes.
    * `items`: the place of the tasks in a list, each the part `item` of a read body.
    * `page`, `cursor`: the query parameters of pages, by purpose.
    * `filters`: what a query parameter selects by: `state`, `id`, `model`, `kind`, or
      `request.NAME` for a field of the request that created the task.
    * `index`: the parameter that selects an output.
    * `variant`: the query parameter that selects a form of the file; `variants` has the
      media type of the image that is returned for some of its values.
    * `event`, `heartbeat`: the name of events, and the seconds between comments.
    """

    kind: str
    role: Role
    when: Schema = True
    id: str | None = None
    source: str | None = None
    unknown: str = "not_found"
    refused: str = "invalid_request"
    not_ready: str = "invalid_request"
    expired: str = "not_found"
    cancels: tuple[str, ...] = ()
    deletes: tuple[str, ...] = ()
    items: str = ""
    item: str = ""
    page: Mapping[str, str] = field(default_factory=dict)
    cursor: Mapping[str, str] = field(default_factory=dict)
    filters: Mapping[str, str] = field(default_factory=dict)
    index: str | None = None
    variant: str | None = None
    variants: Mapping[str, str] = field(default_factory=dict)
    extends: bool = False
    also: tuple[str, ...] = ()
    event: str | None = None
    heartbeat: float = 15

    @property
    def kinds(self) -> tuple[str, ...]:
        """The names of all kinds of tasks that the operation knows."""
        return (self.kind, *self.also)

    def is_asynchronous(self, request: Any) -> bool:
        """True for a request, in canonical names, whose result comes later."""
        return bool(self._validator.is_valid(request))

    @cached_property
    def _validator(self) -> Any:
        return compile_validator(self.when)


@dataclass(frozen=True, slots=True)
class Link:
    """The parameters that another operation takes from a response."""

    name: str
    operation: str
    parameters: Mapping[str, str]
    pointer: str


def values_at(body: Any, pointer: str) -> Iterator[Any]:
    """
    Yield the values at a JSON pointer.

    The segment `*` is each item of an array, and `*[name=value]` each item whose field
    `name` has that text as its value.
    """
    yield from _values(body, pointer.split("/")[1:])


def _values(node: Any, segments: Sequence[str]) -> Iterator[Any]:
    if not segments:
        yield node
        return
    segment, *rest = segments
    if segment.startswith(ANY_ITEM):
        for item in node if isinstance(node, list) else ():
            if _is_selected(item, segment):
                yield from _values(item, rest)
    elif isinstance(node, dict):
        key = unescape_pointer(segment)
        if key in node:
            yield from _values(node[key], rest)
    elif isinstance(node, list) and segment.isdigit() and int(segment) < len(node):
        yield from _values(node[int(segment)], rest)


def _is_selected(item: Any, segment: str) -> bool:
    name, _, value = segment.removeprefix(ANY_ITEM).strip("[]").partition("=")
    return not name or (isinstance(item, dict) and str(item.get(name, "")) == value)
