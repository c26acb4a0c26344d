"""All mocks of one server: what they share, and how an address leads to one of them."""

import hashlib
import random
import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from aiohttp import web

from mockserver.errors import Rejected, documented_error_response, dumps, printable
from mockserver.media.links import Signer
from mockserver.media.recent import RecentOutputs
from mockserver.media.rendering import RenderCache
from mockserver.pipeline.provider_context import ProviderContext, Settings
from mockserver.state.clock import Clock
from mockserver.state.factory import open_state_store
from specs import Provider

if TYPE_CHECKING:
    from mockserver.recordings.cassettes import Cassettes


class ServerContext:
    """
    The services of one server by provider id, and what they hold in common.

    `trouble` says why newer documents were not taken over, or is None.
    """

    def __init__(self, providers: Sequence[Provider], settings: Settings) -> None:
        self.settings = settings
        self.store = open_state_store(settings.state, Clock(settings.frozen))
        self.recent_outputs = RecentOutputs()
        self.reload_error: str | None = None
        self._render_cache = RenderCache()
        self._signer = Signer(_signing_secret(settings), self.store.clock)
        self._executor = ThreadPoolExecutor(2, thread_name_prefix="pictures")
        self.cassettes = _open_cassettes(settings)
        self._rng = random.Random(settings.seed or None)
        self.load(providers)

    def load(self, providers: Sequence[Provider]) -> None:
        """Serve these from now on; requests under way keep the documents they met."""
        self.provider_contexts = {
            provider.id: ProviderContext(
                provider=provider,
                settings=self.settings,
                store=self.store,
                render_cache=self._render_cache,
                recent_outputs=self.recent_outputs,
                signer=self._signer,
                executor=self._executor,
                rng=self._rng,
                quotas=self.settings.quotas.with_defaults(provider.dialect.mock),
                cassettes=self.cassettes,
            )
            for provider in providers
        }
        self.routes = {
            (operation.method, f"/{name}{each.provider.base_path}{operation.path}"): (
                operation,
                each,
            )
            for name, each in self.provider_contexts.items()
            if each.provider.base_path
            for operation in each.provider.operations.values()
        }
        self.reload_error = None

    def resolve(self, host: str, path: str) -> tuple[ProviderContext, str] | None:
        """The service meant by a host and a path, and the path without the prefix."""
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
        """One of the services, for what they all do alike."""
        return next(iter(self.provider_contexts.values()))

    async def reset(self, namespace: str | None = None) -> None:
        """A clean slate: of a namespace, or of all that is remembered here."""
        await self.store.reset(namespace)
        if namespace is None:
            self.recent_outputs.clear()
            if self.cassettes is not None:
                self.cassettes.rewind()

    async def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)
        await self.store.close()


SERVER_CONTEXT: web.AppKey[ServerContext] = web.AppKey("house", ServerContext)


def error_response(
    rejected: Rejected, context: ServerContext | None, *, path: str, host: str = ""
) -> web.Response:
    """
    The answer to what is no request for an operation.

    In the envelope of the provider that the address leads to, where it leads to one.
    """
    found = context.resolve(host, path) if context else None
    if found is not None:
        return documented_error_response(
            rejected, next(iter(found[0].provider.operations.values()))
        )
    body = {"error": {"message": printable(rejected.message), "type": rejected.name}}
    return web.json_response(
        body, status=rejected.status or 500, headers=rejected.headers, dumps=dumps
    )


def _open_cassettes(settings: Settings) -> "Cassettes | None":
    if settings.replay is None:
        return None
    from mockserver.recordings.cassettes import Cassettes

    return Cassettes.open(settings.replay)


def _signing_secret(settings: Settings) -> bytes:
    """What signs picture addresses: given, or drawn from the seed, or at random."""
    if settings.secret or not settings.seed:
        return settings.secret or secrets.token_bytes(32)
    return hashlib.sha256(f"imageparity {settings.seed}".encode()).digest()
