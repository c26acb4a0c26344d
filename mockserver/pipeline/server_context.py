"""The mocks of one server: their shared state, and the route to each of them."""

import hashlib
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from aiohttp import web

from mockserver.errors import Rejected, documented_error_response
from mockserver.json_text import dumps, printable
from mockserver.media.links import Signer
from mockserver.media.recent import RecentOutputs
from mockserver.media.rendering import RenderCache
from mockserver.pipeline.provider_context import ProviderContext
from mockserver.pipeline.webhooks import WebhookSender
from mockserver.settings import Settings
from mockserver.state.clock import Clock
from mockserver.state.factory import open_state_store, shared_secret
from specs import Provider

if TYPE_CHECKING:
    from mockserver.recordings.cassettes import Cassettes


class ServerContext:
    """
    The contexts of all providers of a server, by provider id, and their shared state.

    `reload_error` is the reason why changed documents were not loaded, or None.
    """

    def __init__(self, providers: Sequence[Provider], settings: Settings) -> None:
        self.settings = settings
        self.store = open_state_store(settings.state, Clock(settings.frozen))
        self.webhooks = WebhookSender(settings, self.store)
        self.recent_outputs = RecentOutputs()
        self.reload_error: str | None = None
        self.render_cache = RenderCache()
        secret, in_query = _signing_secret(settings), settings.image_urls == "query"
        self._signer = Signer(secret, self.store.clock, in_query=in_query)
        self._executor = ThreadPoolExecutor(2, thread_name_prefix="images")
        self.cassettes = _open_cassettes(settings)
        self._rng = random.Random(settings.seed or None)
        self.load(providers)

    def load(self, providers: Sequence[Provider]) -> None:
        """Replace the providers; open requests continue with the previous documents."""
        self.provider_contexts = {
            provider.id: ProviderContext(
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
            for provider in providers
        }
        self.routes = {
            (
                operation.method,
                f"/{name}{context.provider.full_path(operation)}",
            ): (
                operation,
                context,
            )
            for name, context in self.provider_contexts.items()
            if context.provider.base_path
            for operation in context.provider.all_operations.values()
            if not operation.has_template
        }
        self.reload_error = None

    def resolve(self, host: str, path: str) -> tuple[ProviderContext, str] | None:
        """
        The provider of a request, and its path without the prefix of the provider.

        The first segment of the path selects it, else the subdomain of `localhost`. A
        server with one provider needs neither. None if no provider matches.
        """
        first, _, rest = path.removeprefix("/").partition("/")
        if first in self.provider_contexts:
            return self.provider_contexts[first], f"/{rest}"
        subdomain = host.partition(":")[0].removesuffix(".localhost")
        if subdomain in self.provider_contexts:
            return self.provider_contexts[subdomain], path
        if len(self.provider_contexts) == 1:
            return next(iter(self.provider_contexts.values())), path
        return None

    def any_provider_context(self) -> ProviderContext:
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
