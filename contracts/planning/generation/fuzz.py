"""
Cases that Hypothesis generates: random texts, and requests with many fields.

Each generated request is classified by the document. All of them are generated before
any is sent.
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
from contracts.planning.request_model import RequestModel, testable_models
from contracts.planning.values.field_values import Value
from specs import Provider

DEFAULT_MAX_EXAMPLES = 12
BACKEND = "imageparity"


class NoConstantsProvider(HypothesisProvider):
    """
    The default backend of Hypothesis, without constants from imported modules.

    With them, the requests for a seed would depend on the modules that are imported.
    """

    def _maybe_draw_constant(self, *_: Any, **__: Any) -> None:
        return None


AVAILABLE_PROVIDERS[BACKEND] = f"{__name__}.{NoConstantsProvider.__name__}"


def fuzz(
    provider: Provider, *, seed: int = 0, examples: int = DEFAULT_MAX_EXAMPLES
) -> list[Case]:
    """
    Generate cases; the same for the same document and seed.

    `examples` limits the number of requests per request body.
    """
    cases: list[Case] = []
    for request_model in testable_models(provider).values():
        strategy = _request_strategy(request_model)
        for number, payload in enumerate(collect_examples(strategy, seed, examples), 1):
            case = classify_generated(request_model, Origin.FUZZ, str(number), payload)
            if case is not None:
                cases.append(case)
    return cases


def collect_examples(strategy: Any, seed: int, examples: int) -> list[Any]:
    """Generate at most `examples` different values with a strategy and a seed."""
    by_text: dict[str, Any] = {}

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
        # Cases of schemathesis have no useful `repr`; their bodies have one.
        by_text.setdefault(repr(getattr(value, "body", value)), value)

    logging.getLogger("hypothesis").setLevel(logging.ERROR)
    collect()
    return list(by_text.values())


def _request_strategy(request_model: RequestModel) -> st.SearchStrategy[dict[str, Any]]:
    """Requests with many fields: boundary values, and random texts as prompts."""
    fields: dict[str, st.SearchStrategy[Any]] = {}
    is_small = request_model.samples.is_small
    text_fields = {*request_model.samples.text_fields, "user"}
    for name in request_model.body.properties:
        values = [each for each in request_model.values(name) if is_small(each.value)]
        if not values:
            continue
        if request_model.canonical_name(name) in text_fields:
            fields[name] = _text_strategy(min_size=1)
        else:
            fields[name] = st.sampled_from(values).map(_unwrap)
    required = {
        name: fields[name]
        if request_model.canonical_name(name) in request_model.samples.text_fields
        else st.just(value)
        for name, value in request_model.minimal_request.items()
    }
    optional = {name: each for name, each in fields.items() if name not in required}
    return st.fixed_dictionaries(required, optional=optional)


def _text_strategy(*, min_size: int) -> st.SearchStrategy[str]:
    alphabet = st.characters(exclude_categories=["Cs", "Cc"])
    return st.text(alphabet, min_size=min_size, max_size=200).filter(str.strip)


def _unwrap(value: Value) -> Any:
    return value.value
