"""Cases onto the wire and answers back: bounded in time, size and number."""

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from contracts.errors import HarnessError
from contracts.execution.recording import CassetteSession
from contracts.judging.interaction import MAX_IMAGES, Interaction, url_problem
from contracts.media.image.samples import LARGE_PAYLOAD_BYTES, estimated_bytes
from contracts.planning.case import TARGET_KEY, Case, body_chunks
from mockserver.media.payloads import ChunkedPayload
from specs import Operation

MAX_RESPONSE_BYTES = 128 * 1024 * 1024  # bytes for one question, its pictures included
OCTET_STREAM = "application/octet-stream"
LARGE_RESPONSE_BYTES = (
    8 * 1024 * 1024
)  # bytes of an answer that come before it is its turn
MAX_PARTIAL_BYTES = 64 * 1024  # bytes of an answer that is not whole
MAX_LINK_TIMEOUTS = (
    3  # times that they took all patience, after which none is looked at
)
MAX_HEADER_LENGTH = (
    1000  # characters of a header's value, of which no more is looked at
)
MAX_PROBLEM_LENGTH = 300  # characters
RESPONSE_TIMEOUT = 120.0
MAX_ATTEMPTS = 3
MAX_RETRY_DELAY = 20.0
MAX_RETRY_DELAY_LIVE = 120.0
MINUTE = 60.0
_DELAY_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


class Unreachable(HarnessError):
    """No server listens at the base URL."""


@dataclass(frozen=True)
class Target:
    """Where a provider is, and the key for it; the key never shows."""

    base_url: str
    key: str = field(repr=False)
    is_mock: bool = False

    def url(self, case: Case, operation: Operation) -> str:
        return self.base_url.rstrip("/") + (case.path or operation.path)


class RateLimiter:
    """Lets so many pass a minute, evenly."""

    def __init__(self, per_minute: float | None) -> None:
        self._interval = MINUTE / per_minute if per_minute else 0.0
        self._next_slot = 0.0

    async def wait(self) -> None:
        if not self._interval:
            return
        now = time.monotonic()
        turn = max(now, self._next_slot)
        self._next_slot = turn + self._interval
        await asyncio.sleep(turn - now)


@dataclass(slots=True)
class ResponseBudget:
    """
    What one question may bring: more than `FREELY` only when it is its `turn`.

    So one large answer at a time is held, however many are under way.
    """

    large_answer_turn: asyncio.Event | None = None
    received_bytes: int = 0
    queued_seconds: float = 0.0

    @property
    def is_exceeded(self) -> bool:
        return self.received_bytes > MAX_RESPONSE_BYTES

    async def take(self, count: int, deadline: asyncio.Timeout) -> None:
        """Count so many bytes; waiting for a turn is not the other side's delay."""
        self.received_bytes += count
        if (
            self.received_bytes <= LARGE_RESPONSE_BYTES
            or self.large_answer_turn is None
            or self.large_answer_turn.is_set()
        ):
            return
        loop = asyncio.get_running_loop()
        began = loop.time()
        left = (deadline.when() or began) - began
        deadline.reschedule(None)
        await self.large_answer_turn.wait()
        deadline.reschedule(loop.time() + left)
        self.queued_seconds += loop.time() - began


class Sender:
    """
    Sends cases to one target, so many at once and `rate` a minute.

    An answer has `patience` seconds to come, the pictures at its addresses as many
    again. With a `tape` exchanges are written down, or taken from it without any
    network. An asynchronous context manager.
    """

    def __init__(
        self,
        target: Target,
        *,
        max_connections: int = 16,
        rate: float | None = None,
        max_retry_delay: float = MAX_RETRY_DELAY,
        timeout: float = RESPONSE_TIMEOUT,
        cassette: CassetteSession | None = None,
    ) -> None:
        self.target = target
        self._max_connections = max_connections
        self._rate_limiter = RateLimiter(rate)
        self._max_retry_delay = max_retry_delay
        self._timeout = timeout
        self._cassette = cassette
        self._link_timeouts = 0
        self._large_request_lock = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._max_connections),
            timeout=aiohttp.ClientTimeout(total=None),
            headers={"User-Agent": "imageparity"},
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def check_reachable(self) -> None:
        """Raises `Unreachable` when nobody listens at the target's address."""
        if self._cassette is not None and self._cassette.cassettes is not None:
            return
        parts = urlsplit(self.target.base_url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            _, writer = await asyncio.wait_for(
                asyncio.open_connection(parts.hostname, port), 10
            )
        except (OSError, TimeoutError) as error:
            reason = str(error) or "no answer in 10 s"
            raise Unreachable(f"{self.target.base_url}: {reason}") from None
        writer.close()

    async def send(
        self,
        case: Case,
        operation: Operation,
        large_answer_turn: asyncio.Event | None = None,
    ) -> Interaction:
        """
        The exchange of a case; a 429 that nobody asked for is waited out.

        A large answer waits for its `turn`, if there is one. Of heavy requests that do
        one is under way at a time, so that not all of them are held at once.
        """
        if (
            large_answer_turn is None
            or estimated_bytes(case.payload) <= LARGE_PAYLOAD_BYTES
        ):
            return await self._send(case, operation, large_answer_turn)
        async with self._large_request_lock:
            return await self._send(case, operation, large_answer_turn)

    async def _send(
        self, case: Case, operation: Operation, large_answer_turn: asyncio.Event | None
    ) -> Interaction:
        body, content_type = body_chunks(case)
        if self._cassette is not None and self._cassette.cassettes is not None:
            found = await self._cassette.replay(case, b"".join(body))
            await asyncio.to_thread(lambda: found.pictures)
            return found
        for tries in range(1, MAX_ATTEMPTS + 1):
            await self._rate_limiter.wait()
            allowance = ResponseBudget(large_answer_turn)
            found = await self._send_once(
                case, operation, body, content_type, allowance
            )
            pause = _retry_delay(found, case, self._max_retry_delay)
            if pause is None or tries == MAX_ATTEMPTS:
                break
            await asyncio.sleep(pause)
        found = await self._fetch_images(found, allowance)
        if self._cassette is not None:
            await self._cassette.record(found, b"".join(body), self.target.key)
        return found

    async def _send_once(
        self,
        case: Case,
        operation: Operation,
        body: Sequence[bytes],
        content_type: str | None,
        response_budget: ResponseBudget,
    ) -> Interaction:
        headers = dict(case.headers)
        if content_type:
            headers["Content-Type"] = content_type
        if case.auth == TARGET_KEY:
            headers["Authorization"] = f"Bearer {self.target.key}"
        elif case.auth is not None:
            headers["Authorization"] = case.auth
        method = case.method or operation.method
        url = self.target.url(case, operation)
        found = await send_request(
            self._open_session,
            case,
            method,
            url,
            body,
            headers,
            timeout=self._timeout,
            response_budget=response_budget,
        )
        return self._redact_key(found)

    @property
    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("use the sender as an asynchronous context manager")
        return self._session

    def _redact_key(self, interaction: Interaction) -> Interaction:
        """The same, should the key be repeated where nobody looks for it."""
        key = self.target.key
        if not key or key not in f"{interaction.problem} {interaction.headers}":
            return interaction
        hidden = {
            name: text.replace(key, "***") for name, text in interaction.headers.items()
        }
        problem = interaction.problem and interaction.problem.replace(key, "***")
        return replace(interaction, headers=hidden, problem=problem)

    async def _fetch_images(
        self, interaction: Interaction, response_budget: ResponseBudget
    ) -> Interaction:
        """The same with the pictures behind its addresses, decoded aside."""
        if interaction.is_success and interaction.problem is None:
            here = _origin(self.target.base_url)
            urls = [each for each in _image_urls(interaction) if _origin(each) == here]
            until = time.monotonic() + self._timeout
            fetched: dict[str, bytes | str] = {}
            for url in urls:
                left = until - time.monotonic()
                if left <= 0 or self._link_timeouts == MAX_LINK_TIMEOUTS:
                    fetched[url] = "is not looked at: others took too long"
                else:
                    fetched[url] = await self._fetch_image(
                        interaction.case, url, left, response_budget
                    )
            self._link_timeouts += time.monotonic() >= until
            if fetched:
                interaction = replace(interaction, fetched=fetched)
            await asyncio.to_thread(lambda: interaction.pictures)
        return interaction

    async def _fetch_image(
        self, case: Case, url: str, timeout: float, response_budget: ResponseBudget
    ) -> bytes | str:
        """The picture at an address, or what is wrong with it; no key is sent."""
        answer = await send_request(
            self._open_session,
            case,
            "GET",
            url,
            (),
            {},
            timeout=timeout,
            response_budget=response_budget,
        )
        if answer.problem or answer.status != 200:
            return f"is not at its address: {answer.problem or answer.status}"
        if not answer.content_type.startswith("image/"):
            return f"is served as {answer.content_type or 'nothing'}, not as a picture"
        return answer.body


async def send_request(
    session: aiohttp.ClientSession,
    case: Case,
    method: str,
    url: str,
    body: Sequence[bytes],
    headers: Mapping[str, str],
    *,
    timeout: float = RESPONSE_TIMEOUT,
    first_byte: asyncio.Event | None = None,
    response_budget: ResponseBudget | None = None,
) -> Interaction:
    """
    One request, and as much of an answer as came within `patience` seconds.

    The pieces of `body` follow one another. No redirect is followed. `arrived` is set
    with the first bytes of the answer. Of one that is not whole, or beyond its
    `allowance`, the beginning is kept.
    """
    started = time.monotonic()
    status: int | None = None
    got: dict[str, str] = {}
    answer = bytearray()
    problem: str | None = None
    response_budget = response_budget or ResponseBudget()
    try:
        async with (
            asyncio.timeout(timeout) as limit,
            session.request(
                method,
                url,
                data=ChunkedPayload(body, OCTET_STREAM),
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=None),
            ) as response,
        ):
            status = response.status
            got = {
                name.lower(): _replace_invalid_utf8(value)[:MAX_HEADER_LENGTH]
                for name, value in response.headers.items()
            }
            if status < 100:
                problem = f"{status} is no status"
            async for chunk in response.content.iter_any():
                if first_byte is not None:
                    first_byte.set()
                await response_budget.take(len(chunk), limit)
                if response_budget.is_exceeded:
                    problem = f"the answer has more than {MAX_RESPONSE_BYTES} bytes"
                    response.close()
                    break
                answer += chunk
    except TimeoutError:
        problem = f"no whole answer within {timeout:.3g} s"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        why = (
            " ".join(_replace_invalid_utf8(str(error)).split()) or type(error).__name__
        )
        problem = f"the exchange broke off: {why[:MAX_PROBLEM_LENGTH]}"
    if problem is not None:
        del answer[MAX_PARTIAL_BYTES:]
    seconds = time.monotonic() - started - response_budget.queued_seconds
    return Interaction(case, status, got, bytes(answer), seconds, problem)


def _replace_invalid_utf8(text: str) -> str:
    """A text that can be written: bytes that are no UTF-8 are replaced."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _image_urls(interaction: Interaction) -> list[str]:
    """The addresses of its pictures on the web, each once."""
    urls = [item.get("url") for item in interaction.items[:MAX_IMAGES]]
    known = dict.fromkeys(each for each in urls if isinstance(each, str))
    return [each for each in known if each.startswith("http") and not url_problem(each)]


def _origin(url: str) -> URL | None:
    """Scheme, host and port; None for what is no address."""
    try:
        return URL(url).origin()
    except ValueError:
        return None


def _retry_delay(
    interaction: Interaction, case: Case, max_delay: float
) -> float | None:
    """How long to wait before asking again; None when the answer stands."""
    wanted = case.expected_error.error if case.expected_error else None
    if interaction.status != 429 or wanted == "rate_limited" or case.headers:
        return None
    text = interaction.headers.get("retry-after", "1")
    seconds = float(text) if _DELAY_SECONDS.fullmatch(text) else 1.0
    return seconds if seconds <= max_delay else None
