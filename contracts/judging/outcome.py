"""How an exchange ended, whatever the dialect, and the words for what became of it."""

from enum import StrEnum
from typing import Any

from contracts.judging.interaction import Interaction


class Verdict(StrEnum):
    """What became of a feature."""

    HONOURED = "honoured"
    RENAMED = "renamed"
    IGNORED = "ignored"
    ALTERED = "altered"
    REFUSED = "refused"
    REFUSED_BADLY = "refused-badly"
    UNTESTED = "untested"


def envelope(found: Interaction) -> dict[str, object] | None:
    """The error in an answer, whatever its dialect; None when there is none."""
    body = found.object
    if body is None:
        return None
    error = body.get("error", body)
    if isinstance(error, str) and error:
        return {"message": error}
    if isinstance(error, dict) and isinstance(error.get("message"), str):
        return error
    return None


def said(found: Interaction) -> str:
    """What an answer says, in brief."""
    error = envelope(found)
    if error is not None:
        return str(error["message"])[:300]
    return found.body[:120].decode("utf-8", "replace") or "nothing"


def outcome_of(found: Interaction) -> str:
    """How an answer ended, in brief."""
    if found.problem:
        return found.problem
    if found.is_success:
        return f"{found.status} {found.content_type}"
    if envelope(found) is None:
        return f"{found.status} {found.content_type}: {said(found)}"
    return f"{found.status}: {said(found)}"


def type_of(data: Any) -> str:
    """The type that an event's data names."""
    return str(data.get("type")) if isinstance(data, dict) else "no JSON"
