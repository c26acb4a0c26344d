"""The name of an error, and its body from a documented example or a schema."""

from collections.abc import Mapping
from typing import Any

from contracts.scaffold.completion import MESSAGE_FIELDS, dereference, like, parts

_NAMES = {
    **dict.fromkeys((400, 422), "invalid_request"),
    **dict.fromkeys((401, 403), "unauthenticated"),
    404: "not_found",
    429: "rate_limited",
    **dict.fromkeys((500, 502, 503), "server_error"),
}


def usual_error_name(status: int) -> str:
    """The name of an error with a status."""
    return _NAMES.get(status, f"status_{status}")


def error_value(
    document: Mapping[str, Any], media: Mapping[str, Any], name: str
) -> Any:
    """The body of an error: the documented example, else one made from the schema."""
    examples = media.get("examples")
    if isinstance(examples, dict) and examples:
        return dereference(document, next(iter(examples.values()))).get("value", {})
    if "example" in media:
        return media["example"]
    sample = _sample(document, media.get("schema", {}), "", ())
    part = parts()["errors"].get(name)
    if part is None or name == "invalid_request":
        return sample
    return like(sample, name, part)


def _sample(
    document: Mapping[str, Any], schema: Any, name: str, seen: tuple[Any, ...]
) -> Any:
    """A value for a schema; texts that hold a message or a field are placeholders."""
    node = dereference(document, schema)
    if id(node) in seen or len(seen) > 8:
        return {}
    seen = (*seen, id(node))
    branches = node.get("anyOf") or node.get("oneOf") or node.get("allOf")
    if branches and "properties" not in node:
        return _sample(document, branches[0], name, seen)
    types = node.get("type", "object" if "properties" in node else "string")
    type_ = types[0] if isinstance(types, list) else types
    if type_ == "object":
        return {
            key: _sample(document, each, key, seen)
            for key, each in node.get("properties", {}).items()
            if key in {*_ERROR_FIELDS, *_TEXTS} or key in node.get("required", ())
        }
    if type_ == "array":
        return [_sample(document, node.get("items", {}), name, seen)]
    for key in ("default", "const", "example"):
        if node.get(key) is not None:
            return node[key]
    if node.get("enum") or node.get("examples"):
        return (node.get("enum") or node["examples"])[0]
    numbers = {"integer": 1, "number": 1, "boolean": False, "null": None}
    if type_ in numbers:
        return numbers[type_]
    if name in _PARAM_FIELDS:
        return "{param}" if "null" in types or node.get("nullable") else "body.{param}"
    return _TEXTS.get(name, "{message}" if name in MESSAGE_FIELDS else "error")


_PARAM_FIELDS = {"param", "loc", "field"}
_TEXTS = dict.fromkeys(("code", "type", "status", "error_code"), "error")
_ERROR_FIELDS = {"error", "detail", *MESSAGE_FIELDS, *_PARAM_FIELDS}
