"""
Which questions to ask: found by search, sorted out by the judge, all known before any
is sent.

For each claim of a request the smallest requests that tell obedience from disobedience:
negatives with exactly one fault, and positives on the other side of it.
"""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from typing import Any

from contracts.cases import FORM, JSON, Case, Fault
from contracts.samples import Sample, judged
from contracts.values import PROMPT, Value, simplest, telling
from specs import (
    Basis,
    Body,
    Operation,
    Provider,
    State,
    Verdict,
    claims,
    request_name,
    size_of,
)
from specs.schema import compiled, lowered

REFUSALS_PER_LABEL = 1
CONTEXTS_PER_RULE = 3
OTHER_PROMPT = "A blue sphere on black sand"


@dataclass(frozen=True)
class Rule:
    """A cross-field rule of a request: the members it speaks of, and when it bites."""

    name: str
    members: tuple[str, ...]
    condition: Any
    basis: Basis

    def bites(self, payload: Any) -> bool:
        return bool(self._condition.is_valid(judged(payload)))

    @cached_property
    def _condition(self) -> Any:
        return compiled(lowered(self.condition))


@dataclass(frozen=True)
class Desk:
    """One request body of one operation, spread out for planning."""

    provider: Provider
    operation: Operation
    body: Body
    claims: Mapping[str, Basis]
    _verdicts: dict[str, Verdict] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return request_name(self.operation, self.body)

    @property
    def is_form(self) -> bool:
        return self.body.media_type == FORM

    def judge(self, payload: Mapping[str, Any]) -> Verdict:
        return self.body.judge.judge(judged(payload))

    def is_invalid(self, payload: Mapping[str, Any]) -> bool:
        return self.body.judge.is_invalid(judged(payload))

    def role(self, member: str) -> str:
        """The canonical name of a member."""
        fields = self.provider.dialect.fields.get(self.operation.id, {})
        return next((each for each, names in fields.items() if member in names), member)

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        schema = self.body.schema
        parts = schema.get("allOf", []) if isinstance(schema, dict) else []
        return tuple(
            Rule(
                part["x-rule"],
                tuple(dict.fromkeys(_mentioned(part))),
                part.get("if", True),
                Basis(part.get("x-basis", "documented")),
            )
            for part in parts
            if "x-rule" in part
        )

    def schemas(self, member: str) -> list[Any]:
        """All that the body says of a member: its own schema, and each rule's."""
        own = self.body.properties.get(member)
        return [*_flat(own), *_in_rules(self.body.schema, member)]

    def good(self, member: str) -> list[Any]:
        """Values that are surely right: from the examples, and what clients send."""
        found = [
            example[member]
            for example in self.body.examples.values()
            if isinstance(example, dict) and member in example
        ]
        role = self.role(member)
        if role == "model":
            found.insert(0, self.provider.dialect.model)
        elif role == "prompt":
            found = [PROMPT]
        elif role in {"image", "mask"}:
            found = [simplest(self.body.properties[member], role)]
        return found or [simplest(self.body.properties[member], role)]

    def values(self, member: str) -> list[Value]:
        return telling(
            self.schemas(member),
            self.good(member),
            is_form=self.is_form,
            role=self.role(member),
        )

    @cached_property
    def base(self) -> dict[str, Any]:
        """The plainest request that the document calls valid."""
        wanted = ["model", "prompt", "image"]
        known = [each for each in self.body.properties if self.role(each) in wanted]
        names = [each for each in known if self._is_preferred(each)]
        payload = {name: self.good(name)[0] for name in names}
        verdict = self.judge(payload)
        if verdict.state is not State.VALID:
            reasons = "; ".join(map(str, verdict.violations))
            raise PlanError(f"{self.name}: no plain valid request: {reasons}")
        return payload

    def _is_preferred(self, member: str) -> bool:
        names = self.provider.dialect.names(self.operation.id, self.role(member))
        present = [each for each in names if each in self.body.properties]
        return member == (present or [member])[0]

    @cached_property
    def contexts(self) -> tuple[tuple[str, dict[str, Any]], ...]:
        """The plain request for each model, and one without a model, where valid."""
        found: list[tuple[str, dict[str, Any]]] = [("", self.base)]
        if "model" not in self.body.properties:
            return tuple(found)
        for value in self.values("model"):
            for form in self._forms({**self.base, "model": value.value}):
                if value.value != self.base.get("model") and isinstance(value.value, str):
                    found.append((value.value, form))
                    break
        bare = {name: each for name, each in self.base.items() if name != "model"}
        if self.judge(bare).state is State.VALID:
            found.append(("default-model", bare))
        return tuple(found)

    def _forms(self, payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """A payload, or the same with a square picture or a single one, if valid."""
        for name in payload:
            if self.judge(payload).state is State.VALID:
                yield payload
                return
            if self.role(name) == "image":
                payload = {**payload, name: _unlisted(payload[name])}
        if self.judge(payload).state is State.VALID:
            yield payload


class PlanError(Exception):
    """A document that leaves nothing to ask."""


def _unlisted(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def _flat(schema: Any) -> Iterator[Any]:
    """A schema and the parts of its `allOf`."""
    if isinstance(schema, dict):
        yield schema
        for part in schema.get("allOf", []):
            yield from _flat(part)


def _in_rules(schema: Any, member: str) -> Iterator[Any]:
    """What the rules of a body say of a member, conditions included."""
    for part in schema.get("allOf", []) if isinstance(schema, dict) else []:
        for branch in (part, part.get("if"), part.get("then"), part.get("else")):
            for each in _flat(branch):
                found = each.get("properties", {}).get(member)
                yield from _flat(found)


def _mentioned(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from node.get("properties", {})
        yield from node.get("required", [])
        yield from node.get("x-same-dimensions", [])
        for key in ("if", "then", "else"):
            yield from _mentioned(node.get(key))
        for part in node.get("allOf", []):
            yield from _mentioned(part)


def plan(provider: Provider, *, seed: int = 0, is_mock: bool = False) -> list[Case]:
    """
    All planned cases of a provider, cheapest first.

    The same document and seed give the same cases in the same order. With `is_mock`,
    the errors that only our mock can be asked for are among them.
    """
    known = {each.id: each.evidence.basis for each in claims(provider)}
    refused: list[Case] = []
    answered: list[Case] = []
    for operation in provider.operations.values():
        for body in operation.bodies.values():
            desk = Desk(provider, operation, body, known)
            found = _probes(desk)
            refused += [each for each in found if each.expectation is State.INVALID]
            refused += _malformed(desk)
            answered += list(_basics(desk))
            answered += [each for each in found if each.expectation is State.VALID]
            answered += _relations(desk)
            answered += _pairs(desk, seed)
        refused += _transport(operation, provider)
        if is_mock:
            refused += _on_demand(operation, provider)
    return _named_once([*refused, *answered])


def _basics(desk: Desk) -> Iterator[Case]:
    """The plain request, the documented examples, and one more prompt."""
    about = [each for each in desk.claims if each.startswith(f"{desk.name}/")]
    defaults = tuple(
        each
        for each in about
        if each.endswith("/default") and each.split("/")[2] not in desk.base
    )
    operation = desk.operation.id
    plain = (f"{operation}/path", f"{operation}/auth", desk.name, *defaults)
    common: dict[str, Any] = {
        "operation": operation,
        "media_type": desk.body.media_type,
        "expectation": State.VALID,
    }
    yield Case(f"{desk.name}/plain", origin="probe", payload=desk.base, claims=plain, **common)
    other = {**desk.base, "prompt": OTHER_PROMPT}
    yield Case(f"{desk.name}/other-prompt", origin="probe", payload=other, **common)
    for name, example in desk.body.examples.items():
        if desk.judge(example).state is State.VALID:
            yield Case(f"{desk.name}/examples/{name}", origin="example", payload=example, **common)


def _probes(desk: Desk) -> list[Case]:
    """One change, or two that a rule brings together, to each context."""
    found: dict[tuple[Any, ...], Case] = {}
    per_claim: dict[str, int] = {}
    for suffix, context in desk.contexts:
        for label, payload, members in _changes(desk, context):
            case = _classified(desk, suffix, label, payload, members)
            if case is None:
                continue
            key = _key(desk, case, label, payload, members)
            if case.fault is not None:
                is_rule = case.fault.claim.count("/") >= 3 and len(members) > 0
                seen = per_claim.get(case.fault.claim, 0)
                if key in found or (suffix and seen >= CONTEXTS_PER_RULE and is_rule):
                    continue
                per_claim[case.fault.claim] = seen + 1
            found.setdefault(key, case)
    return list(found.values())


def _key(
    desk: Desk, case: Case, label: str, payload: Mapping[str, Any], members: Sequence[str]
) -> tuple[Any, ...]:
    """What makes two cases ask the same: the label, and the rules in force."""
    if case.fault is not None:
        return (case.fault.claim, label)
    biting = frozenset(
        rule.name
        for rule in desk.rules
        if set(rule.members) & set(members) and rule.bites(payload)
    )
    return (label, biting)


Change = tuple[str, dict[str, Any], tuple[str, ...]]


def _changes(desk: Desk, context: Mapping[str, Any]) -> Iterator[Change]:
    for name in context:
        rest = {key: value for key, value in context.items() if key != name}
        yield f"{name}/missing", rest, (name,)
    legal: dict[str, list[Value]] = {}
    for member in desk.body.properties:
        legal[member] = []
        for value in desk.values(member):
            payload = {**context, member: value.value}
            yield f"{member}/{value.label}", payload, (member,)
            if not desk.is_invalid(payload) and value.label not in {"null", "unicode"}:
                legal[member].append(value)
    seen: set[tuple[str, str]] = set()
    for rule in desk.rules:
        free = [each for each in rule.members if each in legal and each != "model"]
        for pair in combinations(free, 2):
            if pair in seen:
                continue
            seen.add(pair)
            yield from _together(context, pair, legal)


def _together(
    context: Mapping[str, Any], pair: tuple[str, str], legal: Mapping[str, list[Value]]
) -> Iterator[Change]:
    one, two = pair
    for left in legal[one][:12]:
        for right in legal[two][:12]:
            label = f"{one}/{left.label}+{two}/{right.label}"
            yield label, {**context, one: left.value, two: right.value}, pair


def _classified(
    desk: Desk, suffix: str, label: str, payload: dict[str, Any], members: tuple[str, ...]
) -> Case | None:
    """A case, if the judge calls it valid or finds exactly one documented fault."""
    verdict = desk.judge(payload)
    if verdict.state is State.UNSPECIFIED:
        return None
    at = f"@{suffix}" if suffix else ""
    common: dict[str, Any] = {
        "operation": desk.operation.id,
        "origin": "probe",
        "media_type": desk.body.media_type,
        "payload": payload,
    }
    if verdict.state is State.VALID:
        return Case(
            id=f"{desk.name}/{label}{at}",
            expectation=State.VALID,
            claims=_about(desk, payload, members, label),
            basis=standing(desk, members),
            **common,
        )
    violation = verdict.violations[0]
    if violation.evidence.basis is not Basis.DOCUMENTED or len(
        {each.path for each in verdict.violations}
    ) > 1:
        return None  # wrong type and wrong value of one member are one fault
    if {each.evidence.rule for each in verdict.violations} - {violation.evidence.rule}:
        return None
    claim = f"{desk.name}/{violation.claim}"
    params = _params(desk, violation, members)
    # The label says which member was changed; the claim already says it in most cases.
    short = label.partition("/")[2] if len(members) == 1 else label
    return Case(
        id=f"{claim}/{short}{at}",
        expectation=State.INVALID,
        claims=(claim,),
        fault=Fault(claim, violation.evidence.error, params),
        **common,
    )


def _params(desk: Desk, violation: Any, members: tuple[str, ...]) -> tuple[str, ...]:
    """The members that an error may rightly blame."""
    named = [str(violation.path[0])] if violation.path else []
    for rule in desk.rules:
        if rule.name == violation.evidence.rule:
            named += rule.members
    return tuple(dict.fromkeys([*named, *members]))


def standing(desk: Desk, members: Iterable[str]) -> Basis:
    """Who says that such values are welcome: not the provider, if the list is ours."""
    lists = {"enum", "pattern", "const"}
    for member in members:
        for claim, basis in desk.claims.items():
            if (
                claim.startswith(f"{desk.name}/{member}/")
                and claim.rpartition("/")[2] in lists
                and basis is not Basis.DOCUMENTED
            ):
                return basis
    return Basis.DOCUMENTED


_SPEAKS_FOR = {"value": "enum"}


def _about(
    desk: Desk, payload: Mapping[str, Any], members: Sequence[str], label: str = ""
) -> tuple[str, ...]:
    """
    The claims of a request that its being answered speaks for.

    First among them the one that the label is about.
    """
    first, _, last = label.rpartition("/")[2].partition("-")
    keyword = _SPEAKS_FOR.get(first, last)
    biting = {
        rule.name
        for rule in desk.rules
        if set(rule.members) & set(members) and rule.bites(payload)
    }
    starts = [f"{desk.name}/{each}" for each in (*members, *biting)]
    found = [
        claim
        for claim in desk.claims
        if any(claim.startswith((f"{each}/", f"{each}[]")) for each in starts)
        and not claim.endswith("/default")
    ]
    return tuple(sorted(found, key=lambda claim: not claim.endswith(f"/{keyword}")))


def _relations(desk: Desk) -> Iterator[Case]:
    """Requests that differ from another in one member, to see whether it matters."""
    for member in desk.body.properties:
        if desk.role(member) == "mask":
            payload = {**desk.base, member: desk.good(member)[0]}
            yield from _relation(desk, f"{member}/given", payload, member)
            for twin in _with_alpha(desk, payload):
                yield from _relation(desk, f"{member}/given-to-alpha", twin, member)


def _with_alpha(desk: Desk, payload: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, value in payload.items():
        if desk.role(name) == "image" and isinstance(value, Sample):
            yield {**payload, name: replace(value, alpha=True)}


def _relation(
    desk: Desk, label: str, payload: Mapping[str, Any], member: str
) -> Iterator[Case]:
    if desk.judge(payload).state is State.VALID:
        yield Case(
            id=f"{desk.name}/{label}",
            operation=desk.operation.id,
            origin="probe",
            expectation=State.VALID,
            media_type=desk.body.media_type,
            payload=payload,
            claims=_about(desk, payload, (member,)),
        )


def _pairs(desk: Desk, seed: int) -> Iterator[Case]:
    """Few requests in which every two values stand together that may."""
    domains = {
        member: [
            value
            for value in desk.values(member)
            if _is_cheap(value.value)
            and desk.judge({**desk.base, member: value.value}).state is State.VALID
        ][:6]
        for member in desk.body.properties
        if desk.role(member) not in {"prompt", "model", "image", "mask", "user"}
    }
    domains = {member: values for member, values in domains.items() if values}
    for number, row in enumerate(_covering(desk, domains, random.Random(seed)), 1):
        yield Case(
            id=f"{desk.name}/pairs/{number}",
            operation=desk.operation.id,
            origin="pairs",
            expectation=State.VALID,
            media_type=desk.body.media_type,
            payload={**desk.base, **row},
            basis=standing(desk, row),
        )


def _is_cheap(value: Any) -> bool:
    size = size_of(value)
    if size is not None:
        return max(size) <= 1536
    return not isinstance(value, int) or isinstance(value, bool) or value not in range(4, 11)


def _covering(
    desk: Desk, domains: Mapping[str, list[Value]], chance: random.Random
) -> Iterator[dict[str, Any]]:
    """Greedy rows until every pair that can be valid has been seen."""
    open_pairs = {
        (one, left.key, two, right.key)
        for one, two in combinations(domains, 2)
        for left in domains[one]
        for right in domains[two]
        if desk.judge({**desk.base, one: left.value, two: right.value}).state
        is State.VALID
    }
    for _ in range(60):
        if not open_pairs:
            return
        best: tuple[int, dict[str, Value]] = (0, {})
        for _ in range(12):
            row = _row(desk, domains, chance)
            gain = sum(pair in open_pairs for pair in _pairs_of(row))
            best = max(best, (gain, row), key=lambda each: each[0])
        if best[0] == 0:
            return
        open_pairs -= set(_pairs_of(best[1]))
        yield {member: value.value for member, value in best[1].items()}


def _row(
    desk: Desk, domains: Mapping[str, list[Value]], chance: random.Random
) -> dict[str, Value]:
    row: dict[str, Value] = {}
    for member in chance.sample(list(domains), len(domains)):
        value = chance.choice(domains[member])
        payload = {**desk.base, **{key: each.value for key, each in row.items()}}
        if desk.judge({**payload, member: value.value}).state is State.VALID:
            row[member] = value
    return row


def _pairs_of(row: Mapping[str, Value]) -> Iterator[tuple[str, str, str, str]]:
    ordered = sorted(row)
    for one, two in combinations(ordered, 2):
        yield one, row[one].key, two, row[two].key
        yield two, row[two].key, one, row[one].key


_AUTH: tuple[tuple[str, str | None], ...] = (
    ("missing", None),
    ("empty", ""),
    ("scheme-only", "Bearer"),
    ("wrong-scheme", "Basic aW1hZ2VwYXJpdHk6"),
    ("key-without-scheme", "imageparity-key"),
)


def _transport(operation: Operation, provider: Provider) -> Iterator[Case]:
    """Keys that are none, and addresses that are none."""
    body = next(iter(operation.bodies.values()))
    desk = Desk(provider, operation, body, {})
    claim = f"{operation.id}/auth"
    common: dict[str, Any] = {
        "operation": operation.id,
        "media_type": body.media_type,
        "payload": desk.base,
    }
    if operation.authenticated:
        for label, header in _AUTH:
            yield Case(
                id=f"{claim}/{label}",
                origin="auth",
                expectation=State.INVALID,
                claims=(claim, f"{operation.id}/errors/unauthenticated"),
                fault=Fault(claim, "unauthenticated"),
                auth=header,
                **common,
            )
    for label, method, path in (
        ("wrong-method", "PUT", operation.path),
        ("unknown-path", operation.method, f"{operation.path}/imageparity"),
    ):
        yield Case(
            id=f"{operation.id}/path/{label}",
            origin="transport",
            expectation=State.UNSPECIFIED,
            method=method,
            path=path,
            **common,
        )


def _malformed(desk: Desk) -> Iterator[Case]:
    """Bodies that cannot be read as what they claim to be."""
    common: dict[str, Any] = {
        "operation": desk.operation.id,
        "origin": "malformed",
        "media_type": desk.body.media_type,
        "payload": {},
        "claims": tuple(
            each for each in (desk.name, f"{desk.name}/type") if each in desk.claims
        ),
    }
    fault = Fault(desk.name, "invalid_request")
    if desk.is_form:
        bodies: tuple[tuple[str, bytes, str | None], ...] = (
            ("empty-body", b"", f"{FORM}; boundary=none"),
            ("no-boundary", b"--x\r\n", FORM),
            ("cut-short", b'--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nA', f"{FORM}; boundary=x"),
        )
    else:
        bodies = (
            ("empty-body", b"", None),
            ("cut-short", b'{"prompt": "A red', None),
            ("no-json", b"prompt=A+red+cube", None),
            ("list", b"[]", None),
            ("text", b'"A red cube"', None),
            ("not-utf8", b'{"prompt": "\xff\xfe"}', None),
        )
    for label, raw, content_type in bodies:
        yield Case(
            id=f"{desk.name}/malformed/{label}",
            expectation=State.INVALID,
            fault=fault,
            raw=raw,
            content_type=content_type,
            **common,
        )
    if JSON not in desk.operation.bodies:
        return
    yield Case(
        id=f"{desk.name}/malformed/labelled-text-plain",
        expectation=State.UNSPECIFIED,
        raw=b'{"prompt": "A red cube"}',
        content_type="text/plain",
        **{**common, "claims": ()},
    )


def _on_demand(operation: Operation, provider: Provider) -> Iterator[Case]:
    """Every error of the catalogue, asked for by name: only our mock can be so asked."""
    body = next(iter(operation.bodies.values()))
    desk = Desk(provider, operation, body, {})
    for name in operation.errors:
        claim = f"{operation.id}/errors/{name}"
        yield Case(
            id=f"{claim}/on-demand",
            operation=operation.id,
            origin="error",
            expectation=State.INVALID,
            media_type=body.media_type,
            payload=desk.base,
            claims=(claim,),
            fault=Fault(claim, name),
            headers={"X-Mock-Error": name},
        )


def _named_once(cases: Iterable[Case]) -> list[Case]:
    """The cases, each with an id of its own."""
    seen: dict[str, int] = {}
    named: list[Case] = []
    for case in cases:
        seen[case.id] = seen.get(case.id, 0) + 1
        number = seen[case.id]
        named.append(replace(case, id=f"{case.id}#{number}") if number > 1 else case)
    return named


def asked(provider: Provider, cases: Iterable[Case]) -> dict[str, int]:
    """How many of the cases put each claim of a document to the test."""
    counts = dict.fromkeys([each.id for each in claims(provider)], 0)
    successes: dict[tuple[str, bool], int] = {}
    failures: dict[tuple[str, int], int] = {}
    for case in cases:
        operation = provider.operations[case.operation]
        for claim in case.claims:
            counts[claim] = counts.get(claim, 0) + 1
        if case.fault is not None:
            error = operation.errors.get(case.fault.error, operation.errors["invalid_request"])
            key = (operation.id, error.status)
            failures[key] = failures.get(key, 0) + 1
            counts[f"{operation.id}/errors/{error.name}"] += 1
        elif case.expectation is State.VALID:
            streams = case.payload.get("stream") is True and operation.streams
            both = (operation.id, streams)
            successes[both] = successes.get(both, 0) + 1
    for claim in counts:
        name, _, rest = claim.partition("/")
        status, _, part = rest.partition("/")
        if not status.isdigit():
            continue
        if status.startswith("2"):
            plain, stream = successes.get((name, False), 0), successes.get((name, True), 0)
            is_event = part.startswith("events/")
            counts[claim] += stream if is_event else plain + stream * part.startswith("guarantees/")
        else:
            counts[claim] += failures.get((name, int(status)), 0)
    return counts
