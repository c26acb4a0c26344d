"""
The one judge: whether a payload keeps a schema, and if not, which claim it breaks.

jsonschema-rs answers yes or no, jsonschema explains a no; both read the same schema
and the same vocabulary.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache, cached_property, lru_cache
from typing import Any

import jsonschema_rs

from specs.validation import vocabulary

Schema = dict[str, Any] | bool
JsonPath = tuple[str | int, ...]


class Basis(StrEnum):
    """Who says so: the provider's own documents, OpenAI's reference, or we."""

    DOCUMENTED = "documented"
    REFERENCE = "reference"
    ASSUMED = "assumed"


class State(StrEnum):
    """What a document says of a request."""

    VALID = "valid"
    INVALID = "invalid"
    UNSPECIFIED = "unspecified"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a claim was read, how firmly it stands, which error it leads to."""

    source: str = ""
    basis: Basis = Basis.DOCUMENTED
    error: str = "invalid_request"
    rule: str | None = None

    def within(self, node: Mapping[str, Any]) -> "Evidence":
        """The evidence for a part of what this is the evidence for."""
        return Evidence(
            source=node.get("x-source", self.source),
            basis=Basis(node.get("x-basis", self.basis)),
            error=node.get("x-error", self.error),
            rule=node.get("x-rule", self.rule),
        )


@dataclass(frozen=True, slots=True)
class Violation:
    """
    One way in which a payload breaks a schema.

    `expected` is what the broken keyword says: the maximum, the values of an enum.
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
        """The broken member as error envelopes name it: `images[0].image_url`."""
        text = ""
        for step in self.path:
            text += f"[{step}]" if isinstance(step, int) else f".{step}"
        return text.removeprefix(".") or None

    def __str__(self) -> str:
        return f"{self.param or 'the request'}: {self.message}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    What a document says of one payload.

    The violations stand in the order in which the document states its constraints:
    the first is the one a provider would answer with.
    """

    state: State
    violations: tuple[Violation, ...] = ()

    @property
    def documented_violations(self) -> tuple[Violation, ...]:
        """The violations that make a request invalid."""
        return tuple(
            each for each in self.violations if each.evidence.basis is Basis.DOCUMENTED
        )


VALID = Verdict(State.VALID)


class Judge:
    """
    A schema, compiled once, with three answers.

    `strict` is everything the document says, assumptions included and unlisted members
    refused; `documented` is the same without what the provider's documents do not
    carry. Keeps strict: valid. Breaks documented: invalid. Between them: unspecified.
    """

    def __init__(
        self,
        schema: Schema,
        *,
        evidence: Evidence | None = None,
        open: bool = False,
    ) -> None:
        """With `open`, members that the schema does not list are welcome."""
        plain = to_validator_schema(schema)
        self._schema = plain if open else without_unlisted_members(plain)
        self._evidence = evidence or Evidence()
        self._strict_validator = compile_validator(self._schema)
        self._documented_validator = compile_validator(documented_only(plain))

    def is_valid(self, payload: Any) -> bool:
        return bool(self._strict_validator.is_valid(payload))

    def is_invalid(self, payload: Any) -> bool:
        return not self._documented_validator.is_valid(payload)

    def state(self, payload: Any) -> State:
        """What the document says of a payload, without the reasons: microseconds."""
        if self.is_valid(payload):
            return State.VALID
        return State.INVALID if self.is_invalid(payload) else State.UNSPECIFIED

    def judge(self, payload: Any) -> Verdict:
        """What the document says of a payload, and why: up to a millisecond."""
        state = self.state(payload)
        if state is State.VALID:
            return VALID
        return Verdict(state, tuple(self.violations(payload)))

    def violations(self, payload: Any) -> Iterator[Violation]:
        for error in self._explainer.iter_errors(payload):
            yield _violation(error, self._schema, self._evidence)

    @cached_property
    def _explainer(self) -> Any:
        return _explainer_class(_SubschemaValidators().is_valid)(self._schema)


def to_validator_schema(schema: Any) -> Any:
    """
    A schema as validators want it.

    A file is the object of its facts (`Upload.facts`); a member that must not be there
    is refused by a keyword, not by `false`.
    """
    if isinstance(schema, list):
        return [to_validator_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: to_validator_schema(value) for key, value in schema.items()}
    if "properties" in result:  # `false` would not name the member in an error's path
        result["properties"] = {
            name: {"not": {}} if member is False else member
            for name, member in result["properties"].items()
        }
    if schema.get("format") == "binary" and "type" in schema:
        types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        result["type"] = ["object" if each == "string" else each for each in types]
        del result["format"]
    return result


def documented_only(schema: Any, *, allow_null: bool = False) -> Any:
    """
    A schema without the parts that the provider's documents do not carry.

    With `null`, and below `x-null`, no member is refused for being null.
    """
    if isinstance(schema, list):
        return [documented_only(each, allow_null=allow_null) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-basis", Basis.DOCUMENTED) != Basis.DOCUMENTED:
        return True
    allow_null = allow_null or "x-null" in schema
    kept = {
        key: documented_only(value, allow_null=allow_null and key != "if")
        for key, value in schema.items()
    }
    if kept.get("oneOf") != schema.get("oneOf"):  # weaker, more than one may fit
        parts = kept.get("allOf", [])
        kept["allOf"] = [*parts, {"anyOf": kept.pop("oneOf")}]
    if allow_null and "properties" in kept:
        members = kept["properties"].items()
        kept["properties"] = {name: _allow_null(member) for name, member in members}
    return kept


def _allow_null(member: Any) -> Any:
    """A member's schema that takes null as well: to be null is to be absent."""
    if not isinstance(member, dict):
        return member
    if member.get("not") == {}:
        return {"type": "null"}
    wider = dict(member)
    if "type" in member:
        types = member["type"]
        wider["type"] = [*(types if isinstance(types, list) else [types]), "null"]
    if "const" in member:
        wider["enum"] = [wider.pop("const")]
    if "enum" in wider:
        wider["enum"] = [*wider["enum"], None]
    if "allOf" in member:
        wider["allOf"] = [_allow_null(part) for part in member["allOf"]]
    return wider


def without_unlisted_members(schema: Any) -> Any:
    """A schema that refuses the members which its document does not list."""
    if not isinstance(schema, dict) or "properties" not in schema:
        return schema
    unlisted = {"not": {}, "x-basis": Basis.ASSUMED.value}
    listed = {
        name: unlisted if _is_assumed(member) else member
        for name, member in schema["properties"].items()
    }
    return {"additionalProperties": unlisted, **schema, "properties": listed}


def _is_assumed(member: Any) -> bool:
    documented_ = Basis.DOCUMENTED.value
    return (
        isinstance(member, dict) and member.get("x-basis", documented_) != documented_
    )


@cache
def _rust_keywords() -> dict[str, Any]:
    def built(name: str, keyword: vocabulary.Keyword) -> type:
        class Word:
            def __init__(self, parent: Any, value: Any, path: Any) -> None:
                self.value = value

            def validate(self, instance: Any) -> None:
                for _, _, sentence in keyword(self.value, instance):
                    raise ValueError(sentence)

        Word.__name__ = name
        return Word

    return {name: built(name, word) for name, word in vocabulary.KEYWORDS.items()}


def compile_validator(schema: Schema) -> Any:
    """A validator that says yes or no, in about a microsecond."""
    return jsonschema_rs.Draft202012Validator(
        schema, keywords=_rust_keywords(), validate_formats=False
    )


def schema_error(schema: Schema) -> tuple[JsonPath, str] | None:
    """Where and why a schema is none by the rules of JSON Schema; None if it is one."""
    try:
        jsonschema_rs.meta.validate(schema)
    except jsonschema_rs.ValidationError as error:
        return tuple(error.instance_path), error.message[:300]
    return None


def is_instance(schema: Schema, value: Any) -> bool:
    """Whether a value keeps a small schema; the same schema is compiled once."""
    return bool(_cached_validator(json.dumps(schema)).is_valid(value))


@lru_cache(maxsize=1024)
def _cached_validator(text: str) -> Any:
    return compile_validator(json.loads(text))


class _SubschemaValidators:
    """The parts of one schema, for yes or no: ten times as fast as to explain each."""

    def __init__(self) -> None:
        self._validators: dict[int, tuple[Any, Any]] = {}

    def is_valid(self, part: Any, instance: Any) -> bool:
        known = self._validators.get(id(part))
        if known is None:  # the part is held as well, so that its id stays its own
            known = self._validators[id(part)] = part, compile_validator(part)
        return bool(known[1].is_valid(instance))


def _explainer_class(is_valid: Callable[[Any, Any], bool]) -> Any:
    """
    A validator that says which constraints are broken, in document order.

    Differs from jsonschema's own in that a missing or unlisted member is named by the
    error's path, so that an envelope's `param` is right; that patterns are those of
    jsonschema-rs: to Python's, `$` also stands before a line's end; and that it looks
    only into members and rules of which `is_kept` denies that an instance keeps them.
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
                yield ValidationError("is not a known member", path=[name])

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

    def word(keyword: vocabulary.Keyword) -> Any:
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


def _violation(error: Any, schema: Schema, evidence: Evidence) -> Violation:
    path: JsonPath = tuple(error.absolute_path)
    schema_path: JsonPath = tuple(error.absolute_schema_path)
    node: Any = schema
    null_is_open = False
    for step in schema_path:
        if isinstance(node, dict):
            evidence = evidence.within(node)
            null_is_open = null_is_open or "x-null" in node
            if step == "if" and "if" in node:
                continue  # jsonschema writes "if, then" where the document has "then"
        node = _child(node, step)
    if schema_path[-1] == "additionalProperties" and isinstance(node, dict):
        evidence = evidence.within(node)
    is_member = bool(path) and isinstance(path[-1], str)
    if null_is_open and is_member and error.instance is None:
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
            words.append("absent" if step == "not" else str(step))
        if not (step == "if" and isinstance(node, dict) and "then" in node):
            node = _child(node, step)
        at += 1
    return "/".join(words)


def restates_keyword(outer: Any, part: Any, keyword: Any) -> bool:
    """
    Whether a part of an `allOf` says a word that the schema around it says already.

    Its claim then bears its basis: `quality/enum`, `quality/assumed/enum`.
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
}
_TYPE_NAMES = {"object": "a file or an object"}


def _message(error: Any) -> str:
    """Our own words for what is wrong, never longer than a line."""
    value = error.validator_value
    if error.validator == "enum":
        return f"must be one of {', '.join(map(str, value))}"
    if error.validator == "type":
        types = [value] if isinstance(value, str) else value
        return f"must be {' or '.join(_TYPE_NAMES.get(each, each) for each in types)}"
    template = _MESSAGES.get(str(error.validator))
    return template.format(value=value) if template else str(error.message)[:200]
