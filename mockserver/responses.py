"""The 200 body: everything we know, of which the document's members are kept."""

from collections.abc import Mapping, Sequence
from typing import Any

from specs import Body
from specs.schema import matches

QUALITIES = ("low", "medium", "high")


def images_body(
    body: Body,
    request: Mapping[str, Any],
    items: Sequence[Mapping[str, str]],
    *,
    created: int,
    size: str,
    format: str,
    usage: Mapping[str, Any],
) -> dict[str, Any]:
    """An answer with pictures, fitted to what the document declares for a request."""
    known = {
        "created": created,
        "data": [{**item, "revised_prompt": _revised(request)} for item in items],
        **echoes(request, size=size, format=format),
        "usage": usage,
    }
    fitted: dict[str, Any] = fit(known, body.schema, request)
    return fitted


def echoes(request: Mapping[str, Any], *, size: str, format: str) -> dict[str, str]:
    """What the picture is like, in the words of the answer, whatever was asked."""
    quality = request.get("quality")
    is_clear = request.get("background") == "transparent" and format != "jpeg"
    return {
        "background": "transparent" if is_clear else "opaque",
        "output_format": format,
        "size": size,
        "quality": str(quality) if quality in QUALITIES else "medium",
    }


def _revised(request: Mapping[str, Any]) -> str:
    return f"{request.get('prompt', '')}, in natural light and fine detail"


def fit(value: Any, schema: Any, request: Mapping[str, Any]) -> Any:
    """
    A value without the members that its schema does not declare.

    A member with `x-when` is kept only for the requests that it names.
    """
    if isinstance(value, list):
        items = schema.get("items", {}) if isinstance(schema, dict) else {}
        return [fit(each, items, request) for each in value]
    if not isinstance(value, dict) or not isinstance(schema, dict):
        return value
    if "properties" not in schema:
        return value
    return {
        name: fit(value[name], member, request)
        for name, member in schema["properties"].items()
        if name in value and _wanted(member, request)
    }


def _wanted(member: Any, request: Mapping[str, Any]) -> bool:
    if not isinstance(member, dict) or "x-when" not in member:
        return True
    return matches(member["x-when"], request)
