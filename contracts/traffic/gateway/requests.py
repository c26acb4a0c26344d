"""Compare plain requests and their responses at both ends of a gateway."""

from collections.abc import Iterator

from contracts.judging.outcome import (
    FeatureVerdict,
)
from contracts.planning.values import format_value
from contracts.traffic.gateway.diff import (
    DELIVERY_FIELDS,
    NO_VALUE,
)
from contracts.traffic.gateway.questions import (
    UNLISTED_FIELDS,
)
from contracts.traffic.gateway.rows import GatewayEnds, GatewayRow, upstream_interaction
from contracts.traffic.gateway.session import GatewayExchange


def compare_answer(
    ends: GatewayEnds, exchange: GatewayExchange
) -> Iterator[GatewayRow]:
    """The simplest request: its model, its key, and all fields of the response."""
    yield _model_row(ends, exchange)
    yield _key_row(ends, exchange)
    yield _added_fields_row(ends, exchange)
    yield from ends.image_rows(exchange, "pictures")
    if (
        exchange.last_upstream_request is None
        or not exchange.last_upstream_request.is_success
    ):
        return
    given, got = (
        upstream_interaction(exchange).object or {},
        exchange.interaction.object or {},
    )
    for name, value in given.items():
        if name != "data":
            yield ends.response_field_row(exchange, name, value, got)
    for name in dict.fromkeys(
        name for each in upstream_interaction(exchange).items for name in each
    ):
        if name not in DELIVERY_FIELDS:
            before = [each.get(name) for each in upstream_interaction(exchange).items]
            after = [each.get(name) for each in exchange.interaction.items]
            found = {name: after} if any(after) else {}
            yield ends.response_field_row(
                exchange, name, before, found, f"data[].{name}"
            )


def compare_unlisted_answer(
    ends: GatewayEnds, exchange: GatewayExchange
) -> Iterator[GatewayRow]:
    name, value = next(iter(UNLISTED_FIELDS.items()))
    got = exchange.interaction.object or {}
    feature = exchange.question.feature
    yield ends.response_field_row(exchange, name, value, got, feature, promised=False)


def compare_field(ends: GatewayEnds, exchange: GatewayExchange) -> Iterator[GatewayRow]:
    """One field of the request."""
    name = exchange.question.member
    yield ends.field_row(exchange, name, exchange.question.case.payload[name])


def compare_image_count(
    ends: GatewayEnds, exchange: GatewayExchange
) -> Iterator[GatewayRow]:
    """A number of images: the field, and the images that came back."""
    yield from compare_field(ends, exchange)
    (feature,) = exchange.question.more_features
    yield from ends.image_rows(exchange, feature)


def _model_row(ends: GatewayEnds, exchange: GatewayExchange) -> GatewayRow:
    row = ends.field_row(exchange, "model", exchange.question.case.payload.get("model"))
    documented = ends.upstream.dialect.model
    maps = ends.model or ends.provider.id != ends.upstream.id
    if maps and row.arrived == format_value(documented):
        return ends.build_row(exchange, FeatureVerdict.HONOURED, row.sent, row.arrived)
    return row


def _key_row(ends: GatewayEnds, exchange: GatewayExchange) -> GatewayRow:
    keys = {each.key for each in exchange.upstream_requests}
    sent = "a key of the gateway's own"
    if not exchange.upstream_requests:
        return ends.build_row(exchange, FeatureVerdict.UNTESTED, sent, NO_VALUE, "key")
    if ends.key in keys:
        arrived = "the caller's key"
        return ends.build_row(exchange, FeatureVerdict.ALTERED, sent, arrived, "key")
    arrived = sent if all(keys) else "no key"
    verdict = FeatureVerdict.HONOURED if all(keys) else FeatureVerdict.IGNORED
    return ends.build_row(exchange, verdict, sent, arrived, "key")


def _added_fields_row(ends: GatewayEnds, exchange: GatewayExchange) -> GatewayRow:
    """The fields that the gateway adds."""
    operation = exchange.question.operation.id
    sent = ends.provider.dialect.with_canonical_names(
        operation, exchange.question.case.payload
    )
    payload = (
        exchange.last_upstream_request.payload
        if exchange.last_upstream_request
        else None
    ) or {}
    arrived = ends.upstream.dialect.with_canonical_names(operation, payload)
    more = {name: each for name, each in arrived.items() if name not in sent}
    words = ", ".join(f"{name}: {format_value(each)}" for name, each in more.items())
    verdict = FeatureVerdict.ALTERED if more else FeatureVerdict.HONOURED
    return ends.build_row(
        exchange,
        verdict,
        NO_VALUE,
        words or NO_VALUE,
        "nothing added",
        promised=False,
    )
