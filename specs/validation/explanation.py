"""Explain why a value is not valid: a sentence for each broken claim."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from specs.media.image import Keyword
from specs.validation import vocabulary
from specs.validation.engine import JsonPath, Schema, compile_validator
from specs.validation.evidence import Basis, Evidence


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


class SubschemaValidators:
    """Validators of the parts of one schema, ten times as fast as explaining each."""

    def __init__(self) -> None:
        self._validators: dict[int, tuple[Any, Any]] = {}

    def is_valid(self, part: Any, instance: Any) -> bool:
        known = self._validators.get(id(part))
        if known is None:  # the part is kept, so that its id is not reused
            known = self._validators[id(part)] = part, compile_validator(part)
        return bool(known[1].is_valid(instance))


def explainer_class(is_valid: Callable[[Any, Any], bool]) -> Any:
    """
    A jsonschema validator that reports violated constraints in document order.

    It differs from jsonschema's own in three ways. A missing or unlisted field is named
    by the path of the error, so that `param` of an error response is right. Patterns
    are those of jsonschema-rs, because `$` in Python also matches before a line break.
    Only parts that `is_valid` rejects are examined.
    """
    from jsonschema import Draft202012Validator, ValidationError
    from jsonschema.validators import extend

    def required(validator: Any, names: Any, instance: Any, schema: Any) -> Any:
        if validator.is_type(instance, "object"):
            for name in names:
                if name not in instance:
                    yield ValidationError(
                        "is required", path=[name], schema_path=[name]
                    )

    def additional(validator: Any, member: Any, instance: Any, schema: Any) -> Any:
        if not validator.is_type(instance, "object") or member is True:
            return
        for name in instance:
            if name not in schema.get("properties", {}):
                yield ValidationError("is not a known field", path=[name])

    def properties(validator: Any, members: Any, instance: Any, schema: Any) -> Any:
        if validator.is_type(instance, "object"):
            for name, member in members.items():
                if name in instance and not is_valid(member, instance[name]):
                    yield from validator.descend(
                        instance[name], member, path=name, schema_path=name
                    )

    def all_of(validator: Any, rules: Any, instance: Any, schema: Any) -> Any:
        for at, rule in enumerate(rules):
            if not is_valid(rule, instance):
                yield from validator.descend(instance, rule, schema_path=at)

    def at_most(validator: Any, most: Any, instance: Any, schema: Any) -> Any:
        if validator.is_type(instance, "string") and len(instance) > most:
            yield ValidationError("is too long")  # jsonschema quotes it: megabytes

    def pattern(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
        is_text = validator.is_type(instance, "string")
        if is_text and not _pattern_validator(value).is_valid(instance):
            yield ValidationError(f"does not match {value}")

    def word(keyword: Keyword) -> Any:
        def check(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
            for aspect, path, sentence in keyword(value, instance):
                yield ValidationError(sentence, path=path, schema_path=[aspect])

        return check

    words = {name: word(each) for name, each in vocabulary.KEYWORDS.items()}
    return extend(  # type: ignore[no-untyped-call]
        Draft202012Validator,
        {
            "required": required,
            "additionalProperties": additional,
            "properties": properties,
            "allOf": all_of,
            "maxLength": at_most,
            "pattern": pattern,
            **words,
        },
    )


@cache
def _pattern_validator(value: str) -> Any:
    return compile_validator({"pattern": value})


def violation_from(error: Any, schema: Schema, evidence: Evidence) -> Violation:
    path: JsonPath = tuple(error.absolute_path)
    schema_path: JsonPath = tuple(error.absolute_schema_path)
    node: Any = schema
    null_is_open = is_required = False
    for step, below in zip(schema_path, (*schema_path[1:], None), strict=True):
        if isinstance(node, dict):
            evidence = evidence.within(node)
            null_is_open = null_is_open or "x-null" in node
            if step == "properties":
                is_required = below in node.get("required", ())
            if step == "if" and "if" in node:
                continue  # jsonschema writes "if, then" where the document has "then"
        node = _child(node, step)
    if schema_path[-1] == "additionalProperties" and isinstance(node, dict):
        evidence = evidence.within(node)
    is_member = bool(path) and isinstance(path[-1], str)
    if null_is_open and is_member and not is_required and error.instance is None:
        evidence = replace(evidence, basis=Basis.ASSUMED)
    return Violation(
        path=path,
        keyword=str(error.validator),
        message=_message(error),
        claim=claim_path(schema, schema_path),
        evidence=evidence,
        value=error.instance,
        expected=error.validator_value,
    )


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
    "minProperties": "must have at least {value} fields",
    "maxProperties": "must have at most {value} fields",
}
_TYPE_NAMES = {"object": "a file or an object"}


def _message(error: Any) -> str:
    """Our own words for what is wrong, never longer than a line."""
    value = error.validator_value
    if error.validator == "enum":
        return f"must be one of {', '.join(map(_shown, value))}"
    if error.validator == "type":
        types = [value] if isinstance(value, str) else value
        return f"must be {' or '.join(_TYPE_NAMES.get(each, each) for each in types)}"
    if error.validator == "not" and isinstance(value, dict) and "enum" in value:
        return f"must not be one of {', '.join(map(_shown, value['enum']))}"
    template = _MESSAGES.get(str(error.validator))
    if template is None:
        return str(error.message)[:200]
    return template.format(value=_shown(value))


def _shown(value: Any) -> str:
    """A value of a keyword: a text as it is, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)[:200]
