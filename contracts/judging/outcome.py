"""Verdicts on features, and error responses of all dialects in common terms."""

from enum import StrEnum
from typing import Any

from contracts.judging.interaction import Interaction


class FeatureVerdict(StrEnum):
    """The verdicts on a feature."""

    HONOURED = "honoured"
    RENAMED = "renamed"
    IGNORED = "ignored"
    ALTERED = "altered"
    REFUSED = "refused"
    REFUSED_BADLY = "refused-badly"
    UNTESTED = "untested"


def error_object(interaction: Interaction) -> dict[str, object] | None:
    """The error of a response in any documented form; None if there is none."""
    body = interaction.object
    if body is None:
        return None
    error = body.get("error", body)
    if isinstance(error, str) and error:
        return {"message": error}
    if isinstance(error, dict) and isinstance(error.get("message"), str):
        return error
    return None


def error_text(interaction: Interaction) -> str:
    """The error message, or else the beginning of the body."""
    error = error_object(interaction)
    if error is not None:
        return str(error["message"])[:300]
    return interaction.body[:120].decode("utf-8", "replace") or "nothing"


def top_level_field(param: str) -> str:
    """The field that the `param` of an error is in: `images` for `images[0].url`."""
    return param.replace("[", ".").partition(".")[0]


def describe_outcome(interaction: Interaction) -> str:
    """The status, with the content type or the error message."""
    if interaction.problem:
        return interaction.problem
    status = f"{interaction.status} {interaction.content_type}"
    if interaction.is_success:
        return status
    if error_object(interaction) is None:
        return f"{status}: {error_text(interaction)}"
    return f"{interaction.status}: {error_text(interaction)}"


def event_type(data: Any) -> str:
    """The `type` in the data of an event."""
    return str(data.get("type")) if isinstance(data, dict) else "no JSON"
