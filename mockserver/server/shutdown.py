"""Graceful shutdown: accept no new connections, finish requests in progress."""

import asyncio

from aiohttp import web

from mockserver.server.connections import Connection

POLL_INTERVAL = 0.02  # seconds
FIRST_BYTE_TIMEOUT = 0.25  # seconds


async def drain(accepting: asyncio.Server, runner: web.AppRunner, grace: float) -> None:
    """
    Wait up to `grace` seconds for requests in progress; then close all connections.

    `runner` must have been set up, and `accepting` must use a `ConnectionFactory` of
    its server.
    """
    loop = asyncio.get_running_loop()
    await asyncio.sleep(POLL_INTERVAL)  # accept connections of the kernel's queue
    for listener in accepting.sockets:
        loop.remove_reader(listener.fileno())
    # Accepted sockets must become connections before the server is closed. Two steps of
    # the loop are enough; connections that arrive meanwhile are lost.
    for _ in range(2):
        await asyncio.sleep(0)
    accepting.close()
    await runner.shutdown()  # ends the application's own streams
    started = loop.time()
    await asyncio.sleep(POLL_INTERVAL)
    server = runner.server
    while server is not None and server.connections:
        elapsed = loop.time() - started
        if elapsed > grace:
            break
        for connection in server.connections:
            if isinstance(connection, Connection):
                waits = elapsed < FIRST_BYTE_TIMEOUT
                connection.close_when_idle(wait_for_first_byte=waits)
        await asyncio.sleep(POLL_INTERVAL)
    await runner.cleanup()
