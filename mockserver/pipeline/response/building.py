"""Build the success response to an interpreted request, as JSON or as a stream."""

from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import count

from aiohttp import web

from mockserver.errors import error_example
from mockserver.json_text import dumps, fill_placeholders
from mockserver.media.image.delivery import DELIVERIES, Renderer
from mockserver.media.image.faults import (
    BadBase64Renderer,
    with_both_deliveries,
    with_other_format,
)
from mockserver.media.image.response import image_events, images_response_body
from mockserver.media.payloads import (
    MAX_JOINED_BYTES,
    ChunkedPayload,
    JsonTemplate,
    json_bytes_response,
)
from mockserver.pipeline.exchange import Exchange
from mockserver.pipeline.provider_context import ResponseRenderer
from mockserver.pipeline.public_url import root_url
from mockserver.pipeline.request.interpretation import (
    MAX_CACHED_RESPONSE_BYTES,
    Interpretation,
    RenderedJson,
)
from mockserver.pipeline.response.sse import encode_event, stream_response
from mockserver.simulation.faults import (
    BAD_BASE64,
    BOTH_DELIVERIES,
    EMPTY_DATA,
    FEWER_IMAGES,
    HEAD_REFUSED,
    OTHER_FORMAT,
    STREAM_ERROR,
)
from mockserver.simulation.transfer import PendingResponse
from specs import EVENT_STREAM

ALL_DELIVERIES = ("b64_json", "url")


async def success_response(
    exchange: Exchange, interpretation: Interpretation
) -> web.Response | PendingResponse:
    """The response; `exchange.delivered` counts the images, of a stream when sent."""
    interpretation = _with_fault(exchange, interpretation)
    if interpretation.is_streaming:
        frames = _event_frames(exchange, interpretation)
        return await stream_response(frames, exchange.headers())
    response = await _json_response(exchange, interpretation)
    is_empty = exchange.fault_name == EMPTY_DATA
    exchange.delivered = 0 if is_empty else len(interpretation.plans)
    return response


def _with_fault(exchange: Exchange, interpretation: Interpretation) -> Interpretation:
    """The interpretation with the images that a faulty relay delivers."""
    fault, plans = exchange.fault_name, interpretation.plans
    if fault == FEWER_IMAGES and len(plans) > 1:
        return replace(interpretation, plans=plans[:-1])
    if fault == OTHER_FORMAT:
        return replace(interpretation, plans=with_other_format(plans))
    return interpretation


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
        if event.is_final and exchange.fault_name == STREAM_ERROR:
            yield _error_frame(exchange)
            return
        yield encode_event(event.type, event.data)
        exchange.delivered += event.is_final


def _error_frame(exchange: Exchange) -> bytes:
    """An event with the documented body of a server error."""
    details = {"message": "The image could not be finished.", "param": None}
    example = error_example("server_error", exchange.operation).body
    body = fill_placeholders(example, details)
    members = body if isinstance(body, dict) else {"error": body}
    return encode_event("error", [dumps({"type": "error", **members}).encode()])


def _renderer(exchange: Exchange) -> Renderer:
    context, fault = exchange.provider_context, exchange.fault_name
    renderer = ResponseRenderer(
        context,
        root_url(exchange.request, context.settings),
        exchange.namespace or "",
        HEAD_REFUSED if fault == HEAD_REFUSED else "",
    )
    return BadBase64Renderer(renderer) if fault == BAD_BASE64 else renderer


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
    shown = () if exchange.fault_name == EMPTY_DATA else plans
    names = ALL_DELIVERIES if is_twice else (interpretation.delivery,)
    deliveries = [DELIVERIES[name] for name in names]
    renderer = _renderer(exchange)
    texts = [
        await delivery.text(plan, renderer) for plan in shown for delivery in deliveries
    ]
    if previous is not None:
        template = previous.template
    else:
        numbers = count()
        images = [
            [delivery.entry(plan, next(numbers)) for delivery in deliveries]
            for plan in shown
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
