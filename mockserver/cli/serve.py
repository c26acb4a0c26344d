"""The command serve: its options, from the command line, the environment or a file."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from mockserver.pipeline.provider_context import Settings
from mockserver.cli.common import (
    DEFAULT_PORT,
    ENV_PREFIX,
    PROVIDER,
    UsageError,
    load_providers,
    specs_option,
)
from mockserver.cli.main import SERVE


def _option(*names: str, **extra: Any) -> Callable[..., Any]:
    """An option of `serve`, which the variable of its long name gives as well."""
    long = names[0].removeprefix("--").partition("/")[0]
    variable = f"{ENV_PREFIX}_{long.upper().replace('-', '_')}"
    return click.option(*names, envvar=variable, **extra)


def _apply_config(
    context: click.Context, _: click.Parameter, value: str | None
) -> None:
    """Options from a file become defaults; command line and environment prevail."""
    from mockserver.cli.config_file import ConfigurationError, read_options

    if context.resilient_parsing:  # a shell asks for completions
        return
    try:
        given = read_options(Path(value) if value else None)
    except ConfigurationError as error:
        raise UsageError(str(error)) from None
    names = {
        (each.opts[0].removeprefix("--")): each.name for each in context.command.params
    }
    defaults = {str(names[name]): value for name, value in given.items()}
    context.default_map = {**(context.default_map or {}), **defaults}


def _print_schema(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from mockserver.cli.config_file import schema

        click.echo(json.dumps(schema(), indent=2))
        context.exit()


def _parse_freeze_time(
    _: click.Context, __: click.Parameter, value: str | None
) -> float | None:
    if value is None:
        return None
    from mockserver.state.clock import parse_time

    try:
        return parse_time(value)
    except ValueError:
        raise UsageError(
            f"--freeze-time takes ISO 8601, such as 2026-05-04T12:00:00Z, not '{value}'"
        ) from None


def _parse_latency(_: click.Context, __: click.Parameter, value: str) -> Any:
    from mockserver.simulation.latency import Latency

    try:
        return Latency.parse(value)
    except ValueError as error:
        raise UsageError(f"--latency: {error}") from None


def _validate_token(
    _: click.Context, __: click.Parameter, value: str | None
) -> str | None:
    if value is None or (value.isascii() and value.isprintable() and " " not in value):
        return value or None
    raise UsageError("--token goes into a header: ASCII without spaces, please")


_POSITIVE_INT = click.IntRange(1)


def _timeout_option(phase: str, default: float, help: str) -> Callable[..., Any]:
    return _option(
        f"--{phase}-timeout",
        default=default,
        show_default=True,
        type=click.FloatRange(0.1, 86_400),
        metavar="SECONDS",
        help=help,
    )


@click.command(
    SERVE,
    epilog=f"""
    Each option can also come from a variable ({ENV_PREFIX}_PORT for --port and so on;
    {ENV_PREFIX}_PROVIDER for the providers), from the TOML file of --config, or from
    [tool.imageparity] in ./pyproject.toml. The command line prevails, then the
    environment, then --config, then pyproject.toml.

    \b
    Exit status:
      0  it was asked to end, and ended
      1  a worker could not start
      2  it could not begin: an option, a document or the address
      130, 143  a second signal came before it had ended
    """,
)
@click.argument("provider", nargs=-1, type=PROVIDER, envvar=f"{ENV_PREFIX}_PROVIDER")
@_option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@_option(
    "--port",
    default=DEFAULT_PORT,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="0 takes any that is free.",
)
@_option(
    "--json/--no-json", "as_json", default=False, help="First and last line as JSON."
)
@_option("--seed", default=0, help="Other seeds, other pictures.")
@_option("--workers", default=1, type=click.IntRange(1, 64), help="Processes.")
@_option(
    "--state",
    default="memory",
    show_default=True,
    help="Where the journal lives: memory, or redis://HOST:PORT/DB for all workers.",
)
@_option(
    "--latency",
    default="0",
    callback=_parse_latency,
    metavar="MS",
    help="Before each answer: 300, 200..800, or lognormal:300:0.4 (median, sigma).",
)
@_option(
    "--requests-per-minute",
    type=_POSITIVE_INT,
    help="Of one key; more is answered 429.",
)
@_option(
    "--images-per-minute", type=_POSITIVE_INT, help="Of one key; more is answered 429."
)
@_option("--concurrency", type=_POSITIVE_INT, help="Requests of one key at a time.")
@_option(
    "--max-body",
    default=64,
    show_default=True,
    type=click.IntRange(1, 1024),
    metavar="MB",
    help="Of a body that holds pictures; more is answered 413.",
)
@_option(
    "--max-connections",
    default=1000,
    show_default=True,
    type=_POSITIVE_INT,
    help="Of one process; beyond it, idle ones are closed.",
)
@_timeout_option("head", 10.0, "For a request's head, from its first byte.")
@_timeout_option("body", 30.0, "For its body; large ones have longer.")
@_timeout_option("send", 30.0, "For a client that does not read its answer.")
@_timeout_option("idle", 75.0, "For a connection on which nothing is asked.")
@_option(
    "--payload",
    default="compact",
    show_default=True,
    type=click.Choice(["compact", "realistic"]),
    help="Small files, or files of the weight that models give.",
)
@_option(
    "--strict/--no-strict", default=False, help="Refuse what a document leaves open."
)
@_option(
    "--freeze-time",
    "frozen",
    callback=_parse_freeze_time,
    metavar="ISO",
    help="Stop the clock at this time.",
)
@_option(
    "--replay",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Answer from the recordings of this folder.",
)
@_option(
    "--token",
    callback=_validate_token,
    metavar="TEXT",
    help="What opens the control API; drawn when other machines can reach it.",
)
@_option(
    "--reload/--no-reload",
    default=None,
    help="Take over documents as they change (with --specs, unless --no-reload).",
)
@_option(
    "--grace",
    default=5.0,
    show_default=True,
    type=click.FloatRange(0, 600),
    metavar="SECONDS",
    help="How long requests under way may take to end after a signal.",
)
@_option(
    "--log-format",
    default="none",
    show_default=True,
    type=click.Choice(["none", "text", "json"]),
    help="A line on stderr for each exchange.",
)
@specs_option
@_option(
    "--config",
    callback=_apply_config,
    is_eager=True,
    expose_value=False,
    metavar="FILE",
    help="A TOML file with any of these options.",
)
@click.option(
    "--config-schema",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_schema,
    help="Print the JSON Schema of that file, and exit.",
)
def serve(
    provider: tuple[str, ...],
    host: str,
    port: int,
    folder: str | None,
    **options: Any,
) -> None:
    """
    Serve mocks of PROVIDERs (all, if none is named) until interrupted.

    Base URL of each: http://HOST:PORT/<provider> and the path of its live base URL.
    """
    import gc

    gc.disable()  # until it serves: all that is made before stays
    try:
        _serve(provider, host, port, folder, options)
    finally:
        gc.enable()


def _serve(
    provider: tuple[str, ...],
    host: str,
    port: int,
    folder: str | None,
    options: Mapping[str, Any],
) -> None:
    import secrets
    from dataclasses import replace

    from mockserver.cli import logging as logs
    from mockserver.cli.serve_output import ServeOutput
    from mockserver.server import process as serving
    from mockserver.server import reload as reloading

    reloads = bool(folder) if options["reload"] is None else options["reload"]
    watch = reloading.DocumentWatcher(provider, folder) if reloads else None
    providers = load_providers(provider, folder)
    settings = _settings(**options)
    try:
        listeners = serving.bind_listeners(host, port, options["workers"])
    except serving.AddressError as error:
        raise UsageError(str(error)) from None
    address = listeners[0].getsockname()
    if settings.token is None and serving.is_reachable(address[0]):
        settings = replace(settings, token=secrets.token_urlsafe(18))
    logs.configure(options["log_format"])
    announcer = ServeOutput(
        providers, address, settings.token, as_json=options["as_json"]
    )
    totals = serving.serve(
        serving.ServeOptions(
            providers, settings, grace=options["grace"], watcher=watch
        ),
        listeners,
        ready=announcer.print_ready,
    )
    announcer.print_stopped(totals)


def _settings(**options: Any) -> "Settings":
    """Raises `Usage` for a state or a recording that cannot be had."""
    import secrets

    from mockserver.pipeline.provider_context import Settings
    from mockserver.settings import MEGABYTE, Limits
    from mockserver.state.factory import check_state
    from mockserver.state.memory import StateError
    from mockserver.state.rate_limit import Quotas

    try:
        check_state(options["state"])
    except StateError as error:
        raise UsageError(str(error)) from None
    if options["replay"]:
        from mockserver.recordings.cassette_file import CassetteError
        from mockserver.recordings.cassettes import Cassettes

        try:
            Cassettes.open(options["replay"])
        except CassetteError as error:
            raise UsageError(str(error)) from None
    return Settings(
        seed=options["seed"],
        strict=options["strict"],
        latency=options["latency"],
        quotas=Quotas(
            requests_per_minute=options["requests_per_minute"],
            images_per_minute=options["images_per_minute"],
            concurrency=options["concurrency"],
        ),
        limits=Limits(
            head_timeout=options["head_timeout"],
            body_timeout=options["body_timeout"],
            send_timeout=options["send_timeout"],
            idle_timeout=options["idle_timeout"],
            max_body=options["max_body"] * MEGABYTE,
            max_connections=options["max_connections"],
        ),
        frozen=options["frozen"],
        secret=None if options["seed"] else secrets.token_bytes(32),
        state=options["state"],
        realistic=options["payload"] == "realistic",
        replay=options["replay"],
        token=options["token"],
    )
