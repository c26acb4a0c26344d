"""A client of long-running tasks, generic over the kinds of tasks of all documents."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from support.http import KEY, Answer, ask

import specs
from specs import JSON, KeyPlace, Operation, Phase, Provider, Role, TaskKind
from specs.documents.tasks import ResultPlace

PROVIDERS = tuple(each for each in specs.load_all(()) if each.tasks)
NOON = "2026-05-04T12:00:00Z"
AT_NOON = 1_777_896_000.0


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind of tasks, with the provider that has it."""

    provider: Provider
    kind: TaskKind

    def operations(self, role: Role) -> tuple[Operation, ...]:
        return self.provider.operations_on(self.kind.name, role)

    @property
    def create(self) -> Operation:
        return self.operations(Role.CREATE)[0]

    def requests(self, operation: Operation | None = None) -> Iterator[tuple[str, Any]]:
        """Yield name and payload of the documented requests that create a task."""
        operation = operation or self.create
        for name, payload in operation.bodies[JSON].examples.items():
            if self.is_asynchronous(operation, payload):
                yield name, payload

    def is_asynchronous(self, operation: Operation, payload: Any) -> bool:
        canonical = self.provider.canonical_request(operation.id, JSON, payload)
        return operation.task.is_asynchronous(canonical)

    def request(self, operation: Operation | None = None) -> Any:
        """The first documented request that creates a task, by an operation."""
        return next(self.requests(operation))[1]

    @property
    def urls(self) -> list[ResultPlace]:
        """The places of URLs of results."""
        forms = {"url", "content"}
        return [
            each for each in self.kind.results if each.form in forms and each.place.at
        ]

    @property
    def first_phase(self) -> Phase:
        """The phase of a new task."""
        return self.phase_of(Phase.WAITING, Phase.RUNNING)

    def phase_of(self, *phases: Phase) -> Phase:
        """The first of these phases that the document has a state for."""
        found = self.kind.first(*phases)
        assert found is not None
        return found.phase

    def prompted(self, marker: str) -> Any:
        """The request with a marker in its longest text."""
        payload = self.request()
        prompt = max(_texts(payload), key=len)
        return json.loads(
            json.dumps(payload).replace(
                json.dumps(prompt)[1:-1], json.dumps(f"{prompt} {marker}")[1:-1]
            )
        )

    def state(self, phase: Phase) -> str:
        """The first state of a phase, which the document must have."""
        found = self.kind.first(phase)
        assert found is not None, f"{self.kind.name} has no state that means {phase}"
        return found.name


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str) and " " in value:
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


KINDS = [
    Kind(provider, kind) for provider in PROVIDERS for kind in provider.tasks.values()
]


def kinds_with(
    *roles: Role, where: Callable[[Kind], object] = lambda of: True
) -> list[Any]:
    """
    The parameters of a test for the kinds that have operations of these roles.

    `where` selects those whose documents have what is tested.
    """
    return [
        pytest.param(each, id=f"{each.provider.id}-{each.kind.name}")
        for each in KINDS
        if all(each.operations(role) for role in roles) and where(each)
    ]


def operations_with(
    role: Role, where: Callable[[Kind, Operation], object] = lambda of, operation: True
) -> list[Any]:
    """
    The parameters of a test for the operations of a role, with their kinds.

    `where` selects those that have what is tested.
    """
    return [
        pytest.param(kind, operation, id=f"{kind.provider.id}-{operation.id}")
        for kind in KINDS
        for operation in kind.operations(role)
        if where(kind, operation)
    ]


def operations_in_phases(
    role: Role, where: Callable[[Kind, Operation, Phase], object]
) -> list[Any]:
    """As `operations_with`, with each phase in which a task can be."""
    return [
        pytest.param(
            kind, operation, phase, id=f"{kind.provider.id}-{operation.id}-{phase}"
        )
        for phase in Phase
        for kind in KINDS
        for operation in kind.operations(role)
        if kind.kind.first(phase) and where(kind, operation, phase)
    ]


@dataclass(frozen=True)
class Tasks:
    """Requests about tasks of one kind, to a running server, with one key."""

    running: Any
    of: Kind
    key: str = KEY
    namespace: str = ""

    def send(
        self, operation: Operation, id: str = "", body: Any = None, **more: Any
    ) -> Answer:
        """A request to an operation; `query` has parameters, and others are headers."""
        headers = dict(more)
        query = {**_required_query(operation), **headers.pop("query", {})}
        index = operation.task and operation.task.index
        output = headers.pop("output", "")
        path, values = self.of.provider.full_path(operation), {}
        place = operation.task and operation.task.id
        if place is not None and place.startswith("/"):
            body = with_value(body or {}, place, id)
        elif place is not None and "{" in place:
            values = _matched(place, id)
        elif id and operation.path_parameters:
            name = place or operation.path_parameters[-1]
            values = {name: id}
        if index is not None and index not in operation.path_parameters and output:
            query[index] = output
        elif index is not None:
            values[index] = output or "0"
        for name in operation.path_parameters:
            value = values.get(name, "gpt-image-2")
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        scheme = next(iter(operation.key_schemes), None)
        key: str | None = self.key
        if scheme is not None and scheme.place is KeyPlace.HEADER:
            headers[scheme.name.replace("-", "_")], key = self.key, None
        elif scheme is not None and scheme.place is KeyPlace.QUERY:
            query[scheme.name], key = self.key, None
        if self.namespace:
            headers["X_Mock_Namespace"] = self.namespace
        text = f"?{urlencode(query, doseq=True)}" if query else ""
        url = f"{self.running.url}/{self.of.provider.id}{path}{text}"
        return ask(url, method=operation.method, body=body, key=key, **headers)

    def create(self, payload: Any = None, **headers: Any) -> Answer:
        payload = self.of.request() if payload is None else payload
        return self.send(self.of.create, body=payload, **headers)

    def created(self, payload: Any = None, **headers: Any) -> str:
        """The id of a new task."""
        answer = self.create(payload, **headers)
        assert answer.status == int(self.of.create.success.status), answer.body
        return self.id_in(answer.json)

    def id_in(self, body: Any) -> str:
        id = self.of.kind.id.place.value(body)
        assert isinstance(id, str), body
        return id

    def read(self, id: str, **headers: Any) -> Answer:
        return self.send(self.of.operations(Role.READ)[0], id, **headers)

    def body(self, id: str) -> Any:
        """The body of a read, which the document's schema accepts."""
        answer = self.read(id)
        operation = self.of.operations(Role.READ)[0]
        assert answer.status == int(operation.success.status), answer.body
        assert_valid(operation, answer.json)
        assert self.id_in(answer.json) == id
        return answer.json

    def state(self, id: str) -> str:
        """The state that a read shows."""
        return self.state_in(self.body(id))

    def state_in(self, body: Any) -> str:
        found = self.of.kind.state_of(body)
        assert found is not None, body
        return found.name

    def phase(self, id: str) -> Phase:
        return self.of.kind.states[self.state(id)].phase


def assert_valid(operation: Operation, body: Any) -> None:
    """Fail for a body that the schema of the success does not accept."""
    judge = operation.success.bodies[JSON].judge
    assert judge.is_valid(body), [str(each) for each in judge.violations(body)]


def assert_error(operation: Operation, name: str, answer: Answer) -> None:
    """Fail for a response that is not the documented error of that name."""
    expected = operation.errors[name]
    assert answer.status == expected.status, answer.body
    assert _shape(answer.json) == _shape(expected.body)


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shape(each) for name, each in value.items()}
    return [_shape(each) for each in value] if isinstance(value, list) else "value"


def _required_query(operation: Operation) -> dict[str, Any]:
    """The only values of query parameters that a document requires."""
    query = operation.parameters.get("query")
    required = query.schema.get("required", ()) if query else ()
    return {name: query.properties[name]["enum"][0] for name in required}


def with_value(body: Any, pointer: str, value: str) -> Any:
    """A copy of a body with a value at a JSON pointer."""
    first, *rest = pointer.split("/")[1:]
    inner = (
        with_value(body.get(first, {}), "/" + "/".join(rest), value) if rest else value
    )
    return {**body, first: inner}


def _matched(template: str, id: str) -> dict[str, str]:
    pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(template))
    match = re.fullmatch(pattern, id)
    if match is None:  # an id that no task has
        return dict.fromkeys(re.findall(r"\{(\w+)\}", template), id)
    return match.groupdict()
