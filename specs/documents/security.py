"""The places where a request has its API key, by the security schemes of a document."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

PARAMETER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")  # also of a header
_PLACES = {"header": "the header", "query": "the query parameter"}


class KeyPlace(StrEnum):
    """The part of a request that has the API key."""

    BEARER = "bearer"
    HEADER = "header"
    QUERY = "query"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class KeyScheme:
    """The place of the API key, and the name of its header or query parameter."""

    place: KeyPlace = KeyPlace.BEARER
    name: str = "Authorization"

    @property
    def noun(self) -> str:
        """The key as a noun, such as `an API key in the header api-key`."""
        if self.place is KeyPlace.BEARER:
            return "a bearer token"
        return f"an API key in {_PLACES[self.place]} {self.name}"


def key_scheme(scheme: Mapping[str, Any]) -> KeyScheme | None:
    """The place of the key of a security scheme; None if that is not supported."""
    kind, where = str(scheme.get("type")), scheme.get("in")
    if kind == "http" and str(scheme.get("scheme")).lower() == "bearer":
        return KeyScheme()
    name = scheme.get("name")
    if kind != "apiKey" or where not in _PLACES or not isinstance(name, str):
        return None
    if not PARAMETER_NAME.fullmatch(name):
        return None
    return KeyScheme(KeyPlace(where), name)


def scheme_label(scheme: Mapping[str, Any]) -> str:
    """A scheme in a few words: `http bearer`, `apiKey header api-key`."""
    keys = ("type", "scheme", "in", "name")
    return " ".join(str(scheme[key]) for key in keys if key in scheme)


def requirements(
    root: Mapping[str, Any], operation: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    """The security requirements of an operation, or those of its document."""
    found: list[Mapping[str, Any]] = operation.get("security", root.get("security", []))
    return found


def required_schemes(
    root: Mapping[str, Any], operation: Mapping[str, Any]
) -> dict[str, Any]:
    """The security schemes that an operation names, by name; None for unknown ones."""
    schemes = root.get("components", {}).get("securitySchemes", {})
    return {
        name: schemes.get(name)
        for requirement in requirements(root, operation)
        for name in requirement
    }
