"""All mocks of one server: what they share, and how an address leads to one of them."""

import hashlib
import random
import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web

from mockserver.album import Album
from mockserver.cassettes import Cassettes
from mockserver.clock import Clock
from mockserver.pictures import Gallery
from mockserver.service import Service, Settings
from mockserver.state import memory_at
from mockserver.tokens import Signer
from specs import Provider


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
        self.cassettes = Cassettes.open(settings.replay) if settings.replay else None
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


def _secret(settings: Settings) -> bytes:
    """What signs picture addresses: given, or drawn from the seed, or at random."""
    if settings.secret or not settings.seed:
        return settings.secret or secrets.token_bytes(32)
    return hashlib.sha256(f"imageparity {settings.seed}".encode()).digest()
