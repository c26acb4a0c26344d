"""Simulate the latency and the errors that a request triggers."""

import asyncio
from dataclasses import replace

from aiohttp import web
from multidict import CIMultiDict

from mockserver.errors import (
    RATE_LIMITED,
    Rejected,
    documented_retry_after,
    retry_headers,
)
from mockserver.json_text import dumps
from mockserver.media.registry import medium_of
from mockserver.pipeline.exchange import Exchange
from mockserver.pipeline.request.body_parsing import ParsedBody
from mockserver.simulation.faults import ERROR_AS_200
from mockserver.simulation.own_responses import NOT_FROM_DOCUMENT, OwnResponse
from mockserver.simulation.transfer import CDN_TIMEOUT_SECONDS
from mockserver.simulation.triggers import NO_BEHAVIOR, requested_behavior
from mockserver.state.memory import StateStore
from mockserver.state.rate_limit import BucketState

EMPTY_STATUSES = {204, 304}

CLOCK_POLL_SECONDS = 0.1


async def determine_behavior(exchange: Exchange) -> None:
    """Set `exchange.behavior`. Raises `Rejected` for an invalid trigger."""
    parsed_body = exchange.parsed_body
    exchange.behavior = await requested_behavior(
        exchange.request.headers,
        exchange.key,
        parsed_body.payload if parsed_body else None,
        exchange.operation,
        exchange.provider_context.store,
        exchange.provider_context.provider.id,
        exchange.namespace or "",
    )


def is_error_triggered(exchange: Exchange) -> bool:
    """True if the request triggers an error response, or another one of a script."""
    behavior = exchange.behavior
    if behavior is NO_BEHAVIOR:
        return False
    is_named = behavior.error is not None or behavior.own is not None
    return is_named or exchange.fault_name == ERROR_AS_200


async def simulate_latency(exchange: Exchange) -> None:
    """Wait for the triggered latency, or else for the latency of the settings."""
    seconds = exchange.behavior.latency
    if seconds is None:
        latency = exchange.provider_context.settings.latency
        if not latency:
            return
        seconds = latency.sample(exchange.provider_context.rng)
    if seconds:
        await asyncio.sleep(seconds)


async def wait_for_timeout(store: StateStore, seconds: float | None) -> None:
    """
    Wait until a content delivery network gives up; without `seconds`, as long as usual.

    Advancing the clock of the server ends it, also if another replica does.
    """
    seconds = CDN_TIMEOUT_SECONDS if seconds is None else seconds
    loop = asyncio.get_running_loop()
    end, advanced = loop.time() + seconds, store.clock.advanced
    while (left := end - loop.time() - store.clock.advanced + advanced) > 0:
        await asyncio.sleep(min(left, CLOCK_POLL_SECONDS))
        await store.sync_clock()


def triggered_response(exchange: Exchange) -> web.Response | None:
    """
    The response that a script gives itself, or None.

    Raises `Rejected` if the request triggers a documented error.
    """
    if not is_error_triggered(exchange):
        return None
    behavior = exchange.behavior
    headers: CIMultiDict[str] = CIMultiDict()
    if behavior.retry_after is not None:
        headers.update(retry_headers(behavior.retry_after))
    headers.update(behavior.changes.headers or {})
    if behavior.own is not None:
        exchange.reason = f"The {behavior.source} gave it: {NOT_FROM_DOCUMENT}."
        return build_own_response(behavior.own, headers)
    name, changes = behavior.error or "server_error", behavior.changes
    if name == RATE_LIMITED and changes.status is None:
        _simulate_empty_quota(exchange)
    raise Rejected(
        name,
        changes.message or f"Triggered by {behavior.source}.",
        status=changes.status,
        headers=headers,
        replaces_message=changes.message is not None,
    )


def build_own_response(own: OwnResponse, headers: CIMultiDict[str]) -> web.Response:
    """A text is sent as it is, and another value as JSON."""
    is_text = isinstance(own.body, str)
    text = own.body if is_text else dumps(own.body)
    media_type = "text/plain; charset=utf-8" if is_text else "application/json"
    headers.setdefault("Content-Type", media_type)
    body = None if own.status in EMPTY_STATUSES else text.encode()
    return web.Response(status=own.status, body=body, headers=headers)


def _simulate_empty_quota(exchange: Exchange) -> None:
    """Let the headers of a quota agree with `Retry-After`."""
    context, seconds = exchange.provider_context, exchange.behavior.retry_after
    if seconds is None:
        seconds = documented_retry_after(exchange.operation.errors[RATE_LIMITED])
    if seconds is not None:
        limit = context.quotas.requests_per_minute
        exchange.bucket_state = BucketState(limit, remaining=0, reset=seconds)


def apply_body_fault(exchange: Exchange, parsed_body: ParsedBody) -> ParsedBody:
    """The body as a gateway with the triggered fault forwards it."""
    fault = exchange.fault_name
    if fault is None:
        return parsed_body
    exchange.interpretation = None  # a fault can change it
    medium = medium_of(exchange.operation)
    payload = medium.forwarded(parsed_body.payload, fault)
    exchange.parsed_body = replace(parsed_body, payload=payload)
    return exchange.parsed_body
