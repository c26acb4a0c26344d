"""Traffic passed on unchanged, and judged beside."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import aiohttp
import click
from aiohttp import web
from yarl import URL

from contracts.judging.interaction import MAX_IMAGES
from contracts.report.model import Finding
from contracts.text import one_line
from contracts.traffic.observed import (
    MAX_BODY_BYTES,
    JudgedExchange,
    ObservedExchange,
    TrafficJudge,
    Unreadable,
    decode_content,
)
from mockserver.json_text import dumps
from mockserver.recordings.recorder import ExchangeRecord, Recorder
from mockserver.recordings.redaction import REDACTED, Headers, find_secrets, redact
from mockserver.state.journal import Journal, summarize
from specs import EVENT_STREAM, Operation, Provider

CONTROL_PREFIX = "/__mock__"
CONNECT_TIMEOUT = 30.0  # seconds
FETCH_TIMEOUT = 60.0  # for all pictures of an answer
SHUTDOWN_TIMEOUT = 5.0
READ_REMAINING_TIMEOUT = 1.0  # for the rest of a request that goes nowhere
MAX_HEADER_LENGTH = 64 * 1024
MAX_UNJUDGED = 32  # exchanges that are passed on, but not judged yet
MAX_FINDINGS = 20  # of one exchange, in the journal

# RFC 9110, 7.6.1: of this connection, not of the message.
_HOP_BY_HOP = {
    *("connection", "proxy-connection", "keep-alive", "te", "transfer-encoding"),
    *("upgrade", "trailer", "proxy-authenticate", "proxy-authorization"),
}
# The client library writes the first; to the second this server has answered already.
_REPLACED_HEADERS = {"host", "expect"}
# What this server adds to an answer that has none.
SERVER_DEFAULT_HEADERS = ("Content-Type", "Server")
UPSTREAM_HEADER_NAMES: web.ResponseKey[set[str]] = web.ResponseKey("given", set[str])

# Before anything was asked: no fault of an answer.
_CONNECT_ERRORS = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
)

log = logging.getLogger("contracts")

T = TypeVar("T")
EntryCallback = Callable[[Mapping[str, Any]], None]


class BoundedCopy:
    """A copy of what passes, as long as it is not too large."""

    def __init__(self) -> None:
        self.size = 0
        self.is_complete = False
        self._chunks: list[bytes] = []

    def add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if self.size > MAX_BODY_BYTES:
            self._chunks.clear()
        else:
            self._chunks.append(chunk)

    @property
    def data(self) -> bytes | None:
        """All of it; None when it is more than is kept, or not whole."""
        if not self.is_complete or self.size > MAX_BODY_BYTES:
            return None
        return b"".join(self._chunks)

    @property
    def partial_data(self) -> bytes:
        return b"".join(self._chunks)


@dataclass(slots=True)
class OpenExchange:
    """An exchange on its way: what is known of it so far."""

    method: str
    path: str
    request_headers: Headers
    request: BoundedCopy = field(default_factory=BoundedCopy)
    response: BoundedCopy = field(default_factory=BoundedCopy)
    status: int | None = None
    headers: Headers = ()
    arrivals: list[tuple[float, int]] = field(default_factory=list)
    problem: str | None = None
    reason: str | None = None
    started_at: float = field(default_factory=time.time)
    started: float = field(default_factory=time.monotonic)
    seconds: float = 0.0

    def to_observed(self) -> ObservedExchange:
        body = self.response.partial_data if self.problem else self.response.data
        return ObservedExchange(
            method=self.method,
            path=self.path.partition("?")[0],
            request_headers=self.request_headers,
            request=self.request.data,
            status=self.status,
            headers=self.headers,
            body=None if self.reason or self.status is None else body,
            arrivals=tuple(self.arrivals),
            problem=self.problem,
            reason=self.reason,
            started_at=self.started_at,
            seconds=self.seconds,
        )


@dataclass(slots=True)
class ProxyTotals:
    """What a proxy saw in all; a finding counts once a cause."""

    exchanges: int = 0
    recorded: int = 0
    findings: dict[str, Finding] = field(default_factory=dict)

    def add(self, findings: Sequence[Finding]) -> None:
        for each in findings:
            self.findings.setdefault(each.fingerprint, each)

    @property
    def counts_by_kind(self) -> dict[str, int]:
        return dict(Counter(str(each.kind) for each in self.findings.values()))

    @property
    def breaking_count(self) -> int:
        return sum(each.breaks for each in self.findings.values())


class Relay:
    """
    Passes exchanges on to one upstream and has each judged afterwards.

    An asynchronous context manager. `say` is called with each entry of the journal.
    """

    def __init__(
        self,
        provider: Provider,
        upstream: str,
        *,
        recorder: Recorder | None = None,
        on_entry: EntryCallback | None = None,
    ) -> None:
        self.provider = provider
        self.upstream = upstream.rstrip("/")
        self.journal = Journal()
        self.totals = ProxyTotals()
        self._judge = TrafficJudge(provider, upstream)
        self._recorder = recorder
        self._on_entry = on_entry or ignore_entry
        self._has_warned = False
        self._unjudged: set[asyncio.Future[None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._last_exchange: asyncio.Future[None] | None = None
        # One judge: it compares an answer with those before it.
        self._judge_executor = ThreadPoolExecutor(1, thread_name_prefix="judge")
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            # A connection that was kept alive may be closed by the upstream just when
            # it is used again, and a POST must not be sent twice.
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=(
                "User-Agent",
                "Accept",
                "Accept-Encoding",
                "Content-Type",
            ),
            auto_decompress=False,
            trust_env=False,
            max_line_size=MAX_HEADER_LENGTH,
            max_field_size=MAX_HEADER_LENGTH,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.drain()
        if self._session is not None:
            await self._session.close()
        self._judge_executor.shutdown()
        await self.journal.close()

    async def drain(self) -> None:
        """Wait until every exchange that has ended for its client is judged."""
        while self._unjudged:
            await asyncio.wait(self._unjudged)

    def path_below_base(self, path: str) -> str | None:
        """A request's target as the upstream's base URL goes on; None elsewhere."""
        base = self.provider.base_path
        for prefix in (f"/{self.provider.id}{base}", base):
            rest = path.removeprefix(prefix)
            if path.startswith(prefix) and rest[:1] in {"", "/", "?"}:
                return rest
        return None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Pass a request on, and what is answered back, as it comes."""
        if request.method == "CONNECT" or _is_websocket(request):
            return error_response(501, "not_passed_on", "Only plain HTTP is passed on.")
        target = self.path_below_base(request.raw_path)
        if target is None:
            base = f"/{self.provider.id}{self.provider.base_path}"
            message = f"Nothing is passed on here; the base path is {base}."
            return error_response(404, "not_found", message)
        while len(self._unjudged) >= MAX_UNJUDGED:
            await asyncio.wait(self._unjudged, return_when=asyncio.FIRST_COMPLETED)
        passage = OpenExchange(
            request.method, target, _end_to_end_headers(request.headers.items())
        )
        settled = asyncio.get_running_loop().create_future()
        try:
            return await self._forward_request(request, passage, settled)
        except (asyncio.CancelledError, ConnectionError):
            passage.reason = "the client left before its end"
            raise
        finally:
            passage.seconds = time.monotonic() - passage.started
            self._unjudged.add(settled)
            before, self._last_exchange = self._last_exchange, settled
            task = asyncio.create_task(self._judge_and_journal(passage, before))
            self._tasks.add(task)
            task.add_done_callback(lambda done: self._finish(done, settled))

    def _finish(self, task: asyncio.Task[None], finished: asyncio.Future[None]) -> None:
        self._tasks.discard(task)
        self._unjudged.discard(finished)
        finished.set_result(None)
        task.result()

    async def _forward_request(
        self,
        request: web.Request,
        exchange: OpenExchange,
        finished: asyncio.Future[None],
    ) -> web.StreamResponse:
        if self._session is None:
            raise RuntimeError("use the relay as an asynchronous context manager")
        has_body = request.can_read_body
        exchange.request.is_complete = not has_body
        try:
            answer = await self._session.request(
                request.method,
                URL(self.upstream + exchange.path, encoded=True),
                headers=[
                    (k, v)
                    for k, v in exchange.request_headers
                    if k.lower() not in _REPLACED_HEADERS
                ],
                data=_read_body(request, exchange) if has_body else None,
                allow_redirects=False,
            )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(error, _CONNECT_ERRORS):
                await self._read_remaining(request, exchange)
            self._read_buffered(request, exchange)
            return self._bad_gateway(exchange, error)
        async with answer:
            if answer.status < 100:
                exchange.problem = f"{answer.status} is no status"
                message = f"{self.upstream} gave no answer: {exchange.problem}"
                return error_response(502, "upstream_gave_no_answer", message)
            return await self._forward_response(request, answer, exchange, finished)

    def _bad_gateway(self, exchange: OpenExchange, error: Exception) -> web.Response:
        """What the client gets when the upstream gives nothing: a 502 of our own."""
        why = one_line(str(error) or type(error).__name__)[:300]
        if exchange.reason is None:
            if isinstance(error, _CONNECT_ERRORS):
                exchange.reason = f"the upstream cannot be reached: {why}"
            else:
                exchange.problem = f"the exchange broke off: {why}"
        message = f"{self.upstream} gave no answer: {why}"
        return error_response(502, "upstream_gave_no_answer", message)

    async def _forward_response(
        self,
        request: web.Request,
        upstream_response: aiohttp.ClientResponse,
        exchange: OpenExchange,
        finished: asyncio.Future[None],
    ) -> web.StreamResponse:
        exchange.status = upstream_response.status
        exchange.headers = _end_to_end_headers(upstream_response.headers.items())
        response = web.StreamResponse(
            status=upstream_response.status, reason=upstream_response.reason
        )
        for name, value in exchange.headers:
            response.headers.add(name, value)
        response[UPSTREAM_HEADER_NAMES] = {name.lower() for name, _ in exchange.headers}
        is_stream = upstream_response.content_type == EVENT_STREAM
        is_coded = "content-encoding" in response[UPSTREAM_HEADER_NAMES]
        length = upstream_response.content_length
        if request.method == "HEAD" or length == 0:
            self._unjudged.add(finished)
        await response.prepare(request)
        last = time.monotonic()
        while True:
            try:
                chunk = await upstream_response.content.readany()
            except (aiohttp.ClientError, OSError) as error:
                exchange.problem = f"the exchange broke off: {error}"
                break
            if not chunk:
                exchange.response.is_complete = True
                break
            now = time.monotonic()
            exchange.response.add(chunk)
            if is_stream and not is_coded:
                exchange.arrivals.append((now - last, len(chunk)))
            last = now
            # Once the client has all, it may ask what became of it.
            if length is not None and exchange.response.size >= length:
                self._unjudged.add(finished)
            await response.write(chunk)
        self._read_buffered(request, exchange)
        if exchange.problem is not None:
            _close_connection(request)
            return response
        self._unjudged.add(finished)
        await response.write_eof()
        return response

    @staticmethod
    async def _read_remaining(request: web.Request, exchange: OpenExchange) -> None:
        """A request that went nowhere: its body may come a moment after its head."""
        with suppress(TimeoutError, web.RequestPayloadError, OSError):
            async with asyncio.timeout(READ_REMAINING_TIMEOUT):
                async for _ in _read_body(request, exchange):
                    pass

    @staticmethod
    def _read_buffered(request: web.Request, exchange: OpenExchange) -> None:
        """The end of a request that was answered before it was passed on whole."""
        if not exchange.request.is_complete and request.content.is_eof():
            exchange.request.add(request.content.read_nowait(-1))
            exchange.request.is_complete = True

    async def _judge_and_journal(
        self, exchange: OpenExchange, previous: asyncio.Future[None] | None
    ) -> None:
        """Judge an exchange and write it down, after those that ended before."""
        passed = exchange.to_observed()
        operation = self._judge.operation(passed.method, passed.path)
        secrets = find_secrets(passed.request_headers)
        self.totals.exchanges += 1
        links = await self._fetch_links(passed) if operation else {}
        if previous is not None:
            await previous
        judged, notes, recorded = None, ["not in the document"], None
        if operation is not None:
            judged, notes = await self._judge_exchange(passed, operation, links)
        if judged is not None:
            recorded = await self._record(judged, links, secrets, notes)
            self.totals.add(judged.findings)
        entry = redact(self._journal_entry(passed, judged, notes, recorded), secrets)
        self.journal.record(entry)
        self._on_entry(entry)

    async def _judge_exchange(
        self,
        exchange: ObservedExchange,
        operation: Operation,
        links: Mapping[str, bytes | str],
    ) -> tuple[JudgedExchange | None, list[str]]:
        """What the document says of an exchange, and notes on that."""
        try:
            judged = await self._run_in_judge_thread(
                self._judge.judge, exchange, operation, links
            )
        except Exception:
            log.exception("%s %s could not be judged", exchange.method, exchange.path)
            return None, ["not judged: a fault of ours, in the log"]
        return judged, list(judged.notes)

    async def _run_in_judge_thread(self, work: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(
            self._judge_executor, work, *args
        )

    async def _fetch_links(self, exchange: ObservedExchange) -> dict[str, bytes | str]:
        """What is behind the addresses in an answer, where they are the upstream's."""
        addresses = await self._run_in_judge_thread(self._judge.image_urls, exchange)
        here = _origin(self.upstream)
        urls = [url for url in dict.fromkeys(addresses) if _origin(url) == here]
        until = time.monotonic() + FETCH_TIMEOUT
        found: dict[str, bytes | str] = {}
        for url in urls[:MAX_IMAGES]:
            left = until - time.monotonic()
            if left > 0:
                found[url] = await self._fetch_image(url, left)
        return found

    async def _fetch_image(self, url: str, timeout: float) -> bytes | str:
        """A picture, or what is wrong at its address; no key is sent."""
        if self._session is None:
            raise RuntimeError("use the relay as an asynchronous context manager")
        kept = BoundedCopy()
        try:
            async with self._session.get(
                URL(url, encoded=True),
                headers={"Accept-Encoding": "identity", "User-Agent": "imageparity"},
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout),
            ) as answer:
                if answer.status != 200:
                    return f"is not at its address: {answer.status}"
                if not answer.content_type.startswith("image/"):
                    return f"is served as {answer.content_type}, not as a picture"
                async for chunk in answer.content.iter_any():
                    kept.add(chunk)
                    if kept.size > MAX_BODY_BYTES:
                        return f"has more than {MAX_BODY_BYTES} bytes"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return f"is not at its address: {error or type(error).__name__}"
        return kept.partial_data

    async def _record(
        self,
        judged: JudgedExchange,
        links: Mapping[str, bytes | str],
        secrets: Sequence[str],
        notes: list[str],
    ) -> str | None:
        """The name of the file that an exchange was written to."""
        if self._recorder is None:
            return None
        try:
            taken = self._exchange_record(judged, links, secrets)
            path = await self._run_in_judge_thread(self._recorder.record, taken)
        except Unreadable as error:
            notes.append(f"not recorded: {error}")
            return None
        except OSError as error:
            notes.append(f"not recorded: {error.strerror or error}")
            if not self._has_warned:
                self._has_warned = True
                click.echo(
                    f"Warning: {self._recorder.folder} cannot be written to "
                    f"({error.strerror or error}): exchanges are passed on, but not "
                    "recorded",
                    err=True,
                )
            return None
        self.totals.recorded += 1
        return path.name

    def _exchange_record(
        self,
        judged: JudgedExchange,
        links: Mapping[str, bytes | str],
        secrets: Sequence[str],
    ) -> ExchangeRecord:
        """An exchange for the recorder. Raises `Unreadable` when it is not whole."""
        passed, received = judged.exchange, judged.request.received
        if received is None:
            raise Unreadable("the request was not read as one of the document")
        if passed.status == 401:  # replayed, it would refuse every key
            raise Unreadable("the key was refused")
        if passed.body is None or passed.status is None or passed.problem:
            raise Unreadable("the answer did not come whole")
        coding = next(
            (v for k, v in passed.headers if k.lower() == "content-encoding"), ""
        )
        pictures: dict[str, bytes | None] = {
            url: found if isinstance(found, bytes) else None
            for url, found in links.items()
        }
        for url in self._judge.image_urls(passed):
            pictures.setdefault(url, None)
        return ExchangeRecord(
            provider=self.provider.id,
            operation=judged.operation.id,
            payload=received.payload,
            status=passed.status,
            headers=passed.headers,
            body=decode_content(passed.body, coding),
            arrivals=passed.arrivals,
            links=pictures,
            secrets=secrets,
            method=passed.method,
            path=passed.path,
            media_type=received.body.media_type,
            request_headers=passed.request_headers,
            at=passed.started_at,
        )

    def _journal_entry(
        self,
        exchange: ObservedExchange,
        judged: JudgedExchange | None,
        notes: Sequence[str],
        recorded: str | None,
    ) -> dict[str, Any]:
        """An exchange as the journal keeps it: the mock's shape, and what was found."""
        asked = judged.request if judged else None
        received = asked.received if asked else None
        names = {key.lower(): value for key, value in exchange.headers}
        findings = judged.findings if judged else ()
        return {
            "provider": self.provider.id,
            "namespace": "",
            "at": exchange.started_at,
            "request_id": names.get("x-request-id", ""),
            "operation": judged.operation.id if judged else None,
            "method": exchange.method,
            "path": exchange.path,
            "key": REDACTED if exchange.key else "",
            "client": exchange.header("user-agent")[:200],
            "media_type": received.body.media_type if received else None,
            "payload": summarize(received.payload) if received else None,
            "decision": {
                "state": asked.state if asked else None,
                "trigger": None,
                "error": asked.expected_errors[0].error
                if asked and asked.expected_errors
                else None,
                "because": asked.reason if asked else None,
                "violations": self._violations(judged) if judged else [],
            },
            "status": exchange.status,
            "images": judged.image_count if judged else 0,
            "cost": dict(judged.cost) if judged else {},
            "seconds": round(exchange.seconds, 6),
            "outcome": "answered" if exchange.body is not None else "aborted",
            "problem": exchange.problem,
            "findings": [_finding_summary(each) for each in findings[:MAX_FINDINGS]],
            "notes": list(notes),
            "recorded": recorded,
        }

    def _violations(self, judged: JudgedExchange) -> list[dict[str, Any]]:
        """What is wrong with a request, by the document."""
        verdict = judged.request.verdict
        found = [
            {
                "param": each.param,
                "message": str(each),
                "claim": each.claim,
                "source": each.evidence.source,
                "basis": each.evidence.basis,
            }
            for each in (verdict.violations if verdict else ())
        ]
        known = {each["claim"] for each in found}
        for fault in judged.request.expected_errors:
            if not any(fault.claim.endswith(f"/{each}") for each in known):
                evidence = self._judge.evidence(fault.claim, judged.operation)
                found.insert(
                    0,
                    {
                        "param": None,
                        "message": judged.request.reason
                        or self._judge.sentence(fault.claim),
                        "claim": fault.claim,
                        "source": evidence.source,
                        "basis": evidence.basis,
                    },
                )
        return found


async def _read_body(
    request: web.Request, exchange: OpenExchange
) -> AsyncIterator[bytes]:
    """A request's body as it comes, and a copy of it."""
    try:
        async for chunk in request.content.iter_any():
            exchange.request.add(chunk)
            yield chunk
    except (web.RequestPayloadError, OSError) as error:
        exchange.reason = f"the request broke off: {error}"
        raise
    exchange.request.is_complete = True


def _end_to_end_headers(headers: Any) -> list[tuple[str, str]]:
    """The headers that are of the message, not of the connection."""
    pairs = [(str(name), str(value)) for name, value in headers]
    named = {
        each.strip().lower()
        for name, value in pairs
        if name.lower() == "connection"
        for each in value.split(",")
    }
    dropped = _HOP_BY_HOP | named
    return [(name, value) for name, value in pairs if name.lower() not in dropped]


def _is_websocket(request: web.Request) -> bool:
    return "websocket" in request.headers.get("Upgrade", "").lower()


def _close_connection(request: web.Request) -> None:
    """End a client's connection where the upstream ended ours: the rest is missing."""
    if request.transport is not None:
        request.transport.close()


def _origin(url: str) -> tuple[str, str | None, int | None] | None:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    return parts.scheme, parts.hostname, port


def _finding_summary(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "check": finding.check,
        "claim": finding.claim,
        "basis": finding.basis,
        "breaks": finding.breaks,
        "source": finding.source,
        "source_url": finding.source_url,
        "message": finding.message,
        "expected": finding.expected,
        "fingerprint": finding.fingerprint,
        "curl": finding.request["curl"],
    }


def error_response(status: int, type_: str, message: str) -> web.Response:
    error = {"message": f"imageparity proxy: {message}", "type": type_}
    return web.json_response({"error": error}, status=status, dumps=dumps)


def ignore_entry(entry: Mapping[str, Any]) -> None:
    """For who reads the journal instead."""
