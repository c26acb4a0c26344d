"""Fields of a response, from the documents."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from specs import Body, Evidence
from specs.validation.engine import is_instance


@dataclass(frozen=True)
class ResponseField:
    """A member of an answer; it is `sure` where the document promises it."""

    path: str
    schema: Any
    evidence: Evidence
    is_guaranteed: bool


def response_fields(
    body: Body, request: Mapping[str, Any] | None
) -> dict[str, ResponseField]:
    """
    The members of an answer by their paths, such as `data[].url`.

    `request`, in canonical names, decides about members that come with some requests
    only; None for answers that depend on none.
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
    for name, member in schema.get("properties", {}).items():
        node = member if isinstance(member, dict) else {}
        own = evidence.within(node)
        when = node.get("x-when")
        if when is not None and request is not None and not is_instance(when, request):
            continue
        is_sure = guaranteed and (name in required or when is not None)
        path = f"{parent_path}{name}"
        yield ResponseField(path, member, own, is_sure)
        yield from _iter_fields(node, f"{path}.", own, request, guaranteed=is_sure)
        entries = node.get("items")
        if isinstance(entries, dict):
            below = own.within(entries)
            yield from _iter_fields(
                entries, f"{path}[].", below, request, guaranteed=is_sure
            )


def schema_or_empty(schema: Any) -> Any:
    return schema if isinstance(schema, dict) else {}
