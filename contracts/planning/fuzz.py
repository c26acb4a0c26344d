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

from contracts.planning.case import Case, Origin
from contracts.planning.classification import classify_generated
from contracts.planning.request_model import RequestModel, request_models
from contracts.planning.values import Value, is_small
from specs import Provider

DEFAULT_MAX_EXAMPLES = 12
BACKEND = "imageparity"


class NoConstantsProvider(HypothesisProvider):
    """
    Draws as Hypothesis does, but no constants found in the modules at hand.

    They would make what is drawn for a seed depend on whatever else is imported.
    """

    def _maybe_draw_constant(self, *_: Any, **__: Any) -> None:
        return None


AVAILABLE_PROVIDERS[BACKEND] = f"{__name__}.{NoConstantsProvider.__name__}"


def fuzz(
    provider: Provider, *, seed: int = 0, examples: int = DEFAULT_MAX_EXAMPLES
) -> list[Case]:
    """Cases drawn by Hypothesis: the same for the same seed."""
    found: list[Case] = []
    for desk in request_models(provider).values():
        payloads = collect_examples(_request_strategy(desk), seed, examples)
        for number, payload in enumerate(payloads, 1):
            case = classify_generated(desk, Origin.FUZZ, str(number), payload)
            found += [case] if case is not None else []
    return found


def collect_examples(strategy: Any, seed: int, examples: int) -> list[Any]:
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


def _request_strategy(request_model: RequestModel) -> st.SearchStrategy[dict[str, Any]]:
    """Requests with many members: telling values, and text where text may be."""
    members: dict[str, st.SearchStrategy[Any]] = {}
    for member in request_model.body.properties:
        values = [each for each in request_model.values(member) if is_small(each.value)]
        if not values:
            continue
        strategy: st.SearchStrategy[Any] = st.sampled_from(values).map(_unwrap)
        if request_model.canonical_name(member) in {"prompt", "user"}:
            strategy = _text_strategy(min_size=1)
        members[member] = strategy
    base = request_model.minimal_request
    required = {
        name: members[name]
        if request_model.canonical_name(name) == "prompt"
        else st.just(value)
        for name, value in base.items()
    }
    optional = {name: each for name, each in members.items() if name not in base}
    return st.fixed_dictionaries(required, optional=optional)


def _text_strategy(*, min_size: int) -> st.SearchStrategy[str]:
    alphabet = st.characters(exclude_categories=["Cs", "Cc"])
    return st.text(alphabet, min_size=min_size, max_size=200).filter(str.strip)


def _unwrap(value: Value) -> Any:
    return value.value
