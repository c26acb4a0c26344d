"""What became of a feature on its way through a gateway."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.judging.interaction import Interaction
from contracts.judging.outcome import (
    FeatureVerdict,
    describe_outcome,
    error_object,
    event_type,
)
from contracts.planning.values import format_value
from contracts.traffic.gateway.diff import (
    DELIVERY_FIELDS,
    NO_VALUE,
    DeliveredImage,
    canonical_name,
    delivered_image,
    describe_changes,
    describe_difference,
    describe_outputs,
    error_changes,
    find_path,
    is_error,
    same_value,
    summarize_error,
    summarize_event_types,
    summarize_value,
)
from contracts.traffic.gateway.questions import (
    EVENT_FEATURES,
    UNLISTED_FIELDS,
    QuestionKind,
)
from contracts.traffic.gateway.session import GatewayExchange
from contracts.traffic.gateway.upstream import UpstreamRequest
from specs import Provider


@dataclass(frozen=True)
class GatewayRow:
    """
    One feature, what was sent and what arrived at the other end.

    `promised` is whether a document speaks of it: what is not cannot fail a gateway.
    """

    group: str
    feature: str
    operation: str
    verdict: FeatureVerdict
    sent: str
    arrived: str
    promised: bool = True
    note: str = ""


@dataclass(frozen=True)
class GatewayDiff:
    """Compares both ends of exchanges between a caller's dialect and an upstream's."""

    provider: Provider
    upstream: Provider
    model: str | None
    key: str

    def rows(self, exchange: GatewayExchange) -> Iterator[GatewayRow]:
        """What an exchange says of the features that its question is about."""
        question = exchange.question
        if question.untested:
            yield self._build_row(
                exchange, FeatureVerdict.UNTESTED, "", "", note=question.untested
            )
            return
        yield from COMPARE_BY_KIND[question.kind](self, exchange)

    def compare_answer(self, exchange: GatewayExchange) -> Iterator[GatewayRow]:
        """The plainest request: its model, its key, and all of its answer."""
        yield self._model_row(exchange)
        yield self._key_row(exchange)
        yield self._added_fields_row(exchange)
        yield from self._image_rows(exchange, "pictures")
        if (
            exchange.last_upstream_request is None
            or not exchange.last_upstream_request.is_success
        ):
            return
        given, got = (
            _upstream_interaction(exchange).object or {},
            exchange.interaction.object or {},
        )
        for name, value in given.items():
            if name != "data":
                yield self._answer_field_row(exchange, name, value, got)
        for name in dict.fromkeys(
            name for each in _upstream_interaction(exchange).items for name in each
        ):
            if name not in DELIVERY_FIELDS:
                before = [
                    each.get(name) for each in _upstream_interaction(exchange).items
                ]
                after = [each.get(name) for each in exchange.interaction.items]
                found = {name: after} if any(after) else {}
                yield self._answer_field_row(
                    exchange, name, before, found, f"data[].{name}"
                )

    def compare_unlisted_answer(
        self, exchange: GatewayExchange
    ) -> Iterator[GatewayRow]:
        name, value = next(iter(UNLISTED_FIELDS.items()))
        got = exchange.interaction.object or {}
        feature = exchange.question.feature
        yield self._answer_field_row(
            exchange, name, value, got, feature, promised=False
        )

    def _model_row(self, exchange: GatewayExchange) -> GatewayRow:
        row = self._field_row(
            exchange, "model", exchange.question.case.payload.get("model")
        )
        documented = self.upstream.dialect.model
        maps = self.model or self.provider.id != self.upstream.id
        if maps and row.arrived == format_value(documented):
            return self._build_row(
                exchange, FeatureVerdict.HONOURED, row.sent, row.arrived
            )
        return row

    def _key_row(self, exchange: GatewayExchange) -> GatewayRow:
        keys = {each.key for each in exchange.upstream_requests}
        sent = "a key of the gateway's own"
        if not exchange.upstream_requests:
            return self._build_row(
                exchange, FeatureVerdict.UNTESTED, sent, NO_VALUE, "key"
            )
        if self.key in keys:
            arrived = "the caller's key"
            return self._build_row(
                exchange, FeatureVerdict.ALTERED, sent, arrived, "key"
            )
        arrived = sent if all(keys) else "no key"
        verdict = FeatureVerdict.HONOURED if all(keys) else FeatureVerdict.IGNORED
        return self._build_row(exchange, verdict, sent, arrived, "key")

    def _added_fields_row(self, exchange: GatewayExchange) -> GatewayRow:
        """What the gateway says of its own accord."""
        operation = exchange.question.operation.id
        sent = self.provider.dialect.with_canonical_names(
            operation, exchange.question.case.payload
        )
        payload = (
            exchange.last_upstream_request.payload
            if exchange.last_upstream_request
            else None
        ) or {}
        arrived = self.upstream.dialect.with_canonical_names(operation, payload)
        more = {name: each for name, each in arrived.items() if name not in sent}
        words = ", ".join(
            f"{name}: {format_value(each)}" for name, each in more.items()
        )
        verdict = FeatureVerdict.ALTERED if more else FeatureVerdict.HONOURED
        return self._build_row(
            exchange,
            verdict,
            NO_VALUE,
            words or NO_VALUE,
            "nothing added",
            promised=False,
        )

    def compare_field(self, exchange: GatewayExchange) -> Iterator[GatewayRow]:
        """One member of the request."""
        name = exchange.question.member
        yield self._field_row(exchange, name, exchange.question.case.payload[name])

    def compare_image_count(self, exchange: GatewayExchange) -> Iterator[GatewayRow]:
        """A number of pictures: the member, and the pictures that came."""
        yield from self.compare_field(exchange)
        (feature,) = exchange.question.more_features
        yield from self._image_rows(exchange, feature)

    def _field_row(
        self, exchange: GatewayExchange, name: str, value: Any
    ) -> GatewayRow:
        row = self._failure_row(exchange, summarize_value(value))
        if row is not None:
            return row
        verdict, arrived = self._field_verdict(exchange, name, value)
        note = _upstream_note(exchange)
        return self._build_row(
            exchange, verdict, summarize_value(value), arrived, note=note
        )

    def _field_verdict(
        self, exchange: GatewayExchange, name: str, value: Any
    ) -> tuple[FeatureVerdict, str]:
        """How a member that was sent by its caller's name stands in the request."""
        crossing, question = exchange.last_upstream_request, exchange.question
        if crossing is None:
            return FeatureVerdict.IGNORED, NO_VALUE
        if crossing.payload is None:
            label = crossing.headers.get("content-type", "no Content-Type")
            return FeatureVerdict.ALTERED, f"a body that cannot be read: {label}"
        payload, operation = crossing.payload, crossing.operation.id
        role = canonical_name(self.provider, question.operation.id, name)
        given = [
            each
            for each in payload
            if canonical_name(self.upstream, operation, each) == role
        ]
        if not given:
            path = find_path(payload, value, question.case.payload)
            if path:
                return FeatureVerdict.RENAMED, f"{path}: {summarize_value(value)}"
            return FeatureVerdict.IGNORED, NO_VALUE
        found = payload[given[0]]
        if not same_value(value, found):
            return FeatureVerdict.ALTERED, describe_difference(value, found)
        return self._name_verdict(
            name, given, self._upstream_names(crossing, role), summarize_value(value)
        )

    def _name_verdict(
        self,
        name: str,
        received_names: Sequence[str],
        known_names: Sequence[str],
        text: str,
    ) -> tuple[FeatureVerdict, str]:
        """How a value stands that arrived whole, by the name that it arrived under."""
        understood = [
            each for each in received_names if each in known_names or not known_names
        ]
        if not understood:
            return (
                FeatureVerdict.IGNORED,
                f"{received_names[0]}, which the upstream calls {known_names[0]}",
            )
        if name in understood or self.provider.id != self.upstream.id:
            return FeatureVerdict.HONOURED, text
        return FeatureVerdict.RENAMED, f"{understood[0]}: {text}"

    def _upstream_names(
        self, upstream_request: UpstreamRequest, canonical: str
    ) -> list[str]:
        """The names that the upstream's document has for a canonical member."""
        media_type = upstream_request.headers.get("content-type", "").partition(";")[0]
        body = upstream_request.operation.bodies.get(media_type.strip().lower())
        names = self.upstream.dialect.wire_names(
            upstream_request.operation.id, canonical
        )
        return [each for each in names if body and each in body.properties]

    def _answer_field_row(
        self,
        exchange: GatewayExchange,
        name: str,
        value: Any,
        answer: Mapping[str, Any],
        feature: str = "",
        *,
        promised: bool = True,
    ) -> GatewayRow:
        """One member of the upstream's answer in the gateway's answer."""
        sent, feature = format_value(value), feature or name
        row = self._missing_answer_row(exchange, sent, feature)
        if row is not None:
            return row
        if name not in answer:
            verdict, arrived = FeatureVerdict.IGNORED, NO_VALUE
        elif answer[name] == value:
            verdict, arrived = FeatureVerdict.HONOURED, sent
        else:
            verdict, arrived = (
                FeatureVerdict.ALTERED,
                describe_changes(value, answer[name]),
            )
        return self._build_row(
            exchange, verdict, sent, arrived, feature, group="answer", promised=promised
        )

    def _image_rows(
        self, exchange: GatewayExchange, feature: str
    ) -> Iterator[GatewayRow]:
        given = [
            delivered_image(each) for each in _upstream_interaction(exchange).items
        ]
        sent = describe_outputs(given)
        row = self._missing_answer_row(exchange, sent, feature)
        if row is not None:
            yield row
            return
        got = [delivered_image(each) for each in exchange.interaction.items]
        verdict, arrived = _compare_images(given, got)
        yield self._build_row(exchange, verdict, sent, arrived, feature, group="answer")

    def _missing_answer_row(
        self, exchange: GatewayExchange, sent: str, feature: str
    ) -> GatewayRow | None:
        """The row of an answer that is none; None where there are two to compare."""
        crossing = exchange.last_upstream_request
        if crossing is None or not crossing.is_success:
            why = "no answer of the upstream to compare"
            return self._build_row(
                exchange,
                FeatureVerdict.UNTESTED,
                sent,
                "",
                feature,
                group="answer",
                note=why,
            )
        if exchange.interaction.is_success and exchange.interaction.object is not None:
            return None
        return self._build_row(
            exchange,
            FeatureVerdict.REFUSED_BADLY,
            sent,
            describe_outcome(exchange.interaction),
            feature,
            group="answer",
        )

    def compare_stream(self, exchange: GatewayExchange) -> Iterator[GatewayRow]:
        """The members that ask for a stream, and its events."""
        question = exchange.question
        for name in filter(None, (question.member, question.name)):
            value = question.case.payload[name]
            row = (
                None
                if exchange.upstream_requests
                else self._failure_row(exchange, format_value(value))
            )
            verdict, arrived = (
                (row.verdict, row.arrived)
                if row
                else self._field_verdict(exchange, name, value)
            )
            yield self._build_row(exchange, verdict, format_value(value), arrived, name)
        yield from self._event_rows(exchange)

    def _event_rows(self, exchange: GatewayExchange) -> Iterator[GatewayRow]:
        given, got = _upstream_interaction(exchange), exchange.interaction
        crossing = exchange.last_upstream_request
        if crossing is None or not given.is_stream or not crossing.is_success:
            why = "the upstream was asked for no stream"
            for feature in EVENT_FEATURES:
                yield self._build_row(
                    exchange, FeatureVerdict.UNTESTED, "", "", feature, note=why
                )
            return
        types = [event_type(each.data) for each in given.events]
        sent = summarize_event_types(types)
        if not got.is_success or got.problem:
            outcome = describe_outcome(got)
            yield self._build_row(
                exchange, FeatureVerdict.REFUSED_BADLY, sent, outcome, EVENT_FEATURES[0]
            )
            return
        if not got.is_stream:
            outcome = f"no stream but {got.content_type or 'no content type'}"
            yield self._build_row(
                exchange, FeatureVerdict.IGNORED, sent, outcome, EVENT_FEATURES[0]
            )
            return
        events = [each for each in got.events if isinstance(each.data, dict)]
        came = [event_type(each.data) for each in events]
        verdict = FeatureVerdict.HONOURED
        if came != types:
            missing = len(came) < len(types)
            verdict = FeatureVerdict.IGNORED if missing else FeatureVerdict.ALTERED
        yield self._build_row(
            exchange, verdict, sent, summarize_event_types(came), EVENT_FEATURES[0]
        )
        before = [delivered_image(each.data) for each in given.events]
        after = [delivered_image(each.data) for each in events]
        verdict, arrived = _compare_images(before, after)
        yield self._build_row(
            exchange, verdict, describe_outputs(before), arrived, EVENT_FEATURES[1]
        )
        at_once = crossing.is_first_event_prompt
        yield self._build_row(
            exchange,
            FeatureVerdict.HONOURED if at_once else FeatureVerdict.ALTERED,
            "the first before the rest",
            "the first before the rest" if at_once else "all together",
            EVENT_FEATURES[2],
        )

    def compare_error(self, exchange: GatewayExchange) -> Iterator[GatewayRow]:
        """An error of the upstream: status, body and Retry-After at the caller."""
        crossing, got = exchange.last_upstream_request, exchange.interaction
        if crossing is None or crossing.status is None:
            outcome = f"the gateway answered by itself: {describe_outcome(got)}"
            yield self._build_row(
                exchange, FeatureVerdict.UNTESTED, "", "", note=outcome
            )
            return
        given = _upstream_interaction(exchange)
        sent = summarize_error(given)
        note = _retry_note(exchange)
        if got.is_success:
            arrived = f"{got.status}, as a success"
            yield self._build_row(
                exchange, FeatureVerdict.ALTERED, sent, arrived, note=note
            )
            return
        error = error_object(got)
        if error is None or got.problem:
            outcome = describe_outcome(got)
            yield self._build_row(
                exchange, FeatureVerdict.REFUSED_BADLY, sent, outcome, note=note
            )
            return
        changes = list(error_changes(given, got))
        arrived = (
            f"{got.status}; {'; '.join(changes)}" if changes else summarize_error(got)
        )
        verdict = FeatureVerdict.ALTERED if changes else FeatureVerdict.HONOURED
        yield self._build_row(exchange, verdict, sent, arrived, note=note)

    def compare_fault(self, exchange: GatewayExchange) -> Iterator[GatewayRow]:
        """A broken upstream: a gateway says so in an error that can be read."""
        got, sent, note = exchange.interaction, "", _retry_note(exchange)
        if not exchange.upstream_requests:
            outcome = f"the gateway answered by itself: {describe_outcome(got)}"
            yield self._build_row(
                exchange, FeatureVerdict.UNTESTED, "", "", note=outcome
            )
        elif got.is_success and not got.problem:
            verdict, arrived = self._success_verdict(exchange)
            yield self._build_row(exchange, verdict, sent, arrived, note=note)
        elif got.problem or error_object(got) is None:
            yield self._build_row(
                exchange,
                FeatureVerdict.REFUSED_BADLY,
                sent,
                describe_outcome(got),
                note=note,
            )
        else:
            yield self._build_row(
                exchange, FeatureVerdict.REFUSED, sent, describe_outcome(got), note=note
            )

    def compare_cut_stream(self, exchange: GatewayExchange) -> Iterator[GatewayRow]:
        """A stream that breaks off upstream must not look whole to the caller."""
        got, crossing = exchange.interaction, exchange.last_upstream_request
        sent, note = "", _retry_note(exchange)
        if crossing is None or not _upstream_interaction(exchange).is_stream:
            why = "the upstream was asked for no stream"
            yield self._build_row(exchange, FeatureVerdict.UNTESTED, "", "", note=why)
        elif not got.is_success and not got.problem:
            clean = error_object(got) is not None
            verdict = FeatureVerdict.REFUSED if clean else FeatureVerdict.REFUSED_BADLY
            yield self._build_row(
                exchange, verdict, sent, describe_outcome(got), note=note
            )
        elif got.problem:
            yield self._build_row(
                exchange, FeatureVerdict.HONOURED, sent, got.problem, note=note
            )
        elif any(is_error(each.data) for each in got.events):
            arrived = "an event that says so"
            yield self._build_row(
                exchange, FeatureVerdict.REFUSED, sent, arrived, note=note
            )
        else:
            arrived = "an end as of a whole stream"
            yield self._build_row(
                exchange, FeatureVerdict.ALTERED, sent, arrived, note=note
            )

    def _success_verdict(self, exchange: GatewayExchange) -> tuple[FeatureVerdict, str]:
        """A success in spite of a fault: right if the pictures are the upstream's."""
        given = [
            delivered_image(each) for each in _upstream_interaction(exchange).items
        ]
        got = [delivered_image(each) for each in exchange.interaction.items]
        if given and given == got:
            return (
                FeatureVerdict.HONOURED,
                f"{exchange.interaction.status}, {describe_outputs(got)}",
            )
        return (
            FeatureVerdict.REFUSED_BADLY,
            f"{exchange.interaction.status}, as a success",
        )

    def _failure_row(self, exchange: GatewayExchange, sent: str) -> GatewayRow | None:
        """The row of an exchange that came to nothing; None where it came to much."""
        got, crossing = exchange.interaction, exchange.last_upstream_request
        outcome = describe_outcome(got)
        if crossing is None:
            if got.is_success:
                arrived = "nothing: the gateway answered by itself"
                return self._build_row(exchange, FeatureVerdict.IGNORED, sent, arrived)
            clean = (
                got.status is not None and 400 <= got.status < 500 and error_object(got)
            )
            verdict = FeatureVerdict.REFUSED if clean else FeatureVerdict.REFUSED_BADLY
            return self._build_row(exchange, verdict, sent, f"{NO_VALUE}; {outcome}")
        if crossing.is_success and (not got.is_success or got.problem):
            arrived = f"answered upstream, then {outcome}"
            return self._build_row(
                exchange, FeatureVerdict.REFUSED_BADLY, sent, arrived
            )
        return None

    def _build_row(
        self,
        exchange: GatewayExchange,
        verdict: FeatureVerdict,
        sent: str,
        arrived: str,
        feature: str = "",
        *,
        group: str = "",
        promised: bool = True,
        note: str = "",
    ) -> GatewayRow:
        question = exchange.question
        hidden = f"({question.marker})"
        return GatewayRow(
            group=group or question.group,
            feature=feature or question.feature,
            operation=question.operation.id,
            verdict=verdict,
            sent=sent.replace(hidden, "").strip(),
            arrived=self._redact_key(arrived).replace(hidden, "").strip(),
            promised=promised and question.promised,
            note=self._redact_key(note),
        )

    def _redact_key(self, text: str) -> str:
        """Text without the caller's key."""
        return text.replace(self.key, "***")


COMPARE_BY_KIND: dict[
    QuestionKind, Callable[[GatewayDiff, GatewayExchange], Iterator[GatewayRow]]
] = {
    QuestionKind.ANSWER: GatewayDiff.compare_answer,
    QuestionKind.UNLISTED_ANSWER: GatewayDiff.compare_unlisted_answer,
    QuestionKind.MEMBER: GatewayDiff.compare_field,
    QuestionKind.SEVERAL: GatewayDiff.compare_image_count,
    QuestionKind.STREAM: GatewayDiff.compare_stream,
    QuestionKind.ERROR: GatewayDiff.compare_error,
    QuestionKind.FAULT: GatewayDiff.compare_fault,
    QuestionKind.CUT_STREAM: GatewayDiff.compare_cut_stream,
}


def _upstream_interaction(exchange: GatewayExchange) -> Interaction:
    """What the upstream answered, read as an answer to the caller's question."""
    crossing = exchange.last_upstream_request
    if crossing is None:
        return Interaction(exchange.question.case, None, {}, b"", 0.0)
    return Interaction(
        exchange.question.case,
        crossing.status,
        crossing.response_headers,
        bytes(crossing.response_body),
        0.0,
    )


def _compare_images(
    expected: Sequence[DeliveredImage | None], actual: Sequence[DeliveredImage | None]
) -> tuple[FeatureVerdict, str]:
    """What became of the pictures of an answer."""
    before, after = (
        [each for each in expected if each],
        [each for each in actual if each],
    )
    came = describe_outputs(after)
    if before == after:
        return FeatureVerdict.HONOURED, came
    if not after:
        return FeatureVerdict.IGNORED, "no picture"
    contents = [each[1] for each in before], [each[1] for each in after]
    if contents[0] == contents[1]:
        return FeatureVerdict.RENAMED, f"{came}, the same bytes"
    if len(before) != len(after):
        return FeatureVerdict.ALTERED, came
    if sorted(contents[0]) == sorted(contents[1]):
        return FeatureVerdict.ALTERED, f"{came}, in another order"
    return FeatureVerdict.ALTERED, f"{came}, other bytes"


def _retry_note(exchange: GatewayExchange) -> str:
    count = len(exchange.upstream_requests)
    return f"the upstream was asked {count} times" if count > 1 else ""


def _upstream_note(exchange: GatewayExchange) -> str:
    """What the upstream made of the request, where that was not to be expected."""
    crossing, wanted = exchange.last_upstream_request, exchange.question.operation.id
    if crossing is None:
        return ""
    notes = [f"sent to {crossing.operation.id}"] * (crossing.operation.id != wanted)
    if crossing.status is not None and not crossing.is_success:
        notes.append(f"the upstream answered {crossing.status}")
    return ", ".join(notes)
