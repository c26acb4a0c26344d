"""Send requests through a gateway and collect the requests to its upstream."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import aiohttp

from contracts.errors import HarnessError
from contracts.execution.sending.http import send_request
from contracts.execution.sending.target import Target
from contracts.judging.findings import redact
from contracts.judging.interaction import Interaction
from contracts.judging.outcome import error_text
from contracts.planning.case import body_chunks
from contracts.traffic.gateway.questions import (
    RISK_ORDER,
    UNLISTED_FIELDS,
    Question,
    QuestionKind,
)
from contracts.traffic.gateway.upstream import RecordingUpstream, UpstreamRequest

RETRY_DELAY = 0.5  # seconds
COOLDOWN_STATUSES = (429, 503)
MAX_COOLDOWN = 30.0  # seconds


class Unusable(HarnessError):
    """A gateway that cannot be tested. The message has the reason and a remedy."""


@dataclass(frozen=True)
class GatewayExchange:
    """A question, the gateway's response, and the requests to the upstream."""

    question: Question
    interaction: Interaction
    upstream_requests: Sequence[UpstreamRequest]

    @property
    def last_upstream_request(self) -> UpstreamRequest | None:
        """The last request to the upstream; None if there was none."""
        return self.upstream_requests[-1] if self.upstream_requests else None


def open_session() -> aiohttp.ClientSession:
    """
    A client session that opens a connection for each request.

    A gateway may close an idle connection just when it is used again (RFC 9112, section
    9.3.1), and a question must not be sent twice.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=True),
        cookie_jar=aiohttp.DummyCookieJar(),
    )


class GatewaySession:
    """Sends requests to the gateway `target`; `timeout` is in seconds."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        upstream: RecordingUpstream,
        target: Target,
        timeout: float,
    ) -> None:
        self._session = session
        self._upstream = upstream
        self._target = target
        self._timeout = timeout
        self._max_cooldown = MAX_COOLDOWN

    async def wait_for_upstream(
        self, question: Question, timeout: float
    ) -> GatewayExchange:
        """
        Send a question until a request reaches the upstream.

        Raises `Unusable` if none does within `timeout` seconds, or if the gateway
        responds without a request to the upstream.
        """
        deadline = time.monotonic() + timeout
        while True:
            exchange = await self.send(question)
            response = exchange.interaction
            if exchange.upstream_requests:
                return exchange
            if response.is_success:
                raise Unusable(
                    "it responds without a request to this upstream: another upstream "
                    "may cost money. Configure the URL above as its upstream"
                )
            if response.status is not None and 400 <= response.status < 500:
                message = self._redact(error_text(response))
                raise Unusable(
                    f"it responds {response.status} without a request to its upstream: "
                    f"{message}. Set its key with --key-env, its name of the model "
                    "with --model, a further header with --header"
                )
            if time.monotonic() > deadline:
                reason = (
                    response.problem or f"{response.status}: {error_text(response)}"
                )
                reason = self._redact(reason)
                raise Unusable(f"no request reached its upstream: {reason}")
            await asyncio.sleep(RETRY_DELAY)

    def _redact(self, text: str) -> str:
        return redact(text, *self._target.secrets)

    async def send_all(
        self, questions: Sequence[Question], progress: Callable[[], None]
    ) -> list[GatewayExchange]:
        """The exchanges in order; late requests count for their own question."""
        exchanges = []
        for question in questions:
            exchanges.append(await self._send_after_cooldown(question))
            progress()
        return [
            GatewayExchange(
                each.question, each.interaction, self._all_upstream_requests(each)
            )
            for each in exchanges
        ]

    async def _send_after_cooldown(self, question: Question) -> GatewayExchange:
        """
        Send a question, again while the gateway does not use its failed upstream.

        After `MAX_COOLDOWN` seconds without a request to the upstream, neither this
        question nor a later one is repeated. One that is not tested is not sent.
        """
        if question.untested:
            unsent = Interaction(question.case, None, {}, b"", 0.0)
            return GatewayExchange(question, unsent, ())
        deadline = time.monotonic() + self._max_cooldown
        while True:
            exchange = await self.send(question)
            is_cooling_down = (
                not exchange.upstream_requests
                and exchange.interaction.status in COOLDOWN_STATUSES
            )
            if question.kind not in RISK_ORDER or not is_cooling_down:
                return exchange
            if time.monotonic() > deadline:
                self._max_cooldown = 0.0
                return exchange
            await asyncio.sleep(RETRY_DELAY)

    def _all_upstream_requests(
        self, exchange: GatewayExchange
    ) -> Sequence[UpstreamRequest]:
        return self._find_by_marker(exchange.question) or exchange.upstream_requests

    def _find_by_marker(self, question: Question) -> list[UpstreamRequest]:
        marker = question.marker.encode()
        return [
            each for each in self._upstream.upstream_requests if marker in each.body
        ]

    async def send(self, question: Question) -> GatewayExchange:
        """Send once. Its upstream requests are found by prompt, or else by time."""
        before = len(self._upstream.upstream_requests)
        self._upstream.extra_fields = (
            UNLISTED_FIELDS if question.kind is QuestionKind.UNLISTED_ANSWER else {}
        )
        first_byte = asyncio.Event() if question.kind is QuestionKind.STREAM else None
        self._upstream.first_byte = first_byte
        interaction = await self._send_request(question, first_byte)
        upstream_requests = self._find_by_marker(question) or [
            each
            for each in self._upstream.upstream_requests[before:]
            if question.marker.rpartition("-")[0].encode() not in each.body
        ]
        return GatewayExchange(question, interaction, upstream_requests)

    async def _send_request(
        self, question: Question, first_byte: asyncio.Event | None
    ) -> Interaction:
        case = question.case
        chunks, content_type = body_chunks(case)
        url, headers = self._target.request(case, question.operation)
        if content_type:
            headers["Content-Type"] = content_type
        return await send_request(
            self._session,
            case,
            question.operation.method,
            url,
            chunks,
            headers,
            timeout=self._timeout,
            first_byte=first_byte,
        )
