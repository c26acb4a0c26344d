"""
Send webhooks to receivers on this machine, and to hosts that the settings allow.

A webhook is sent by an asyncio task of the server, which waits on the server's clock
before it repeats it. An attempt never follows a redirect and never uses a proxy.
"""

import asyncio
import base64
import hashlib
import hmac
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yarl import URL

from mockserver.hosts import is_loopback
from mockserver.settings import Settings
from mockserver.state.memory import StateStore
from mockserver.state.statistics import WEBHOOK_OPERATION

if TYPE_CHECKING:
    import aiohttp

    from specs import Webhook

MAX_WEBHOOK_TASKS = 200  # that watch a task or wait for a repetition, in one process
TIMEOUT_SECONDS = 5.0
CHECK_SECONDS = 0.1
MAX_PATH_LENGTH = 200
MAX_HOST_LENGTH = 100
STANDARD_WEBHOOKS = "standard-webhooks"
DELIVERED, NOT_DELIVERED = "delivered", "webhook_not_delivered"

log = logging.getLogger("mockserver")


@dataclass(frozen=True, slots=True)
class Delivery:
    """
    A webhook for one state of a task, and the URL of its receiver.

    `is_wanted` returns False once no further attempt shall be made.
    """

    provider: str
    namespace: str
    task_id: str
    state: str
    url: URL
    body: bytes
    webhook: "Webhook"
    is_wanted: Callable[[], Awaitable[bool]]

    @property
    def delays(self) -> Sequence[float]:
        """The seconds before each further attempt."""
        return self.webhook.delays_for(self.state)

    @property
    def id(self) -> str:
        """The id of the message, the same in all attempts."""
        text = f"{self.task_id} {self.state}"
        return f"msg_{hashlib.sha256(text.encode()).hexdigest()[:24]}"


class WebhookSender:
    """Sends the webhooks of a server, and records each attempt in its journal."""

    def __init__(self, settings: Settings, store: StateStore) -> None:
        self._hosts = {each.lower() for each in settings.webhook_hosts}
        self._secret = settings.webhook_secret
        self._store = store
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    def refusal(self, url: URL) -> str | None:
        """The reason why nothing is sent to a URL; None if it is allowed."""
        host = (url.host or "").lower()
        if url.scheme not in {"http", "https"} or not host:
            return "The URL of the webhook is no http or https URL."
        if host in self._hosts or is_loopback(host):
            return None
        return (
            f"{host[:MAX_HOST_LENGTH]} is not on this machine; "
            f"allow it with --webhook-host {host[:MAX_HOST_LENGTH]}."
        )

    def start(self, work: Coroutine[Any, Any, None]) -> bool:
        """Run work until the server stops; returns False if too much of it runs."""
        if len(self._tasks) >= MAX_WEBHOOK_TASKS:
            work.close()
            return False
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finish)
        return True

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a webhook failed", exc_info=error)

    async def deliver(self, delivery: Delivery) -> None:
        """Make the first attempt. Repetitions follow on their own."""
        if await self._attempt(delivery, 1):
            return
        if delivery.delays and not self.start(self._repeat(delivery)):
            self.record_refusal(delivery, "Too many webhooks wait for repetitions.")

    async def _repeat(self, delivery: Delivery) -> None:
        for number, delay in enumerate(delivery.delays, 2):
            await self._wait_until(self._store.clock() + delay)
            if not await delivery.is_wanted() or await self._attempt(delivery, number):
                return

    async def _wait_until(self, at: float) -> None:
        """Wait until the clock of the server shows a time, also if it is advanced."""
        while (left := at - self._store.clock()) > 0:
            await asyncio.sleep(min(left, CHECK_SECONDS))
            await self._store.sync_clock()

    async def _attempt(self, delivery: Delivery, number: int) -> bool:
        """Send a webhook once. Returns False if it is to be repeated."""
        started_at = time.monotonic()
        status, result = await self._post(delivery)
        seconds = round(time.monotonic() - started_at, 6)
        is_delivered = result == "2xx"
        why = None if is_delivered else _description(status, result)
        self._record(delivery, number, status, why, seconds)
        return is_delivered or result not in delivery.webhook.retry_on

    async def _post(self, delivery: Delivery) -> tuple[int | None, str]:
        """The status, or None, and the result: `2xx`, `5xx`, `timeout`, `network`."""
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
                trust_env=False,
                headers={"User-Agent": "imageparity-mock"},
            )
        headers = {"Content-Type": "application/json"}
        if delivery.webhook.signature == STANDARD_WEBHOOKS:
            headers |= signature_headers(self._secret, delivery.id, delivery.body)
        try:
            async with self._session.post(
                delivery.url, data=delivery.body, headers=headers, allow_redirects=False
            ) as response:
                return response.status, f"{response.status // 100}xx"
        except TimeoutError:
            return None, "timeout"
        except (aiohttp.ClientError, OSError):
            return None, "network"

    def record_refusal(self, delivery: Delivery, why: str) -> None:
        """Record in the journal that a webhook is not sent."""
        self._record(delivery, None, None, why, 0.0)

    def _record(
        self,
        delivery: Delivery,
        attempt: int | None,
        status: int | None,
        why: str | None,
        seconds: float,
    ) -> None:
        self._store.record(
            {
                "at": self._store.clock(),
                "provider": delivery.provider,
                "method": "POST",
                "path": delivery.url.path[:MAX_PATH_LENGTH],
                "client": "",
                "request": None,
                "namespace": delivery.namespace,
                "operation": WEBHOOK_OPERATION,
                "decision": {"error": why and NOT_DELIVERED, "because": why},
                "status": status,
                "outcome": DELIVERED if why is None else NOT_DELIVERED,
                "images": 0,
                "cost": {},
                "seconds": seconds,
                "task": {"id": delivery.task_id, "state": delivery.state},
                "webhook": {
                    "host": (delivery.url.host or "")[:MAX_HOST_LENGTH],
                    "attempt": attempt,
                },
            }
        )

    async def close(self) -> None:
        """End all work, and close the connections."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()


def signature_headers(secret: str, id_: str, body: bytes) -> Mapping[str, str]:
    """
    The headers of Standard Webhooks.

    The time is the machine's, not the server's: receivers compare it with their own.
    """
    timestamp = str(int(time.time()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b".".join((id_.encode(), timestamp.encode(), body))
    digest = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    return {
        "webhook-id": id_,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{digest}",
    }


def _description(status: int | None, result: str) -> str:
    if status is not None:
        return f"The receiver responded with status {status}."
    if result == "timeout":
        return f"The receiver did not respond within {TIMEOUT_SECONDS:.0f} seconds."
    return "The receiver could not be reached."
