"""The upstream of a tested gateway: a mock behind a proxy that records requests."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

import mockserver
from contracts.execution.mocks import MOCK_TASKS
from contracts.traffic.exchange import MAX_BODY_BYTES, Unreadable, decode_content
from contracts.traffic.forwarding import (
    end_to_end_headers,
    open_session,
    send_upstream,
    serve_app,
    start_response,
)
from mockserver.errors import Rejected, documented_error_response
from mockserver.pipeline.request.authentication import find_key
from mockserver.pipeline.request.body_parsing import parse_body
from mockserver.pipeline.request.body_reading import read_bytes
from mockserver.recordings.sse_events import event_ends
from mockserver.settings import CONTROL_PREFIX
from specs import EVENT_STREAM, JSON, Operation, Provider

HOLD_TIMEOUT = 3.0  # seconds
SHUTDOWN_TIMEOUT = 1.0  # seconds


@dataclass
class UpstreamRequest:
    """
    One request of the gateway to its upstream, with the response.

    `key` is its API key, where the upstream's document has it; empty if there is none.
    `body` is decoded from its content coding, as far as possible. `payload` is the
    parsed request, None if it cannot be parsed. `status` is None without a response.
    `is_first_event_prompt` is true if the first event of a stream reached the caller
    before the others were sent, and None without a stream. `path` is the decoded path.
    """

    operation: Operation
    headers: Mapping[str, str]
    body: bytes
    payload: Mapping[str, Any] | None
    key: str = ""
    status: int | None = None
    response_headers: Mapping[str, str] = field(default_factory=dict)
    response_body: bytearray = field(default_factory=bytearray)
    is_first_event_prompt: bool | None = None
    path: str = ""

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class RecordingUpstream:
    """
    A proxy in front of a mock. It forwards faults, lost connections included.

    `upstream_requests` make outputs, or create tasks; `task_requests` are about a task
    that was created. `extra_fields` are added to each success response in JSON. If
    `first_byte` is not None, the events of a stream after the first are sent when it is
    set, or after `HOLD_TIMEOUT`.
    """

    def __init__(self, mock_url: str, provider: Provider) -> None:
        self.provider = provider
        self.upstream_requests: list[UpstreamRequest] = []
        self.task_requests: list[UpstreamRequest] = []
        self.extra_fields: Mapping[str, Any] = {}
        self.first_byte: asyncio.Event | None = None
        self._mock_url = mock_url
        self._root = f"/{provider.id}"
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def listen(self, host: str, port: int) -> AsyncIterator[str]:
        """Listen and yield the base URL. Raises `OSError` if it cannot listen."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._forward)
        async with (
            open_session() as self._session,
            serve_app(app, host, port, shutdown_timeout=SHUTDOWN_TIMEOUT) as url,
        ):
            yield url + self._root + self.provider.base_path

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        if request.path.startswith(CONTROL_PREFIX) or self._session is None:
            raise web.HTTPNotFound
        try:
            body = await read_bytes(request, MAX_BODY_BYTES)
        except Rejected as rejected:  # as by the mock
            return documented_error_response(rejected, self.provider.any_operation)
        upstream_request = self._record_request(request, body)
        try:
            upstream_response = await send_upstream(
                self._session,
                request.method,
                self._mock_url + request.rel_url.raw_path_qs,
                end_to_end_headers(request.headers.items()),
                io.BytesIO(body) if body else None,  # large bytes would block the loop
            )
            async with upstream_response:
                return await self._forward_response(
                    request, upstream_request, upstream_response
                )
        except (aiohttp.ClientError, OSError):
            return _abort_connection(request)

    def _record_request(
        self, request: web.Request, body: bytes
    ) -> UpstreamRequest | None:
        """Record a request to an operation; None for other requests."""
        path = request.path.removeprefix(self._root)
        for operation, _ in self.provider.matching(path):
            if operation.method == request.method:
                headers = {name.lower(): each for name, each in request.headers.items()}
                upstream_request = _read_request(operation, headers, body)
                upstream_request.key = find_key(request, operation.key_schemes)
                upstream_request.path = request.path
                makes_outputs = operation.id in self.provider.operations
                known = self.upstream_requests if makes_outputs else self.task_requests
                known.append(upstream_request)
                return upstream_request
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
        response = start_response(upstream_response)
        if (
            upstream_request
            and upstream_request.is_success
            and self.extra_fields
            and upstream_request.operation.task is None
            and response.content_type == JSON
        ):
            body = _with_fields(await upstream_response.read(), self.extra_fields)
            response.content_length = len(body)
            await response.prepare(request)
            await self._write_chunk(response, upstream_request, body)
        else:
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
            is_held = (
                response.content_type == EVENT_STREAM
                and upstream_request.is_first_event_prompt is None
            )
            if self.first_byte and is_held and (ends := event_ends(chunk)):
                await response.write(chunk[: ends[0]])
                rest = chunk[ends[0] :]
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
    """Serve a mock behind a recording proxy; yield the proxy and its base URL."""
    with mockserver.running(provider, tasks=MOCK_TASKS) as mock:
        upstream = RecordingUpstream(mock.url, provider)
        async with upstream.listen(host, port) as url:
            yield upstream, url


def _read_request(
    operation: Operation, headers: Mapping[str, str], data: bytes
) -> UpstreamRequest:
    """Decode and parse a request, as far as possible."""
    payload = None
    with suppress(Unreadable, Rejected):
        data = decode_content(data, headers.get("content-encoding", ""))
        payload = parse_body(data, headers.get("content-type", ""), operation).payload
    return UpstreamRequest(operation, headers, data, payload)


def _with_fields(body: bytes, extra_fields: Mapping[str, Any]) -> bytes:
    return json.dumps({**json.loads(body), **extra_fields}).encode()


def _abort_connection(request: web.Request) -> web.StreamResponse:
    """Reset the connection, as the upstream did; the response is not sent."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
