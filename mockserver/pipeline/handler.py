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

from mockserver.errors import (
    INCIDENT_HEADER,
    Rejected,
    documented_error_response,
    printable,
)
from mockserver.media.image import planning as generation
from mockserver.media.image.delivery import DELIVERIES
from mockserver.media.image.drawing.encode import Plan
from mockserver.media.image.faults import first_image_only, with_both_deliveries
from mockserver.media.payloads import (
    MAX_JOINED_BYTES,
    ChunkedPayload,
    JsonTemplate,
    response_body,
)
from mockserver.media.payloads import json_bytes_response as response_of
from mockserver.pipeline.authentication import authenticate, redact_token
from mockserver.pipeline.body_parsing import FORM, ParsedBody, parse_body
from mockserver.pipeline.body_reading import read_bytes
from mockserver.pipeline.context import ProviderContext, ResponseRenderer
from mockserver.pipeline.interpretation import (
    MAX_CACHED_RESPONSE_BYTES,
    Interpretation,
    RenderedJson,
    build_interpretation,
)
from mockserver.pipeline.projection import images_response_body
from mockserver.pipeline.sse import (
    COMPLETED_EVENT,
    OutgoingEvent,
    image_events,
    stream_response,
)
from mockserver.pipeline.validation import explain_verdict, has_many_values, validate
from mockserver.simulation import faults
from mockserver.simulation.faults import PendingResponse
from mockserver.simulation.triggers import (
    NO_BEHAVIOR,
    Behavior,
    namespace_of,
    requested_behavior,
)
from mockserver.state.journal import LazyEntry, summarize
from mockserver.state.rate_limit import BucketState, format_duration
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
access_log = logging.getLogger("mockserver.access")

ABORTED, ANSWERED = "aborted", "answered"
ALL_DELIVERIES = ("b64_json", "url")
MAX_PATH_LENGTH = 500
MIN_REDACTED_KEY_LENGTH = (
    16  # what is shorter is a placeholder, and stands in every other word
)
DEFER_BELOW = 8 * 1024  # bytes of a request that the journal may put off looking at
ENTRY_OVERHEAD = 2 * 1024  # about what is held of a request besides its body
REPLAY_HEADER = "X-Mock-Replay"


@dataclass(slots=True)
class Exchange:
    """One request on its way: what is known of it so far, for the journal."""

    request: web.Request
    operation: Operation
    provider_context: ProviderContext
    request_id: str
    started_at: float
    key: str = ""
    namespace: str | None = None
    body_size: int = 0
    parsed_body: ParsedBody | None = None
    interpretation: Interpretation | None = None
    behavior: Behavior = NO_BEHAVIOR
    verdict: Verdict | None = None
    error: str | None = None
    reason: str | None = None
    bucket_state: BucketState | None = None
    plans: Sequence[Plan] = ()
    delivered: int = 0
    cost: Mapping[str, Any] = field(default_factory=dict)
    is_replayed: bool = False
    status: int | None = None
    outcome: str = ABORTED
    holds_slot: bool = False
    is_recorded: bool = False

    @property
    def quota_key(self) -> str:
        """Whose quotas count, as it may be written down."""
        digest = hashlib.sha256(self.key.encode("utf-8", "replace")).hexdigest()[:16]
        return f"{self.namespace}|{self.provider_context.provider.id}|{digest}"

    def headers(self) -> dict[str, str]:
        """Those of every answer, as the dialect gives them."""
        given = self.provider_context.provider.dialect.mock
        found = dict(given.get("headers", {}))
        details = {"request_id": self.request_id}
        if self.bucket_state is not None:
            found |= given.get("quota_headers", {})
            details |= {
                "limit": str(self.bucket_state.limit),
                "remaining": str(self.bucket_state.remaining),
                "reset": format_duration(self.bucket_state.reset),
            }
        for name, value in found.items():
            if "{" in value:
                found[name] = value.format(**details)
        return found


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
        service.provider.dialect,
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


async def enforce_quotas(exchange: Exchange) -> None:
    """Raises `Rejected` when the key has asked too often, or too much at once."""
    service = exchange.provider_context
    if service.quotas.concurrency is not None:
        exchange.holds_slot = True
        number = await service.store.acquire_slot(exchange.quota_key)
        if number > service.quotas.concurrency:
            limit = f"{service.quotas.concurrency} requests at once"
            raise _rate_limited(limit, {"Retry-After": "1"})
    if service.quotas.requests_per_minute is not None:
        exchange.bucket_state = await take_quota(
            exchange, "requests", service.quotas.requests_per_minute, 1
        )


async def take_quota(
    exchange: Exchange, resource: str, limit: int, amount: int
) -> BucketState:
    """How the quota stands afterwards. Raises `Rejected`."""
    level = await exchange.provider_context.store.take_quota(
        f"{exchange.quota_key}|{resource}", amount, limit
    )
    if not level.is_admitted:
        if resource == "requests":
            exchange.bucket_state = level
        raise _rate_limited(
            f"{limit} {resource} a minute", {"Retry-After": str(level.retry_after)}
        )
    return level


def _rate_limited(limit: str, headers: Mapping[str, str]) -> Rejected:
    return Rejected("rate_limited", f"The limit is {limit}.", headers=headers)


async def _replay(
    exchange: Exchange, cassettes: "Cassettes", parsed_body: ParsedBody
) -> web.Response | PendingResponse:
    """The recorded answer. Raises `Rejected` when this request was not recorded."""
    operation, provider = exchange.operation.id, exchange.provider_context.provider.id
    recorded = cassettes.find(operation, parsed_body.payload, provider=provider)
    if recorded is None:
        raise Rejected(
            "not_found",
            cassettes.explain_miss(operation, parsed_body.payload, provider=provider),
            status=404,
            headers={REPLAY_HEADER: "miss"},
        )
    exchange.is_replayed = True
    origin = f"{exchange.request.scheme}://{exchange.request.host}"
    headers = CIMultiDict(recorded.headers)
    headers.popall("Content-Length", None)
    headers[REPLAY_HEADER] = recorded.replay_header
    pieces = await exchange.provider_context.run_in_executor(
        recorded.timed_chunks, origin
    )
    if recorded.is_stream:
        return PendingResponse(recorded.status, headers, _timed_parts(pieces))
    body = b"".join(piece for _, piece in pieces)
    return web.Response(status=recorded.status, body=body, headers=headers)


async def _timed_parts(
    timed_chunks: Sequence[tuple[float, bytes]],
) -> AsyncIterator[bytes]:
    for seconds, piece in timed_chunks:
        await asyncio.sleep(seconds)
        yield piece


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


def record(exchange: Exchange) -> None:
    """Once, whatever became of it."""
    if exchange.is_recorded:
        return
    exchange.is_recorded = True
    if exchange.namespace is None:
        exchange.namespace = namespace_of_unread(exchange.request)
    seconds = round(time.monotonic() - exchange.started_at, 6)
    service = exchange.provider_context
    came = RequestFacts.of(exchange.request, service)
    make = partial(_journal_entry, exchange, came, seconds)
    received = exchange.parsed_body
    is_heavy = exchange.body_size > DEFER_BELOW or (
        received is not None and (received.files or has_many_values(received))
    )
    if is_heavy or exchange.behavior.fault is not None:  # which goes on after this
        _write_entry(service, make())
        return
    summed = {
        "provider": service.provider.id,
        "operation": exchange.operation.id,
        "status": exchange.status,
        "images": exchange.delivered,
        "cost": exchange.cost,
        "seconds": seconds,
    }
    _write_entry(
        service, LazyEntry(summed, make, ENTRY_OVERHEAD + 4 * exchange.body_size)
    )


def record_unrouted(
    request: web.Request,
    provider_context: ProviderContext,
    response: web.Response,
    rejected: Rejected | None,
    seconds: float,
) -> None:
    """Write down a request for what is no operation of the document."""
    entry = {
        **RequestFacts.of(request, provider_context)._asdict(),
        "operation": None,
        "namespace": namespace_of_unread(request),
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
    _write_entry(provider_context, redact_key(entry, _bearer_token(request)))


def namespace_of_unread(request: web.Request) -> str:
    """The namespace of a request that may yet be refused; a bad name is none."""
    try:
        return namespace_of(request.headers, _bearer_token(request))
    except Rejected:
        return ""


def _bearer_token(request: web.Request) -> str:
    return request.headers.get("Authorization", "").partition(" ")[2].strip()


def _write_entry(provider_context: ProviderContext, entry: Mapping[str, Any]) -> None:
    provider_context.store.record(entry)
    if access_log.isEnabledFor(logging.INFO):
        facts = (entry["method"], printable(entry["path"]), entry["status"])
        access_log.info("%s %s %s", *facts, extra={"entry": entry})


class RequestFacts(NamedTuple):
    """Who asked for what, and when: the beginning of an entry."""

    at: float
    provider: str
    method: str
    path: str
    client: str
    retry: str | None

    @classmethod
    def of(cls, request: web.Request, provider_context: ProviderContext) -> Self:
        headers = request.headers
        return cls(
            provider_context.clock(),
            provider_context.provider.id,
            request.method,
            request.path[:MAX_PATH_LENGTH],
            headers.get("User-Agent", "")[:200],
            headers.get("X-Stainless-Retry-Count", "")[:8] or None,
        )


def _journal_entry(
    exchange: Exchange, facts: RequestFacts, seconds: float
) -> dict[str, Any]:
    received, verdict = exchange.parsed_body, _verdict_with_violations(exchange)
    trigger = exchange.behavior
    entry = {
        **facts._asdict(),
        "request_id": exchange.request_id,
        "namespace": exchange.namespace,
        "operation": exchange.operation.id,
        "key": redact_token(exchange.key, exchange.operation),
        "media_type": received.body.media_type if received else None,
        "request": _request_hash(exchange),
        "payload": summarize(received.payload) if received else None,
        "decision": {
            "state": verdict.state if verdict else None,
            "trigger": trigger.source or None,
            "error": exchange.error,
            "fault": trigger.fault.name if trigger.fault else None,
            "latency_ms": round(trigger.latency * 1000) if trigger.latency else None,
            "replayed": exchange.is_replayed,
            "because": exchange.reason,
            "doubled": list(received.duplicate_names) if received else [],
            "violations": [
                violation_entry(each)
                for each in (verdict.violations if verdict else ())
            ],
        },
        "status": exchange.status,
        "outcome": exchange.outcome,
        "images": exchange.delivered,
        "cost": dict(exchange.cost),
        "seconds": seconds,
    }
    return redact_key(entry, exchange.key)


def redact_key(entry: dict[str, Any], key: str) -> dict[str, Any]:
    """An entry without the key, should a client have written it elsewhere too."""
    if len(key) < MIN_REDACTED_KEY_LENGTH:
        return entry
    from mockserver.recordings.recorder import redact

    found: dict[str, Any] = redact(entry, [key])
    return found


def _verdict_with_violations(exchange: Exchange) -> Verdict | None:
    """The verdict with its reasons, which are looked for when somebody asks."""
    verdict, received = exchange.verdict, exchange.parsed_body
    if verdict is None or received is None or verdict.state is State.VALID:
        return verdict
    return verdict if verdict.violations else explain_verdict(received, verdict.state)


def _request_hash(exchange: Exchange) -> str | None:
    """The name of the canonical request; its pictures bear it already."""
    if exchange.plans:
        return exchange.plans[0].request
    received = exchange.parsed_body
    return generation.request_hash(received.payload) if received else None


def violation_entry(violation: Violation) -> dict[str, Any]:
    """Which rule was broken, what would have kept it, and where that stands."""
    return {
        "param": violation.param,
        "claim": violation.claim,
        "says": str(violation)[:300],
        "accepts": {violation.keyword: summarize(violation.expected)},
        "source": violation.evidence.source,
        "basis": violation.evidence.basis,
    }
