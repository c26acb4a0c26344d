"""Run an application's event loop in a background thread and call into it."""

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, TypeVar, cast

from aiohttp import web

from mockserver.server.connections import ConnectionFactory

# pytest leaves the frames of this module out of a traceback: the last is the caller's.
__tracebackhide__ = True

T = TypeVar("T")

SHUTDOWN_TIMEOUT = 1.0  # seconds
ENDED_MESSAGE = "this mock has ended; use it inside its `with` block"


@asynccontextmanager
async def serve_in_loop(app: web.Application, port: int = 0) -> AsyncIterator[str]:
    """Serve an aiohttp application on 127.0.0.1 in this loop; yields its root URL."""
    loop = asyncio.get_running_loop()
    runner = web.AppRunner(
        app,
        access_log=None,
        handler_cancellation=True,
        shutdown_timeout=SHUTDOWN_TIMEOUT,
    )
    try:
        await runner.setup()
        server = cast("web.Server", runner.server)
        with socket.create_server(("127.0.0.1", port)) as listener:
            accepting = await loop.create_server(
                ConnectionFactory(app, server), sock=listener
            )
            try:
                yield f"http://127.0.0.1:{listener.getsockname()[1]}"
            finally:
                await _close_server(accepting, listener)
    finally:
        await runner.cleanup()
        await _yield_to_loop()


async def _close_server(accepting: asyncio.Server, listener: socket.socket) -> None:
    """
    Accept no more connections; accepted sockets become connections before.

    If the server is closed at once, asyncio leaves such sockets to the garbage
    collector.
    """
    with suppress(NotImplementedError):  # Windows
        asyncio.get_running_loop().remove_reader(listener)
    await _yield_to_loop()
    accepting.close()


async def _yield_to_loop() -> None:
    """Run pending callbacks of the loop; accepting and closing take several turns."""
    for _ in range(4):
        await asyncio.sleep(0)


@contextmanager
def serve_in_thread(
    app: web.Application, port: int = 0
) -> Iterator[tuple[str, "BlockingPortal"]]:
    """
    Serve an aiohttp application on 127.0.0.1 from a thread until the block ends.

    Yields its root URL and a portal into its event loop.
    """
    started: Future[tuple[str, asyncio.AbstractEventLoop]] = Future()
    stop: Future[None] = Future()
    ended: Future[None] = Future()

    async def serve() -> None:
        async with serve_in_loop(app, port) as url:
            started.set_result((url, asyncio.get_running_loop()))
            await asyncio.wrap_future(stop)

    def work() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:  # raised again in the caller's thread
            ended.set_exception(error)
        else:
            ended.set_result(None)

    thread = threading.Thread(target=work, name="mock", daemon=True)
    thread.start()
    try:
        url, loop = _wait_for_result(started, ended)
        yield url, BlockingPortal(url, loop, ended)
    finally:
        stop.set_result(None)
        thread.join()
    if ended.done():  # never in a process that was forked inside the block
        ended.result()


class BlockingPortal:
    """Runs coroutines in the event loop of another thread."""

    def __init__(
        self, url: str, loop: asyncio.AbstractEventLoop, ended: Future[None]
    ) -> None:
        self._url = url
        self._loop = loop
        self._ended = ended
        self._pid = os.getpid()

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """
        Run a coroutine in the loop and return its result.

        Raises `RuntimeError` after the loop has ended, and in a forked process.
        """
        try:
            self._check_usable()
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except RuntimeError:
            coroutine.close()
            raise
        try:
            return _wait_for_result(future, self._ended)
        except BaseException:
            future.cancel()
            raise

    def _check_usable(self) -> None:
        if os.getpid() != self._pid:
            raise RuntimeError(
                "this mock runs in another process; use its control API at "
                f"{self._url}/__mock__/, or start a mock in this process"
            )
        if self._ended.done():
            raise RuntimeError(ENDED_MESSAGE)


def _wait_for_result(future: Future[T], ended: Future[None]) -> T:
    """Return the result of a future; raises if the thread ends before it is set."""
    both: list[Future[Any]] = [future, ended]
    wait(both, return_when=FIRST_COMPLETED)
    if future.done() and not future.cancelled():
        if error := future.exception():
            raise error  # without the frames that `result` would add
        return future.result()
    ended.result()
    raise RuntimeError(ENDED_MESSAGE)
