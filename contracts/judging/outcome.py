"""How an exchange ended, whatever the dialect, and the words for what became of it."""

from enum import StrEnum
from typing import Any

from contracts.judging.interaction import Interaction


class FeatureVerdict(StrEnum):
    """What became of a feature."""

    HONOURED = "honoured"
    RENAMED = "renamed"
    IGNORED = "ignored"
    ALTERED = "altered"
    REFUSED = "refused"
    REFUSED_BADLY = "refused-badly"
    UNTESTED = "untested"


def error_object(interaction: Interaction) -> dict[str, object] | None:
    """The error in an answer, whatever its dialect; None when there is none."""
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
    """What an answer says, in brief."""
    error = error_object(interaction)
    if error is not None:
        return str(error["message"])[:300]
    return interaction.body[:120].decode("utf-8", "replace") or "nothing"


def top_level_field(param: str) -> str:
    """The field that the `param` of an error is in: `images` for `images[0].url`."""
    return param.replace("[", ".").partition(".")[0]


def describe_outcome(interaction: Interaction) -> str:
    """How an answer ended, in brief."""
    if interaction.problem:
        return interaction.problem
    if interaction.is_success:
        return f"{interaction.status} {interaction.content_type}"
    if error_object(interaction) is None:
        return f"{interaction.status} {interaction.content_type}: {error_text(interaction)}"
    return f"{interaction.status}: {error_text(interaction)}"


def event_type(data: Any) -> str:
    """The type that an event's data names."""
    return str(data.get("type")) if isinstance(data, dict) else "no JSON"
