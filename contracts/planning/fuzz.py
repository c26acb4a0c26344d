"""
What enumeration does not reach: text, and many members at once.

Hypothesis draws combinations of telling values and text. Every request drawn is
classified by the judge, and all are drawn before any is sent.
"""

import logging
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.internal.conjecture.providers import (
    AVAILABLE_PROVIDERS,
    HypothesisProvider,
)

from contracts.planning.case import Case
from contracts.planning.generated import classified, is_modest
from contracts.planning.request_model import Desk, desks_of
from contracts.planning.values import Value
from specs import Provider

EXAMPLES = 12
BACKEND = "imageparity"


class Unswayed(HypothesisProvider):
    """
    Draws as Hypothesis does, but no constants found in the modules at hand.

    They would make what is drawn for a seed depend on whatever else is imported.
    """

    def _maybe_draw_constant(self, *_: Any, **__: Any) -> None:
        return None


AVAILABLE_PROVIDERS[BACKEND] = f"{__name__}.{Unswayed.__name__}"


def fuzz(provider: Provider, *, seed: int = 0, examples: int = EXAMPLES) -> list[Case]:
    """Cases drawn by Hypothesis: the same for the same seed."""
    found: list[Case] = []
    for desk in desks_of(provider).values():
        payloads = drawn(_requests(desk), seed, examples)
        for number, payload in enumerate(payloads, 1):
            case = classified(desk, "fuzz", str(number), payload)
            found += [case] if case is not None else []
    return found


def drawn(strategy: Any, seed: int, examples: int) -> list[Any]:
    """The values that a strategy gives for a seed, without repetition."""
    found: dict[str, Any] = {}

    @seeded(seed)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        backend=BACKEND,
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
        values = [each for each in desk.values(member) if is_modest(each.value)]
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
