"""Simulate the latency and the errors that a request triggers."""

import asyncio
from dataclasses import replace

from mockserver.errors import Rejected
from mockserver.media.image.faults import first_image_only
from mockserver.pipeline.body_parsing import ParsedBody
from mockserver.pipeline.exchange import Exchange
from mockserver.simulation.faults import ERROR_AS_200, ONE_IMAGE
from mockserver.simulation.triggers import requested_behavior


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
    """True if the request triggers an error response."""
    behavior = exchange.behavior
    return behavior.error is not None or exchange.fault_name == ERROR_AS_200


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


def raise_triggered_error(exchange: Exchange) -> None:
    """Raise `Rejected` if the request triggers an error response."""
    if not is_error_triggered(exchange):
        return
    behavior = exchange.behavior
    headers = {}
    if behavior.retry_after is not None:
        headers["Retry-After"] = f"{behavior.retry_after:g}"
    raise Rejected(
        behavior.error or "server_error",
        f"Triggered by {behavior.source}.",
        headers=headers,
    )


def apply_body_fault(exchange: Exchange, parsed_body: ParsedBody) -> ParsedBody:
    """The body as a gateway with the triggered fault forwards it."""
    if exchange.behavior.fault is None:
        return parsed_body
    exchange.interpretation = None  # a fault can change it
    if exchange.fault_name == ONE_IMAGE:
        payload = first_image_only(parsed_body.payload)
        parsed_body = exchange.parsed_body = replace(parsed_body, payload=payload)
    return parsed_body
