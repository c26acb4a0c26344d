"""Send test cases to a server: paced, sent again after a 429, with their outputs."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self
from urllib.parse import quote

import aiohttp

from contracts.errors import HarnessError
from contracts.execution.sending.http import (
    RESPONSE_TIMEOUT,
    ConnectionState,
    ResponseBudget,
    connection_tracing,
    send_request,
)
from contracts.execution.sending.links import may_fetch
from contracts.execution.sending.listening import Listening, listening
from contracts.execution.sending.pace import Pace, retry_after
from contracts.execution.sending.reachability import (
    CERTIFICATE_HINT,
    connection_problem,
    expects_tls,
    tls_context,
)
from contracts.execution.sending.recording import CassetteSession
from contracts.execution.sending.target import Target
from contracts.judging.interaction import REDACTED_KEY, Interaction, ProblemKind
from contracts.media.base import Medium
from contracts.media.files import LARGE_PAYLOAD_BYTES, estimated_bytes
from contracts.media.registry import medium_of
from contracts.media.urls import url_problem
from contracts.planning.case import Case, body_chunks
from mockserver.recordings.redaction import REDACTED
from specs import USUAL_LAYOUT, Operation, ResponseLayout

MAX_LINK_TIMEOUTS = 3  # cases with links that time out, after which none is fetched
MAX_ATTEMPTS = 8  # to send a request to which the response is 429
MAX_PAUSE = 60.0  # seconds, of all pauses between two responses other than 429
MAX_PAUSE_LIVE = 120.0  # seconds


class Unreachable(HarnessError):
    """No server accepts connections at the base URL; the message says what to do."""


@dataclass(frozen=True, slots=True)
class _Request:
    """A request as it is sent: that of a case, or the one for a linked output."""

    case: Case
    method: str
    url: str
    body: Sequence[bytes] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    layout: ResponseLayout = USUAL_LAYOUT


class Sender:
    """
    Sends cases to one target, at most `max_connections` at a time.

    At most `rate` requests per minute are sent. After a 429 all wait for at most
    `max_pause` seconds. A response times out after `timeout` seconds, and fetching the
    images of its links after as many again; these are fetched from the origin of the
    target and from the hosts `fetch_from`. A `cassette` records the exchanges, or
    replaces the network by recorded ones. `before_request` is awaited before a request.
    Without `reuses_connections` each request has a connection of its own, so that none
    is ever sent again. An asynchronous context manager.
    """

    def __init__(
        self,
        target: Target,
        *,
        max_connections: int = 16,
        rate: float | None = None,
        max_pause: float = MAX_PAUSE,
        timeout: float = RESPONSE_TIMEOUT,
        cassette: CassetteSession | None = None,
        fetch_from: frozenset[str] = frozenset(),
        before_request: Callable[[], Awaitable[None]] | None = None,
        reuses_connections: bool = True,
    ) -> None:
        self.target = target
        self._before_request = before_request
        self._reuses_connections = reuses_connections
        self._pace = Pace(max_connections, rate, max_pause)
        self._timeout = timeout
        self._cassette = cassette
        self._fetch_from = fetch_from
        self._link_timeouts = 0
        self._has_response = False
        self._tls_check = asyncio.Lock()
        self._expects_tls: bool | None = None  # None before the check
        self._large_request_lock = asyncio.Lock()
        self._tls_context = tls_context(target.base_url)
        self._session: aiohttp.ClientSession | None = None
        self._fresh_session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = self._open_session(reuses_connections=self._reuses_connections)
        self._fresh_session = self._open_session(reuses_connections=False)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for session in (self._session, self._fresh_session):
            if session is not None:
                await session.close()

    def _open_session(self, *, reuses_connections: bool) -> aiohttp.ClientSession:
        """A session without a limit of its own: `Pace` limits the requests."""
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,
                force_close=not reuses_connections,
                ssl=self._tls_context or True,
            ),
            timeout=aiohttp.ClientTimeout(total=None),
            headers={"User-Agent": "imageparity"},
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[connection_tracing()],
        )

    @property
    def is_offline(self) -> bool:
        """True if recordings replace the network."""
        return self._cassette is not None and self._cassette.cassettes is not None

    async def check_reachable(self) -> None:
        """Raise `Unreachable` if the target accepts no connection, or no TLS."""
        if self.is_offline:
            return
        problem = await connection_problem(self.target.base_url, self._tls_context)
        if problem is not None:
            raise self._unreachable(problem)

    def _unreachable(self, problem: str) -> Unreachable:
        is_tls = ProblemKind.of(problem) is ProblemKind.NO_TLS
        hint = f"; {CERTIFICATE_HINT}" if is_tls else ""
        return Unreachable(f"{self.target.base_url}: {problem}{hint}")

    async def send(
        self,
        case: Case,
        operation: Operation,
        large_answer_turn: asyncio.Event | None = None,
    ) -> Interaction:
        """
        Send a case; after an unexpected 429, wait and send it again.

        A large response waits until `large_answer_turn` is set. Given that event, large
        requests are sent one at a time, so that few of them are in memory. Raises
        `Unreachable` if there was no connection, and no response to an earlier request.
        """
        if (
            large_answer_turn is None
            or estimated_bytes(case.payload) <= LARGE_PAYLOAD_BYTES
        ):
            return await self._send(case, operation, large_answer_turn)
        async with self._large_request_lock:
            return await self._send(case, operation, large_answer_turn)

    async def _send(
        self, case: Case, operation: Operation, large_answer_turn: asyncio.Event | None
    ) -> Interaction:
        body, content_type = body_chunks(self.target.call.wire_case(case))
        if self._cassette is not None and self.is_offline:
            interaction = await self._cassette.replay(case, b"".join(body))
            interaction = _of_operation(interaction, operation)
            interaction = _with_unfetched(_mark_rate_limited(interaction, operation))
            await asyncio.to_thread(lambda: interaction.outputs)
            return interaction
        url, headers = self.target.request(case, operation)
        if content_type:
            headers["Content-Type"] = content_type
        budget = ResponseBudget(large_answer_turn)
        method = case.method or operation.method
        interaction = await self._exchange(
            _Request(case, method, url, body, headers, operation.layout),
            timeout=self._timeout,
            budget=budget,
            expects_429=_expects_429(case, operation),
        )
        interaction = _of_operation(interaction, operation)
        interaction = self._redact_secrets(_mark_rate_limited(interaction, operation))
        await self._check_connected(interaction)
        interaction = await self._fetch_outputs(interaction, budget)
        if self._cassette is not None:
            secrets = self.target.secrets
            await self._cassette.record(interaction, b"".join(body), secrets)
        return interaction

    @asynccontextmanager
    async def listen(
        self, case: Case, operation: Operation
    ) -> AsyncIterator[Listening | None]:
        """
        Listen to a stream of events until the block ends.

        None where recordings replace the network.
        """
        if self.is_offline or self._session is None:
            yield None
            return
        url, headers = self.target.request(case, operation)
        async with listening(self._session, url, headers) as heard:
            yield heard

    async def fetch(
        self, case: Case, url: str, *, with_key: bool = False
    ) -> Interaction | None:
        """
        The response to a GET of a URL in an earlier response.

        None for a URL of a host that results are not fetched from, and where recordings
        replace the network. `with_key` sends the API key, to the origin of the target
        only.
        """
        base_url = self.target.base_url
        if self.is_offline or url_problem(url):
            return None
        if not may_fetch(url, base_url, self._fetch_from):
            return None
        headers: dict[str, str] = {}
        if with_key and may_fetch(url, base_url, frozenset()):
            url, headers = self.target.with_key(url)
        request = _Request(case, "GET", url, headers=headers)
        response = await self._exchange(
            request, timeout=self._timeout, budget=ResponseBudget(None)
        )
        return self._redact_secrets(response)

    async def _exchange(
        self,
        request: _Request,
        *,
        timeout: float,
        budget: ResponseBudget,
        expects_429: bool = False,
    ) -> Interaction:
        """Send a request, and again after each 429 while the pauses allow it."""
        received_bytes = budget.received_bytes
        earlier_429: tuple[Mapping[str, str], ...] = ()
        for _ in range(MAX_ATTEMPTS):
            async with self._pace.slot() as slot:
                budget.on_queued = slot.release
                budget.received_bytes = received_bytes
                if self._before_request is not None:
                    await self._before_request()
                sent_at = time.monotonic()
                interaction = await self._send_once(request, timeout, budget)
                if earlier_429:
                    interaction = replace(interaction, earlier_429=earlier_429)
                if interaction.status != 429 or expects_429:
                    if interaction.status is not None:
                        self._pace.add_response()
                    return interaction
                delay = retry_after(interaction.headers, interaction.at)
                if not self._pace.add_rate_limited(sent_at, delay):
                    return interaction
                earlier_429 = (*earlier_429, interaction.headers)
        return interaction

    async def _send_once(
        self, request: _Request, timeout: float, budget: ResponseBudget
    ) -> Interaction:
        """
        Send a request; once more if a reused connection closes before a response.

        The server may have closed it before the request came (RFC 9112, section 9.3.1),
        so it is sent again on a new connection.
        """
        if self._session is None or self._fresh_session is None:
            raise RuntimeError("enter the sender first: async with Sender(…)")
        for session in (self._session, self._fresh_session):
            connection = ConnectionState()
            interaction = await send_request(
                session,
                request.case,
                request.method,
                request.url,
                request.body,
                request.headers,
                timeout=timeout,
                response_budget=budget,
                connection=connection,
                layout=request.layout,
            )
            is_closed = interaction.problem_kind is ProblemKind.CLOSED
            if not (is_closed and connection.is_reused):
                break
        return interaction

    async def _check_connected(self, interaction: Interaction) -> None:
        """Raise `Unreachable` if no request to the target has had a response."""
        if self._has_response:
            return
        if interaction.status is not None:
            self._has_response = True
        elif interaction.is_unsent:
            raise self._unreachable(str(interaction.problem))
        else:
            async with self._tls_check:
                if self._expects_tls is None:
                    self._expects_tls = await expects_tls(self.target.base_url)
        if self._expects_tls:
            raise Unreachable(
                f"{self.target.base_url}: the server expects TLS: use https:// "
                f"({CERTIFICATE_HINT})"
            )

    def _redact_secrets(self, interaction: Interaction) -> Interaction:
        """The interaction without secrets in its headers and its problem."""
        for secret in self.target.secrets:
            if secret not in f"{interaction.problem} {interaction.headers}":
                continue
            is_key = secret in {self.target.key, quote(self.target.key, safe="")}
            mark = REDACTED_KEY if is_key else REDACTED
            hidden = {
                name: text.replace(secret, mark)
                for name, text in interaction.headers.items()
            }
            problem = interaction.problem and interaction.problem.replace(secret, mark)
            interaction = replace(interaction, headers=hidden, problem=problem)
        return interaction

    async def _fetch_outputs(
        self, interaction: Interaction, budget: ResponseBudget
    ) -> Interaction:
        """The interaction with the outputs of its links, decoded in a thread."""
        if interaction.is_success and interaction.problem is None:
            base_url, left = self.target.base_url, self._timeout
            fetched: dict[str, bytes | str] = {}
            for url in interaction.output_urls:
                if (
                    left <= 0
                    or self._link_timeouts == MAX_LINK_TIMEOUTS
                    or not may_fetch(url, base_url, self._fetch_from)
                ):
                    continue
                request = _Request(interaction.case, "GET", url)
                response = await self._exchange(request, timeout=left, budget=budget)
                left -= response.seconds
                if not response.is_unsent and response.status != 429:
                    fetched[url] = _linked_output(response, interaction.medium)
            self._link_timeouts += left <= 0
            interaction = replace(
                interaction, fetched=fetched, fetching=self._timeout - left
            )
            interaction = _with_unfetched(interaction)
            await asyncio.to_thread(lambda: interaction.outputs)
        return interaction


def _of_operation(interaction: Interaction, operation: Operation) -> Interaction:
    medium, layout = medium_of(operation), operation.layout
    return replace(interaction, medium=medium, layout=layout)


def _linked_output(response: Interaction, medium: Medium) -> bytes | str:
    """The output in the response to its URL, or what is wrong with it."""
    if response.problem or response.status != 200:
        return f"was not returned by its URL: {response.problem or response.status}"
    content_type = response.content_type
    if not content_type.startswith(medium.content_type):
        wanted = f"{medium.content_type}*"
        return f"has the content type {content_type or 'none'}, not {wanted}"
    return response.body


def _with_unfetched(interaction: Interaction) -> Interaction:
    """The interaction with the URLs of outputs that have no result in `fetched`."""
    urls = interaction.output_urls
    unfetched = tuple(each for each in urls if each not in interaction.fetched)
    return replace(interaction, unfetched=unfetched) if unfetched else interaction


def _mark_rate_limited(interaction: Interaction, operation: Operation) -> Interaction:
    """The interaction, marked if it has a 429 that the case does not expect."""
    if interaction.status != 429 or _expects_429(interaction.case, operation):
        return interaction
    return replace(interaction, is_rate_limited=True)


def _expects_429(case: Case, operation: Operation) -> bool:
    """True if the case must lead to an error that has the status 429."""
    name = case.expected_error.error if case.expected_error else ""
    error = operation.errors.get(name)
    return error is not None and error.status == 429
