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

from contracts.execution.recording import Tape
from contracts.judging.interaction import MAX_PICTURES, Interaction, nowhere
from contracts.media.image.samples import HEAVY, weight
from contracts.planning.case import AUTHORISED, Case, pieces_of
from mockserver.media.payloads import Parts
from specs import Operation

MAX_ANSWER = 128 * 1024 * 1024  # bytes for one question, its pictures included
BYTES = "application/octet-stream"
FREELY = 8 * 1024 * 1024  # bytes of an answer that come before it is its turn
KEPT = 64 * 1024  # bytes of an answer that is not whole
LATE_LINKS = 3  # times that they took all patience, after which none is looked at
MAX_HEADER = 1000  # characters of a header's value, of which no more is looked at
MAX_PROBLEM = 300  # characters
PATIENCE = 120.0
RETRIES = 3
LONGEST_PAUSE = 20.0
LONGEST_PAUSE_LIVE = 120.0
MINUTE = 60.0
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


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


@dataclass(slots=True)
class Allowance:
    """
    What one question may bring: more than `FREELY` only when it is its `turn`.

    So one large answer at a time is held, however many are under way.
    """

    turn: asyncio.Event | None = None
    taken: int = 0
    waited: float = 0.0

    @property
    def is_spent(self) -> bool:
        return self.taken > MAX_ANSWER

    async def take(self, count: int, limit: asyncio.Timeout) -> None:
        """Count so many bytes; waiting for a turn is not the other side's delay."""
        self.taken += count
        if self.taken <= FREELY or self.turn is None or self.turn.is_set():
            return
        loop = asyncio.get_running_loop()
        began = loop.time()
        left = (limit.when() or began) - began
        limit.reschedule(None)
        await self.turn.wait()
        limit.reschedule(loop.time() + left)
        self.waited += loop.time() - began


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
        at_once: int = 16,
        rate: float | None = None,
        longest_pause: float = LONGEST_PAUSE,
        patience: float = PATIENCE,
        tape: Tape | None = None,
    ) -> None:
        self.target = target
        self._at_once = at_once
        self._pace = Pace(rate)
        self._longest_pause = longest_pause
        self._patience = patience
        self._tape = tape
        self._late_links = 0
        self._heavy = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._at_once),
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

    async def send(
        self, case: Case, operation: Operation, turn: asyncio.Event | None = None
    ) -> Interaction:
        """
        The exchange of a case; a 429 that nobody asked for is waited out.

        A large answer waits for its `turn`, if there is one. Of heavy requests that do
        one is under way at a time, so that not all of them are held at once.
        """
        if turn is None or weight(case.payload) <= HEAVY:
            return await self._send(case, operation, turn)
        async with self._heavy:
            return await self._send(case, operation, turn)

    async def _send(
        self, case: Case, operation: Operation, turn: asyncio.Event | None
    ) -> Interaction:
        body, content_type = pieces_of(case)
        if self._tape is not None and self._tape.cassettes is not None:
            found = await self._tape.play(case, b"".join(body))
            await asyncio.to_thread(lambda: found.pictures)
            return found
        for tries in range(1, RETRIES + 1):
            await self._pace.wait()
            allowance = Allowance(turn)
            found = await self._once(case, operation, body, content_type, allowance)
            pause = _pause(found, case, self._longest_pause)
            if pause is None or tries == RETRIES:
                break
            await asyncio.sleep(pause)
        found = await self._with_pictures(found, allowance)
        if self._tape is not None:
            await self._tape.keep(found, b"".join(body), self.target.key)
        return found

    async def _once(
        self,
        case: Case,
        operation: Operation,
        body: Sequence[bytes],
        content_type: str | None,
        allowance: Allowance,
    ) -> Interaction:
        headers = dict(case.headers)
        if content_type:
            headers["Content-Type"] = content_type
        if case.auth == AUTHORISED:
            headers["Authorization"] = f"Bearer {self.target.key}"
        elif case.auth is not None:
            headers["Authorization"] = case.auth
        method = case.method or operation.method
        url = self.target.url(case, operation)
        found = await exchange(
            self._open,
            case,
            method,
            url,
            body,
            headers,
            patience=self._patience,
            allowance=allowance,
        )
        return self._without_key(found)

    @property
    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("use the sender as an asynchronous context manager")
        return self._session

    def _without_key(self, found: Interaction) -> Interaction:
        """The same, should the key be repeated where nobody looks for it."""
        key = self.target.key
        if not key or key not in f"{found.problem} {found.headers}":
            return found
        hidden = {
            name: text.replace(key, "***") for name, text in found.headers.items()
        }
        problem = found.problem and found.problem.replace(key, "***")
        return replace(found, headers=hidden, problem=problem)

    async def _with_pictures(
        self, found: Interaction, allowance: Allowance
    ) -> Interaction:
        """The same with the pictures behind its addresses, decoded aside."""
        if found.is_success and found.problem is None:
            here = _origin(self.target.base_url)
            urls = [each for each in _addresses(found) if _origin(each) == here]
            until = time.monotonic() + self._patience
            fetched: dict[str, bytes | str] = {}
            for url in urls:
                left = until - time.monotonic()
                if left <= 0 or self._late_links == LATE_LINKS:
                    fetched[url] = "is not looked at: others took too long"
                else:
                    fetched[url] = await self._fetch(found.case, url, left, allowance)
            self._late_links += time.monotonic() >= until
            if fetched:
                found = replace(found, fetched=fetched)
            await asyncio.to_thread(lambda: found.pictures)
        return found

    async def _fetch(
        self, case: Case, url: str, patience: float, allowance: Allowance
    ) -> bytes | str:
        """The picture at an address, or what is wrong with it; no key is sent."""
        answer = await exchange(
            self._open,
            case,
            "GET",
            url,
            (),
            {},
            patience=patience,
            allowance=allowance,
        )
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
    body: Sequence[bytes],
    headers: Mapping[str, str],
    *,
    patience: float = PATIENCE,
    arrived: asyncio.Event | None = None,
    allowance: Allowance | None = None,
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
    allowance = allowance or Allowance()
    try:
        async with (
            asyncio.timeout(patience) as limit,
            session.request(
                method,
                url,
                data=Parts(body, BYTES),
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=None),
            ) as response,
        ):
            status = response.status
            got = {
                name.lower(): _text(value)[:MAX_HEADER]
                for name, value in response.headers.items()
            }
            if status < 100:
                problem = f"{status} is no status"
            async for chunk in response.content.iter_any():
                if arrived is not None:
                    arrived.set()
                await allowance.take(len(chunk), limit)
                if allowance.is_spent:
                    problem = f"the answer has more than {MAX_ANSWER} bytes"
                    response.close()
                    break
                answer += chunk
    except TimeoutError:
        problem = f"no whole answer within {patience:.3g} s"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        why = " ".join(_text(str(error)).split()) or type(error).__name__
        problem = f"the exchange broke off: {why[:MAX_PROBLEM]}"
    if problem is not None:
        del answer[KEPT:]
    seconds = time.monotonic() - started - allowance.waited
    return Interaction(case, status, got, bytes(answer), seconds, problem)


def _text(text: str) -> str:
    """A text that can be written: bytes that are no UTF-8 are replaced."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _addresses(found: Interaction) -> list[str]:
    """The addresses of its pictures on the web, each once."""
    urls = [item.get("url") for item in found.items[:MAX_PICTURES]]
    known = dict.fromkeys(each for each in urls if isinstance(each, str))
    return [each for each in known if each.startswith("http") and not nowhere(each)]


def _origin(url: str) -> URL | None:
    """Scheme, host and port; None for what is no address."""
    try:
        return URL(url).origin()
    except ValueError:
        return None


def _pause(found: Interaction, case: Case, longest: float) -> float | None:
    """How long to wait before asking again; None when the answer stands."""
    wanted = case.fault.error if case.fault else None
    if found.status != 429 or wanted == "rate_limited" or case.headers:
        return None
    text = found.headers.get("retry-after", "1")
    seconds = float(text) if _SECONDS.fullmatch(text) else 1.0
    return seconds if seconds <= longest else None
