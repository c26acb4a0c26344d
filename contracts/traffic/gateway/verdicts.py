"""What became of a feature on its way through a gateway."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.judging.interaction import Interaction
from contracts.judging.outcome import Verdict, envelope, outcome_of, type_of
from contracts.planning.values import shown
from contracts.traffic.gateway.diff import (
    DELIVERIES,
    NOTHING,
    Picture,
    changes,
    counted,
    difference,
    error_changes,
    error_in_brief,
    in_turn,
    is_error,
    picture,
    role_of,
    same,
    told,
    where,
)
from contracts.traffic.gateway.questions import EVENTS, UNLISTED, Kind
from contracts.traffic.gateway.session import Asked
from contracts.traffic.gateway.upstream import Crossing
from specs import Provider


@dataclass(frozen=True)
class Row:
    """
    One feature, what was sent and what arrived at the other end.

    `promised` is whether a document speaks of it: what is not cannot fail a gateway.
    """

    group: str
    feature: str
    operation: str
    verdict: Verdict
    sent: str
    arrived: str
    promised: bool = True
    note: str = ""


@dataclass(frozen=True)
class Judge:
    """Compares both ends of exchanges between a caller's dialect and an upstream's."""

    provider: Provider
    upstream: Provider
    model: str | None
    key: str

    def rows(self, asked: Asked) -> Iterator[Row]:
        """What an exchange says of the features that its question is about."""
        question = asked.question
        if question.untested:
            yield self._row(asked, Verdict.UNTESTED, "", "", note=question.untested)
            return
        yield from JUDGES[question.kind](self, asked)

    def answer(self, asked: Asked) -> Iterator[Row]:
        """The plainest request: its model, its key, and all of its answer."""
        yield self._model(asked)
        yield self._key(asked)
        yield self._added(asked)
        yield from self._pictures(asked, "pictures")
        if asked.crossing is None or not asked.crossing.is_success:
            return
        given, got = _given(asked).object or {}, asked.interaction.object or {}
        for name, value in given.items():
            if name != "data":
                yield self._returned(asked, name, value, got)
        for name in dict.fromkeys(
            name for each in _given(asked).items for name in each
        ):
            if name not in DELIVERIES:
                before = [each.get(name) for each in _given(asked).items]
                after = [each.get(name) for each in asked.interaction.items]
                found = {name: after} if any(after) else {}
                yield self._returned(asked, name, before, found, f"data[].{name}")

    def unlisted_answer(self, asked: Asked) -> Iterator[Row]:
        name, value = next(iter(UNLISTED.items()))
        got = asked.interaction.object or {}
        feature = asked.question.feature
        yield self._returned(asked, name, value, got, feature, promised=False)

    def _model(self, asked: Asked) -> Row:
        row = self._member(asked, "model", asked.question.case.payload.get("model"))
        documented = self.upstream.dialect.model
        maps = self.model or self.provider.id != self.upstream.id
        if maps and row.arrived == shown(documented):
            return self._row(asked, Verdict.HONOURED, row.sent, row.arrived)
        return row

    def _key(self, asked: Asked) -> Row:
        keys = {each.key for each in asked.crossings}
        sent = "a key of the gateway's own"
        if not asked.crossings:
            return self._row(asked, Verdict.UNTESTED, sent, NOTHING, "key")
        if self.key in keys:
            arrived = "the caller's key"
            return self._row(asked, Verdict.ALTERED, sent, arrived, "key")
        arrived = sent if all(keys) else "no key"
        verdict = Verdict.HONOURED if all(keys) else Verdict.IGNORED
        return self._row(asked, verdict, sent, arrived, "key")

    def _added(self, asked: Asked) -> Row:
        """What the gateway says of its own accord."""
        operation = asked.question.operation.id
        sent = self.provider.dialect.canonical(operation, asked.question.case.payload)
        payload = (asked.crossing.payload if asked.crossing else None) or {}
        arrived = self.upstream.dialect.canonical(operation, payload)
        more = {name: each for name, each in arrived.items() if name not in sent}
        words = ", ".join(f"{name}: {shown(each)}" for name, each in more.items())
        verdict = Verdict.ALTERED if more else Verdict.HONOURED
        return self._row(
            asked, verdict, NOTHING, words or NOTHING, "nothing added", promised=False
        )

    def member(self, asked: Asked) -> Iterator[Row]:
        """One member of the request."""
        name = asked.question.member
        yield self._member(asked, name, asked.question.case.payload[name])

    def several(self, asked: Asked) -> Iterator[Row]:
        """A number of pictures: the member, and the pictures that came."""
        yield from self.member(asked)
        (feature,) = asked.question.more
        yield from self._pictures(asked, feature)

    def _member(self, asked: Asked, name: str, value: Any) -> Row:
        row = self._failure(asked, told(value))
        if row is not None:
            return row
        verdict, arrived = self._arrival(asked, name, value)
        note = _refusal(asked)
        return self._row(asked, verdict, told(value), arrived, note=note)

    def _arrival(self, asked: Asked, name: str, value: Any) -> tuple[Verdict, str]:
        """How a member that was sent by its caller's name stands in the request."""
        crossing, question = asked.crossing, asked.question
        if crossing is None:
            return Verdict.IGNORED, NOTHING
        if crossing.payload is None:
            label = crossing.headers.get("content-type", "no Content-Type")
            return Verdict.ALTERED, f"a body that cannot be read: {label}"
        payload, operation = crossing.payload, crossing.operation.id
        role = role_of(self.provider, question.operation.id, name)
        given = [
            each for each in payload if role_of(self.upstream, operation, each) == role
        ]
        if not given:
            path = where(payload, value, question.case.payload)
            if path:
                return Verdict.RENAMED, f"{path}: {told(value)}"
            return Verdict.IGNORED, NOTHING
        found = payload[given[0]]
        if not same(value, found):
            return Verdict.ALTERED, difference(value, found)
        return self._named(name, given, self._known(crossing, role), told(value))

    def _named(
        self, name: str, given: Sequence[str], known: Sequence[str], told: str
    ) -> tuple[Verdict, str]:
        """How a value stands that arrived whole, by the name that it arrived under."""
        understood = [each for each in given if each in known or not known]
        if not understood:
            return Verdict.IGNORED, f"{given[0]}, which the upstream calls {known[0]}"
        if name in understood or self.provider.id != self.upstream.id:
            return Verdict.HONOURED, told
        return Verdict.RENAMED, f"{understood[0]}: {told}"

    def _known(self, crossing: Crossing, role: str) -> list[str]:
        """The names that the upstream's document has for a canonical member."""
        media_type = crossing.headers.get("content-type", "").partition(";")[0]
        body = crossing.operation.bodies.get(media_type.strip().lower())
        names = self.upstream.dialect.names(crossing.operation.id, role)
        return [each for each in names if body and each in body.properties]

    def _returned(
        self,
        asked: Asked,
        name: str,
        value: Any,
        got: Mapping[str, Any],
        feature: str = "",
        *,
        promised: bool = True,
    ) -> Row:
        """One member of the upstream's answer in the gateway's answer."""
        sent, feature = shown(value), feature or name
        row = self._lost(asked, sent, feature)
        if row is not None:
            return row
        if name not in got:
            verdict, arrived = Verdict.IGNORED, NOTHING
        elif got[name] == value:
            verdict, arrived = Verdict.HONOURED, sent
        else:
            verdict, arrived = Verdict.ALTERED, changes(value, got[name])
        return self._row(
            asked, verdict, sent, arrived, feature, group="answer", promised=promised
        )

    def _pictures(self, asked: Asked, feature: str) -> Iterator[Row]:
        given = [picture(each) for each in _given(asked).items]
        sent = counted(given)
        row = self._lost(asked, sent, feature)
        if row is not None:
            yield row
            return
        got = [picture(each) for each in asked.interaction.items]
        verdict, arrived = _compared(given, got)
        yield self._row(asked, verdict, sent, arrived, feature, group="answer")

    def _lost(self, asked: Asked, sent: str, feature: str) -> Row | None:
        """The row of an answer that is none; None where there are two to compare."""
        crossing = asked.crossing
        if crossing is None or not crossing.is_success:
            why = "no answer of the upstream to compare"
            return self._row(
                asked, Verdict.UNTESTED, sent, "", feature, group="answer", note=why
            )
        if asked.interaction.is_success and asked.interaction.object is not None:
            return None
        return self._row(
            asked,
            Verdict.REFUSED_BADLY,
            sent,
            outcome_of(asked.interaction),
            feature,
            group="answer",
        )

    def stream(self, asked: Asked) -> Iterator[Row]:
        """The members that ask for a stream, and its events."""
        question = asked.question
        for name in filter(None, (question.member, question.name)):
            value = question.case.payload[name]
            row = None if asked.crossings else self._failure(asked, shown(value))
            verdict, arrived = (
                (row.verdict, row.arrived) if row else self._arrival(asked, name, value)
            )
            yield self._row(asked, verdict, shown(value), arrived, name)
        yield from self._events(asked)

    def _events(self, asked: Asked) -> Iterator[Row]:
        given, got = _given(asked), asked.interaction
        crossing = asked.crossing
        if crossing is None or not given.is_stream or not crossing.is_success:
            why = "the upstream was asked for no stream"
            for feature in EVENTS:
                yield self._row(asked, Verdict.UNTESTED, "", "", feature, note=why)
            return
        types = [type_of(each.data) for each in given.events]
        sent = in_turn(types)
        if not got.is_success or got.problem:
            outcome = outcome_of(got)
            yield self._row(asked, Verdict.REFUSED_BADLY, sent, outcome, EVENTS[0])
            return
        if not got.is_stream:
            outcome = f"no stream but {got.content_type or 'no content type'}"
            yield self._row(asked, Verdict.IGNORED, sent, outcome, EVENTS[0])
            return
        events = [each for each in got.events if isinstance(each.data, dict)]
        came = [type_of(each.data) for each in events]
        verdict = Verdict.HONOURED
        if came != types:
            missing = len(came) < len(types)
            verdict = Verdict.IGNORED if missing else Verdict.ALTERED
        yield self._row(asked, verdict, sent, in_turn(came), EVENTS[0])
        before = [picture(each.data) for each in given.events]
        after = [picture(each.data) for each in events]
        verdict, arrived = _compared(before, after)
        yield self._row(asked, verdict, counted(before), arrived, EVENTS[1])
        at_once = crossing.came_at_once
        yield self._row(
            asked,
            Verdict.HONOURED if at_once else Verdict.ALTERED,
            "the first before the rest",
            "the first before the rest" if at_once else "all together",
            EVENTS[2],
        )

    def error(self, asked: Asked) -> Iterator[Row]:
        """An error of the upstream: status, body and Retry-After at the caller."""
        crossing, got = asked.crossing, asked.interaction
        if crossing is None or crossing.status is None:
            outcome = f"the gateway answered by itself: {outcome_of(got)}"
            yield self._row(asked, Verdict.UNTESTED, "", "", note=outcome)
            return
        given = _given(asked)
        sent = error_in_brief(given)
        note = _times(asked)
        if got.is_success:
            arrived = f"{got.status}, as a success"
            yield self._row(asked, Verdict.ALTERED, sent, arrived, note=note)
            return
        error = envelope(got)
        if error is None or got.problem:
            outcome = outcome_of(got)
            yield self._row(asked, Verdict.REFUSED_BADLY, sent, outcome, note=note)
            return
        changes = list(error_changes(given, got))
        arrived = (
            f"{got.status}; {'; '.join(changes)}" if changes else error_in_brief(got)
        )
        verdict = Verdict.ALTERED if changes else Verdict.HONOURED
        yield self._row(asked, verdict, sent, arrived, note=note)

    def fault(self, asked: Asked) -> Iterator[Row]:
        """A broken upstream: a gateway says so in an error that can be read."""
        got, sent, note = asked.interaction, "", _times(asked)
        if not asked.crossings:
            outcome = f"the gateway answered by itself: {outcome_of(got)}"
            yield self._row(asked, Verdict.UNTESTED, "", "", note=outcome)
        elif got.is_success and not got.problem:
            verdict, arrived = self._survived(asked)
            yield self._row(asked, verdict, sent, arrived, note=note)
        elif got.problem or envelope(got) is None:
            yield self._row(
                asked, Verdict.REFUSED_BADLY, sent, outcome_of(got), note=note
            )
        else:
            yield self._row(asked, Verdict.REFUSED, sent, outcome_of(got), note=note)

    def cut_stream(self, asked: Asked) -> Iterator[Row]:
        """A stream that breaks off upstream must not look whole to the caller."""
        got, crossing = asked.interaction, asked.crossing
        sent, note = "", _times(asked)
        if crossing is None or not _given(asked).is_stream:
            why = "the upstream was asked for no stream"
            yield self._row(asked, Verdict.UNTESTED, "", "", note=why)
        elif not got.is_success and not got.problem:
            clean = envelope(got) is not None
            verdict = Verdict.REFUSED if clean else Verdict.REFUSED_BADLY
            yield self._row(asked, verdict, sent, outcome_of(got), note=note)
        elif got.problem:
            yield self._row(asked, Verdict.HONOURED, sent, got.problem, note=note)
        elif any(is_error(each.data) for each in got.events):
            arrived = "an event that says so"
            yield self._row(asked, Verdict.REFUSED, sent, arrived, note=note)
        else:
            arrived = "an end as of a whole stream"
            yield self._row(asked, Verdict.ALTERED, sent, arrived, note=note)

    def _survived(self, asked: Asked) -> tuple[Verdict, str]:
        """A success in spite of a fault: right if the pictures are the upstream's."""
        given = [picture(each) for each in _given(asked).items]
        got = [picture(each) for each in asked.interaction.items]
        if given and given == got:
            return Verdict.HONOURED, f"{asked.interaction.status}, {counted(got)}"
        return Verdict.REFUSED_BADLY, f"{asked.interaction.status}, as a success"

    def _failure(self, asked: Asked, sent: str) -> Row | None:
        """The row of an exchange that came to nothing; None where it came to much."""
        got, crossing = asked.interaction, asked.crossing
        outcome = outcome_of(got)
        if crossing is None:
            if got.is_success:
                arrived = "nothing: the gateway answered by itself"
                return self._row(asked, Verdict.IGNORED, sent, arrived)
            clean = got.status is not None and 400 <= got.status < 500 and envelope(got)
            verdict = Verdict.REFUSED if clean else Verdict.REFUSED_BADLY
            return self._row(asked, verdict, sent, f"{NOTHING}; {outcome}")
        if crossing.is_success and (not got.is_success or got.problem):
            arrived = f"answered upstream, then {outcome}"
            return self._row(asked, Verdict.REFUSED_BADLY, sent, arrived)
        return None

    def _row(
        self,
        asked: Asked,
        verdict: Verdict,
        sent: str,
        arrived: str,
        feature: str = "",
        *,
        group: str = "",
        promised: bool = True,
        note: str = "",
    ) -> Row:
        question = asked.question
        hidden = f"({question.marker})"
        return Row(
            group=group or question.group,
            feature=feature or question.feature,
            operation=question.operation.id,
            verdict=verdict,
            sent=sent.replace(hidden, "").strip(),
            arrived=self._safe(arrived).replace(hidden, "").strip(),
            promised=promised and question.promised,
            note=self._safe(note),
        )

    def _safe(self, text: str) -> str:
        """Text without the caller's key."""
        return text.replace(self.key, "***")


JUDGES: dict[Kind, Callable[[Judge, Asked], Iterator[Row]]] = {
    Kind.ANSWER: Judge.answer,
    Kind.UNLISTED_ANSWER: Judge.unlisted_answer,
    Kind.MEMBER: Judge.member,
    Kind.SEVERAL: Judge.several,
    Kind.STREAM: Judge.stream,
    Kind.ERROR: Judge.error,
    Kind.FAULT: Judge.fault,
    Kind.CUT_STREAM: Judge.cut_stream,
}


def _given(asked: Asked) -> Interaction:
    """What the upstream answered, read as an answer to the caller's question."""
    crossing = asked.crossing
    if crossing is None:
        return Interaction(asked.question.case, None, {}, b"", 0.0)
    return Interaction(
        asked.question.case,
        crossing.status,
        crossing.answer_headers,
        bytes(crossing.answer),
        0.0,
    )


def _compared(
    given: Sequence[Picture | None], got: Sequence[Picture | None]
) -> tuple[Verdict, str]:
    """What became of the pictures of an answer."""
    before, after = [each for each in given if each], [each for each in got if each]
    came = counted(after)
    if before == after:
        return Verdict.HONOURED, came
    if not after:
        return Verdict.IGNORED, "no picture"
    contents = [each[1] for each in before], [each[1] for each in after]
    if contents[0] == contents[1]:
        return Verdict.RENAMED, f"{came}, the same bytes"
    if len(before) != len(after):
        return Verdict.ALTERED, came
    if sorted(contents[0]) == sorted(contents[1]):
        return Verdict.ALTERED, f"{came}, in another order"
    return Verdict.ALTERED, f"{came}, other bytes"


def _times(asked: Asked) -> str:
    count = len(asked.crossings)
    return f"the upstream was asked {count} times" if count > 1 else ""


def _refusal(asked: Asked) -> str:
    """What the upstream made of the request, where that was not to be expected."""
    crossing, wanted = asked.crossing, asked.question.operation.id
    if crossing is None:
        return ""
    notes = [f"sent to {crossing.operation.id}"] * (crossing.operation.id != wanted)
    if crossing.status is not None and not crossing.is_success:
        notes.append(f"the upstream answered {crossing.status}")
    return ", ".join(notes)
