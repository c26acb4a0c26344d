"""The walk of a request: the order of the steps, and nothing else."""

import asyncio
import hashlib
import logging
import secrets
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from multidict import CIMultiDict

from mockserver import faults, generation
from mockserver.authentication import authenticate, redacted
from mockserver.bodies import MAX_BODY, Received, payload_from, read_bytes
from mockserver.cassettes import Cassettes
from mockserver.delivery import DELIVERIES
from mockserver.errors import Rejected, dumps, response_to
from mockserver.faults import Outgoing
from mockserver.journal import summarised
from mockserver.pictures import Plan
from mockserver.quotas import Level, duration
from mockserver.responses import images_body
from mockserver.service import Service
from mockserver.streaming import COMPLETED, events, streamed
from mockserver.triggers import Trigger, namespace_of, trigger_of
from specs import (
    EVENT_STREAM,
    Operation,
    State,
    Verdict,
    Violation,
    cost,
    effective,
)

log = logging.getLogger("mockserver")
access = logging.getLogger("mockserver.access")

ABORTED, ANSWERED = "aborted", "answered"
MAX_PATH = 500
REPLAY = "X-Mock-Replay"


@dataclass(slots=True)
class Exchange:
    """One request on its way: what is known of it so far, for the journal."""

    request: web.Request
    operation: Operation
    service: Service
    request_id: str
    started: float
    key: str = ""
    namespace: str = ""
    received: Received | None = None
    trigger: Trigger = field(default_factory=Trigger)
    verdict: Verdict | None = None
    rejected: Rejected | None = None
    level: Level | None = None
    plans: Sequence[Plan] = ()
    given: int = 0
    cost: Mapping[str, Any] = field(default_factory=dict)
    replayed: bool = False
    status: int | None = None
    outcome: str = ABORTED
    is_inside: bool = False
    is_written: bool = False

    @property
    def who(self) -> str:
        """Whose quotas count, as it may be written down."""
        digest = hashlib.sha256(self.key.encode("utf-8", "replace")).hexdigest()[:16]
        return f"{self.namespace}|{self.service.provider.id}|{digest}"

    def headers(self) -> dict[str, str]:
        """Those of every answer, as the dialect gives them."""
        given = self.service.provider.dialect.mock
        found = dict(given.get("headers", {}))
        details = {"request_id": self.request_id}
        if self.level is not None:
            found.update(given.get("quota_headers", {}))
            details |= {
                "limit": str(self.level.limit),
                "remaining": str(self.level.remaining),
                "reset": duration(self.level.reset),
            }
        return {name: value.format(**details) for name, value in found.items()}


async def answer(
    request: web.Request, operation: Operation, service: Service
) -> web.StreamResponse:
    """
    Answer as the document says that this operation answers.

    What is valid, what an error looks like and how a picture is handed over are the
    document's to say. A bug of ours becomes the provider's `server_error`.
    """
    name, started = f"req_{secrets.token_hex(12)}", time.monotonic()
    namespace = _claimed(request)
    exchange = Exchange(request, operation, service, name, started, namespace=namespace)
    try:
        try:
            response = await _answered(exchange)
        except Rejected as rejected:
            response = _refused(exchange, rejected)
        except (ConnectionResetError, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("incident %s at %s", name, request.path)
            response = _refused(exchange, Rejected("server_error", name))
        return await _delivered(exchange, response)
    finally:
        if exchange.is_inside:
            await service.memory.leave(exchange.who)
        _write_down(exchange)


async def _answered(exchange: Exchange) -> web.Response | Outgoing:
    service, request = exchange.service, exchange.request
    operation, dialect = exchange.operation, service.provider.dialect
    await service.memory.refresh()
    data = await read_bytes(request, dialect.mock.get("max_body_bytes", MAX_BODY))
    exchange.key = authenticate(request.headers.get("Authorization"), operation)
    exchange.namespace = namespace_of(request.headers, exchange.key)
    received = await _received(exchange, data)
    if service.cassettes is not None:
        return await _replayed(exchange, service.cassettes, received)
    verdict = exchange.verdict = received.body.judge.judge(received.payload)
    if verdict.state is State.INVALID:
        raise Rejected.for_violations(verdict.documented)
    if verdict.state is State.UNSPECIFIED and service.settings.strict:
        raise Rejected.for_violations(verdict.violations)

    asked = effective(dialect, operation, received.body, received.payload, assumed=True)
    plans = generation.plans(
        asked,
        received,
        dialect,
        seed=service.settings.seed,
        realistic=service.settings.realistic,
    )
    await _within(exchange, "images", service.quotas.images_per_minute, len(plans))
    streams = asked.get("stream") is True and operation.streams
    fault = exchange.trigger.fault
    previews = generation.previews(asked) if streams else 0
    if fault is not None and fault.name == faults.NO_PARTIALS:
        previews = 0
    used = generation.usage(asked, plans, dialect, previews)
    price = cost(dialect, operation.id, asked, count=len(plans), usage=used)
    response: web.Response | Outgoing
    if streams:
        body = operation.success.bodies[EVENT_STREAM]
        happening = events(body, asked, plans, service, used, previews)
        happening = _counted(happening, body.examples[COMPLETED]["type"], exchange)
        response = await streamed(happening, exchange.headers())
    else:
        deliver = DELIVERIES[dialect.gives(asked)["give"]]
        answered = images_body(
            operation.success.bodies["application/json"],
            asked,
            [await deliver(plan, service, request) for plan in plans],
            created=int(service.clock()),
            size=f"{plans[0].width}x{plans[0].height}",
            format=plans[0].format,
            usage=used,
        )
        if fault is not None and fault.name == faults.BOTH_DELIVERIES:
            answered = await _twice(exchange, answered, plans)
        response = web.json_response(answered, dumps=dumps)
        exchange.given = len(plans)
    exchange.plans = plans
    exchange.cost = {"amount": price.amount, "currency": price.currency}
    service.album.keep(exchange.request_id, plans, received.files)
    return response


async def _received(exchange: Exchange, data: bytes) -> Received:
    """
    The payload; an error asked for comes before anything else that may be wrong, then
    the quotas, then what is wrong with the body.
    """
    received, unreadable = None, None
    content_type = exchange.request.headers.get("Content-Type", "")
    try:
        received = payload_from(data, content_type, exchange.operation)
    except Rejected as rejected:
        unreadable = rejected
    exchange.received = received
    trigger = exchange.trigger = await trigger_of(
        exchange.request.headers,
        exchange.key,
        received.payload if received else None,
        exchange.operation,
        exchange.service.memory,
        exchange.service.provider.id,
        exchange.namespace,
    )
    fault = trigger.fault.name if trigger.fault else None
    is_error = trigger.error is not None or fault == faults.ERROR_AS_200
    if not is_error:
        await _admitted(exchange)  # before the delay: who waits is inside
    await _delayed(exchange)
    if is_error:
        name = trigger.error or "server_error"
        raise Rejected(name, f"Asked for by {trigger.by}.", headers=_pause(trigger))
    if received is None:
        raise unreadable or Rejected("invalid_request", "There is no body.")
    if fault == faults.ONE_IMAGE:
        received = exchange.received = faults.first_picture_only(received)
    return received


async def _counted(
    happening: AsyncIterator[dict[str, Any]], last: str, exchange: Exchange
) -> AsyncIterator[dict[str, Any]]:
    """Events as they happen; those of the type `last` bring a finished picture."""
    async for each in happening:
        yield each
        exchange.given += each["type"] == last


def _pause(trigger: Trigger) -> dict[str, str]:
    """The Retry-After that was asked for."""
    if trigger.retry_after is None:
        return {}
    return {"Retry-After": f"{trigger.retry_after:g}"}


async def _delayed(exchange: Exchange) -> None:
    latency = exchange.trigger.latency
    if latency is None:
        latency = exchange.service.settings.latency.draw(exchange.service.chance)
    if latency:
        await asyncio.sleep(latency)


async def _admitted(exchange: Exchange) -> None:
    """Raises `Rejected` when the key has asked too often, or too much at once."""
    service = exchange.service
    if service.quotas.concurrency is not None:
        exchange.is_inside = True
        number = await service.memory.enter(exchange.who)
        if number > service.quotas.concurrency:
            limit = f"{service.quotas.concurrency} requests at once"
            raise _too_much(limit, {"Retry-After": "1"})
    exchange.level = await _within(
        exchange, "requests", service.quotas.requests_per_minute, 1
    )


async def _within(
    exchange: Exchange, what: str, limit: int | None, amount: int
) -> Level | None:
    """How the quota stands afterwards, if there is one. Raises `Rejected`."""
    if limit is None:
        return None
    level = await exchange.service.memory.take(f"{exchange.who}|{what}", amount, limit)
    if not level.admitted:
        if what == "requests":
            exchange.level = level
        raise _too_much(
            f"{limit} {what} a minute", {"Retry-After": str(level.retry_after)}
        )
    return level


def _too_much(limit: str, headers: Mapping[str, str]) -> Rejected:
    return Rejected("rate_limited", f"The limit is {limit}.", headers=headers)


async def _replayed(
    exchange: Exchange, cassettes: Cassettes, received: Received
) -> web.Response | Outgoing:
    """The recorded answer. Raises `Rejected` when this request was not recorded."""
    operation, provider = exchange.operation.id, exchange.service.provider.id
    recorded = cassettes.find(operation, received.payload, provider=provider)
    if recorded is None:
        raise Rejected(
            "not_found",
            cassettes.nearest(operation, received.payload, provider=provider),
            status=404,
            headers={REPLAY: "miss"},
        )
    exchange.replayed = True
    origin = f"{exchange.request.scheme}://{exchange.request.host}"
    headers = CIMultiDict(recorded.headers)
    headers.popall("Content-Length", None)
    headers[REPLAY] = recorded.note
    pieces = await exchange.service.off_loop(recorded.pieces, origin)
    if recorded.is_stream:
        return Outgoing(recorded.status, headers, _paced(pieces))
    body = b"".join(piece for _, piece in pieces)
    return web.Response(status=recorded.status, body=body, headers=headers)


async def _paced(pieces: Sequence[tuple[float, bytes]]) -> AsyncIterator[bytes]:
    for seconds, piece in pieces:
        await asyncio.sleep(seconds)
        yield piece


async def _twice(
    exchange: Exchange, answered: dict[str, Any], plans: Sequence[Plan]
) -> dict[str, Any]:
    """The answer of a relay that gives each picture inside and at an address."""
    pictures = []
    for plan in plans:
        ways = [DELIVERIES[each] for each in ("b64_json", "url")]
        given = [await way(plan, exchange.service, exchange.request) for way in ways]
        pictures.append({**given[0], **given[1]})
    return faults.with_both(answered, pictures)


def _refused(exchange: Exchange, rejected: Rejected) -> web.Response:
    rejected.param = _own_name(rejected, exchange)
    exchange.rejected = rejected
    response = response_to(rejected, exchange.operation)
    fault = exchange.trigger.fault
    if fault is not None and fault.name == faults.ERROR_AS_200:
        response.set_status(200)
    return response


def _own_name(rejected: Rejected, exchange: Exchange) -> str | None:
    """The provider's own name for what we refuse under a canonical one."""
    if rejected.because or rejected.param is None or exchange.received is None:
        return rejected.param
    dialect = exchange.service.provider.dialect
    names = dialect.names(exchange.operation.id, rejected.param)
    given = (each for each in names if each in exchange.received.payload)
    return next(given, rejected.param)


async def _delivered(
    exchange: Exchange, response: web.Response | Outgoing
) -> web.StreamResponse:
    """Hand an answer to the connection, spoilt if that was asked for."""
    exchange.status = response.status
    trigger = exchange.trigger
    if isinstance(response, web.Response):
        response.headers.update(exchange.headers())
        if trigger.fault is None or trigger.fault.send is None:
            exchange.outcome = ANSWERED
            return response
        body = bytes(response.body) if isinstance(response.body, bytes) else b""
        headers = dict(response.headers)
        response = Outgoing(response.status, headers, faults.once(body), len(body))
    response.seconds = trigger.seconds
    if trigger.fault is not None:
        exchange.outcome = trigger.fault.name
        exchange.given = len(exchange.plans)
        if trigger.fault.status is not None:
            exchange.status = trigger.fault.status or None
        _write_down(exchange)  # before it strikes: a stall would keep it back
    sent = await faults.send(exchange.request, response, trigger.fault)
    exchange.outcome = ANSWERED
    return sent


def _write_down(exchange: Exchange) -> None:
    """Once, whatever became of it."""
    if exchange.is_written:
        return
    exchange.is_written = True
    _record(exchange.service, _entry(exchange))


def noted(
    request: web.Request,
    service: Service,
    response: web.Response,
    rejected: Rejected | None,
    seconds: float,
) -> None:
    """Write down a request for what is no operation of the document."""
    entry = {
        **_came(request, service),
        "namespace": _claimed(request),
        "decision": {
            "error": rejected.name if rejected else None,
            "because": rejected.message if rejected else None,
        },
        "status": response.status,
        "outcome": ANSWERED,
        "images": 0,
        "cost": {},
        "seconds": round(seconds, 6),
    }
    _record(service, entry)


def _claimed(request: web.Request) -> str:
    """The namespace of a request that may yet be refused; a bad name is none."""
    key = request.headers.get("Authorization", "").partition(" ")[2].strip()
    try:
        return namespace_of(request.headers, key)
    except Rejected:
        return ""


def _record(service: Service, entry: dict[str, Any]) -> None:
    service.memory.record(entry)
    if access.isEnabledFor(logging.INFO):
        facts = (entry["method"], entry["path"], entry["status"])
        access.info("%s %s %s", *facts, extra={"entry": entry})


def _came(request: web.Request, service: Service) -> dict[str, Any]:
    return {
        "at": service.clock(),
        "provider": service.provider.id,
        "operation": None,
        "method": request.method,
        "path": request.path[:MAX_PATH],
        "client": request.headers.get("User-Agent", "")[:200],
        "retry": request.headers.get("X-Stainless-Retry-Count", "")[:8] or None,
    }


def _entry(exchange: Exchange) -> dict[str, Any]:
    received, verdict = exchange.received, exchange.verdict
    trigger, rejected = exchange.trigger, exchange.rejected
    return {
        **_came(exchange.request, exchange.service),
        "request_id": exchange.request_id,
        "namespace": exchange.namespace,
        "operation": exchange.operation.id,
        "key": redacted(exchange.key, exchange.operation),
        "media_type": received.body.media_type if received else None,
        "request": _hash_of(exchange),
        "payload": summarised(received.payload) if received else None,
        "decision": {
            "state": verdict.state if verdict else None,
            "trigger": trigger.by or None,
            "error": rejected.name if rejected else None,
            "fault": trigger.fault.name if trigger.fault else None,
            "latency_ms": round(trigger.latency * 1000) if trigger.latency else None,
            "replayed": exchange.replayed,
            "because": rejected.message[:300] if rejected else None,
            "violations": [
                _explained(each) for each in (verdict.violations if verdict else ())
            ],
        },
        "status": exchange.status,
        "outcome": exchange.outcome,
        "images": exchange.given,
        "cost": dict(exchange.cost),
        "seconds": round(time.monotonic() - exchange.started, 6),
    }


def _hash_of(exchange: Exchange) -> str | None:
    """The name of the canonical request; its pictures bear it already."""
    if exchange.plans:
        return exchange.plans[0].request
    received = exchange.received
    return generation.request_hash(received) if received else None


def _explained(violation: Violation) -> dict[str, Any]:
    """Which rule was broken, what would have kept it, and where that stands."""
    return {
        "param": violation.param,
        "claim": violation.claim,
        "says": str(violation)[:300],
        "accepts": {violation.keyword: summarised(violation.expected)},
        "source": violation.evidence.source,
        "basis": violation.evidence.basis,
    }
