"""A provider document as values: operations, bodies, errors, guarantees."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

from specs.documents.dialect import Dialect
from specs.documents.events import event_kinds
from specs.documents.guarantee import Guarantee
from specs.documents.layout import ResponseLayout, response_layout
from specs.documents.media_types import EVENT_STREAM, JSON
from specs.documents.models import ModelsAction, ModelsRole
from specs.documents.reading.dates import NO_DATES, DocumentDates, split_id
from specs.documents.reading.references import walk
from specs.documents.reading.sources import Source
from specs.documents.security import KeyScheme
from specs.documents.tasks import Link, Role, TaskKind, TaskRole
from specs.validation.engine import Schema
from specs.validation.evidence import Evidence
from specs.validation.judge import Judge


@dataclass(frozen=True, slots=True)
class ErrorExample:
    """
    A named error response: its status, its complete body and its headers.

    A body of the media type `text/plain` is a text.
    """

    name: str
    status: int
    body: Any
    headers: Mapping[str, str]
    evidence: Evidence
    pointer: str
    media_type: str = JSON


@dataclass(frozen=True)
class Body:
    """
    One media type of a request or response: its schema, judge and examples.

    `refusal` is the schema of a success without an image, or of an event in it; None
    if the document describes none.
    """

    media_type: str
    schema: Schema
    examples: Mapping[str, Any]
    evidence: Evidence
    pointer: str
    open: bool = False
    refusal: Mapping[str, Any] | None = None

    @cached_property
    def judge(self) -> Judge:
        return Judge(self.schema, evidence=self.evidence, open=self.open)

    @cached_property
    def properties(self) -> Mapping[str, Any]:
        return (
            self.schema.get("properties", {}) if isinstance(self.schema, dict) else {}
        )

    @cached_property
    def defaults(self) -> Mapping[str, Any]:
        """The documented defaults by field name."""
        return {
            name: member["default"]
            for name, member in self.properties.items()
            if isinstance(member, dict) and "default" in member
        }

    @cached_property
    def assumed_defaults(self) -> Mapping[str, Any]:
        """Defaults with a basis of their own, from `allOf` of a field."""
        return {
            name: part["default"]
            for name, member in self.properties.items()
            if isinstance(member, dict)
            for part in member.get("allOf", [])
            if isinstance(part, dict) and "default" in part
        }

    @cached_property
    def events(self) -> Mapping[str, "Body"]:
        """The bodies of the events of a stream, by the names of their kinds."""
        return {
            kind.name: Body(
                JSON,
                kind.schema,
                {},
                self.evidence.within(kind.schema),
                self.pointer,
                open=True,
            )
            for kind in event_kinds(self.schema)
        }


@dataclass(frozen=True, slots=True)
class Response:
    """The response for one status, written as in the document: `200`, `4XX`."""

    status: str
    bodies: Mapping[str, Body]
    headers: Mapping[str, Any]
    guarantees: tuple[Guarantee, ...]
    evidence: Evidence
    pointer: str
    links: tuple[Link, ...] = ()

    @property
    def is_success(self) -> bool:
        return self.status.startswith("2")


@dataclass(frozen=True)
class Operation:
    """
    A method and a path with request bodies, responses and errors.

    * `key_schemes`: the ways to send the API key: a request has one of them. Empty,
      with `authentication` None, if no key is needed.
    * `parameters`: by place (`path`, `query`, `header`), the object of all parameters
      there, as a body.
    * `medium`: the medium of its results.
    * `task`: what it does with long-running tasks, or None.
    * `models`: what it does with the models of the provider, or None.
    * `server_url`: its own server, where it has another one than its document.
    * `document_path`: the path of the server URL of the document.
    """

    id: str
    method: str
    path: str
    bodies: Mapping[str, Body]
    responses: Mapping[str, Response]
    errors: Mapping[str, ErrorExample]
    evidence: Evidence
    authentication: Evidence | None
    pointer: str
    note: str = ""
    mentions: tuple[str, ...] = ()
    key_schemes: tuple[KeyScheme, ...] = ()
    parameters: Mapping[str, Body] = field(default_factory=dict)
    medium: str = "image"
    task: TaskRole | None = None
    models: ModelsRole | None = None
    server_url: str = ""
    document_path: str = ""
    is_deprecated: bool = False

    @property
    def creates(self) -> bool:
        """True if its responses have, or will have, new results."""
        if self.models is not None:
            return False
        return self.task is None or self.task.role is Role.CREATE

    @property
    def answers_at_once(self) -> bool:
        """True if its responses, and not those about a task, have the new results."""
        return self.task is None and self.models is None

    @property
    def has_template(self) -> bool:
        return "{" in self.path

    @cached_property
    def path_pattern(self) -> re.Pattern[str]:
        """A pattern of its paths; the groups are its path parameters, in order."""
        parts = _PARAMETER.split(self.path)
        return re.compile("([^/]+)".join(re.escape(each) for each in parts))

    @cached_property
    def path_parameters(self) -> tuple[str, ...]:
        """The names in its path, in order."""
        return tuple(each[1:-1] for each in _PARAMETER.findall(self.path))

    @cached_property
    def required_query(self) -> tuple[str, ...]:
        """The query parameters that are required, on any basis."""
        query = self.parameters.get("query")
        schema = query.schema if query and isinstance(query.schema, dict) else {}
        parts = (schema, *schema.get("allOf", ()))
        return tuple(name for each in parts for name in each.get("required", ()))

    @cached_property
    def success(self) -> Response:
        return next(each for each in self.responses.values() if each.is_success)

    @cached_property
    def guarantees(self) -> tuple[Guarantee, ...]:
        return tuple(g for each in self.responses.values() for g in each.guarantees)

    @property
    def supports_streaming(self) -> bool:
        return EVENT_STREAM in self.success.bodies

    @property
    def only_streams(self) -> bool:
        """True if each success is a stream of events, whatever a request asks for."""
        return self.task is None and set(self.success.bodies) == {EVENT_STREAM}

    @cached_property
    def layout(self) -> ResponseLayout:
        """The places of images in its success responses."""
        body = self.success.bodies.get(JSON)
        stream = self.success.bodies.get(EVENT_STREAM)
        return response_layout(
            body.examples if body and self.answers_at_once else {},
            stream.examples if stream else {},
            stream.schema if stream else True,
            [each.refusal for each in (body, stream) if each and each.refusal],
        )

    def response_for(self, status: int) -> Response | None:
        """The declared response of a status, else of `4XX`, else `default`, or None."""
        for name in (str(status), f"{status // 100}XX", "default"):
            if name in self.responses:
                return self.responses[name]
        return None


_PARAMETER = re.compile(r"\{[^}/]+\}")


@dataclass(frozen=True, eq=False)
class Provider:
    """
    A loaded folder of a provider. Equal only to itself.

    `all_operations` are those of the document. `operations` are those among them that
    create results, at once or by a task, and `task_operations` others on tasks. `tasks`
    are the kinds of tasks by name. `sha256` is the hash of its two files. `in_force` is
    the `document` as of `day`, which is empty for a document without `dates`; `places`
    are the pointers of its parts in the file.
    """

    id: str
    dialect: Dialect
    all_operations: Mapping[str, Operation]
    document: Mapping[str, Any]
    sources: Mapping[str, Source]
    file: str
    version: str = ""
    pointer_of: Callable[[Any], str] = field(default=lambda node: "", repr=False)
    tasks: Mapping[str, TaskKind] = field(default_factory=dict)
    sha256: str = ""
    day: str = ""
    dates: DocumentDates = NO_DATES
    in_force: Mapping[str, Any] = field(default_factory=dict, repr=False)
    places: Mapping[int, str] = field(default_factory=dict, repr=False)

    @property
    def undated_id(self) -> str:
        """The id without a day: the name of its folder."""
        return split_id(self.id)[0]

    def nodes(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield mappings of the document in force, with their places in its file."""
        for pointer, node in walk(self.in_force):
            yield self.places.get(id(node), pointer), node

    @cached_property
    def operations(self) -> Mapping[str, Operation]:
        return {
            name: each for name, each in self.all_operations.items() if each.creates
        }

    @cached_property
    def task_operations(self) -> Mapping[str, Operation]:
        return {
            name: each
            for name, each in self.all_operations.items()
            if not each.creates and each.task is not None
        }

    @property
    def any_operation(self) -> Operation:
        """The first operation of the document, whose errors stand for all."""
        return next(iter(self.all_operations.values()))

    def operation_on_models(self, action: ModelsAction) -> Operation | None:
        """The first operation that lists models, or reads one; None without any."""
        operations = self.all_operations.values()
        found = (each for each in operations if each.models is not None)
        return next((e for e in found if e.models and e.models.action is action), None)

    def operations_on(self, kind: str, role: Role) -> tuple[Operation, ...]:
        """The operations of a role on a kind of tasks, in document order."""
        return tuple(
            each
            for each in self.all_operations.values()
            if each.task is not None
            and (each.task.kind, each.task.role) == (kind, role)
        )

    @property
    def title(self) -> str:
        """Its usual name, with the day that its id names: `Mine as of 2026-08-21`."""
        day = split_id(self.id)[1]
        return f"{self.dialect.title} as of {day}" if day else self.dialect.title

    @property
    def dated_title(self) -> str:
        """Its title with the day of its document: `My gateway as of 2026-12-01`."""
        return f"{self.dialect.title} as of {self.day}" if self.day else self.title

    @cached_property
    def base_path(self) -> str:
        """The path of the documented server URL: `/v1`, `/api/v1`."""
        return urlsplit(str(self.document["servers"][0]["url"])).path.rstrip("/")

    def full_path(self, operation: Operation) -> str:
        """The path of an operation with the path of its server URL."""
        if not operation.server_url:
            return f"{self.base_path}{operation.path}"
        return f"{urlsplit(operation.server_url).path.rstrip('/')}{operation.path}"

    def matching(self, path: str) -> Iterator[tuple[Operation, dict[str, str]]]:
        """
        Yield the operations that a path is for, with the values of its parameters.

        `path` begins with the base path. An operation whose path has no parameters
        comes before those that have some.
        """
        for operation, pattern in self._patterns:
            match = pattern.fullmatch(path)
            if match is not None:
                names = operation.path_parameters
                yield operation, dict(zip(names, match.groups(), strict=True))

    @cached_property
    def _patterns(self) -> tuple[tuple[Operation, re.Pattern[str]], ...]:
        found = []
        for operation in self.all_operations.values():
            base = self.full_path(operation).removesuffix(operation.path)
            pattern = re.compile(re.escape(base) + operation.path_pattern.pattern)
            found.append((operation, pattern))
        return tuple(sorted(found, key=lambda each: each[0].path.count("{")))

    @cached_property
    def key_schemes(self) -> tuple[KeyScheme, ...]:
        """The ways to send the API key: those of all operations, the first first."""
        found = (each.key_schemes for each in self.all_operations.values())
        return tuple(dict.fromkeys(chain.from_iterable(found)))

    def canonical_request(
        self,
        operation: str,
        media_type: str | None,
        payload: Mapping[str, Any],
        *,
        include_assumed: bool = False,
    ) -> dict[str, Any]:
        """
        The fields of a payload under canonical names, with documented defaults.

        A default stands in for a field that is absent or null. With `include_assumed`
        so do defaults that no page states. `stream` is true where each success is a
        stream. Empty where the operation takes no such media type.
        """
        body = self.all_operations[operation].bodies.get(media_type or "")
        if body is None:
            return {}
        defaults = {
            **(body.assumed_defaults if include_assumed else {}),
            **body.defaults,
        }
        given = {name: value for name, value in payload.items() if value is not None}
        canonical = self.dialect.with_canonical_names(operation, given)
        renamed = self.dialect.with_canonical_names(operation, defaults)
        for name, value in renamed.items():
            if value is not None:
                canonical.setdefault(name, value)
        if self.all_operations[operation].only_streams:
            canonical["stream"] = True
        return canonical

    def source(self, reference: str) -> Source | None:
        """The page of a reference such as `S4#size`; None if it is unknown."""
        return self.sources.get(reference.partition("#")[0])
