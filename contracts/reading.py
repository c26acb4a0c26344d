"""JSON of strangers: read within bounds, or refused."""

import json
import math
import re
from typing import Any

MAX_VALUES = 200_000  # what is read takes some hundred bytes each
MAX_DEPTH = 100
MAX_DIGITS = 300  # of an integer; what is longer is no float either
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")


def excess(data: bytes, most: int = MAX_VALUES) -> str | None:
    """Why some bytes hold more values than are read at all; None if they do not."""
    if _values(data) > most and _values(_STRING.sub(b"", data)) > most:
        return f"it holds more than {most:,} values"
    return None


def strict_json(data: bytes, most: int = MAX_VALUES) -> Any:
    """
    The value of a text that every reader of JSON takes for the same.

    Raises `ValueError` for what is no JSON in UTF-8, and for what readers do not agree
    on: NaN, numbers out of range, halves of surrogate pairs, more values than `most`
    and very deep ones.
    """
    if (why := excess(data, most)) is not None:
        raise ValueError(why)
    too_deep = f"it is nested deeper than {MAX_DEPTH} levels"
    try:
        value = json.loads(
            data.decode("utf-8"),
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_integer,
        )
    except RecursionError:
        raise ValueError(too_deep) from None
    if data.count(b"[") + data.count(b"{") > MAX_DEPTH and _is_deep(value):
        raise ValueError(too_deep)
    if b"\\u" in data and _HALF.search(data) and not _is_unicode(value):
        raise ValueError("it holds half of a surrogate pair")
    return value


def _values(data: bytes) -> int:
    """How many values there may be: no fewer than there are."""
    return 1 + sum(data.count(each) for each in (b",", b"[", b"{"))


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:20]} is out of range")
    return number


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"{text[:20]}… has {len(text)} digits")
    return int(text)


def _is_deep(value: Any) -> bool:
    """Whether a value is nested too deeply, found without recursion."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            part
            for each in level
            if isinstance(each, (dict, list))
            for part in (each.values() if isinstance(each, dict) else each)
        ]
    return any(isinstance(each, (dict, list)) for each in level)


def _is_unicode(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
