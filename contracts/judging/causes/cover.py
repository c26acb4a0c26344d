"""
Explain failing cases by features, as in spectrum-based fault localization.

A feature explains the failing cases that have it if no passing case has it. The
features that explain most are chosen first, until all failing cases are explained or
no feature explains more.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from contracts.judging.causes.features import Feature, Scope

MAX_PAIRED_FEATURES = 150
PAIR_COST = 2.0  # a pair must explain more than twice as many cases as one feature

FeatureSet = frozenset[Feature]


@dataclass(frozen=True, slots=True)
class Explanation:
    """
    Features that explain failing cases.

    `features` is one feature, or two that only together explain the cases, after the
    operation or media type if they explain only its cases; empty if nothing explains
    them. `failing` are indexes of the cases.
    """

    features: tuple[Feature, ...]
    failing: tuple[int, ...]


def explain(
    failing: Sequence[FeatureSet], passing: Collection[FeatureSet]
) -> list[Explanation]:
    """
    The explanations of failing cases, the widest first.

    The last one has no features if some cases are not explained. Each case is in
    one explanation.
    """
    spectrum = _Spectrum(failing, passing)
    candidates = list(spectrum.candidates())
    left = (1 << len(failing)) - 1
    found: list[Explanation] = []
    while left and candidates:
        best = min(candidates, key=lambda each: _rank(each, left))
        covered = best.cases & left
        if not covered:
            break
        found.append(Explanation(best.features, tuple(_indexes(covered))))
        left &= ~covered
    if left:
        found.append(Explanation((), tuple(_indexes(left))))
    return found


@dataclass(frozen=True, slots=True)
class _Candidate:
    features: tuple[Feature, ...]
    cases: int  # a set of indexes, as bits


def _rank(candidate: _Candidate, left: int) -> tuple[object, ...]:
    covered = (candidate.cases & left).bit_count()
    cost = PAIR_COST if len(candidate.features) > 2 else 1.0
    scopes = sorted((each.scope for each in candidate.features), reverse=True)
    return (-covered / cost, len(candidate.features), scopes, candidate.features)


class _Spectrum:
    """The cases that have each feature: sets of case indexes, as bits of integers."""

    def __init__(
        self, failing: Sequence[FeatureSet], passing: Collection[FeatureSet]
    ) -> None:
        self._failing = _case_sets(failing)
        self._passing = _case_sets(tuple(passing))

    def candidates(self) -> Iterator[_Candidate]:
        """
        Yield the features that explain cases.

        Single ones come for all cases, and single ones and pairs for those of each
        operation and media type.
        """
        yield from self._singles((), -1, -1)
        for base, failing in self._failing.items():
            if base.scope in {Scope.OPERATION, Scope.MEDIA_TYPE}:
                passing = self._passing.get(base, 0)
                yield from self._singles((base,), failing, passing)
                yield from self._pairs(base, failing, passing)

    def _singles(
        self, base: tuple[Feature, ...], failing: int, passing: int
    ) -> Iterator[_Candidate]:
        """Yield single features, after the base that all cases in the sets have."""
        for feature, cases in self._failing.items():
            is_precise = not self._passing.get(feature, 0) & passing
            if cases & failing and is_precise and feature not in base:
                yield _Candidate((*base, feature), cases & failing)

    def _pairs(self, base: Feature, failing: int, passing: int) -> Iterator[_Candidate]:
        """Yield pairs of features of which neither explains cases alone."""
        known = [
            (cases & failing, self._passing.get(feature, 0) & passing, feature)
            for feature, cases in self._failing.items()
            if feature.scope > Scope.OPERATION and feature != base and cases & failing
        ]
        imprecise = [each for each in known if each[1]]
        imprecise.sort(key=lambda each: (-each[0].bit_count(), each[2]))
        for one, other in combinations(imprecise[:MAX_PAIRED_FEATURES], 2):
            cases = one[0] & other[0]
            if cases and not one[1] & other[1]:
                pair = sorted((one[2], other[2]))
                yield _Candidate((base, *pair), cases)


def _case_sets(cases: Sequence[FeatureSet]) -> dict[Feature, int]:
    sets: dict[Feature, int] = {}
    for index, features in enumerate(cases):
        for feature in features:
            sets[feature] = sets.get(feature, 0) | 1 << index
    return sets


def _indexes(bits: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest
