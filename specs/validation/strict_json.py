"""Read JSON strictly, so that all parsers understand the same value."""

import json
import math
import re
from collections.abc import Callable
from typing import Any

Pairs = list[tuple[str, Any]]
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")


def decoder(
    max_digits: int, object_pairs_hook: Callable[[Pairs], dict[str, Any]] = dict
) -> json.JSONDecoder:
    """
    A decoder that raises `ValueError` for NaN and for too large or too long numbers.

    `object_pairs_hook` makes an object from its fields.
    """

    def integer(text: str) -> int:
        return int(_no_longer(text))

    def number(text: str) -> float:
        found = float(_no_longer(text))
        if math.isinf(found):
            raise ValueError(f"{text[:20]} is out of range")
        return found

    def _no_longer(text: str) -> str:
        if len(text) > max_digits:
            raise ValueError(f"a number has more than {max_digits} digits")
        return text

    return json.JSONDecoder(
        object_pairs_hook=object_pairs_hook,
        parse_constant=_reject_constant,
        parse_float=number,
        parse_int=integer,
    )


def _reject_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def estimate_values(data: bytes) -> int:
    """An upper bound of the number of values in a JSON text."""
    return 1 + sum(map(data.count, (b",", b"[", b"{")))


def count_values(value: Any, *, max_depth: int, max_values: int) -> int:
    """
    Count the values in a value, without recursion.

    Raises `ValueError` for more than `max_values`, or more than `max_depth` levels.
    """
    count, deep, level = 0, 0, [value]
    while level:
        count += len(level)
        deep += 1
        if deep > max_depth:
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
    """Raise `ValueError` if a text contains half of a surrogate pair."""
    if _SURROGATE_ESCAPE.search(data):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("it holds half of a surrogate pair") from None
