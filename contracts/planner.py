"""
Which questions to ask: found by search, sorted out by the judge, all known before any
is sent.

For each claim of a request the smallest requests that tell obedience from disobedience:
negatives with exactly one fault, and positives on the other side of it.
"""

import random
from collections import Counter
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

MOST_PER_CLAIM = 3
OPEN = State.UNSPECIFIED
OTHER_PROMPT = "A blue sphere on black sand"


@dataclass(frozen=True)
class Rule:
    """
    A cross-field rule of a request: when it bites, and whom it then constrains.

    `causes` are the members its condition speaks of, `targets` those it constrains.
    """

    name: str
    causes: tuple[str, ...]
    targets: tuple[str, ...]
    part: Mapping[str, Any]

    @property
    def members(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys([*self.causes, *self.targets]))

    @property
    def is_documented(self) -> bool:
        return self.part.get("x-basis", Basis.DOCUMENTED) == Basis.DOCUMENTED

    def bites(self, payload: Any) -> bool:
        return bool(self._condition.is_valid(judged(payload)))

    @cached_property
    def _condition(self) -> Any:
        return compiled(lowered(self.part.get("if", True)))


@dataclass(frozen=True)
class Desk:
    """One request body of one operation, spread out for planning."""

    provider: Provider
    operation: Operation
    body: Body
    claims: Mapping[str, Basis]
    _values: dict[str, list[Value]] = field(default_factory=dict)

    @cached_property
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
                tuple(dict.fromkeys(_mentioned(part.get("if")))),
                tuple(dict.fromkeys(_mentioned({**part, "if": None}))),
                part,
            )
            for part in parts
            if "x-rule" in part
        )

    @cached_property
    def about(self) -> Mapping[str, tuple[str, ...]]:
        """The claims of this body by the member or the rule that they begin with."""
        found: dict[str, list[str]] = {}
        for claim in self.claims:
            if claim.startswith(f"{self.name}/"):
                word = claim.removeprefix(f"{self.name}/").partition("/")[0]
                found.setdefault(word.removesuffix("[]"), []).append(claim)
        return {word: tuple(each) for word, each in found.items()}

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
        """Telling values of a member."""
        if member not in self._values:
            self._values[member] = telling(
                self.schemas(member),
                self.good(member),
                is_form=self.is_form,
                role=self.role(member),
            )
        return self._values[member]

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
                if value.value != self.base.get("model") and isinstance(
                    value.value, str
                ):
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
            answered += _basics(desk)
            answered += [each for each in found if each.expectation is State.VALID]
            answered += [each for each in found if each.expectation is OPEN]
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
    yield Case(
        f"{desk.name}/plain", origin="probe", payload=desk.base, claims=plain, **common
    )
    other = {**desk.base, "prompt": OTHER_PROMPT}
    yield Case(f"{desk.name}/other-prompt", origin="probe", payload=other, **common)
    bare = {name: value for name, value in desk.base.items() if name != "model"}
    modelless = f"{desk.name}/model/default"
    if (
        modelless in desk.claims
        and (state := desk.judge(bare).state) is not State.INVALID
    ):
        case = {**common, "expectation": state, "claims": (modelless,)}
        yield Case(f"{modelless}/missing", origin="probe", payload=bare, **case)
    for name, example in desk.body.examples.items():
        if desk.judge(example).state is State.VALID:
            yield Case(
                f"{desk.name}/examples/{name}",
                origin="example",
                payload=example,
                **common,
            )


def _probes(desk: Desk) -> list[Case]:
    """
    One change, or two that a rule brings together, to each context.

    A fault that stands alone is preferred to one that breaks a second rule of the
    same member; what no document decides is asked once for each claim of ours.
    """
    found: dict[tuple[Any, ...], Case] = {}
    doubtful: dict[tuple[Any, ...], Case] = {}
    counts: Counter[str] = Counter()
    for suffix, context in desk.contexts:
        for change in _changes(desk, context):
            case, is_single = _classified(desk, suffix, change)
            if case is None:
                continue
            key = _key(desk, case, change)
            about = case.fault.claim if case.fault else f"{key[0]} {case.expectation}"
            if len(change.members) > 1 or suffix or case.expectation is OPEN:
                if counts[about] >= MOST_PER_CLAIM:
                    continue
            if key not in found and key not in doubtful:
                counts[about] += 1
            (found if is_single else doubtful).setdefault(key, case)
    asked_for = {each.fault.claim for each in found.values() if each.fault}
    rest = [each for each in doubtful.values() if each.fault]
    return [
        *found.values(),
        *(each for each in rest if each.fault and each.fault.claim not in asked_for),
    ]


@dataclass(frozen=True, slots=True)
class Change:
    """A payload, and what was changed to get it."""

    label: str
    payload: dict[str, Any]
    members: tuple[str, ...]
    rule: str = ""


def _key(desk: Desk, case: Case, change: Change) -> tuple[Any, ...]:
    """What makes two cases ask the same: the label, and the rules in force."""
    if case.fault is not None:
        return (case.fault.claim, change.label)
    if case.expectation is OPEN:
        return (case.claims[0],)
    if change.rule:
        return (change.rule, change.label)
    biting = frozenset(
        rule.name
        for rule in desk.rules
        if rule.is_documented
        and set(rule.targets) & set(change.members)
        and rule.bites(change.payload)
    )
    return (change.label, biting)


def _changes(desk: Desk, context: Mapping[str, Any]) -> Iterator[Change]:
    for name in context:
        rest = {key: value for key, value in context.items() if key != name}
        yield Change(f"{name}/missing", rest, (name,))
    legal: dict[str, list[Value]] = {}
    for member in desk.body.properties:
        legal[member] = []
        for value in desk.values(member):
            payload = {**context, member: value.value}
            yield Change(f"{member}/{value.label}", payload, (member,))
            if value.label not in {"null", "unicode"} and not desk.is_invalid(payload):
                legal[member].append(value)
    for rule in desk.rules:
        for cause in rule.causes or rule.targets:
            for target in rule.targets:
                if cause != target and "model" not in (cause, target):
                    yield from _together(context, rule, cause, target, legal)


def _together(
    context: Mapping[str, Any],
    rule: Rule,
    cause: str,
    target: str,
    legal: Mapping[str, list[Value]],
) -> Iterator[Change]:
    """A value that makes the rule bite, with each value of a member it constrains."""
    biting = [
        each
        for each in legal.get(cause, [])
        if rule.bites({**context, cause: each.value})
        or not rule.bites(context)
        and len(rule.causes) > 1
    ]
    for left in biting[:6]:
        for right in legal.get(target, [])[:12]:
            label = f"{cause}/{left.label}+{target}/{right.label}"
            payload = {**context, cause: left.value, target: right.value}
            yield Change(label, payload, (cause, target), rule.name)


def _classified(desk: Desk, suffix: str, change: Change) -> tuple[Case | None, bool]:
    """
    A case for a change, and whether it stands for one claim alone.

    None when it has several faults, or leaves too much open to be worth asking.
    """
    verdict = desk.judge(change.payload)
    at = f"@{suffix}" if suffix else ""
    common: dict[str, Any] = {
        "operation": desk.operation.id,
        "origin": "probe",
        "media_type": desk.body.media_type,
        "payload": change.payload,
        "expectation": verdict.state,
    }
    if verdict.state is State.VALID:
        case = Case(
            id=f"{desk.name}/{change.label}{at}",
            claims=_about(desk, change),
            basis=standing(desk, change.members),
            **common,
        )
        return case, True
    first = verdict.violations[0]
    claim = f"{desk.name}/{first.claim}"
    # The claim says already which member was changed, where it was only one.
    is_one = len(change.members) == 1
    label = change.label.partition("/")[2] if is_one else change.label
    id_ = f"{claim}/{label}{at}"
    is_single = len(verdict.violations) == 1
    if verdict.state is OPEN:
        if not is_single or claim not in desk.claims:
            return None, False
        return Case(id=id_, claims=(claim,), **common), True
    if len({each.path for each in verdict.violations}) > 1:
        return None, False
    if first.evidence.basis is not Basis.DOCUMENTED:
        return None, False
    params = _params(desk, first, change.members)
    fault = Fault(claim, first.evidence.error, params)
    return Case(id=id_, claims=(claim,), fault=fault, **common), is_single


def _params(desk: Desk, violation: Any, members: tuple[str, ...]) -> tuple[str, ...]:
    """The members that an error may rightly blame."""
    named = [str(violation.path[0])] if violation.path else []
    for rule in desk.rules:
        if rule.name == violation.evidence.rule:
            named += rule.members
    return tuple(dict.fromkeys([*named, *members]))


_LISTS = {"enum", "pattern", "const"}


def standing(desk: Desk, members: Iterable[str]) -> Basis:
    """Who says that such values are welcome: not the provider, if the list is ours."""
    for member in members:
        for claim in desk.about.get(member, ()):
            basis = desk.claims[claim]
            if claim.rpartition("/")[2] in _LISTS and basis is not Basis.DOCUMENTED:
                return basis
    return Basis.DOCUMENTED


_SPEAKS_FOR = {"value": "enum"}


def _about(desk: Desk, change: Change) -> tuple[str, ...]:
    """
    The claims of a request that its being answered speaks for.

    First among them the one that the label is about.
    """
    first, _, last = change.label.rpartition("/")[2].partition("-")
    keyword = _SPEAKS_FOR.get(first, last.partition("-")[0])
    biting = [
        rule.name
        for rule in desk.rules
        if set(rule.members) & set(change.members) and rule.bites(change.payload)
    ]
    found = [
        claim
        for word in (*change.members, *biting)
        for claim in desk.about.get(word, ())
        if not claim.endswith("/default")
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
            claims=_about(desk, Change(label, dict(payload), (member,))),
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
    return (
        not isinstance(value, int)
        or isinstance(value, bool)
        or value not in range(4, 11)
    )


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
            (
                "cut-short",
                b'--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nA',
                f"{FORM}; boundary=x",
            ),
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
            error = operation.errors.get(
                case.fault.error, operation.errors["invalid_request"]
            )
            key = (operation.id, error.status)
            failures[key] = failures.get(key, 0) + 1
            counts[f"{operation.id}/errors/{error.name}"] += 1
        else:
            streams = case.payload.get("stream") is True and operation.streams
            both = (operation.id, streams)
            successes[both] = successes.get(both, 0) + 1
    for claim in counts:
        name, _, rest = claim.partition("/")
        status, _, part = rest.partition("/")
        if not status.isdigit():
            continue
        if status.startswith("2"):
            plain, stream = (
                successes.get((name, False), 0),
                successes.get((name, True), 0),
            )
            is_event = part.startswith("events/")
            counts[claim] += (
                stream if is_event else plain + stream * part.startswith("guarantees/")
            )
        else:
            counts[claim] += failures.get((name, int(status)), 0)
    return counts
