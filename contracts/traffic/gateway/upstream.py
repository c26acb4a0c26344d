"""The upstream of a gateway: a mock behind a relay that records every byte."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

import mockserver
from contracts.traffic.exchange import MAX_BODY_BYTES
from contracts.traffic.forwarding import CONTROL_PREFIX, end_to_end_headers
from mockserver.errors import Rejected
from mockserver.pipeline.body_parsing import parse_body
from specs import EVENT_STREAM, JSON, Operation, Provider

HOLD_TIMEOUT = 3.0
END_OF_EVENT = b"\n\n"


@dataclass
class UpstreamRequest:
    """
    One request of the gateway to its upstream, with the response.

    `payload` is the request as the judge sees it, None if it cannot be parsed;
    `status` is None if there was no response. `is_first_event_prompt` tells whether the
    first event of a stream reached the caller before the others were sent.
    """

    operation: Operation
    headers: Mapping[str, str]
    body: bytes
    payload: Mapping[str, Any] | None
    status: int | None = None
    response_headers: Mapping[str, str] = field(default_factory=dict)
    response_body: bytearray = field(default_factory=bytearray)
    is_first_event_prompt: bool | None = None

    @property
    def key(self) -> str:
        return self.headers.get("authorization", "").partition(" ")[2].strip()

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class RecordingUpstream:
    """
    A relay in front of a mock. It forwards faults unchanged, cut connections too.

    `extra_fields` are added to each JSON success. While `arrived` is an event, the rest
    of a stream is held back until it is set.
    """

    def __init__(self, mock_url: str, provider: Provider) -> None:
        self.provider = provider
        self.upstream_requests: list[UpstreamRequest] = []
        self.extra_fields: Mapping[str, Any] = {}
        self.first_byte: asyncio.Event | None = None
        self._mock_url = mock_url
        self._prefix = f"/{provider.id}{provider.base_path}"
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def listen(self, host: str, port: int) -> AsyncIterator[str]:
        """Listen, and yield the base URL. Raises `OSError` if the port is in use."""
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_route("*", "/{path:.*}", self._forward)
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

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        if request.path.startswith(CONTROL_PREFIX) or self._session is None:
            raise web.HTTPNotFound
        body = await request.read()
        crossing = self._record_request(request, body)
        try:
            async with self._session.request(
                request.method,
                f"{self._mock_url}{request.rel_url}",
                headers=end_to_end_headers(request.headers.items()),
                data=io.BytesIO(body) if body else None,  # bytes would hold the loop
                allow_redirects=False,
            ) as answer:
                return await self._forward_response(request, crossing, answer)
        except (aiohttp.ClientError, OSError):
            return _abort_connection(request)

    def _record_request(
        self, request: web.Request, body: bytes
    ) -> UpstreamRequest | None:
        """The record of a request to an operation; None for other requests."""
        path = request.path.removeprefix(self._prefix)
        for operation in self.provider.operations.values():
            if (operation.method, operation.path) == (request.method, path):
                headers = {name.lower(): each for name, each in request.headers.items()}
                payload = _parse_payload(
                    body, headers.get("content-type", ""), operation
                )
                crossing = UpstreamRequest(operation, headers, body, payload)
                self.upstream_requests.append(crossing)
                return crossing
        return None

    async def _forward_response(
        self,
        request: web.Request,
        upstream_request: UpstreamRequest | None,
        upstream_response: aiohttp.ClientResponse,
    ) -> web.StreamResponse:
        if upstream_request is not None:
            upstream_request.status = upstream_response.status
            upstream_request.response_headers = {
                name.lower(): value for name, value in upstream_response.headers.items()
            }
        headers = CIMultiDict(end_to_end_headers(upstream_response.headers.items()))
        if (
            upstream_request
            and upstream_request.is_success
            and self.extra_fields
            and _is_json(upstream_response)
        ):
            upstream_request.response_body += _with_fields(
                await upstream_response.read(), self.extra_fields
            )
            headers.popall("Content-Length", None)
            return web.Response(
                status=upstream_response.status,
                headers=headers,
                body=bytes(upstream_request.response_body),
            )
        response = web.StreamResponse(
            status=upstream_response.status,
            reason=upstream_response.reason,
            headers=headers,
        )
        await response.prepare(request)
        async for chunk in upstream_response.content.iter_any():
            await self._write_chunk(response, upstream_request, chunk)
        await response.write_eof()
        return response

    async def _write_chunk(
        self,
        response: web.StreamResponse,
        upstream_request: UpstreamRequest | None,
        chunk: bytes,
    ) -> None:
        """Forward bytes; after the first event of a stream, wait for the caller."""
        rest = chunk
        if upstream_request is not None:
            upstream_request.response_body += chunk
            is_stream = response.content_type == EVENT_STREAM
            if (
                is_stream
                and self.first_byte
                and upstream_request.is_first_event_prompt is None
            ):
                first, found, rest = chunk.partition(END_OF_EVENT)
                await response.write(first + found)
                if found:
                    upstream_request.is_first_event_prompt = await _wait_for_event(
                        self.first_byte, HOLD_TIMEOUT
                    )
        if rest:
            await response.write(rest)


async def _wait_for_event(event: asyncio.Event, timeout: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), timeout)
    except TimeoutError:
        return False
    return True


@asynccontextmanager
async def recording_upstream(
    provider: Provider, host: str, port: int
) -> AsyncIterator[tuple[RecordingUpstream, str]]:
    """Serve a mock behind a recording relay; yield it with the base URL."""
    with mockserver.running(provider) as mock:
        tap = RecordingUpstream(mock.url, provider)
        async with tap.listen(host, port) as url:
            yield tap, url


def _parse_payload(body: bytes, content_type: str, operation: Operation) -> Any:
    try:
        return parse_body(body, content_type, operation).payload
    except Rejected:
        return None


def _is_json(response: aiohttp.ClientResponse) -> bool:
    return response.content_type == JSON


def _with_fields(body: bytes, extra_fields: Mapping[str, Any]) -> bytes:
    return json.dumps({**json.loads(body), **extra_fields}).encode()


def _abort_connection(request: web.Request) -> web.StreamResponse:
    """Cut the connection as the upstream did; the returned response is not sent."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
