"""Fields of a response, from the documents."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from specs import Body, Evidence
from specs.validation.engine import is_instance


@dataclass(frozen=True)
class ResponseField:
    """A field of a response; `is_guaranteed` if the document requires it."""

    path: str
    schema: Any
    evidence: Evidence
    is_guaranteed: bool


def response_fields(
    body: Body, request: Mapping[str, Any] | None
) -> dict[str, ResponseField]:
    """
    List the fields of a response by their paths, such as `data[].url`.

    Some fields come only with some requests. `request` decides about them, by
    canonical names. It is None if the response does not depend on a request.
    """
    found = _iter_fields(body.schema, "", body.evidence, request, guaranteed=True)
    return {each.path: each for each in found}


def _iter_fields(
    schema: Any,
    parent_path: str,
    evidence: Evidence,
    request: Mapping[str, Any] | None,
    *,
    guaranteed: bool,
) -> Iterator[ResponseField]:
    if not isinstance(schema, dict):
        return
    required = schema.get("required", [])
    for name, field_schema in schema.get("properties", {}).items():
        node = field_schema if isinstance(field_schema, dict) else {}
        own = evidence.within(node)
        when = node.get("x-when")
        if when is not None and request is not None and not is_instance(when, request):
            continue
        is_guaranteed_here = guaranteed and (name in required or when is not None)
        path = f"{parent_path}{name}"
        yield ResponseField(path, field_schema, own, is_guaranteed_here)
        yield from _iter_fields(
            node, f"{path}.", own, request, guaranteed=is_guaranteed_here
        )
        entries = node.get("items")
        if isinstance(entries, dict):
            below = own.within(entries)
            yield from _iter_fields(
                entries, f"{path}[].", below, request, guaranteed=is_guaranteed_here
            )


def schema_or_empty(schema: Any) -> Any:
    return schema if isinstance(schema, dict) else {}
