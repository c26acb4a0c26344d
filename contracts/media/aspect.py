"""Aspects: the facts of a response about a request, in words that can be compared."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class AspectValue:
    """
    The value of one aspect of a response.

    Responses with the same `category` agree: two images for `n=2` and ten for `n=10`
    both have the category `as asked`. `text` is the value to show, `note` a detail.
    """

    category: str
    text: str
    note: str = ""


Aspects = Iterator[tuple[str, AspectValue]]
AS_ASKED, NOT_AS_ASKED = "as asked", "not as asked"


def plain_aspect(category: str) -> AspectValue:
    """A value that is shown as its category."""
    return AspectValue(category, category)


def compare_with_request(actual: str, requested: Any) -> AspectValue:
    """A value whose category is the match with the request, if that sets a value."""
    if requested is None or requested == "auto":
        return plain_aspect(actual)
    return AspectValue(AS_ASKED if actual == requested else NOT_AS_ASKED, actual)


def join_distinct(words: Iterable[str]) -> str:
    """The different words, in order; `nothing` if there are none."""
    return " and ".join(dict.fromkeys(words)) or "nothing"
