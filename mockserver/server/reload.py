"""Reload documents when they change; keep the last valid ones."""

import asyncio
import gc
import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import specs
from mockserver.heap import trim_heap
from mockserver.pipeline.server_context import ServerContext

POLL_INTERVAL = 0.5  # seconds

log = logging.getLogger("mockserver")

FileStamps = frozenset[tuple[str, int, int]]  # path, modification time in ns, bytes


class DocumentWatcher:
    """
    Watches a folder of documents and loads them again when a file changes.

    Create it before the documents are first loaded, so that no change is missed.
    """

    def __init__(self, ids: Sequence[str], folder: str | None) -> None:
        self._ids = ids
        self._folders = [folder] if folder else []
        self._root = Path(folder) if folder else Path(specs.__file__).parent
        self._last_stamps = self._file_stamps()

    async def run(self, context: ServerContext, *, logs_reloads: bool) -> None:
        """
        Load changed documents until cancelled.

        `logs_reloads` is False in all workers but one, so that a reload is logged once.
        """
        while True:
            await asyncio.sleep(POLL_INTERVAL)
            stamps = await asyncio.to_thread(self._file_stamps)
            if stamps == self._last_stamps:
                continue
            self._last_stamps = stamps
            try:
                providers = await asyncio.to_thread(
                    specs.load_all, self._ids, *self._folders
                )
                context.load(providers)
                unfreeze(context)
                await asyncio.to_thread(trim_heap)  # replaced documents left gaps
            except specs.SpecError as error:
                context.reload_error = str(error)
                if logs_reloads:
                    log.warning("Reload failed, keeping the last documents: %s", error)
            except Exception:
                context.reload_error = (
                    "the documents cannot be loaded; see stderr for the reason"
                )
                log.exception("Reload failed, keeping the last documents")
            else:
                if logs_reloads:
                    names = ", ".join(each.id for each in providers)
                    log.info("Reloaded documents: %s", names)

    def _file_stamps(self) -> FileStamps:
        stamps = set()
        for pattern in ("*.yaml", "*/*.yaml"):
            for file in self._root.glob(pattern):
                with suppress(FileNotFoundError):  # an editor replaces files
                    status = file.stat()
                    stamps.add((str(file), status.st_mtime_ns, status.st_size))
        return frozenset(stamps)


def unfreeze(context: ServerContext) -> None:
    """
    Let the garbage collector look at all objects again, as documents change.

    Garbage that is there when objects are made permanent is never collected.
    """
    gc.unfreeze()
    context.after_load = lambda: None
