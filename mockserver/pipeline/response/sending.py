"""Send the response of an exchange, damaged if the request triggers a fault."""

from dataclasses import replace

from aiohttp import web

from mockserver.errors import (
    UNREADABLE_IMAGE,
    Rejected,
    documented_error_content,
    error_example,
    upload_label,
)
from mockserver.pipeline.behavior import wait_for_timeout
from mockserver.pipeline.exchange import ANSWERED, Exchange
from mockserver.pipeline.journal_entry import record
from mockserver.pipeline.request.form_messages import upload_error
from mockserver.pipeline.request.interpretation import Refusal, RenderedError
from mockserver.simulation import faults
from mockserver.simulation.transfer import PendingResponse

LABEL = "{label}"  # in the body of an error: the media type of an upload
UNKNOWN_MEDIA_TYPE = "application/octet-stream"


def error_response(exchange: Exchange, rejected: Rejected) -> web.Response:
    """The documented error response; sets `exchange.error` and `exchange.reason`."""
    refusal = exchange.interpretation
    if isinstance(refusal, Refusal) and refusal.rejected is rejected:
        rejected.__traceback__ = None  # it is raised again for the same request
        rendered = refusal.rendered or _render(exchange, rejected)
        has_id = exchange.request_id.encode() in rendered.content.body
        refusal.rendered = None if has_id else rendered
    else:
        rendered = _render(exchange, rejected)
    exchange.error, exchange.reason = rendered.name, rendered.reason
    response = rendered.content.response()
    if exchange.fault_name == faults.ERROR_AS_200:
        response.set_status(200)
    return response


def _render(exchange: Exchange, rejected: Rejected) -> RenderedError:
    # A copy: requests for the same image share the rejection of its inputs.
    rejected = replace(rejected, param=_wire_param(rejected, exchange))
    if rejected.name == UNREADABLE_IMAGE:
        rejected.name = upload_error(exchange.operation)
        rejected.message = f"{rejected.param}: {rejected.message}"
    example = error_example(rejected.name, exchange.operation)
    if exchange.behavior.error is not None and LABEL in str(example.body):
        _blame_first_upload(rejected, exchange)
    content = documented_error_content(
        rejected, exchange.operation, exchange.request_id
    )
    return RenderedError(rejected.name, rejected.message[:300], content)


def _blame_first_upload(rejected: Rejected, exchange: Exchange) -> None:
    """Let an error that was triggered name the first upload, and a label that fits."""
    rejected.label = UNKNOWN_MEDIA_TYPE
    payload = exchange.parsed_body.payload if exchange.parsed_body else {}
    for name, value in payload.items():
        is_list = isinstance(value, list) and bool(value)
        label = upload_label(value[0] if is_list else value)
        if label is not None:
            rejected.param = f"{name}[0]" if is_list else name
            if label and not label.startswith("image/"):
                rejected.label = label
            return


def _wire_param(rejected: Rejected, exchange: Exchange) -> str | None:
    """The provider's name of a parameter that was rejected by its canonical name."""
    if rejected.violations or rejected.param is None or exchange.parsed_body is None:
        return rejected.param
    dialect = exchange.provider_context.provider.dialect
    canonical, bracket, position = rejected.param.partition("[")
    names = dialect.wire_names(exchange.operation.id, canonical)
    present = (each for each in names if each in exchange.parsed_body.payload)
    return f"{next(present, canonical)}{bracket}{position}"


async def send(
    exchange: Exchange, response: web.Response | PendingResponse
) -> web.StreamResponse:
    """Send a response, or return it for aiohttp to send if it is complete and whole."""
    exchange.status = response.status
    behavior = exchange.behavior
    if isinstance(response, web.Response):
        response.headers.update(exchange.headers())
        if behavior.changes.headers is not None:
            response.headers.update(behavior.changes.headers)
        method = exchange.request.method
        if behavior.fault is None or not behavior.fault.damages_transfer(method):
            exchange.outcome = ANSWERED
            return response
        response = PendingResponse.of(response)
    response.fault_seconds, response.fault_status = behavior.seconds, behavior.status
    if behavior.fault is not None:
        exchange.outcome = behavior.fault.name
        exchange.delivered = exchange.billed
        exchange.is_lost = behavior.fault.loses(is_stream=response.is_stream)
        if behavior.fault.status is not None:
            exchange.status = behavior.status or behavior.fault.status or None
        record(exchange)  # now: a stalled response would delay the journal entry
        if behavior.fault.name == faults.CDN_TIMEOUT:
            store = exchange.provider_context.store
            await wait_for_timeout(store, behavior.seconds)
    sent = await faults.send(exchange.request, response, behavior.fault)
    exchange.outcome = ANSWERED
    return sent
