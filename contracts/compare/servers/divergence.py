"""What several targets answered to the same questions, compared and made small."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

from contracts.compare.servers.documented_aspects import (
    DocumentedAspect,
    documented_aspect,
    documented_responsiveness,
)
from contracts.compare.servers.intents import shrink_intent
from contracts.compare.servers.model import (
    Difference,
    DocumentAgreement,
    FeatureRow,
    ParameterVerdict,
    Side,
)
from contracts.compare.servers.observed_aspects import (
    ASPECT_OF_PARAMETER,
    OUTCOME,
    AspectValue,
    ObservedAnswer,
    Result,
)
from contracts.compare.servers.session import TargetSession
from contracts.compare.servers.translation import (
    Intent,
    NotTranslatable,
    Translation,
    is_invalid_request,
)
from contracts.compare.servers.verdicts import (
    VerdictEvidence,
    requested_value,
    untested_verdict,
    verdict_for,
)
from contracts.judging.findings import redact, summarize_case
from contracts.judging.outcome import FeatureVerdict
from contracts.planning.code_samples import curl_command
from contracts.planning.values import format_value
from contracts.report.model import fingerprint

CONFIRMATION_ATTEMPTS = 2
MAX_SHRINK_ATTEMPTS = 24
# What a plain answer shows, as rows of the table.
ANSWER_ASPECTS = (
    "delivery",
    "size",
    "format",
    "transparency",
    "members",
    "usage",
    "revised_prompt",
)


@dataclass(frozen=True)
class _Divergence:
    """
    An aspect in which the answers to one question differ, by label.

    `result` is what they have in common, None where the outcome itself differs.
    """

    intent: Intent
    aspect: str
    result: Result | None
    values: Mapping[str, AspectValue]
    documented_aspects: Mapping[str, DocumentedAspect]

    @property
    def categories(self) -> dict[str, str]:
        return {label: each.category for label, each in self.values.items()}

    @property
    def kind(self) -> DocumentAgreement:
        """What the documents of those say who differ."""
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
        """Whether all of them refuse, each in its own way."""
        if self.aspect == OUTCOME:
            return Result.ACCEPTED not in self.categories.values()
        return self.result is Result.REFUSED

    def shared_categories(self, other: "_Divergence") -> dict[str, str]:
        """The words of those of whom the other speaks as well."""
        return {
            name: each
            for name, each in self.categories.items()
            if name in other.categories
        }

    def same_as(self, other: "_Divergence") -> bool:
        """Whether another question shows the same difference, or a part of it."""
        words = self.shared_categories(other)
        if self.aspect != other.aspect or len(words) < len(other.categories):
            return False
        return words == other.categories or (
            self.aspect != OUTCOME and _groups(words) == _groups(other.categories)
        )

    def subsumes(self, other: "_Divergence") -> bool:
        """Whether the other is no news beside this one."""
        if self.intent.operation != other.intent.operation or not self.same_as(other):
            return False
        if list(DocumentAgreement).index(self.kind) > list(DocumentAgreement).index(
            other.kind
        ):
            return False
        # How a target refuses seldom depends on what.
        is_manner = (
            other.is_rejection and self.shared_categories(other) == other.categories
        )
        return is_manner or self.intent.changes <= other.intent.changes


def _groups(categories: Mapping[str, str]) -> set[frozenset[str]]:
    """Who agrees with whom."""
    return {
        frozenset(label for label, each in categories.items() if each == word)
        for word in categories.values()
    }


@dataclass(slots=True)
class _ConfirmedDivergence:
    """A difference as it was made small, and what else shows it."""

    divergence: _Divergence
    seen: int = 1
    tries: int = 1
    also: list[str] = field(default_factory=list)


@dataclass
class ServerComparison:
    """Compares what several targets answered to the `known` questions and others."""

    sessions: Sequence[TargetSession]
    intents: Sequence[Intent]
    confirmed: list[_ConfirmedDivergence] = field(default_factory=list)

    async def compare(self, questions: Sequence[Intent]) -> None:
        """Find all differences, each by the smallest question that shows it."""
        for intent in questions:
            await self._compare_intent(intent)

    async def _compare_intent(self, intent: Intent) -> None:
        for apart in [
            *self._find_divergences(intent, self._outcomes(intent)),
            *self._unresponsive(intent),
        ]:
            known = next(
                (e for e in self.confirmed if e.divergence.subsumes(apart)), None
            )
            if known is None:
                known = await self._confirm(apart)
                self.confirmed.append(known)
            if intent.id not in (known.divergence.intent.id, *known.also):
                known.also.append(intent.id)

    def _outcomes(self, intent: Intent) -> dict[str, ObservedAnswer]:
        key = replace(intent, feature="")
        found = {each.label: each.outcomes.get(key) for each in self.sessions}
        return {
            label: each
            for label, each in found.items()
            if isinstance(each, ObservedAnswer)
        }

    def _find_divergences(
        self, intent: Intent, outcomes: Mapping[str, ObservedAnswer]
    ) -> Iterator[_Divergence]:
        """Where the outcomes of a question differ; answers only with answers."""
        yield from self._compare_aspect(intent, OUTCOME, outcomes)
        for result in (Result.ACCEPTED, Result.REFUSED):
            alike = {
                label: each for label, each in outcomes.items() if each.result is result
            }
            names = dict.fromkeys(
                name for each in alike.values() for name in each.aspects
            )
            for name in names:
                if name != OUTCOME:
                    yield from self._compare_aspect(intent, name, alike)

    def _compare_aspect(
        self, intent: Intent, name: str, outcomes: Mapping[str, ObservedAnswer]
    ) -> Iterator[_Divergence]:
        measured = {
            label: each.aspects[name]
            for label, each in outcomes.items()
            if name in each.aspects
        }
        if len({each.category for each in measured.values()}) < 2:
            return
        promises = {
            each.label: documented_aspect(spoken, name, outcomes[each.label].result)
            for each in self.sessions
            if each.label in measured
            and isinstance(spoken := each.translation_of(intent), Translation)
        }
        result = None if name == OUTCOME else next(iter(outcomes.values())).result
        yield _Divergence(intent, name, result, measured, promises)

    def _unresponsive(self, intent: Intent) -> Iterator[_Divergence]:
        """Whether answers respond to a member, where two had to be compared."""
        measured, promises = {}, {}
        for asker in self.sessions:
            cell, spoken = self._cell(asker, intent), asker.translation_of(intent)
            if cell.responds is not None and isinstance(spoken, Translation):
                word = "yes" if cell.responds else "no"
                measured[asker.label] = AspectValue(word, word, cell.note or cell.value)
                promises[asker.label] = documented_responsiveness(spoken)
        if len({each.category for each in measured.values()}) > 1:
            accepted = Result.ACCEPTED
            yield _Divergence(
                intent, _responsiveness_aspect(intent), accepted, measured, promises
            )

    async def _confirm(self, divergence: _Divergence) -> _ConfirmedDivergence:
        """A difference asked for again, and made small."""
        if self._forbids_resending or divergence.aspect == _responsiveness_aspect(
            divergence.intent
        ):
            return _ConfirmedDivergence(divergence)
        seen = 1
        for _ in range(CONFIRMATION_ATTEMPTS):
            again = await self._reproduce(divergence, divergence.intent, fresh=True)
            seen += again is not None
        if self._forbids_resending:  # by now
            return _ConfirmedDivergence(divergence)
        if seen <= CONFIRMATION_ATTEMPTS:
            return _ConfirmedDivergence(divergence, seen, 1 + CONFIRMATION_ATTEMPTS)
        return _ConfirmedDivergence(
            await self._shrink(divergence), seen, 1 + CONFIRMATION_ATTEMPTS
        )

    @property
    def _forbids_resending(self) -> bool:
        """Whether one of them is to be asked nothing twice, or nothing any more."""
        return any(each.budget is not None or each.stopped for each in self.sessions)

    async def _shrink(self, divergence: _Divergence) -> _Divergence:
        """The same difference by a question from which nothing can be taken."""
        best, tried = divergence, 0
        found: _Divergence | None = divergence
        while found is not None:
            best, found = found, None
            for intent in shrink_intent(best.intent, self.intents):
                tried += 1
                found = (
                    await self._reproduce(divergence, intent)
                    if tried <= MAX_SHRINK_ATTEMPTS
                    else None
                )
                if found is not None:
                    break
        return best

    async def _reproduce(
        self, divergence: _Divergence, intent: Intent, *, fresh: bool = False
    ) -> _Divergence | None:
        """The same difference, shown by another question, if it shows it."""
        outcomes = {}
        for asker in self.sessions:
            if asker.label in divergence.values:
                found = await asker.send(intent, fresh=fresh)
                if isinstance(found, ObservedAnswer):
                    outcomes[asker.label] = found
        for each in self._find_divergences(intent, outcomes):
            if each.same_as(divergence) and each.kind is divergence.kind:
                return each
        return None

    def differences(self) -> Iterator[Difference]:
        for known in self.confirmed:
            apart = known.divergence
            sides = {
                each.label: _side(apart, each)
                for each in self.sessions
                if each.label in apart.values
            }
            parts = [
                f"{label} {word}" for label, word in sorted(apart.categories.items())
            ]
            yield Difference(
                kind=apart.kind,
                operation=apart.intent.operation,
                aspect=apart.aspect,
                question=apart.intent.id,
                asked={
                    name: format_value(value) for name, value in apart.intent.fields
                },
                sides=sides,
                odd=_outliers(apart.categories),
                fingerprint=fingerprint(
                    apart.intent.operation,
                    apart.aspect,
                    *sorted(apart.intent.changes),
                    *parts,
                ),
                also=tuple(known.also),
                seen=known.seen,
                tries=known.tries,
            )

    def rows(self) -> Iterator[FeatureRow]:
        """Every feature that was asked about, then what the plain answers show."""
        providers = [each.provider for each in self.sessions]
        for intent in self.intents:
            cells = {each.label: self._cell(each, intent) for each in self.sessions}
            group = "errors" if is_invalid_request(intent, providers) else "request"
            feature, asked = intent.feature, requested_value(intent)
            yield self._row(intent, group, feature, asked, cells)
        for intent in self.intents:
            if intent.feature == "request":
                yield from self._answer_rows(intent)

    def _answer_rows(self, intent: Intent) -> Iterator[FeatureRow]:
        outcomes = self._outcomes(intent)
        for name in ANSWER_ASPECTS:
            having = [each for each in outcomes.values() if name in each.aspects]
            if having:
                cells = {
                    each.label: _aspect_cell(outcomes.get(each.label), name)
                    for each in self.sessions
                }
                yield self._row(intent, "answer", name, "", cells)

    def _row(
        self,
        intent: Intent,
        group: str,
        feature: str,
        asked: str,
        cells: Mapping[str, ParameterVerdict],
    ) -> FeatureRow:
        aspects = {
            OUTCOME,
            ASPECT_OF_PARAMETER.get(feature, ""),
            _responsiveness_aspect(intent),
        }
        if group == "answer":
            aspects = {feature}
        kinds = {
            known.divergence.kind
            for known in self.confirmed
            if known.divergence.aspect in aspects
            and intent.id in (known.divergence.intent.id, *known.also)
        }
        kind = next((each for each in DocumentAgreement if each in kinds), None)
        words = {label: _agreement_key(each) for label, each in cells.items()}
        tested = {label: word for label, word in words.items() if word}
        odd = _outliers(tested) if kind else ()
        return FeatureRow(
            intent.operation, group, feature, asked, intent.id, cells, kind, odd
        )

    def _cell(self, session: TargetSession, intent: Intent) -> ParameterVerdict:
        found = session.outcomes.get(replace(intent, feature=""))
        spoken = session.translation_of(intent)
        if isinstance(spoken, NotTranslatable):
            return untested_verdict(spoken)
        if not isinstance(found, ObservedAnswer):
            return untested_verdict(found.reason if found else "not asked")
        if not intent.feature:
            return ParameterVerdict(None)
        plain = Intent(intent.operation)
        witness = VerdictEvidence(
            spoken,
            found,
            _outcome_for(session, plain),
            _outcome_for(session, intent.reference),
            session.determinism.get(intent.operation, False),
            is_invalid_request(intent, [each.provider for each in self.sessions]),
        )
        return verdict_for(witness)


def _outcome_for(
    session: TargetSession, intent: Intent | None
) -> ObservedAnswer | None:
    found = session.outcomes.get(replace(intent, feature="")) if intent else None
    return found if isinstance(found, ObservedAnswer) else None


def _responsiveness_aspect(intent: Intent) -> str:
    return f"responds to {intent.feature}"


def _aspect_cell(found: ObservedAnswer | None, name: str) -> ParameterVerdict:
    measured = found.aspects.get(name) if found else None
    return ParameterVerdict(None, measured.text if measured else "")


def _agreement_key(cell: ParameterVerdict) -> str:
    """What makes two cells agree; empty where nothing is known."""
    if cell.verdict is None:
        return cell.value
    if cell.verdict is FeatureVerdict.UNTESTED:
        return ""
    return (
        FeatureVerdict.HONOURED
        if cell.verdict is FeatureVerdict.RENAMED
        else cell.verdict
    )


def _outliers(categories: Mapping[str, Any]) -> tuple[str, ...]:
    """Those who are not with the majority; nobody where there is none."""
    ranked = Counter(categories.values()).most_common(2)
    if len(ranked) < 2 or ranked[0][1] == ranked[1][1]:
        return ()
    return tuple(label for label, word in categories.items() if word != ranked[0][0])


def _side(divergence: _Divergence, session: TargetSession) -> Side:
    spoken = session.translation_of(divergence.intent)
    if not isinstance(spoken, Translation):
        raise TypeError(f"{session.label} was never asked {divergence.intent.id}")
    measured, key = divergence.values[session.label], session.named_target.target.key
    case, operation = spoken.case, spoken.operation
    url = session.named_target.target.url(case, operation)
    key_env = session.provider.dialect.key_env
    note = measured.note
    if divergence.aspect == OUTCOME:
        found = session.outcomes.get(replace(divergence.intent, feature=""))
        note = found.summary if isinstance(found, ObservedAnswer) else ""
    return Side(
        value=measured.text,
        note=note,
        promise=divergence.documented_aspects[session.label].statement,
        summary=redact(summarize_case(case), key),
        curl=redact(curl_command(case, url, key_env, operation.method), key),
    )
