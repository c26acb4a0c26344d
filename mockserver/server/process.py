"""Serve until a signal arrives: in this process, or in workers that share a port."""

import asyncio
import gc
import ipaddress
import json
import logging
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial

from aiohttp import web

from mockserver.app import DISPATCHER, SERVER_CONTEXT, create_app
from mockserver.heap import keep_heap_small
from mockserver.server import file_limits
from mockserver.server.connections import ConnectionFactory
from mockserver.server.idle_memory import release_when_idle
from mockserver.server.reload import DocumentWatcher
from mockserver.server.shutdown import drain
from mockserver.settings import Settings
from mockserver.signals import STOP_SIGNALS, handle_signal
from mockserver.state.statistics import StatusTotals, Totals
from specs import ProviderEntry, SpecError

BACKLOG = 1024
SWITCH_INTERVAL = 0.001  # seconds
PREPARE_DELAY = 0.1  # seconds; a client that polls has its answer by then

log = logging.getLogger("mockserver")


class AddressError(Exception):
    """A host and port that cannot be listened on."""


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """
    The options of `serve`.

    `grace` is the time for requests in progress to finish, in seconds. `watcher`
    reloads changed documents; None for no reloading. `tls` serves HTTPS; None for HTTP.
    """

    providers: Sequence[ProviderEntry]
    settings: Settings
    grace: float
    watcher: DocumentWatcher | None = None
    tls: ssl.SSLContext | None = None


def bind_listeners(host: str, port: int, count: int) -> list[socket.socket]:
    """
    Return `count` sockets bound to one host and port, one for each process.

    Raises `AddressError` if the address is in use or invalid, or if processes cannot
    share a port on this system.
    """
    if count > 1 and sys.platform == "win32":
        raise AddressError("processes cannot share a port on Windows: no --workers")
    listeners: list[socket.socket] = []
    for _ in range(count):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        if sys.platform != "win32":  # there, two servers could take one port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if count > 1:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            listener.bind((host, port))
        except (OSError, OverflowError) as error:
            for bound in (*listeners, listener):
                bound.close()
            raise AddressError(
                f"cannot listen on {host}:{port}: {getattr(error, 'strerror', error)}. "
                "Choose another --port (0 for any free port)"
            ) from None
        listeners.append(listener)
        port = listener.getsockname()[1]
    return listeners


def is_reachable(address: str) -> bool:
    """Return True if other machines may reach a server at this IP address."""
    return not ipaddress.ip_address(address).is_loopback


def serve(
    options: ServeOptions,
    listeners: Sequence[socket.socket],
    *,
    ready: Callable[[], None],
) -> Totals:
    """
    Serve on these sockets until a signal arrives; several get a process each.

    `ready` is called when all processes accept connections. Returns the totals of all
    requests.
    """
    keep_heap_small()
    if len(listeners) == 1:
        return asyncio.run(_serve(options, listeners[0], ready, single_process=True))
    if sys.platform != "win32":
        from mockserver.server.workers import supervise

        _load_all(options.providers)

        def work(
            listener: socket.socket,
            ready: Callable[[], None],
            parent_pipe: int,
            is_first: bool,
        ) -> bytes:
            serving = _serve(
                options,
                listener,
                ready,
                parent_pipe=parent_pipe,
                logs_reloads=is_first,
            )
            return _totals_to_json(asyncio.run(serving))

        return _merge_totals(supervise(listeners, work, ready))
    raise RuntimeError("`bind_listeners` returns one socket on Windows")


async def _serve(
    options: ServeOptions,
    listener: socket.socket,
    ready: Callable[[], None],
    *,
    parent_pipe: int | None = None,
    logs_reloads: bool = True,
    single_process: bool = False,
) -> Totals:
    """
    Serve until a signal arrives or `parent_pipe` is closed.

    With `single_process`, SIGINT ends it too, and a second signal ends the process at
    once.
    """
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(file_limits.ThrottledErrors())
    file_limits.raise_file_limit(options.settings.limits.max_connections + BACKLOG)
    app = create_app(options.providers, options.settings)
    runner = web.AppRunner(
        app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
    )
    await runner.setup()
    server = runner.server
    if server is None:
        raise RuntimeError("the runner has no server")
    accepting = await loop.create_server(
        ConnectionFactory(app, server),
        sock=listener,
        backlog=BACKLOG,
        ssl=options.tls,
        ssl_handshake_timeout=(
            options.settings.limits.head_timeout if options.tls else None
        ),
    )
    context = app[SERVER_CONTEXT]
    tasks = [asyncio.create_task(release_when_idle(context))]
    if options.watcher:
        watching = options.watcher.run(context, logs_reloads=logs_reloads)
        tasks.append(asyncio.create_task(watching))
    stop = asyncio.Event()

    def on_signal(number: signal.Signals) -> None:
        stop.set()
        if single_process:
            handlers[number]()  # removes it
            signal.signal(number, signal.SIG_DFL)

    handlers = {
        number: handle_signal(loop, number, partial(on_signal, number))
        for number in (STOP_SIGNALS if single_process else [signal.SIGTERM])
    }
    if parent_pipe is not None:
        loop.add_reader(parent_pipe, stop.set)
    gc.freeze()  # the documents are permanent: scanning them takes milliseconds
    gc.enable()
    sys.setswitchinterval(SWITCH_INTERVAL)  # drawing threads yield to the loop sooner
    context.after_load = gc.freeze
    await asyncio.to_thread(ready)  # it may load a provider, for an example
    tasks.append(asyncio.create_task(_prepare(app, options.providers)))
    await stop.wait()
    if parent_pipe is not None:
        loop.remove_reader(parent_pipe)
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    await drain(accepting, runner, options.grace)
    return context.store.lifetime_totals


def _load_all(providers: Sequence[ProviderEntry]) -> None:
    """Import and load before workers are forked what they all need, and then share."""
    from mockserver.pipeline import dispatch  # noqa: F401

    for entry in providers:
        entry.provider  # noqa: B018  loads it


async def _prepare(app: web.Application, providers: Sequence[ProviderEntry]) -> None:
    """Import what the first request needs, and load the only provider, while idle."""
    await asyncio.sleep(PREPARE_DELAY)
    only = [each.id for each in providers] if len(providers) == 1 else []
    try:
        await app[DISPATCHER].prepare(*only)
    except (OSError, SpecError) as error:  # the first request tries again
        log.debug("not loaded before the first request: %s", error)


def _totals_to_json(totals: Totals) -> bytes:
    return json.dumps(
        [[*key, asdict(row)] for key, row in totals.rows.items()]
    ).encode()


def _merge_totals(results: Sequence[bytes]) -> Totals:
    """Add up the totals of workers; the result of one that was killed is empty."""
    totals = Totals()
    for text in filter(None, results):
        for *key, row in json.loads(text):
            totals.rows.setdefault(tuple(key), StatusTotals()).merge(
                StatusTotals(**row)
            )
    return totals
