"""
What enumeration does not reach: text, many members at once, and a second opinion.

Hypothesis draws combinations of telling values and text; schemathesis draws from the
document by itself. Every request drawn is classified by the judge, and all are drawn
before any is sent.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from contracts.cases import JSON, Case, Fault
from contracts.desk import Desk
from contracts.probing import standing
from contracts.samples import Sample
from contracts.values import Value
from specs import Basis, Provider, State, claims, size_of
from specs.schema import documented

EXAMPLES = 12
SECOND_OPINIONS = 12
MAX_EDGE = 1536


def fuzz(provider: Provider, *, seed: int = 0, examples: int = EXAMPLES) -> list[Case]:
    """Cases drawn by Hypothesis: the same for the same seed."""
    known = {each.id: each.evidence.basis for each in claims(provider)}
    found: list[Case] = []
    for operation in provider.operations.values():
        for body in operation.bodies.values():
            desk = Desk(provider, operation, body, known)
            payloads = _drawn(_requests(desk), seed, examples)
            found += _classified(desk, "fuzz", payloads)
    return found


def second_opinion(
    provider: Provider, *, seed: int = 0, examples: int = SECOND_OPINIONS
) -> list[Case]:
    """
    Cases that schemathesis draws from the same document, valid and not.

    Forms are left out: it fills file parts with random bytes.
    """
    import schemathesis
    from schemathesis import GenerationMode

    schema = schemathesis.openapi.from_dict(
        _without_assumptions(provider.document),
        config=schemathesis.Config.from_dict({}),
    )
    known = {each.id: each.evidence.basis for each in claims(provider)}
    found: list[Case] = []
    for operation in provider.operations.values():
        if JSON not in operation.bodies:
            continue
        desk = Desk(provider, operation, operation.bodies[JSON], known)
        theirs = schema[operation.path][operation.method]
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            strategy = theirs.as_strategy(
                generation_mode=mode, headers={"Authorization": "Bearer key"}
            )
            drawn = _drawn(strategy, seed, examples)
            bodies = [_as_json(each.body) for each in drawn]
            found += _classified(
                desk, "schemathesis", [each for each in bodies if each is not None]
            )
    return found


def _without_assumptions(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with its schemas as the provider states them, and no more."""
    components = document.get("components", {})
    schemas = documented(components.get("schemas", {}))
    return {**document, "components": {**components, "schemas": schemas}}


def _as_json(body: Any) -> dict[str, Any] | None:
    """A body in plain types (schemathesis has its own text), if JSON can say it."""
    try:
        value = json.loads(json.dumps(body, allow_nan=False))
    except (TypeError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _drawn(strategy: Any, seed: int, examples: int) -> list[Any]:
    """The values that a strategy gives for a seed, without repetition."""
    found: dict[str, Any] = {}

    @seeded(seed)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(value: Any) -> None:
        found.setdefault(repr(getattr(value, "body", value)), value)

    quiet = logging.getLogger("hypothesis")
    quiet.setLevel(logging.ERROR)
    collect()
    return list(found.values())


def _requests(desk: Desk) -> st.SearchStrategy[dict[str, Any]]:
    """Requests with many members: telling values, and text where text may be."""
    members: dict[str, st.SearchStrategy[Any]] = {}
    for member in desk.body.properties:
        values = [each for each in desk.values(member) if _is_modest(each)]
        if not values:
            continue
        strategy: st.SearchStrategy[Any] = st.sampled_from(values).map(_plain)
        if desk.role(member) in {"prompt", "user"}:
            strategy = _text(at_least=1)
        members[member] = strategy
    base = desk.base
    required = {
        name: members[name] if desk.role(name) == "prompt" else st.just(value)
        for name, value in base.items()
    }
    optional = {name: each for name, each in members.items() if name not in base}
    return st.fixed_dictionaries(required, optional=optional)


def _text(*, at_least: int) -> st.SearchStrategy[str]:
    alphabet = st.characters(exclude_categories=["Cs", "Cc"])
    return st.text(alphabet, min_size=at_least, max_size=200).filter(str.strip)


def _plain(value: Value) -> Any:
    return value.value


def _is_modest(value: Value) -> bool:
    size = size_of(value.value)
    if size is not None:
        return max(size) <= MAX_EDGE
    if isinstance(value.value, Sample):
        return value.value.weight == 0
    return len(repr(value.value)) < 4000


def _classified(
    desk: Desk, origin: str, payloads: list[dict[str, Any]]
) -> Iterator[Case]:
    for number, payload in enumerate(payloads, 1):
        if not _is_sendable(payload):
            continue
        verdict = desk.judge(payload)
        faults = verdict.documented
        if verdict.state is State.UNSPECIFIED:
            continue
        fault = None
        if faults:
            claim = f"{desk.name}/{faults[0].claim}"
            fault = Fault(claim, faults[0].evidence.error)
        several = len(verdict.violations) > 1
        yield Case(
            id=f"{desk.name}/{origin}/{number}",
            operation=desk.operation.id,
            origin=origin,
            expectation=verdict.state,
            media_type=desk.body.media_type,
            payload=payload,
            claims=(fault.claim,) if fault and not several else (),
            basis=Basis.DOCUMENTED if fault else _standing_of(desk, payload),
            fault=fault,
        )


def _standing_of(desk: Desk, payload: Mapping[str, Any]) -> Basis:
    changed = [name for name, value in payload.items() if desk.base.get(name) != value]
    return standing(desk, changed)


def _is_sendable(payload: Mapping[str, Any]) -> bool:
    """Whether it can be written as UTF-8 at all."""
    try:
        repr(payload).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


Layer = Callable[..., list[Case]]
LAYERS: dict[str, Layer] = {"fuzz": fuzz, "schemathesis": second_opinion}
