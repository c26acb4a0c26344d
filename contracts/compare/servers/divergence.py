"""Divergences: aspects in which the responses to one request differ."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from contracts.compare.servers.documented_aspects import (
    DocumentedAspect,
    documented_aspect,
    documented_responsiveness,
)
from contracts.compare.servers.model import DocumentAgreement
from contracts.compare.servers.observed_aspects import (
    OUTCOME,
    ObservedAnswer,
    Result,
)
from contracts.compare.servers.session import TargetSession
from contracts.compare.servers.translation import Intent, Translation
from contracts.compare.servers.verdicts import verdict_at
from contracts.media.aspect import AspectValue


@dataclass(frozen=True)
class Divergence:
    """
    An aspect in which the responses to one request differ.

    `values` and `documented_aspects` are by label. `result` is the class of all
    responses, None if the aspect is the class itself.
    """

    intent: Intent
    aspect: str
    result: Result | None
    values: Mapping[str, AspectValue]
    documented_aspects: Mapping[str, DocumentedAspect]

    @property
    def categories(self) -> dict[str, str]:
        return {label: value.category for label, value in self.values.items()}

    @property
    def kind(self) -> DocumentAgreement:
        """The agreement of the documents of those servers that differ."""
        pairs = [
            (self.documented_aspects[one], self.documented_aspects[two])
            for one, two in combinations(self.categories, 2)
            if self.categories[one] != self.categories[two]
        ]
        if any(one == two and one.is_binding for one, two in pairs):
            return DocumentAgreement.AGREE
        differ = any(one.statement != two.statement for one, two in pairs)
        return DocumentAgreement.DIFFER if differ else DocumentAgreement.SILENT

    @property
    def is_rejection(self) -> bool:
        """True if every server rejects the request."""
        if self.aspect == OUTCOME:
            return Result.ACCEPTED not in self.categories.values()
        return self.result is Result.REFUSED

    def shared_categories(self, other: "Divergence") -> dict[str, str]:
        """The categories of the servers that the other divergence is about too."""
        return {
            label: category
            for label, category in self.categories.items()
            if label in other.categories
        }

    def same_as(self, other: "Divergence") -> bool:
        """
        True if this is the other divergence, with all of its servers, or contains it.

        The requests may differ. For aspects other than the outcome, it is enough if the
        same servers agree with each other.
        """
        shared = self.shared_categories(other)
        if self.aspect != other.aspect or len(shared) < len(other.categories):
            return False
        if shared == other.categories:
            return True
        return self.aspect != OUTCOME and _groups(shared) == _groups(other.categories)

    def subsumes(self, other: "Divergence") -> bool:
        """True if the other divergence need not be reported beside this one."""
        if self.intent.operation != other.intent.operation or not self.same_as(other):
            return False
        weights = list(DocumentAgreement)
        if weights.index(self.kind) > weights.index(other.kind):
            return False
        # The form of a server's error responses seldom depends on the request.
        is_error_form = (
            other.is_rejection and self.shared_categories(other) == other.categories
        )
        return is_error_form or self.intent.changes <= other.intent.changes


def _groups(categories: Mapping[str, str]) -> set[frozenset[str]]:
    """The sets of labels that have the same category."""
    return {
        frozenset(label for label, each in categories.items() if each == category)
        for category in categories.values()
    }


def find_divergences(
    sessions: Sequence[TargetSession],
    intent: Intent,
    outcomes: Mapping[str, ObservedAnswer],
) -> Iterator[Divergence]:
    """
    Compare the responses to an intent, by label: first their classes, then each aspect.

    Aspects of successes are compared only with those of successes, and aspects of error
    responses only with those of error responses.
    """
    yield from _compare_aspect(sessions, intent, OUTCOME, outcomes)
    for result in (Result.ACCEPTED, Result.REFUSED):
        alike = {
            label: each for label, each in outcomes.items() if each.result is result
        }
        names = dict.fromkeys(name for each in alike.values() for name in each.aspects)
        for name in names:
            if name != OUTCOME:
                yield from _compare_aspect(sessions, intent, name, alike)


def _compare_aspect(
    sessions: Sequence[TargetSession],
    intent: Intent,
    name: str,
    outcomes: Mapping[str, ObservedAnswer],
) -> Iterator[Divergence]:
    values = {
        label: outcome.aspects[name]
        for label, outcome in outcomes.items()
        if name in outcome.aspects
    }
    if len({each.category for each in values.values()}) < 2:
        return
    documented = {
        session.label: documented_aspect(
            translation, name, outcomes[session.label].result
        )
        for session in sessions
        if session.label in values
        and isinstance(translation := session.translation_of(intent), Translation)
    }
    result = None if name == OUTCOME else next(iter(outcomes.values())).result
    yield Divergence(intent, name, result, values, documented)


def find_responsiveness_divergence(
    sessions: Sequence[TargetSession], intent: Intent
) -> Iterator[Divergence]:
    """
    Compare if the servers respond to another value of the feature with another image.

    Only for features that two responses had to be compared for.
    """
    providers = [each.provider for each in sessions]
    values, documented = {}, {}
    for session in sessions:
        verdict = verdict_at(session, intent, providers)
        translation = session.translation_of(intent)
        if verdict.responds is not None and isinstance(translation, Translation):
            word = "yes" if verdict.responds else "no"
            note = verdict.note or verdict.value
            values[session.label] = AspectValue(word, word, note)
            documented[session.label] = documented_responsiveness(translation)
    if len({each.category for each in values.values()}) > 1:
        name = responsiveness_aspect(intent)
        yield Divergence(intent, name, Result.ACCEPTED, values, documented)


def responsiveness_aspect(intent: Intent) -> str:
    return f"responds to {intent.feature}"
