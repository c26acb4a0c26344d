"""Inline the references of a document and check its keywords; keep the places."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from specs.documents.reading.dates import as_of
from specs.documents.reading.pointers import escape_pointer, unescape_pointer
from specs.documents.reading.problems import Problems
from specs.errors import SpecError
from specs.validation import vocabulary
from specs.validation.engine import compile_validator
from specs.validation.evidence import Basis


class ResolvedDocument:
    """
    A document with its references inlined, and the place of each of its parts.

    `pointer_of(node)` gives the JSON pointer of a mapping as authored, so that a claim
    behind a reference still points at its own line. Where problems are collected, an
    unresolved reference becomes an empty mapping, which is a gap.

    With a `day`, `document` and `root` are the document as of that day; the keywords of
    the other parts are checked as well.
    """

    def __init__(
        self,
        file: str,
        document: Any,
        problems: Problems | None = None,
        *,
        day: str = "",
    ) -> None:
        self.file = file
        self._problems = problems or Problems()
        self._invalid: set[str] = set()  # pointers of parts that are left out
        self._gaps: set[int] = set()
        self._pointers: dict[int, str] = {}
        # Kept, because an id is unique only as long as its value lives.
        self._resolved_nodes: list[Any] = []
        # Where problems are collected, a wrong part is removed from each use by itself.
        self._targets: dict[str, Any] = {}
        if not isinstance(document, dict):
            self.report("", "is not a mapping", "Begin with `openapi: 3.1.0`")
            document = {}
        self.checks = not self._problems.known_valid
        checked = document if self.checks else {}
        for pointer, problem, remedy in _keyword_problems(checked):
            self.report(pointer, problem, remedy)
            self._invalid.update(_keyword_place(pointer))
        self.document: dict[str, Any] = document
        self.places: Mapping[int, str] = {}
        if day:
            self._leave_out(day)
        self.root: dict[str, Any] = self._resolve(self.document, "", ())

    def _leave_out(self, day: str) -> None:
        """Keep what is in force on a day, with the places of the whole document."""
        dated = as_of(self.document, day)
        self.document, self.places = dated.content, dated.places
        for pointer, reference in dated.broken:
            self.report(
                pointer,
                f"{reference} is not in force on {day}",
                "Give this part the dates of its target, or let it refer to another",
            )

    def pointer_of(self, node: Any) -> str:
        return self._pointers.get(id(node), "")

    def report(self, pointer: str, problem: str, remedy: str, paste: str = "") -> None:
        """Raises `SpecError` unless problems are collected."""
        error = SpecError(self.file, pointer, problem, remedy, paste)
        self._problems.report(error)

    def mark_gap(self, node: Any) -> None:
        """Remember that a part of a mapping is missing because it was wrong."""
        self._gaps.add(id(node))

    def has_gap(self, node: Any) -> bool:
        """True if a problem of a part was reported: what is missing may be there."""
        return id(node) in self._gaps

    def _resolve(self, node: Any, pointer: str, seen: tuple[str, ...]) -> Any:
        if isinstance(node, list):
            return [
                self._resolve(each, f"{pointer}/{at}", seen)
                for at, each in enumerate(node)
            ]
        if not isinstance(node, dict):
            return node
        pointer = self.places.get(id(node), pointer)
        if "$ref" in node and isinstance(node["$ref"], str):
            return self._resolve_reference(node, pointer, seen)
        result = {
            str(key): self._resolve(value, place, seen)
            for key, value in node.items()
            if (place := f"{pointer}/{escape_pointer(key)}") not in self._invalid
        }
        return self._record_pointer(result, pointer)

    def _resolve_reference(
        self, node: dict[str, Any], pointer: str, seen: tuple[str, ...]
    ) -> Any:
        reference = node["$ref"]
        siblings = {key: value for key, value in node.items() if key != "$ref"}
        if not siblings and reference in self._targets:
            return self._targets[reference]
        target = self._lookup(reference, pointer)
        if reference in seen:
            self.report(pointer, f"{reference} refers to itself", "Remove the cycle")
            target = _MISSING
        if target is _MISSING:
            gap = self._record_pointer({}, pointer)
            self.mark_gap(gap)
            return gap
        found = self._resolve(target, reference.removeprefix("#"), (*seen, reference))
        if not siblings:
            if not self._problems.collects:
                self._targets[reference] = found
            return found
        own = self._resolve(siblings, pointer, seen)
        found = found if isinstance(found, dict) else {}
        return self._record_pointer({**found, **own}, pointer)

    def _lookup(self, reference: str, pointer: str) -> Any:
        node: Any = self.document
        if not reference.startswith("#/"):
            self.report(
                pointer,
                f"{reference} points outside the document",
                "Every document stands alone: use '#/…'",
            )
            return _MISSING
        for step in reference.removeprefix("#/").split("/"):
            key = unescape_pointer(step)
            if not isinstance(node, dict) or key not in node:
                hint = did_you_mean(key, node if isinstance(node, dict) else ())
                self.report(
                    pointer,
                    f"unresolved reference {reference}: there is no '{key}'",
                    f"{hint}Fix the reference, or add its target",
                )
                return _MISSING
            node = node[key]
        return node

    def _record_pointer(self, node: Any, pointer: str) -> Any:
        self._pointers[id(node)] = pointer
        self._resolved_nodes.append(node)
        return node


_MISSING = object()
MAX_LISTED_WORDS = 20  # beside a near one


def walk(node: Any, pointer: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each mapping that may contain keywords, with its pointer; no examples."""
    if isinstance(node, dict):
        yield pointer, node
        for key, value in node.items():
            if key not in {"value", "example", "enum", "const", "default"}:
                yield from walk(value, f"{pointer}/{escape_pointer(key)}")
    elif isinstance(node, list):
        for at, value in enumerate(node):
            yield from walk(value, f"{pointer}/{at}")


def _keyword_problems(document: Any) -> Iterator[tuple[str, str, str]]:
    """Yield place, problem and remedy of each key that is not understood."""
    known = [*vocabulary.KEYWORDS, *vocabulary.ANNOTATIONS]
    for pointer, node in walk(document):
        for word, value in node.items():
            if not isinstance(word, str):
                yield (
                    f"{pointer}/{word}",
                    f"the key {word!r} is not text",
                    "Quote it: YAML reads numbers, on, off, yes and no as values",
                )
            elif not word.startswith("x-") or pointer.endswith("/headers"):
                continue
            elif word not in known:
                yield (
                    f"{pointer}/{word}",
                    f"unknown keyword '{word}'",
                    suggestion(word, known),
                )
            else:
                yield from _value_problems(f"{pointer}/{word}", word, value)


def _value_problems(
    pointer: str, keyword: str, value: Any
) -> Iterator[tuple[str, str, str]]:
    if keyword == "x-basis" and value not in list(Basis):
        yield pointer, f"unknown basis '{value}'", f"Choose from: {', '.join(Basis)}"
    if keyword in vocabulary.LIMITS:
        known = vocabulary.LIMITS[keyword]
        unknown = sorted(set(value) - set(known)) if isinstance(value, dict) else ["?"]
        if unknown:
            yield (
                pointer,
                f"'{keyword}' has no limit '{unknown[0]}'",
                suggestion(unknown[0], known),
            )
            return
    for error in compile_validator(
        vocabulary.VALUE_SCHEMAS.get(keyword, {})
    ).iter_errors(value):
        below = "".join(f"/{step}" for step in error.instance_path)
        problem = f"'{keyword}' is not valid: {error.message[:300]}"
        yield f"{pointer}{below}", problem, f"It is {expected(keyword)}"


def _keyword_place(pointer: str) -> Iterator[str]:
    """Yield the pointer of the innermost `x-` keyword on a pointer, if there is one."""
    steps = pointer.split("/")
    for at in reversed(range(len(steps))):
        if steps[at].startswith("x-"):
            yield "/".join(steps[: at + 1])
            return


def close_words(word: str, known: Iterable[str]) -> list[str]:
    """The nearest of some words, in a list; empty if none is near."""
    return get_close_matches(word, [str(each) for each in known], 1)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The question for the nearest of some words; empty if none is near."""
    return "".join(f"Did you mean '{each}'? " for each in close_words(word, known))


def suggestion(word: str, known: Iterable[str]) -> str:
    """The remedy for an unknown word: the nearest known one, and all if few."""
    words = list(known)
    question = did_you_mean(word, words)
    if question and len(words) > MAX_LISTED_WORDS:
        return f"{question}Or remove it"
    return f"{question}Known are: {', '.join(words)}"


def expected(keyword: str) -> str:
    meanings = {**vocabulary.MEANINGS, **vocabulary.ANNOTATIONS}
    return meanings[keyword]
