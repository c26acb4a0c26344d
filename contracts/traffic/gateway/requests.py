"""Compare plain requests and their responses at both ends of a gateway."""

from collections.abc import Iterator
from typing import Any

from contracts.judging.outcome import FeatureVerdict
from contracts.planning.request_model import testable_models
from contracts.planning.values.field_values import format_value
from contracts.traffic.gateway.diff import DELIVERY_FIELDS, NO_VALUE
from contracts.traffic.gateway.exchange import GatewayExchange, upstream_interaction
from contracts.traffic.gateway.question import UNLISTED_FIELDS, QuestionKind
from contracts.traffic.gateway.rows import GatewayEnds, GatewayRow
from contracts.traffic.gateway.upstream import UpstreamRequest


def compare_answer(
    ends: GatewayEnds, exchange: GatewayExchange
) -> Iterator[GatewayRow]:
    """The minimal request: its model, its key, and all fields of the response."""
    yield model_row(ends, exchange)
    yield key_row(ends, exchange)
    yield added_fields_row(ends, exchange)
    yield ends.image_row(exchange, "images")
    request = exchange.last_upstream_request
    if request is None or not request.is_success:
        return
    expected, actual = upstream_interaction(exchange), exchange.interaction
    for name, value in (expected.object or {}).items():
        if f"/{name}" != expected.layout.items:
            yield ends.response_field_row(exchange, name, value, actual.object or {})
    for name in dict.fromkeys(name for item in expected.items for name in item):
        if name not in DELIVERY_FIELDS:
            before = [item.get(name) for item in expected.items]
            after = [item.get(name) for item in actual.items]
            received = {name: after} if any(after) else {}
            yield ends.response_field_row(
                exchange, name, before, received, f"data[].{name}"
            )


def compare_unlisted_answer(
    ends: GatewayEnds, exchange: GatewayExchange
) -> Iterator[GatewayRow]:
    """A field of the response that no document describes."""
    ((name, value),) = UNLISTED_FIELDS.items()
    response = exchange.interaction.object or {}
    feature = exchange.question.feature
    yield ends.response_field_row(
        exchange, name, value, response, feature, promised=False
    )


def compare_field(ends: GatewayEnds, exchange: GatewayExchange) -> Iterator[GatewayRow]:
    """One field of the request."""
    if exchange.question.kind is QuestionKind.MODEL:
        yield model_row(ends, exchange)
        return
    name = exchange.question.member
    yield ends.field_row(exchange, name, sent_value(ends, exchange, name))


def sent_value(ends: GatewayEnds, exchange: GatewayExchange, name: str) -> Any:
    """The value of a field; one inside another field has its canonical name."""
    case = exchange.question.case
    if name in case.payload:
        return case.payload[name]
    dialect = ends.provider.dialect
    return dialect.with_canonical_names(case.operation, case.payload).get(name)


def compare_image_count(
    ends: GatewayEnds, exchange: GatewayExchange
) -> Iterator[GatewayRow]:
    """A number of images: the field, and the images of the response."""
    yield from compare_field(ends, exchange)
    (feature,) = exchange.question.more_features
    yield ends.image_row(exchange, feature)


def model_row(ends: GatewayEnds, exchange: GatewayExchange) -> GatewayRow:
    """The model: the upstream may get the documented one that its name stands for."""
    question, name = exchange.question, exchange.question.member or "model"
    row = ends.field_row(exchange, name, question.case.payload.get(name))
    expected = {question.stands_for} - {""}
    if ends.provider.id != ends.upstream.id:
        expected.add(ends.upstream.dialect.model)
    if row.arrived in map(format_value, expected):
        return ends.build_row(exchange, FeatureVerdict.HONOURED, row.sent, row.arrived)
    return row


def key_row(ends: GatewayEnds, exchange: GatewayExchange) -> GatewayRow:
    """The key at the upstream: it must not be the caller's."""
    keys = {each.key for each in exchange.upstream_requests}
    sent = "a key of the gateway's own"
    if not keys:
        verdict, arrived = FeatureVerdict.UNTESTED, NO_VALUE
    elif ends.target.key and ends.target.key in keys:
        verdict, arrived = FeatureVerdict.ALTERED, "the caller's key"
    elif all(keys):
        verdict, arrived = FeatureVerdict.HONOURED, sent
    else:
        verdict, arrived = FeatureVerdict.IGNORED, "no key"
    return ends.build_row(exchange, verdict, sent, arrived, "key")


def needed_fields(ends: GatewayEnds, request: UpstreamRequest) -> set[str]:
    """The fields that the upstream needs for each request, or that hold other ones."""
    operation = request.operation
    condition = operation.task.when if operation.task else True
    needed = condition.get("required", ()) if isinstance(condition, dict) else ()
    nested = ends.upstream.dialect.places_of(operation.id)
    holders = [each.split("/")[1] for places in nested.values() for each in places]
    models = [
        model
        for (id_, _), model in testable_models(ends.upstream).items()
        if id_ == operation.id
    ]
    plain = [name for each in models for name in each.minimal_request]
    return {*needed, *holders, *plain}


def added_fields_row(ends: GatewayEnds, exchange: GatewayExchange) -> GatewayRow:
    """The fields that the gateway adds."""
    operation = exchange.question.operation.id
    sent = ends.provider.dialect.with_canonical_names(
        operation, exchange.question.case.payload
    )
    request = exchange.last_upstream_request
    payload = (request.payload if request else None) or {}
    called = request.operation.id if request else operation
    arrived = ends.upstream.dialect.with_canonical_names(called, payload)
    needed = needed_fields(ends, request) if request else ()
    added = {
        name: value
        for name, value in arrived.items()
        if name not in sent and name not in needed
    }
    text = ", ".join(f"{name}: {format_value(value)}" for name, value in added.items())
    return ends.build_row(
        exchange,
        FeatureVerdict.ALTERED if added else FeatureVerdict.HONOURED,
        NO_VALUE,
        text or NO_VALUE,
        "nothing added",
        promised=False,
    )
