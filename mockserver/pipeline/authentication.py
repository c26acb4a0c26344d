"""Authenticate a client by its bearer token: any token is accepted."""

from mockserver.errors import Rejected
from mockserver.simulation.own_responses import is_error_status
from mockserver.simulation.triggers import KEY_TRIGGER
from specs import Operation


def authenticate(header: str | None, operation: Operation) -> str:
    """
    The bearer token of an Authorization header; empty if the operation needs none.

    Raises `Rejected` without a token, or for another scheme.
    """
    if operation.authentication is None:
        return ""
    scheme, _, token = (header or "").strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Rejected("unauthenticated", "A bearer token is needed.")
    return token


def redact_token(token: str, operation: Operation) -> str:
    """Replace a token by `***`, except for the name of an error that it triggers."""
    if not token:
        return ""
    _, marker, name = token.rpartition(KEY_TRIGGER)
    is_error = name in operation.errors or is_error_status(name)
    return f"***{marker}{name}" if is_error else "***"
