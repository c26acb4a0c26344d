"""Derive from an authored schema the schemas that are compiled."""

from collections.abc import Callable
from functools import partial
from typing import Any

from specs.validation.evidence import Basis


def to_validator_schema(schema: Any) -> Any:
    """
    Convert an authored schema to the schema that is compiled.

    A file becomes the object of its facts (`Upload.facts`). A field that must be absent
    is rejected by the keyword `not`, since `false` would not name it in an error.
    """
    if isinstance(schema, list):
        return [to_validator_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: to_validator_schema(value) for key, value in schema.items()}
    if "properties" in result:  # `false` would not name the field in an error's path
        result["properties"] = {
            name: {"not": {}} if member is False else member
            for name, member in result["properties"].items()
        }
    if schema.get("format") == "binary" and "type" in schema:
        types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        result["type"] = ["object" if each == "string" else each for each in types]
        del result["format"]
    return result


def documented_only(
    schema: Any,
    *,
    basis: str = Basis.DOCUMENTED,
    allow_null: bool = False,
    keep_enforced: bool = False,
) -> Any:
    """
    Leave out the parts of a schema that the provider's own pages do not state.

    `basis` is inherited from what is around the schema, and by the parts of a schema.
    With `keep_enforced`, parts with `x-enforced` are kept.
    With `allow_null`, at `x-null` and below it, no field is rejected for being null,
    unless it is required: null is then of the wrong type, or the same as missing.
    """
    if isinstance(schema, list):
        return [
            documented_only(
                each, basis=basis, allow_null=allow_null, keep_enforced=keep_enforced
            )
            for each in schema
        ]
    if not isinstance(schema, dict):
        return schema if basis == Basis.DOCUMENTED else True
    basis = schema.get("x-basis", basis)
    is_kept = keep_enforced and "x-enforced" in schema
    if basis != Basis.DOCUMENTED and not is_kept:
        return _documented_parts(
            schema,
            partial(documented_only, basis=basis, keep_enforced=keep_enforced),
            allow_null=allow_null,
        )
    allow_null = allow_null or "x-null" in schema
    kept = {
        key: documented_only(
            value,
            allow_null=allow_null and key != "if",
            keep_enforced=keep_enforced,
        )
        for key, value in schema.items()
    }
    if kept.get("oneOf") != schema.get(
        "oneOf"
    ):  # weaker: more than one branch may be valid
        parts = kept.get("allOf", [])
        kept["allOf"] = [*parts, {"anyOf": kept.pop("oneOf")}]
    if "properties" in kept:
        required = schema.get("required", ())
        kept["properties"] = {
            name: _allow_null(member)
            if name not in required and (allow_null or _has_open_null(member))
            else member
            for name, member in kept["properties"].items()
        }
    return kept


def _documented_parts(
    schema: dict[str, Any], reduce: Callable[..., Any], *, allow_null: bool
) -> dict[str, Any] | bool:
    """The stated parts of an assumed schema, each by `reduce`; True if none is."""
    allow_null = allow_null or "x-null" in schema
    kept: dict[str, Any] = {}
    for name, member in schema.get("properties", {}).items():
        part = reduce(member, allow_null=allow_null)
        if part is not True:
            has_open_null = allow_null or _has_open_null(member)
            part = _allow_null(part) if has_open_null else part
            kept.setdefault("properties", {})[name] = part
    if "items" in schema:
        items = reduce(schema["items"], allow_null=allow_null)
        kept.update({} if items is True else {"items": items})
    parts = reduce(schema.get("allOf", []), allow_null=allow_null)
    stated = [each for each in parts if each is not True]
    kept.update({"allOf": stated} if stated else {})
    return kept or True


def _has_open_null(member: Any) -> bool:
    return isinstance(member, dict) and "x-null" in member


def _allow_null(member: Any) -> Any:
    """Widen the schema of a field so that null is valid: null counts as absent."""
    if not isinstance(member, dict):
        return member
    if member.get("not") == {}:
        return {"type": "null"}
    wider = dict(member)
    if "type" in member:
        types = member["type"] if isinstance(member["type"], list) else [member["type"]]
        wider["type"] = list(dict.fromkeys([*types, "null"]))
    if "const" in member:
        wider["enum"] = [wider.pop("const")]
    if "enum" in wider:
        wider["enum"] = [*wider["enum"], None]
    if "allOf" in member:
        wider["allOf"] = [_allow_null(part) for part in member["allOf"]]
    return wider


def without_unlisted_members(schema: Any) -> Any:
    """Reject fields that the document does not list, in the objects inside as well."""
    if not isinstance(schema, dict):
        return schema
    closed = dict(schema)
    if "items" in schema:
        closed["items"] = without_unlisted_members(schema["items"])
    if "properties" not in schema:
        return closed
    unlisted = {"not": {}, "x-basis": Basis.ASSUMED.value}
    closed["properties"] = {
        name: unlisted if _is_assumed(member) else without_unlisted_members(member)
        for name, member in schema["properties"].items()
    }
    return {"additionalProperties": unlisted, **closed}


def _is_assumed(member: Any) -> bool:
    documented_ = Basis.DOCUMENTED.value
    return (
        isinstance(member, dict) and member.get("x-basis", documented_) != documented_
    )
