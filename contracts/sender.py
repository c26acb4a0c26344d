"""Cases onto the wire and answers back: bounded in time, size and number."""

import asyncio
import io
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp

from contracts.cases import AUTHORISED, Case, body_of
from contracts.interaction import Interaction
from contracts.tapes import Tape
from specs import Operation

MAX_ANSWER = 128 * 1024 * 1024
PATIENCE = 120.0
RETRIES = 3
LONGEST_PAUSE = 20.0
LONGEST_PAUSE_LIVE = 120.0
MINUTE = 60.0


class Unreachable(Exception):
    """Nobody answers at the address."""


@dataclass(frozen=True)
class Target:
    """Where a provider is, and the key for it; the key never shows."""

    base_url: str
    key: str = field(repr=False)
    is_mock: bool = False

    def url(self, case: Case, operation: Operation) -> str:
        return self.base_url.rstrip("/") + (case.path or operation.path)


class Pace:
    """Lets so many pass a minute, evenly."""

    def __init__(self, per_minute: float | None) -> None:
        self._gap = MINUTE / per_minute if per_minute else 0.0
        self._next = 0.0

    async def wait(self) -> None:
        if not self._gap:
            return
        now = time.monotonic()
        turn = max(now, self._next)
        self._next = turn + self._gap
        await asyncio.sleep(turn - now)


class Sender:
    """
    Sends cases to one target, so many at once and `rate` a minute.

    With a `tape` exchanges are written down, or taken from it without any network.
    An asynchronous context manager.
    """

    def __init__(
        self,
        target: Target,
        *,
        at_once: int = 16,
        rate: float | None = None,
        longest_pause: float = LONGEST_PAUSE,
        tape: Tape | None = None,
    ) -> None:
        self.target = target
        self._at_once = at_once
        self._pace = Pace(rate)
        self._longest_pause = longest_pause
        self._tape = tape
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._at_once),
            timeout=aiohttp.ClientTimeout(total=PATIENCE),
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

    async def reach(self) -> None:
        """Raises `Unreachable` when nobody listens at the target's address."""
        if self._tape is not None and self._tape.cassettes is not None:
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

    async def send(self, case: Case, operation: Operation) -> Interaction:
        """The exchange of a case; a 429 that nobody asked for is waited out."""
        body, content_type = body_of(case)
        if self._tape is not None and self._tape.cassettes is not None:
            found = await self._tape.play(case, body)
            await asyncio.to_thread(lambda: found.pictures)
            return found
        for _ in range(RETRIES):
            await self._pace.wait()
            found = await self._once(case, operation, body, content_type)
            pause = _pause(found, case, self._longest_pause)
            if pause is None:
                break
            await asyncio.sleep(pause)
        found = await self._with_pictures(found)
        if self._tape is not None:
            await self._tape.keep(found, body, self.target.key)
        return found

    async def _once(
        self,
        case: Case,
        operation: Operation,
        body: bytes,
        content_type: str | None,
    ) -> Interaction:
        headers = dict(case.headers)
        if content_type:
            headers["Content-Type"] = content_type
        if case.auth == AUTHORISED:
            headers["Authorization"] = f"Bearer {self.target.key}"
        elif case.auth is not None:
            headers["Authorization"] = case.auth
        method = case.method or operation.method
        return await self._exchange(
            case, method, self.target.url(case, operation), body, headers
        )

    async def _exchange(
        self,
        case: Case,
        method: str,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
    ) -> Interaction:
        if self._session is None:
            raise RuntimeError("use the sender as an asynchronous context manager")
        return await exchange(self._session, case, method, url, body, headers)

    async def _with_pictures(self, found: Interaction) -> Interaction:
        """The same with the pictures behind its addresses, decoded aside."""
        if found.is_success:
            fetched: dict[str, bytes | str] = {}
            for url in _addresses(found):
                if _origin(url) == _origin(self.target.base_url):
                    fetched[url] = await self._fetch(found.case, url)
            if fetched:
                found = replace(found, fetched=fetched)
            await asyncio.to_thread(lambda: found.pictures)
        return found

    async def _fetch(self, case: Case, url: str) -> bytes | str:
        """The picture at an address, or what is wrong with it; no key is sent."""
        answer = await self._exchange(case, "GET", url, b"", {})
        if answer.problem or answer.status != 200:
            return f"is not at its address: {answer.problem or answer.status}"
        if not answer.content_type.startswith("image/"):
            return f"is served as {answer.content_type or 'nothing'}, not as a picture"
        return answer.body


async def exchange(
    session: aiohttp.ClientSession,
    case: Case,
    method: str,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    patience: float = PATIENCE,
    arrived: asyncio.Event | None = None,
) -> Interaction:
    """
    One request, and as much of an answer as came within `patience` seconds.

    No redirect is followed. `arrived` is set with the first bytes of the body.
    """
    started = time.monotonic()
    status: int | None = None
    got: dict[str, str] = {}
    answer = bytearray()
    problem: str | None = None
    try:
        async with session.request(
            method,
            url,
            data=io.BytesIO(body),  # bytes in one piece would hold the loop
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=patience),
        ) as response:
            status = response.status
            got = {key.lower(): value for key, value in response.headers.items()}
            async for chunk in response.content.iter_any():
                answer += chunk
                if arrived is not None:
                    arrived.set()
                if len(answer) > MAX_ANSWER:
                    problem = f"the answer has more than {MAX_ANSWER} bytes"
                    break
    except TimeoutError:
        problem = f"no whole answer within {patience:.0f} s"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        problem = f"the exchange broke off: {error or type(error).__name__}"
    seconds = time.monotonic() - started
    return Interaction(case, status, got, bytes(answer), seconds, problem)


def _addresses(found: Interaction) -> list[str]:
    urls = [item.get("url") for item in found.items]
    return [each for each in urls if isinstance(each, str) and each.startswith("http")]


def _origin(url: str) -> tuple[Any, ...]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _pause(found: Interaction, case: Case, longest: float) -> float | None:
    """How long to wait before asking again; None when the answer stands."""
    wanted = case.fault.error if case.fault else None
    if found.status != 429 or wanted == "rate_limited" or case.headers:
        return None
    text = found.headers.get("retry-after", "1")
    seconds = float(text) if text.replace(".", "", 1).isdigit() else 1.0
    return seconds if seconds <= longest else None
