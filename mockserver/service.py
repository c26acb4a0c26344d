"""What one provider's mock holds: its document, its clock, its pictures, its memory."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from mockserver.errors import Rejected
from mockserver.journal import Journal
from mockserver.pictures import BadPicture, Gallery, Plan
from mockserver.tokens import Signer
from specs import Provider

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Settings:
    """
    How a mock behaves beyond its documents.

    `strict` refuses what a document leaves unspecified; `latency` is in seconds;
    `frozen` stops the clock at that time, in seconds since 1970; `state` is where the
    journal lives, `memory` or the address of a Redis.
    """

    seed: int = 0
    strict: bool = False
    latency: float = 0.0
    frozen: float | None = None
    secret: bytes | None = None
    state: str = "memory"


@dataclass(frozen=True, slots=True)
class Service:
    """One provider, being served."""

    provider: Provider
    settings: Settings
    clock: Callable[[], float]
    journal: Journal
    gallery: Gallery
    signer: Signer
    executor: Executor

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
