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

from contracts.judging.interaction import MAX_PICTURES
from contracts.report.model import Finding
from contracts.text import one_line
from contracts.traffic.observed import (
    MAX_KEPT,
    Judged,
    Passed,
    Unreadable,
    Witness,
    plain,
)
from mockserver.errors import dumps
from mockserver.recordings.cassettes import HIDDEN
from mockserver.recordings.recorder import Headers, Recorder, Taken, secrets_in, without
from mockserver.state.journal import Journal, summarised
from specs import EVENT_STREAM, Operation, Provider

PREFIX = "/__mock__"
CONNECTING = 30.0  # seconds
FETCHING = 60.0  # for all pictures of an answer
GRACE = 5.0
HEARING = 1.0  # for the rest of a request that goes nowhere
MAX_HEADER = 64 * 1024
MAX_WAITING = 32  # exchanges that are passed on, but not judged yet
MAX_FINDINGS = 20  # of one exchange, in the journal

# RFC 9110, 7.6.1: of this connection, not of the message.
_HOP_BY_HOP = {
    *("connection", "proxy-connection", "keep-alive", "te", "transfer-encoding"),
    *("upgrade", "trailer", "proxy-authenticate", "proxy-authorization"),
}
# The client library writes the first; to the second this server has answered already.
_OURS = {"host", "expect"}
# What this server adds to an answer that has none.
ADDED = ("Content-Type", "Server")
GIVEN: web.ResponseKey[set[str]] = web.ResponseKey("given", set[str])

# Before anything was asked: no fault of an answer.
_UNREACHED = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
)

log = logging.getLogger("contracts")

T = TypeVar("T")
Say = Callable[[Mapping[str, Any]], None]


class Kept:
    """A copy of what passes, as long as it is not too large."""

    def __init__(self) -> None:
        self.size = 0
        self.is_whole = False
        self._chunks: list[bytes] = []

    def add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if self.size > MAX_KEPT:
            self._chunks.clear()
        else:
            self._chunks.append(chunk)

    @property
    def data(self) -> bytes | None:
        """All of it; None when it is more than is kept, or not whole."""
        if not self.is_whole or self.size > MAX_KEPT:
            return None
        return b"".join(self._chunks)

    @property
    def so_far(self) -> bytes:
        return b"".join(self._chunks)


@dataclass(slots=True)
class Passage:
    """An exchange on its way: what is known of it so far."""

    method: str
    path: str
    asked_with: Headers
    request: Kept = field(default_factory=Kept)
    answer: Kept = field(default_factory=Kept)
    status: int | None = None
    headers: Headers = ()
    arrivals: list[tuple[float, int]] = field(default_factory=list)
    problem: str | None = None
    because: str | None = None
    began: float = field(default_factory=time.time)
    started: float = field(default_factory=time.monotonic)
    seconds: float = 0.0

    def passed(self) -> Passed:
        body = self.answer.so_far if self.problem else self.answer.data
        return Passed(
            method=self.method,
            path=self.path.partition("?")[0],
            asked_with=self.asked_with,
            request=self.request.data,
            status=self.status,
            headers=self.headers,
            body=None if self.because or self.status is None else body,
            arrivals=tuple(self.arrivals),
            problem=self.problem,
            because=self.because,
            began=self.began,
            seconds=self.seconds,
        )


@dataclass(slots=True)
class Tally:
    """What a proxy saw in all; a finding counts once a cause."""

    exchanges: int = 0
    recorded: int = 0
    found: dict[str, Finding] = field(default_factory=dict)

    def add(self, findings: Sequence[Finding]) -> None:
        for each in findings:
            self.found.setdefault(each.fingerprint, each)

    @property
    def kinds(self) -> dict[str, int]:
        return dict(Counter(str(each.kind) for each in self.found.values()))

    @property
    def broken(self) -> int:
        return sum(each.breaks for each in self.found.values())


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
        say: Say | None = None,
    ) -> None:
        self.provider = provider
        self.upstream = upstream.rstrip("/")
        self.journal = Journal()
        self.tally = Tally()
        self._witness = Witness(provider, upstream)
        self._recorder = recorder
        self._say = say or say_nothing
        self._has_warned = False
        self._settling: set[asyncio.Future[None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._latest: asyncio.Future[None] | None = None
        # One judge: it compares an answer with those before it.
        self._bench = ThreadPoolExecutor(1, thread_name_prefix="judge")
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            # A connection that was kept alive may be closed by the upstream just when
            # it is used again, and a POST must not be sent twice.
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECTING),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=(
                "User-Agent",
                "Accept",
                "Accept-Encoding",
                "Content-Type",
            ),
            auto_decompress=False,
            trust_env=False,
            max_line_size=MAX_HEADER,
            max_field_size=MAX_HEADER,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.settled()
        if self._session is not None:
            await self._session.close()
        self._bench.shutdown()
        await self.journal.close()

    async def settled(self) -> None:
        """Wait until every exchange that has ended for its client is judged."""
        while self._settling:
            await asyncio.wait(self._settling)

    def below(self, path: str) -> str | None:
        """A request's target as the upstream's base URL goes on; None elsewhere."""
        base = self.provider.base_path
        for prefix in (f"/{self.provider.id}{base}", base):
            rest = path.removeprefix(prefix)
            if path.startswith(prefix) and rest[:1] in {"", "/", "?"}:
                return rest
        return None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Pass a request on, and what is answered back, as it comes."""
        if request.method == "CONNECT" or _is_websocket(request):
            return refused(501, "not_passed_on", "Only plain HTTP is passed on.")
        target = self.below(request.raw_path)
        if target is None:
            base = f"/{self.provider.id}{self.provider.base_path}"
            message = f"Nothing is passed on here; the base path is {base}."
            return refused(404, "not_found", message)
        while len(self._settling) >= MAX_WAITING:
            await asyncio.wait(self._settling, return_when=asyncio.FIRST_COMPLETED)
        passage = Passage(request.method, target, _end_to_end(request.headers.items()))
        settled = asyncio.get_running_loop().create_future()
        try:
            return await self._passed_on(request, passage, settled)
        except (asyncio.CancelledError, ConnectionError):
            passage.because = "the client left before its end"
            raise
        finally:
            passage.seconds = time.monotonic() - passage.started
            self._settling.add(settled)
            before, self._latest = self._latest, settled
            task = asyncio.create_task(self._settle(passage, before))
            self._tasks.add(task)
            task.add_done_callback(lambda done: self._done(done, settled))

    def _done(self, task: asyncio.Task[None], settled: asyncio.Future[None]) -> None:
        self._tasks.discard(task)
        self._settling.discard(settled)
        settled.set_result(None)
        task.result()

    async def _passed_on(
        self, request: web.Request, passage: Passage, settled: asyncio.Future[None]
    ) -> web.StreamResponse:
        if self._session is None:
            raise RuntimeError("use the relay as an asynchronous context manager")
        has_body = request.can_read_body
        passage.request.is_whole = not has_body
        try:
            answer = await self._session.request(
                request.method,
                URL(self.upstream + passage.path, encoded=True),
                headers=[
                    (k, v) for k, v in passage.asked_with if k.lower() not in _OURS
                ],
                data=_read(request, passage) if has_body else None,
                allow_redirects=False,
            )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(error, _UNREACHED):
                await self._hear_out(request, passage)
            self._see_the_rest(request, passage)
            return self._no_answer(passage, error)
        async with answer:
            if answer.status < 100:
                passage.problem = f"{answer.status} is no status"
                message = f"{self.upstream} gave no answer: {passage.problem}"
                return refused(502, "upstream_gave_no_answer", message)
            return await self._passed_back(request, answer, passage, settled)

    def _no_answer(self, passage: Passage, error: Exception) -> web.Response:
        """What the client gets when the upstream gives nothing: a 502 of our own."""
        why = one_line(str(error) or type(error).__name__)[:300]
        if passage.because is None:
            if isinstance(error, _UNREACHED):
                passage.because = f"the upstream cannot be reached: {why}"
            else:
                passage.problem = f"the exchange broke off: {why}"
        message = f"{self.upstream} gave no answer: {why}"
        return refused(502, "upstream_gave_no_answer", message)

    async def _passed_back(
        self,
        request: web.Request,
        answer: aiohttp.ClientResponse,
        passage: Passage,
        settled: asyncio.Future[None],
    ) -> web.StreamResponse:
        passage.status = answer.status
        passage.headers = _end_to_end(answer.headers.items())
        response = web.StreamResponse(status=answer.status, reason=answer.reason)
        for name, value in passage.headers:
            response.headers.add(name, value)
        response[GIVEN] = {name.lower() for name, _ in passage.headers}
        is_stream = answer.content_type == EVENT_STREAM
        is_coded = "content-encoding" in response[GIVEN]
        length = answer.content_length
        if request.method == "HEAD" or length == 0:
            self._settling.add(settled)
        await response.prepare(request)
        last = time.monotonic()
        while True:
            try:
                chunk = await answer.content.readany()
            except (aiohttp.ClientError, OSError) as error:
                passage.problem = f"the exchange broke off: {error}"
                break
            if not chunk:
                passage.answer.is_whole = True
                break
            now = time.monotonic()
            passage.answer.add(chunk)
            if is_stream and not is_coded:
                passage.arrivals.append((now - last, len(chunk)))
            last = now
            # Once the client has all, it may ask what became of it.
            if length is not None and passage.answer.size >= length:
                self._settling.add(settled)
            await response.write(chunk)
        self._see_the_rest(request, passage)
        if passage.problem is not None:
            _break_off(request)
            return response
        self._settling.add(settled)
        await response.write_eof()
        return response

    @staticmethod
    async def _hear_out(request: web.Request, passage: Passage) -> None:
        """A request that went nowhere: its body may come a moment after its head."""
        with suppress(TimeoutError, web.RequestPayloadError, OSError):
            async with asyncio.timeout(HEARING):
                async for _ in _read(request, passage):
                    pass

    @staticmethod
    def _see_the_rest(request: web.Request, passage: Passage) -> None:
        """The end of a request that was answered before it was passed on whole."""
        if not passage.request.is_whole and request.content.is_eof():
            passage.request.add(request.content.read_nowait(-1))
            passage.request.is_whole = True

    async def _settle(
        self, passage: Passage, before: asyncio.Future[None] | None
    ) -> None:
        """Judge an exchange and write it down, after those that ended before."""
        passed = passage.passed()
        operation = self._witness.operation(passed.method, passed.path)
        secrets = secrets_in(passed.asked_with)
        self.tally.exchanges += 1
        links = await self._links(passed) if operation else {}
        if before is not None:
            await before
        judged, notes, recorded = None, ["not in the document"], None
        if operation is not None:
            judged, notes = await self._judged(passed, operation, links)
        if judged is not None:
            recorded = await self._recorded(judged, links, secrets, notes)
            self.tally.add(judged.findings)
        entry = without(self._entry(passed, judged, notes, recorded), secrets)
        self.journal.record(entry)
        self._say(entry)

    async def _judged(
        self, passed: Passed, operation: Operation, links: Mapping[str, bytes | str]
    ) -> tuple[Judged | None, list[str]]:
        """What the document says of an exchange, and notes on that."""
        try:
            judged = await self._aside(self._witness.judge, passed, operation, links)
        except Exception:
            log.exception("%s %s could not be judged", passed.method, passed.path)
            return None, ["not judged: a fault of ours, in the log"]
        return judged, list(judged.notes)

    async def _aside(self, work: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(
            self._bench, work, *args
        )

    async def _links(self, passed: Passed) -> dict[str, bytes | str]:
        """What is behind the addresses in an answer, where they are the upstream's."""
        addresses = await self._aside(self._witness.addresses, passed)
        here = _origin(self.upstream)
        urls = [url for url in dict.fromkeys(addresses) if _origin(url) == here]
        until = time.monotonic() + FETCHING
        found: dict[str, bytes | str] = {}
        for url in urls[:MAX_PICTURES]:
            left = until - time.monotonic()
            if left > 0:
                found[url] = await self._fetched(url, left)
        return found

    async def _fetched(self, url: str, patience: float) -> bytes | str:
        """A picture, or what is wrong at its address; no key is sent."""
        if self._session is None:
            raise RuntimeError("use the relay as an asynchronous context manager")
        kept = Kept()
        try:
            async with self._session.get(
                URL(url, encoded=True),
                headers={"Accept-Encoding": "identity", "User-Agent": "imageparity"},
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=patience),
            ) as answer:
                if answer.status != 200:
                    return f"is not at its address: {answer.status}"
                if not answer.content_type.startswith("image/"):
                    return f"is served as {answer.content_type}, not as a picture"
                async for chunk in answer.content.iter_any():
                    kept.add(chunk)
                    if kept.size > MAX_KEPT:
                        return f"has more than {MAX_KEPT} bytes"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return f"is not at its address: {error or type(error).__name__}"
        return kept.so_far

    async def _recorded(
        self,
        judged: Judged,
        links: Mapping[str, bytes | str],
        secrets: Sequence[str],
        notes: list[str],
    ) -> str | None:
        """The name of the file that an exchange was written to."""
        if self._recorder is None:
            return None
        try:
            taken = self._taken(judged, links, secrets)
            path = await self._aside(self._recorder.record, taken)
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
        self.tally.recorded += 1
        return path.name

    def _taken(
        self, judged: Judged, links: Mapping[str, bytes | str], secrets: Sequence[str]
    ) -> Taken:
        """An exchange for the recorder. Raises `Unreadable` when it is not whole."""
        passed, received = judged.passed, judged.asked.received
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
        for url in self._witness.addresses(passed):
            pictures.setdefault(url, None)
        return Taken(
            provider=self.provider.id,
            operation=judged.operation.id,
            payload=received.payload,
            status=passed.status,
            headers=passed.headers,
            body=plain(passed.body, coding),
            arrivals=passed.arrivals,
            links=pictures,
            secrets=secrets,
            method=passed.method,
            path=passed.path,
            media_type=received.body.media_type,
            asked_with=passed.asked_with,
            at=passed.began,
        )

    def _entry(
        self,
        passed: Passed,
        judged: Judged | None,
        notes: Sequence[str],
        recorded: str | None,
    ) -> dict[str, Any]:
        """An exchange as the journal keeps it: the mock's shape, and what was found."""
        asked = judged.asked if judged else None
        received = asked.received if asked else None
        names = {key.lower(): value for key, value in passed.headers}
        findings = judged.findings if judged else ()
        return {
            "provider": self.provider.id,
            "namespace": "",
            "at": passed.began,
            "request_id": names.get("x-request-id", ""),
            "operation": judged.operation.id if judged else None,
            "method": passed.method,
            "path": passed.path,
            "key": HIDDEN if passed.key else "",
            "client": passed.header("user-agent")[:200],
            "media_type": received.body.media_type if received else None,
            "payload": summarised(received.payload) if received else None,
            "decision": {
                "state": asked.state if asked else None,
                "trigger": None,
                "error": asked.faults[0].error if asked and asked.faults else None,
                "because": asked.because if asked else None,
                "violations": self._violations(judged) if judged else [],
            },
            "status": passed.status,
            "images": judged.pictures if judged else 0,
            "cost": dict(judged.cost) if judged else {},
            "seconds": round(passed.seconds, 6),
            "outcome": "answered" if passed.body is not None else "aborted",
            "problem": passed.problem,
            "findings": [_short(each) for each in findings[:MAX_FINDINGS]],
            "notes": list(notes),
            "recorded": recorded,
        }

    def _violations(self, judged: Judged) -> list[dict[str, Any]]:
        """What is wrong with a request, by the document."""
        verdict = judged.asked.verdict
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
        for fault in judged.asked.faults:
            if not any(fault.claim.endswith(f"/{each}") for each in known):
                evidence = self._witness.evidence(fault.claim, judged.operation)
                found.insert(
                    0,
                    {
                        "param": None,
                        "message": judged.asked.because
                        or self._witness.sentence(fault.claim),
                        "claim": fault.claim,
                        "source": evidence.source,
                        "basis": evidence.basis,
                    },
                )
        return found


async def _read(request: web.Request, passage: Passage) -> AsyncIterator[bytes]:
    """A request's body as it comes, and a copy of it."""
    try:
        async for chunk in request.content.iter_any():
            passage.request.add(chunk)
            yield chunk
    except (web.RequestPayloadError, OSError) as error:
        passage.because = f"the request broke off: {error}"
        raise
    passage.request.is_whole = True


def _end_to_end(headers: Any) -> list[tuple[str, str]]:
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


def _break_off(request: web.Request) -> None:
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


def _short(found: Finding) -> dict[str, Any]:
    return {
        "kind": found.kind,
        "check": found.check,
        "claim": found.claim,
        "basis": found.basis,
        "breaks": found.breaks,
        "source": found.source,
        "source_url": found.source_url,
        "message": found.message,
        "expected": found.expected,
        "fingerprint": found.fingerprint,
        "curl": found.request["curl"],
    }


def refused(status: int, type_: str, message: str) -> web.Response:
    error = {"message": f"imageparity proxy: {message}", "type": type_}
    return web.json_response({"error": error}, status=status, dumps=dumps)


def say_nothing(entry: Mapping[str, Any]) -> None:
    """For who reads the journal instead."""
