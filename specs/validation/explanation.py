"""Explain why a value is not valid: a sentence for each broken claim."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from operator import getitem
from typing import Any, NamedTuple

from jsonschema_rs import ValidationErrorKind

from specs.validation import vocabulary
from specs.validation.engine import JsonPath, Schema, compile_validator
from specs.validation.evidence import Basis, Evidence
from specs.validation.windows import ABOUT_ALL_ENTRIES, is_large, windows


@dataclass(frozen=True, slots=True)
class Violation:
    """
    One constraint that a payload violates.

    `expected` is the value of the violated keyword: the maximum, the values of an enum.
    """

    path: JsonPath
    keyword: str
    message: str
    claim: str
    evidence: Evidence
    value: Any = field(default=None, compare=False)
    expected: Any = field(default=None, compare=False)

    @property
    def param(self) -> str | None:
        """The field as error responses name it: `images[0].image_url`."""
        text = ""
        for step in self.path:
            text += f"[{step}]" if isinstance(step, int) else f".{step}"
        return text.removeprefix(".") or None

    def __str__(self) -> str:
        return f"{self.param or 'the request'}: {self.message}"


class Explainer:
    """
    A schema that tells which of its constraints a value violates.

    jsonschema-rs finds the violated constraints. What is to be said of a constraint,
    such as its claim and its place in the document, is read from the schema once.
    `validator` is the compiled schema.
    """

    def __init__(self, schema: Schema, evidence: Evidence) -> None:
        self._schema = schema
        self._evidence = evidence
        # Values are not quoted in messages: some have megabytes.
        self.validator = compile_validator(schema, mask="the value")
        self._constraints: dict[JsonPath, _Constraint] = {}

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(_field_names(self._schema))

    def violations(self, value: Any) -> list[Violation]:
        """
        The violations of a value, in the order of the document.

        Of a large value those in the first part that has any; see `windows`.
        """
        if is_large(value):
            for window in windows(value, self._names):
                if self.validator.is_valid(window.value):
                    continue
                found = [
                    replace(each, path=window.path_in_whole(each.path))
                    for each in self._violations(window.value)
                    if each.keyword not in ABOUT_ALL_ENTRIES
                ]
                if found:
                    return found
        return self._violations(value)

    def _violations(self, value: Any) -> list[Violation]:
        errors = self.validator.iter_errors(value)
        found = [row for error in errors for row in self._rows(error, value)]
        if len(found) > 1:
            found.sort(key=lambda row: row.constraint.order_at(row.path))
        return [row.violation for row in found]

    def _rows(self, error: Any, whole: Any) -> Iterator["_Row"]:
        """
        Yield the violations of an error.

        A missing or unlisted field is named by the path of its violation, so that
        `param` of an error response is right.
        """
        schema_path: JsonPath = tuple(error.schema_path)
        path: JsonPath = tuple(error.instance_path)
        value, kind = error.instance, error.kind
        rows: list[tuple[str, JsonPath, str]] = [("", (), error.message)]
        if schema_path[-2:] == ("additionalProperties", "not"):
            schema_path = schema_path[:-1]
            rows = [("", (), _UNLISTED)]
        elif schema_path[-1] == "additionalProperties":
            # Without listed fields the error is about the first entry, unnamed.
            is_any = kind.name == "falseSchema"
            value = reduce(getitem, path, whole) if is_any else value
            names = value if is_any else kind.unexpected
            rows = [("", (name,), _UNLISTED) for name in value if name in names]
        elif kind.name == "required":
            name = kind.property
            detail = name if schema_path[-1] == "required" else ""
            rows = [(detail, (name,), "is required")]
        elif isinstance(kind, ValidationErrorKind.Custom):
            word = vocabulary.KEYWORDS[str(schema_path[-1])]
            rows = list(word(self._constraint(schema_path).value, value))
        for detail, below, message in rows:
            constraint = self._constraint(schema_path, detail)
            found = constraint.violation((*path, *below), value, message)
            yield _Row(constraint, path, found)

    def _constraint(self, schema_path: JsonPath, detail: str = "") -> "_Constraint":
        """The constraint at a path; `detail` is the missing field, or the limit."""
        key = (*schema_path, detail)
        known = self._constraints.get(key)
        if known is None:
            known = _constraint_at(self._schema, self._evidence, schema_path, detail)
            self._constraints[key] = known
        return known


@dataclass(frozen=True, slots=True)
class _Constraint:
    """
    A keyword at a place in a schema.

    `order` is the place: a number for each step, None for the index of an entry in an
    array. `null_is_open` is set if null may be valid for the field.
    """

    keyword: str
    value: Any
    claim: str
    evidence: Evidence
    message: str | None
    order: tuple[int | None, ...]
    null_is_open: bool

    def violation(self, path: JsonPath, value: Any, message: str) -> Violation:
        """The violation of a value at a path; `message` if the keyword has no other."""
        evidence = self.evidence
        if self.null_is_open and value is None and path and isinstance(path[-1], str):
            evidence = replace(evidence, basis=Basis.ASSUMED)
        return Violation(
            path=path,
            keyword=self.keyword,
            message=self.message or message[:200],
            claim=self.claim,
            evidence=evidence,
            value=value,
            expected=self.value,
        )

    def order_at(self, path: JsonPath) -> list[int]:
        """The place, for a value at a path."""
        entries = (each for each in path if isinstance(each, int))
        return [next(entries, 0) if each is None else each for each in self.order]


class _Row(NamedTuple):
    """A violation of a constraint; `path` is that of the value it is about."""

    constraint: _Constraint
    path: JsonPath
    violation: Violation


def _constraint_at(
    schema: Schema, evidence: Evidence, schema_path: JsonPath, detail: str
) -> _Constraint:
    order: list[int | None] = []
    node: Any = schema
    null_is_open = is_required = is_name = False
    for step, below in zip(schema_path, (*schema_path[1:], None), strict=True):
        order.append(_position(node, step))
        if isinstance(node, dict) and not is_name:
            evidence = evidence.within(node)
            null_is_open = null_is_open or "x-null" in node
            if step == "properties":
                is_required = below in node.get("required", ())
            if step in {"items", "prefixItems"}:
                order.append(None)
        is_name = not is_name and step in vocabulary.SCHEMA_MAP_KEYWORDS
        node = _child(node, step)
    keyword = str(schema_path[-1])
    if keyword == "additionalProperties":
        evidence = evidence.within(node) if isinstance(node, dict) else evidence
    elif node is False and keyword not in vocabulary.VALUE_KEYWORDS:
        keyword, node = "None", None  # nothing is allowed here
    if isinstance(node, list) and detail in node:
        order.append(node.index(detail))
    last = _COUNTED.get(keyword, schema_path[-1])
    return _Constraint(
        keyword=keyword,
        value=node,
        claim=claim_path(
            schema, (*schema_path[:-1], last, *([detail] if detail else []))
        ),
        evidence=evidence,
        message=_message(keyword, node),
        order=tuple(order),
        null_is_open=null_is_open and not is_required,
    )


def _field_names(schema: Any) -> Iterator[str]:
    """Yield the names of all fields that a schema speaks of, at any depth."""
    if isinstance(schema, dict):
        yield from schema.get("properties", ())
        yield from schema.get("required", ())
        for part in vocabulary.subschemas(schema):
            yield from _field_names(part)


def _position(node: Any, step: str | int) -> int:
    """The number of a part of a schema; `then` and `else` are where `if` is."""
    if isinstance(step, int):
        return step
    names = list(node)
    if step in {"then", "else"} and "if" in node:
        step = "if"
    return names.index(_COUNTED.get(step, step))


def _child(node: Any, step: str | int) -> Any:
    if isinstance(node, dict):
        return node.get(step)
    if isinstance(node, list) and isinstance(step, int) and step < len(node):
        return node[step]
    return None


def claim_path(schema: Schema, schema_path: Sequence[str | int]) -> str:
    """
    The readable name of the constraint at a path inside a schema.

    Members by their names, rules by theirs, then the keyword and, where it has
    several, its aspect: `n/maximum`, `gpt-image-2-grid/size/x-image-size/maxEdge`.
    """
    words: list[str] = []
    node: Any = schema
    steps = list(schema_path)
    at = 0
    while at < len(steps):
        step = steps[at]
        if isinstance(node, dict) and "x-rule" in node and node["x-rule"] not in words:
            words = [node["x-rule"]]
        if step == "properties" and at + 1 < len(steps):
            words.append(str(steps[at + 1]))
            node = _child(_child(node, step), steps[at + 1])
            at += 2
            continue
        if step == "items":
            words[-1:] = [f"{words[-1]}[]"] if words else ["[]"]
        elif step == "required" and at + 1 < len(steps):
            words += [str(steps[at + 1]), "required"]
            break
        elif step in {"if", "then", "else"}:
            pass
        elif step == "allOf":
            outer, node = node, _child(_child(node, step), steps[at + 1])
            if at + 2 < len(steps) and restates_keyword(outer, node, steps[at + 2]):
                words.append(node["x-basis"])
            at += 2
            continue
        else:
            is_absent = step == "not" and _child(node, "not") == {}
            words.append("absent" if is_absent else str(step))
        if not (step == "if" and isinstance(node, dict) and "then" in node):
            node = _child(node, step)
        at += 1
    return "/".join(words)


def restates_keyword(outer: Any, part: Any, keyword: Any) -> bool:
    """
    True if a part of an `allOf` has a keyword that the schema around it has, too.

    The claim id of the part then has its basis: `quality/enum`, `quality/assumed/enum`.
    """
    if not (isinstance(outer, dict) and isinstance(part, dict)):
        return False
    is_reading = "x-basis" in part and "x-rule" not in part
    return is_reading and keyword in outer and keyword not in _STRUCTURAL_KEYWORDS


_STRUCTURAL_KEYWORDS = {
    "properties",
    "items",
    "required",
    "allOf",
    "if",
    "then",
    "else",
}
_MESSAGES: dict[str, str] = {
    "minimum": "must be at least {value}",
    "maximum": "must be at most {value}",
    "exclusiveMinimum": "must be greater than {value}",
    "exclusiveMaximum": "must be less than {value}",
    "minLength": "must have at least {value} characters",
    "maxLength": "must have at most {value} characters",
    "minItems": "must have at least {value} entries",
    "maxItems": "must have at most {value} entries",
    "const": "must be {value}",
    "pattern": "must match {value}",
    "not": "is not supported here",
    "None": "is not supported here",
    "multipleOf": "must be a multiple of {value}",
    "uniqueItems": "must not have the same entry twice",
    "anyOf": "has none of the documented forms",
    "oneOf": "has none of the documented forms, or several",
    "contains": "must contain an entry that the document asks for",
    "minContains": "must contain at least {value} such entries",
    "maxContains": "must contain at most {value} such entries",
    "minProperties": "must have at least {value} fields",
    "maxProperties": "must have at most {value} fields",
}
_UNLISTED = "is not a known field"
# Keywords that count what `contains` finds belong to its claim.
_COUNTED = {"minContains": "contains", "maxContains": "contains"}
_TYPE_NAMES = {"object": "a file or an object"}


def _message(keyword: str, value: Any) -> str | None:
    """Our own words for what is wrong, never longer than a line; None without any."""
    if keyword == "enum":
        return f"must be one of {', '.join(map(_shown, value))}"
    if keyword == "type":
        types = [value] if isinstance(value, str) else value
        return f"must be {' or '.join(_TYPE_NAMES.get(each, each) for each in types)}"
    if keyword == "not" and isinstance(value, dict) and "enum" in value:
        return f"must not be one of {', '.join(map(_shown, value['enum']))}"
    template = _MESSAGES.get(keyword)
    return template.format(value=_shown(value)) if template else None


def _shown(value: Any) -> str:
    """A value of a keyword: a text as it is, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)[:200]
