"""An end in good order: nothing new is let in, what has begun is finished."""

import asyncio

from aiohttp import web

from mockserver.server.connections import Connection

POLL_INTERVAL = 0.02
FIRST_BYTE_TIMEOUT = 0.25


async def drain(accepting: asyncio.Server, runner: web.AppRunner, grace: float) -> None:
    """
    Let what is under way end, for `grace` seconds; then close what is left.

    `runner` must have been set up, and `accepting` have a `Front` of its server.
    """
    loop = asyncio.get_running_loop()
    await asyncio.sleep(POLL_INTERVAL)  # take in what the kernel has accepted for us
    for listener in accepting.sockets:
        loop.remove_reader(listener.fileno())
    await asyncio.sleep(
        POLL_INTERVAL
    )  # one just accepted must be a connection before the close
    accepting.close()
    await runner.shutdown()  # the application's own streams end themselves
    begun = loop.time()
    await asyncio.sleep(POLL_INTERVAL)
    server = runner.server
    while server is not None and server.connections:
        spent = loop.time() - begun
        if spent > grace:
            break
        for each in server.connections:
            if isinstance(each, Connection):
                each.close_when_idle(wait_for_first_byte=spent < FIRST_BYTE_TIMEOUT)
        await asyncio.sleep(POLL_INTERVAL)
    await runner.cleanup()
