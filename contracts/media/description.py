"""Describe values of responses in messages: the value, its type, never long data."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from contracts.media.base import Output
from contracts.text import one_line, pluralize

MAX_TEXT = 80  # characters of a text that are shown
MAX_NAMES = 6  # fields of an object that are named
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{64,}={0,2}")
_DATA_URI = re.compile(r"data:([\w.+-]*/?[\w.+-]*)[^,]{0,40},")
_TYPE_NAMES = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "list",
    dict: "object",
    type(None): "null",
}


def describe_value(value: Any) -> str:
    """
    The value and its type: `null`, `2 (integer)`, `a list of 1 object`.

    Of a long text only the beginning is shown, of base64 only its length.
    """
    if value is None:
        return "null"
    if isinstance(value, bool | int | float):
        return f"{json.dumps(value)} ({_TYPE_NAMES[type(value)]})"
    if isinstance(value, str):
        return _describe_text(value)
    if isinstance(value, list):
        return _describe_list(value)
    if isinstance(value, dict):
        return _describe_object(value)
    return f"{one_line(str(value))[:MAX_TEXT]} ({type(value).__name__})"


def _describe_text(text: str) -> str:
    if not text:
        return '"" (an empty string)'
    data_uri = _DATA_URI.match(text)
    if data_uri:
        label = data_uri[1] or "no media type"
        return f"a data URI labelled {label} of {len(text):,} characters"
    if _BASE64.fullmatch("".join(text[:4096].splitlines())):
        return f"a string of {len(text):,} characters of base64"
    beginning = one_line(shorten_base64(text[:2000]))
    shown = json.dumps(beginning[:MAX_TEXT], ensure_ascii=False)
    if len(beginning) > MAX_TEXT:
        return f'{shown[:-1]}…" (string of {len(text):,} characters)'
    return f"{shown} (string)"


def _describe_list(values: Sequence[Any]) -> str:
    if not values:
        return "an empty list"
    names = {_TYPE_NAMES.get(type(each), "value") for each in values}
    if names == {"null"}:
        return f"a list of {len(values):,} null"
    noun = names.pop() if len(names) == 1 else "value"
    return f"a list of {pluralize(len(values), noun)}"


def _describe_object(value: dict[str, Any]) -> str:
    if not value:
        return "an empty object"
    shown = ", ".join(one_line(str(each))[:40] for each in [*value][:MAX_NAMES])
    more = len(value) - MAX_NAMES
    return f"an object with {shown}" + (f" and {more} more fields" if more > 0 else "")


def describe_output(output: Output | None) -> str:
    """`PNG 1024x1024`, or what is wrong with an image."""
    return "not fetched" if output is None else output.summary


def describe_bytes(data: bytes) -> str:
    """`20 bytes that begin with b'<html>'`."""
    return f"{len(data):,} bytes that begin with {data[:16]!r}" if data else "0 bytes"


def describe_outputs(outputs: Iterable[Output | None], noun: str) -> str:
    """`2 images (2 times PNG 1024x1024)`; the noun is that of the medium."""
    counts = Counter(map(describe_output, outputs))
    total = sum(counts.values())
    texts = [
        text if count == total == 1 else f"{count} times {text}"
        for text, count in counts.items()
    ]
    return pluralize(total, noun) + (f" ({', '.join(texts)})" if texts else "")


def shorten_base64(text: str) -> str:
    """A text with each long run of base64 replaced by its length."""
    return _BASE64.sub(lambda run: f"…({len(run[0]):,} characters of base64)", text)
