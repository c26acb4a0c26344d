"""JSON of strangers: read within bounds, or refused."""

import re
from typing import Any

from specs.validation.strict_json import (
    check_characters,
    count_values,
    decoder,
    estimate_values,
)

MAX_VALUES = 200_000  # what is read takes some hundred bytes each
MAX_DEPTH = 100
MAX_DIGITS = 300
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_DECODER = decoder(MAX_DIGITS)


def value_limit_error(data: bytes, max_values: int = MAX_VALUES) -> str | None:
    """Why some bytes hold more values than are read at all; None if they do not."""
    if (
        estimate_values(data) > max_values
        and estimate_values(_STRING.sub(b"", data)) > max_values
    ):
        return f"it holds more than {max_values:,} values"
    return None


def strict_json(data: bytes, max_values: int = MAX_VALUES) -> Any:
    """
    The value of a text that every reader of JSON takes for the same.

    Raises `ValueError` for what is no JSON in UTF-8, and for what readers do not agree
    on: NaN, numbers out of range, halves of surrogate pairs, more values than `most`
    and very deep ones.
    """
    if (why := value_limit_error(data, max_values)) is not None:
        raise ValueError(why)
    text = data.decode("utf-8")
    if text.startswith("\ufeff"):
        raise ValueError("it begins with a BOM")
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels") from None
    if data.count(b"[") + data.count(b"{") > MAX_DEPTH:
        count_values(value, max_depth=MAX_DEPTH, max_values=max_values)
    check_characters(data, value)
    return value
