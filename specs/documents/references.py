"""Inline the references of a document and check its keywords; keep the places."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from specs.errors import SpecError
from specs.validation import vocabulary
from specs.validation.engine import compile_validator
from specs.validation.evidence import Basis


class ResolvedDocument:
    """
    A document with its references inlined, and the place of each of its parts.

    `pointer_of(node)` gives the JSON pointer of a mapping as authored, so that a claim
    behind a reference still points at its own line.
    """

    def __init__(self, file: str, document: Any) -> None:
        self.file = file
        self._pointers: dict[int, str] = {}
        # Kept, because an id is unique only as long as its value lives.
        self._resolved_nodes: list[Any] = []
        self._document = document
        if not isinstance(document, dict):
            raise self.error("", "is not a mapping", "Begin with `openapi: 3.1.0`")
        _check_keywords(self, document)
        self.root: dict[str, Any] = self._resolve(document, "", ())

    def pointer_of(self, node: Any) -> str:
        return self._pointers.get(id(node), "")

    def error(self, pointer: str, problem: str, remedy: str) -> SpecError:
        return SpecError(self.file, pointer, problem, remedy)

    def _resolve(self, node: Any, pointer: str, seen: tuple[str, ...]) -> Any:
        if isinstance(node, list):
            return [
                self._resolve(each, f"{pointer}/{at}", seen)
                for at, each in enumerate(node)
            ]
        if not isinstance(node, dict):
            return node
        if "$ref" in node and isinstance(node["$ref"], str):
            return self._resolve_reference(node, pointer, seen)
        result = {
            key: self._resolve(value, f"{pointer}/{escape_pointer(key)}", seen)
            for key, value in node.items()
        }
        return self._record_pointer(result, pointer)

    def _resolve_reference(
        self, node: dict[str, Any], pointer: str, seen: tuple[str, ...]
    ) -> Any:
        reference = node["$ref"]
        target = self._lookup(reference, pointer)
        if reference in seen:
            raise self.error(
                pointer, f"{reference} refers to itself", "Remove the cycle"
            )
        found = self._resolve(target, reference.removeprefix("#"), (*seen, reference))
        siblings = {key: value for key, value in node.items() if key != "$ref"}
        if not siblings:
            return found
        own = self._resolve(siblings, pointer, seen)
        return self._record_pointer({**found, **own}, pointer)

    def _lookup(self, reference: str, pointer: str) -> Any:
        node = self._document
        if not reference.startswith("#/"):
            raise self.error(
                pointer,
                f"{reference} points outside the document",
                "Every document stands alone: use '#/…'",
            )
        for step in reference.removeprefix("#/").split("/"):
            key = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(node, dict) or key not in node:
                raise self.error(
                    pointer,
                    f"unresolved reference {reference}: there is no '{key}'",
                    "Fix the reference, or add its target",
                )
            node = node[key]
        return node

    def _record_pointer(self, node: Any, pointer: str) -> Any:
        self._pointers[id(node)] = pointer
        self._resolved_nodes.append(node)
        return node


def escape_pointer(key: Any) -> str:
    return str(key).replace("~", "~0").replace("/", "~1")


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


def _check_keywords(tree: ResolvedDocument, document: Any) -> None:
    known = [*vocabulary.KEYWORDS, *vocabulary.ANNOTATIONS]
    for pointer, node in walk(document):
        for word, value in node.items():
            if not isinstance(word, str):
                raise tree.error(
                    f"{pointer}/{word}",
                    f"the key {word!r} is not text",
                    "Quote it: YAML reads numbers, on, off, yes and no as values",
                )
            if not word.startswith("x-") or pointer.endswith("/headers"):
                continue
            if word not in known:
                raise tree.error(
                    f"{pointer}/{word}",
                    f"unknown keyword '{word}'",
                    suggestion(word, known),
                )
            _check_keyword_value(tree, f"{pointer}/{word}", word, value)


def _check_keyword_value(
    tree: ResolvedDocument, pointer: str, keyword: str, value: Any
) -> None:
    if keyword == "x-basis" and value not in list(Basis):
        raise tree.error(
            pointer, f"unknown basis '{value}'", f"Choose from: {', '.join(Basis)}"
        )
    if keyword in vocabulary.LIMITS:
        known = vocabulary.LIMITS[keyword]
        unknown = sorted(set(value) - known) if isinstance(value, dict) else ["?"]
        if unknown:
            raise tree.error(
                pointer,
                f"'{keyword}' has no limit '{unknown[0]}'",
                f"Known are: {', '.join(sorted(known))}",
            )
    for error in compile_validator(
        vocabulary.VALUE_SCHEMAS.get(keyword, {})
    ).iter_errors(value):
        below = "".join(f"/{step}" for step in error.instance_path)
        problem = f"'{keyword}' is not valid: {error.message[:300]}"
        raise tree.error(f"{pointer}{below}", problem, f"It is {expected(keyword)}")


def suggestion(word: str, known: Iterable[str]) -> str:
    """The remedy for an unknown word: the nearest known one, and all of them."""
    words = list(known)
    near = get_close_matches(word, words, 1)
    hint = f"Did you mean '{near[0]}'? " if near else ""
    return f"{hint}Known are: {', '.join(words)}"


def expected(keyword: str) -> str:
    return vocabulary.ANNOTATIONS.get(keyword, "a keyword with limits")
