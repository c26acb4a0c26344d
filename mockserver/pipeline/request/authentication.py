"""Authenticate a client by its API key: any key is accepted, where it is documented."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mockserver.errors import Rejected
from mockserver.simulation.own_responses import is_error_status
from mockserver.simulation.triggers import KEY_TRIGGER
from specs import KeyPlace, KeyScheme, Operation


class RequestWithKey(Protocol):
    """A request, or the parts of one that may have an API key."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Its headers; names are not case-sensitive."""

    @property
    def query(self) -> Mapping[str, str]:
        """Its query parameters."""


@dataclass(frozen=True, slots=True)
class KeyParts:
    """The parts of a request that may have an API key."""

    headers: Mapping[str, str]
    query: Mapping[str, str]


def authenticate(request: RequestWithKey, operation: Operation) -> str:
    """
    The API key of a request; empty if the operation needs none.

    Raises `Rejected` if it has none in any of the documented places.
    """
    if operation.authentication is None:
        return ""
    key = find_key(request, operation.key_schemes)
    if not key:
        needed = " or ".join(each.noun for each in operation.key_schemes)
        message = f"{needed[0].upper()}{needed[1:]} is needed."
        raise Rejected("unauthenticated", message)
    return key


def find_key(request: RequestWithKey, schemes: Sequence[KeyScheme]) -> str:
    """The API key in the first of the places that has one; empty if none has."""
    for scheme in schemes:
        if scheme.place is KeyPlace.BEARER:
            text = request.headers.get(scheme.name, "").strip()
            word, _, token = text.partition(" ")
            key = token.strip() if word.lower() == "bearer" else ""
        else:
            is_header = scheme.place is KeyPlace.HEADER
            values = request.headers if is_header else request.query
            key = values.get(scheme.name, "").strip()
        if key:
            return key
    return ""


def redact_token(token: str, operation: Operation) -> str:
    """Replace a token by `***`, except for the name of an error that it triggers."""
    if not token:
        return ""
    _, marker, name = token.rpartition(KEY_TRIGGER)
    is_error = name in operation.errors or is_error_status(name)
    return f"***{marker}{name}" if is_error else "***"
