"""The walk of a request: the order of the steps, and nothing else."""

import asyncio
import logging
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from mockserver import generation, streaming
from mockserver.authentication import authenticate, redacted
from mockserver.bodies import MAX_BODY, Received, payload_from, read_bytes
from mockserver.delivery import DELIVERIES
from mockserver.errors import Rejected, dumps, response_to
from mockserver.journal import summarised
from mockserver.responses import images_body
from mockserver.service import Service
from mockserver.triggers import Trigger, inflict, trigger_of
from specs import EVENT_STREAM, Operation, State, Verdict, cost, effective

log = logging.getLogger("mockserver")


@dataclass(slots=True)
class Exchange:
    """One request on its way: what is known of it so far, for the journal."""

    operation: Operation
    request_id: str
    key: str = ""
    received: Received | None = None
    trigger: Trigger | None = None
    verdict: Verdict | None = None
    rejected: Rejected | None = None
    images: int = 0
    cost: Mapping[str, Any] = field(default_factory=dict)


async def answer(
    request: web.Request, operation: Operation, service: Service
) -> web.StreamResponse:
    """
    Answer as the document says that this operation answers.

    What is valid, what an error looks like and how a picture is handed over are the
    document's to say. A bug of ours becomes the provider's `server_error`.
    """
    started = time.monotonic()
    exchange = Exchange(operation, f"req_{secrets.token_hex(12)}")
    headers = {
        name: value.format(request_id=exchange.request_id)
        for name, value in service.provider.dialect.mock.get("headers", {}).items()
    }
    response: web.StreamResponse | None = None
    try:
        response = await _answered(request, exchange, service, headers)
    except Rejected as rejected:
        rejected.param = _own_name(rejected, exchange, service)
        exchange.rejected = rejected
        response = response_to(rejected, operation)
    except (ConnectionResetError, asyncio.CancelledError):
        raise
    except Exception:
        log.exception("incident %s at %s", exchange.request_id, request.path)
        exchange.rejected = Rejected("server_error", exchange.request_id)
        response = response_to(exchange.rejected, operation)
    finally:
        seconds = time.monotonic() - started
        service.journal.record(
            service.provider.id, _entry(request, exchange, response, service, seconds)
        )
    if not response.prepared:
        response.headers.update(headers)
    return response


async def _answered(
    request: web.Request,
    exchange: Exchange,
    service: Service,
    headers: Mapping[str, str],
) -> web.StreamResponse:
    operation, dialect = exchange.operation, service.provider.dialect
    limit = dialect.mock.get("max_body_bytes", MAX_BODY)
    data = await read_bytes(request, limit)
    if service.settings.latency:
        await asyncio.sleep(service.settings.latency)
    exchange.key = authenticate(request.headers.get("Authorization"), operation)
    received = _received(request, exchange, data)
    verdict = exchange.verdict = received.body.judge.judge(received.payload)
    if verdict.state is State.INVALID:
        raise Rejected.for_violations(verdict.documented)
    if verdict.state is State.UNSPECIFIED and service.settings.strict:
        raise Rejected.for_violations(verdict.violations)

    asked = effective(dialect, operation, received.body, received.payload, assumed=True)
    plans = generation.plans(asked, received, dialect, seed=service.settings.seed)
    streams = asked.get("stream") is True and operation.streams
    previews = generation.previews(asked) if streams else 0
    used = generation.usage(asked, plans, dialect, previews)
    price = cost(dialect, operation.id, asked, count=len(plans), usage=used)
    if streams:
        body = operation.success.bodies[EVENT_STREAM]
        happening = streaming.events(body, asked, plans, service, used, previews)
        response = await streaming.stream(request, happening, headers)
    else:
        deliver = DELIVERIES[dialect.gives(asked)["give"]]
        items = [await deliver(plan, service, request) for plan in plans]
        response = web.json_response(
            images_body(
                operation.success.bodies["application/json"],
                asked,
                items,
                created=int(service.clock()),
                size=f"{plans[0].width}x{plans[0].height}",
                format=plans[0].format,
                usage=used,
            ),
            dumps=dumps,
        )
    exchange.images = len(plans)
    exchange.cost = {"amount": price.amount, "currency": price.currency}
    return response


def _own_name(rejected: Rejected, exchange: Exchange, service: Service) -> str | None:
    """The provider's own name for what we refuse under a canonical one."""
    if rejected.because or rejected.param is None or exchange.received is None:
        return rejected.param
    names = service.provider.dialect.names(exchange.operation.id, rejected.param)
    given = (each for each in names if each in exchange.received.payload)
    return next(given, rejected.param)


def _received(request: web.Request, exchange: Exchange, data: bytes) -> Received:
    """The payload; an error asked for comes before anything wrong with the body."""
    payload = None
    try:
        content_type = request.headers.get("Content-Type", "")
        exchange.received = payload_from(data, content_type, exchange.operation)
        payload = exchange.received.payload
        return exchange.received
    finally:
        exchange.trigger = trigger_of(request.headers, exchange.key, payload)
        inflict(exchange.trigger, exchange.operation)


def _entry(
    request: web.Request,
    exchange: Exchange,
    response: web.StreamResponse | None,
    service: Service,
    seconds: float,
) -> dict[str, Any]:
    received, verdict = exchange.received, exchange.verdict
    return {
        "at": service.clock(),
        "request_id": exchange.request_id,
        "operation": exchange.operation.id,
        "method": request.method,
        "path": request.path,
        "key": redacted(exchange.key, exchange.operation),
        "client": request.headers.get("User-Agent", "")[:200],
        "media_type": received.body.media_type if received else None,
        "payload": summarised(received.payload) if received else None,
        "decision": {
            "state": verdict.state if verdict else None,
            "trigger": exchange.trigger.by if exchange.trigger else None,
            "error": exchange.rejected.name if exchange.rejected else None,
            "because": exchange.rejected.message[:300] if exchange.rejected else None,
            "violations": [
                {
                    "param": each.param,
                    "claim": each.claim,
                    "source": each.evidence.source,
                    "basis": each.evidence.basis,
                }
                for each in (verdict.violations if verdict else ())
            ],
        },
        "status": response.status if response else None,
        "images": exchange.images,
        "cost": dict(exchange.cost),
        "seconds": round(seconds, 6),
    }
