"""
The facts in some lines of a page: names, numbers and a few words that decide.

They are a set of short texts in which no sentence is left, so that prose may change:

* names such as `b64_json`, `gpt-image-2` or `/v1/images`, and numbers;
* plain words where they stand alone in a line or cell, in quotes, in code, or in an
  enumeration, such as the values `low, medium, high`;
* `required`, `optional`, `deprecated`, `unsupported` and `bearer`, in the languages of
  the pages, and methods of HTTP;
* pairs: `default=auto`, `n=1` of an example, and `[4]=1` of the fourth cell of a row.
"""

import re
from collections.abc import Iterable, Iterator

from contracts.sources.lines import Line

MAX_LENGTH = 60  # characters; longer tokens are data, such as an image
MAX_DIGITS = 8  # of a number; longer ones are times and ids of examples
_TOKEN = re.compile(r"/?[A-Za-z0-9_$][A-Za-z0-9_.:/*\-]*", re.ASCII)
_WORD = r"[A-Za-z][A-Za-z0-9]*"
_VOLATILE = re.compile(
    r"(?i)last (updated|modified)|(modified|updated) (at|on)|\N{COPYRIGHT SIGN}"
    r"|copyright|最后更新|更新时间|更新時間|修改时间"
)
_KEYWORDS = {
    "bearer": r"\bbearer\b",
    "required": r"required|mandatory|必填|必須|必选",
    "optional": r"optional|not required|可选|可選|選填",
    "deprecated": r"deprecated|弃用|棄用|废弃",
    "unsupported": r"unsupported|(?:not|n't) supported|不支持|不支援",
}
_KEYWORD_PATTERNS = {
    name: re.compile(pattern, re.IGNORECASE) for name, pattern in _KEYWORDS.items()
}
_LABELS = {"required", "optional"}  # that are facts as a label alone
_MAX_LABEL_LINE = 40  # characters; a longer line is a sentence
_NOT_REQUIRED = re.compile(r"(?i)not required")
_DEFAULT = re.compile(
    r"(?:\bdefaults?(?: value)?(?: to| is|:| =)|(?:默认|預設|默認)值?[:\uff1a为為是])"
    r"\s*[`\"'“]?(-?[A-Za-z0-9][\w.:/\-]*)",
    re.IGNORECASE | re.ASCII,
)
_PAIR = re.compile(
    r"""["']([\w.\-]+)["']\s*:\s*(["']?)([\w.:/\-]+)\2(?=\s*[,}\]]|\s*$)"""
)
_QUOTED = re.compile(r"""(["'`“])([A-Za-z0-9_][\w.:/\-]*)[=]?["'`”]""")
_ITEM = rf"[`\"']?({_WORD}(?:-{_WORD})*)[`\"']?"
_COMMA = r"[,、\uff0c]"
_ENUMERATION = re.compile(
    rf"{_ITEM}(?:\s*{_COMMA}\s*{_ITEM})+"
    rf"(?:{_COMMA}?(?:\s+(?:and|or)\s+|\s*[或和]\s*){_ITEM}"
    rf"|(?=\s*(?:[.;)\]。\uff1b]|$)))"
)
_ITEMS = re.compile(_ITEM)
_LIST_NUMBER = re.compile(r"^\d+[.)]\s")
_RANGE = re.compile(r"(\d+)-(\d+)")
_TYPES = {
    *("string", "integer", "number", "boolean", "array", "object", "null", "enum"),
    *("file", "float", "int", "bool", "list", "binary"),
}
_TYPE_LINE = re.compile(r"[\w\s|<>/\[\](),·]+")
_METHOD = re.compile(r"\b(?:GET|POST|PUT|PATCH|DELETE)\b")
_CONJUNCTIONS = {"and", "or"}
_STATED = {"yes", "no", "true", "false", "n/a", "none"}


def facts_of(lines: Iterable[Line]) -> frozenset[str]:
    """The facts in some lines."""
    found: set[str] = set()
    for line in lines:
        if _VOLATILE.search(line.text):
            continue
        for number, cell in enumerate(line.cells, 1):
            found.update(_text_facts(cell))
            token = cell.strip("`\"' ")
            if _is_single(token) and _is_value(token):
                found.add(f"[{number}]={_normalize(token)}")
        if not line.cells:
            found.update(_text_facts(_LIST_NUMBER.sub("", line.text)))
    return frozenset(found)


def words_of(lines: Iterable[Line]) -> frozenset[str]:
    """All words and numbers in some lines, written as in facts."""
    return frozenset(
        each for line in lines for raw in _tokens(line.text) for each in _split(raw)
    )


def is_word(fact: str) -> bool:
    """True for a fact that is a word or number of the page: no pair, no keyword."""
    return "=" not in fact and fact not in _KEYWORDS


def _text_facts(text: str) -> Iterator[str]:
    """The facts in a line or cell."""
    for raw in _tokens(text):
        yield from (each for each in _split(raw) if _is_name(each))
    lone = text.strip("`\"'*,;:#• ")
    if _is_single(lone) and _is_value(lone) and lone not in _CONJUNCTIONS:
        yield _normalize(lone)
    yield from _METHOD.findall(text)
    if _TYPE_LINE.fullmatch(text):
        words = re.findall(r"[a-z]+", text)
        if words and _TYPES.issuperset(words):
            yield from words
    for _, word in _QUOTED.findall(text):
        if len(word) <= MAX_LENGTH:
            yield from _split(word)
    for match in _ENUMERATION.finditer(text):
        yield from _enumerated(match[0])
    for name, pattern in _KEYWORD_PATTERNS.items():
        if name in _LABELS and len(text) > _MAX_LABEL_LINE:
            continue
        said = _NOT_REQUIRED.sub("", text) if name == "required" else text
        if pattern.search(said):
            yield name
    for value in _DEFAULT.findall(text):
        yield f"default={_normalize(value)}"
    for name, _, value in _PAIR.findall(text):
        if _normalize(value) and not _is_data(value):
            yield f"{name}={_normalize(value)}"


def _enumerated(text: str) -> Iterator[str]:
    """
    The items of an enumeration of single words, of which there are at least three.

    Two words with a comma between them are prose.
    """
    items = [each for each in _ITEMS.findall(text) if each not in _CONJUNCTIONS]
    if len(items) > 2:
        yield from items


def _tokens(text: str) -> Iterator[str]:
    plain = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text).replace(
        "\N{MULTIPLICATION SIGN}", "x"
    )
    for token in _TOKEN.findall(plain):
        yield _normalize(token)


def _normalize(token: str) -> str:
    return token.strip("$").rstrip(".:/-*")


def _split(token: str) -> Iterator[str]:
    """The token, or the numbers of a range such as 0-100."""
    if match := _RANGE.fullmatch(token):
        yield from match.groups()
    elif token:
        yield token


def _is_single(text: str) -> bool:
    return bool(text) and bool(_TOKEN.fullmatch(text)) and not _is_data(text)


def _is_value(text: str) -> bool:
    """False for a capitalised word, such as one of a heading."""
    return not text[0].isupper() or text.lower() in _STATED


def _is_data(token: str) -> bool:
    return len(token) > MAX_LENGTH or bool(token.isdigit() and len(token) > MAX_DIGITS)


def _is_name(token: str) -> bool:
    """True for a number, and for a word that is no word of a language."""
    if _is_data(token):
        return False
    return bool(
        re.search(r"[\d_]", token)
        or re.match(r"/[a-z]|https?://", token)
        or re.match(r"[a-z]+[A-Z]", token)
        or re.fullmatch(r"[A-Z][a-z]+(-[A-Z][a-z]+)+", token)
        or re.fullmatch(r"[a-z]{2,}(\.[a-z]{2,})+", token)
    )
