"""
Refuse operations that a document may describe but the programs cannot serve or test.

A document is understood whole or not loaded: a part that is read and then ignored would
be answered wrongly by the mock and never tested by the harness.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from specs.documents.references import (
    ResolvedDocument,
    did_you_mean,
    escape_pointer,
)
from specs.documents.security import (
    key_scheme,
    required_schemes,
    requirements,
    scheme_label,
)
from specs.media import image

JSON = "application/json"
FORM = "multipart/form-data"
EVENT_STREAM = "text/event-stream"
REQUEST_TYPES = (JSON, FORM)
SUCCESS_TYPES = (JSON, EVENT_STREAM)
EVENT_EXAMPLES = ("partial_image", "completed")
UNSUPPORTED_KEYWORDS = (
    "parameters",
    "servers",
    "callbacks",
)  # of an operation or a path
SUPPORTED_SCHEMES = (
    "Supported are: {type: http, scheme: bearer}, and {type: apiKey, in: header, name: "
    "NAME} or `in: query`; a NAME has letters, digits, '.', '_' and '-'"
)
Problem = tuple[str, str, str] | tuple[str, str, str, str]
"""
A JSON pointer below the operation, what is wrong there, the remedy, and perhaps a line
that corrects it.
"""


def check_supported(tree: ResolvedDocument, path: str, method: str) -> None:
    """
    Check one operation of a document against what is served and tested.

    Reports what is not, with the place and a remedy.
    """
    item = tree.root["paths"][path]
    place = f"/paths/{escape_pointer(path)}"
    for pointer, *rest in _path_problems(path, item):
        tree.report(f"{place}{pointer}", *rest)
    for pointer, *rest in _operation_problems(tree, path, method):
        tree.report(f"{place}/{method}{pointer}", *rest)
    for pointer, *rest in _security_problems(tree.root, item[method]):
        tree.report(pointer or f"{place}/{method}/security", *rest)


def operation_id_line(path: str) -> str:
    """The line that names an operation, by the last word of its path."""
    operation = image.OPERATIONS[path.endswith(("/edits", "/edit"))]
    return f"operationId: {operation}"


def _path_problems(path: str, item: Mapping[str, Any]) -> Iterator[Problem]:
    if "{" in path:
        yield "", "path templates are not supported", "Write a path without {…}"
    for word in UNSUPPORTED_KEYWORDS:
        if item.get(word):
            yield f"/{word}", f"'{word}' is not supported", "Remove it"


def _operation_problems(
    tree: ResolvedDocument, path: str, method: str
) -> Iterator[Problem]:
    node = tree.root["paths"][path][method]
    name = node.get("operationId", image.OPERATIONS[0])
    if name not in image.OPERATIONS:
        known = ", ".join(image.OPERATIONS)
        hint = did_you_mean(name, image.OPERATIONS)
        yield (
            "/operationId",
            f"the operation '{name}' is not supported",
            f"{hint}Name it as one of: {known}, or remove the operation",
            operation_id_line(path),
        )
    if method != "post":
        yield "", f"{method.upper()} is not supported", "Describe a POST operation"
    for word in UNSUPPORTED_KEYWORDS:
        if node.get(word):
            yield f"/{word}", f"'{word}' is not supported", "Remove it"
    content = node.get("requestBody", {}).get("content", {})
    has_gap = tree.has_gap(node) or tree.has_gap(node.get("requestBody"))
    if not content and not has_gap:
        yield "", "an operation without a request body is not supported", "Add one"
    yield from _media_type_problems("/requestBody", content, REQUEST_TYPES)
    responses = node.get("responses", {})
    for status, response in responses.items():
        pointer = f"/responses/{status}"
        if response.get("links"):
            yield f"{pointer}/links", "'links' is not supported", "Remove it"
        types = SUCCESS_TYPES if status.startswith("2") else (JSON,)
        yield from _media_type_problems(pointer, response.get("content", {}), types)
    yield from _success_problems(tree, responses)


def _media_type_problems(
    pointer: str, content: Mapping[str, Any], supported: tuple[str, ...]
) -> Iterator[Problem]:
    for media_type in content:
        if media_type not in supported:
            yield (
                f"{pointer}/content/{escape_pointer(media_type)}",
                f"the media type '{media_type}' is not supported here",
                f"Supported are: {', '.join(supported)}",
            )


def _success_problems(
    tree: ResolvedDocument, responses: Mapping[str, Any]
) -> Iterator[Problem]:
    success = {name: each for name, each in responses.items() if name.startswith("2")}
    if len(success) > 1:
        yield (
            f"/responses/{list(success)[1]}",
            "a second success status is not supported",
            "Keep the one that carries the result",
        )
    for status, response in success.items():
        content, place = response.get("content", {}), f"/responses/{status}"
        if tree.has_gap(response):
            continue
        if JSON not in content:
            yield place, "a success without JSON is not supported", f"Add {JSON}"
            continue
        if EVENT_STREAM in content:
            stream = f"{place}/content/{escape_pointer(EVENT_STREAM)}/schema"
            yield from _event_problems(stream, content[EVENT_STREAM].get("schema"))
            yield from _event_example_problems(place, content[EVENT_STREAM])


def _event_problems(pointer: str, schema: Any) -> Iterator[Problem]:
    remedy = "Describe each event under oneOf, with a `const` for its field `type`"
    branches = schema.get("oneOf") if isinstance(schema, dict) else None
    if not branches:
        yield pointer, "the events of this stream are not described", remedy
    for number, branch in enumerate(branches or ()):
        fields = branch.get("properties", {}) if isinstance(branch, dict) else {}
        type_ = fields.get("type")
        if not isinstance(type_, dict) or not isinstance(type_.get("const"), str):
            yield f"{pointer}/oneOf/{number}", "this event has no constant type", remedy


def _event_example_problems(
    place: str, content: Mapping[str, Any]
) -> Iterator[Problem]:
    missing = [
        name for name in EVENT_EXAMPLES if name not in content.get("examples", {})
    ]
    if missing:
        yield (
            f"{place}/content/{escape_pointer(EVENT_STREAM)}",
            f"the stream has no example '{missing[0]}'",
            f"Add examples of its events, named {' and '.join(EVENT_EXAMPLES)}",
        )


def _security_problems(
    root: Mapping[str, Any], node: Mapping[str, Any]
) -> Iterator[Problem]:
    """Yield problems of the effective requirement; an empty pointer is its own."""
    own = "" if "security" in node else "/security"
    for requirement in requirements(root, node):
        if len(requirement) > 1:
            yield (
                own,
                "several security schemes in one request are not supported",
                "Name one scheme in each alternative",
            )
        elif not requirement:
            yield (
                own,
                "an optional security scheme is not supported",
                "Remove {}, or write `security: []` if no key is needed",
            )
    found = required_schemes(root, node)
    for name, scheme in found.items():
        if scheme is not None and key_scheme(scheme) is None:
            yield (
                f"/components/securitySchemes/{escape_pointer(name)}",
                f"the security scheme '{scheme_label(scheme)}' is not supported",
                SUPPORTED_SCHEMES,
                f"{name}: {{type: http, scheme: bearer}}",
            )
    if found and list(found) != _first_schemes(root):
        yield (
            own,
            "operations with different security schemes are not supported",
            "Name the same schemes, in the same order, in each operation",
        )


def _first_schemes(root: Mapping[str, Any]) -> list[str]:
    """The schemes of the first operation that needs a key."""
    nodes = (node for item in root["paths"].values() for node in item.values())
    named = (required_schemes(root, each) for each in nodes if isinstance(each, dict))
    return list(next(filter(None, named), {}))
