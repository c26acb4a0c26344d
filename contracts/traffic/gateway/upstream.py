"""The upstream of a gateway: our mock, behind a relay that remembers every byte."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

import mockserver
from mockserver.errors import Rejected
from mockserver.pipeline.body_parsing import payload_from
from specs import EVENT_STREAM, Operation, Provider

MAX_BODY = 64 * 1024 * 1024
HOLD = 3.0
CONTROLS = "/__mock__"
END_OF_EVENT = b"\n\n"
# RFC 9110 §7.6.1: about one connection, and so not for the next.
HOP_BY_HOP = frozenset(
    [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ]
)


@dataclass
class Crossing:
    """
    One request of the gateway to its upstream, and what the upstream answered.

    `payload` is the request as the judge sees it, None when it cannot be read;
    `status` is None when no answer came. `came_at_once` says of a stream whether
    its first event reached the caller before the others had been sent.
    """

    operation: Operation
    headers: Mapping[str, str]
    body: bytes
    payload: Mapping[str, Any] | None
    status: int | None = None
    answer_headers: Mapping[str, str] = field(default_factory=dict)
    answer: bytearray = field(default_factory=bytearray)
    came_at_once: bool | None = None

    @property
    def key(self) -> str:
        return self.headers.get("authorization", "").partition(" ")[2].strip()

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Tap:
    """
    A relay in front of a mock. Faults pass as they are: what breaks off, breaks off.

    `extra` are members put into each JSON answer that succeeds. While `arrived` is
    an event, the rest of a stream is held back until it is set.
    """

    def __init__(self, mock_url: str, provider: Provider) -> None:
        self.provider = provider
        self.crossings: list[Crossing] = []
        self.extra: Mapping[str, Any] = {}
        self.arrived: asyncio.Event | None = None
        self._mock_url = mock_url
        self._prefix = f"/{provider.id}{provider.base_path}"
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def listening(self, host: str, port: int) -> AsyncIterator[str]:
        """The base URL for the gateway. Raises `OSError` when it cannot be had."""
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_route("*", "/{path:.*}", self._relay)
        runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=1.0
        )
        async with aiohttp.ClientSession(
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
        ) as self._session:
            await runner.setup()
            try:
                await web.TCPSite(runner, host, port).start()
                taken = runner.addresses[0][1]
                name = f"[{host}]" if ":" in host else host
                yield f"http://{name}:{taken}{self._prefix}"
            finally:
                await runner.cleanup()

    async def _relay(self, request: web.Request) -> web.StreamResponse:
        if request.path.startswith(CONTROLS) or self._session is None:
            raise web.HTTPNotFound
        body = await request.read()
        crossing = self._crossing(request, body)
        try:
            async with self._session.request(
                request.method,
                f"{self._mock_url}{request.rel_url}",
                headers=_passed_on(request.headers),
                data=io.BytesIO(body) if body else None,  # bytes would hold the loop
                allow_redirects=False,
            ) as answer:
                return await self._answered(request, crossing, answer)
        except (aiohttp.ClientError, OSError):
            return _broken_off(request)

    def _crossing(self, request: web.Request, body: bytes) -> Crossing | None:
        """The record of a request to an operation; None for any other."""
        path = request.path.removeprefix(self._prefix)
        for operation in self.provider.operations.values():
            if (operation.method, operation.path) == (request.method, path):
                headers = {name.lower(): each for name, each in request.headers.items()}
                payload = _payload(body, headers.get("content-type", ""), operation)
                crossing = Crossing(operation, headers, body, payload)
                self.crossings.append(crossing)
                return crossing
        return None

    async def _answered(
        self,
        request: web.Request,
        crossing: Crossing | None,
        answer: aiohttp.ClientResponse,
    ) -> web.StreamResponse:
        if crossing is not None:
            crossing.status = answer.status
            crossing.answer_headers = {
                name.lower(): value for name, value in answer.headers.items()
            }
        headers = _passed_on(answer.headers)
        if crossing and crossing.is_success and self.extra and _is_json(answer):
            crossing.answer += _with_members(await answer.read(), self.extra)
            headers.pop("Content-Length", None)
            return web.Response(
                status=answer.status, headers=headers, body=bytes(crossing.answer)
            )
        response = web.StreamResponse(
            status=answer.status, reason=answer.reason, headers=headers
        )
        await response.prepare(request)
        async for chunk in answer.content.iter_any():
            await self._write(response, crossing, chunk)
        await response.write_eof()
        return response

    async def _write(
        self, response: web.StreamResponse, crossing: Crossing | None, chunk: bytes
    ) -> None:
        """Pass bytes on; after the first event of a stream, wait for the caller."""
        rest = chunk
        if crossing is not None:
            crossing.answer += chunk
            is_stream = response.content_type == EVENT_STREAM
            if is_stream and self.arrived and crossing.came_at_once is None:
                first, found, rest = chunk.partition(END_OF_EVENT)
                await response.write(first + found)
                if found:
                    crossing.came_at_once = await _set_within(self.arrived, HOLD)
        if rest:
            await response.write(rest)


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True


@asynccontextmanager
async def tapped(
    provider: Provider, host: str, port: int
) -> AsyncIterator[tuple[Tap, str]]:
    """A mock of a provider behind a tap, and the base URL for the gateway."""
    with mockserver.running(provider) as mock:
        tap = Tap(mock.url, provider)
        async with tap.listening(host, port) as url:
            yield tap, url


def _payload(body: bytes, content_type: str, operation: Operation) -> Any:
    try:
        return payload_from(body, content_type, operation).payload
    except Rejected:
        return None


def _passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value for name, value in headers.items() if name.lower() not in HOP_BY_HOP
    }


def _is_json(answer: aiohttp.ClientResponse) -> bool:
    return answer.content_type == "application/json"


def _with_members(body: bytes, extra: Mapping[str, Any]) -> bytes:
    return json.dumps({**json.loads(body), **extra}).encode()


def _broken_off(request: web.Request) -> web.StreamResponse:
    """Break off as the upstream did; what is returned is not sent any more."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
