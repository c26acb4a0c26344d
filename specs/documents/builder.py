"""Build operations from a document; each part states or inherits its evidence."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from specs.documents.model import Body, ErrorExample, Guarantee, Operation, Response
from specs.documents.references import ResolvedDocument, escape_pointer, suggestion
from specs.documents.schema_errors import (
    SchemaError,
    invalid_part,
    undeclared_names,
)
from specs.documents.sources import builtin_violation
from specs.documents.supported import check_supported
from specs.errors import SpecError
from specs.validation.engine import Schema
from specs.validation.evidence import Evidence
from specs.validation.vocabulary import GUARANTEES, STANDARD_KEYWORDS, subschemas

REQUIRED_ERRORS = ("invalid_request", "unauthenticated", "rate_limited", "server_error")
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


class OperationBuilder:
    """Builds operations; each part has the evidence that it states or inherits."""

    def __init__(self, tree: ResolvedDocument) -> None:
        self.tree = tree

    def operations(self) -> dict[str, Operation]:
        root = self.tree.root
        for name in ("info", "servers", "paths"):
            if not root.get(name):
                raise self.tree.error(
                    f"/{name}", f"'{name}' is missing", "An OpenAPI 3.1 document has it"
                )
        if error := builtin_violation("document.schema.yaml", root):
            raise self._error_at(root, error)
        evidence = Evidence().within(root)
        found: dict[str, Operation] = {}
        for path, item in root["paths"].items():
            for method in METHODS:
                if method not in item:
                    continue
                operation = self._operation(method, path, item[method], evidence)
                if operation.id in found:
                    problem = f"duplicate operationId '{operation.id}'"
                    raise self._error(item[method], problem, "Rename one")
                found[operation.id] = operation
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
            raise self._error(
                node,
                "has no x-source",
                "Name the page that it was read from, such as S4#size",
            )
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
        for requirement in required:
            for name in requirement:
                if name not in schemes:
                    raise self._error(
                        node,
                        f"unknown security scheme '{name}'",
                        "Define it in components/securitySchemes",
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
                        example,
                        f"the error '{name}' is under '{status}'",
                        "Give it one status",
                    )
                if name in found:
                    raise self._error(
                        example, f"duplicate error '{name}'", "Rename one"
                    )
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
        """Raise `SpecError` for an invalid schema or a misspelt keyword."""
        if error := invalid_part(schema):
            raise self._error_at(schema, error)
        self._check_keywords(schema, operation, set())
        for error in undeclared_names(schema):
            raise self._error_at(schema, error)

    def _error_at(self, node: Any, error: SchemaError) -> SpecError:
        place = self._pointer_at(node, error.path)
        return self.tree.error(place, error.problem, error.remedy)

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
                raise self._error(
                    node,
                    f"unknown keyword '{word}'",
                    suggestion(word, sorted(STANDARD_KEYWORDS)),
                )
        error = node.get("x-error", "invalid_request")
        if error not in operation.errors:
            raise self._error(
                node,
                f"x-error '{error}' is not an error of {operation.id}",
                f"Known are: {', '.join(operation.errors)}",
            )
        if "x-null" in node and _lists_null(node):
            raise self._error(
                node,
                "x-null says that null is unspecified, and the schema allows null",
                "Remove x-null if the page shows that null is allowed, else the null",
            )
        rule = node.get("x-rule")
        if rule and rule in rules:
            raise self._error(node, f"duplicate rule '{rule}'", "Rename one")
        if rule:
            rules.add(rule)
        if node.get("additionalProperties") not in (None, True, False):
            raise self._error(
                node, "additionalProperties is a schema", "Write true or false"
            )
        for subschema in subschemas(node):
            self._check_keywords(subschema, operation, rules)

    def _error(self, node: Any, problem: str, remedy: str) -> SpecError:
        return self.tree.error(self.tree.pointer_of(node), problem, remedy)


def _lists_null(node: Mapping[str, Any]) -> bool:
    """True if a schema itself lists null as a type or a value."""
    types = node.get("type", [])
    values = (*node.get("enum", ()), node.get("const", ""))
    return "null" in (types if isinstance(types, list) else [types]) or None in values
