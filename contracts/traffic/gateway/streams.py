"""Compare a stream of the upstream with the stream that the caller receives."""

from collections.abc import Iterator

from contracts.judging.outcome import FeatureVerdict, describe_outcome
from contracts.planning.values.field_values import format_value
from contracts.traffic.gateway.diff import (
    delivered_image,
    describe_outputs,
    summarize_event_types,
)
from contracts.traffic.gateway.exchange import GatewayExchange, upstream_interaction
from contracts.traffic.gateway.question import EVENT_FEATURES
from contracts.traffic.gateway.rows import (
    NO_STREAM,
    GatewayEnds,
    GatewayRow,
    compare_images,
)


def compare_stream(
    ends: GatewayEnds, exchange: GatewayExchange
) -> Iterator[GatewayRow]:
    """The fields that request a stream, and its events."""
    question = exchange.question
    for name in filter(None, (question.member, question.name)):
        value = question.case.payload[name]
        sent = format_value(value)
        row = None
        if not exchange.upstream_requests:
            row = ends.failure_row(exchange, sent)
        if row is not None:
            verdict, arrived = row.verdict, row.arrived
        else:
            verdict, arrived = ends.field_verdict(exchange, name, value)
        yield ends.build_row(exchange, verdict, sent, arrived, name)
    yield from _event_rows(ends, exchange)


def _event_rows(ends: GatewayEnds, exchange: GatewayExchange) -> Iterator[GatewayRow]:
    """The types of the events, their images, and the time of the first event."""
    expected, actual = upstream_interaction(exchange), exchange.interaction
    request = exchange.last_upstream_request
    if request is None or not expected.is_stream or not request.is_success:
        for feature in EVENT_FEATURES:
            yield ends.untested_row(exchange, NO_STREAM, feature)
        return
    types_feature, images_feature, timing_feature = EVENT_FEATURES
    types = expected.event_names
    sent = summarize_event_types(types)
    if not actual.is_success or actual.problem:
        verdict, arrived = FeatureVerdict.REFUSED_BADLY, describe_outcome(actual)
        yield ends.build_row(exchange, verdict, sent, arrived, types_feature)
        return
    if not actual.is_stream:
        verdict = FeatureVerdict.IGNORED
        arrived = f"no stream but {actual.content_type or 'no content type'}"
        yield ends.build_row(exchange, verdict, sent, arrived, types_feature)
        return
    events = [each for each in actual.events if isinstance(each.data, dict)]
    actual_types = [actual.layout.event_name(each.data) for each in events]
    verdict = FeatureVerdict.HONOURED
    if actual_types != types:
        is_shorter = len(actual_types) < len(types)
        verdict = FeatureVerdict.IGNORED if is_shorter else FeatureVerdict.ALTERED
    arrived = summarize_event_types(actual_types)
    yield ends.build_row(exchange, verdict, sent, arrived, types_feature)
    before = [delivered_image(each.data) for each in expected.events]
    after = [delivered_image(each.data) for each in events]
    verdict, arrived = compare_images(before, after)
    sent = describe_outputs(before)
    yield ends.build_row(exchange, verdict, sent, arrived, images_feature)
    sent, is_prompt = "the first event before the others", request.is_first_event_prompt
    verdict = FeatureVerdict.HONOURED if is_prompt else FeatureVerdict.ALTERED
    arrived = sent if is_prompt else "all events together"
    yield ends.build_row(exchange, verdict, sent, arrived, timing_feature)
