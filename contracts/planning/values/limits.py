"""The basis of a limit that a value of a request field is at."""

from collections.abc import Iterator, Mapping
from typing import Any

from contracts.media.files import Sample
from specs import Basis, Evidence


def limit_basis(schema: Any, value: Any) -> Basis:
    """
    The basis of the limit that a value is at; `DOCUMENTED` if it is at none.

    A value that the schema has as its default or as an example is documented. So is the
    first listed format of a file: some format must be accepted.
    """
    return _limit_basis(schema, value, Evidence())


def _limit_basis(schema: Any, value: Any, evidence: Evidence) -> Basis:
    parts = list(_parts(schema, evidence))
    if any(_is_shown(part, value) for part, _ in parts):
        return Basis.DOCUMENTED
    found = [each.basis for part, each in parts if _is_at_limit(part, value)]
    if isinstance(value, list):
        found += [
            _limit_basis(part["items"], entry, each)
            for part, each in parts
            if "items" in part
            for entry in value
        ]
    return next((e for e in found if e is not Basis.DOCUMENTED), Basis.DOCUMENTED)


def _parts(
    schema: Any, evidence: Evidence
) -> Iterator[tuple[Mapping[str, Any], Evidence]]:
    """Yield a schema and the parts of its `allOf`, each with its evidence."""
    if isinstance(schema, dict):
        evidence = evidence.within(schema)
        yield schema, evidence
        for part in schema.get("allOf", ()):
            yield from _parts(part, evidence)


def _is_shown(part: Mapping[str, Any], value: Any) -> bool:
    defaults = [part["default"]] if "default" in part else []
    return value in (*defaults, *part.get("examples", ()))


def _is_at_limit(part: Mapping[str, Any], value: Any) -> bool:
    if isinstance(value, Sample):
        limits = part.get("x-upload", {})
        formats = limits.get("formats", [value.format])
        is_large = value.weight >= limits.get("maxBytes", float("inf"))
        return bool(is_large or value.format != formats[0])
    if isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        return value in (part.get("minimum"), part.get("maximum"))
    if isinstance(value, str):
        return bool(len(value) == part.get("maxLength"))
    return isinstance(value, list) and len(value) == part.get("maxItems")
