"""The command `serve`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from mockserver.cli.common import (
    ENV_PREFIX,
    PROVIDER,
    GroupedCommand,
    UsageError,
    find_providers,
)
from mockserver.cli.main import SERVE
from mockserver.cli.serve_options import serve_options

if TYPE_CHECKING:
    from ssl import SSLContext

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
    providers = find_providers(provider, folder)
    settings = _settings(**options)
    tls = _tls_context(options["tls_cert"], options["tls_key"])
    try:
        listeners = process.bind_listeners(host, port, options["workers"])
    except process.AddressError as error:
        raise UsageError(str(error)) from None
    address = listeners[0].getsockname()
    if settings.token is None and process.is_reachable(address[0]):
        settings = replace(settings, token=secrets.token_urlsafe(18))
    logs.configure("none" if options["quiet"] else options["log_format"])
    output = ServeOutput(
        providers,
        address,
        settings.token,
        as_json=options["as_json"],
        scheme="https" if tls else "http",
        public_url=settings.public_url,
    )
    with url_file(options["url_file"], output.url) as write_url:

        def ready() -> None:
            write_url()
            output.print_ready()

        totals = process.serve(
            process.ServeOptions(
                providers, settings, grace=options["grace"], watcher=watcher, tls=tls
            ),
            listeners,
            ready=ready,
        )
    output.print_stopped(totals)


def _tls_context(certificate: str | None, key: str | None) -> "SSLContext | None":
    """The TLS of the server, or None. Raises `UsageError` for files of no use."""
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise UsageError("--tls-cert and --tls-key belong together: give both")
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "reason", None) or error.strerror or error
        raise UsageError(
            f"--tls-cert {certificate} and --tls-key {key} are no certificate and its "
            f"key, in PEM: {reason}"
        ) from None
    return context


def _settings(**options: Any) -> "Settings":
    """Raises `UsageError` if options contradict or the state store cannot be used."""
    from mockserver.settings import MEGABYTE, Limits, Quotas, Settings
    from mockserver.state.factory import check_state, shared_secret
    from mockserver.state.memory import StateError

    if options["public_url"] and options["trust_forwarded"]:
        raise UsageError(
            "--public-url already says what --trust-forwarded would find out: give one"
        )
    secret = options["secret"].encode() if options["secret"] else None
    try:
        check_state(options["state"])
        if secret is None and not options["seed"]:
            secret = shared_secret(options["state"])  # before workers are forked
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
        tasks=options["tasks"],
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
        secret=secret,
        state=options["state"],
        realistic=options["payload"] == "realistic",
        replay=options["replay"],
        replay_ignored=tuple(
            each.strip() for each in options["replay_ignore"].split(",") if each.strip()
        ),
        token=options["token"],
        image_urls=options["image_urls"],
        cors=tuple(options["cors"]),
        public_url=options["public_url"],
        trust_forwarded=options["trust_forwarded"],
        webhook_hosts=tuple(options["webhook_host"]),
        webhook_secret=options["webhook_secret"],
    )
