"""
Refuse operations that a document may describe but the programs cannot serve or test.

A document is understood whole or not loaded: a part that is read and then ignored would
be answered wrongly by the mock and never tested by the harness.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from specs.documents.events import (
    COMPLETED,
    EVENT_ROLES,
    constant_name,
    event_branches,
    event_grammar,
    is_done,
)
from specs.documents.layout import RESPONSE, has_image_place, template_problem
from specs.documents.media_types import EVENT_STREAM, FORM, JSON, TEXT
from specs.documents.models import ModelsAction
from specs.documents.reading.pointers import escape_pointer
from specs.documents.reading.references import ResolvedDocument, did_you_mean
from specs.documents.reading.schema_errors import flow_yaml
from specs.documents.security import (
    key_scheme,
    required_schemes,
    requirements,
    scheme_label,
)
from specs.documents.tasks import Role
from specs.media import image

REQUEST_TYPES = (JSON, FORM)
FILE_TYPES = (
    *("video/mp4", "image/png", "image/jpeg", "image/webp"),
    *("application/octet-stream", "application/binary"),
)
SUCCESS_TYPES: Mapping[str | None, tuple[str, ...]] = {
    None: (JSON, EVENT_STREAM),
    Role.CONTENT: FILE_TYPES,
    Role.EVENTS: (EVENT_STREAM,),
}
"""The media types of a success, by role; JSON for the other roles."""

JSON_ROLES = (None, Role.CREATE, Role.READ, Role.LIST, *ModelsAction)
METHODS_WITH_BODY = ("post", "put", "patch")
IMAGE = "image"
MEDIA = (IMAGE, "video")
SUPPORTED_SCHEMES = (
    "Supported are: {type: http, scheme: bearer}, and {type: apiKey, in: header, name: "
    "NAME} or `in: query`; a NAME has letters, digits, '.', '_' and '-'"
)
IMAGE_PLACES = (
    "Write {output.b64_json}, {output.url} or {output.data_uri} as a value in an entry "
    "of a list, or rename the example"
)
_PATH_PARAMETER = {"in": "path", "required": True, "schema": {"type": "string"}}
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


def medium_of(root: Mapping[str, Any], node: Mapping[str, Any]) -> str:
    """The medium of an operation's results: that of its kind of task, or its own."""
    kind = root.get("x-tasks", {}).get(node.get("x-task", {}).get("kind"), {})
    return str(kind.get("medium", node.get("x-medium", IMAGE)))


def _path_problems(path: str, item: Mapping[str, Any]) -> Iterator[Problem]:
    if item.get("callbacks"):
        yield "/callbacks", "'callbacks' is not supported", "Remove it"
    yield from _server_problems(item)
    if not path.startswith("/"):
        yield "", "the path does not begin with '/'", f"Write /{path}"


def _server_problems(node: Mapping[str, Any]) -> Iterator[Problem]:
    if len(node.get("servers", ())) > 1:
        yield (
            "/servers/1",
            "a second server of an operation is not supported",
            "Keep the one whose path the operation has",
        )


def _operation_problems(
    tree: ResolvedDocument, path: str, method: str
) -> Iterator[Problem]:
    item = tree.root["paths"][path]
    node = item[method]
    role = node.get("x-task", node.get("x-model", {})).get("role")
    if node.get("callbacks"):
        yield "/callbacks", "'callbacks' is not supported", "Remove it"
    yield from _server_problems(node)
    yield from _medium_problems(tree, node)
    if role is None:
        yield from _image_operation_problems(path, method, item)
    if "x-model" in node:
        yield from _models_operation_problems(path, method, node)
    yield from _parameter_problems(path, item, node)
    content = node.get("requestBody", {}).get("content", {})
    has_gap = tree.has_gap(node) or tree.has_gap(node.get("requestBody"))
    if not content and not has_gap and role in {None, Role.CREATE}:
        yield "", "an operation without a request body is not supported", "Add one"
    if content and method not in METHODS_WITH_BODY:
        yield (
            "/requestBody",
            f"a body of {method.upper()} is not supported",
            "Remove it",
        )
    yield from _media_type_problems("/requestBody", content, REQUEST_TYPES)
    responses = node.get("responses", {})
    success_types = SUCCESS_TYPES.get(role, (JSON,))
    for status, response in responses.items():
        pointer = f"/responses/{status}"
        types = success_types if status.startswith("2") else (JSON, TEXT)
        yield from _media_type_problems(pointer, response.get("content", {}), types)
    yield from _success_problems(tree, responses, role)


def _medium_problems(
    tree: ResolvedDocument, node: Mapping[str, Any]
) -> Iterator[Problem]:
    medium = medium_of(tree.root, node)
    is_task = "x-task" in node
    known = MEDIA if is_task else (IMAGE,)
    if medium not in known:
        yield (
            "/x-medium",
            f"the medium '{medium}' is not supported here",
            f"Known are: {', '.join(known)}",
        )


def _image_operation_problems(
    path: str, method: str, item: Mapping[str, Any]
) -> Iterator[Problem]:
    """Yield what an operation must not have that gives its results at once."""
    node = item[method]
    name = node.get("operationId", image.OPERATIONS[0])
    if name not in image.OPERATIONS and not _shows_images(node):
        known = ", ".join(image.OPERATIONS)
        hint = did_you_mean(name, image.OPERATIONS)
        remedy = (
            f"{hint}Name it as one of: {known}; add `x-task` or `x-model`; show where "
            f"images are, in an example '{RESPONSE}' or '{COMPLETED}'; or remove it"
        )
        yield (
            "/operationId",
            f"the operation '{name}' is not supported",
            remedy,
            operation_id_line(path),
        )
    if method != "post":
        yield "", f"{method.upper()} is not supported", "Describe a POST operation"


def _shows_images(node: Mapping[str, Any]) -> bool:
    """True if an example of the success has a place for an image."""
    examples = {
        (media_type, name): example.get("value")
        for status, response in node.get("responses", {}).items()
        if status.startswith("2")
        for media_type, content in response.get("content", {}).items()
        for name, example in content.get("examples", {}).items()
    }
    events = examples.get((EVENT_STREAM, COMPLETED))
    return (JSON, RESPONSE) in examples or has_image_place(events)


def _models_operation_problems(
    path: str, method: str, node: Mapping[str, Any]
) -> Iterator[Problem]:
    """Yield what an operation on models must not have, or lacks."""
    if "x-task" in node:
        yield "/x-model", "'x-model' beside 'x-task' is not supported", "Remove one"
    if method != "get":
        yield "", f"{method.upper()} is not supported here", "Describe a GET operation"
    if node["x-model"].get("role") == ModelsAction.READ and not path.endswith("}"):
        yield "/x-model", "the path does not end with the id of a model", "Add {model}"


def _parameter_problems(
    path: str, item: Mapping[str, Any], node: Mapping[str, Any]
) -> Iterator[Problem]:
    """Yield path parameters without a place, and places without a parameter."""
    parameters = [*item.get("parameters", ()), *node.get("parameters", ())]
    declared = {each["name"] for each in parameters if each["in"] == "path"}
    used = set(re.findall(r"\{([^}/]+)\}", path))
    for name in sorted(used - declared):
        yield (
            "",
            f"the path parameter '{name}' is not described",
            "Add it to `parameters`",
            flow_yaml({"parameters": [{**_PATH_PARAMETER, "name": name}]}),
        )
    for name in sorted(declared - used):
        yield "/parameters", f"the path has no '{{{name}}}'", "Remove the parameter"
    if any(each["in"] == "cookie" for each in parameters):
        yield "/parameters", "a parameter in a cookie is not supported", "Remove it"


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
    tree: ResolvedDocument, responses: Mapping[str, Any], role: str | None
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
        is_stream = EVENT_STREAM in content
        if tree.has_gap(response):
            continue
        needs_json = role in JSON_ROLES and (role is not None or not is_stream)
        if JSON not in content and needs_json:
            yield place, "a success without JSON is not supported", f"Add {JSON}"
            continue
        template = content.get(JSON, {}).get("examples", {}).get(RESPONSE)
        if role is None and template and (why := template_problem(template["value"])):
            yield (
                f"{place}/content/{escape_pointer(JSON)}/examples/{RESPONSE}",
                f"the example '{RESPONSE}' {why}",
                IMAGE_PLACES,
            )
        if is_stream and role is None:
            stream = f"{place}/content/{escape_pointer(EVENT_STREAM)}"
            schema = content[EVENT_STREAM].get("schema")
            yield from _event_problems(f"{stream}/schema", schema)
            examples = content[EVENT_STREAM].get("examples", {})
            yield from _event_example_problems(stream, schema, examples)


def _event_problems(pointer: str, schema: Any) -> Iterator[Problem]:
    remedy = (
        "Describe each event under oneOf, with a `const` for its field `type`, or with "
        "`x-event: {name: NAME, if: SCHEMA}`"
    )
    branches = event_branches(schema)
    if not branches:
        yield pointer, "the events of this stream are not described", remedy
    word = "oneOf" if branches and schema.get("oneOf") else "anyOf"
    for number, branch in enumerate(branches):
        is_named = isinstance(branch, dict) and "x-event" in branch
        if not (is_done(branch) or is_named or constant_name(schema, branch)):
            place = f"{pointer}/{word}/{number}"
            yield place, "this event has no constant type", remedy


def _event_example_problems(
    pointer: str, schema: Any, examples: Mapping[str, Any]
) -> Iterator[Problem]:
    if COMPLETED not in examples:
        yield (
            pointer,
            f"the stream has no example '{COMPLETED}'",
            f"Name the example of the event with an image {COMPLETED}",
        )
    values = {name: each.get("value") for name, each in examples.items()}
    names = event_grammar(schema, values).names
    for role in EVENT_ROLES:
        if role in values and role not in names:
            yield (
                f"{pointer}/examples/{role}",
                f"the example '{role}' is no event of the schema",
                "Give it the constant of a branch, or correct an `if` of `x-event`",
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
