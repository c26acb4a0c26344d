"""Format words, numbers, dates and untrusted text for all reports."""

import re
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

STOP_REASONS = {
    "budget": "the limit of cases or money was reached",
    "interrupt": "it was interrupted",
    "errors": "the target returned too many errors in a row; fix it, and continue with "
    "--resume",
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
    Text with control characters, surrogates and direction marks escaped.

    The result is legal in XML and HTML, and safe for a terminal.
    """
    return _UNPRINTABLE.sub(_escape, text.replace("\r\n", "\n"))


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def one_line(text: str) -> str:
    """Printable text with each run of white space as one space."""
    return " ".join(printable(text).split())


def clip(text: str, limit: int) -> str:
    """The first `limit` characters, with a note of how many are missing."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}\n… {len(text) - limit:,} more characters"


def safe_url(url: str) -> str:
    """An HTTP URL as it is; empty for other schemes such as `javascript:`."""
    return url if re.match(r"https?://", url, re.IGNORECASE) else ""


def pluralize(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def in_words(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def join_words(words: Iterable[str]) -> str:
    """`a, b and c`."""
    *most, last = list(words) or [""]
    return f"{', '.join(most)} and {last}" if most else last


def join_some(words: Sequence[str], limit: int) -> str:
    """`a, b and 3 more`: the first `limit` words, and the number of the others."""
    more = len(words) - limit
    return join_words([*words[:limit], f"{more} more"] if more > 0 else words)


def format_amount(value: float) -> str:
    """An amount of money with 2 decimals, or 4 if it is below 0.1."""
    if value and value < 0.1:
        return f"{value:.4f}"
    return f"{value:,.2f}" if value else "0"


def format_money(total: float | None, currency: str | None) -> str:
    """A sum with its currency; a dash if no price is documented."""
    return (
        NO_VALUE
        if total is None
        else f"{format_amount(total)} {currency or ''}".strip()
    )


def format_date(started: str) -> str:
    """`21 Nov 2026, 13:05 UTC`; an invalid date is returned as it is."""
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
