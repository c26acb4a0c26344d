"""What one provider's mock holds: its document, its clock, its pictures, its memory."""

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from mockserver.errors import Rejected
from mockserver.media.image.plan import BadImage, Plan
from mockserver.media.links import IMAGES_PATH, Signer, with_thumbnails
from mockserver.media.recent import RecentOutputs
from mockserver.media.rendering import RenderCache, RenderKey
from mockserver.pipeline.body_parsing import max_body_bytes
from mockserver.pipeline.interpretation import InterpretationCache
from mockserver.pipeline.projection import Projection, compile_projection
from mockserver.settings import Limits
from mockserver.simulation.latency import Latency
from mockserver.state.memory import StateStore
from mockserver.state.rate_limit import Quotas
from specs import Operation, Provider

if TYPE_CHECKING:
    from mockserver.recordings.cassettes import Cassettes

DEFAULT_URL_LIFETIME = 3600.0  # seconds, where a document states no lifetime of URLs

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
class ProviderContext:
    """One provider, being served."""

    provider: Provider
    settings: Settings
    store: StateStore
    render_cache: RenderCache
    recent_outputs: RecentOutputs
    signer: Signer
    executor: Executor
    rng: random.Random
    quotas: Quotas
    cassettes: "Cassettes | None" = None
    pending_renders: dict[RenderKey, "asyncio.Task[bytes]"] = field(
        default_factory=dict
    )
    request_ids: random.Random = field(default_factory=random.Random)
    projections: dict[str, Projection] = field(default_factory=dict)
    interpretations: InterpretationCache = field(default_factory=InterpretationCache)
    body_limits: dict[str, int] = field(default_factory=dict)

    @property
    def clock(self) -> Callable[[], float]:
        """Seconds since 1970, by the server's clock."""
        return self.store.clock

    def projection_for(self, operation: Operation) -> Projection:
        """What makes an answer of this operation hold what its document declares."""
        found = self.projections.get(operation.id)
        if found is None:
            schema = operation.success.bodies["application/json"].schema
            found = self.projections[operation.id] = compile_projection(schema)
        return found

    def max_body_bytes(self, operation: Operation) -> int:
        """How large the body of a request for this operation may be."""
        found = self.body_limits.get(operation.id)
        if found is None:
            default = self.settings.limits.max_body
            own = self.provider.dialect.mock.get("max_body_bytes", default)
            found = self.body_limits[operation.id] = max_body_bytes(operation, own)
        return found

    async def render(self, plan: Plan, *, as_text: bool = False) -> bytes:
        """
        The picture of a plan, or its base64; drawn off the event loop unless it is at
        hand, and once for all who want it at the same time.
        """
        found = self.render_cache.get(plan, as_text=as_text)
        if found is not None:
            return found
        wanted = plan, as_text
        task = self.pending_renders.get(wanted)
        if task is None:
            work = self.run_in_executor(self.render_cache.render, plan, as_text=as_text)
            task = self.pending_renders[wanted] = asyncio.create_task(work)
            task.add_done_callback(lambda _: self._finish_render(wanted))
        return await asyncio.shield(task)  # others may wait when one leaves

    def _finish_render(self, key: RenderKey) -> None:
        task = self.pending_renders.pop(key)
        if not task.cancelled():
            task.exception()  # whoever waits gets it; perhaps nobody does any more

    async def run_in_executor(
        self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run blocking picture work aside. Raises `Rejected` for a bad picture."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(
                self.executor, lambda: work(*args, **kwargs)
            )
        except BadImage as error:
            raise Rejected(
                "invalid_request", f"The picture cannot be read: {error}", param="image"
            ) from None


@dataclass(frozen=True, slots=True)
class ResponseRenderer:
    """Renders the images of one response; `origin` is the scheme and host asked."""

    provider_context: ProviderContext
    origin: str

    async def base64_of(self, plan: Plan) -> bytes:
        return await self.provider_context.render(plan, as_text=True)

    async def url_of(self, plan: Plan) -> str:
        service = self.provider_context
        lifetime = service.provider.dialect.url_lifetime.get(
            "seconds", DEFAULT_URL_LIFETIME
        )
        reduced = (
            await service.run_in_executor(with_thumbnails, plan)
            if plan.inputs
            else plan
        )
        token = service.signer.token(reduced, lifetime)
        return f"{self.origin}{IMAGES_PATH}/{token}.{plan.format}"
