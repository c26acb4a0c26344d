"""Compare streams and failures of the upstream at both ends of a gateway."""

from collections.abc import Iterator

from contracts.judging.outcome import (
    FeatureVerdict,
    describe_outcome,
    error_object,
    event_type,
)
from contracts.planning.values import format_value
from contracts.traffic.gateway.diff import (
    delivered_image,
    describe_outputs,
    error_changes,
    is_error,
    summarize_error,
    summarize_event_types,
)
from contracts.traffic.gateway.questions import (
    EVENT_FEATURES,
)
from contracts.traffic.gateway.rows import (
    GatewayEnds,
    GatewayRow,
    compare_images,
    retry_note,
    upstream_interaction,
)
from contracts.traffic.gateway.session import GatewayExchange


def compare_stream(
    ends: GatewayEnds, exchange: GatewayExchange
) -> Iterator[GatewayRow]:
    """The fields that request a stream, and its events."""
    question = exchange.question
    for name in filter(None, (question.member, question.name)):
        value = question.case.payload[name]
        row = (
            None
            if exchange.upstream_requests
            else ends.failure_row(exchange, format_value(value))
        )
        verdict, arrived = (
            (row.verdict, row.arrived)
            if row
            else ends.field_verdict(exchange, name, value)
        )
        yield ends.build_row(exchange, verdict, format_value(value), arrived, name)
    yield from _event_rows(ends, exchange)


def _event_rows(ends: GatewayEnds, exchange: GatewayExchange) -> Iterator[GatewayRow]:
    given, got = upstream_interaction(exchange), exchange.interaction
    crossing = exchange.last_upstream_request
    if crossing is None or not given.is_stream or not crossing.is_success:
        why = "the upstream was asked for no stream"
        for feature in EVENT_FEATURES:
            yield ends.build_row(
                exchange, FeatureVerdict.UNTESTED, "", "", feature, note=why
            )
        return
    types = [event_type(each.data) for each in given.events]
    sent = summarize_event_types(types)
    if not got.is_success or got.problem:
        outcome = describe_outcome(got)
        yield ends.build_row(
            exchange, FeatureVerdict.REFUSED_BADLY, sent, outcome, EVENT_FEATURES[0]
        )
        return
    if not got.is_stream:
        outcome = f"no stream but {got.content_type or 'no content type'}"
        yield ends.build_row(
            exchange, FeatureVerdict.IGNORED, sent, outcome, EVENT_FEATURES[0]
        )
        return
    events = [each for each in got.events if isinstance(each.data, dict)]
    came = [event_type(each.data) for each in events]
    verdict = FeatureVerdict.HONOURED
    if came != types:
        missing = len(came) < len(types)
        verdict = FeatureVerdict.IGNORED if missing else FeatureVerdict.ALTERED
    yield ends.build_row(
        exchange, verdict, sent, summarize_event_types(came), EVENT_FEATURES[0]
    )
    before = [delivered_image(each.data) for each in given.events]
    after = [delivered_image(each.data) for each in events]
    verdict, arrived = compare_images(before, after)
    yield ends.build_row(
        exchange, verdict, describe_outputs(before), arrived, EVENT_FEATURES[1]
    )
    at_once = crossing.is_first_event_prompt
    yield ends.build_row(
        exchange,
        FeatureVerdict.HONOURED if at_once else FeatureVerdict.ALTERED,
        "the first before the rest",
        "the first before the rest" if at_once else "all together",
        EVENT_FEATURES[2],
    )


def compare_error(ends: GatewayEnds, exchange: GatewayExchange) -> Iterator[GatewayRow]:
    """An error of the upstream: its status, body and Retry-After at the caller."""
    crossing, got = exchange.last_upstream_request, exchange.interaction
    if crossing is None or crossing.status is None:
        outcome = f"the gateway answered by itself: {describe_outcome(got)}"
        yield ends.build_row(exchange, FeatureVerdict.UNTESTED, "", "", note=outcome)
        return
    given = upstream_interaction(exchange)
    sent = summarize_error(given)
    note = retry_note(exchange)
    if got.is_success:
        arrived = f"{got.status}, as a success"
        yield ends.build_row(exchange, FeatureVerdict.ALTERED, sent, arrived, note=note)
        return
    error = error_object(got)
    if error is None or got.problem:
        outcome = describe_outcome(got)
        yield ends.build_row(
            exchange, FeatureVerdict.REFUSED_BADLY, sent, outcome, note=note
        )
        return
    changes = list(error_changes(given, got))
    arrived = f"{got.status}; {'; '.join(changes)}" if changes else summarize_error(got)
    verdict = FeatureVerdict.ALTERED if changes else FeatureVerdict.HONOURED
    yield ends.build_row(exchange, verdict, sent, arrived, note=note)


def compare_fault(ends: GatewayEnds, exchange: GatewayExchange) -> Iterator[GatewayRow]:
    """A broken upstream: the gateway must respond with a well-formed error."""
    got, sent, note = exchange.interaction, "", retry_note(exchange)
    if not exchange.upstream_requests:
        outcome = f"the gateway answered by itself: {describe_outcome(got)}"
        yield ends.build_row(exchange, FeatureVerdict.UNTESTED, "", "", note=outcome)
    elif got.is_success and not got.problem:
        verdict, arrived = _success_verdict(exchange)
        yield ends.build_row(exchange, verdict, sent, arrived, note=note)
    elif got.problem or error_object(got) is None:
        yield ends.build_row(
            exchange,
            FeatureVerdict.REFUSED_BADLY,
            sent,
            describe_outcome(got),
            note=note,
        )
    else:
        yield ends.build_row(
            exchange, FeatureVerdict.REFUSED, sent, describe_outcome(got), note=note
        )


def compare_cut_stream(
    ends: GatewayEnds, exchange: GatewayExchange
) -> Iterator[GatewayRow]:
    """A stream that is cut off upstream must not look complete to the caller."""
    got, crossing = exchange.interaction, exchange.last_upstream_request
    sent, note = "", retry_note(exchange)
    if crossing is None or not upstream_interaction(exchange).is_stream:
        why = "the upstream was asked for no stream"
        yield ends.build_row(exchange, FeatureVerdict.UNTESTED, "", "", note=why)
    elif not got.is_success and not got.problem:
        clean = error_object(got) is not None
        verdict = FeatureVerdict.REFUSED if clean else FeatureVerdict.REFUSED_BADLY
        yield ends.build_row(exchange, verdict, sent, describe_outcome(got), note=note)
    elif got.problem:
        yield ends.build_row(
            exchange, FeatureVerdict.HONOURED, sent, got.problem, note=note
        )
    elif any(is_error(each.data) for each in got.events):
        arrived = "an event that says so"
        yield ends.build_row(exchange, FeatureVerdict.REFUSED, sent, arrived, note=note)
    else:
        arrived = "an end as of a whole stream"
        yield ends.build_row(exchange, FeatureVerdict.ALTERED, sent, arrived, note=note)


def _success_verdict(exchange: GatewayExchange) -> tuple[FeatureVerdict, str]:
    """A success despite a fault: correct if the images are those of the upstream."""
    given = [delivered_image(each) for each in upstream_interaction(exchange).items]
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
