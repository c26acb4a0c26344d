"""The walk of a request: the order of the steps, and nothing else."""

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from aiohttp import web
from multidict import CIMultiDict

from mockserver.errors import INCIDENT, Rejected, printable, response_to
from mockserver.media.image import planning as generation
from mockserver.media.image.delivery import DELIVERIES
from mockserver.media.image.drawing.encode import Plan
from mockserver.media.image.faults import first_image_only, with_both
from mockserver.media.payloads import MAX_JOINED, Form, Parts, body_of
from mockserver.media.payloads import response as response_of
from mockserver.pipeline.authentication import authenticate, redacted
from mockserver.pipeline.body_parsing import FORM, Received, payload_from
from mockserver.pipeline.body_reading import read_bytes
from mockserver.pipeline.context import ResponseRenderer, Service
from mockserver.pipeline.interpretation import MAX_KEPT, Meaning, Written, meaning_of
from mockserver.pipeline.projection import images_body
from mockserver.pipeline.sse import COMPLETED, Event, events, streamed
from mockserver.pipeline.validation import explained, is_long, judged
from mockserver.simulation import faults
from mockserver.simulation.faults import Outgoing
from mockserver.simulation.triggers import NOTHING, Trigger, namespace_of, trigger_of
from mockserver.state.journal import Deferred, summarised
from mockserver.state.rate_limit import Level, duration
from specs import (
    EVENT_STREAM,
    Operation,
    State,
    Verdict,
    Violation,
)

if TYPE_CHECKING:
    from mockserver.recordings.cassettes import Cassettes

log = logging.getLogger("mockserver")
access = logging.getLogger("mockserver.access")

ABORTED, ANSWERED = "aborted", "answered"
BOTH = ("b64_json", "url")
MAX_PATH = 500
LONG_KEY = 16  # what is shorter is a placeholder, and stands in every other word
LIGHT = 8 * 1024  # bytes of a request that the journal may put off looking at
BESIDE = 2 * 1024  # about what is held of a request besides its body
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
    namespace: str | None = None
    size: int = 0
    received: Received | None = None
    meaning: Meaning | None = None
    trigger: Trigger = NOTHING
    verdict: Verdict | None = None
    error: str | None = None
    because: str | None = None
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
            found |= given.get("quota_headers", {})
            details |= {
                "limit": str(self.level.limit),
                "remaining": str(self.level.remaining),
                "reset": duration(self.level.reset),
            }
        for name, value in found.items():
            if "{" in value:
                found[name] = value.format(**details)
        return found


async def answer(
    request: web.Request, operation: Operation, service: Service
) -> web.StreamResponse:
    """
    Answer as the document says that this operation answers.

    What is valid, what an error looks like and how a picture is handed over are the
    document's to say. A bug of ours becomes the provider's `server_error`.
    """
    started = time.monotonic()
    name = f"req_{service.names.getrandbits(96):024x}"
    exchange = Exchange(request, operation, service, name, started)
    try:
        try:
            response = await _answered(exchange)
        except Rejected as rejected:
            response = _refused(exchange, rejected)
        except (ConnectionResetError, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("incident %s at %s", name, printable(request.path))
            failed = Rejected("server_error", name, headers={INCIDENT: name})
            response = _refused(exchange, failed)
        return await _delivered(exchange, response)
    finally:
        if exchange.is_inside:
            await service.memory.leave(exchange.who)
        _write_down(exchange)
        # What is left waits in the journal, to be read or not.
        exchange.meaning = None
        del exchange.request


async def _answered(exchange: Exchange) -> web.Response | Outgoing:
    service, request = exchange.service, exchange.request
    operation = exchange.operation
    await service.memory.refresh()
    patience = service.settings.limits.body_timeout
    data = await read_bytes(request, service.most_bytes(operation), patience=patience)
    exchange.size = len(data)
    exchange.key = authenticate(request.headers.get("Authorization"), operation)
    exchange.namespace = namespace_of(request.headers, exchange.key)
    key = operation.id, request.headers.get("Content-Type", ""), data
    exchange.meaning = service.known.get(key)
    received = await _received(exchange, data)
    if service.cassettes is not None:
        return await _replayed(exchange, service.cassettes, received)
    meaning = exchange.meaning
    if meaning is None:
        meaning = await _understood(exchange, received)
        if exchange.trigger.fault is None:
            service.known.keep(key, meaning)
    exchange.verdict, plans = meaning.verdict, meaning.plans
    if service.quotas.images_per_minute is not None:
        await _within(exchange, "images", service.quotas.images_per_minute, len(plans))
    response: web.Response | Outgoing
    if meaning.streams:
        body = operation.success.bodies[EVENT_STREAM]
        happening = events(
            body, meaning.asked, plans, service, meaning.usage, meaning.previews
        )
        happening = _counted(happening, body.examples[COMPLETED]["type"], exchange)
        response = await streamed(happening, exchange.headers())
    else:
        response = await _at_once(exchange, meaning)
        exchange.given = len(plans)
    exchange.plans, exchange.cost = plans, meaning.cost
    service.album.keep(exchange.request_id, plans, received.files)
    return response


async def _understood(exchange: Exchange, received: Received) -> Meaning:
    """Raises `Rejected` for what the document does not let pass, or cannot be drawn."""
    service, fault = exchange.service, exchange.trigger.fault
    verdict = exchange.verdict = await judged(service, received)
    if verdict.state is State.INVALID:
        raise Rejected.for_violations(verdict.documented)
    if verdict.state is State.UNSPECIFIED and service.settings.strict:
        raise Rejected.for_violations(verdict.violations)
    return meaning_of(
        received,
        verdict,
        service.provider.dialect,
        exchange.operation,
        seed=service.settings.seed,
        realistic=service.settings.realistic,
        partials=fault is None or fault.name != faults.NO_PARTIALS,
    )


async def _at_once(exchange: Exchange, meaning: Meaning) -> web.Response:
    """All pictures in one answer."""
    service, request, plans = exchange.service, exchange.request, meaning.plans
    fault, created = exchange.trigger.fault, int(service.clock())
    is_twice = fault is not None and fault.name == faults.BOTH_DELIVERIES
    before = meaning.written
    if before is not None and (before.created != created or is_twice):
        before = None
    if before is not None and before.body is not None:
        return response_of(before.body)
    ways = [DELIVERIES[each] for each in (BOTH if is_twice else [meaning.give])]
    renderer = ResponseRenderer(service, f"{request.scheme}://{request.host}")
    texts = [await way.text(plan, renderer) for plan in plans for way in ways]
    if before is not None:
        form = before.form
    else:
        numbers = count()
        pictures = [[way.entry(plan, next(numbers)) for way in ways] for plan in plans]
        answered = images_body(
            service.fit(exchange.operation),
            meaning.asked,
            [each[0] for each in pictures],
            created=created,
            size=f"{plans[0].width}x{plans[0].height}",
            format=plans[0].format,
            usage=meaning.usage,
        )
        if is_twice:
            answered = with_both(answered, [{**a, **b} for a, b in pictures])
        form = Form(answered)
    parts = form.filled(texts)
    size = sum(map(len, parts))
    body = b"".join(parts) if size <= MAX_JOINED else Parts(parts)
    is_kept = size <= MAX_KEPT and all(way.is_lasting for way in ways)
    kept = body if is_kept and isinstance(body, bytes) else None
    meaning.written = Written(created, form, kept)
    return response_of(body)


async def _received(exchange: Exchange, data: bytes) -> Received:
    """
    The payload; an error asked for comes before anything else that may be wrong, then
    the quotas, then what is wrong with the body.
    """
    received, unreadable = None, None
    try:
        received = await _read(exchange, data)
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
        exchange.namespace or "",
    )
    fault = trigger.fault.name if trigger.fault else None
    is_error = trigger.error is not None or fault == faults.ERROR_AS_200
    if exchange.service.quotas.any and not is_error:
        await _admitted(exchange)  # before the delay: who waits is inside
    if trigger.latency is not None or exchange.service.settings.latency:
        await _delayed(exchange)
    if is_error:
        name = trigger.error or "server_error"
        raise Rejected(name, f"Asked for by {trigger.by}.", headers=_pause(trigger))
    if received is None:
        raise unreadable or Rejected("invalid_request", "There is no body.")
    if fault == faults.ONE_IMAGE:
        payload = first_image_only(received.payload)
        received = exchange.received = replace(received, payload=payload)
    if fault is not None:
        exchange.meaning = None  # it may be another
    return received


async def _read(exchange: Exchange, data: bytes) -> Received:
    """Raises `Rejected` for a body that cannot be read."""
    if exchange.meaning is not None:  # the same was read before
        return exchange.meaning.received
    content_type = exchange.request.headers.get("Content-Type", "")
    read = partial(payload_from, data, content_type, exchange.operation)
    if FORM in content_type.lower():  # files are hashed and looked at
        return await exchange.service.off_loop(read)
    return read()


async def _counted(
    happening: AsyncIterator[Event], last: str, exchange: Exchange
) -> AsyncIterator[Event]:
    """Events as they happen; those of the type `last` bring a finished picture."""
    async for each in happening:
        yield each
        exchange.given += each.type == last


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
    if service.quotas.requests_per_minute is not None:
        exchange.level = await _within(
            exchange, "requests", service.quotas.requests_per_minute, 1
        )


async def _within(exchange: Exchange, what: str, limit: int, amount: int) -> Level:
    """How the quota stands afterwards. Raises `Rejected`."""
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
    exchange: Exchange, cassettes: "Cassettes", received: Received
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


def _refused(exchange: Exchange, rejected: Rejected) -> web.Response:
    rejected.param = _own_name(rejected, exchange)
    exchange.error, exchange.because = rejected.name, rejected.message[:300]
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
        body = body_of(response)
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
    if exchange.namespace is None:
        exchange.namespace = _claimed(exchange.request)
    seconds = round(time.monotonic() - exchange.started, 6)
    service = exchange.service
    came = Came.of(exchange.request, service)
    make = partial(_entry, exchange, came, seconds)
    received = exchange.received
    is_heavy = exchange.size > LIGHT or (
        received is not None and (received.files or is_long(received))
    )
    if is_heavy or exchange.trigger.fault is not None:  # which goes on after this
        _record(service, make())
        return
    summed = {
        "provider": service.provider.id,
        "operation": exchange.operation.id,
        "status": exchange.status,
        "images": exchange.given,
        "cost": exchange.cost,
        "seconds": seconds,
    }
    _record(service, Deferred(summed, make, BESIDE + 4 * exchange.size))


def noted(
    request: web.Request,
    service: Service,
    response: web.Response,
    rejected: Rejected | None,
    seconds: float,
) -> None:
    """Write down a request for what is no operation of the document."""
    entry = {
        **Came.of(request, service)._asdict(),
        "operation": None,
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
    _record(service, _discreet(entry, _key_of(request)))


def _claimed(request: web.Request) -> str:
    """The namespace of a request that may yet be refused; a bad name is none."""
    try:
        return namespace_of(request.headers, _key_of(request))
    except Rejected:
        return ""


def _key_of(request: web.Request) -> str:
    return request.headers.get("Authorization", "").partition(" ")[2].strip()


def _record(service: Service, entry: Mapping[str, Any]) -> None:
    service.memory.record(entry)
    if access.isEnabledFor(logging.INFO):
        facts = (entry["method"], printable(entry["path"]), entry["status"])
        access.info("%s %s %s", *facts, extra={"entry": entry})


class Came(NamedTuple):
    """Who asked for what, and when: the beginning of an entry."""

    at: float
    provider: str
    method: str
    path: str
    client: str
    retry: str | None

    @classmethod
    def of(cls, request: web.Request, service: Service) -> Self:
        headers = request.headers
        return cls(
            service.clock(),
            service.provider.id,
            request.method,
            request.path[:MAX_PATH],
            headers.get("User-Agent", "")[:200],
            headers.get("X-Stainless-Retry-Count", "")[:8] or None,
        )


def _entry(exchange: Exchange, came: Came, seconds: float) -> dict[str, Any]:
    received, verdict = exchange.received, _explained(exchange)
    trigger = exchange.trigger
    entry = {
        **came._asdict(),
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
            "error": exchange.error,
            "fault": trigger.fault.name if trigger.fault else None,
            "latency_ms": round(trigger.latency * 1000) if trigger.latency else None,
            "replayed": exchange.replayed,
            "because": exchange.because,
            "doubled": list(received.doubled) if received else [],
            "violations": [
                _told(each) for each in (verdict.violations if verdict else ())
            ],
        },
        "status": exchange.status,
        "outcome": exchange.outcome,
        "images": exchange.given,
        "cost": dict(exchange.cost),
        "seconds": seconds,
    }
    return _discreet(entry, exchange.key)


def _discreet(entry: dict[str, Any], key: str) -> dict[str, Any]:
    """An entry without the key, should a client have written it elsewhere too."""
    if len(key) < LONG_KEY:
        return entry
    from mockserver.recordings.recorder import without

    found: dict[str, Any] = without(entry, [key])
    return found


def _explained(exchange: Exchange) -> Verdict | None:
    """The verdict with its reasons, which are looked for when somebody asks."""
    verdict, received = exchange.verdict, exchange.received
    if verdict is None or received is None or verdict.state is State.VALID:
        return verdict
    return verdict if verdict.violations else explained(received, verdict.state)


def _hash_of(exchange: Exchange) -> str | None:
    """The name of the canonical request; its pictures bear it already."""
    if exchange.plans:
        return exchange.plans[0].request
    received = exchange.received
    return generation.request_hash(received.payload) if received else None


def _told(violation: Violation) -> dict[str, Any]:
    """Which rule was broken, what would have kept it, and where that stands."""
    return {
        "param": violation.param,
        "claim": violation.claim,
        "says": str(violation)[:300],
        "accepts": {violation.keyword: summarised(violation.expected)},
        "source": violation.evidence.source,
        "basis": violation.evidence.basis,
    }
