"""Compare errors and faults of the upstream with the response that the caller gets."""

from collections.abc import Iterator

from contracts.judging.outcome import FeatureVerdict, describe_outcome, error_object
from contracts.traffic.gateway.diff import (
    delivered_image,
    describe_outputs,
    error_changes,
    is_error,
    summarize_error,
)
from contracts.traffic.gateway.exchange import GatewayExchange, upstream_interaction
from contracts.traffic.gateway.rows import (
    NO_STREAM,
    GatewayEnds,
    GatewayRow,
    retry_note,
)


def compare_error(ends: GatewayEnds, exchange: GatewayExchange) -> Iterator[GatewayRow]:
    """An error of the upstream: its status, body and Retry-After at the caller."""
    request, response = exchange.last_upstream_request, exchange.interaction
    if request is None or request.status is None:
        yield ends.untested_row(exchange, _own_response_note(exchange))
        return
    expected = upstream_interaction(exchange)
    if response.is_success:
        verdict, arrived = FeatureVerdict.ALTERED, f"{response.status}, as a success"
    elif error_object(response) is None or response.problem:
        verdict, arrived = FeatureVerdict.REFUSED_BADLY, describe_outcome(response)
    elif changes := list(error_changes(expected, response)):
        verdict = FeatureVerdict.ALTERED
        arrived = f"{response.status}; {'; '.join(changes)}"
    else:
        verdict, arrived = FeatureVerdict.HONOURED, summarize_error(response)
    sent, note = summarize_error(expected), retry_note(exchange)
    yield ends.build_row(exchange, verdict, sent, arrived, note=note)


def compare_fault(ends: GatewayEnds, exchange: GatewayExchange) -> Iterator[GatewayRow]:
    """A broken response of the upstream: the caller must get a well-formed error."""
    response = exchange.interaction
    if not exchange.upstream_requests:
        yield ends.untested_row(exchange, _own_response_note(exchange))
        return
    if response.is_success and not response.problem:
        verdict, arrived = _success_verdict(exchange)
    elif response.problem or error_object(response) is None:
        verdict, arrived = FeatureVerdict.REFUSED_BADLY, describe_outcome(response)
    else:
        verdict, arrived = FeatureVerdict.REFUSED, describe_outcome(response)
    note = retry_note(exchange)
    yield ends.build_row(exchange, verdict, "", arrived, note=note)


def compare_cut_stream(
    ends: GatewayEnds, exchange: GatewayExchange
) -> Iterator[GatewayRow]:
    """A stream that is cut off upstream: it must not look complete to the caller."""
    request, response = exchange.last_upstream_request, exchange.interaction
    if request is None or not upstream_interaction(exchange).is_stream:
        yield ends.untested_row(exchange, NO_STREAM)
        return
    if response.problem:
        verdict, arrived = FeatureVerdict.HONOURED, response.problem
    elif not response.is_success:
        is_clean = error_object(response) is not None
        verdict = FeatureVerdict.REFUSED if is_clean else FeatureVerdict.REFUSED_BADLY
        arrived = describe_outcome(response)
    elif any(is_error(each.data) for each in response.events):
        verdict, arrived = FeatureVerdict.REFUSED, "an error event"
    else:
        verdict, arrived = FeatureVerdict.ALTERED, "the end of a complete stream"
    note = retry_note(exchange)
    yield ends.build_row(exchange, verdict, "", arrived, note=note)


def _success_verdict(exchange: GatewayExchange) -> tuple[FeatureVerdict, str]:
    """A success despite a fault: correct if the images are those of the upstream."""
    response = exchange.interaction
    expected = [delivered_image(each) for each in upstream_interaction(exchange).items]
    actual = [delivered_image(each) for each in response.items]
    if expected and expected == actual:
        outputs = describe_outputs(actual)
        return FeatureVerdict.HONOURED, f"{response.status}, {outputs}"
    return FeatureVerdict.REFUSED_BADLY, f"{response.status}, as a success"


def _own_response_note(exchange: GatewayExchange) -> str:
    outcome = describe_outcome(exchange.interaction)
    return f"the gateway responded without its upstream: {outcome}"
