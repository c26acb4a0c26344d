"""Cells for the fields of requests, by canonical name."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from contracts.compare.documents.cells import cell, document_pointer, in_document
from contracts.compare.documents.field_texts import (
    describe_facts,
    join_values,
    pattern_text,
    type_text,
)
from contracts.compare.documents.model import Fact, ProviderCell
from specs import (
    JSON,
    Basis,
    Body,
    Claim,
    Evidence,
    Operation,
    Provider,
    claims,
    request_name,
)

# Keywords of a schema that become facts of the same name.
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


@dataclass(slots=True)
class _BodyField:
    """
    One field of one request body.

    `names` are the provider's names for it, the preferred one first. `node` is the
    schema of the first name.
    """

    names: list[str]
    node: Any
    evidence: Evidence
    facts: dict[str, Fact] = field(default_factory=dict)

    def add(self, name: str, fact: Fact) -> None:
        """Add a fact; a documented one replaces one that is not documented."""
        known = self.facts.get(name)
        is_documented = fact.basis == Basis.DOCUMENTED
        if known is None or (is_documented and known.basis != Basis.DOCUMENTED):
            self.facts[name] = fact


def request_cells(provider: Provider, operation: Operation) -> dict[str, ProviderCell]:
    """
    A cell per request field, by canonical name.

    A field of several request bodies has one cell. Facts of a later body that differ
    from the first have names such as `JSON/type`.
    """
    known_claims = claims(provider)
    tables = {
        media_type: _body_fields(provider, operation, body, known_claims)
        for media_type, body in operation.bodies.items()
    }
    found: dict[str, ProviderCell] = {}
    for media_type, table in tables.items():
        for name, body_field in table.items():
            made = _field_cell(provider, name, body_field)
            is_known = name in found
            found[name] = _merge(found[name], made, media_type) if is_known else made
    return {name: _note_absence(made, name, tables) for name, made in found.items()}


def _note_absence(
    made: ProviderCell, name: str, tables: Mapping[str, Mapping[str, _BodyField]]
) -> ProviderCell:
    """The cell of a field with the media types of bodies that do not have it."""
    for media_type, table in tables.items():
        if name not in table:
            label = _media_label(media_type)
            facts = {f"{label}/absent": Fact(True)}
            made = _extend_cell(made, f"not in {label}", facts)
    return made


def models_cell(provider: Provider, operation: Operation) -> ProviderCell | None:
    """The models that a page names, even if it allows others; None if it names none."""
    for body in operation.bodies.values():
        node = body.properties.get("model")
        if not isinstance(node, dict):
            continue
        whole = body.evidence.within(node)
        for part in (node, *node.get("allOf", ())):
            evidence = whole.within(part)
            is_same_page = _page(evidence) == _page(whole)
            models = [each for each in part.get("enum", ()) if each is not None]
            text = join_values(models)
            if "pattern" in part and not models:
                models, text = [part["pattern"]], pattern_text(part["pattern"])
            if models and is_same_page:
                return cell(
                    provider,
                    text,
                    replace(whole, basis=Basis.DOCUMENTED),
                    pointer=document_pointer(provider, part),
                    facts={"models": Fact(models, evidence.source)},
                )
    return None


def _page(evidence: Evidence) -> str:
    return evidence.source.partition("#")[0]


def _body_fields(
    provider: Provider, operation: Operation, body: Body, known_claims: Iterable[Claim]
) -> dict[str, _BodyField]:
    """The fields of one request body, by canonical name, with all their facts."""
    found: dict[str, _BodyField] = {}
    for name, node in body.properties.items():
        canonical = provider.dialect.canonical_name(operation.id, name)
        if canonical in found:
            found[canonical].names.append(name)
            continue
        is_schema = isinstance(node, dict)
        evidence = body.evidence.within(node) if is_schema else body.evidence
        found[canonical] = body_field = _BodyField([name], node, evidence)
        if is_schema:
            for fact_name, fact in _schema_facts(provider, node, body.evidence):
                body_field.add(fact_name, fact)
    for canonical, body_field in found.items():
        preferred = provider.dialect.wire_names(operation.id, canonical)
        body_field.names = [each for each in preferred if each in body_field.names]
    _add_required_facts(provider, body, found)
    _add_rule_facts(operation, body, found, known_claims)
    return found


def _schema_facts(
    provider: Provider, node: Mapping[str, Any], above: Evidence
) -> Iterator[tuple[str, Fact]]:
    """The facts in a field's schema, then those in its `allOf`."""
    evidence, pointer = above.within(node), document_pointer(provider, node)

    def fact(value: Any) -> Fact:
        return Fact(value, evidence.source, evidence.basis, pointer)

    if "type" in node or "format" in node:
        yield "type", fact(type_text(node))
    for keyword in KEYWORDS:
        if keyword in node:
            value = node[keyword]
            if isinstance(value, list):
                value = [each for each in value if each is not None]
            yield keyword, fact(value)
    for part in node.get("allOf", ()):
        yield from _schema_facts(provider, part, evidence)


def _add_required_facts(
    provider: Provider, body: Body, fields: Mapping[str, _BodyField]
) -> None:
    """Add `required`, by the evidence of the schema that lists the field."""
    if not isinstance(body.schema, dict):
        return
    for part in (body.schema, *body.schema.get("allOf", ())):
        if "if" in part:
            continue
        evidence = body.evidence.within(part)
        pointer = document_pointer(provider, part)
        for name in part.get("required", ()):
            for body_field in fields.values():
                if name in body_field.names:
                    fact = Fact(True, evidence.source, evidence.basis, pointer)
                    body_field.add("required", fact)


def _add_rule_facts(
    operation: Operation,
    body: Body,
    fields: Mapping[str, _BodyField],
    known_claims: Iterable[Claim],
) -> None:
    """Add `rule/NAME`, the sentences of a conditional rule, to the rule's field."""
    begin = f"{request_name(operation, body)}/"
    for claim in known_claims:
        if not claim.id.startswith(begin) or claim.evidence.rule is None:
            continue
        body_field = _field_of(claim.id.removeprefix(begin).split("/"), fields)
        if body_field is None:
            continue
        name, evidence = f"rule/{claim.evidence.rule}", claim.evidence
        before = body_field.facts.get(name)
        is_same_basis = before is not None and before.basis == evidence.basis
        sentences = before.value if before is not None and is_same_basis else []
        pointer = in_document(claim.pointer) if claim.pointer else ""
        fact = Fact(
            [*sentences, claim.sentence], evidence.source, evidence.basis, pointer
        )
        body_field.add(name, fact)
        if sentences:
            body_field.facts[name] = fact


def _field_of(steps: list[str], fields: Mapping[str, _BodyField]) -> _BodyField | None:
    """The field that the steps of a claim id are about; None if it is about none."""
    for step in steps:
        for body_field in fields.values():
            if step.removesuffix("[]") in body_field.names:
                return body_field
    return None


def _field_cell(
    provider: Provider, canonical: str, body_field: _BodyField
) -> ProviderCell:
    wire = ", ".join(body_field.names) if body_field.names != [canonical] else ""
    texts = [" or ".join(f"`{each}`" for each in body_field.names)] if wire else []
    texts += describe_facts(body_field.facts)
    node = body_field.node
    if node is False:
        texts = ["must be absent"]
    return cell(
        provider,
        "; ".join(texts) or "yes",
        body_field.evidence,
        wire=wire,
        note=node.get("x-note", "") if isinstance(node, dict) else "",
        pointer=document_pointer(provider, node),
        facts=body_field.facts,
    )


def _merge(first: ProviderCell, second: ProviderCell, media_type: str) -> ProviderCell:
    """The cell of one body, with the differences of the cell of another body."""
    if (first.value, first.firm_facts) == (second.value, second.firm_facts):
        return first
    label = _media_label(media_type)
    facts = {
        f"{label}/{name}": fact
        for name, fact in second.facts.items()
        if first.facts.get(name) is None or first.facts[name].value != fact.value
    }
    if first.value == second.value:
        return replace(first, facts={**first.facts, **facts})
    return _extend_cell(first, f"in {label}: {second.value}", facts)


def _extend_cell(
    made: ProviderCell, text: str, facts: Mapping[str, Fact]
) -> ProviderCell:
    return replace(made, value=f"{made.value}; {text}", facts={**made.facts, **facts})


def _media_label(media_type: str) -> str:
    return "JSON" if media_type == JSON else "forms"
