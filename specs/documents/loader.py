"""A provider's folder as values: what it promises, and how to speak to it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from specs.documents.references import ResolvedDocument, escape_pointer, read_yaml, walk
from specs.documents.supported import EVENT_STREAM, check_supported
from specs.errors import SpecError
from specs.validation.judge import (
    Evidence,
    Judge,
    Schema,
    compile_validator,
    schema_error,
)
from specs.validation.vocabulary import GUARANTEES, STANDARD_KEYWORDS, subschemas

REQUIRED_ERRORS = ("invalid_request", "unauthenticated", "rate_limited", "server_error")
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


@dataclass(frozen=True, slots=True)
class Source:
    """A page that claims are read from."""

    id: str
    title: str
    url: str
    grade: str
    date: str


@dataclass(frozen=True, slots=True)
class ErrorExample:
    """An entry of the error catalogue: a whole body, and the status it hangs on."""

    name: str
    status: int
    body: Any
    headers: Mapping[str, str]
    evidence: Evidence
    pointer: str


@dataclass(frozen=True)
class Guarantee:
    """What an answer keeps beyond its schema, for the requests that it is about."""

    name: str
    evidence: Evidence
    when: Schema
    pointer: str

    def applies_to(self, request: Any) -> bool:
        """Whether it speaks of a request, given in canonical names with defaults."""
        return bool(self._validator.is_valid(request))

    @cached_property
    def _validator(self) -> Any:
        return compile_validator(self.when)


@dataclass(frozen=True)
class Body:
    """One media type of a request or an answer: its schema, judge and examples."""

    media_type: str
    schema: Schema
    examples: Mapping[str, Any]
    evidence: Evidence
    pointer: str
    open: bool = False

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
        """The documented defaults of the members."""
        return {
            name: member["default"]
            for name, member in self.properties.items()
            if isinstance(member, dict) and "default" in member
        }

    @cached_property
    def assumed_defaults(self) -> Mapping[str, Any]:
        """Defaults that stand in a member's `allOf`, with a basis of their own."""
        return {
            name: part["default"]
            for name, member in self.properties.items()
            if isinstance(member, dict)
            for part in member.get("allOf", [])
            if isinstance(part, dict) and "default" in part
        }

    @cached_property
    def events(self) -> Mapping[str, "Body"]:
        """Of a stream of events: the schema of each, by the type in its data."""
        return dict(self._iter_events())

    def _iter_events(self) -> Iterator[tuple[str, "Body"]]:
        branches = self.schema.get("oneOf", []) if isinstance(self.schema, dict) else []
        for branch in branches:
            evidence = self.evidence.within(branch)
            type_ = branch["properties"]["type"]["const"]
            yield (
                type_,
                Body("application/json", branch, {}, evidence, self.pointer, open=True),
            )


@dataclass(frozen=True, slots=True)
class Response:
    """What may come back with one status; `status` is as written: `200`, `4XX`."""

    status: str
    bodies: Mapping[str, Body]
    headers: Mapping[str, Any]
    guarantees: tuple[Guarantee, ...]
    evidence: Evidence
    pointer: str

    @property
    def is_success(self) -> bool:
        return self.status.startswith("2")


@dataclass(frozen=True)
class Operation:
    """A method and a path, with all that may be asked and answered there."""

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

    @cached_property
    def success(self) -> Response:
        return next(each for each in self.responses.values() if each.is_success)

    @cached_property
    def guarantees(self) -> tuple[Guarantee, ...]:
        return tuple(g for each in self.responses.values() for g in each.guarantees)

    @property
    def supports_streaming(self) -> bool:
        return EVENT_STREAM in self.success.bodies

    def response_for(self, status: int) -> Response | None:
        """The declared answer for a status: exact, then `4XX`, then `default`."""
        for name in (str(status), f"{status // 100}XX", "default"):
            if name in self.responses:
                return self.responses[name]
        return None


@dataclass(frozen=True)
class Dialect:
    """How we speak to a provider: `dialect.yaml`, whose schema ships beside it."""

    title: str
    base_url: str
    key_env: str
    model: str
    delivery: tuple[Mapping[str, Any], ...]
    fields: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    key: Mapping[str, Any] = field(default_factory=dict)
    clients: Mapping[str, Any] = field(default_factory=dict)
    url_lifetime: Mapping[str, Any] = field(default_factory=dict)
    prices: Mapping[str, Any] = field(default_factory=dict)
    usage: Mapping[str, Any] = field(default_factory=dict)
    mock: Mapping[str, Any] = field(default_factory=dict)
    homepage: str = ""
    note: str = ""

    def wire_names(self, operation: str, canonical: str) -> tuple[str, ...]:
        """The provider's names for a canonical field, the preferred one first."""
        return self.fields.get(operation, {}).get(canonical, (canonical,))

    def with_canonical_names(
        self, operation: str, payload: Mapping[str, Any]
    ) -> dict[str, Any]:
        """A payload under canonical names; what has none keeps its own."""
        renamed = dict(payload)
        for canonical, names in self.fields.get(operation, {}).items():
            given = [name for name in names if name in payload]
            for name in given:
                renamed.pop(name, None)
            if given:
                renamed[canonical] = payload[given[0]]
        return renamed

    def delivery_for(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """The delivery entry that decides for a request in canonical names."""
        for entry, when in self._delivery_rules:
            if when is None or when.is_valid(request):
                return entry
        return self.delivery[-1]

    @cached_property
    def price_list(self) -> tuple[tuple[str, Mapping[str, Any], Any], ...]:
        """Every price: by what it is, the entry, and what judges whether it holds."""
        return tuple(
            (kind, entry, compile_validator(entry["when"]) if "when" in entry else None)
            for kind in ("per_image", "per_million_tokens")
            for entry in self.prices.get(kind, ())
        )

    @cached_property
    def _delivery_rules(self) -> tuple[tuple[Mapping[str, Any], Any], ...]:
        return tuple(
            (entry, compile_validator(entry["when"]) if "when" in entry else None)
            for entry in self.delivery
        )


@dataclass(frozen=True, eq=False)
class Provider:
    """A gateway with a folder under `specs/`; itself and no other, once loaded."""

    id: str
    dialect: Dialect
    operations: Mapping[str, Operation]
    document: Mapping[str, Any]
    sources: Mapping[str, Source]
    file: str
    version: str = ""
    pointer_of: Callable[[Any], str] = field(default=lambda node: "", repr=False)

    @property
    def title(self) -> str:
        return self.dialect.title

    @cached_property
    def base_path(self) -> str:
        """The path of the documented server URL: `/v1`, `/api/v1`."""
        return urlsplit(str(self.document["servers"][0]["url"])).path.rstrip("/")

    def source(self, reference: str) -> Source | None:
        return self.sources.get(reference.partition("#")[0])


def roots(*more: str | Path) -> tuple[Traversable, ...]:
    """The folders that hold providers' folders; ours comes first."""
    return (files("specs"), *(Path(each) for each in more))


def names(*more: str | Path) -> tuple[str, ...]:
    """The ids of all providers, ours and those under the folders given."""
    found: dict[str, None] = {}
    for root in roots(*more):
        if not root.is_dir():
            raise SpecError(
                str(root), "", "is not a folder", "Name a folder of providers"
            )
        for each in sorted(root.iterdir(), key=lambda entry: entry.name):
            if each.is_dir() and (each / "openapi.yaml").is_file():
                found[each.name] = None
    return tuple(found)


def load(name: str, *more: str | Path) -> Provider:
    """
    The provider of that id, understood whole.

    `more` are folders of further providers; a folder there hides ours of the same id.
    Raises `SpecError` when the folder is missing or anything in it is not understood.
    """
    for root in reversed(roots(*more)):
        folder = root / name
        if (folder / "openapi.yaml").is_file():
            return _load_folder(name, root, folder)
    known = ", ".join(names(*more))
    raise SpecError(
        name, "", "is not a provider we know", f"Known are: {known}; see --specs"
    )


def load_all(ids: Sequence[str], *more: str | Path) -> list[Provider]:
    """
    The providers of these ids, each once; all providers when there are no ids.

    Raises `SpecError` as `load` does.
    """
    return [load(each, *more) for each in dict.fromkeys(ids) or names(*more)]


def _load_folder(name: str, root: Traversable, folder: Traversable) -> Provider:
    raw = read_yaml(folder, "dialect.yaml")
    _validate_dialect(str(folder / "dialect.yaml"), raw)
    sources = _load_sources(root, raw)
    _check_sources(str(folder / "dialect.yaml"), raw, "source", sources)
    document = read_yaml(folder, "openapi.yaml")
    tree = ResolvedDocument(str(folder / "openapi.yaml"), document)
    _check_sources(tree.file, document, "x-source", sources)
    for pointer, node in walk(document):
        if "x-contradicts" in node:
            said, place = node["x-contradicts"], f"{pointer}/x-contradicts"
            _check_sources(tree.file, said, "source", sources, place)
    operations = _Builder(tree).operations()
    dialect = _build_dialect(raw)
    server = tree.root.get("servers", [{}])[0].get("url", "")
    if server.rstrip("/") != dialect.base_url.rstrip("/"):
        raise tree.error(
            "/servers/0/url",
            f"'{server}' is not the dialect's live base URL '{dialect.base_url}'",
            "Write the same address in both",
        )
    return Provider(
        id=name,
        dialect=dialect,
        operations=operations,
        document=document,
        sources=sources,
        file=str(folder / "openapi.yaml"),
        version=str(tree.root["info"]["version"]),
        pointer_of=tree.pointer_of,
    )


def _load_sources(root: Traversable, dialect: Mapping[str, Any]) -> dict[str, Source]:
    raw = dict(_read_builtin("sources.yaml"))
    if root != files("specs") and (root / "sources.yaml").is_file():
        raw.update(read_yaml(root, "sources.yaml"))
    raw.update(dialect.get("sources", {}))
    return {
        id_: Source(
            id_,
            title=str(each.get("title", id_)),
            url=str(each.get("url", "")),
            grade=str(each.get("grade", "")),
            date=str(each.get("date", "")),
        )
        for id_, each in raw.items()
    }


@cache
def _read_builtin(name: str) -> Any:
    """One of our own files, of which every folder needs the same."""
    return read_yaml(files("specs"), name)


@cache
def _builtin_validator(name: str) -> Any:
    """One of our own schemas, ready to be asked."""
    return compile_validator(read_yaml(files("specs.documents"), name))


def _validate_dialect(file: str, raw: Any) -> None:
    for error in _builtin_validator("dialect.schema.yaml").iter_errors(raw):
        pointer = "".join(f"/{step}" for step in error.instance_path)
        raise SpecError(
            file,
            pointer,
            error.message[:300],
            "See specs/documents/dialect.schema.yaml",
        )


def _check_sources(
    file: str,
    tree: Any,
    key: str,
    sources: Mapping[str, Source],
    base_pointer: str = "",
) -> None:
    for pointer, node in walk(tree, base_pointer):
        source = node.get(key)
        if pointer.startswith("/fields") or source is None or isinstance(source, dict):
            continue  # a member or a field of that name
        if str(source).partition("#")[0] not in sources:
            raise SpecError(
                file, pointer, f"unknown source '{source}'", "List it in sources.yaml"
            )


def _build_dialect(raw: Mapping[str, Any]) -> Dialect:
    renamed = {
        operation: {
            canonical: (each,) if isinstance(each, str) else tuple(each)
            for canonical, each in fields.items()
        }
        for operation, fields in raw.get("fields", {}).items()
    }
    optional = (
        *("key", "clients", "url_lifetime", "prices", "usage", "mock"),
        *("homepage", "note"),
    )
    return Dialect(
        title=raw["title"],
        base_url=raw["live"]["base_url"],
        key_env=raw["live"]["key_env"],
        model=raw["model"],
        delivery=tuple(raw["delivery"]),
        fields=renamed,
        **{name: raw[name] for name in optional if name in raw},
    )


class _Builder:
    """Operations from a tree, each part with the evidence it carries or inherits."""

    def __init__(self, tree: ResolvedDocument) -> None:
        self.tree = tree

    def operations(self) -> dict[str, Operation]:
        root = self.tree.root
        for name in ("info", "servers", "paths"):
            if not root.get(name):
                raise self.tree.error(
                    f"/{name}", f"'{name}' is missing", "An OpenAPI 3.1 document has it"
                )
        for error in _builtin_validator("document.schema.yaml").iter_errors(root):
            place = self._pointer_at(root, error.instance_path)
            raise self.tree.error(
                place, error.message[:300], "See specs/documents/document.schema.yaml"
            )
        evidence = Evidence().within(root)
        found: dict[str, Operation] = {}
        for path, item in root["paths"].items():
            for method in METHODS:
                if method in item:
                    each = self._operation(method, path, item[method], evidence)
                    if each.id in found:
                        raise self._error(item[method], f"'{each.id}' stands twice", "")
                    found[each.id] = each
        if not found:
            raise self.tree.error("/paths", "no operation", "Describe one: createImage")
        return found

    def _operation(
        self, method: str, path: str, node: Mapping[str, Any], evidence: Evidence
    ) -> Operation:
        if "operationId" not in node:
            raise self._error(node, "has no operationId", "Name it: createImage, …")
        evidence = evidence.within(node)
        if not evidence.source:
            raise self._error(node, "has no x-source", "Say where it was read")
        responses = {
            status: self._response(status, each, evidence)
            for status, each in node.get("responses", {}).items()
        }
        if not any(each.is_success for each in responses.values()):
            raise self._error(node, "declares no success", "Add a '200' response")
        check_supported(self.tree, path, method)
        request = node.get("requestBody", {})
        request_evidence = evidence.within(request)
        operation = Operation(
            id=node["operationId"],
            method=method.upper(),
            path=path,
            bodies={
                media: self._body(media, each, request_evidence)
                for media, each in request.get("content", {}).items()
            },
            responses=responses,
            errors=self._errors(node, evidence),
            evidence=evidence,
            authentication=self._security(node, evidence),
            pointer=self.tree.pointer_of(node),
            note=node.get("x-note", ""),
            mentions=tuple(node.get("x-mentions", ())),
        )
        for name in REQUIRED_ERRORS:
            if name not in operation.errors:
                raise self._error(
                    node,
                    f"the error '{name}' is missing",
                    f"Add an example '{name}' to one of its responses",
                )
        answers = (each.bodies.values() for each in responses.values())
        for body in chain(operation.bodies.values(), *answers):
            self._check_schema(body.schema, operation)
        return operation

    def _security(self, node: Mapping[str, Any], evidence: Evidence) -> Evidence | None:
        required = node.get("security", self.tree.root.get("security", []))
        schemes = self.tree.root.get("components", {}).get("securitySchemes", {})
        for each in required:
            for name in each:
                if name not in schemes:
                    raise self._error(
                        node, f"unknown security scheme '{name}'", "Define it"
                    )
                return evidence.within(schemes[name])
        return None

    def _response(
        self, status: str, node: Mapping[str, Any], evidence: Evidence
    ) -> Response:
        evidence = evidence.within(node)
        return Response(
            status=status,
            bodies={
                media: self._body(media, each, evidence, open=True)
                for media, each in node.get("content", {}).items()
            },
            headers=node.get("headers", {}),
            guarantees=tuple(
                self._guarantee(each, evidence) for each in node.get("x-guarantees", [])
            ),
            evidence=evidence,
            pointer=self.tree.pointer_of(node),
        )

    def _guarantee(self, node: Mapping[str, Any], evidence: Evidence) -> Guarantee:
        if node.get("name") not in GUARANTEES:
            raise self._error(
                node,
                f"unknown guarantee '{node.get('name')}'",
                f"Known are: {', '.join(GUARANTEES)}",
            )
        return Guarantee(
            name=node["name"],
            evidence=evidence.within(node),
            when=node.get("if", True),
            pointer=self.tree.pointer_of(node),
        )

    def _body(
        self,
        media: str,
        node: Mapping[str, Any],
        evidence: Evidence,
        *,
        open: bool = False,
    ) -> Body:
        evidence = evidence.within(node)
        schema = node.get("schema", True)
        examples = {
            name: each.get("value") for name, each in node.get("examples", {}).items()
        }
        return Body(
            media_type=media,
            schema=schema,
            examples=examples,
            evidence=evidence if isinstance(schema, bool) else evidence.within(schema),
            pointer=self.tree.pointer_of(node),
            open=open,
        )

    def _errors(
        self, node: Mapping[str, Any], evidence: Evidence
    ) -> dict[str, ErrorExample]:
        found: dict[str, ErrorExample] = {}
        for status, response in node.get("responses", {}).items():
            if status.startswith("2"):
                continue
            headers = {
                name: str(each["example"])
                for name, each in response.get("headers", {}).items()
                if "example" in each
            }
            above = evidence.within(response)
            content = response.get("content", {}).get("application/json", {})
            for name, example in content.get("examples", {}).items():
                if not status.isdigit():
                    raise self._error(
                        example, f"'{name}' hangs on '{status}'", "Give it one status"
                    )
                if name in found:
                    raise self._error(example, f"'{name}' stands twice", "Rename one")
                found[name] = ErrorExample(
                    name=name,
                    status=int(status),
                    body=example["value"],
                    headers=headers,
                    evidence=above.within(example),
                    pointer=self.tree.pointer_of(example),
                )
        return found

    def _check_schema(self, schema: Schema, operation: Operation) -> None:
        """Refuses what is no schema, and what a misspelling would hide."""
        if fault := schema_error(schema):
            path, problem = fault
            raise self.tree.error(
                self._pointer_at(schema, path), problem, "Mend the schema"
            )
        self._check_keywords(schema, operation, set())

    def _pointer_at(self, node: Any, path: Sequence[str | int]) -> str:
        """The pointer of a part of a node, as authored."""
        place = self.tree.pointer_of(node)
        for step in path:
            node = node[
                step if isinstance(node, list) else str(step)
            ]  # "200" comes as 200
            place = self.tree.pointer_of(node) or f"{place}/{escape_pointer(step)}"
        return place

    def _check_keywords(self, node: Any, operation: Operation, rules: set[str]) -> None:
        if not isinstance(node, dict):
            return
        for word in node:
            if not word.startswith("x-") and word not in STANDARD_KEYWORDS:
                raise self._error(
                    node, f"unknown word '{word}'", "Mend its spelling, or take it out"
                )
        error = node.get("x-error", "invalid_request")
        if error not in operation.errors:
            raise self._error(
                node,
                f"x-error '{error}' is not in the catalogue of {operation.id}",
                f"Known are: {', '.join(operation.errors)}",
            )
        rule = node.get("x-rule")
        if rule and rule in rules:
            raise self._error(node, f"the rule '{rule}' stands twice", "Rename one")
        if rule:
            rules.add(rule)
        if node.get("additionalProperties") not in (None, True, False):
            raise self._error(
                node, "additionalProperties is a schema", "Write true or false"
            )
        for each in subschemas(node):
            self._check_keywords(each, operation, rules)

    def _error(self, node: Any, problem: str, remedy: str) -> SpecError:
        return self.tree.error(self.tree.pointer_of(node), problem, remedy)
