"""Documents that change while they are served; the last good ones are kept."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import specs
from mockserver.pipeline.house import House

POLL_SECONDS = 0.5

log = logging.getLogger("mockserver")

Stamp = frozenset[tuple[str, int, int]]


class Watch:
    """
    The folder to watch, and what to load from it when it changes.

    Made before the documents are first loaded: no change after that is missed.
    """

    def __init__(self, ids: Sequence[str], folder: str | None) -> None:
        self._ids = ids
        self._more = [folder] if folder else []
        self._root = Path(folder) if folder else Path(specs.__file__).parent
        self._seen = self._stamp()

    async def follow(self, house: House, *, speaks: bool) -> None:
        """Take over what changes, until cancelled; say so if `speaks`."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            stamp = await asyncio.to_thread(self._stamp)
            if stamp == self._seen:
                continue
            self._seen = stamp
            try:
                providers = await asyncio.to_thread(
                    specs.load_all, self._ids, *self._more
                )
                house.adopt(providers)
            except specs.SpecError as error:
                house.trouble = str(error)
                if speaks:
                    log.warning("The last good documents are kept: %s", error)
            except Exception:
                house.trouble = "the documents cannot be loaded; stderr has the reason"
                log.exception("The last good documents are kept")
            else:
                if speaks:
                    names = ", ".join(each.id for each in providers)
                    log.info("The documents were read again: %s", names)

    def _stamp(self) -> Stamp:
        """Name, time and size of each document."""
        found = set()
        for pattern in ("*.yaml", "*/*.yaml"):
            for file in self._root.glob(pattern):
                with suppress(FileNotFoundError):  # an editor replaces files
                    facts = file.stat()
                    found.add((str(file), facts.st_mtime_ns, facts.st_size))
        return frozenset(found)
