"""`mockserver serve`: the mock from the command line."""

import json
import os
import signal
import socket
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

import specs

DEFAULT_PORT = 8080
SERVE = "serve"


class Usage(click.ClickException):
    """Something the user can mend: one line, exit status 2."""

    exit_code = 2


def _config(context: click.Context, _: click.Parameter, value: str | None) -> None:
    """Options from a TOML file become defaults; the command line prevails."""
    if value is None:
        return
    import tomllib

    try:
        given = tomllib.loads(Path(value).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Usage(f"--config {value} cannot be read: {error}") from None
    section = given.get(SERVE, given)
    given = section if isinstance(section, dict) else given
    known = {each.opts[0].lstrip("-"): each.name for each in context.command.params}
    del known["config"]
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise Usage(
            f"--config {value}: unknown option '{unknown[0]}'; "
            f"known are {', '.join(sorted(known))}"
        )
    defaults = {known[name]: each for name, each in given.items()}
    context.default_map = {**(context.default_map or {}), **defaults}


def _frozen(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    try:
        return datetime.fromisoformat(value).timestamp()
    except ValueError:
        raise Usage(
            f"--freeze-time takes ISO 8601, such as 2026-05-04T12:00:00Z, not '{value}'"
        ) from None


def load_all(ids: Sequence[str], folder: str | None) -> list[specs.Provider]:
    """The providers of these ids, or all. Raises `Usage`."""
    more = [folder] if folder else []
    try:
        return [
            specs.load(each, *more) for each in dict.fromkeys(ids) or specs.names(*more)
        ]
    except specs.SpecError as error:
        raise Usage(str(error)) from None


class OneLine(click.Group):
    """Commands whose complaints are one line: what is wrong, and what to do."""

    def main(self, *args: Any, **extra: Any) -> Any:
        extra["standalone_mode"] = False
        try:
            status = super().main(*args, **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            raise SystemExit(error.exit_code) from None
        except click.ClickException as error:
            message = " ".join(error.format_message().split())
            context = getattr(error, "ctx", None)
            hint = f"; see {context.command_path} --help" if context else ""
            click.echo(f"Error: {message.rstrip('.')}{hint}", err=True)
            raise SystemExit(error.exit_code) from None
        except click.Abort:
            raise SystemExit(1) from None
        raise SystemExit(status if isinstance(status, int) else 0)


@click.group(cls=OneLine, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="imageparity")
def main() -> None:
    """An offline upstream for every provider of OpenAI-compatible image APIs."""


@main.command(SERVE)
@click.argument("provider", nargs=-1)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option(
    "--port",
    default=DEFAULT_PORT,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="0 takes any that is free.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="First line as JSON, for programs."
)
@click.option("--seed", default=0, help="Other seeds, other pictures.")
@click.option("--workers", default=1, type=click.IntRange(1, 64), help="Processes.")
@click.option(
    "--state",
    default="memory",
    show_default=True,
    help="Where the journal lives: memory, or redis://HOST:PORT/DB for all workers.",
)
@click.option(
    "--latency",
    default=0.0,
    type=click.FloatRange(0, 600_000),
    help="Milliseconds before each answer.",
)
@click.option("--strict", is_flag=True, help="Refuse what a document leaves open.")
@click.option(
    "--freeze-time", "frozen", callback=_frozen, help="Stop the clock at this ISO time."
)
@click.option(
    "--specs",
    "folder",
    envvar="SPECS_PATH",
    type=click.Path(exists=True, file_okay=False),
    help="A folder of further providers' folders.",
)
@click.option(
    "--config",
    callback=_config,
    is_eager=True,
    expose_value=False,
    help="A TOML file with any of these options.",
)
def serve(
    provider: tuple[str, ...],
    host: str,
    port: int,
    as_json: bool,
    seed: int,
    workers: int,
    state: str,
    latency: float,
    strict: bool,
    frozen: float | None,
    folder: str | None,
) -> None:
    """
    Serve mocks of PROVIDERs (all, if none is named) until interrupted.

    Base URL of each: http://HOST:PORT/<provider> and the path of its live base URL.
    """
    import secrets

    from mockserver.service import Settings
    from mockserver.state import StateError, check_state

    providers = load_all(provider, folder)
    try:
        check_state(state)
    except StateError as error:
        raise Usage(str(error)) from None
    listener = _listener(host, port, workers)
    settings = Settings(
        seed=seed,
        strict=strict,
        latency=latency / 1000,
        frozen=frozen,
        secret=None if seed else secrets.token_bytes(32),
        state=state,
    )
    parent, held = os.pipe()  # ends when the process that holds its other end does
    children = _forked(workers - 1)
    if children is None:
        os.close(held)
    try:
        _serve(
            providers,
            settings,
            listener,
            parent=parent if children is None else None,
            as_json=as_json,
            shared=workers > 1,
        )
    finally:
        for child in children or ():
            os.kill(child, signal.SIGTERM)
        for child in children or ():
            os.waitpid(child, 0)


def _listener(host: str, port: int, workers: int) -> socket.socket:
    """A bound socket. Raises `Usage` when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if workers > 1:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise Usage(
            f"cannot listen on {host}:{port}: {getattr(error, 'strerror', error)}. "
            "Choose another --port (0 takes any that is free)"
        ) from None
    return listener


def _forked(count: int) -> list[int] | None:
    """Child processes that go on from here; None in each of them."""
    children: list[int] = []
    for _ in range(count):
        child = os.fork()
        if child == 0:
            return None
        children.append(child)
    return children


def _serve(
    providers: Sequence[specs.Provider],
    settings: Any,
    listener: socket.socket,
    *,
    parent: int | None,
    as_json: bool,
    shared: bool,
) -> None:
    """Serve until a signal comes or `parent`, a pipe held by the parent, ends."""
    import asyncio

    from aiohttp import web

    from mockserver.app import create_app

    host, port = listener.getsockname()[:2]
    if shared:  # each worker listens on a socket of its own; the first keeps the port
        listener = _listener(host, port, workers=2)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        runner = web.AppRunner(
            create_app(providers, settings),
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=5.0,
        )
        await runner.setup()
        await web.SockSite(runner, listener, backlog=1024).start()
        stop = asyncio.Event()
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, stop.set)
        if parent is None:
            _announce(providers, host, port, as_json=as_json)
        else:
            loop.add_reader(parent, stop.set)
        await stop.wait()
        if parent is not None:
            loop.remove_reader(parent)
        await runner.cleanup()

    asyncio.run(run())


def _announce(
    providers: Sequence[specs.Provider], host: str, port: int, *, as_json: bool
) -> None:
    name = f"[{host}]" if ":" in host else host
    url = f"http://{name}:{port}"
    bases = {each.id: f"{url}/{each.id}{each.base_path}" for each in providers}
    if as_json:
        line = json.dumps({"event": "ready", "url": url, "providers": bases})
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
        return
    lines = [f"Serving {len(bases)} provider(s) at {url}; stop with Ctrl-C."]
    width = max(map(len, bases))
    lines += [f"  {name:<{width}}  {base}" for name, base in bases.items()]
    first = next(iter(bases.values()))
    model = providers[0].dialect.model
    lines += [
        "",
        "Try it:",
        f"  curl {first}/images/generations -H 'Authorization: Bearer test' \\",
        "    -H 'Content-Type: application/json' \\",
        f"    -d '{json.dumps({'model': model, 'prompt': 'A red cube'})}'",
        f"What came and what was decided: {url}/__mock__/journal",
    ]
    if host not in {"127.0.0.1", "::1", "localhost"}:
        lines.append("Note: this is reachable from other machines.")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
