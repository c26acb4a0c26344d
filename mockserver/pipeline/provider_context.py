"""The mock of one provider: its document, settings, state store and caches."""

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from mockserver.errors import UNREADABLE_IMAGE, Rejected
from mockserver.media.base import Output, UnreadableUpload
from mockserver.media.helper_process import run_on
from mockserver.media.links import Link, Signer
from mockserver.media.recent import RecentOutputs
from mockserver.media.rendering import RenderCache, RenderKey
from mockserver.pipeline.request.body_parsing import max_body_bytes
from mockserver.pipeline.request.interpretation import InterpretationCache
from mockserver.pipeline.request.projection import Projection, compile_projection
from mockserver.pipeline.webhooks import WebhookSender
from mockserver.settings import Quotas, Settings
from mockserver.state.memory import StateStore
from specs import Operation, Provider

if TYPE_CHECKING:
    from mockserver.recordings.cassettes import Cassettes

DEFAULT_URL_LIFETIME = 3600.0  # seconds, for documents without a lifetime of URLs

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ProviderContext:
    """
    The document, settings and state that all requests to one provider share.

    `executor` runs blocking work on outputs and uploads. `projections`,
    `interpretations`, `body_limits` and `pending_renders` are caches.
    """

    provider: Provider
    settings: Settings
    store: StateStore
    render_cache: RenderCache
    recent_outputs: RecentOutputs
    signer: Signer
    executor: Executor
    rng: random.Random
    quotas: Quotas
    webhooks: WebhookSender
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
        """The function that reduces a response body to the declared fields."""
        projection = self.projections.get(operation.id)
        if projection is None:
            schema = operation.success.bodies["application/json"].schema
            projection = self.projections[operation.id] = compile_projection(schema)
        return projection

    def max_body_bytes(self, operation: Operation) -> int:
        """The maximum size of a request body of this operation."""
        limit = self.body_limits.get(operation.id)
        if limit is None:
            dialect = self.provider.dialect
            own = dialect.mock.max_body_bytes
            own = self.settings.limits.max_body if own is None else own
            limit = max_body_bytes(operation, dialect, own)
            self.body_limits[operation.id] = limit
        return limit

    async def render(self, output: Output, *, as_text: bool = False) -> bytes:
        """
        The file of an output, or its base64.

        It is rendered off the event loop, unless it is cached. Concurrent requests for
        the same output share one rendering. Raises `Rejected` for an unreadable upload.
        """
        file = self.render_cache.get(output, as_text=as_text)
        if file is not None:
            return file
        key = output, as_text
        task = self.pending_renders.get(key)
        if task is None:
            render = self.render_cache.render
            work = self._run_on_uploads(output, render, output, as_text=as_text)
            task = self.pending_renders[key] = asyncio.create_task(work)
            task.add_done_callback(lambda _: self._finish_render(key))
        return await asyncio.shield(task)  # one waiting request may be cancelled

    def _finish_render(self, key: RenderKey) -> None:
        task = self.pending_renders.pop(key)
        if not task.cancelled():
            task.exception()  # mark as retrieved: perhaps no request waits for it

    async def run_in_executor(
        self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run blocking work. Raises `Rejected` for an unreadable uploaded image."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(
                self.executor, lambda: work(*args, **kwargs)
            )
        except UnreadableUpload as error:
            message = f"the image cannot be read: {error}."
            raise Rejected(UNREADABLE_IMAGE, message, param="image") from None

    def new_request_id(self) -> str:
        return f"req_{self.request_ids.getrandbits(96):024x}"

    async def with_small_uploads(self, output: Output) -> Output:
        """The output with uploads that fit into a URL. Raises `Rejected`."""
        if not output.uploads:
            return output
        work = output.with_small_uploads
        return await self._run_on_uploads(output, run_on, output, work)

    async def _run_on_uploads(
        self, output: Output, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `run_in_executor`; `Rejected` names the field of the unreadable upload."""
        try:
            return await self.run_in_executor(work, *args, **kwargs)
        except Rejected as rejected:
            rejected.param = await self.run_in_executor(
                run_on, output, output.unreadable_upload
            )
            raise


@dataclass(slots=True)
class ResponseRenderer:
    """
    Render the outputs of a response.

    `root_url` is the beginning of its URLs. `namespace` is that of the request, and
    `link_fault` the fault that the URLs themselves have, or empty. `expires_at` is the
    time in seconds since 1970 at which the URLs expire; None for the usual lifetime.
    """

    provider_context: ProviderContext
    root_url: str
    namespace: str = ""
    link_fault: str = ""
    expires_at: float | None = None

    async def base64_of(self, output: Output) -> bytes:
        return await self.provider_context.render(output, as_text=True)

    async def url_of(self, output: Output) -> str:
        context = self.provider_context
        documented = context.provider.dialect.url_lifetime
        lifetime = documented.seconds if documented else DEFAULT_URL_LIFETIME
        output = await context.with_small_uploads(output)
        link = Link(output, context.provider.id, self.namespace, self.link_fault)
        path = context.signer.path(link, lifetime, expires_at=self.expires_at)
        return f"{self.root_url}{path}"
