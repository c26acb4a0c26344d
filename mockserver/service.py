"""What one provider's mock holds: its document, its clock, its pictures, its memory."""

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import ParamSpec, TypeVar

from mockserver.album import Album
from mockserver.cassettes import Cassettes
from mockserver.errors import Rejected
from mockserver.latency import Latency
from mockserver.pictures import BadPicture, Gallery, Plan
from mockserver.quotas import Quotas
from mockserver.state import Memory
from mockserver.tokens import Signer
from specs import Provider

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
    cassettes: Cassettes | None = None

    @property
    def clock(self) -> Callable[[], float]:
        """Seconds since 1970, by the server's clock."""
        return self.memory.clock

    async def draw(self, plan: Plan) -> bytes:
        """The picture of a plan; drawn off the event loop unless it is at hand."""
        found = self.gallery.get(plan)
        if found is not None:
            return found
        return await self.off_loop(self.gallery.draw, plan)

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
