"""Find the places of a page that claims cite, such as `n` in `M1#n`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from contracts.sources.lines import Line, Page

_DEEPEST = 6  # the level of the smallest heading
_TYPE = re.compile(
    r"\W*(string|integer|number|boolean|array|object|enum|file|float|int|bool)\b"
    r"|\s*\(|\s*:\s",
    re.IGNORECASE,
)
# A member of an object in JSON, or an option of a command: part of an example.
_EXAMPLE = re.compile(r"""["'][\w.-]+["']\s*:|--\w""")


@dataclass(frozen=True, slots=True)
class Hint:
    """The text of the lines at which a place begins and ends; empty if not given."""

    at: str = ""
    to: str = ""


NO_HINT = Hint()


def sections(page: Page, places: Mapping[str, Hint]) -> dict[str, list[Line]]:
    """
    The lines of each place that the page has; the empty place is the whole page.

    A place is a heading with what is below it, a row of a table or a line with what
    follows until the next place, or else the lines that contain the name. If it occurs
    several times, all are taken.
    """
    lines = page.lines
    anchors = _anchors(lines, places)
    marks = {index for found in anchors.values() for index in found}
    result: dict[str, list[Line]] = {}
    for place, hint in places.items():
        if not place:
            result[place] = list(lines)
        elif indices := anchors[place]:
            spans = [range(i, _end(lines, i, hint, marks)) for i in indices]
            kept = sorted({index for span in spans for index in span})
            result[place] = [lines[index] for index in kept]
        elif found := _mentions(lines, place):
            result[place] = found
    return result


def _anchors(
    lines: Sequence[Line], places: Mapping[str, Hint]
) -> dict[str, Sequence[int]]:
    """The lines at which places begin. `a/b` is the first `b` after `a`, and no `b`."""
    found = {place: _begins(lines, place, hint) for place, hint in places.items()}
    for place in places:
        outer, slash, inner = place.partition("/")
        if found[place] or not slash:
            continue
        starts = _begins(lines, outer, places.get(outer, NO_HINT))
        after = [i for i in _begins(lines, inner, NO_HINT) if starts and i > starts[0]]
        if after:
            found[place] = after[:1]
            if inner in found:
                found[inner] = [i for i in found[inner] if i != after[0]]
    return found


def _begins(lines: Sequence[Line], place: str, hint: Hint) -> Sequence[int]:
    """The lines at which a place begins, by the surest sign that there is."""
    slug = _slug(hint.at or place)
    if not slug:
        return ()
    exact = [i for i, line in enumerate(lines) if slug in _names(line)]
    if exact or hint.at:
        return exact
    leading = [i for i, line in enumerate(lines) if _leads(line.text, place)]
    if leading:
        return leading
    titled = [
        i
        for i, line in enumerate(lines)
        if line.level and f"-{slug}-" in f"-{_slug(line.text)}-"
    ]
    return titled or [i for i, line in enumerate(lines) if _has_path(line.text, place)]


def _names(line: Line) -> Iterator[str]:
    """The names of a line: its text, its first cell and the fragments of its URL."""
    if not _EXAMPLE.match(line.text):
        yield _slug(line.text)
    if line.cells:
        yield _slug(line.cells[0])
    yield from map(_slug, line.ids)


def _leads(text: str, place: str) -> bool:
    """True for a line such as `size` string, or Authorization: Bearer."""
    stripped = text.lstrip("`\"'*- ")
    rest = stripped[len(place) :]
    is_first = stripped.casefold().startswith(place.casefold())
    return (
        is_first
        and not _EXAMPLE.match(text)
        and bool(_TYPE.match(rest.lstrip("`\"'*")))
    )


def _has_path(text: str, place: str) -> bool:
    """True for a line with a URL path that ends with the place."""
    return bool(re.search(rf"/{re.escape(place)}(?![a-z0-9_])", text))


def _mentions(lines: Sequence[Line], place: str) -> list[Line]:
    """The lines that contain a name which is no word of a language."""
    if not re.search(r"[\d_]|[a-z][A-Z]", place):
        return []
    name = re.compile(rf"(?<![\w-]){re.escape(place)}(?![\w-])")
    return [line for line in lines if name.search(line.text)]


def _end(lines: Sequence[Line], start: int, hint: Hint, marks: set[int]) -> int:
    """The index after the last line of the section that begins at a line."""
    first = lines[start]
    for index in range(start + 1, len(lines)):
        line = lines[index]
        if hint.to:
            is_over = _slug(hint.to) in _names(line)
        elif first.level:
            is_over = 0 < line.level <= first.level
        elif first.cells:
            is_over = index in marks or not line.cells
        else:
            is_over = index in marks or 0 < line.level <= _DEEPEST
        if is_over:
            return index
    return len(lines)


@lru_cache(maxsize=20_000)
def _slug(text: str) -> str:
    """A text as in the fragment of a URL: `Supported Models#` is `supported-models`."""
    kept = (each if each.isalnum() or each in "_." else "-" for each in text.casefold())
    return re.sub(r"-+", "-", "".join(kept)).strip("-.")
