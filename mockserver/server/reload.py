"""Documents that change while they are served; the last good ones are kept."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import specs
from mockserver.pipeline.server_context import ServerContext

POLL_INTERVAL = 0.5

log = logging.getLogger("mockserver")

FileStamps = frozenset[tuple[str, int, int]]


class DocumentWatcher:
    """
    The folder to watch, and what to load from it when it changes.

    Made before the documents are first loaded: no change after that is missed.
    """

    def __init__(self, ids: Sequence[str], folder: str | None) -> None:
        self._ids = ids
        self._folders = [folder] if folder else []
        self._root = Path(folder) if folder else Path(specs.__file__).parent
        self._last_stamps = self._file_stamps()

    async def run(self, context: ServerContext, *, logs_reloads: bool) -> None:
        """Take over what changes, until cancelled; say so if `speaks`."""
        while True:
            await asyncio.sleep(POLL_INTERVAL)
            stamp = await asyncio.to_thread(self._file_stamps)
            if stamp == self._last_stamps:
                continue
            self._last_stamps = stamp
            try:
                providers = await asyncio.to_thread(
                    specs.load_all, self._ids, *self._folders
                )
                context.load(providers)
            except specs.SpecError as error:
                context.reload_error = str(error)
                if logs_reloads:
                    log.warning("The last good documents are kept: %s", error)
            except Exception:
                context.reload_error = (
                    "the documents cannot be loaded; stderr has the reason"
                )
                log.exception("The last good documents are kept")
            else:
                if logs_reloads:
                    names = ", ".join(each.id for each in providers)
                    log.info("The documents were read again: %s", names)

    def _file_stamps(self) -> FileStamps:
        """Name, time and size of each document."""
        found = set()
        for pattern in ("*.yaml", "*/*.yaml"):
            for file in self._root.glob(pattern):
                with suppress(FileNotFoundError):  # an editor replaces files
                    facts = file.stat()
                    found.add((str(file), facts.st_mtime_ns, facts.st_size))
        return frozenset(found)
