"""The settings of a server: behavior beyond the documents, quotas and limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mockserver.simulation.latency import Latency
from mockserver.simulation.task_mode import TaskMode

if TYPE_CHECKING:
    from specs import MockDefaults

CONTROL_PREFIX = "/__mock__"  # of the paths of the control API
MEGABYTE = 1024 * 1024
MAX_BODY = 64 * MEGABYTE
MAX_TEXT_BODY = 4 * MEGABYTE  # of an operation without image fields
MAX_INCOMING = 8 * MAX_BODY  # of all bodies being read at the same time in one process
MIN_BYTES_PER_SECOND = 16 * 1024
WEBHOOK_SECRET = "whsec_aW1hZ2VwYXJpdHkgd2ViaG9vayB0ZXN0IGtleQ=="  # noqa: S105 - for tests


@dataclass(frozen=True, slots=True)
class Limits:
    """
    Limits of connections and request bodies. Times are in seconds, sizes in bytes.

    * `head_timeout`: time to receive the request headers, from their first byte.
    * `body_timeout`: time to receive the body, plus one second for every
      `MIN_BYTES_PER_SECOND` bytes received.
    * `send_timeout`: time for a client that reads less than `MIN_BYTES_PER_SECOND`
      bytes of the response per second.
    * `idle_timeout`: time that a connection stays open without a request.
    * `max_body`: size of a body that can contain images. Other bodies are limited to
      `MAX_TEXT_BODY`.
    * `max_connections`: beyond it, the connection idle for longest is closed.
    """

    head_timeout: float = 10.0
    body_timeout: float = 30.0
    send_timeout: float = 30.0
    idle_timeout: float = 75.0
    max_body: int = MAX_BODY
    max_connections: int = 1000


@dataclass(frozen=True, slots=True)
class Quotas:
    """Quotas per API key; None means unlimited. `concurrency` counts open requests."""

    requests_per_minute: int | None = None
    images_per_minute: int | None = None
    concurrency: int | None = None

    @property
    def limits_requests(self) -> bool:
        """True if a request is counted before its body is validated."""
        return self.requests_per_minute is not None or self.concurrency is not None

    @property
    def outputs_per_minute(self) -> Mapping[str, int]:
        """The quotas of outputs by their unit, such as `images`."""
        limit = self.images_per_minute
        return {} if limit is None else {"images": limit}

    def with_defaults(self, defaults: "MockDefaults") -> "Quotas":
        """These quotas; the dialect's `defaults` replace those that are None."""
        return Quotas(
            self.requests_per_minute or defaults.requests_per_minute,
            self.images_per_minute or defaults.images_per_minute,
            self.concurrency or defaults.concurrency,
        )


@dataclass(frozen=True, slots=True)
class Settings:
    """
    Settings of a mock that its documents do not determine.

    * `strict`: reject requests that a document leaves unspecified.
    * `frozen`: time at which the clock stands still, in seconds since 1970.
    * `secret`: key that signs image URLs. None: derived from the seed; without a seed
      the one in the Redis state, or a random one.
    * `image_urls`: place of the signature in image URLs: `path` or `query`.
    * `state`: store of the journal, the scripts and the quotas: `memory` or the URL of
      a Redis server.
    * `realistic`: give images the file size of images made by real models.
    * `replay`: folder of recordings to respond from.
    * `replay_ignored`: fields in which a request may differ from its recording.
    * `token`: token of the control API. None: no token is needed.
    * `cors`: origins whose pages may read responses, or `*`. Empty: none, but images
      can be read by pages of all origins.
    * `public_url`: URL that all URLs in responses begin with, without a slash at its
      end. None: the one of the request.
    * `trust_forwarded`: let the headers of a proxy determine that URL.
    * `tasks`: when long-running tasks finish.
    * `webhook_hosts`: hosts beyond this machine to which webhooks are sent.
    * `webhook_secret`: key that signs webhooks: `whsec_` and base64.
    """

    seed: int = 0
    strict: bool = False
    latency: Latency = field(default_factory=Latency)
    quotas: Quotas = field(default_factory=Quotas)
    limits: Limits = field(default_factory=Limits)
    frozen: float | None = None
    secret: bytes | None = None
    state: str = "memory"
    realistic: bool = False
    replay: Path | None = None
    replay_ignored: tuple[str, ...] = ()
    token: str | None = None
    image_urls: str = "path"
    cors: tuple[str, ...] = ()
    public_url: str | None = None
    trust_forwarded: bool = False
    tasks: TaskMode = field(default_factory=TaskMode)
    webhook_hosts: tuple[str, ...] = ()
    webhook_secret: str = WEBHOOK_SECRET
