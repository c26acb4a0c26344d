"""
Strict JSON: reject every text that JSON readers do not agree on.

Rejected are NaN, numbers out of range, lone surrogates, too many values and deep
nesting. Text that is not trusted cannot exhaust memory or the stack.
"""

import json
import math
import re
from collections.abc import Callable
from typing import Any

Pairs = list[tuple[str, Any]]
MAX_VALUES = 200_000  # a decoded value takes some hundred bytes
MAX_DEPTH = 100
MAX_DIGITS = 300
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


def decoder(
    max_digits: int, object_pairs_hook: Callable[[Pairs], dict[str, Any]] = dict
) -> json.JSONDecoder:
    """
    Create a decoder that raises `ValueError` for NaN and for numbers out of range.

    A number with more than `max_digits` characters raises `ValueError` as well.
    """

    def parse_integer(text: str) -> int:
        return int(check_length(text))

    def parse_float(text: str) -> float:
        number = float(check_length(text))
        if math.isinf(number):
            raise ValueError(f"{text[:20]} is out of range")
        return number

    def check_length(text: str) -> str:
        if len(text) > max_digits:
            raise ValueError(f"a number has more than {max_digits} digits")
        return text

    return json.JSONDecoder(
        object_pairs_hook=object_pairs_hook,
        parse_constant=_reject_constant,
        parse_float=parse_float,
        parse_int=parse_integer,
    )


def _reject_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_DECODER = decoder(MAX_DIGITS)


def strict_json(data: bytes, max_values: int = MAX_VALUES) -> Any:
    """
    Decode one JSON text in UTF-8 without a BOM.

    Raises `ValueError` if the text is not strict JSON, holds more than `max_values`
    values, or is nested deeper than `MAX_DEPTH` levels.
    """
    if (problem := value_limit_error(data, max_values)) is not None:
        raise ValueError(problem)
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


def value_limit_error(data: bytes, max_values: int = MAX_VALUES) -> str | None:
    """Describe an excess of values in a JSON text, before it is decoded; None if ok."""
    if (
        estimate_values(data) > max_values
        and estimate_values(_STRING.sub(b"", data)) > max_values
    ):
        return f"it holds more than {max_values:,} values"
    return None


def estimate_values(data: bytes) -> int:
    """Estimate the number of values in a JSON text; never less than their number."""
    # Three calls, between which other threads run: each takes milliseconds for 20 MB.
    return 1 + data.count(b",") + data.count(b"[") + data.count(b"{")


def count_values(value: Any, *, max_depth: int, max_values: int) -> int:
    """
    Count the values in a decoded value, without recursion.

    Raises `ValueError` for more than `max_values`, or for a nesting of more than
    `max_depth` levels.
    """
    count, depth, level = 0, 0, [value]
    while level:
        count += len(level)
        depth += 1
        if depth > max_depth:
            raise ValueError(f"it is nested deeper than {max_depth} levels")
        if count > max_values:
            raise ValueError(f"it holds more than {max_values:,} values")
        level = [
            part
            for each in level
            if isinstance(each, (dict, list))
            for part in (each.values() if isinstance(each, dict) else each)
        ]
    return count


def check_characters(data: bytes, value: Any) -> None:
    """Check the characters of a text; raises `ValueError` for a lone surrogate."""
    if _SURROGATE_ESCAPE.search(data):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("it holds half of a surrogate pair") from None
