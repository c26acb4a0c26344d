"""The options of `serve`, their checks, and their order in `--help`."""

import json
from pathlib import Path
from typing import Any

import click

from mockserver.cli.common import (
    DEFAULT_PORT,
    GroupedOption,
    UsageError,
    specs_option,
    with_options,
)
from mockserver.cli.common import environment_option as _option
from mockserver.cli.network_options import NETWORK_OPTIONS

_POSITIVE_INT = click.IntRange(1)
_TIMEOUT = click.FloatRange(0.1, 86_400)  # seconds


def _apply_config(
    context: click.Context, _: click.Parameter, value: str | None
) -> None:
    """Make options of a file the defaults of the command line and environment."""
    from mockserver.cli.config_file import ConfigurationError, read_options

    if context.resilient_parsing:  # shell completion
        return
    try:
        options = read_options(context.command, Path(value) if value else None)
    except ConfigurationError as error:
        raise UsageError(str(error)) from None
    names = {
        each.opts[0].removeprefix("--"): each.name for each in context.command.params
    }
    defaults = {str(names[name]): value for name, value in options.items()}
    context.default_map = {**(context.default_map or {}), **defaults}


def _print_schema(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from mockserver.cli.config_file import config_schema

        click.echo(json.dumps(config_schema(context.command), indent=2))
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
            "--freeze-time must be an ISO 8601 time such as 2026-05-04T12:00:00Z, "
            f"not '{value}'"
        ) from None


def _parse_latency(_: click.Context, __: click.Parameter, value: str) -> Any:
    from mockserver.simulation.latency import Latency

    try:
        return Latency.parse(value)
    except ValueError as error:
        raise UsageError(f"--latency: {error}") from None


def _parse_tasks(_: click.Context, __: click.Parameter, value: str) -> Any:
    from mockserver.simulation.task_mode import parse_mode

    try:
        return parse_mode(value)
    except ValueError as error:
        raise UsageError(f"--tasks '{value}': {error}") from None


def _validate_token(
    _: click.Context, __: click.Parameter, value: str | None
) -> str | None:
    if value is None or (value.isascii() and value.isprintable() and " " not in value):
        return value or None
    raise UsageError("--token is sent in a header: it must be ASCII without spaces")


# In the order of `--help`. `config_schema` replaces the JSON Schema of the click type.
_OPTIONS = (
    # Server
    _option(
        "Server",
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        config_schema={"type": "string", "minLength": 1},
        help="Address to listen on.",
    ),
    _option(
        "Server",
        "--port",
        default=DEFAULT_PORT,
        type=click.IntRange(0, 65535),
        metavar="N",
        help="Port to listen on; 0 for any free port.",
    ),
    _option(
        "Server",
        "--workers",
        default=1,
        type=click.IntRange(1, 64),
        metavar="N",
        help="Number of worker processes.",
    ),
    _option(
        "Server",
        "--state",
        default="memory",
        metavar="STORE",
        help="Store of the journal and other state: memory, or redis://HOST:PORT/DB to "
        "share it between workers.",
    ),
    _option(
        "Server",
        "--token",
        callback=_validate_token,
        metavar="TEXT",
        config_schema={"type": "string", "pattern": "^[!-~]+$"},
        help="Control-API token, ASCII without spaces; generated if --host is not a "
        "loopback address.",
    ),
    *NETWORK_OPTIONS,
    _option(
        "Server",
        "--grace",
        default=5.0,
        type=click.FloatRange(0, 600),
        metavar="SECONDS",
        help="Time for in-flight requests to finish after a signal.",
    ),
    _option(
        "Server",
        "--json/--no-json",
        "as_json",
        default=False,
        help="Print the first and last line as JSON.",
    ),
    _option(
        "Server",
        "--url-file",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Write the URL of the server to this file when it is ready, and remove it "
        "when it stops.",
    ),
    _option(
        "Server",
        "--log-format",
        default="auto",
        type=click.Choice(["auto", "none", "text", "json"]),
        help="Log each request to stderr; auto: as text if it is a terminal.",
    ),
    _option(
        "Server",
        "--quiet/--no-quiet",
        default=False,
        help="Log no requests, as --log-format none.",
    ),
    # Documents and responses
    specs_option,
    _option(
        "Responses",
        "--reload/--no-reload",
        default=None,
        show_default="only with --specs",
        help="Reload documents when they change.",
    ),
    _option(
        "Responses",
        "--strict/--no-strict",
        default=False,
        help="Reject requests that the document leaves unspecified.",
    ),
    _option(
        "Responses",
        "--seed",
        default=0,
        metavar="N",
        help="Seed for the generated images.",
    ),
    _option(
        "Responses",
        "--payload",
        default="compact",
        type=click.Choice(["compact", "realistic"]),
        help="Size of image files: small, or as large as those of real models.",
    ),
    _option(
        "Responses",
        "--image-urls",
        default="path",
        type=click.Choice(["path", "query"]),
        help="Place of the signature in image URLs: in the path, or in a query as that "
        "of cloud storage.",
    ),
    _option(
        "Responses",
        "--latency",
        default="0",
        callback=_parse_latency,
        metavar="MS",
        config_schema={"anyOf": [{"type": "string"}, {"type": "number", "minimum": 0}]},
        help="Milliseconds before each response: 300, 200..800, or lognormal:300:0.4 "
        "(median, sigma).",
    ),
    _option(
        "Responses",
        "--tasks",
        default="seconds=3",
        callback=_parse_tasks,
        metavar="MODE",
        config_schema={
            "type": "string",
            "pattern": r"^(immediate|polls=[0-9]+|seconds=[0-9]+(\.[0-9]+)?)$",
        },
        help="When long-running tasks finish: immediate, polls=N (with the N-th read), "
        "or seconds=S of the server's clock.",
    ),
    _option(
        "Responses",
        "--freeze-time",
        "frozen",
        callback=_parse_freeze_time,
        metavar="ISO",
        help="Freeze the clock at this ISO 8601 time.",
    ),
    _option(
        "Responses",
        "--replay",
        metavar="DIR",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Replay the recordings in this folder.",
    ),
    _option(
        "Responses",
        "--replay-ignore",
        default="",
        show_default=False,
        metavar="NAMES",
        config_schema={"type": "string"},
        help="Fields in which a request may differ from its recording: user,seed.",
    ),
    # Limits
    _option(
        "Limits",
        "--requests-per-minute",
        type=_POSITIVE_INT,
        metavar="N",
        help="Maximum requests per minute and API key; more are answered 429.",
    ),
    _option(
        "Limits",
        "--images-per-minute",
        type=_POSITIVE_INT,
        metavar="N",
        help="Maximum images per minute and API key; more are answered 429.",
    ),
    _option(
        "Limits",
        "--concurrency",
        type=_POSITIVE_INT,
        metavar="N",
        help="Maximum concurrent requests per API key; more are answered 429.",
    ),
    _option(
        "Limits",
        "--max-body",
        default=64,
        type=click.IntRange(1, 1024),
        metavar="MB",
        help="Maximum size of a request body with images; more is answered 413.",
    ),
    _option(
        "Limits",
        "--max-connections",
        default=1000,
        type=_POSITIVE_INT,
        metavar="N",
        help="Maximum connections per worker; above it, idle ones are closed.",
    ),
    _option(
        "Limits",
        "--head-timeout",
        default=10.0,
        type=_TIMEOUT,
        metavar="SECONDS",
        help="Timeout for request headers, in seconds.",
    ),
    _option(
        "Limits",
        "--body-timeout",
        default=30.0,
        type=_TIMEOUT,
        metavar="SECONDS",
        help="Timeout for a request body, in seconds; longer for large bodies.",
    ),
    _option(
        "Limits",
        "--send-timeout",
        default=30.0,
        type=_TIMEOUT,
        metavar="SECONDS",
        help="Timeout for a client that does not read the response, in seconds.",
    ),
    _option(
        "Limits",
        "--idle-timeout",
        default=75.0,
        type=_TIMEOUT,
        metavar="SECONDS",
        help="Timeout for a connection without requests, in seconds.",
    ),
    # Configuration
    _option(
        "Configuration",
        "--config",
        callback=_apply_config,
        is_eager=True,
        expose_value=False,
        metavar="FILE",
        in_config=False,
        help="TOML file with any of these options.",
    ),
    click.option(
        "--config-schema",
        cls=GroupedOption,
        group="Configuration",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        in_config=False,
        callback=_print_schema,
        help="Print the JSON Schema of that file and exit.",
    ),
)


serve_options = with_options(_OPTIONS)
