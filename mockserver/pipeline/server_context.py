"""The mocks of one server: their shared state, and the route to each of them."""

import hashlib
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING

from aiohttp import web

from mockserver.errors import Rejected, documented_error_response
from mockserver.json_text import dumps, printable
from mockserver.media.recent import RecentOutputs
from mockserver.media.rendering import RenderCache
from mockserver.pipeline.provider_contexts import ProviderContexts
from mockserver.settings import Settings
from mockserver.state.clock import Clock
from mockserver.state.factory import open_state_store, shared_secret
from specs import ProviderEntry

if TYPE_CHECKING:
    from mockserver.media.links import Signer
    from mockserver.pipeline.provider_context import ProviderContext
    from mockserver.pipeline.webhooks import WebhookSender
    from mockserver.recordings.cassettes import Cassettes
    from specs import Provider


class ServerContext:
    """
    The contexts of all providers of a server, by provider id, and their shared state.

    `reload_error` is the reason why changed documents were not loaded, or None.
    `after_load` is called when the first request to a provider has loaded it.
    """

    def __init__(
        self, providers: "Sequence[Provider | ProviderEntry]", settings: Settings
    ) -> None:
        self.settings = settings
        self.store = open_state_store(settings.state, Clock(settings.frozen))
        self.recent_outputs = RecentOutputs()
        self.reload_error: str | None = None
        self.after_load: Callable[[], None] = lambda: None
        self.render_cache = RenderCache()
        self._secret = _signing_secret(settings)
        self._executor = ThreadPoolExecutor(2, thread_name_prefix="images")
        self.cassettes = _open_cassettes(settings)
        self._rng = random.Random(settings.seed or None)
        self.load(providers)

    @cached_property
    def _signer(self) -> "Signer":
        from mockserver.media.links import Signer

        in_query = self.settings.image_urls == "query"
        return Signer(self._secret, self.store.clock, in_query=in_query)

    @cached_property
    def webhooks(self) -> "WebhookSender":
        from mockserver.pipeline.webhooks import WebhookSender

        return WebhookSender(self.settings, self.store)

    def load(self, providers: "Sequence[Provider | ProviderEntry]") -> None:
        """Replace the providers; open requests continue with the previous documents."""
        entries = [
            each if isinstance(each, ProviderEntry) else ProviderEntry.of(each)
            for each in providers
        ]
        self.provider_contexts = ProviderContexts(entries, self._provider_context)
        self.routes = self.provider_contexts.routes
        self.reload_error = None

    def _provider_context(self, provider: "Provider") -> "ProviderContext":
        from mockserver.pipeline.provider_context import ProviderContext

        return ProviderContext(
            provider=provider,
            settings=self.settings,
            store=self.store,
            render_cache=self.render_cache,
            recent_outputs=self.recent_outputs,
            signer=self._signer,
            executor=self._executor,
            rng=self._rng,
            quotas=self.settings.quotas.with_defaults(provider.dialect.mock),
            webhooks=self.webhooks,
            cassettes=self.cassettes,
        )

    def resolve(self, host: str, path: str) -> "tuple[ProviderContext, str] | None":
        """
        The provider of a request, and its path without the prefix of the provider.

        The first segment of the path selects it, else the subdomain of `localhost`. A
        server with one provider needs neither. None if no provider matches.
        """
        selected = self.select(host, path)
        if selected is None:
            return None
        return self.provider_contexts[selected[0]], selected[1]

    def select(self, host: str, path: str) -> tuple[str, str] | None:
        """The id of the provider of a request, and the rest of the path."""
        first, _, rest = path.removeprefix("/").partition("/")
        if first in self.provider_contexts:
            return first, f"/{rest}"
        subdomain = host.partition(":")[0].removesuffix(".localhost")
        if subdomain in self.provider_contexts:
            return subdomain, path
        if len(self.provider_contexts) == 1:
            return next(iter(self.provider_contexts)), path
        return None

    def any_provider_context(self) -> "ProviderContext":
        """Any of the contexts, for work that does not depend on the provider."""
        return next(iter(self.provider_contexts.values()))

    async def reset(self, namespace: str | None = None) -> None:
        """Delete the state of a namespace, or the whole state."""
        await self.store.reset(namespace)
        if namespace is None:
            self.recent_outputs.clear()
            if self.cassettes is not None:
                self.cassettes.rewind()

    async def close(self) -> None:
        if "webhooks" in self.__dict__:  # made with the first provider
            await self.webhooks.close()
        self._executor.shutdown(wait=False, cancel_futures=True)
        await self.store.close()


SERVER_CONTEXT: web.AppKey[ServerContext] = web.AppKey("server_context", ServerContext)


def error_response(
    rejected: Rejected, context: ServerContext | None, *, path: str, host: str = ""
) -> web.Response:
    """
    The error response to a request that is not for an operation.

    It has the format of the provider that the path or the host selects, if any.
    """
    resolved = context.resolve(host, path) if context else None
    if resolved is not None:
        return documented_error_response(rejected, resolved[0].provider.any_operation)
    body = {"error": {"message": printable(rejected.message), "type": rejected.name}}
    return web.json_response(
        body, status=rejected.status or 500, headers=rejected.headers, dumps=dumps
    )


def _open_cassettes(settings: Settings) -> "Cassettes | None":
    if settings.replay is None:
        return None
    from mockserver.recordings.cassettes import Cassettes

    return Cassettes.open(settings.replay, settings.replay_ignored)


def _signing_secret(settings: Settings) -> bytes:
    """The secret of the settings, else one derived from the seed, else of the state."""
    if settings.secret or not settings.seed:
        return settings.secret or shared_secret(settings.state)
    return hashlib.sha256(f"imageparity {settings.seed}".encode()).digest()
