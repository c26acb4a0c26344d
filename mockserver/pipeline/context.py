"""What one provider's mock holds: its document, its clock, its pictures, its memory."""

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from mockserver.errors import Rejected
from mockserver.media.image.drawing.encode import BadPicture, Gallery, Plan, Wanted
from mockserver.media.links import IMAGES, Signer, portable
from mockserver.media.recent import Album
from mockserver.pipeline.body_parsing import most_bytes
from mockserver.pipeline.interpretation import Known
from mockserver.pipeline.projection import Fit, fitting
from mockserver.settings import Limits
from mockserver.simulation.latency import Latency
from mockserver.state.memory import Memory
from mockserver.state.rate_limit import Quotas
from specs import Operation, Provider

if TYPE_CHECKING:
    from mockserver.recordings.cassettes import Cassettes

NO_LIFETIME = 3600.0  # seconds, where a document states no lifetime of URLs

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Settings:
    """
    How a mock behaves beyond its documents.

    `strict` refuses what a document leaves unspecified; `frozen` stops the clock at
    that time, in seconds since 1970; `state` is where the journal, the script and the
    quotas live, `memory` or the address of a Redis; `realistic` gives pictures the
    weight of real ones; `replay` is a folder of recordings to answer from; `token`
    opens the control API, which asks for none when it is None.
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
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """One provider, being served."""

    provider: Provider
    settings: Settings
    memory: Memory
    gallery: Gallery
    album: Album
    signer: Signer
    executor: Executor
    chance: random.Random
    quotas: Quotas
    cassettes: "Cassettes | None" = None
    drawing: dict[Wanted, "asyncio.Task[bytes]"] = field(default_factory=dict)
    names: random.Random = field(default_factory=random.Random)
    fits: dict[str, Fit] = field(default_factory=dict)
    known: Known = field(default_factory=Known)
    sizes: dict[str, int] = field(default_factory=dict)

    @property
    def clock(self) -> Callable[[], float]:
        """Seconds since 1970, by the server's clock."""
        return self.memory.clock

    def fit(self, operation: Operation) -> Fit:
        """What makes an answer of this operation hold what its document declares."""
        found = self.fits.get(operation.id)
        if found is None:
            schema = operation.success.bodies["application/json"].schema
            found = self.fits[operation.id] = fitting(schema)
        return found

    def most_bytes(self, operation: Operation) -> int:
        """How large the body of a request for this operation may be."""
        found = self.sizes.get(operation.id)
        if found is None:
            default = self.settings.limits.max_body
            own = self.provider.dialect.mock.get("max_body_bytes", default)
            found = self.sizes[operation.id] = most_bytes(operation, own)
        return found

    async def draw(self, plan: Plan, *, as_text: bool = False) -> bytes:
        """
        The picture of a plan, or its base64; drawn off the event loop unless it is at
        hand, and once for all who want it at the same time.
        """
        found = self.gallery.get(plan, as_text=as_text)
        if found is not None:
            return found
        wanted = plan, as_text
        task = self.drawing.get(wanted)
        if task is None:
            work = self.off_loop(self.gallery.draw, plan, as_text=as_text)
            task = self.drawing[wanted] = asyncio.create_task(work)
            task.add_done_callback(lambda _: self._drawn(wanted))
        return await asyncio.shield(task)  # others may wait when one leaves

    def _drawn(self, wanted: Wanted) -> None:
        task = self.drawing.pop(wanted)
        if not task.cancelled():
            task.exception()  # whoever waits gets it; perhaps nobody does any more

    async def off_loop(
        self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run blocking picture work aside. Raises `Rejected` for a bad picture."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(
                self.executor, lambda: work(*args, **kwargs)
            )
        except BadPicture as error:
            raise Rejected(
                "invalid_request", f"The picture cannot be read: {error}", param="image"
            ) from None


@dataclass(frozen=True, slots=True)
class ResponseRenderer:
    """Renders the images of one response; `origin` is the scheme and host asked."""

    service: Service
    origin: str

    async def base64_of(self, plan: Plan) -> bytes:
        return await self.service.draw(plan, as_text=True)

    async def url_of(self, plan: Plan) -> str:
        service = self.service
        lifetime = service.provider.dialect.url_lifetime.get("seconds", NO_LIFETIME)
        reduced = await service.off_loop(portable, plan) if plan.inputs else plan
        token = service.signer.token(reduced, lifetime)
        return f"{self.origin}{IMAGES}/{token}.{plan.format}"
