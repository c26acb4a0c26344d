"""The walk of a request: the order of the steps, and nothing else."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from aiohttp import web

from mockserver.errors import (
    INCIDENT_HEADER,
    Rejected,
    documented_error_response,
    printable,
)
from mockserver.media.image.delivery import DELIVERIES
from mockserver.media.image.faults import first_image_only, with_both_deliveries
from mockserver.media.payloads import (
    MAX_JOINED_BYTES,
    ChunkedPayload,
    JsonTemplate,
    response_body,
)
from mockserver.media.payloads import json_bytes_response as response_of
from mockserver.pipeline.authentication import authenticate
from mockserver.pipeline.body_parsing import FORM, ParsedBody, parse_body
from mockserver.pipeline.body_reading import read_bytes
from mockserver.pipeline.interpretation import (
    MAX_CACHED_RESPONSE_BYTES,
    Interpretation,
    RenderedJson,
    build_interpretation,
)
from mockserver.pipeline.projection import images_response_body
from mockserver.pipeline.provider_context import ProviderContext, ResponseRenderer
from mockserver.pipeline.sse import (
    COMPLETED_EVENT,
    OutgoingEvent,
    image_events,
    stream_response,
)
from mockserver.pipeline.validation import validate
from mockserver.simulation import faults
from mockserver.simulation.faults import PendingResponse
from mockserver.simulation.triggers import (
    Behavior,
    namespace_of,
    requested_behavior,
)
from specs import (
    EVENT_STREAM,
    Operation,
    State,
)

if TYPE_CHECKING:
    pass
from mockserver.pipeline.exchange import ANSWERED, Exchange
from mockserver.pipeline.journal_entry import record
from mockserver.pipeline.quotas import enforce_quotas, take_quota
from mockserver.pipeline.replay import _replay

log = logging.getLogger("mockserver")
ALL_DELIVERIES = ("b64_json", "url")


async def handle_request(
    request: web.Request, operation: Operation, provider_context: ProviderContext
) -> web.StreamResponse:
    """
    Answer as the document says that this operation answers.

    What is valid, what an error looks like and how a picture is handed over are the
    document's to say. A bug of ours becomes the provider's `server_error`.
    """
    started = time.monotonic()
    name = f"req_{provider_context.request_ids.getrandbits(96):024x}"
    exchange = Exchange(request, operation, provider_context, name, started)
    try:
        try:
            response = await _build_response(exchange)
        except Rejected as rejected:
            response = _error_response(exchange, rejected)
        except (ConnectionResetError, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("incident %s at %s", name, printable(request.path))
            failed = Rejected("server_error", name, headers={INCIDENT_HEADER: name})
            response = _error_response(exchange, failed)
        return await send(exchange, response)
    finally:
        if exchange.holds_slot:
            await provider_context.store.release_slot(exchange.quota_key)
        record(exchange)
        # What is left waits in the journal, to be read or not.
        exchange.interpretation = None
        del exchange.request


async def _build_response(exchange: Exchange) -> web.Response | PendingResponse:
    service, request = exchange.provider_context, exchange.request
    operation = exchange.operation
    await service.store.sync_clock()
    patience = service.settings.limits.body_timeout
    data = await read_bytes(
        request, service.max_body_bytes(operation), timeout=patience
    )
    exchange.body_size = len(data)
    exchange.key = authenticate(request.headers.get("Authorization"), operation)
    exchange.namespace = namespace_of(request.headers, exchange.key)
    key = operation.id, request.headers.get("Content-Type", ""), data
    exchange.interpretation = service.interpretations.get(key)
    received = await parse_request(exchange, data)
    if service.cassettes is not None:
        return await _replay(exchange, service.cassettes, received)
    meaning = exchange.interpretation
    if meaning is None:
        meaning = await interpret(exchange, received)
        if exchange.behavior.fault is None:
            service.interpretations.add(key, meaning)
    exchange.verdict, plans = meaning.verdict, meaning.plans
    if service.quotas.images_per_minute is not None:
        await take_quota(
            exchange, "images", service.quotas.images_per_minute, len(plans)
        )
    response: web.Response | PendingResponse
    if meaning.is_streaming:
        body = operation.success.bodies[EVENT_STREAM]
        happening = image_events(
            body, meaning.request, plans, service, meaning.usage, meaning.preview_count
        )
        happening = _count_delivered(
            happening, body.examples[COMPLETED_EVENT]["type"], exchange
        )
        response = await stream_response(happening, exchange.headers())
    else:
        response = await json_response(exchange, meaning)
        exchange.delivered = len(plans)
    exchange.plans, exchange.cost = plans, meaning.cost
    service.recent_outputs.add(exchange.request_id, plans, received.files)
    return response


async def interpret(exchange: Exchange, received: ParsedBody) -> Interpretation:
    """Raises `Rejected` for what the document does not let pass, or cannot be drawn."""
    service, fault = exchange.provider_context, exchange.behavior.fault
    verdict = exchange.verdict = await validate(service, received)
    if verdict.state is State.INVALID:
        raise Rejected.for_violations(verdict.documented_violations)
    if verdict.state is State.UNSPECIFIED and service.settings.strict:
        raise Rejected.for_violations(verdict.violations)
    return build_interpretation(
        received,
        verdict,
        service.provider,
        exchange.operation,
        seed=service.settings.seed,
        realistic=service.settings.realistic,
        include_previews=fault is None or fault.name != faults.NO_PARTIALS,
    )


async def json_response(
    exchange: Exchange, interpretation: Interpretation
) -> web.Response:
    """All pictures in one answer."""
    service, request, plans = (
        exchange.provider_context,
        exchange.request,
        interpretation.plans,
    )
    fault, created = exchange.behavior.fault, int(service.clock())
    is_twice = fault is not None and fault.name == faults.BOTH_DELIVERIES
    before = interpretation.rendered
    if before is not None and (before.created != created or is_twice):
        before = None
    if before is not None and before.body is not None:
        return response_of(before.body)
    ways = [
        DELIVERIES[each]
        for each in (ALL_DELIVERIES if is_twice else [interpretation.delivery])
    ]
    renderer = ResponseRenderer(service, f"{request.scheme}://{request.host}")
    texts = [await way.text(plan, renderer) for plan in plans for way in ways]
    if before is not None:
        form = before.template
    else:
        numbers = count()
        pictures = [[way.entry(plan, next(numbers)) for way in ways] for plan in plans]
        answered = images_response_body(
            service.projection_for(exchange.operation),
            interpretation.request,
            [each[0] for each in pictures],
            created=created,
            size=f"{plans[0].width}x{plans[0].height}",
            format=plans[0].format,
            usage=interpretation.usage,
        )
        if is_twice:
            answered = with_both_deliveries(answered, [{**a, **b} for a, b in pictures])
        form = JsonTemplate(answered)
    parts = form.fill(texts)
    size = sum(map(len, parts))
    body = b"".join(parts) if size <= MAX_JOINED_BYTES else ChunkedPayload(parts)
    is_kept = size <= MAX_CACHED_RESPONSE_BYTES and all(
        way.is_cacheable for way in ways
    )
    kept = body if is_kept and isinstance(body, bytes) else None
    interpretation.rendered = RenderedJson(created, form, kept)
    return response_of(body)


async def parse_request(exchange: Exchange, data: bytes) -> ParsedBody:
    """
    The payload; an error asked for comes before anything else that may be wrong, then
    the quotas, then what is wrong with the body.
    """
    received, unreadable = None, None
    try:
        received = await _parse_or_reuse_body(exchange, data)
    except Rejected as rejected:
        unreadable = rejected
    exchange.parsed_body = received
    trigger = exchange.behavior = await requested_behavior(
        exchange.request.headers,
        exchange.key,
        received.payload if received else None,
        exchange.operation,
        exchange.provider_context.store,
        exchange.provider_context.provider.id,
        exchange.namespace or "",
    )
    fault = trigger.fault.name if trigger.fault else None
    is_error = trigger.error is not None or fault == faults.ERROR_AS_200
    if exchange.provider_context.quotas.limits_requests and not is_error:
        await enforce_quotas(exchange)  # before the delay: who waits is inside
    if trigger.latency is not None or exchange.provider_context.settings.latency:
        await _delay(exchange)
    if is_error:
        name = trigger.error or "server_error"
        raise Rejected(
            name,
            f"Asked for by {trigger.source}.",
            headers=_retry_after_header(trigger),
        )
    if received is None:
        raise unreadable or Rejected("invalid_request", "There is no body.")
    if fault == faults.ONE_IMAGE:
        payload = first_image_only(received.payload)
        received = exchange.parsed_body = replace(received, payload=payload)
    if fault is not None:
        exchange.interpretation = None  # it may be another
    return received


async def _parse_or_reuse_body(exchange: Exchange, data: bytes) -> ParsedBody:
    """Raises `Rejected` for a body that cannot be read."""
    if exchange.interpretation is not None:  # the same was read before
        return exchange.interpretation.parsed_body
    content_type = exchange.request.headers.get("Content-Type", "")
    read = partial(parse_body, data, content_type, exchange.operation)
    if FORM in content_type.lower():  # files are hashed and looked at
        return await exchange.provider_context.run_in_executor(read)
    return read()


async def _count_delivered(
    events: AsyncIterator[OutgoingEvent], final_type: str, exchange: Exchange
) -> AsyncIterator[OutgoingEvent]:
    """Events as they happen; those of the type `last` bring a finished picture."""
    async for each in events:
        yield each
        exchange.delivered += each.type == final_type


def _retry_after_header(behavior: Behavior) -> dict[str, str]:
    """The Retry-After that was asked for."""
    if behavior.retry_after is None:
        return {}
    return {"Retry-After": f"{behavior.retry_after:g}"}


async def _delay(exchange: Exchange) -> None:
    latency = exchange.behavior.latency
    if latency is None:
        latency = exchange.provider_context.settings.latency.sample(
            exchange.provider_context.rng
        )
    if latency:
        await asyncio.sleep(latency)


def _error_response(exchange: Exchange, rejected: Rejected) -> web.Response:
    rejected.param = _wire_param(rejected, exchange)
    exchange.error, exchange.reason = rejected.name, rejected.message[:300]
    response = documented_error_response(rejected, exchange.operation)
    fault = exchange.behavior.fault
    if fault is not None and fault.name == faults.ERROR_AS_200:
        response.set_status(200)
    return response


def _wire_param(rejected: Rejected, exchange: Exchange) -> str | None:
    """The provider's own name for what we refuse under a canonical one."""
    if rejected.violations or rejected.param is None or exchange.parsed_body is None:
        return rejected.param
    dialect = exchange.provider_context.provider.dialect
    names = dialect.wire_names(exchange.operation.id, rejected.param)
    given = (each for each in names if each in exchange.parsed_body.payload)
    return next(given, rejected.param)


async def send(
    exchange: Exchange, response: web.Response | PendingResponse
) -> web.StreamResponse:
    """Hand an answer to the connection, spoilt if that was asked for."""
    exchange.status = response.status
    trigger = exchange.behavior
    if isinstance(response, web.Response):
        response.headers.update(exchange.headers())
        if trigger.fault is None or trigger.fault.send is None:
            exchange.outcome = ANSWERED
            return response
        body = response_body(response)
        headers = dict(response.headers)
        response = PendingResponse(
            response.status, headers, faults.single_part(body), len(body)
        )
    response.fault_seconds = trigger.seconds
    if trigger.fault is not None:
        exchange.outcome = trigger.fault.name
        exchange.delivered = len(exchange.plans)
        if trigger.fault.status is not None:
            exchange.status = trigger.fault.status or None
        record(exchange)  # before it strikes: a stall would keep it back
    sent = await faults.send(exchange.request, response, trigger.fault)
    exchange.outcome = ANSWERED
    return sent
