"""A mock beside a synchronous caller: own thread, own loop, any free port."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import specs
from mockserver.app import HOUSE, create_app
from mockserver.service import Settings


@dataclass(frozen=True, slots=True)
class Running:
    """A mock that is being served; `url` is its root, `base_urls` the providers'."""

    url: str
    base_urls: dict[str, str]
    _app: Any
    _loop: asyncio.AbstractEventLoop

    @property
    def base_url(self) -> str:
        """The base URL of the first provider; clients want nothing else."""
        return next(iter(self.base_urls.values()))

    def journal(self, provider: str | None = None) -> list[dict[str, Any]]:
        """The exchanges so far, oldest first."""
        read = self._app[HOUSE].journal.entries(provider=provider)
        found: list[dict[str, Any]] = asyncio.run_coroutine_threadsafe(
            read, self._loop
        ).result()
        return found


@contextmanager
def running(
    *providers: str | specs.Provider,
    settings: Settings | None = None,
    specs_path: str | Path | None = None,
    port: int = 0,
) -> Iterator[Running]:
    """
    A mock of the providers named (all, when none is), until the block ends.

    Raises `SpecError` for an unknown provider and `OSError` for a port in use.
    """
    more = [specs_path] if specs_path else []
    loaded = [
        each if isinstance(each, specs.Provider) else specs.load(each, *more)
        for each in providers or specs.names(*more)
    ]
    app = create_app(loaded, settings)
    with served(app, port) as (url, loop):
        bases = {each.id: f"{url}/{each.id}{each.base_path}" for each in loaded}
        yield Running(url, bases, app, loop)


@contextmanager
def served(app: Any, port: int = 0) -> Iterator[tuple[str, asyncio.AbstractEventLoop]]:
    """Any aiohttp application on 127.0.0.1, until the block ends."""
    from aiohttp import web

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="mock", daemon=True)
    thread.start()
    runner = web.AppRunner(
        app, access_log=None, handler_cancellation=True, shutdown_timeout=1.0
    )

    async def start() -> str:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    def call(coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result()

    try:
        yield call(start()), loop
    finally:
        call(runner.cleanup())
        call(_settled())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _settled() -> None:
    """
    Let connections end that were just accepted or are just closing.

    A task that accepts a connection must not be cancelled: it would leave its socket
    to the garbage collector.
    """
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    if rest:
        await asyncio.wait(rest, timeout=1.0)
    for _ in range(3):
        await asyncio.sleep(0)
    await asyncio.get_running_loop().shutdown_asyncgens()
