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

from mockserver.app import SERVER_CONTEXT, create_app
from mockserver.server import file_limits as descriptors
from mockserver.server import workers
from mockserver.server.connections import ConnectionFactory
from mockserver.server.reload import DocumentWatcher
from mockserver.server.shutdown import drain
from mockserver.settings import Settings
from mockserver.state.statistics import StatusTotals, Totals
from specs import Provider

BACKLOG = 1024
SWITCH_INTERVAL = 0.001
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

log = logging.getLogger("mockserver")


class AddressError(Exception):
    """A host and port that cannot be listened on; the message says what to do."""


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """What to serve, how long to wait for its end, and what to watch for changes."""

    providers: Sequence[Provider]
    settings: Settings
    grace: float
    watcher: DocumentWatcher | None = None


def bind_listeners(host: str, port: int, count: int) -> list[socket.socket]:
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
    options: ServeOptions,
    listeners: Sequence[socket.socket],
    *,
    ready: workers.ReadyCallback,
) -> Totals:
    """
    Serve on these sockets, each in a process of its own when there are several.

    `ready` is called once all of them answer. Gives what was asked in all.
    """
    if len(listeners) == 1:
        return asyncio.run(_serve(options, listeners[0], ready, single_process=True))

    def work(
        listener: socket.socket, up: workers.ReadyCallback, parent: int, is_first: bool
    ) -> bytes:
        totals = asyncio.run(
            _serve(options, listener, up, parent=parent, logs_reloads=is_first)
        )
        return _totals_to_json(totals)

    return _merge_totals(workers.supervise(listeners, work, ready))


async def _serve(
    options: ServeOptions,
    listener: socket.socket,
    ready: workers.ReadyCallback,
    *,
    parent: int | None = None,
    logs_reloads: bool = True,
    single_process: bool = False,
) -> Totals:
    """
    Serve until a signal comes, or `parent`, a pipe held by the parent, ends.

    With nobody above it, being `lonely`, a second signal ends the process at once.
    """
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(descriptors.ThrottledErrors())
    descriptors.raise_file_limit(options.settings.limits.max_connections + BACKLOG)
    app = create_app(options.providers, options.settings)
    runner = web.AppRunner(
        app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
    )
    await runner.setup()
    server = runner.server
    if server is None:
        raise RuntimeError("an application that was set up has a server")
    accepting = await loop.create_server(
        ConnectionFactory(app, server), sock=listener, backlog=BACKLOG
    )
    watching = (
        asyncio.create_task(
            options.watcher.run(app[SERVER_CONTEXT], logs_reloads=logs_reloads)
        )
        if options.watcher
        else None
    )
    stop = asyncio.Event()

    def leave(number: int) -> None:
        stop.set()
        if single_process:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for each in STOP_SIGNALS if single_process else [signal.SIGTERM]:
        loop.add_signal_handler(each, leave, each)
    if parent is not None:
        loop.add_reader(parent, stop.set)
    gc.freeze()  # documents stay: to look through them for rubbish takes milliseconds
    gc.enable()
    sys.setswitchinterval(SWITCH_INTERVAL)  # threads that draw give way to the loop
    ready()
    await stop.wait()
    if parent is not None:
        loop.remove_reader(parent)
    if watching is not None:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
    await drain(accepting, runner, options.grace)
    return app[SERVER_CONTEXT].store.lifetime_totals


def _totals_to_json(totals: Totals) -> bytes:
    return json.dumps(
        [[*key, asdict(row)] for key, row in totals.rows.items()]
    ).encode()


def _merge_totals(results: Sequence[bytes]) -> Totals:
    """The sum of what workers wrote."""
    totals = Totals()
    for text in filter(None, results):
        for *key, given in json.loads(text):
            totals.rows.setdefault(tuple(key), StatusTotals()).merge(
                StatusTotals(**given)
            )
    return totals
