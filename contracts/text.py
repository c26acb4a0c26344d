"""Words, numbers and strangers' text, as every format writes them."""

import re
import time
from collections.abc import (
    Iterable,
)
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

STOP_REASONS = {
    "budget": "its budget, of cases or of money, allowed no more",
    "interrupt": "it was interrupted",
    "errors": "its target answered with nothing but errors any more; see to it, and "
    "go on with --resume",
}

NO_VALUE = "\N{EN DASH}"
_NUMBERS = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
)
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069"
    "\ud800-\udfff\ufdd0-\ufdef\ufeff\ufffe\uffff]"
)


def printable(text: str) -> str:
    """
    Text with what cannot be seen written out: controls, half pairs, turns of direction.

    What is left is legal in XML and HTML, and harmless to a terminal.
    """
    return _UNPRINTABLE.sub(_escape, text.replace("\r\n", "\n"))


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def one_line(text: str) -> str:
    """The same, with every run of white space as one space."""
    return " ".join(printable(text).split())


def clip(text: str, limit: int) -> str:
    """Text of bounded length, which says what it lacks."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}\n… {len(text) - limit:,} more characters"


def safe_url(url: str) -> str:
    """A URL that may be followed; nothing for `javascript:` and its like."""
    return url if re.match(r"https?://", url, re.IGNORECASE) else ""


def pluralize(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def in_words(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def join_words(words: Iterable[str]) -> str:
    """`a, b and c`."""
    *most, last = list(words) or [""]
    return f"{', '.join(most)} and {last}" if most else last


def format_amount(value: float) -> str:
    """Money with the digits that matter."""
    if value and value < 0.1:
        return f"{value:.4f}"
    return f"{value:,.2f}" if value else "0"


def format_money(total: float | None, currency: str | None) -> str:
    """A sum with its currency; a dash where no price is documented."""
    return (
        NO_VALUE
        if total is None
        else f"{format_amount(total)} {currency or ''}".strip()
    )


def format_date(started: str) -> str:
    """`21 Nov 2026, 13:05 UTC`; what is no date stays as it is."""
    try:
        when = datetime.fromisoformat(started)
    except ValueError:
        return started
    if when.tzinfo is not None:
        when = when.astimezone(UTC)
    return f"{when.day} {when:%b %Y, %H:%M} UTC"


def format_elapsed(started: float) -> str:
    return f"{time.monotonic() - started:.1f} s"


def _truncate(text: str) -> str:
    return text if len(text) <= 4000 else f"{text[:400]}…({len(text)} characters)"
