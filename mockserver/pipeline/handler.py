"""
Handle a request for an operation of a document.

The steps, in order, and their modules:

1. read the body (`body_reading`)
2. authenticate the client (`authentication`)
3. find the namespace (`simulation.namespaces`)
4. parse the body (`body_parsing`)
5. find the errors, faults and delays that the request triggers (`simulation.triggers`)
6. enforce the quotas of requests (`quotas`)
7. simulate latency, and a triggered error or response (`behavior`)
8. replay a recorded response, if the server has recordings (`replay`)
9. validate and interpret the body (`interpreter`)
10. enforce the quotas of outputs (`quotas`)
11. build the response, as JSON or as a stream (`response`); an operation on
    long-running tasks goes from step 8 to `tasks`, one on models to `models`
12. send it, or an error response, or damage it by a fault (`sending`)
13. record it in the journal (`journal_entry`)
"""

import asyncio
import logging
import time
from collections.abc import Mapping

from aiohttp import web

from mockserver.errors import INCIDENT_HEADER, Rejected, unavailable
from mockserver.json_text import printable
from mockserver.pipeline.behavior import (
    apply_body_fault,
    determine_behavior,
    is_error_triggered,
    simulate_latency,
    triggered_response,
)
from mockserver.pipeline.exchange import Exchange
from mockserver.pipeline.journal_entry import finish
from mockserver.pipeline.models import respond_with_models
from mockserver.pipeline.provider_context import ProviderContext
from mockserver.pipeline.quotas import enforce_output_quotas, enforce_quotas
from mockserver.pipeline.request.authentication import authenticate
from mockserver.pipeline.request.body_reading import read_bytes
from mockserver.pipeline.request.interpretation import (
    MAX_CACHED_REQUEST,
    NO_PARAMETERS,
)
from mockserver.pipeline.request.interpreter import checked_query, interpret, try_parse
from mockserver.pipeline.response.building import success_response
from mockserver.pipeline.response.replay import replay
from mockserver.pipeline.response.sending import error_response, send
from mockserver.pipeline.tasks.dispatch import respond_to_task
from mockserver.simulation.namespaces import namespace_of
from mockserver.simulation.transfer import PendingResponse
from mockserver.state.memory import StateError
from specs import Operation

log = logging.getLogger("mockserver")


async def handle_request(
    request: web.Request,
    operation: Operation,
    provider_context: ProviderContext,
    path_parameters: Mapping[str, str] = NO_PARAMETERS,
) -> web.StreamResponse:
    """
    Respond to a request as the document describes its operation.

    An unexpected exception is logged, and becomes the provider's `server_error`. So
    does a task in a Redis that does not respond, if no error with 503 is documented.
    """
    started_at = time.monotonic()
    request_id = provider_context.new_request_id()
    exchange = Exchange(
        request,
        operation,
        provider_context,
        request_id,
        started_at,
        path_parameters=path_parameters,
    )
    try:
        try:
            response = await _respond(exchange)
        except Rejected as rejected:
            response = error_response(exchange, rejected)
        except (ConnectionResetError, asyncio.CancelledError):
            raise
        except StateError as error:
            log.warning("no tasks for %s: %s", printable(request.path), error)
            response = error_response(exchange, unavailable(operation, str(error)))
        except Exception:
            log.exception("incident %s at %s", request_id, printable(request.path))
            headers = {INCIDENT_HEADER: request_id}
            failed = Rejected("server_error", request_id, headers=headers)
            response = error_response(exchange, failed)
        return await send(exchange, response)
    finally:
        if exchange.holds_slot:
            await provider_context.store.release_slot(exchange.quota_key)
        finish(exchange)


async def _respond(exchange: Exchange) -> web.Response | PendingResponse:
    """Run the steps up to the response. Raises `Rejected` for an error response."""
    context, request = exchange.provider_context, exchange.request
    operation = exchange.operation
    await context.store.sync_clock()
    data = await read_bytes(
        request,
        context.max_body_bytes(operation),
        timeout=context.settings.limits.body_timeout,
    )
    exchange.body_size = len(data)
    exchange.key = authenticate(request, operation)
    exchange.namespace = namespace_of(request.headers, exchange.key)
    cache_key = None
    if len(data) <= MAX_CACHED_REQUEST:
        place = request.path if exchange.path_parameters else operation.id
        cache_key = place, request.headers.get("Content-Type", ""), data
        exchange.interpretation = context.interpretations.get(cache_key)
    is_parsed = bool(operation.bodies)
    parsed_body = await try_parse(exchange, data) if is_parsed else None
    del data  # it may be large, and uploads are in the parsed body now
    await determine_behavior(exchange)
    if context.quotas.limits_requests and not is_error_triggered(exchange):
        await enforce_quotas(exchange)  # before the delay: a delayed request is open
    await simulate_latency(exchange)
    own_response = triggered_response(exchange)
    if own_response is not None:
        return own_response
    if isinstance(parsed_body, Rejected):
        raise parsed_body
    if operation.models is not None:
        return await respond_with_models(exchange, operation.models)
    if operation.task is not None:
        return await respond_to_task(exchange, parsed_body, cache_key)
    if parsed_body is None:
        raise TypeError(f"{operation.id} has no request body")
    await checked_query(exchange)
    parsed_body = apply_body_fault(exchange, parsed_body)
    if context.cassettes is not None:
        return await replay(exchange, context.cassettes, parsed_body)
    interpretation = await interpret(exchange, parsed_body, cache_key)
    planned = interpretation.planned
    await enforce_output_quotas(exchange, planned.meter)
    exchange.ignored = interpretation.ignored
    response = await success_response(exchange, interpretation)
    exchange.outputs, exchange.cost = planned.outputs, interpretation.cost
    exchange.billed = len(planned.outputs)
    context.recent_outputs.add(exchange.request_id, planned.outputs, parsed_body.files)
    return response
