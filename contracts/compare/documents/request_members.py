"""The members of requests as facts: what each may be, under its canonical name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from contracts.compare.documents.cells import cell, document_pointer
from contracts.compare.documents.model import Fact, ProviderCell
from specs import (
    Basis,
    Body,
    Claim,
    Evidence,
    Operation,
    Provider,
    claims,
    request_name,
)

# What a schema says of a member, as facts of the same names.
KEYWORDS = (
    "enum",
    "const",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "pattern",
    "x-image-size",
    "x-upload",
    "default",
)
JSON = "application/json"


@dataclass(slots=True)
class _Member:
    """One member of one body, as far as it was read."""

    names: list[str]
    node: Any
    evidence: Evidence
    facts: dict[str, Fact] = field(default_factory=dict)

    def add(self, name: str, fact: Fact) -> None:
        """The first fact of a name counts, unless the provider itself says another."""
        known = self.facts.get(name)
        is_firmer = fact.basis == Basis.DOCUMENTED and known is not None
        if known is None or (is_firmer and known.basis != Basis.DOCUMENTED):
            self.facts[name] = fact


def members(provider: Provider, operation: Operation) -> dict[str, ProviderCell]:
    """What may be sent, by canonical name; several bodies are laid over each other."""
    known = list(claims(provider))
    tables = {
        media: _members_of(provider, operation, body, known)
        for media, body in operation.bodies.items()
    }
    found: dict[str, ProviderCell] = {}
    for media, table in tables.items():
        for name, member in table.items():
            made = _member_cell(provider, name, member)
            found[name] = (
                _merge_cells(found[name], made, media) if name in found else made
            )
    if len(tables) > 1:
        for name, made in found.items():
            lacking = [each for each, table in tables.items() if name not in table]
            for kind in map(_media_label, lacking):
                facts = {f"{kind}/absent": Fact(True)}
                found[name] = _extend_cell(made, f"not in {kind}", facts)
    return found


def named_models(provider: Provider, operation: Operation) -> ProviderCell | None:
    """The models that the page names, whether or not it takes others too."""
    for body in operation.bodies.values():
        node = body.properties.get("model")
        if not isinstance(node, dict):
            continue
        whole = body.evidence.within(node)
        for part in (node, *node.get("allOf", ())):
            evidence = whole.within(part)
            is_own = evidence.source.partition("#")[0] == whole.source.partition("#")[0]
            values = [each for each in part.get("enum", ()) if each is not None]
            shown = _join_values(values)
            if "pattern" in part and not values:
                values, shown = [part["pattern"]], f"like {part['pattern']}"
            if values and is_own:
                fact = Fact(values, evidence.source)
                whole = replace(whole, basis=Basis.DOCUMENTED)
                return cell(
                    provider,
                    shown,
                    whole,
                    pointer=document_pointer(provider, part),
                    facts={"models": fact},
                )
    return None


def _members_of(
    provider: Provider, operation: Operation, body: Body, known: list[Claim]
) -> dict[str, _Member]:
    fields = provider.dialect.fields.get(operation.id, {})
    found: dict[str, _Member] = {}
    for name, node in body.properties.items():
        canonical = provider.dialect.canonical_name(operation.id, name)
        evidence = body.evidence.within(node) if isinstance(node, dict) else None
        if canonical in found:
            found[canonical].names.append(name)
            continue
        member = _Member([name], node, evidence or body.evidence)
        if isinstance(node, dict):
            for fact, each in _facts(provider, node, body.evidence):
                member.add(fact, each)
        found[canonical] = member
    for canonical, own in fields.items():
        if canonical in found:
            known_names = found[canonical].names
            found[canonical].names = [each for each in own if each in known_names]
    _add_required_facts(provider, body, found)
    _add_rule_facts(provider, operation, body, found, known)
    return found


def _facts(
    provider: Provider, node: Mapping[str, Any], above: Evidence
) -> Iterator[tuple[str, Fact]]:
    """What a schema says of a member; its `allOf` may say more, on another basis."""
    evidence, pointer = above.within(node), document_pointer(provider, node)

    def fact(value: Any) -> Fact:
        return Fact(value, evidence.source, evidence.basis, pointer)

    if "type" in node or "format" in node:
        yield "type", fact(type_text(node))
    for keyword in KEYWORDS:
        if keyword in node:
            value = node[keyword]
            is_list = isinstance(value, list)
            yield (
                keyword,
                fact([e for e in value if e is not None] if is_list else value),
            )
    for part in node.get("allOf", ()):
        yield from _facts(provider, part, evidence)


def _add_required_facts(
    provider: Provider, body: Body, found: Mapping[str, _Member]
) -> None:
    """Which members must be there, and who says so."""
    if not isinstance(body.schema, dict):
        return
    for part in (body.schema, *body.schema.get("allOf", ())):
        if "if" in part:
            continue
        evidence = body.evidence.within(part)
        for name in part.get("required", ()):
            for member in found.values():
                if name in member.names:
                    where = document_pointer(provider, part)
                    fact = Fact(True, evidence.source, evidence.basis, where)
                    member.add("required", fact)


def _add_rule_facts(
    provider: Provider,
    operation: Operation,
    body: Body,
    found: Mapping[str, _Member],
    known: list[Claim],
) -> None:
    """What holds of a member under conditions: `rule/NAME`, as sentences."""
    begin = f"{request_name(operation, body)}/"
    for claim in known:
        if not claim.id.startswith(begin) or claim.evidence.rule is None:
            continue
        steps = claim.id.removeprefix(begin).split("/")
        member = member_for_claim(steps, found)
        if member is None:
            continue
        name = f"rule/{claim.evidence.rule}"
        evidence = claim.evidence
        before = member.facts.get(name)
        said = before.value if before and before.basis == evidence.basis else []
        pointer = f"openapi.yaml#{claim.pointer}" if claim.pointer else ""
        fact = Fact([*said, claim.sentence], evidence.source, evidence.basis, pointer)
        member.add(name, fact)
        if said:
            member.facts[name] = fact


def member_for_claim(steps: list[str], found: Mapping[str, _Member]) -> _Member | None:
    """The member that a claim's name is about."""
    for step in steps:
        for member in found.values():
            if step.removesuffix("[]") in member.names:
                return member
    return None


def _member_cell(provider: Provider, canonical: str, member: _Member) -> ProviderCell:
    wire = "" if member.names == [canonical] else ", ".join(member.names)
    words = [" or ".join(f"`{name}`" for name in member.names)] if wire else []
    words += describe_facts(member.facts)
    if member.node is False:
        words = ["must be absent"]
    note = member.node.get("x-note", "") if isinstance(member.node, dict) else ""
    return cell(
        provider,
        "; ".join(words) or "yes",
        member.evidence,
        wire=wire,
        note=note,
        pointer=document_pointer(provider, member.node),
        facts=member.facts,
    )


def _merge_cells(first: ProviderCell, second: ProviderCell, media: str) -> ProviderCell:
    """What is said of a member in two bodies: the second where it says otherwise."""
    if (first.value, first.firm_facts) == (second.value, second.firm_facts):
        return first
    kind = _media_label(media)
    facts = {
        f"{kind}/{name}": fact
        for name, fact in second.facts.items()
        if first.facts.get(name) is None or first.facts[name].value != fact.value
    }
    if first.value == second.value:
        return replace(first, facts={**first.facts, **facts})
    return _extend_cell(first, f"in {kind}: {second.value}", facts)


def _extend_cell(
    made: ProviderCell, words: str, facts: Mapping[str, Fact]
) -> ProviderCell:
    return replace(made, value=f"{made.value}; {words}", facts={**made.facts, **facts})


def _media_label(media: str) -> str:
    return "JSON" if media == JSON else "forms"


def type_text(node: Mapping[str, Any]) -> str:
    """What a member may be, in words; null is left to the schema."""
    if node.get("format") == "binary":
        return "file or files" if "array" in _as_list(node.get("type")) else "file"
    listed = [each for each in _as_list(node.get("type", "any")) if each != "null"]
    return " or ".join(listed)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def describe_facts(facts: Mapping[str, Fact]) -> list[str]:
    """What the provider's own pages say of a member, in brief."""
    said = {
        name: fact.value
        for name, fact in facts.items()
        if fact.basis == Basis.DOCUMENTED
    }
    words = list(_limit_texts(said))
    type_ = str(said.get("type", ""))
    if type_ and (not words or type_.startswith("file")):
        words.insert(0, type_)
    if "required" in said:
        words.append("required")
    if "default" in said:
        words.append(f"default {value_text(said['default'])}")
    rules = sum(name.startswith("rule/") for name in said)
    if rules:
        words.append(f"{rules} rule{'s' * (rules > 1)}")
    return words


def _limit_texts(said: Mapping[str, Any]) -> Iterator[str]:
    if "enum" in said:
        yield _join_values(said["enum"])
    if "const" in said:
        yield value_text(said["const"])
    yield from _range_text(said, "minimum", "maximum", "")
    yield from _range_text(said, "minLength", "maxLength", " characters")
    yield from _range_text(said, "minItems", "maxItems", " entries")
    if "pattern" in said:
        yield f"like {said['pattern']}"
    upload = said.get("x-upload", {})
    if "formats" in upload:
        yield _join_values(upload["formats"])
    if "maxBytes" in upload:
        yield f"at most {upload['maxBytes'] / 1e6:g} MB"
    if upload.get("alpha"):
        yield "with alpha"


def _range_text(
    said: Mapping[str, Any], low: str, high: str, unit: str
) -> Iterator[str]:
    if low in said or high in said:
        yield f"{said.get(low, '')}…{said.get(high, '')}{unit}"


def value_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _join_values(values: list[Any]) -> str:
    return " · ".join(value_text(each) for each in values)
