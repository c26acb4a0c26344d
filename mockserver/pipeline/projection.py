"""The 200 body: everything we know, of which the document's members are kept."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from specs.validation.engine import compile_validator

QUALITIES = ("low", "medium", "high")

Request = Mapping[str, Any]
Projection = Callable[[Any, Request], Any]


def images_response_body(
    projection: Projection,
    request: Request,
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
        "data": [
            {**item, "revised_prompt": _revised_prompt(request)} for item in items
        ],
        **echo_fields(request, size=size, format=format),
        "usage": usage,
    }
    fitted: dict[str, Any] = projection(known, request)
    return fitted


def echo_fields(request: Request, *, size: str, format: str) -> dict[str, str]:
    """What the picture is like, in the words of the answer, whatever was asked."""
    quality = request.get("quality")
    is_clear = request.get("background") == "transparent" and format != "jpeg"
    return {
        "background": "transparent" if is_clear else "opaque",
        "output_format": format,
        "size": size,
        "quality": str(quality) if quality in QUALITIES else "medium",
    }


def _revised_prompt(request: Request) -> str:
    return f"{request.get('prompt', '')}, in natural light and fine detail"


def compile_projection(schema: Any) -> Projection:
    """
    A function that leaves out of a value the members which a schema does not declare.

    A member with `x-when` is kept only for the requests that it names.
    """
    if not isinstance(schema, dict):
        return _unchanged
    if "properties" in schema:
        return _object_projection(schema["properties"])
    if "items" in schema:
        return _list_projection(compile_projection(schema["items"]))
    return _unchanged


def _unchanged(value: Any, request: Request) -> Any:
    return value


def _list_projection(projection: Projection) -> Projection:
    def fitted(value: Any, request: Request) -> Any:
        if not isinstance(value, list):
            return value
        return [projection(each, request) for each in value]

    return fitted


def _object_projection(properties: Mapping[str, Any]) -> Projection:
    members = [
        (
            name,
            compile_projection(member),
            compile_validator(member["x-when"])
            if isinstance(member, dict) and "x-when" in member
            else None,
        )
        for name, member in properties.items()
    ]

    def fitted(value: Any, request: Request) -> Any:
        if not isinstance(value, dict):
            return value
        return {
            name: value[name] if fit is _unchanged else fit(value[name], request)
            for name, fit, when in members
            if name in value and (when is None or when.is_valid(request))
        }

    return fitted
