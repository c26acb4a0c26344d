"""Send requests through a gateway and collect the requests to its upstream."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from urllib.parse import urlsplit

import aiohttp

from contracts.errors import HarnessError
from contracts.execution.sending.client import Sender
from contracts.execution.sending.http import send_request
from contracts.execution.sending.target import Target
from contracts.execution.tasks.follow import Follower
from contracts.execution.tasks.waiting import Waiting
from contracts.judging.findings import redact
from contracts.judging.interaction import Interaction
from contracts.judging.outcome import error_text
from contracts.judging.tasks.conversation import Conversation
from contracts.planning.case import body_chunks
from contracts.traffic.gateway.ends import linked_files
from contracts.traffic.gateway.exchange import GatewayExchange, is_about, upstream_task
from contracts.traffic.gateway.question import (
    RISK_ORDER,
    UNLISTED_FIELDS,
    Question,
    QuestionKind,
)
from contracts.traffic.gateway.upstream import RecordingUpstream, UpstreamRequest
from specs import Provider

RETRY_DELAY = 0.5  # seconds
READ_INTERVAL = 0.1  # seconds between two reads of a task
LOOPBACK_HOSTS = ("127.0.0.1", "::1", "localhost")
COOLDOWN_STATUSES = (429, 503)
MAX_COOLDOWN = 30.0  # seconds


class Unusable(HarnessError):
    """A gateway that cannot be tested. The message has the reason and a remedy."""


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
    """
    Sends requests to the gateway `target`; `timeout` is in seconds.

    `provider` is the dialect of the caller, whose tasks are followed.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        upstream: RecordingUpstream,
        target: Target,
        timeout: float,
        provider: Provider | None = None,
    ) -> None:
        self._provider = provider or upstream.provider
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
            replace(each, upstream_requests=self._all_upstream_requests(each))
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
        talk = await self._follow(question, interaction)
        upstream_requests = self._find_by_marker(question) or [
            each
            for each in self._upstream.upstream_requests[before:]
            if question.marker.rpartition("-")[0].encode() not in each.body
        ]
        exchange = GatewayExchange(question, interaction, upstream_requests, talk)
        if not exchange.has_other_form:
            return exchange
        about = self._requests_about(upstream_requests)
        exchange = replace(exchange, task_requests=about)
        urls = linked_files(self._upstream.provider, exchange)
        hashes = {url: await self._file_hash(url, sent) for url, sent in urls.items()}
        return replace(exchange, files={url: e for url, e in hashes.items() if e})

    def _requests_about(
        self, creations: Sequence[UpstreamRequest]
    ) -> list[UpstreamRequest]:
        """The requests about the tasks that some requests created, in their order."""
        provider, known = self._upstream.provider, self._upstream.task_requests
        found = (upstream_task(provider, each, ()) for each in creations)
        ids = [each.id for each in found if each is not None]
        return [each for each in known if any(is_about(each, id_) for id_ in ids)]

    async def _follow(
        self, question: Question, created: Interaction
    ) -> Conversation | None:
        """Follow the task that a response is; None for an error or another response."""
        role = question.operation.task
        if role is None or not created.is_success:
            return None
        kind = self._provider.tasks[role.kind]
        id_ = kind.id.place.value(created.object)
        if not isinstance(id_, str):
            return None
        waiting = Waiting(READ_INTERVAL, self._timeout)
        async with Sender(self._target, timeout=self._timeout) as sender:
            follower = Follower(self._provider, sender, waiting)
            return await follower.follow(question.case, id_)

    async def _file_hash(self, url: str, sent: UpstreamRequest | None) -> str | None:
        """The hash of a file; with the key of the gateway, if its upstream has it."""
        own_hosts = {urlsplit(self._target.base_url).hostname, *LOOPBACK_HOSTS}
        if urlsplit(url).hostname not in own_hosts:
            return None
        schemes = sent.operation.key_schemes if sent else ()
        names = {each.name.lower() for each in schemes}
        headers = sent.headers if sent else {}
        key = {name: each for name, each in headers.items() if name in names}
        limit = aiohttp.ClientTimeout(total=self._timeout)
        with suppress(aiohttp.ClientError, TimeoutError):
            async with self._session.get(url, headers=key, timeout=limit) as response:
                data = await response.read()
                return sha256(data).hexdigest() if response.status == 200 else None
        return None

    async def _send_request(
        self, question: Question, first_byte: asyncio.Event | None
    ) -> Interaction:
        case = question.case
        chunks, content_type = body_chunks(case)
        url, headers = self._target.request(case, question.operation)
        if content_type:
            headers["Content-Type"] = content_type
        interaction = await send_request(
            self._session,
            case,
            question.operation.method,
            url,
            chunks,
            headers,
            timeout=self._timeout,
            first_byte=first_byte,
        )
        return replace(interaction, layout=question.operation.layout)
