"""A loop in a thread of its own, what is served there, and the way in."""

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

T = TypeVar("T")

SHUTDOWN_TIMEOUT = 1.0
ENDED_MESSAGE = "this mock has ended; ask it inside its `with` block"


@asynccontextmanager
async def serve_in_loop(app: web.Application, port: int = 0) -> AsyncIterator[str]:
    """Any aiohttp application on 127.0.0.1 in this loop; yields its root address."""
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
    Accept no more; what was accepted already becomes a connection before.

    Closed at once, asyncio would leave its socket to the garbage collector.
    """
    with suppress(NotImplementedError):  # Windows: it accepts one at a time
        asyncio.get_running_loop().remove_reader(listener)
    await _yield_to_loop()
    accepting.close()


async def _yield_to_loop() -> None:
    """Let the loop do what it has put off: accepting and closing take some turns."""
    for _ in range(4):
        await asyncio.sleep(0)


@contextmanager
def serve_in_thread(
    app: web.Application, port: int = 0
) -> Iterator[tuple[str, "BlockingPortal"]]:
    """Any aiohttp application on 127.0.0.1 from a thread, until the block ends."""
    up: Future[tuple[str, asyncio.AbstractEventLoop]] = Future()
    leave: Future[None] = Future()
    ended: Future[None] = Future()

    async def serve() -> None:
        async with serve_in_loop(app, port) as url:
            up.set_result((url, asyncio.get_running_loop()))
            await asyncio.wrap_future(leave)

    def work() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:  # raised where the end is waited for
            ended.set_exception(error)
        else:
            ended.set_result(None)

    thread = threading.Thread(target=work, name="mock", daemon=True)
    thread.start()
    try:
        url, loop = _wait_for_result(up, ended)
        yield url, BlockingPortal(url, loop, ended)
    finally:
        leave.set_result(None)
        thread.join()
    if ended.done():  # it never is in a process that was forked inside the block
        ended.result()


class BlockingPortal:
    """The way into the loop of another thread, for as long as that runs."""

    def __init__(
        self, url: str, loop: asyncio.AbstractEventLoop, ended: Future[None]
    ) -> None:
        self._url = url
        self._loop = loop
        self._ended = ended
        self._pid = os.getpid()

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What a coroutine gives there. Raises `RuntimeError` where none can run."""
        try:
            self._check_usable()
            found = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except RuntimeError:
            coroutine.close()
            raise
        try:
            return _wait_for_result(found, self._ended)
        except BaseException:
            found.cancel()
            raise

    def _check_usable(self) -> None:
        if os.getpid() != self._pid:
            raise RuntimeError(
                "this mock runs in another process; ask it at "
                f"{self._url}/__mock__/, or start one here"
            )
        if self._ended.done():
            raise RuntimeError(ENDED_MESSAGE)


def _wait_for_result(future: Future[T], ended: Future[None]) -> T:
    """What comes of a future, unless the thread that works on it ends before."""
    both: list[Future[Any]] = [future, ended]
    wait(both, return_when=FIRST_COMPLETED)
    if future.done() and not future.cancelled():
        return future.result()
    ended.result()
    raise RuntimeError(ENDED_MESSAGE)
