"""The first cases of a run: they show whether a server serves an operation at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts.planning.case import Case, Origin
from contracts.planning.models import PLAIN, model_operations
from contracts.planning.request_model import request_models
from specs import Basis, Provider, State

MAX_ALTERNATIVES = 6
_ALTERNATIVE_ORIGINS = (Origin.EXAMPLE, Origin.STREAM, Origin.PAIRS)


@dataclass(frozen=True, slots=True)
class PreflightCases:
    """
    The plain requests of an operation, one per media type, and other valid requests.

    The alternatives are sent if the server accepts no plain request.
    """

    plain: tuple[Case, ...]
    alternatives: tuple[Case, ...]


def preflight_cases(
    provider: Provider, cases: Sequence[Case]
) -> Mapping[str, PreflightCases]:
    """
    The preflight cases of each operation, by its id; those on models come last.

    Operations of which no plain request is among the cases are left out.
    """
    models = request_models(provider).values()
    plain_ids = {f"{model.name}/plain" for model in models}
    about_models = [each.id for each in model_operations(provider)]
    plain_ids |= {f"{operation}/{PLAIN}" for operation in about_models}
    found: dict[str, PreflightCases] = {}
    for operation in (*provider.operations, *about_models):
        own = [each for each in cases if each.operation == operation]
        plain = tuple(each for each in own if each.id in plain_ids)
        if plain:
            found[operation] = PreflightCases(plain, _alternatives(own))
    return found


def _alternatives(cases: Sequence[Case]) -> tuple[Case, ...]:
    """Documented examples, a stream, and requests with many fields, in turn."""
    by_origin = [
        [
            each
            for each in cases
            if each.origin is origin
            and each.expectation is State.VALID
            and each.basis is Basis.DOCUMENTED
        ]
        for origin in _ALTERNATIVE_ORIGINS
    ]
    longest = max(map(len, by_origin))
    found = [
        group[at] for at in range(longest) for group in by_origin if at < len(group)
    ]
    return tuple(found[:MAX_ALTERNATIVES])
