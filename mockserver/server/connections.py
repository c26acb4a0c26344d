"""aiohttp connections with timeouts, a connection limit and JSON error responses."""

import asyncio
import logging
import secrets
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import HttpVersion11, web
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http import SERVER_SOFTWARE
from aiohttp.http_exceptions import (
    BadHttpMessage,
    ContentEncodingError,
    LineTooLong,
)

from mockserver.errors import INCIDENT_HEADER, Rejected
from mockserver.json_text import printable
from mockserver.pipeline.server_context import SERVER_CONTEXT, error_response
from mockserver.server.fast_path import fast_path_handler
from mockserver.settings import MIN_BYTES_PER_SECOND, Limits

if TYPE_CHECKING:
    from mockserver.server.cors import CorsPolicy

LINGER_TIMEOUT = 3.0  # seconds
FIRST_BYTE_TIMEOUT = 1.0  # seconds
HEAD_PREFIX_BYTES = 1024
TOO_MANY_HEADERS = "Too many headers"  # aiohttp has no exception class for it

log = logging.getLogger("mockserver")


class ConnectionFactory:
    """
    The protocol factory of one server, which keeps a list of its open connections.

    Pass it to `loop.create_server`. `server` is the server of a runner that was set up.
    Error responses have the format of the provider in the path of the request.
    """

    def __init__(self, app: web.Application, server: web.Server) -> None:
        self.context = app.get(SERVER_CONTEXT)
        self.limits = self.context.settings.limits if self.context else Limits()
        self.server = server
        self.cors: CorsPolicy | None = None
        if self.context is not None:
            handler = fast_path_handler(self.context, server.request_handler)
            if self.context.settings.cors:
                from mockserver.server import cors

                self.cors = cors.CorsPolicy(self.context.settings.cors)
                handler = cors.with_cors(self.cors, handler)
            server.request_handler = handler
        self.loop = asyncio.get_running_loop()
        self.open_connections: dict[Connection, None] = {}  # oldest first

    def __call__(self) -> "Connection":
        return Connection(self)

    def error_response(self, rejected: Rejected, head: bytes) -> web.Response:
        """Return the response to a request of which only the first bytes are known."""
        target = head.split(b" ", 2)[1:2] or [b""]
        path = target[0].partition(b"?")[0].decode("latin-1")
        response = error_response(rejected, self.context, path=path)
        if self.cors is not None:
            response.headers.update(self.cors.headers_for_head(head, path))
        return response

    def evict_idle(self) -> bool:
        """Close an idle connection above the limit; False if none is idle."""
        if len(self.open_connections) <= self.limits.max_connections:
            return True
        # A client that connected later may be about to send its first byte.
        opened_before = self.loop.time() - FIRST_BYTE_TIMEOUT
        idle = next(
            (
                each
                for each in self.open_connections
                if each.is_idle
                and (each.has_received or each.opened_at < opened_before)
            ),
            None,
        )
        if idle is not None:
            idle.force_close()
        return idle is not None


class Connection(web.RequestHandler):
    """
    A connection with timeouts that can be closed without losing a request.

    aiohttp itself waits without limit for headers, for a body, and for a client that
    does not read. It rejects invalid HTTP as plain text. At shutdown it stops reading
    from all connections at once, so that a client that is still sending its body never
    gets a response.
    """

    __slots__ = (
        "_factory",
        "_head_prefix",
        "_head_timer",
        "_is_malformed",
        "_send_timer",
        "has_partial_head",
        "has_received",
        "is_draining",
        "opened_at",
    )

    def __init__(self, factory: ConnectionFactory) -> None:
        super().__init__(
            factory.server,
            loop=factory.loop,
            # None turns the access log of aiohttp off.
            access_log=None,  # type: ignore[arg-type]
            keepalive_timeout=factory.limits.idle_timeout,
            lingering_time=LINGER_TIMEOUT,
        )
        self._factory = factory
        self._head_prefix = b""
        self._head_timer: asyncio.TimerHandle | None = None
        self._send_timer: asyncio.TimerHandle | None = None
        self._is_malformed = False
        self.opened_at = factory.loop.time()
        self.has_received = False
        self.has_partial_head = False
        self.is_draining = False

    # --- Opening and closing ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._factory.open_connections[self] = None
        if not self._factory.evict_idle():
            self._reject_and_close(
                Rejected(
                    "server_error",
                    "Too many connections are open; try again.",
                    status=503,
                    headers={"Retry-After": "1"},
                )
            )

    def connection_lost(self, exc: BaseException | None) -> None:
        self._factory.open_connections.pop(self, None)
        for timer in (self._head_timer, self._send_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    @property
    def is_waiting(self) -> bool:
        """True if no request is being handled or queued."""
        return self._waiter is not None and not self._messages

    @property
    def is_idle(self) -> bool:
        """True if it can be closed without losing bytes that a client has sent."""
        return self.is_waiting and not self.has_partial_head and not self._force_close

    def close_when_idle(self, *, wait_for_first_byte: bool) -> None:
        """
        Close the connection if it is idle, otherwise after the pending response.

        `wait_for_first_byte` keeps a connection open that has not received anything.
        """
        self.is_draining = True
        if self.is_idle and (self.has_received or not wait_for_first_byte):
            self.force_close()

    def _reject_and_close(self, rejected: Rejected) -> None:
        """Send an error response without a parsed request, and close."""
        if self.transport is None:
            return
        response = self._factory.error_response(rejected, self._head_prefix)
        body = response.body if isinstance(response.body, bytes) else b""
        fields = {
            **response.headers,
            "Content-Length": str(len(body)),
            "Connection": "close",
        }
        status = f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}"
        lines = [status, *(f"{name}: {value}" for name, value in fields.items())]
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)
        self.force_close()

    # --- Request headers ---

    def data_received(self, data: bytes) -> None:
        self.has_received = True
        if self.is_waiting:
            before = self._head_prefix if self.has_partial_head else b""
            self._head_prefix = (before + data[:HEAD_PREFIX_BYTES])[:HEAD_PREFIX_BYTES]
        is_between, known = self._is_between_requests, len(self._messages)
        super().data_received(data)
        self._fail_body()
        if not data:  # aiohttp calls it without data to parse what it has buffered
            return
        # Bytes after the previous request that are not yet complete headers.
        self.has_partial_head = is_between and len(self._messages) == known
        if not self.has_partial_head:
            if self._head_timer is not None:
                self._head_timer.cancel()
                self._head_timer = None
        elif self._head_timer is None:
            self._start_head_timer()

    @property
    def _is_between_requests(self) -> bool:
        request = self._current_request
        return self.is_waiting or (request is not None and request.content.is_eof())

    def _start_head_timer(self) -> None:
        timeout = self._factory.limits.head_timeout
        self._head_timer = self._loop.call_later(timeout, self._on_head_timeout)

    def _fail_body(self) -> None:
        """Raise an error in the handler that reads a body if the rest is malformed."""
        request = self._current_request
        if request is None or request.content.is_eof() or not self._messages:
            return
        # A message after an unfinished body can only be a parser error.
        request.content.set_exception(web.RequestPayloadError("malformed"))
        request.content.feed_eof()
        self._is_malformed = True

    def _on_head_timeout(self) -> None:
        self._head_timer = None
        if not self.is_waiting:  # an earlier response is pending
            self._start_head_timer()
            return
        message = "The request headers were not received in time."
        self._reject_and_close(Rejected("invalid_request", message, status=408))

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the response to invalid HTTP and to an unhandled exception."""
        if isinstance(exc, ConnectionError):
            raise exc  # the client has disconnected
        if isinstance(exc, BadHttpMessage):
            self._is_malformed = True
            response = self._factory.error_response(
                _rejection_of(exc, self._head_prefix), self._head_prefix
            )
        else:
            incident = f"incident_{secrets.token_hex(8)}"
            log.error("%s at %s", incident, printable(request.path), exc_info=exc)
            rejected = Rejected(
                "server_error", incident, headers={INCIDENT_HEADER: incident}
            )
            response = self._factory.error_response(rejected, self._head_prefix)
        if request.writer.output_size > 0:
            raise ConnectionResetError("a response was partly sent")
        response.force_close()
        return response

    # --- Responses ---

    async def finish_response(
        self,
        request: web.BaseRequest,
        resp: web.StreamResponse,
        start_time: float | None,
    ) -> tuple[web.StreamResponse, bool]:
        if request.content.exception() is not None and not request.content.is_eof():
            # The content coding of the body is wrong. aiohttp would read the rest after
            # the response, and log the exception with a traceback.
            request.content.feed_eof()
            self._is_malformed = True
        if self.is_draining or resp.headers.get("Connection") == "close":
            resp.force_close()  # sends `Connection: close`, and closes
        elif isinstance(resp, web.Response) and self._can_write_directly(request, resp):
            body = resp.body
            if isinstance(body, bytes) and body:
                return await self._write_small_response(request, resp, body)
        result = await super().finish_response(request, resp, start_time)
        if self._is_malformed and self.transport is not None:
            # Closing with unread input resets the connection and loses the response.
            if self.transport.can_write_eof():
                with suppress(OSError):  # the client has disconnected
                    self.transport.write_eof()
            self.close()
            await asyncio.sleep(LINGER_TIMEOUT)
        return result

    def _can_write_directly(self, request: web.BaseRequest, resp: web.Response) -> bool:
        """Return True if the connection stays open and the request was well formed."""
        return (
            request.version == HttpVersion11
            and request.keep_alive
            and resp.keep_alive is not False
            and request.method != "HEAD"
            and not self._is_malformed
            and not self._upgraded
        )

    async def _write_small_response(
        self, request: web.BaseRequest, resp: web.Response, body: bytes
    ) -> tuple[web.StreamResponse, bool]:
        """
        Write a small complete response without `prepare`.

        `prepare` is slow, since it handles compression, chunks and empty bodies.
        """
        headers = resp.headers
        headers["Content-Length"] = str(len(body))
        if "Date" not in headers:
            headers["Date"] = rfc822_formatted_time()
        headers.setdefault("Server", SERVER_SOFTWARE)
        resp._keep_alive = True  # noqa: SLF001 -- as `prepare` does
        writer = request.writer
        try:
            await writer.write_headers(f"HTTP/1.1 {resp.status} {resp.reason}", headers)
            await writer.write_eof(body)
        except ConnectionError:
            return resp, True
        return resp, False

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start_send_timer()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._send_timer is not None:
            self._send_timer.cancel()
            self._send_timer = None

    def _start_send_timer(self) -> None:
        if self.transport is None:
            return
        buffered = self.transport.get_write_buffer_size()
        timeout = self._factory.limits.send_timeout
        self._send_timer = self._loop.call_later(
            timeout, self._on_send_timeout, buffered
        )

    def _on_send_timeout(self, buffered: int) -> None:
        self._send_timer = None
        if self.transport is None:
            return
        sent = buffered - self.transport.get_write_buffer_size()
        if sent < MIN_BYTES_PER_SECOND * self._factory.limits.send_timeout:
            self.transport.abort()
        else:
            self._start_send_timer()


def _rejection_of(error: BadHttpMessage, head: bytes) -> Rejected:
    """Return the rejection of invalid HTTP, with the most specific status."""
    status, reason = 400, error.message.partition("\n")[0].rstrip(": ")
    if isinstance(error, LineTooLong):
        is_request_line = b"\n" not in head
        status = 414 if is_request_line else 431
        reason = f"the {'request line' if is_request_line else 'header'} is too long"
    elif error.message.startswith(TOO_MANY_HEADERS):
        status, reason = 431, "it has too many headers"
    elif isinstance(error, ContentEncodingError):
        status, reason = 415, "the content encoding of its body is wrong or unknown"
    message = f"This is not a valid HTTP request: {reason[:200]}."
    return Rejected("invalid_request", message, status=status)
