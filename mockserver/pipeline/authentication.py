"""Who asks: any bearer token will do, and some of them ask for an error."""

from mockserver.errors import Rejected
from mockserver.simulation.triggers import KEY_TRIGGER
from specs import Operation


def authenticate(header: str | None, operation: Operation) -> str:
    """
    The bearer token of a request; empty where none is needed.

    Raises `Rejected` without one, or with another scheme.
    """
    if operation.authentication is None:
        return ""
    scheme, _, token = (header or "").strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Rejected("unauthenticated", "A bearer token is needed.")
    return token


def redact_token(token: str, operation: Operation) -> str:
    """A key as it may be written down: the error that it asks for, and no more."""
    if not token:
        return ""
    _, found, name = token.rpartition(KEY_TRIGGER)
    return f"***{found}{name}" if name in operation.errors else "***"
