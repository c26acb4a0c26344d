"""Build the success response to an interpreted request, as JSON or as a stream."""

from collections.abc import AsyncIterator
from typing import cast

from aiohttp import web

from mockserver.errors import error_example
from mockserver.json_text import dumps, fill_placeholders
from mockserver.media.base import PlannedResponse
from mockserver.media.payloads import (
    MAX_JOINED_BYTES,
    ChunkedPayload,
    JsonTemplate,
    json_bytes_response,
)
from mockserver.media.registry import medium_of
from mockserver.pipeline.exchange import Exchange
from mockserver.pipeline.provider_context import ResponseRenderer
from mockserver.pipeline.public_url import root_url
from mockserver.pipeline.request.interpretation import (
    MAX_CACHED_RESPONSE_BYTES,
    Interpretation,
    RenderedJson,
)
from mockserver.pipeline.response.sse import encode_event, stream_response
from mockserver.simulation.faults import HEAD_REFUSED, STREAM_ERROR
from mockserver.simulation.transfer import PendingResponse
from specs import EVENT_STREAM

NAMED_EVENTS = "event-name-is-type"  # the guarantee; without it, events have no name


async def success_response(
    exchange: Exchange, interpretation: Interpretation
) -> web.Response | PendingResponse:
    """The response; `exchange.delivered` counts the outputs, of a stream when sent."""
    planned = planned_response(interpretation)
    if planned.is_streaming:
        frames = _event_frames(exchange, interpretation)
        return await stream_response(frames, exchange.headers())
    response = await _json_response(exchange, interpretation)
    exchange.delivered = planned.delivered
    return response


def planned_response(interpretation: Interpretation) -> PlannedResponse:
    """The content of a response that has its outputs at once."""
    # The loader accepts no other operation without `x-task`.
    return cast("PlannedResponse", interpretation.planned)


async def _event_frames(
    exchange: Exchange, interpretation: Interpretation
) -> AsyncIterator[bytes]:
    """The frames of a stream. An output counts as delivered after it was written."""
    events = planned_response(interpretation).events(
        exchange.operation.success.bodies[EVENT_STREAM].examples,
        _renderer(exchange),
        exchange.provider_context.clock,
    )
    guarantees = {each.name for each in exchange.operation.success.guarantees}
    is_named = NAMED_EVENTS in guarantees
    async for event in events:
        if event.is_final and exchange.fault_name == STREAM_ERROR:
            yield _error_frame(exchange)
            return
        yield encode_event(event.type if is_named else "", event.data)
        exchange.delivered += event.is_final


def _error_frame(exchange: Exchange) -> bytes:
    """An event with the documented body of a server error."""
    name = medium_of(exchange.operation).name
    details = {"message": f"The {name} could not be finished.", "param": None}
    example = error_example("server_error", exchange.operation).body
    body = fill_placeholders(example, details)
    members = body if isinstance(body, dict) else {"error": body}
    if not exchange.operation.layout.grammar.has_named_events:
        return encode_event("", [dumps(members).encode()])
    return encode_event("error", [dumps({"type": "error", **members}).encode()])


def _renderer(exchange: Exchange) -> ResponseRenderer:
    context = exchange.provider_context
    return ResponseRenderer(
        context,
        root_url(exchange.request, context.settings),
        exchange.namespace or "",
        HEAD_REFUSED if exchange.fault_name == HEAD_REFUSED else "",
    )


async def _json_response(
    exchange: Exchange, interpretation: Interpretation
) -> web.Response:
    """
    A response with all outputs.

    The JSON of the previous response is used again within the same second: whole if it
    is small and has no signed URLs, else as a template for the outputs.
    """
    context, planned = exchange.provider_context, planned_response(interpretation)
    created = int(context.clock())
    previous = interpretation.rendered
    if previous is not None and previous.created != created:
        previous = None
    if previous is not None and previous.body is not None:
        return json_bytes_response(previous.body)
    texts = await planned.texts(_renderer(exchange))
    if previous is not None:
        template = previous.template
    else:
        project = context.projection_for(exchange.operation)
        request = interpretation.request
        body = planned.body(created, lambda value: project(value, request))
        template = JsonTemplate(body)
    parts = template.fill(texts)
    size = sum(map(len, parts))
    content = b"".join(parts) if size <= MAX_JOINED_BYTES else ChunkedPayload(parts)
    is_cached = size <= MAX_CACHED_RESPONSE_BYTES and planned.is_cacheable
    cached = content if is_cached and isinstance(content, bytes) else None
    interpretation.rendered = RenderedJson(created, template, cached)
    return json_bytes_response(content)
