"""The rules of documents as text, for `explain`."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.compare.documents.cells import strip_note_numbers
from contracts.reporters.page.rules import rule_words
from contracts.text import one_line
from specs import Claim, Provider, claims, request_name
from specs.validation.vocabulary import subschemas

_WIDTH = len("a page says")


@dataclass(frozen=True, slots=True)
class DocumentRule:
    """
    A rule between the fields of a request: an `x-rule` of a document.

    `body` is the prefix of its claims, such as `createImage/request`; `schema` is the
    part of the document that states it.
    """

    name: str
    provider: Provider
    body: str
    schema: Mapping[str, Any]
    claims: tuple[Claim, ...]

    @property
    def place(self) -> str:
        return f"{self.provider.undated_id}/openapi.yaml#{self.claims[0].pointer}"


def document_rules(providers: Iterable[Provider]) -> list[DocumentRule]:
    """All rules of the request bodies of providers, in document order."""
    return [rule for provider in providers for rule in _rules_of(provider)]


def _rules_of(provider: Provider) -> Iterator[DocumentRule]:
    by_rule: dict[tuple[str, str], list[Claim]] = {}
    for claim in claims(provider):
        prefix = "/".join(claim.id.split("/")[:2])
        if claim.evidence.rule is not None:
            by_rule.setdefault((prefix, claim.evidence.rule), []).append(claim)
    for operation in provider.operations.values():
        for body in operation.bodies.values():
            prefix = request_name(operation, body)
            for schema in _rule_schemas(body.schema):
                name = schema["x-rule"]
                found = tuple(by_rule.get((prefix, name), ()))
                if found:
                    yield DocumentRule(name, provider, prefix, schema, found)


def _rule_schemas(schema: Any) -> Iterator[Mapping[str, Any]]:
    if not isinstance(schema, Mapping):
        return
    if "x-rule" in schema:
        yield schema
    for part in subschemas(schema):
        yield from _rule_schemas(part)


def find_rules(name: str, rules: Sequence[DocumentRule]) -> list[DocumentRule]:
    """
    The rules of a name.

    A table shows rules without the name of a field: `gpt-image-2` is also the rule
    `size-gpt-image-2` of the field `size`.
    """
    exact = [each for each in rules if each.name == name]
    return exact or [each for each in rules if name in _short_names(each)]


def _short_names(rule: DocumentRule) -> set[str]:
    parts = [each.id.split("/")[3:] for each in rule.claims]
    fields = {part for each in parts for part in each}
    prefixes = [f"{each.replace('_', '-')}-" for each in fields]
    return {rule.name.removeprefix(each) for each in prefixes} - {rule.name}


def explain_document_rules(rules: Sequence[DocumentRule]) -> Iterator[str]:
    """The lines that `explain` prints for rules of one name."""
    bodies: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for rule in rules:
        key = f"{rule.name}: {rule.provider.title}", tuple(_rule_lines(rule))
        bodies.setdefault(key, []).append(rule.body)
    for (title, lines), names in bodies.items():
        yield f"{title}, {', '.join(names)}"
        yield ""
        yield from lines
        yield ""


def _rule_lines(rule: DocumentRule) -> Iterator[str]:
    condition = rule.schema.get("if")
    if isinstance(condition, Mapping):
        yield _line("applies if", " and ".join(_conditions(condition)))
    by_field: dict[str, list[str]] = {}
    for claim in rule.claims:
        by_field.setdefault(claim.sentence.split()[0], []).append(claim.sentence)
    for field, sentences in by_field.items():
        yield _line("rule", f"{field}: {rule_words(sentences)}")
    for source in dict.fromkeys(map(_source_text, rule.claims)):
        yield _line("source", _with_title(source, rule.provider))
    if "x-enforced" in rule.schema:
        yield _line("mock", "rejects a violation, although no page states the rule")
    yield _line("document", rule.place)
    if note := strip_note_numbers(str(rule.schema.get("x-note", ""))):
        yield _line("note", note)
    for side in rule.schema.get("x-contradicts", ()):
        yield _line("a page says", f"{side['says']} ({side['source']})")


def _line(label: str, text: str) -> str:
    return f"  {label:<{_WIDTH}}  {one_line(text)}"


def _source_text(claim: Claim) -> tuple[str, str]:
    return claim.evidence.source, claim.evidence.basis.value


def _with_title(source: tuple[str, str], provider: Provider) -> str:
    """A source with its basis, and the title and URL of its page."""
    id_, basis = source
    page = provider.source(id_)
    if page is None:
        return f"{id_} ({basis})"
    return f"{id_} ({basis}): {page.title} {page.url}"


def _conditions(schema: Mapping[str, Any]) -> Iterator[str]:
    """The condition of a rule in words; the parts that all must hold."""
    required = schema.get("required", [])
    properties = schema.get("properties", {})
    for name in required:
        if name not in properties:
            yield f"{name} is sent"
    for name, member in properties.items():
        absent = "" if name in required else " or not sent"
        yield f"{name} {_value_words(member)}{absent}"
    for part in schema.get("allOf", ()):
        yield from _conditions(part)
    if "anyOf" in schema:
        branches = [" and ".join(_conditions(each)) for each in schema["anyOf"]]
        yield f"({' or '.join(branches)})"


_VALUE_WORDS = {
    "const": "is {}",
    "enum": "is one of {}",
    "pattern": "matches {}",
    "minimum": "is at least {}",
    "maximum": "is at most {}",
    "type": "is of type {}",
    "maxItems": "has at most {} entries",
    "minItems": "has at least {} entries",
}


def _value_words(member: Any) -> str:
    if member is False or member == {"type": "null"}:
        return "is null" if member else "is not sent"
    if not isinstance(member, Mapping):
        return "has any value"
    words = []
    for keyword, value in member.items():
        template = _VALUE_WORDS.get(keyword, f"{keyword} {{}}")
        if not keyword.startswith("x-note"):
            words.append(template.format(_plain_value(value)))
    return ", ".join(words)


def _plain_value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_plain_value, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
