"""Rows of a gateway test: one feature, the value sent and the value that arrived."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.execution.sending.target import Target
from contracts.judging.findings import redact
from contracts.judging.outcome import (
    FeatureVerdict,
    describe_outcome,
    error_object,
)
from contracts.planning.values.field_values import format_value
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
from contracts.traffic.gateway.exchange import GatewayExchange, upstream_interaction
from contracts.traffic.gateway.upstream import UpstreamRequest
from specs import Provider, requested_ratio, requested_size

RATIO_TOLERANCE = 1.05
# Notes that say why a feature is not documented.
NO_FIELD = "the upstream documents no such field"
OWN_FORM = "each end has its own form"
OPEN_NOTES = (NO_FIELD, OWN_FORM)
NO_STREAM = "the upstream received no request for a stream"


@dataclass(frozen=True)
class GatewayRow:
    """
    One feature, the value that was sent and the value that arrived.

    `promised` is true if a document describes the feature: others cannot fail.
    `excepted` is true if the user accepts any verdict on it.
    """

    group: str
    feature: str
    operation: str
    verdict: FeatureVerdict
    sent: str
    arrived: str
    promised: bool = True
    note: str = ""
    excepted: bool = False


@dataclass(frozen=True)
class GatewayEnds:
    """
    Both ends of a gateway, and the rows that comparisons share.

    `provider` is the dialect of the caller, `upstream` that of the upstream. `target`
    is the gateway, with the key of the caller.
    """

    provider: Provider
    upstream: Provider
    target: Target

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
        request, question = exchange.last_upstream_request, exchange.question
        if request is None:
            return FeatureVerdict.IGNORED, NO_VALUE
        if request.payload is None:
            label = request.headers.get("content-type", "no Content-Type")
            return FeatureVerdict.ALTERED, f"a body that cannot be parsed: {label}"
        payload, operation = request.payload, request.operation.id
        canonical = self.provider.dialect.canonical_name(question.operation.id, name)
        received_names = [
            each
            for each in payload
            if self.upstream.dialect.canonical_name(operation, each) == canonical
        ]
        inside = self.upstream.dialect.with_canonical_names(operation, payload)
        if not received_names and canonical in inside:
            if same_value(value, inside[canonical]):
                return FeatureVerdict.HONOURED, summarize_value(value)
            different = describe_difference(value, inside[canonical])
            return FeatureVerdict.ALTERED, different
        if not received_names and is_same_shape(canonical, value, inside):
            arrived = f"size: {summarize_value(inside['size'])}"
            return FeatureVerdict.RENAMED, arrived
        if not received_names:
            path = find_path(payload, value, question.case.payload)
            if path:
                return FeatureVerdict.RENAMED, f"{path}: {summarize_value(value)}"
            return FeatureVerdict.IGNORED, NO_VALUE
        received = payload[received_names[0]]
        if not same_value(value, received):
            return FeatureVerdict.ALTERED, describe_difference(value, received)
        known_names = self._upstream_names(request, canonical)
        return self._name_verdict(
            name, received_names, known_names, summarize_value(value)
        )

    def _name_verdict(
        self,
        name: str,
        received_names: Sequence[str],
        known_names: Sequence[str],
        text: str,
    ) -> tuple[FeatureVerdict, str]:
        """The verdict on a value that arrived unchanged, by its new names."""
        understood = [
            each for each in received_names if each in known_names or not known_names
        ]
        if not understood:
            arrived = f"{received_names[0]}, which the upstream calls {known_names[0]}"
            return FeatureVerdict.IGNORED, arrived
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
        response: Mapping[str, Any],
        feature: str = "",
        *,
        promised: bool = True,
    ) -> GatewayRow:
        """One field of the upstream's response in the gateway's response."""
        sent, feature = format_value(value), feature or name
        row = self.missing_response_row(exchange, sent, feature)
        if row is not None:
            return row
        if name not in response:
            verdict, arrived = FeatureVerdict.IGNORED, NO_VALUE
        elif response[name] == value:
            verdict, arrived = FeatureVerdict.HONOURED, sent
        else:
            verdict = FeatureVerdict.ALTERED
            arrived = describe_changes(value, response[name])
        return self.build_row(
            exchange, verdict, sent, arrived, feature, group="answer", promised=promised
        )

    def image_row(self, exchange: GatewayExchange, feature: str) -> GatewayRow:
        """The images of the upstream's response in the gateway's response."""
        expected = [
            delivered_image(each) for each in upstream_interaction(exchange).items
        ]
        sent = describe_outputs(expected)
        row = self.missing_response_row(exchange, sent, feature)
        if row is not None:
            return row
        actual = [delivered_image(each) for each in exchange.interaction.items]
        verdict, arrived = compare_images(expected, actual)
        return self.build_row(exchange, verdict, sent, arrived, feature, group="answer")

    def missing_response_row(
        self, exchange: GatewayExchange, sent: str, feature: str
    ) -> GatewayRow | None:
        """A row if a success response is missing; None if both can be compared."""
        request = exchange.last_upstream_request
        if request is None or not request.is_success:
            return self.build_row(
                exchange,
                FeatureVerdict.UNTESTED,
                sent,
                "",
                feature,
                group="answer",
                note="no success response of the upstream to compare",
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
        response, request = exchange.interaction, exchange.last_upstream_request
        status, outcome = response.status, describe_outcome(response)
        if request is None:
            if response.is_success:
                arrived = "nothing: the gateway responded without its upstream"
                return self.build_row(exchange, FeatureVerdict.IGNORED, sent, arrived)
            is_client_error = status is not None and 400 <= status < 500
            is_clean = is_client_error and error_object(response) is not None
            verdict = (
                FeatureVerdict.REFUSED if is_clean else FeatureVerdict.REFUSED_BADLY
            )
            return self.build_row(exchange, verdict, sent, f"{NO_VALUE}; {outcome}")
        if request.is_success and (not response.is_success or response.problem):
            arrived = f"a success of the upstream, then {outcome}"
            return self.build_row(exchange, FeatureVerdict.REFUSED_BADLY, sent, arrived)
        return None

    def untested_row(
        self, exchange: GatewayExchange, note: str, feature: str = ""
    ) -> GatewayRow:
        return self.build_row(
            exchange, FeatureVerdict.UNTESTED, "", "", feature, note=note
        )

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
        """A row without the caller's secrets and without the marker of the prompt."""
        question = exchange.question
        marker = f"({question.marker})"
        return GatewayRow(
            group=group or question.group,
            feature=feature or question.feature,
            operation=question.operation.id,
            verdict=verdict,
            sent=sent.replace(marker, "").strip(),
            arrived=self._redact(arrived).replace(marker, "").strip(),
            promised=promised and question.promised,
            note=self._redact(note),
        )

    def _redact(self, text: str) -> str:
        return redact(text, *self.target.secrets)


def is_same_shape(name: str, value: Any, fields: Mapping[str, Any]) -> bool:
    """True if an aspect ratio arrived as a size with that ratio, within 5 percent."""
    size = requested_size(fields)
    ratio = requested_ratio({name: value}) if name == "aspect_ratio" else None
    if size is None or ratio is None:
        return False
    return ratio / RATIO_TOLERANCE <= size[0] / size[1] <= ratio * RATIO_TOLERANCE


def compare_images(
    expected: Sequence[DeliveredImage | None], actual: Sequence[DeliveredImage | None]
) -> tuple[FeatureVerdict, str]:
    """The verdict on the images of a response, and a description of them."""
    before = [each for each in expected if each]
    after = [each for each in actual if each]
    outputs = describe_outputs(after)
    if before == after:
        return FeatureVerdict.HONOURED, outputs
    if not after:
        return FeatureVerdict.IGNORED, "no image"
    contents_before = [content for _, content in before]
    contents_after = [content for _, content in after]
    if contents_before == contents_after:
        return FeatureVerdict.RENAMED, f"{outputs}, the same bytes"
    if len(before) != len(after):
        return FeatureVerdict.ALTERED, outputs
    if sorted(contents_before) == sorted(contents_after):
        return FeatureVerdict.ALTERED, f"{outputs}, in another order"
    return FeatureVerdict.ALTERED, f"{outputs}, other bytes"


def retry_note(exchange: GatewayExchange) -> str:
    """The number of requests to the upstream; empty if there was no retry."""
    count = len(exchange.upstream_requests)
    return f"{count} requests to the upstream" if count > 1 else ""


def upstream_note(exchange: GatewayExchange) -> str:
    """A note on another operation or an error at the upstream; empty without."""
    request = exchange.last_upstream_request
    if request is None:
        return ""
    notes = []
    is_other = request.operation.id != exchange.question.operation.id
    if is_other and not exchange.has_other_form:
        notes.append(f"sent to {request.operation.id}")
    if request.status is not None and not request.is_success:
        notes.append(f"the upstream responded {request.status}")
    return ", ".join(notes)
