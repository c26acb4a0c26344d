"""Send requests through a gateway, one after the other, with what arrived."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import aiohttp

from contracts.errors import HarnessError
from contracts.execution.http import send_request
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

RETRY_DELAY = 0.5
COOLDOWN_STATUSES = (429, 503)
MAX_COOLDOWN = 30.0


class Unusable(HarnessError):
    """A gateway that cannot be tested; the message says why and what to do."""


@dataclass(frozen=True)
class GatewayExchange:
    """A question, the gateway's response, and what reached the upstream."""

    question: Question
    interaction: Interaction
    upstream_requests: Sequence[UpstreamRequest]

    @property
    def last_upstream_request(self) -> UpstreamRequest | None:
        """The last request that reached the upstream, or None."""
        return self.upstream_requests[-1] if self.upstream_requests else None


class GatewaySession:
    """Sends requests to a gateway at `base_url`; `timeout` is in seconds."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        upstream: RecordingUpstream,
        base_url: str,
        key: str,
        timeout: float,
    ) -> None:
        self._session = session
        self._upstream = upstream
        self._base_url = base_url.rstrip("/")
        self._key = key
        self._timeout = timeout
        self._max_cooldown = MAX_COOLDOWN

    async def wait_for_upstream(
        self, question: Question, timeout: float
    ) -> GatewayExchange:
        """
        Send a question until it reaches the upstream.

        Raises `Unusable` if it does not within `timeout` seconds, or never can.
        """
        until = time.monotonic() + timeout
        while True:
            asked = await self.send(question)
            found = asked.interaction
            if asked.upstream_requests:
                return asked
            if found.is_success:
                raise Unusable(
                    "it answered, but its upstream was not asked: whatever it asked "
                    "may cost money. Configure the address above as its upstream"
                )
            if found.status is not None and 400 <= found.status < 500:
                raise Unusable(
                    f"it responds {found.status} without a request to its upstream: "
                    f"{error_text(found)}. "
                    "Its key goes into --key-env, its name of the model into --model"
                )
            if time.monotonic() > until:
                why = found.problem or f"{found.status}: {error_text(found)}"
                raise Unusable(f"no question reached its upstream: {why}")
            await asyncio.sleep(RETRY_DELAY)

    async def send_all(
        self, questions: Sequence[Question], progress: Callable[[], None]
    ) -> list[GatewayExchange]:
        """All exchanges in order; late requests count for their own question."""
        found = []
        for question in questions:
            found.append(await self._send_after_cooldown(question))
            progress()
        return [
            GatewayExchange(
                each.question, each.interaction, self._all_upstream_requests(each)
            )
            for each in found
        ]

    async def _send_after_cooldown(self, question: Question) -> GatewayExchange:
        """
        Send a question, again while the gateway holds it back because its upstream
        failed before; no longer after one that has never been let through.
        """
        until = time.monotonic() + self._max_cooldown
        while True:
            asked = await self.send(question)
            keeps = (
                not asked.upstream_requests
                and asked.interaction.status in COOLDOWN_STATUSES
            )
            if question.kind not in RISK_ORDER or not keeps:
                return asked
            if time.monotonic() > until:
                self._max_cooldown = 0.0
                return asked
            await asyncio.sleep(RETRY_DELAY)

    def _all_upstream_requests(
        self, exchange: GatewayExchange
    ) -> Sequence[UpstreamRequest]:
        marked = self._find_by_marker(exchange.question)
        return marked or exchange.upstream_requests

    def _find_by_marker(self, question: Question) -> list[UpstreamRequest]:
        marker = question.marker.encode()
        return [
            each for each in self._upstream.upstream_requests if marker in each.body
        ]

    async def send(self, question: Question) -> GatewayExchange:
        """Send once. Upstream requests are assigned by prompt, without one by time."""
        before = len(self._upstream.upstream_requests)
        self._upstream.extra_fields = (
            UNLISTED_FIELDS if question.kind is QuestionKind.UNLISTED_ANSWER else {}
        )
        arrived = asyncio.Event() if question.kind is QuestionKind.STREAM else None
        self._upstream.first_byte = arrived
        interaction = await self._send_request(question, arrived)
        crossings = self._find_by_marker(question) or [
            each
            for each in self._upstream.upstream_requests[before:]
            if question.marker.rpartition("-")[0].encode() not in each.body
        ]
        return GatewayExchange(question, interaction, crossings)

    async def _send_request(
        self, question: Question, first_byte: asyncio.Event | None
    ) -> Interaction:
        case = question.case
        pieces, content_type = body_chunks(case)
        headers = {"Authorization": f"Bearer {self._key}"}
        if content_type:
            headers["Content-Type"] = content_type
        return await send_request(
            self._session,
            case,
            question.operation.method,
            self._base_url + question.operation.path,
            pieces,
            headers,
            timeout=self._timeout,
            first_byte=first_byte,
        )
