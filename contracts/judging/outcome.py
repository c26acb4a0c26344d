"""Verdicts on features, and error responses of all dialects in common terms."""

from collections import Counter
from enum import StrEnum
from typing import Any

from contracts.judging.interaction import Interaction
from contracts.media.description import describe_outputs, shorten_base64
from contracts.text import one_line, pluralize

MAX_EXCERPT_LENGTH = 160  # characters


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
    error = error_fields(interaction.object)
    return error if isinstance(error.get("message"), str) else None


def error_fields(body: Any) -> dict[str, Any]:
    """
    The fields of an error, such as `code`, `message` and `param`, in any known form.

    They are in `error`, in the body itself, or in `detail`. Empty for other bodies.
    """
    if not isinstance(body, dict):
        return {}
    error = body.get("error")
    if isinstance(error, dict):
        return error
    if isinstance(error, str) and error:
        code = {"code": body["code"]} if "code" in body else {}
        return {**code, "message": error}
    if "detail" in body:
        return _detail_fields(body["detail"])
    if "error_code" in body:
        return {"code": body["error_code"], "message": body.get("error_msg")}
    return body


def _detail_fields(detail: Any) -> dict[str, Any]:
    """The error in `detail`: a text, an object with `error`, or a list of problems."""
    if isinstance(detail, list) and detail and isinstance(detail[0], dict):
        steps = detail[0].get("loc") or [None]
        param = steps[1:2] if isinstance(steps, list) else []
        found = {"message": detail[0].get("msg"), "type": detail[0].get("type")}
        return {**found, "param": param[0]} if param else found
    if isinstance(detail, dict):
        return {"message": detail.get("error")}
    return {"message": detail} if isinstance(detail, str) else {}


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
    """The response with its content or error message, or why there is none."""
    if interaction.problem:
        return interaction.problem
    error = error_object(interaction)
    if interaction.is_success or error is None:
        return describe_response(interaction)
    return f"{interaction.status}: {error_text(interaction)}"


def describe_response(interaction: Interaction) -> str:
    """`200 application/json with 1 image (PNG 1024x1024)`, `500 text/html: <html>…`."""
    content_type = interaction.content_type or "without a content type"
    start = f"{interaction.status} {content_type}"
    if interaction.is_success and interaction.is_stream:
        return f"{start} with {_describe_events(interaction)}"
    if interaction.success_outputs:
        shown = describe_outputs(interaction.outputs, interaction.medium.noun)
        return f"{start} with {shown}"
    return f"{start}: {body_excerpt(interaction)}"


def _describe_events(interaction: Interaction) -> str:
    types = Counter(interaction.event_names)
    shown = ", ".join(f"{count} {type_}" for type_, count in list(types.items())[:5])
    return pluralize(len(interaction.events), "event") + (
        f" ({shown})" if shown else ""
    )


def body_excerpt(interaction: Interaction) -> str:
    """The first 160 characters of the body in one line, base64 by its length."""
    text = interaction.body[:2000].decode("utf-8", "replace")
    text = shorten_base64(one_line(text)) or "an empty body"
    is_cut = len(text) > MAX_EXCERPT_LENGTH
    return f"{text[:MAX_EXCERPT_LENGTH]}…" if is_cut else text
