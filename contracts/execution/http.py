"""Send one HTTP request, bounded in time and in bytes."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp

from contracts.judging.interaction import STREAM_STAYS_OPEN, Interaction
from contracts.judging.stream_end import StreamEnd
from contracts.planning.case import Case
from mockserver.media.payloads import ChunkedPayload
from specs import EVENT_STREAM

RESPONSE_TIMEOUT = 120.0  # seconds
STREAM_END_TIMEOUT = 5.0  # seconds from the last event of a stream to its end
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
    `queued_seconds` is how long it waited.
    """

    large_answer_turn: asyncio.Event | None = None
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
        await self.large_answer_turn.wait()
        deadline.reschedule(loop.time() + left)
        self.queued_seconds += loop.time() - began


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
    Send one request, and read its response for at most `timeout` seconds.

    `body` is sent chunk by chunk. Redirects are not followed. `first_byte` is set with
    the first bytes of the response body. Of a response that is incomplete or exceeds
    its budget, the first `MAX_PARTIAL_BYTES` are kept, and `problem` is set. A stream
    that stays open after its last event is read for `STREAM_END_TIMEOUT` more seconds,
    and kept whole.
    """
    started = time.monotonic()
    status: int | None = None
    response_headers: dict[str, str] = {}
    content = bytearray()
    problem: str | None = None
    response_budget = response_budget or ResponseBudget()
    stream_end = StreamEnd(case)
    try:
        async with (
            asyncio.timeout(timeout) as limit,
            session.request(
                method,
                url,
                data=ChunkedPayload(body, _OCTET_STREAM),
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=None),
            ) as response,
        ):
            status = response.status
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
    except TimeoutError:
        problem = (
            STREAM_STAYS_OPEN
            if stream_end.is_reached
            else f"no complete response within {timeout:.3g} s"
        )
    except (aiohttp.ClientError, OSError, ValueError) as error:
        reason = " ".join(_replace_invalid_utf8(str(error)).split())
        reason = reason[:MAX_PROBLEM_LENGTH] or type(error).__name__
        problem = f"the connection failed: {reason}"
    if problem is not None and problem != STREAM_STAYS_OPEN:
        del content[MAX_PARTIAL_BYTES:]
    seconds = time.monotonic() - started - response_budget.queued_seconds
    return Interaction(case, status, response_headers, bytes(content), seconds, problem)


def _is_stream(response: aiohttp.ClientResponse) -> bool:
    return response.status == HTTPStatus.OK and response.content_type == EVENT_STREAM


def _replace_invalid_utf8(text: str) -> str:
    """A text with surrogates, which stand for invalid bytes, replaced."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
