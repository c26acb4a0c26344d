"""Send one HTTP request, bounded in time and in bytes."""

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import SimpleNamespace

import aiohttp

from contracts.judging.guarantees.stream_end import StreamEnd
from contracts.judging.interaction import STREAM_STAYS_OPEN, Interaction, ProblemKind
from contracts.planning.case import Case
from mockserver.media.payloads import ChunkedPayload
from specs import EVENT_STREAM, USUAL_LAYOUT, ResponseLayout

RESPONSE_TIMEOUT = 120.0  # seconds
STREAM_END_TIMEOUT = 5.0  # seconds from the last event of a stream to its end
CONNECT_TIMEOUT = 10.0  # seconds, TLS included
MAX_RESPONSE_BYTES = 128 * 1024 * 1024  # of one case, its images included
# A response with more bytes waits for its turn: large ones are held one at a time.
LARGE_RESPONSE_BYTES = 8 * 1024 * 1024
MAX_PARTIAL_BYTES = 64 * 1024  # that are kept of an incomplete response
MAX_HEADER_LENGTH = 1000  # characters that are kept of a header value
MAX_PROBLEM_LENGTH = 300  # characters
_OCTET_STREAM = "application/octet-stream"


@dataclass(slots=True)
class ResponseBudget:
    """
    The bytes that the responses of one case may have, its images included.

    From `LARGE_RESPONSE_BYTES` on, a response waits until `large_answer_turn` is set.
    `on_queued` is called before it waits. `queued_seconds` is how long it waited.
    """

    large_answer_turn: asyncio.Event | None = None
    on_queued: Callable[[], None] = lambda: None
    received_bytes: int = 0
    queued_seconds: float = 0.0

    @property
    def is_exceeded(self) -> bool:
        return self.received_bytes > MAX_RESPONSE_BYTES

    async def take(self, count: int, deadline: asyncio.Timeout) -> None:
        """Count bytes; if they wait for their turn, the deadline is extended."""
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
        self.on_queued()
        await self.large_answer_turn.wait()
        deadline.reschedule(loop.time() + left)
        self.queued_seconds += loop.time() - began


@dataclass(slots=True)
class ConnectionState:
    """The connection of a request: established or not yet, and reused or new."""

    is_established: bool = False
    is_reused: bool = False


def connection_tracing() -> aiohttp.TraceConfig:
    """The trace that fills the `ConnectionState` of each request of a session."""

    async def start(
        _: aiohttp.ClientSession, context: SimpleNamespace, __: object
    ) -> None:
        context.trace_request_ctx.is_established = False
        context.trace_request_ctx.is_reused = False

    async def end(
        _: aiohttp.ClientSession, context: SimpleNamespace, __: object
    ) -> None:
        context.trace_request_ctx.is_established = True

    async def reuse(
        _: aiohttp.ClientSession, context: SimpleNamespace, __: object
    ) -> None:
        context.trace_request_ctx.is_established = True
        context.trace_request_ctx.is_reused = True

    tracing = aiohttp.TraceConfig()
    tracing.on_connection_create_start.append(start)
    tracing.on_connection_create_end.append(end)
    tracing.on_connection_reuseconn.append(reuse)
    return tracing


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
    connection: ConnectionState | None = None,
    layout: ResponseLayout = USUAL_LAYOUT,
) -> Interaction:
    """
    Send one request, and read its response for at most `timeout` seconds.

    `body` is sent chunk by chunk. Redirects are not followed. `first_byte` is set with
    the first bytes of the response body. Of a response that is incomplete or exceeds
    its budget, the first `MAX_PARTIAL_BYTES` are kept, and `problem` is set. A stream
    that stays open after its last event is read for `STREAM_END_TIMEOUT` more seconds,
    and kept whole.
    `connection` is filled by a session with `connection_tracing`. `layout` is that of
    the operation.
    """
    started = time.monotonic()
    status: int | None = None
    head_seconds: float | None = None
    response_headers: dict[str, str] = {}
    content = bytearray()
    problem: str | None = None
    response_budget = response_budget or ResponseBudget()
    queued_before = response_budget.queued_seconds
    stream_end = StreamEnd(case, layout)
    try:
        async with (
            asyncio.timeout(timeout) as limit,
            session.request(
                method,
                url,
                data=ChunkedPayload(body, _OCTET_STREAM),
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(sock_connect=CONNECT_TIMEOUT),
                trace_request_ctx=connection,
            ) as response,
        ):
            status = response.status
            head_seconds = time.monotonic() - started
            response_headers = {
                name.lower(): _replace_invalid_utf8(value)[:MAX_HEADER_LENGTH]
                for name, value in response.headers.items()
            }
            if status < 100:
                problem = f"{status} is not an HTTP status"
            async for chunk in response.content.iter_any():
                if first_byte is not None:
                    first_byte.set()
                await response_budget.take(len(chunk), limit)
                if response_budget.is_exceeded:
                    problem = f"the response has more than {MAX_RESPONSE_BYTES} bytes"
                    response.close()
                    break
                content += chunk
                if _is_stream(response) and stream_end.read(chunk):
                    end = asyncio.get_running_loop().time() + STREAM_END_TIMEOUT
                    limit.reschedule(min(limit.when() or end, end))
    except aiohttp.ConnectionTimeoutError:
        problem = f"{ProblemKind.NO_CONNECTION} within {CONNECT_TIMEOUT:.3g} s"
    except TimeoutError:
        is_connected = connection is None or connection.is_established
        kind = ProblemKind.INCOMPLETE if is_connected else ProblemKind.NO_CONNECTION
        problem = f"{kind} within {timeout:.3g} s"
        if stream_end.is_reached:
            problem = STREAM_STAYS_OPEN
    except (aiohttp.ClientError, OSError, ValueError) as error:
        kind = _problem_kind(error, has_head=status is not None)
        words = "the connection failed" if kind is ProblemKind.INCOMPLETE else kind
        problem = f"{words}: {_reason(error)}"
    if problem is not None and problem != STREAM_STAYS_OPEN:
        del content[MAX_PARTIAL_BYTES:]
    queued = response_budget.queued_seconds - queued_before
    seconds = time.monotonic() - started - queued
    return Interaction(
        case,
        status,
        response_headers,
        bytes(content),
        seconds,
        problem,
        first_byte=head_seconds,
    )


def _is_stream(response: aiohttp.ClientResponse) -> bool:
    return response.status == HTTPStatus.OK and response.content_type == EVENT_STREAM


def _problem_kind(error: Exception, *, has_head: bool) -> ProblemKind:
    """The kind of an error; `has_head` is true after the head of a response."""
    if isinstance(error, ssl.SSLError | ssl.CertificateError):
        is_new = isinstance(error, aiohttp.ClientConnectorError)
        return ProblemKind.NO_TLS if is_new else ProblemKind.INCOMPLETE
    if isinstance(error, aiohttp.ClientConnectorError):
        return ProblemKind.NO_CONNECTION
    if has_head:
        return ProblemKind.INCOMPLETE
    if isinstance(error, aiohttp.ServerDisconnectedError):
        # Otherwise the message is the part of a response that came.
        has_nothing = isinstance(error.message, str)
        return ProblemKind.CLOSED if has_nothing else ProblemKind.INCOMPLETE
    is_closed = isinstance(error, aiohttp.ClientOSError | ConnectionError)
    return ProblemKind.CLOSED if is_closed else ProblemKind.INCOMPLETE


def _reason(error: Exception) -> str:
    """The message of an error in one line; of a TLS failure, only the failure."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        error = error.certificate_error
    if isinstance(error, aiohttp.ClientConnectorError):
        error = error.os_error
    text = getattr(error, "verify_message", "") or str(error)
    reason = " ".join(_replace_invalid_utf8(text).split())
    return reason[:MAX_PROBLEM_LENGTH] or type(error).__name__


def _replace_invalid_utf8(text: str) -> str:
    """A text with surrogates, which stand for invalid bytes, replaced."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
