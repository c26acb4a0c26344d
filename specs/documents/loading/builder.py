"""Build operations from a document; each part states or inherits its evidence."""

import copy
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

from specs.documents.condition import Condition
from specs.documents.guarantee import Guarantee
from specs.documents.layout import is_template
from specs.documents.loading.supported import (
    check_supported,
    medium_of,
    operation_id_line,
)
from specs.documents.loading.task_builder import task_role
from specs.documents.model import Body, ErrorExample, Operation, Response
from specs.documents.models import models_role
from specs.documents.parameters import parameter_objects, server_url
from specs.documents.reading.pointers import escape_pointer
from specs.documents.reading.problems import remove_part
from specs.documents.reading.references import (
    ResolvedDocument,
    close_words,
    did_you_mean,
    suggestion,
)
from specs.documents.reading.schema_errors import (
    SchemaError,
    flow_yaml,
    invalid_part,
    undeclared_names,
)
from specs.documents.reading.sources import builtin_violations
from specs.documents.security import KeyScheme, key_scheme, required_schemes
from specs.documents.tasks import Link
from specs.media.image import OPERATIONS
from specs.validation.engine import Schema
from specs.validation.evidence import Evidence
from specs.validation.vocabulary import GUARANTEES, STANDARD_KEYWORDS, subschemas

REQUIRED_ERRORS = {
    "invalid_request": 400,
    "unauthenticated": 401,
    "rate_limited": 429,
    "server_error": 500,
}
"""The errors that an operation needs, each with its usual status."""

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
FORMER_KEYWORDS = {"nullable": 'It is of OpenAPI 3.0: write `type: [TYPE, "null"]`'}
_EMPTY_PARTS: dict[str, Any] = {
    "info": {"title": "", "version": ""},
    "servers": [{"url": ""}],
    "paths": {},
}
_EXAMPLE_PARTS = {
    "info": 'info: {title: My gateway, version: "1"}',
    "servers": 'servers: [{url: "https://gateway.example/v1"}]',
    "paths": "",
}


class OperationBuilder:
    """Builds operations; each part has the evidence that it states or inherits."""

    def __init__(self, tree: ResolvedDocument) -> None:
        self.tree = tree

    def operations(self) -> dict[str, Operation]:
        root = self.tree.root
        if self.tree.checks:
            self._check_shape(root)
        evidence = Evidence().within(root)
        found: dict[str, Operation] = {}
        for path, item in root.get("paths", {}).items():
            for method in METHODS:
                if method not in item:
                    continue
                operation = self._operation(method, path, item, evidence)
                if operation.id in found:
                    problem = f"duplicate operationId '{operation.id}'"
                    self._report(item[method], problem, "Rename one")
                found[operation.id] = operation
        if not found and not self.tree.has_gap(root):
            self.tree.report("/paths", "no operation", "Describe one: createImage")
        return found

    def _check_shape(self, root: dict[str, Any]) -> None:
        """Report what is not OpenAPI 3.1 and, where problems are collected, drop it."""
        for name, empty in _EMPTY_PARTS.items():
            if not root.get(name):
                self.tree.report(
                    f"/{name}",
                    f"'{name}' is missing",
                    "An OpenAPI 3.1 document has it",
                    _EXAMPLE_PARTS[name],
                )
                root[name] = copy.deepcopy(empty)
                self.tree.mark_gap(root)
        version = root.get("openapi")
        if isinstance(version, str) and not version.startswith("3.1"):
            self.tree.report(
                "/openapi",
                f"OpenAPI {version} is not supported",
                "Write it in 3.1; `imageparity init NAME --from FILE` converts 3.0",
                "openapi: 3.1.0",
            )
        errors = list(builtin_violations("document.schema.yaml", root))
        for error in errors:
            self._report_at(root, error)
        for error in errors:
            self._mark_gaps(root, error.path)
        for error in errors:
            if error.path[:1] != ("info",):  # which nothing else reads
                remove_part(root, error.path)

    def _mark_gaps(self, root: Mapping[str, Any], path: Sequence[str | int]) -> None:
        """Remember that parts of the document and of the operation will be missing."""
        self.tree.mark_gap(root)
        node: Any = root
        for step in path[:3]:  # paths, a path, a method
            node = node.get(str(step)) if isinstance(node, dict) else None
            if isinstance(node, dict):
                self.tree.mark_gap(node)

    def _operation(
        self, method: str, path: str, item: Mapping[str, Any], evidence: Evidence
    ) -> Operation:
        node = item[method]
        if "operationId" not in node:
            self._report(
                node,
                "has no operationId",
                f"Name it: {', '.join(OPERATIONS)}",
                operation_id_line(path),
            )
        evidence = evidence.within(node)
        if not evidence.source:
            self._report(
                node,
                "has no x-source",
                "Name the page that it was read from, such as S4#size",
                "x-source: M1#generations",
            )
        responses = {
            status: self._response(status, each, evidence)
            for status, each in node.get("responses", {}).items()
        }
        parts = node, *node.get("responses", {}).values()
        has_gap = any(map(self.tree.has_gap, parts))
        if not has_gap and not any(each.is_success for each in responses.values()):
            self._report(node, "declares no success", "Add a '200' response")
        if self.tree.checks:
            check_supported(self.tree, path, method)
        request = node.get("requestBody", {})
        request_evidence = evidence.within(request)
        operation = Operation(
            id=node.get("operationId", ""),
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
            key_schemes=self._key_schemes(node),
            pointer=self.tree.pointer_of(node),
            note=node.get("x-note", ""),
            mentions=tuple(node.get("x-mentions", ())),
            parameters=parameter_objects(self.tree, item, node, evidence),
            medium=medium_of(self.tree.root, node),
            task=task_role(node["x-task"]) if "x-task" in node else None,
            models=models_role(node["x-model"]) if "x-model" in node else None,
            server_url=server_url(item, node),
            document_path=urlsplit(server_url({}, self.tree.root)).path.rstrip("/"),
            is_deprecated=node.get("deprecated", False),
        )
        for name, status in REQUIRED_ERRORS.items():
            if name not in operation.errors and not has_gap:
                near = close_words(name, operation.errors)
                rename = f"Rename '{near[0]}', or add" if near else "Add"
                self._report(
                    node,
                    f"the error '{name}' is missing",
                    f"{rename} an example '{name}' to the `examples` of one of its "
                    f"responses, such as {status}",
                    flow_yaml({name: {"value": _error_body(name, operation)}}),
                )
        answers = (each.bodies.values() for each in responses.values())
        parameters = operation.parameters.values()
        if self.tree.checks:
            for body in chain(operation.bodies.values(), parameters, *answers):
                self._check_schema(body.schema, operation)
        return operation

    def _security(self, node: Mapping[str, Any], evidence: Evidence) -> Evidence | None:
        schemes = required_schemes(self.tree.root, node)
        known = [name for name, scheme in schemes.items() if scheme is not None]
        for name in schemes.keys() - known:
            self._report(
                node,
                f"unknown security scheme '{name}'",
                f"{did_you_mean(name, known)}Define it in components/securitySchemes",
                f"{name}: {{type: http, scheme: bearer}}",
            )
        return next((evidence.within(schemes[name]) for name in known), None)

    def _key_schemes(self, node: Mapping[str, Any]) -> tuple[KeyScheme, ...]:
        schemes = required_schemes(self.tree.root, node).values()
        found = [key_scheme(each) for each in schemes if each is not None]
        return tuple(each for each in found if each is not None)

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
                self._guarantee(each, evidence)
                for each in node.get("x-guarantees", [])
                if self._is_known_guarantee(each)
            ),
            evidence=evidence,
            pointer=self.tree.pointer_of(node),
            links=tuple(
                Link(name, link["operationId"], link["parameters"], place)
                for name, link in node.get("links", {}).items()
                if (place := self.tree.pointer_of(link))
            ),
        )

    def _is_known_guarantee(self, node: Mapping[str, Any]) -> bool:
        name = str(node.get("name"))
        if name not in GUARANTEES:
            problem = f"unknown guarantee '{name}'"
            self._report(node, problem, suggestion(name, GUARANTEES))
        return name in GUARANTEES

    def _guarantee(self, node: Mapping[str, Any], evidence: Evidence) -> Guarantee:
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
            refusal=node.get("x-refusal"),
        )

    def _errors(
        self, node: Mapping[str, Any], evidence: Evidence
    ) -> dict[str, ErrorExample]:
        found: dict[str, ErrorExample] = {}
        for status, response in node.get("responses", {}).items():
            headers = {
                name: str(each["example"])
                for name, each in response.get("headers", {}).items()
                if "example" in each
            }
            above = evidence.within(response)
            examples = [
                (name, media_type, example)
                for media_type, content in response.get("content", {}).items()
                for name, example in content.get("examples", {}).items()
                if not status.startswith("2")
                or (not is_template(name) and _is_refusal(content, example))
            ]
            for name, media_type, example in examples:
                if not status.isdigit():
                    self._report(
                        example,
                        f"the error '{name}' is under '{status}'",
                        "Give it one status",
                    )
                if name in found:
                    self._report(example, f"duplicate error '{name}'", "Rename one")
                found[name] = ErrorExample(
                    name=name,
                    status=int(status) if status.isdigit() else 0,
                    body=example["value"],
                    headers=headers,
                    evidence=above.within(example),
                    pointer=self.tree.pointer_of(example),
                    media_type=media_type,
                )
        return found

    def _check_schema(self, schema: Schema, operation: Operation) -> None:
        """Report invalid parts of a schema, misspelt keywords and unknown fields."""
        while error := invalid_part(schema):
            self._report_at(schema, error)
            if not remove_part(schema, error.path):
                return
        self._check_keywords(schema, operation, set())
        for error in undeclared_names(schema):
            self._report_at(schema, error)

    def _report_at(self, node: Any, error: SchemaError) -> None:
        place = self._pointer_at(node, error.path)
        self.tree.report(place, error.problem, error.remedy, error.paste)

    def _pointer_at(self, node: Any, path: Sequence[str | int]) -> str:
        """The JSON pointer of a part of a node, as authored."""
        place = self.tree.pointer_of(node)
        for step in path:
            # "200" comes as 200
            node = node[step if isinstance(node, list) else str(step)]
            place = self.tree.pointer_of(node) or f"{place}/{escape_pointer(step)}"
        return place

    def _check_keywords(self, node: Any, operation: Operation, rules: set[str]) -> None:
        if not isinstance(node, dict):
            return
        for word in node:
            if not word.startswith("x-") and word not in STANDARD_KEYWORDS:
                self.tree.report(
                    f"{self.tree.pointer_of(node)}/{escape_pointer(word)}",
                    f"unknown keyword '{word}'",
                    FORMER_KEYWORDS.get(word)
                    or suggestion(word, sorted(STANDARD_KEYWORDS)),
                )
        error = node.get("x-error")
        if error is not None and error not in operation.errors:
            self._report(
                node,
                f"x-error '{error}' is not an error of {operation.id}",
                suggestion(error, operation.errors),
            )
        if "x-null" in node and _lists_null(node):
            self._report(
                node,
                "x-null says that null is unspecified, and the schema allows null",
                "Remove x-null if the page shows that null is allowed, else the null",
            )
        rule = node.get("x-rule")
        if rule and rule in rules:
            self._report(node, f"duplicate rule '{rule}'", "Rename one")
        if rule:
            rules.add(rule)
        if node.get("additionalProperties") not in (None, True, False):
            self._report(
                node, "additionalProperties is a schema", "Write true or false"
            )
        for subschema in subschemas(node):
            self._check_keywords(subschema, operation, rules)

    def _report(self, node: Any, problem: str, remedy: str, paste: str = "") -> None:
        self.tree.report(self.tree.pointer_of(node), problem, remedy, paste)


def _error_body(name: str, operation: Operation) -> Any:
    """The body for a missing error: like another one of the operation."""
    for other in operation.errors.values():
        return other.body
    message = "{message}" if name == "invalid_request" else name.replace("_", " ")
    return {"error": {"message": message, "type": name}}


def _is_refusal(content: Mapping[str, Any], example: Mapping[str, Any]) -> bool:
    """True for an example of a refusal, which is no template for images or events."""
    schema, value = content.get("x-refusal"), example["value"]
    return schema is not None and Condition(schema).applies_to(value)


def _lists_null(node: Mapping[str, Any]) -> bool:
    """True if a schema itself lists null as a type or a value."""
    types = node.get("type", [])
    values = (*node.get("enum", ()), node.get("const", ""))
    return "null" in (types if isinstance(types, list) else [types]) or None in values
