"""Send test cases to a server: paced, retried after a 429, with their images."""

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
from contracts.execution.http import RESPONSE_TIMEOUT, ResponseBudget, send_request
from contracts.execution.recording import CassetteSession
from contracts.judging.interaction import (
    MAX_IMAGES,
    REDACTED_KEY,
    Interaction,
    url_problem,
)
from contracts.media.image.samples import LARGE_PAYLOAD_BYTES, estimated_bytes
from contracts.planning.case import Case, authorization_header, body_chunks
from specs import Operation

CONNECT_TIMEOUT = 10  # seconds
MAX_LINK_TIMEOUTS = 3  # cases with links that time out, after which none is fetched
MAX_ATTEMPTS = 3
MAX_RETRY_DELAY = 20.0  # seconds; a longer Retry-After is not waited for
MAX_RETRY_DELAY_LIVE = 120.0  # seconds
MINUTE = 60.0  # seconds
_DELAY_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


class Unreachable(HarnessError):
    """No server listens at the base URL."""


@dataclass(frozen=True)
class Target:
    """A base URL and the API key for it; the key is not part of the `repr`."""

    base_url: str
    key: str = field(repr=False)
    is_mock: bool = False

    def url(self, case: Case, operation: Operation) -> str:
        return self.base_url.rstrip("/") + (case.path or operation.path)


class RateLimiter:
    """Spaces requests evenly: at most `per_minute`; None for no limit."""

    def __init__(self, per_minute: float | None) -> None:
        self._interval = MINUTE / per_minute if per_minute else 0.0
        self._next_slot = 0.0

    async def wait(self) -> None:
        if not self._interval:
            return
        now = time.monotonic()
        slot = max(now, self._next_slot)
        self._next_slot = slot + self._interval
        await asyncio.sleep(slot - now)


class Sender:
    """
    Sends cases to one target, over at most `max_connections`.

    At most `rate` requests per minute are sent. A response times out after `timeout`
    seconds, and fetching the images of its links after as many again. A `cassette`
    records the exchanges, or replaces the network by recorded ones. An asynchronous
    context manager.
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
        """Raise `Unreachable` if no server listens at the base URL."""
        if self._cassette is not None and self._cassette.cassettes is not None:
            return
        parts = urlsplit(self.target.base_url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            _, writer = await asyncio.wait_for(
                asyncio.open_connection(parts.hostname, port), CONNECT_TIMEOUT
            )
        except (OSError, TimeoutError) as error:
            reason = str(error) or f"no connection within {CONNECT_TIMEOUT} s"
            raise Unreachable(f"{self.target.base_url}: {reason}") from None
        writer.close()

    async def send(
        self,
        case: Case,
        operation: Operation,
        large_answer_turn: asyncio.Event | None = None,
    ) -> Interaction:
        """
        Send a case; after an unexpected 429, wait and send it again.

        A large response waits until `large_answer_turn` is set. Given that event, large
        requests are sent one at a time, so that few of them are in memory.
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
            interaction = await self._cassette.replay(case, b"".join(body))
            await asyncio.to_thread(lambda: interaction.pictures)
            return interaction
        earlier_429: list[Mapping[str, str]] = []
        for attempt in range(1, MAX_ATTEMPTS + 1):
            await self._rate_limiter.wait()
            budget = ResponseBudget(large_answer_turn)
            interaction = await self._send_once(
                case, operation, body, content_type, budget
            )
            delay = _retry_delay(interaction, case, self._max_retry_delay)
            if delay is None or attempt == MAX_ATTEMPTS:
                break
            earlier_429.append(interaction.headers)
            await asyncio.sleep(delay)
        if earlier_429:
            interaction = replace(interaction, earlier_429=tuple(earlier_429))
        interaction = await self._fetch_images(interaction, budget)
        if self._cassette is not None:
            await self._cassette.record(interaction, b"".join(body), self.target.key)
        return interaction

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
        authorization = authorization_header(case.auth, self.target.key)
        if authorization is not None:
            headers["Authorization"] = authorization
        method = case.method or operation.method
        url = self.target.url(case, operation)
        interaction = await send_request(
            self._open_session,
            case,
            method,
            url,
            body,
            headers,
            timeout=self._timeout,
            response_budget=response_budget,
        )
        return self._redact_key(interaction)

    @property
    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("enter the sender first: async with Sender(…)")
        return self._session

    def _redact_key(self, interaction: Interaction) -> Interaction:
        """The interaction without the API key in its headers and its problem."""
        key = self.target.key
        if not key or key not in f"{interaction.problem} {interaction.headers}":
            return interaction
        hidden = {
            name: text.replace(key, REDACTED_KEY)
            for name, text in interaction.headers.items()
        }
        problem = interaction.problem and interaction.problem.replace(key, REDACTED_KEY)
        return replace(interaction, headers=hidden, problem=problem)

    async def _fetch_images(
        self, interaction: Interaction, response_budget: ResponseBudget
    ) -> Interaction:
        """The interaction with the images of its links, decoded in a thread."""
        if interaction.is_success and interaction.problem is None:
            here = _origin(self.target.base_url)
            urls = [each for each in _image_urls(interaction) if _origin(each) == here]
            until = time.monotonic() + self._timeout
            fetched: dict[str, bytes | str] = {}
            for url in urls:
                left = until - time.monotonic()
                if left <= 0 or self._link_timeouts == MAX_LINK_TIMEOUTS:
                    fetched[url] = "was not fetched: earlier links timed out"
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
        """The image at a URL, or what is wrong with it; no API key is sent."""
        response = await send_request(
            self._open_session,
            case,
            "GET",
            url,
            (),
            {},
            timeout=timeout,
            response_budget=response_budget,
        )
        if response.problem or response.status != 200:
            return f"was not returned by its URL: {response.problem or response.status}"
        content_type = response.content_type
        if not content_type.startswith("image/"):
            return f"has the content type {content_type or 'none'}, not image/*"
        return response.body


def _image_urls(interaction: Interaction) -> list[str]:
    """The distinct HTTP URLs of the images of a response."""
    urls = [item.get("url") for item in interaction.items[:MAX_IMAGES]]
    known = dict.fromkeys(each for each in urls if isinstance(each, str))
    return [each for each in known if each.startswith("http") and not url_problem(each)]


def _origin(url: str) -> URL | None:
    """Scheme, host and port; None for an invalid URL."""
    try:
        return URL(url).origin()
    except ValueError:
        return None


def _retry_delay(
    interaction: Interaction, case: Case, max_delay: float
) -> float | None:
    """The seconds to wait before sending again; None if the response is final."""
    wanted = case.expected_error.error if case.expected_error else None
    if interaction.status != 429 or wanted == "rate_limited" or case.headers:
        return None
    text = interaction.headers.get("retry-after", "1")
    seconds = float(text) if _DELAY_SECONDS.fullmatch(text) else 1.0
    return seconds if seconds <= max_delay else None
