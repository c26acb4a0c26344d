"""Build the success response to an interpreted request, as JSON or as a stream."""

from collections.abc import AsyncIterator
from itertools import count

from aiohttp import web

from mockserver.media.image.delivery import DELIVERIES
from mockserver.media.image.faults import with_both_deliveries
from mockserver.media.image.response import image_events, images_response_body
from mockserver.media.payloads import (
    MAX_JOINED_BYTES,
    ChunkedPayload,
    JsonTemplate,
    json_bytes_response,
)
from mockserver.pipeline.exchange import Exchange
from mockserver.pipeline.interpretation import (
    MAX_CACHED_RESPONSE_BYTES,
    Interpretation,
    RenderedJson,
)
from mockserver.pipeline.provider_context import ResponseRenderer
from mockserver.pipeline.sse import encode_event, stream_response
from mockserver.simulation.faults import BOTH_DELIVERIES
from mockserver.simulation.transfer import PendingResponse
from specs import EVENT_STREAM

ALL_DELIVERIES = ("b64_json", "url")


async def success_response(
    exchange: Exchange, interpretation: Interpretation
) -> web.Response | PendingResponse:
    """The response; `exchange.delivered` counts the images, of a stream when sent."""
    if interpretation.is_streaming:
        frames = _event_frames(exchange, interpretation)
        return await stream_response(frames, exchange.headers())
    response = await _json_response(exchange, interpretation)
    exchange.delivered = len(interpretation.plans)
    return response


async def _event_frames(
    exchange: Exchange, interpretation: Interpretation
) -> AsyncIterator[bytes]:
    """The frames of a stream. An image counts as delivered after it was written."""
    events = image_events(
        exchange.operation.success.bodies[EVENT_STREAM].examples,
        interpretation.request,
        interpretation.plans,
        _renderer(exchange),
        clock=exchange.provider_context.clock,
        usage=interpretation.usage,
        preview_count=interpretation.preview_count,
    )
    async for event in events:
        yield encode_event(event.type, event.data)
        exchange.delivered += event.is_final


def _renderer(exchange: Exchange) -> ResponseRenderer:
    request = exchange.request
    origin = f"{request.scheme}://{request.host}"
    return ResponseRenderer(exchange.provider_context, origin)


async def _json_response(
    exchange: Exchange, interpretation: Interpretation
) -> web.Response:
    """
    A response with all images.

    The JSON of the previous response is used again within the same second: whole if it
    is small and has no signed URLs, else as a template for the images.
    """
    context, plans = exchange.provider_context, interpretation.plans
    created = int(context.clock())
    is_twice = exchange.fault_name == BOTH_DELIVERIES
    previous = interpretation.rendered
    if previous is not None and (previous.created != created or is_twice):
        previous = None
    if previous is not None and previous.body is not None:
        return json_bytes_response(previous.body)
    names = ALL_DELIVERIES if is_twice else (interpretation.delivery,)
    deliveries = [DELIVERIES[name] for name in names]
    renderer = _renderer(exchange)
    texts = [
        await delivery.text(plan, renderer) for plan in plans for delivery in deliveries
    ]
    if previous is not None:
        template = previous.template
    else:
        numbers = count()
        images = [
            [delivery.entry(plan, next(numbers)) for delivery in deliveries]
            for plan in plans
        ]
        body = images_response_body(
            interpretation.request,
            [entries[0] for entries in images],
            plans[0],
            created=created,
            usage=interpretation.usage,
        )
        projection = context.projection_for(exchange.operation)
        body = projection(body, interpretation.request)
        if is_twice:
            body = with_both_deliveries(body, [{**a, **b} for a, b in images])
        template = JsonTemplate(body)
    parts = template.fill(texts)
    size = sum(map(len, parts))
    content = b"".join(parts) if size <= MAX_JOINED_BYTES else ChunkedPayload(parts)
    is_cached = size <= MAX_CACHED_RESPONSE_BYTES and all(
        delivery.is_cacheable for delivery in deliveries
    )
    cached = content if is_cached and isinstance(content, bytes) else None
    interpretation.rendered = RenderedJson(created, template, cached)
    return json_bytes_response(content)
