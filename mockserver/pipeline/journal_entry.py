"""Record the journal entry of an exchange: request, decision, reason and response."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Self

from aiohttp import web

from mockserver.errors import Rejected
from mockserver.json_text import printable
from mockserver.media.registry import medium_of
from mockserver.pipeline.exchange import ANSWERED, Exchange
from mockserver.pipeline.request.authentication import find_key, redact_token
from mockserver.pipeline.request.validation import explain_verdict, has_many_values
from mockserver.simulation.namespaces import namespace_of
from mockserver.state.journal import LazyEntry, summarize
from mockserver.state.memory import StateStore
from mockserver.state.statistics import IMAGE_OPERATION
from specs import KeyScheme, State, Verdict, Violation

access_log = logging.getLogger("mockserver.access")
BEARER_TOKEN = (KeyScheme(),)
MAX_PATH_LENGTH = 500
MAX_URL_LENGTH = 1000  # of an image; longer than any that the mock signs
# Shorter keys are placeholders such as "key", which are parts of ordinary words.
MIN_REDACTED_KEY_LENGTH = 16
DEFER_BELOW = 8 * 1024  # body bytes: entries of smaller requests are made when read
ENTRY_OVERHEAD = 2 * 1024  # approximate bytes of a deferred entry besides the body


def record(exchange: Exchange) -> None:
    """
    Record an exchange, once.

    Entries of small requests are deferred: they are made when the journal is read.
    """
    if exchange.is_recorded:
        return
    exchange.is_recorded = True
    if exchange.namespace is None:
        schemes = exchange.operation.key_schemes
        exchange.namespace = namespace_of_unread(exchange.request, schemes)
    seconds = round(time.monotonic() - exchange.started_at, 6)
    context, parsed_body = exchange.provider_context, exchange.parsed_body
    facts = RequestFacts.of(exchange.request, context.store, context.provider.id)
    make = partial(_journal_entry, exchange, facts, seconds)
    is_heavy = exchange.body_size > DEFER_BELOW or (
        parsed_body is not None and (parsed_body.files or has_many_values(parsed_body))
    )
    # While a fault is simulated, the exchange still changes.
    if is_heavy or exchange.behavior.fault is not None:
        _write_entry(context.store, make())
        return
    known_fields = {
        "provider": context.provider.id,
        "operation": exchange.operation.id,
        "status": exchange.status,
        **_delivered(exchange),
        "cost": exchange.cost,
        "seconds": seconds,
        "namespace": exchange.namespace,  # to be cleared without being built
    }
    weight = ENTRY_OVERHEAD + 4 * exchange.body_size
    _write_entry(context.store, LazyEntry(known_fields, make, weight))


def finish(exchange: Exchange) -> None:
    """
    Record an exchange, and release what no journal entry needs of it.

    The journal may keep the exchange: its context would keep replaced documents.
    """
    record(exchange)
    exchange.interpretation = None
    del exchange.request, exchange.provider_context


def record_unrouted(
    request: web.Request,
    store: StateStore,
    provider: str,
    response: web.StreamResponse,
    rejected: Rejected,
    started_at: float,
    schemes: Sequence[KeyScheme] = BEARER_TOKEN,
) -> None:
    """
    Record a request for a path that is not an operation of the document.

    `provider` is empty if the path is not below a provider. `schemes` are the ways to
    send its API key.
    """
    facts = RequestFacts.of(request, store, provider)
    decision = {"error": rejected.name, "because": rejected.message}
    _record_plain(
        request, store, facts, None, decision, response, started_at, schemes=schemes
    )


@dataclass(slots=True)
class DownloadFacts:
    """
    Facts about a download besides its request and response.

    `status` replaces that of the response: 0 if a fault sends none.
    """

    image_of: str | None = None
    namespace: str | None = None
    error: str | None = None
    because: str | None = None
    trigger: str | None = None
    fault: str | None = None
    status: int | None = None


def record_download(
    request: web.Request,
    store: StateStore,
    provider: str,
    response: web.StreamResponse,
    known: DownloadFacts | None,
    started_at: float,
) -> None:
    """Record the download of an image; `known` is None for one of a recording."""
    facts = RequestFacts.of(request, store, provider, MAX_URL_LENGTH)
    if known is None:
        known = DownloadFacts()
        if response.status >= 400:
            known.error, known.because = "not_found", "No such image."
    decision = {"error": known.error, "because": known.because}
    if known.trigger is not None:
        decision |= {"trigger": known.trigger, "fault": known.fault}
    _record_plain(
        request,
        store,
        facts,
        IMAGE_OPERATION,
        decision,
        response,
        started_at,
        image_of=known.image_of,
        namespace=known.namespace,
        outcome=known.fault or ANSWERED,
        status=known.status,
    )


def _record_plain(
    request: web.Request,
    store: StateStore,
    facts: "RequestFacts",
    operation: str | None,
    decision: Mapping[str, Any],
    response: web.StreamResponse,
    started_at: float,
    image_of: str | None = None,
    namespace: str | None = None,
    outcome: str = ANSWERED,
    status: int | None = None,
    schemes: Sequence[KeyScheme] = BEARER_TOKEN,
) -> None:
    """Record a request whose body is not read."""
    if namespace is None:
        namespace = namespace_of_unread(request, schemes)
    if status is None:
        status = response.status
    entry = {
        **facts._asdict(),
        "request": None,
        "image_of": image_of,
        "operation": operation,
        "namespace": namespace,
        "decision": decision,
        "status": status or None,
        "outcome": outcome,
        "images": 0,
        "cost": {},
        "seconds": round(time.monotonic() - started_at, 6),
    }
    entry = redact_key(entry, find_key(request, schemes))
    _write_entry(store, LazyEntry(entry, lambda: entry, ENTRY_OVERHEAD))


def namespace_of_unread(request: web.Request, schemes: Sequence[KeyScheme]) -> str:
    """The namespace of a request that may be rejected; empty if its name is invalid."""
    try:
        return namespace_of(request.headers, find_key(request, schemes))
    except Rejected:
        return ""


def _write_entry(store: StateStore, entry: Mapping[str, Any]) -> None:
    store.record(entry)
    if access_log.isEnabledFor(logging.INFO):
        facts = (entry["method"], printable(entry["path"]), entry["status"])
        access_log.info("%s %s %s", *facts, extra={"entry": entry})


class RequestFacts(NamedTuple):
    """The first fields of an entry; `at` is in seconds since 1970."""

    at: float
    provider: str
    method: str
    path: str
    client: str
    retry: str | None

    @classmethod
    def of(
        cls,
        request: web.Request,
        store: StateStore,
        provider: str,
        max_length: int = MAX_PATH_LENGTH,
    ) -> Self:
        headers = request.headers
        return cls(
            store.clock(),
            provider,
            request.method,
            request.path[:max_length],
            headers.get("User-Agent", "")[:200],
            headers.get("X-Stainless-Retry-Count", "")[:8] or None,
        )


def _journal_entry(
    exchange: Exchange, facts: RequestFacts, seconds: float
) -> dict[str, Any]:
    parsed_body, verdict = exchange.parsed_body, _verdict_with_violations(exchange)
    behavior = exchange.behavior
    entry = {
        **facts._asdict(),
        "request_id": exchange.request_id,
        "namespace": exchange.namespace,
        "operation": exchange.operation.id,
        "key": redact_token(exchange.key, exchange.operation),
        "media_type": parsed_body.body.media_type if parsed_body else None,
        "request": _request_hash(exchange),
        "payload": summarize(parsed_body.payload) if parsed_body else None,
        "decision": {
            "state": verdict.state if verdict else None,
            "trigger": behavior.source or None,
            "error": exchange.error,
            "fault": exchange.fault_name,
            "undocumented": not behavior.is_from_document,
            "latency_ms": round(behavior.latency * 1000) if behavior.latency else None,
            "replayed": exchange.is_replayed,
            "because": exchange.reason,
            "doubled": list(parsed_body.duplicate_names) if parsed_body else [],
            "ignored": list(exchange.ignored),
            "violations": [
                violation_entry(each)
                for each in (verdict.violations if verdict else ())
            ],
        },
        "status": exchange.status,
        "outcome": exchange.outcome,
        **_delivered(exchange),
        "cost": dict(exchange.cost),
        "seconds": seconds,
    }
    if exchange.task_id is not None:
        entry["task"] = {"id": exchange.task_id, "state": exchange.task_state}
    return redact_key(entry, exchange.key)


def _delivered(exchange: Exchange) -> dict[str, Any]:
    """
    The fields for what was sent: `images`, and `outputs` of other media.

    `undelivered` is there if the client did not receive some that were billed.
    """
    delivered, undelivered = exchange.delivered, exchange.undelivered
    lost = {"undelivered": undelivered} if undelivered else {}
    unit = medium_of(exchange.operation).unit if delivered else "images"
    if unit == "images":
        return {"images": delivered, **lost}
    return {"images": 0, "outputs": {unit: delivered}, **lost}


def redact_key(entry: dict[str, Any], key: str) -> dict[str, Any]:
    """Redact the API key in all values of an entry, such as the prompt."""
    if len(key) < MIN_REDACTED_KEY_LENGTH:
        return entry
    from mockserver.recordings.redaction import redact

    redacted: dict[str, Any] = redact(entry, [key])
    return redacted


def _verdict_with_violations(exchange: Exchange) -> Verdict | None:
    """The verdict, with violations if the payload is not valid."""
    verdict, parsed_body = exchange.verdict, exchange.parsed_body
    if verdict is None or parsed_body is None or verdict.state is State.VALID:
        return verdict
    if verdict.violations:
        return verdict
    return explain_verdict(parsed_body, verdict.state)


def _request_hash(exchange: Exchange) -> str | None:
    """The hash of the payload; the outputs have it already."""
    if exchange.outputs:
        return exchange.outputs[0].request
    return exchange.parsed_body.hash() if exchange.parsed_body else None


def violation_entry(violation: Violation) -> dict[str, Any]:
    """A violation: its claim, the accepted values, and the source of the claim."""
    return {
        "param": violation.param,
        "claim": violation.claim,
        "says": str(violation)[:300],
        "accepts": {violation.keyword: summarize(violation.expected)},
        "source": violation.evidence.source,
        "basis": violation.evidence.basis,
    }
