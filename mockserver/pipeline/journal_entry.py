"""Record what came, what was decided and why: the journal entry of an exchange."""

import logging
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from aiohttp import web

from mockserver.errors import (
    Rejected,
    printable,
)
from mockserver.media.image import planning
from mockserver.pipeline.authentication import redact_token
from mockserver.pipeline.provider_context import ProviderContext
from mockserver.pipeline.validation import explain_verdict, has_many_values
from mockserver.simulation.triggers import (
    namespace_of,
)
from mockserver.state.journal import LazyEntry, summarize
from specs import (
    State,
    Verdict,
    Violation,
)

if TYPE_CHECKING:
    pass
from mockserver.pipeline.exchange import ANSWERED, Exchange

access_log = logging.getLogger("mockserver.access")
MAX_PATH_LENGTH = 500
MIN_REDACTED_KEY_LENGTH = (
    16  # what is shorter is a placeholder, and stands in every other word
)
DEFER_BELOW = 8 * 1024  # bytes of a request that the journal may put off looking at
ENTRY_OVERHEAD = 2 * 1024  # about what is held of a request besides its body


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
    from mockserver.recordings.redaction import redact

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
    return planning.request_hash(received.payload) if received else None


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
