"""Read a page as lines of text: HTML, Markdown or plain text."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from html.parser import HTMLParser

# What the page of a documentation has around its content.
_SKIPPED = {
    *("script", "style", "noscript", "template", "svg", "nav", "footer", "aside"),
    *("select", "button", "head"),
}
_BLOCKS = {
    *("address", "article", "blockquote", "br", "dd", "details", "div", "dl", "dt"),
    *("fieldset", "figure", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr"),
    *("li", "main", "ol", "p", "pre", "section", "summary", "table", "tbody", "thead"),
    *("tr", "ul"),
}
_CELLS = {"td", "th"}
_HEADING = re.compile(r"h[1-6]")
_MARKDOWN_HEADING = re.compile(r"(#{1,6})\s+(.*)")
_MARKDOWN_RULE = re.compile(r"[\s|:-]*-[\s|:-]*")
_UNESCAPED_BAR = re.compile(r"(?<!\\)\|")


class Form(StrEnum):
    """The form of a page. In HTML more is marked as code than in its text."""

    HTML = "html"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Line:
    """
    A line of a page, with its white space as single spaces.

    `level` is 1 to 6 for a heading, else 0. `cells` are those of a row of a table.
    `ids` are the fragments of a URL that lead to it.
    """

    text: str
    level: int = 0
    cells: tuple[str, ...] = ()
    ids: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Page:
    """The lines of a page that have text."""

    lines: Sequence[Line]
    form: Form

    @property
    def length(self) -> int:
        """The number of characters of its text."""
        return sum(len(line.text) for line in self.lines)


def read_page(text: str, *, is_html: bool) -> Page:
    """The page of a response or of a saved file."""
    if is_html:
        reader = _HtmlReader()
        reader.feed(text)
        reader.close()
        return Page(reader.content(), Form.HTML)
    return Page(_text_lines(text), Form.TEXT)


def looks_like_html(text: str) -> bool:
    """True for text that begins as HTML does."""
    return bool(re.match(r"\s*<(!doctype html|html)\b", text, re.IGNORECASE))


def _text_lines(text: str) -> list[Line]:
    found = []
    for raw in text.splitlines():
        line = " ".join(raw.split())
        if not line or line.startswith("```"):
            continue
        heading = _MARKDOWN_HEADING.fullmatch(line)
        bars = len(_UNESCAPED_BAR.findall(line))
        if bars > 1 and (line[0] == "|" or line[-1] == "|"):
            if not _MARKDOWN_RULE.fullmatch(line):
                found.append(_row(_UNESCAPED_BAR.split(line.strip("|"))))
        elif heading:
            found.append(Line(heading[2], level=len(heading[1])))
        else:
            found.append(Line(line))
    return found


def _row(cells: Sequence[str], ids: frozenset[str] = frozenset()) -> Line:
    stripped = tuple(" ".join(each.split()) for each in cells)
    return Line(" | ".join(stripped), cells=stripped, ids=ids)


@dataclass
class _HtmlReader(HTMLParser):
    """Collects the lines of an HTML page; those in `main` alone if it has any."""

    lines: list[Line] = field(default_factory=list)
    main_lines: list[Line] = field(default_factory=list)
    _text: list[str] = field(default_factory=list)
    _cells: list[list[str]] = field(default_factory=list)
    _ids: set[str] = field(default_factory=set)
    _open: dict[str, int] = field(default_factory=dict)
    _skipped_tag: str = ""
    _skipped_depth: int = 0
    _level: int = 0

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def content(self) -> list[Line]:
        """The lines that were read."""
        self._end_line()
        return self.main_lines or self.lines

    def handle_starttag(
        self, tag: str, attributes: list[tuple[str, str | None]]
    ) -> None:
        if self._skipped_tag:
            self._skipped_depth += tag == self._skipped_tag
            return
        if tag in _SKIPPED:
            self._skipped_tag, self._skipped_depth = tag, 1
            return
        self._begin(tag)
        named = dict(attributes)
        for name in ("id", "name") if tag == "a" else ("id",):
            if value := named.get(name):
                self._ids.add(value)

    def _begin(self, tag: str) -> None:
        self._open[tag] = self._open.get(tag, 0) + 1
        if tag in _CELLS:
            self._cells.append([])
        elif tag in _BLOCKS:
            self._end_block(tag)
        elif tag == "code" and not self._open.get("pre"):
            self._add("`")
        if _HEADING.fullmatch(tag):
            self._level = int(tag[1])

    def handle_endtag(self, tag: str) -> None:
        if self._skipped_tag:
            self._skipped_depth -= tag == self._skipped_tag
            if not self._skipped_depth:
                self._skipped_tag = ""
            return
        if tag == "code" and not self._open.get("pre"):
            self._add("`")
        if tag in _BLOCKS:
            self._end_block(tag)
        self._open[tag] = max(0, self._open.get(tag, 0) - 1)

    def handle_data(self, data: str) -> None:
        if self._skipped_tag:
            return
        if self._open.get("pre") and not self._cells:
            *whole, last = data.split("\n")
            for line in whole:
                self._add(line)
                self._end_line()
            self._add(last)
        else:
            self._add(data)

    def _add(self, text: str) -> None:
        (self._cells[-1] if self._cells else self._text).append(text)

    def _end_block(self, tag: str) -> None:
        """End the line; inside a row, only the row itself ends it."""
        if self._cells and tag not in {"tr", "table"}:
            self._add(" ")
            return
        self._end_line()

    def _end_line(self) -> None:
        line = Line("")
        if self._cells:
            cells = ["".join(each) for each in self._cells]
            line = _row(cells, frozenset(self._ids))
        elif text := " ".join("".join(self._text).split()):
            line = Line(text, self._level, ids=frozenset(self._ids))
        if line.text.strip(" |`"):
            self.lines.append(line)
            if self._open.get("main"):
                self.main_lines.append(line)
            self._ids.clear()
        self._cells, self._text, self._level = [], [], 0
