"""Forward traffic unchanged, and judge each exchange afterwards."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

import aiohttp
import click
from aiohttp import web

from contracts.media.registry import medium_of
from contracts.report.model import Finding
from contracts.text import one_line
from contracts.traffic.exchange import ObservedExchange, Unreadable
from contracts.traffic.forwarding import (
    end_to_end_headers,
    open_session,
    send_upstream,
    start_response,
)
from contracts.traffic.judge import JudgedExchange, TrafficJudge
from contracts.traffic.proxy.journal import journal_entry
from contracts.traffic.proxy.links import fetch_links
from contracts.traffic.proxy.open_exchange import OpenExchange
from contracts.traffic.proxy.recording import exchange_record
from mockserver.json_text import dumps
from mockserver.recordings.recorder import Recorder
from mockserver.recordings.redaction import find_secrets, redact
from mockserver.state.journal import Journal
from specs import EVENT_STREAM, Operation, Provider

MAX_UNJUDGED = 32  # exchanges that are forwarded, but not judged yet

# Raised before a request was sent: not a fault of a response.
_CONNECT_ERRORS = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
)

log = logging.getLogger("contracts")

T = TypeVar("T")
EntryCallback = Callable[[Mapping[str, Any]], None]


@dataclass(slots=True)
class ProxyTotals:
    """Totals of a proxy; a finding counts once per cause."""

    exchanges: int = 0
    recorded: int = 0
    findings: dict[str, Finding] = field(default_factory=dict)

    def add(self, findings: Sequence[Finding]) -> None:
        for finding in findings:
            self.findings.setdefault(finding.fingerprint, finding)

    @property
    def counts_by_kind(self) -> dict[str, int]:
        return dict(Counter(str(each.kind) for each in self.findings.values()))

    @property
    def breaking_count(self) -> int:
        return sum(each.breaks for each in self.findings.values())


class Relay:
    """
    Forwards exchanges to one upstream and judges each of them afterwards.

    An asynchronous context manager. `on_entry` is called with each journal entry.
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
        # One thread: the judge compares a response with earlier ones.
        self._judge_executor = ThreadPoolExecutor(1, thread_name_prefix="judge")
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = open_session()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.drain()
        if self._session is not None:
            await self._session.close()
        self._judge_executor.shutdown()
        await self.journal.close()

    @property
    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("use the relay as an asynchronous context manager")
        return self._session

    async def drain(self) -> None:
        """Wait until every finished exchange is judged."""
        while self._unjudged:
            await asyncio.wait(self._unjudged)

    def path_below_base(self, path: str) -> str | None:
        """The part of a path below the base URL; None for other paths."""
        base = self.provider.base_path
        for prefix in (f"/{self.provider.id}{base}", base):
            rest = path.removeprefix(prefix)
            if path.startswith(prefix) and rest[:1] in {"", "/", "?"}:
                return rest
        return None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Forward a request, and the response as it comes."""
        if request.method == "CONNECT" or _is_websocket(request):
            return error_response(501, "not_passed_on", "Only plain HTTP is forwarded.")
        target = self.path_below_base(request.raw_path)
        if target is None:
            base = f"/{self.provider.id}{self.provider.base_path}"
            message = f"Unknown path; the base path is {base}."
            return error_response(404, "not_found", message)
        while len(self._unjudged) >= MAX_UNJUDGED:
            await asyncio.wait(self._unjudged, return_when=asyncio.FIRST_COMPLETED)
        exchange = OpenExchange(
            request.method, target, end_to_end_headers(request.headers.items())
        )
        finished = asyncio.get_running_loop().create_future()
        try:
            return await self._forward_request(request, exchange, finished)
        except (asyncio.CancelledError, ConnectionError):
            exchange.reason = "the client disconnected before the end"
            raise
        finally:
            exchange.seconds = time.monotonic() - exchange.started
            self._unjudged.add(finished)
            previous, self._last_exchange = self._last_exchange, finished
            task = asyncio.create_task(self._judge_and_journal(exchange, previous))
            self._tasks.add(task)
            task.add_done_callback(lambda done: self._finish(done, finished))

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
        has_body = request.can_read_body
        exchange.request.is_complete = not has_body
        try:
            response = await send_upstream(
                self._client,
                request.method,
                self.upstream + exchange.path,
                [(k, v) for k, v in exchange.request_headers if k.lower() != "host"],
                exchange.read_request(request) if has_body else None,
            )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(error, _CONNECT_ERRORS):
                await exchange.read_remaining(request)
            exchange.read_buffered(request)
            return self._bad_gateway(exchange, error)
        async with response:
            if response.status < 100:
                exchange.problem = f"{response.status} is not a status code"
                message = f"{self.upstream} did not respond: {exchange.problem}"
                return error_response(502, "upstream_gave_no_answer", message)
            return await self._forward_response(request, response, exchange, finished)

    def _bad_gateway(self, exchange: OpenExchange, error: Exception) -> web.Response:
        """The 502 that a client gets if the upstream does not respond."""
        why = one_line(str(error) or type(error).__name__)[:300]
        if exchange.reason is None:
            if isinstance(error, _CONNECT_ERRORS):
                exchange.reason = f"the upstream cannot be reached: {why}"
            else:
                exchange.problem = f"the exchange was cut off: {why}"
        message = f"{self.upstream} did not respond: {why}"
        return error_response(502, "upstream_gave_no_answer", message)

    async def _forward_response(
        self,
        request: web.Request,
        upstream_response: aiohttp.ClientResponse,
        exchange: OpenExchange,
        finished: asyncio.Future[None],
    ) -> web.StreamResponse:
        exchange.status = upstream_response.status
        response = start_response(upstream_response)
        exchange.headers = list(response.headers.items())
        is_stream = upstream_response.content_type == EVENT_STREAM
        is_coded = "Content-Encoding" in response.headers
        length = upstream_response.content_length
        if request.method == "HEAD" or length == 0:
            self._unjudged.add(finished)
        await response.prepare(request)
        last = time.monotonic()
        while True:
            try:
                chunk = await upstream_response.content.readany()
            except (aiohttp.ClientError, OSError) as error:
                exchange.problem = f"the exchange was cut off: {error}"
                break
            if not chunk:
                exchange.response.is_complete = True
                break
            now = time.monotonic()
            exchange.response.add(chunk)
            if is_stream and not is_coded:
                exchange.arrivals.append((now - last, len(chunk)))
            last = now
            # Once the client has everything, it may read the journal.
            if length is not None and exchange.response.size >= length:
                self._unjudged.add(finished)
            await response.write(chunk)
        exchange.read_buffered(request)
        if exchange.problem is not None:
            # The rest of the response is missing.
            if request.transport is not None:
                request.transport.close()
            return response
        self._unjudged.add(finished)
        await response.write_eof()
        return response

    async def _judge_and_journal(
        self, open_exchange: OpenExchange, previous: asyncio.Future[None] | None
    ) -> None:
        """Judge and record an exchange, after those that ended before it."""
        exchange = open_exchange.to_observed()
        operation = self._judge.operation(exchange.method, exchange.path)
        secrets = find_secrets(exchange.request_headers, self._judge.key(exchange))
        self.totals.exchanges += 1
        links = await self._fetch_links(exchange, operation) if operation else {}
        if previous is not None:
            await previous
        judged, notes, recorded = None, ["not in the document"], None
        if operation is not None:
            judged, notes = await self._judge_exchange(exchange, operation, links)
        if judged is not None:
            recorded = await self._record(judged, links, secrets, notes)
            self.totals.add(judged.findings)
        entry = journal_entry(self._judge, exchange, judged, notes, recorded)
        entry = redact(entry, secrets)
        self.journal.record(entry)
        self._on_entry(entry)

    async def _judge_exchange(
        self,
        exchange: ObservedExchange,
        operation: Operation,
        links: Mapping[str, bytes | str],
    ) -> tuple[JudgedExchange | None, list[str]]:
        """Judge an exchange by the document; also return notes. None if it failed."""
        try:
            judged = await self._run_in_judge_thread(
                self._judge.judge, exchange, operation, links
            )
        except Exception:
            log.exception("%s %s could not be judged", exchange.method, exchange.path)
            return None, ["not judged: an internal error, see the log"]
        return judged, list(judged.notes)

    async def _run_in_judge_thread(self, work: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(
            self._judge_executor, work, *args
        )

    async def _fetch_links(
        self, exchange: ObservedExchange, operation: Operation
    ) -> dict[str, bytes | str]:
        """The outputs behind the links of a response, where they are the upstream's."""
        links = await self._run_in_judge_thread(
            self._judge.output_urls, exchange, operation
        )
        medium = medium_of(operation)
        return await fetch_links(self._client, self.upstream, links, medium)

    async def _record(
        self,
        judged: JudgedExchange,
        links: Mapping[str, bytes | str],
        secrets: Sequence[str],
        notes: list[str],
    ) -> str | None:
        """Record an exchange; return the name of its file, or None."""
        if self._recorder is None:
            return None
        try:
            record = exchange_record(self._judge, judged, links, secrets)
            path = await self._run_in_judge_thread(self._recorder.record, record)
        except Unreadable as error:
            notes.append(f"not recorded: {error}")
            return None
        except OSError as error:
            notes.append(f"not recorded: {error.strerror or error}")
            if not self._has_warned:
                self._has_warned = True
                click.echo(
                    f"Warning: {self._recorder.folder} cannot be written to "
                    f"({error.strerror or error}): exchanges are forwarded, but not "
                    "recorded",
                    err=True,
                )
            return None
        self.totals.recorded += 1
        return path.name


def _is_websocket(request: web.Request) -> bool:
    return "websocket" in request.headers.get("Upgrade", "").lower()


def error_response(status: int, type_: str, message: str) -> web.Response:
    error = {"message": f"imageparity proxy: {message}", "type": type_}
    return web.json_response({"error": error}, status=status, dumps=dumps)


def ignore_entry(entry: Mapping[str, Any]) -> None:
    """Do nothing: the caller reads the journal instead."""
