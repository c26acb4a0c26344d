"""Serving until a signal comes: in this process, or in several that share a port."""

import asyncio
import gc
import ipaddress
import json
import logging
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass

from aiohttp import web

from mockserver.app import HOUSE, create_app
from mockserver.pipeline.context import Settings
from mockserver.server import file_limits as descriptors
from mockserver.server import workers
from mockserver.server.connections import Front
from mockserver.server.reload import Watch
from mockserver.server.shutdown import drain
from mockserver.state.statistics import Row, Totals
from specs import Provider

BACKLOG = 1024
TURN = 0.001
SIGNALS = (signal.SIGINT, signal.SIGTERM)

log = logging.getLogger("mockserver")


class AddressError(Exception):
    """A host and port that cannot be listened on; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What to serve, how long to wait for its end, and what to watch for changes."""

    providers: Sequence[Provider]
    settings: Settings
    grace: float
    watch: Watch | None = None


def listeners(host: str, port: int, count: int) -> list[socket.socket]:
    """
    Sockets bound to one address, one for each process.

    Raises `AddressError` when the address cannot be had.
    """
    found: list[socket.socket] = []
    for _ in range(count):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if count > 1:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            listener.bind((host, port))
        except (OSError, OverflowError) as error:
            for each in (*found, listener):
                each.close()
            raise AddressError(
                f"cannot listen on {host}:{port}: {getattr(error, 'strerror', error)}. "
                "Choose another --port (0 takes any that is free)"
            ) from None
        found.append(listener)
        port = listener.getsockname()[1]
    return found


def is_reachable(address: str) -> bool:
    """Whether other machines may reach a server that listens at an IP address."""
    return not ipaddress.ip_address(address).is_loopback


def serve(
    orders: Orders, listeners: Sequence[socket.socket], *, ready: workers.Ready
) -> Totals:
    """
    Serve on these sockets, each in a process of its own when there are several.

    `ready` is called once all of them answer. Gives what was asked in all.
    """
    if len(listeners) == 1:
        return asyncio.run(_served(orders, listeners[0], ready, lonely=True))

    def work(
        listener: socket.socket, up: workers.Ready, parent: int, is_first: bool
    ) -> bytes:
        totals = asyncio.run(
            _served(orders, listener, up, parent=parent, speaks=is_first)
        )
        return _written(totals)

    return _read(workers.supervise(listeners, work, ready))


async def _served(
    orders: Orders,
    listener: socket.socket,
    ready: workers.Ready,
    *,
    parent: int | None = None,
    speaks: bool = True,
    lonely: bool = False,
) -> Totals:
    """
    Serve until a signal comes, or `parent`, a pipe held by the parent, ends.

    With nobody above it, being `lonely`, a second signal ends the process at once.
    """
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(descriptors.Complaints())
    descriptors.make_room(orders.settings.limits.max_connections + BACKLOG)
    app = create_app(orders.providers, orders.settings)
    runner = web.AppRunner(
        app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
    )
    await runner.setup()
    server = runner.server
    if server is None:
        raise RuntimeError("an application that was set up has a server")
    accepting = await loop.create_server(
        Front(app, server), sock=listener, backlog=BACKLOG
    )
    watching = (
        asyncio.create_task(orders.watch.follow(app[HOUSE], speaks=speaks))
        if orders.watch
        else None
    )
    stop = asyncio.Event()

    def leave(number: int) -> None:
        stop.set()
        if lonely:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for each in SIGNALS if lonely else [signal.SIGTERM]:
        loop.add_signal_handler(each, leave, each)
    if parent is not None:
        loop.add_reader(parent, stop.set)
    gc.freeze()  # documents stay: to look through them for rubbish takes milliseconds
    gc.enable()
    sys.setswitchinterval(TURN)  # threads that draw give way to the loop
    ready()
    await stop.wait()
    if parent is not None:
        loop.remove_reader(parent)
    if watching is not None:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
    await drain(accepting, runner, orders.grace)
    return app[HOUSE].memory.lifetime


def _written(totals: Totals) -> bytes:
    return json.dumps(
        [[*key, asdict(row)] for key, row in totals.rows.items()]
    ).encode()


def _read(said: Sequence[bytes]) -> Totals:
    """The sum of what workers wrote."""
    totals = Totals()
    for text in filter(None, said):
        for *key, given in json.loads(text):
            totals.rows.setdefault(tuple(key), Row()).merge(Row(**given))
    return totals
