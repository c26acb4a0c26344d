"""Decode the results of a task."""

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from contracts.judging.interaction import Interaction
from contracts.media.base import Output
from contracts.media.registry import MEDIA


@dataclass(frozen=True, slots=True)
class Result:
    """
    A result of a task.

    `output` is the decoded file, None if there is none. `problem` is the reason why it
    does not decode, in words that follow "the result"; None if it does.
    """

    medium: str
    form: str
    output: Output | None
    problem: str | None


def decode_result(medium: str, form: str, value: Any) -> Result:
    """The result of a value of a body, or of the response to its URL. Blocks."""
    if isinstance(value, Interaction):
        problem = _problem(medium, value)
        return (
            _decoded(medium, form, value.body)
            if problem is None
            else Result(medium, form, None, problem)
        )
    text = str(value)
    if form == "data_uri":
        head, _, text = text.partition(",")
        if not head.endswith(";base64"):
            return Result(medium, form, None, "has a data URI that is not base64")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        return Result(medium, form, None, f"is not base64: {error}")
    return _decoded(medium, form, data)


def _problem(medium: str, response: Interaction) -> str | None:
    if response.problem or response.status != 200:
        return f"was not returned by its URL: {response.problem or response.status}"
    expected, found = MEDIA[medium].content_type, response.content_type
    is_generic = found in {"application/octet-stream", "binary/octet-stream"}
    if found.startswith(expected) or is_generic:
        return None
    return f"has the content type {found or 'none'}, not {expected}*"


def _decoded(medium: str, form: str, data: bytes) -> Result:
    output = MEDIA[medium].decode(data)
    return Result(medium, form, output, output.problem)
