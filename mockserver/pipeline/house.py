"""All mocks of one server: what they share, and how an address leads to one of them."""

import hashlib
import random
import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from aiohttp import web

from mockserver.errors import Rejected, dumps, printable, response_to
from mockserver.media.image.drawing.encode import Gallery
from mockserver.media.links import Signer
from mockserver.media.recent import Album
from mockserver.pipeline.context import Service, Settings
from mockserver.state.clock import Clock
from mockserver.state.factory import memory_at
from specs import Provider

if TYPE_CHECKING:
    from mockserver.recordings.cassettes import Cassettes


class House:
    """
    The services of one server by provider id, and what they hold in common.

    `trouble` says why newer documents were not taken over, or is None.
    """

    def __init__(self, providers: Sequence[Provider], settings: Settings) -> None:
        self.settings = settings
        self.memory = memory_at(settings.state, Clock(settings.frozen))
        self.album = Album()
        self.trouble: str | None = None
        self._gallery = Gallery()
        self._signer = Signer(_secret(settings), self.memory.clock)
        self._executor = ThreadPoolExecutor(2, thread_name_prefix="pictures")
        self.cassettes = _cassettes(settings)
        self._chance = random.Random(settings.seed or None)
        self.adopt(providers)

    def adopt(self, providers: Sequence[Provider]) -> None:
        """Serve these from now on; requests under way keep the documents they met."""
        self.services = {
            provider.id: Service(
                provider=provider,
                settings=self.settings,
                memory=self.memory,
                gallery=self._gallery,
                album=self.album,
                signer=self._signer,
                executor=self._executor,
                chance=self._chance,
                quotas=self.settings.quotas.over(provider.dialect.mock),
                cassettes=self.cassettes,
            )
            for provider in providers
        }
        self.doors = {
            (operation.method, f"/{name}{each.provider.base_path}{operation.path}"): (
                operation,
                each,
            )
            for name, each in self.services.items()
            if each.provider.base_path
            for operation in each.provider.operations.values()
        }
        self.trouble = None

    def resolve(self, host: str, path: str) -> tuple[Service, str] | None:
        """The service meant by a host and a path, and the path without the prefix."""
        first, _, rest = path.removeprefix("/").partition("/")
        if first in self.services:
            return self.services[first], f"/{rest}"
        subdomain = host.partition(":")[0].removesuffix(".localhost")
        if subdomain in self.services:
            return self.services[subdomain], path
        if len(self.services) == 1:
            return next(iter(self.services.values())), path
        return None

    def any(self) -> Service:
        """One of the services, for what they all do alike."""
        return next(iter(self.services.values()))

    async def reset(self, namespace: str | None = None) -> None:
        """A clean slate: of a namespace, or of all that is remembered here."""
        await self.memory.reset(namespace)
        if namespace is None:
            self.album.clear()
            if self.cassettes is not None:
                self.cassettes.rewind()

    async def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)
        await self.memory.close()


HOUSE: web.AppKey[House] = web.AppKey("house", House)


def refusal(
    rejected: Rejected, house: House | None, *, path: str, host: str = ""
) -> web.Response:
    """
    The answer to what is no request for an operation.

    In the envelope of the provider that the address leads to, where it leads to one.
    """
    found = house.resolve(host, path) if house else None
    if found is not None:
        return response_to(rejected, next(iter(found[0].provider.operations.values())))
    body = {"error": {"message": printable(rejected.message), "type": rejected.name}}
    return web.json_response(
        body, status=rejected.status or 500, headers=rejected.headers, dumps=dumps
    )


def _cassettes(settings: Settings) -> "Cassettes | None":
    if settings.replay is None:
        return None
    from mockserver.recordings.cassettes import Cassettes

    return Cassettes.open(settings.replay)


def _secret(settings: Settings) -> bytes:
    """What signs picture addresses: given, or drawn from the seed, or at random."""
    if settings.secret or not settings.seed:
        return settings.secret or secrets.token_bytes(32)
    return hashlib.sha256(f"imageparity {settings.seed}".encode()).digest()
