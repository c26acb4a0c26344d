"""The command `serve`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from mockserver.cli.common import (
    ENV_PREFIX,
    PROVIDER,
    GroupedCommand,
    UsageError,
    load_providers,
)
from mockserver.cli.main import SERVE
from mockserver.cli.serve_options import serve_options

if TYPE_CHECKING:
    from mockserver.settings import Settings


@click.command(
    SERVE,
    cls=GroupedCommand,
    context_settings={"show_default": True},
    epilog=f"""
    Options can also be set by environment variables ({ENV_PREFIX}_PORT for --port and
    so on; {ENV_PREFIX}_PROVIDER for the providers), in the TOML file of --config, or in
    [tool.imageparity] of ./pyproject.toml. The command line takes precedence over the
    environment, the environment over --config, and --config over pyproject.toml.

    \b
    Exit status:
      0  stopped by a signal
      1  a worker could not start
      2  invalid option, invalid document, or address in use
      130, 143  ended by a second signal before it had stopped
    """,
)
@click.argument("provider", nargs=-1, type=PROVIDER, envvar=f"{ENV_PREFIX}_PROVIDER")
@serve_options
def serve(
    provider: tuple[str, ...],
    host: str,
    port: int,
    folder: str | None,
    **options: Any,
) -> None:
    """
    Serve mocks of PROVIDERs, by default of all, until interrupted.

    The base URL of a mock is http://HOST:PORT/<provider> and the path of the provider's
    own base URL.
    """
    import gc

    gc.disable()  # until it serves: objects created before are permanent
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
    from mockserver.cli.url_file import url_file
    from mockserver.server import process
    from mockserver.server.reload import DocumentWatcher

    reloads = bool(folder) if options["reload"] is None else options["reload"]
    watcher = DocumentWatcher(provider, folder) if reloads else None
    providers = load_providers(provider, folder)
    settings = _settings(**options)
    try:
        listeners = process.bind_listeners(host, port, options["workers"])
    except process.AddressError as error:
        raise UsageError(str(error)) from None
    address = listeners[0].getsockname()
    if settings.token is None and process.is_reachable(address[0]):
        settings = replace(settings, token=secrets.token_urlsafe(18))
    logs.configure("none" if options["quiet"] else options["log_format"])
    output = ServeOutput(providers, address, settings.token, as_json=options["as_json"])
    with url_file(options["url_file"], output.url) as write_url:

        def ready() -> None:
            write_url()
            output.print_ready()

        totals = process.serve(
            process.ServeOptions(
                providers, settings, grace=options["grace"], watcher=watcher
            ),
            listeners,
            ready=ready,
        )
    output.print_stopped(totals)


def _settings(**options: Any) -> "Settings":
    """Raises `UsageError` if the state store or a recording cannot be used."""
    import secrets

    from mockserver.settings import MEGABYTE, Limits, Quotas, Settings
    from mockserver.state.factory import check_state
    from mockserver.state.memory import StateError

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
        replay_ignored=tuple(
            each.strip() for each in options["replay_ignore"].split(",") if each.strip()
        ),
        token=options["token"],
    )
