"""What several targets answered to the same questions, compared and made small."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

from contracts.compare.servers.aspects import (
    OUTCOME,
    Measured,
    Outcome,
    Promise,
    Result,
    of_response,
    promise,
)
from contracts.compare.servers.intents import (
    Intent,
    Spoken,
    Unspoken,
    is_fault,
    smaller,
)
from contracts.compare.servers.model import Difference, Kind, Row, Side
from contracts.compare.servers.session import Asker
from contracts.compare.servers.verdicts import (
    SHOWS,
    Cell,
    Witness,
    asked_for,
    judged,
    untested,
)
from contracts.judging.findings import curl, redacted, summary
from contracts.judging.outcome import Verdict
from contracts.planning.values import shown
from contracts.report.model import fingerprint

ASKED_AGAIN = 2
MOST_SMALLER = 24
# What a plain answer shows, as rows of the table.
ANSWERS = (
    "delivery",
    "size",
    "format",
    "transparency",
    "members",
    "usage",
    "revised_prompt",
)


@dataclass(frozen=True)
class _Apart:
    """
    An aspect in which the answers to one question differ, by label.

    `result` is what they have in common, None where the outcome itself differs.
    """

    intent: Intent
    aspect: str
    result: Result | None
    measured: Mapping[str, Measured]
    promises: Mapping[str, Promise]

    @property
    def words(self) -> dict[str, str]:
        return {label: each.word for label, each in self.measured.items()}

    @property
    def kind(self) -> Kind:
        """What the documents of those say who differ."""
        pairs = [
            (self.promises[one], self.promises[two])
            for one, two in combinations(self.words, 2)
            if self.words[one] != self.words[two]
        ]
        if any(one == two and one.firm for one, two in pairs):
            return Kind.AGREE
        differ = any(one.statement != two.statement for one, two in pairs)
        return Kind.DIFFER if differ else Kind.OPEN

    @property
    def is_refusal(self) -> bool:
        """Whether all of them refuse, each in its own way."""
        if self.aspect == OUTCOME:
            return Result.ACCEPTED not in self.words.values()
        return self.result is Result.REFUSED

    def among(self, other: "_Apart") -> dict[str, str]:
        """The words of those of whom the other speaks as well."""
        return {name: each for name, each in self.words.items() if name in other.words}

    def is_as(self, other: "_Apart") -> bool:
        """Whether another question shows the same difference, or a part of it."""
        words = self.among(other)
        if self.aspect != other.aspect or len(words) < len(other.words):
            return False
        return words == other.words or (
            self.aspect != OUTCOME and _groups(words) == _groups(other.words)
        )

    def explains(self, other: "_Apart") -> bool:
        """Whether the other is no news beside this one."""
        if self.intent.operation != other.intent.operation or not self.is_as(other):
            return False
        if list(Kind).index(self.kind) > list(Kind).index(other.kind):
            return False
        # How a target refuses seldom depends on what.
        is_manner = other.is_refusal and self.among(other) == other.words
        return is_manner or self.intent.names <= other.intent.names


def _groups(words: Mapping[str, str]) -> set[frozenset[str]]:
    """Who agrees with whom."""
    return {
        frozenset(label for label, each in words.items() if each == word)
        for word in words.values()
    }


@dataclass(slots=True)
class _Known:
    """A difference as it was made small, and what else shows it."""

    apart: _Apart
    seen: int = 1
    tries: int = 1
    also: list[str] = field(default_factory=list)


@dataclass
class Panel:
    """Compares what several targets answered to the `known` questions and others."""

    askers: Sequence[Asker]
    known: Sequence[Intent]
    found: list[_Known] = field(default_factory=list)

    async def compare(self, questions: Sequence[Intent]) -> None:
        """Find all differences, each by the smallest question that shows it."""
        for intent in questions:
            await self._compare(intent)

    async def _compare(self, intent: Intent) -> None:
        for apart in [
            *self._apart(intent, self._outcomes(intent)),
            *self._deaf(intent),
        ]:
            known = next((e for e in self.found if e.apart.explains(apart)), None)
            if known is None:
                known = await self._believed(apart)
                self.found.append(known)
            if intent.id not in (known.apart.intent.id, *known.also):
                known.also.append(intent.id)

    def _outcomes(self, intent: Intent) -> dict[str, Outcome]:
        key = replace(intent, about="")
        found = {each.label: each.found.get(key) for each in self.askers}
        return {
            label: each for label, each in found.items() if isinstance(each, Outcome)
        }

    def _apart(
        self, intent: Intent, outcomes: Mapping[str, Outcome]
    ) -> Iterator[_Apart]:
        """Where the outcomes of a question differ; answers only with answers."""
        yield from self._in_aspect(intent, OUTCOME, outcomes)
        for result in (Result.ACCEPTED, Result.REFUSED):
            alike = {
                label: each for label, each in outcomes.items() if each.result is result
            }
            names = dict.fromkeys(
                name for each in alike.values() for name in each.aspects
            )
            for name in names:
                if name != OUTCOME:
                    yield from self._in_aspect(intent, name, alike)

    def _in_aspect(
        self, intent: Intent, name: str, outcomes: Mapping[str, Outcome]
    ) -> Iterator[_Apart]:
        measured = {
            label: each.aspects[name]
            for label, each in outcomes.items()
            if name in each.aspects
        }
        if len({each.word for each in measured.values()}) < 2:
            return
        promises = {
            each.label: promise(spoken, name, outcomes[each.label].result)
            for each in self.askers
            if each.label in measured
            and isinstance(spoken := each.spoken(intent), Spoken)
        }
        result = None if name == OUTCOME else next(iter(outcomes.values())).result
        yield _Apart(intent, name, result, measured, promises)

    def _deaf(self, intent: Intent) -> Iterator[_Apart]:
        """Whether answers respond to a member, where two had to be compared."""
        measured, promises = {}, {}
        for asker in self.askers:
            cell, spoken = self._cell(asker, intent), asker.spoken(intent)
            if cell.responds is not None and isinstance(spoken, Spoken):
                word = "yes" if cell.responds else "no"
                measured[asker.label] = Measured(word, word, cell.note or cell.value)
                promises[asker.label] = of_response(spoken)
        if len({each.word for each in measured.values()}) > 1:
            accepted = Result.ACCEPTED
            yield _Apart(intent, _responds(intent), accepted, measured, promises)

    async def _believed(self, apart: _Apart) -> _Known:
        """A difference asked for again, and made small."""
        if self._is_final or apart.aspect == _responds(apart.intent):
            return _Known(apart)
        seen = 1
        for _ in range(ASKED_AGAIN):
            again = await self._asked(apart, apart.intent, fresh=True)
            seen += again is not None
        if self._is_final:  # by now
            return _Known(apart)
        if seen <= ASKED_AGAIN:
            return _Known(apart, seen, 1 + ASKED_AGAIN)
        return _Known(await self._smallest(apart), seen, 1 + ASKED_AGAIN)

    @property
    def _is_final(self) -> bool:
        """Whether one of them is to be asked nothing twice, or nothing any more."""
        return any(each.budget is not None or each.stopped for each in self.askers)

    async def _smallest(self, apart: _Apart) -> _Apart:
        """The same difference by a question from which nothing can be taken."""
        best, tried = apart, 0
        found: _Apart | None = apart
        while found is not None:
            best, found = found, None
            for intent in smaller(best.intent, self.known):
                tried += 1
                found = (
                    await self._asked(apart, intent) if tried <= MOST_SMALLER else None
                )
                if found is not None:
                    break
        return best

    async def _asked(
        self, apart: _Apart, intent: Intent, *, fresh: bool = False
    ) -> _Apart | None:
        """The same difference, shown by another question, if it shows it."""
        outcomes = {}
        for asker in self.askers:
            if asker.label in apart.measured:
                found = await asker.ask(intent, fresh=fresh)
                if isinstance(found, Outcome):
                    outcomes[asker.label] = found
        for each in self._apart(intent, outcomes):
            if each.is_as(apart) and each.kind is apart.kind:
                return each
        return None

    def differences(self) -> Iterator[Difference]:
        for known in self.found:
            apart = known.apart
            sides = {
                each.label: _side(apart, each)
                for each in self.askers
                if each.label in apart.measured
            }
            parts = [f"{label} {word}" for label, word in sorted(apart.words.items())]
            yield Difference(
                kind=apart.kind,
                operation=apart.intent.operation,
                aspect=apart.aspect,
                question=apart.intent.id,
                asked={name: shown(value) for name, value in apart.intent.asked},
                sides=sides,
                odd=_odd(apart.words),
                fingerprint=fingerprint(
                    apart.intent.operation,
                    apart.aspect,
                    *sorted(apart.intent.names),
                    *parts,
                ),
                also=tuple(known.also),
                seen=known.seen,
                tries=known.tries,
            )

    def rows(self) -> Iterator[Row]:
        """Every feature that was asked about, then what the plain answers show."""
        providers = [each.provider for each in self.askers]
        for intent in self.known:
            cells = {each.label: self._cell(each, intent) for each in self.askers}
            group = "errors" if is_fault(intent, providers) else "request"
            feature, asked = intent.about, asked_for(intent)
            yield self._row(intent, group, feature, asked, cells)
        for intent in self.known:
            if intent.about == "request":
                yield from self._answers(intent)

    def _answers(self, intent: Intent) -> Iterator[Row]:
        outcomes = self._outcomes(intent)
        for name in ANSWERS:
            having = [each for each in outcomes.values() if name in each.aspects]
            if having:
                cells = {
                    each.label: _value(outcomes.get(each.label), name)
                    for each in self.askers
                }
                yield self._row(intent, "answer", name, "", cells)

    def _row(
        self,
        intent: Intent,
        group: str,
        feature: str,
        asked: str,
        cells: Mapping[str, Cell],
    ) -> Row:
        aspects = {OUTCOME, SHOWS.get(feature, ""), _responds(intent)}
        if group == "answer":
            aspects = {feature}
        kinds = {
            known.apart.kind
            for known in self.found
            if known.apart.aspect in aspects
            and intent.id in (known.apart.intent.id, *known.also)
        }
        kind = next((each for each in Kind if each in kinds), None)
        words = {label: _word(each) for label, each in cells.items()}
        tested = {label: word for label, word in words.items() if word}
        odd = _odd(tested) if kind else ()
        return Row(intent.operation, group, feature, asked, intent.id, cells, kind, odd)

    def _cell(self, asker: Asker, intent: Intent) -> Cell:
        found = asker.found.get(replace(intent, about=""))
        spoken = asker.spoken(intent)
        if isinstance(spoken, Unspoken):
            return untested(spoken)
        if not isinstance(found, Outcome):
            return untested(found.why if found else "not asked")
        if not intent.about:
            return Cell(None)
        plain = Intent(intent.operation)
        witness = Witness(
            spoken,
            found,
            _answered(asker, plain),
            _answered(asker, intent.against),
            asker.repeats.get(intent.operation, False),
            is_fault(intent, [each.provider for each in self.askers]),
        )
        return judged(witness)


def _answered(asker: Asker, intent: Intent | None) -> Outcome | None:
    found = asker.found.get(replace(intent, about="")) if intent else None
    return found if isinstance(found, Outcome) else None


def _responds(intent: Intent) -> str:
    return f"responds to {intent.about}"


def _value(found: Outcome | None, name: str) -> Cell:
    measured = found.aspects.get(name) if found else None
    return Cell(None, measured.shown if measured else "")


def _word(cell: Cell) -> str:
    """What makes two cells agree; empty where nothing is known."""
    if cell.verdict is None:
        return cell.value
    if cell.verdict is Verdict.UNTESTED:
        return ""
    return Verdict.HONOURED if cell.verdict is Verdict.RENAMED else cell.verdict


def _odd(words: Mapping[str, Any]) -> tuple[str, ...]:
    """Those who are not with the majority; nobody where there is none."""
    ranked = Counter(words.values()).most_common(2)
    if len(ranked) < 2 or ranked[0][1] == ranked[1][1]:
        return ()
    return tuple(label for label, word in words.items() if word != ranked[0][0])


def _side(apart: _Apart, asker: Asker) -> Side:
    spoken = asker.spoken(apart.intent)
    if not isinstance(spoken, Spoken):
        raise TypeError(f"{asker.label} was never asked {apart.intent.id}")
    measured, key = apart.measured[asker.label], asker.labelled.target.key
    case, operation = spoken.case, spoken.operation
    url = asker.labelled.target.url(case, operation)
    key_env = asker.provider.dialect.key_env
    note = measured.note
    if apart.aspect == OUTCOME:
        found = asker.found.get(replace(apart.intent, about=""))
        note = found.shown if isinstance(found, Outcome) else ""
    return Side(
        value=measured.shown,
        note=note,
        promise=apart.promises[asker.label].statement,
        summary=redacted(summary(case), key),
        curl=redacted(curl(case, url, key_env, operation.method), key),
    )
