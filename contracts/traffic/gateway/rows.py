"""Rows of a gateway test: one feature, what was sent and what arrived."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.judging.interaction import Interaction
from contracts.judging.outcome import (
    FeatureVerdict,
    describe_outcome,
    error_object,
)
from contracts.planning.values import format_value
from contracts.traffic.gateway.diff import (
    NO_VALUE,
    DeliveredImage,
    delivered_image,
    describe_changes,
    describe_difference,
    describe_outputs,
    find_path,
    same_value,
    summarize_value,
)
from contracts.traffic.gateway.session import GatewayExchange
from contracts.traffic.gateway.upstream import UpstreamRequest
from specs import Provider


@dataclass(frozen=True)
class GatewayRow:
    """
    One feature, what was sent and what arrived at the other end.

    `promised` is true if a document states the feature: others cannot fail a gateway.
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
class GatewayEnds:
    """
    Both ends of a gateway, and the rows that comparisons share.

    `provider` is the dialect of the caller, `upstream` that of the upstream. `model` is
    the gateway's own name of the model, `key` the key of the caller.
    """

    provider: Provider
    upstream: Provider
    model: str | None
    key: str

    def field_row(self, exchange: GatewayExchange, name: str, value: Any) -> GatewayRow:
        row = self.failure_row(exchange, summarize_value(value))
        if row is not None:
            return row
        verdict, arrived = self.field_verdict(exchange, name, value)
        note = upstream_note(exchange)
        return self.build_row(
            exchange, verdict, summarize_value(value), arrived, note=note
        )

    def field_verdict(
        self, exchange: GatewayExchange, name: str, value: Any
    ) -> tuple[FeatureVerdict, str]:
        """The verdict on a field in the upstream's request, and what arrived."""
        crossing, question = exchange.last_upstream_request, exchange.question
        if crossing is None:
            return FeatureVerdict.IGNORED, NO_VALUE
        if crossing.payload is None:
            label = crossing.headers.get("content-type", "no Content-Type")
            return FeatureVerdict.ALTERED, f"a body that cannot be read: {label}"
        payload, operation = crossing.payload, crossing.operation.id
        role = self.provider.dialect.canonical_name(question.operation.id, name)
        given = [
            each
            for each in payload
            if self.upstream.dialect.canonical_name(operation, each) == role
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
        """The verdict on a value that arrived unchanged, by the name it had then."""
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
        """The names that the upstream's document has for a canonical field."""
        media_type = upstream_request.headers.get("content-type", "").partition(";")[0]
        body = upstream_request.operation.bodies.get(media_type.strip().lower())
        names = self.upstream.dialect.wire_names(
            upstream_request.operation.id, canonical
        )
        return [each for each in names if body and each in body.properties]

    def response_field_row(
        self,
        exchange: GatewayExchange,
        name: str,
        value: Any,
        answer: Mapping[str, Any],
        feature: str = "",
        *,
        promised: bool = True,
    ) -> GatewayRow:
        """One field of the upstream's response in the gateway's response."""
        sent, feature = format_value(value), feature or name
        row = self.missing_response_row(exchange, sent, feature)
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
        return self.build_row(
            exchange, verdict, sent, arrived, feature, group="answer", promised=promised
        )

    def image_rows(
        self, exchange: GatewayExchange, feature: str
    ) -> Iterator[GatewayRow]:
        given = [delivered_image(each) for each in upstream_interaction(exchange).items]
        sent = describe_outputs(given)
        row = self.missing_response_row(exchange, sent, feature)
        if row is not None:
            yield row
            return
        got = [delivered_image(each) for each in exchange.interaction.items]
        verdict, arrived = compare_images(given, got)
        yield self.build_row(exchange, verdict, sent, arrived, feature, group="answer")

    def missing_response_row(
        self, exchange: GatewayExchange, sent: str, feature: str
    ) -> GatewayRow | None:
        """A row for a missing response; None if there are two to compare."""
        crossing = exchange.last_upstream_request
        if crossing is None or not crossing.is_success:
            why = "no answer of the upstream to compare"
            return self.build_row(
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
        return self.build_row(
            exchange,
            FeatureVerdict.REFUSED_BADLY,
            sent,
            describe_outcome(exchange.interaction),
            feature,
            group="answer",
        )

    def failure_row(self, exchange: GatewayExchange, sent: str) -> GatewayRow | None:
        """A row for an exchange that failed; None if there is a response to compare."""
        got, crossing = exchange.interaction, exchange.last_upstream_request
        outcome = describe_outcome(got)
        if crossing is None:
            if got.is_success:
                arrived = "nothing: the gateway answered by itself"
                return self.build_row(exchange, FeatureVerdict.IGNORED, sent, arrived)
            clean = (
                got.status is not None and 400 <= got.status < 500 and error_object(got)
            )
            verdict = FeatureVerdict.REFUSED if clean else FeatureVerdict.REFUSED_BADLY
            return self.build_row(exchange, verdict, sent, f"{NO_VALUE}; {outcome}")
        if crossing.is_success and (not got.is_success or got.problem):
            arrived = f"answered upstream, then {outcome}"
            return self.build_row(exchange, FeatureVerdict.REFUSED_BADLY, sent, arrived)
        return None

    def build_row(
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
        """The text without the caller's key."""
        return text.replace(self.key, "***")


def upstream_interaction(exchange: GatewayExchange) -> Interaction:
    """The response of the upstream, read as a response to the caller's request."""
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


def compare_images(
    expected: Sequence[DeliveredImage | None], actual: Sequence[DeliveredImage | None]
) -> tuple[FeatureVerdict, str]:
    """The verdict on the images of a response, and what came back."""
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


def retry_note(exchange: GatewayExchange) -> str:
    count = len(exchange.upstream_requests)
    return f"the upstream was asked {count} times" if count > 1 else ""


def upstream_note(exchange: GatewayExchange) -> str:
    """A note if the upstream got another operation, or responded with an error."""
    crossing, wanted = exchange.last_upstream_request, exchange.question.operation.id
    if crossing is None:
        return ""
    notes = [f"sent to {crossing.operation.id}"] * (crossing.operation.id != wanted)
    if crossing.status is not None and not crossing.is_success:
        notes.append(f"the upstream answered {crossing.status}")
    return ", ".join(notes)
