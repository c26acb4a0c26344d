"""Find misspelt keys of OpenAPI outside of schemas: a reader would ignore them."""

from collections.abc import Iterator, Mapping
from typing import Any

from specs.documents.loading.builder import METHODS
from specs.documents.reading.pointers import escape_pointer
from specs.documents.reading.references import ResolvedDocument, suggestion
from specs.errors import SpecError

_KEYS = {
    "document": """openapi info jsonSchemaDialect servers paths webhooks components
        security tags externalDocs""",
    "info": "title summary description termsOfService contact license version",
    "components": """schemas responses parameters examples requestBodies headers
        securitySchemes links callbacks pathItems""",
    "path": f"summary description servers parameters {' '.join(METHODS)}",
    "operation": """tags summary description externalDocs operationId parameters
        requestBody responses callbacks deprecated security servers""",
    "request body": "description content required",
    "response": "description headers content links",
    "media type": "schema example examples encoding",
    "example": "summary description value externalValue",
}


def unknown_keys(tree: ResolvedDocument) -> Iterator[SpecError]:
    """Yield the keys that OpenAPI 3.1 does not have at their place."""
    for kind, node in _objects(tree.root):
        known = _KEYS[kind].split()
        for key in node:
            if key not in known and not key.startswith("x-"):
                yield SpecError(
                    tree.file,
                    f"{tree.pointer_of(node)}/{escape_pointer(key)}",
                    f"unknown key '{key}' ({kind})",
                    suggestion(key, known),
                )


def _objects(root: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the objects of a document with their kinds."""
    yield "document", root
    for kind in ("info", "components"):
        yield from ((kind, each) for each in _mappings([root.get(kind)]))
    for item in _entries(root, "paths"):
        yield "path", item
        for operation in _mappings(item.get(each) for each in METHODS):
            yield "operation", operation
            for body in _mappings([operation.get("requestBody")]):
                yield "request body", body
                yield from _contents(body)
            for response in _entries(operation, "responses"):
                yield "response", response
                yield from _contents(response)


def _contents(node: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for media_type in _entries(node, "content"):
        yield "media type", media_type
        for example in _entries(media_type, "examples"):
            yield "example", example


def _entries(node: Mapping[str, Any], key: str) -> Iterator[Mapping[str, Any]]:
    """Yield the mappings in a mapping of a key."""
    for part in _mappings([node.get(key)]):
        yield from _mappings(part.values())


def _mappings(values: Any) -> Iterator[Mapping[str, Any]]:
    yield from (each for each in values if isinstance(each, Mapping))
