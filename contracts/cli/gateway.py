"""`imageparity sandwich`: what the words mean, and the exit statuses."""

import asyncio
import os
import secrets
import sys
from collections.abc import Sequence
from importlib.metadata import version
from urllib.parse import urlsplit

import aiohttp
import click
from rich.console import Console
from rich.progress import Progress

from contracts.cli.options import path_option
from contracts.cli.output import check_outputs
from contracts.execution.targets import is_loopback
from contracts.judging.outcome import FeatureVerdict
from contracts.planning.request_model import PlanError
from contracts.report.file import atomic_write
from contracts.reporters import gateway as reporting
from contracts.traffic.gateway.questions import Planner, Question
from contracts.traffic.gateway.session import GatewayExchange, GatewaySession, Unusable
from contracts.traffic.gateway.upstream import HOLD_TIMEOUT, recording_upstream
from contracts.traffic.gateway.verdicts import GatewayDiff
from mockserver.cli.common import UsageError, load_providers, specs_option
from specs import Provider

DEFAULT_PORT = 8090
UPSTREAM_KEY = "sk-imageparity-upstream"
DEFAULT_FAIL_ON = "ignored,altered,refused-badly"
PASSED, FAILED = 0, 1  # 2, could not run, is what `Usage` exits with


def _parse_verdicts(
    _: click.Context, __: click.Parameter, value: str
) -> frozenset[FeatureVerdict]:
    try:
        words = filter(None, (each.strip() for each in value.split(",")))
        return frozenset(FeatureVerdict(each) for each in words)
    except ValueError as error:
        known = ", ".join(FeatureVerdict)
        raise UsageError(f"--fail-on: {error}; known are {known}") from None


@click.command()
@click.argument("gateway", metavar="BASE_URL")
@click.option(
    "--upstream-dialect",
    required=True,
    metavar="PROVIDER",
    help="What its upstream claims to be.",
)
@click.option(
    "--dialect", metavar="PROVIDER", help="What it claims to be itself (the same)."
)
@click.option("--model", metavar="NAME", help="Its own name for the model.")
@click.option("--key-env", metavar="VAR", help="The variable that holds its key.")
@click.option(
    "--listen-host",
    default="127.0.0.1",
    show_default=True,
    help="Where the upstream listens.",
)
@click.option(
    "--listen-port",
    default=DEFAULT_PORT,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="0 takes any that is free.",
)
@click.option(
    "--wait",
    default=60.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Seconds until it must ask its upstream.",
)
@click.option(
    "--patience",
    default=30.0,
    show_default=True,
    type=click.FloatRange(2 * HOLD_TIMEOUT),
    help="Seconds for each answer.",
)
@click.option("--only", multiple=True, metavar="PART", help="Features that have PART.")
@click.option("--live", is_flag=True, help="Allow a gateway beyond this machine.")
@click.option("--report", "report_path", type=path_option, help="Write JSON.")
@click.option("--markdown", type=path_option, help="Write Markdown.")
@click.option(
    "--fail-on",
    default=DEFAULT_FAIL_ON,
    show_default=True,
    metavar="VERDICT,…",
    callback=_parse_verdicts,
    help="Verdicts that make the exit status 1.",
)
@specs_option
def sandwich(
    gateway: str,
    upstream_dialect: str,
    dialect: str | None,
    model: str | None,
    key_env: str | None,
    listen_host: str,
    listen_port: int,
    wait: float,
    patience: float,
    only: tuple[str, ...],
    live: bool,
    report_path: str | None,
    markdown: str | None,
    fail_on: frozenset[FeatureVerdict],
    folder: str | None,
) -> None:
    """
    Find what a gateway at BASE_URL loses between its caller and its upstream.

    Our mock is its upstream: configure the address that is printed, with any key,
    and let the gateway run. Exit status: 0 fine, 1 a verdict of --fail-on was found,
    2 the gateway or its upstream was not reached.
    """
    _check_gateway(gateway, live=live)
    check_outputs({"report": report_path, "markdown": markdown})
    (upstream,) = load_providers([upstream_dialect], folder)
    (provider,) = load_providers([dialect or upstream_dialect], folder)
    key = _caller_key(key_env)
    planner = Planner(provider, upstream, model, run_id=f"q{secrets.token_hex(3)}")
    try:
        first, *rest = planner.questions()
    except PlanError as error:
        raise UsageError(str(error)) from None
    rest = [each for each in rest if _is_selected(each, only)]
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())

    async def conduct() -> list[GatewayExchange]:
        async with (
            recording_upstream(upstream, listen_host, listen_port) as (tap, url),
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
        ):
            _print_upstream(console, upstream, url, gateway, wait)
            asker = GatewaySession(session, tap, gateway, key, patience)
            found = await asker.wait_for_upstream(first, wait)
            with Progress(
                console=Console(stderr=True),
                transient=True,
                disable=not _is_interactive(),
            ) as bar:
                task = bar.add_task("Asking", total=len(rest))
                others = await asker.send_all(rest, lambda: bar.advance(task))
            return [found, *others]

    try:
        asked = asyncio.run(conduct())
    except OSError as error:
        raise UsageError(
            f"cannot listen on {listen_host}:{listen_port}: {error.strerror}. "
            "Choose another --listen-port"
        ) from None
    except Unusable as error:
        raise UsageError(f"{gateway}: {error}") from None
    except KeyboardInterrupt:
        raise UsageError("interrupted: not everything was asked") from None
    judge = GatewayDiff(provider, upstream, model, key)
    rows = [row for each in asked for row in judge.rows(each)]
    examined = reporting.GatewayReport(
        version=version("imageparity"),
        gateway=gateway,
        dialect=provider.id,
        upstream_dialect=upstream.id,
        rows=[each for each in rows if not only or _matches(each.feature, only)],
        fail_on=fail_on,
    )
    reporting.print_text(examined, console)
    _write_output(report_path, reporting.json_text(examined), console)
    _write_output(markdown, reporting.markdown(examined), console)
    raise SystemExit(FAILED if examined.failures else PASSED)


def _write_output(path: str | None, text: str, console: Console) -> None:
    if path is None:
        return
    try:
        with atomic_write(path) as out:
            out.write(text)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
    console.print(f"Written: {path}", markup=False)


def _check_gateway(gateway: str, *, live: bool) -> None:
    parts = urlsplit(gateway)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError(f"BASE_URL is a base URL such as http://…/v1, not '{gateway}'")
    if parts.username or parts.password:
        raise UsageError(
            "BASE_URL holds a password: put the gateway's key in --key-env"
        )
    if not is_loopback(parts.hostname) and not live:
        raise UsageError(
            f"{gateway} is not on this machine: if our mock is not its upstream, "
            "questions may cost money; add --live when it is"
        )


def _caller_key(key_env: str | None) -> str:
    """The gateway's key; one that opens nothing where it asks for none."""
    if key_env is None:
        return f"sk-imageparity-caller-{secrets.token_hex(8)}"
    key = os.environ.get(key_env, "").strip()
    if not key:
        raise UsageError(f"{key_env} is not set: export the gateway's key in it")
    return key


def _is_selected(question: Question, only: Sequence[str]) -> bool:
    return not only or any(_matches(each, only) for each in question.features)


def _matches(feature: str, only: Sequence[str]) -> bool:
    return any(part in feature for part in only)


def _is_interactive() -> bool:
    return sys.stderr.isatty()


def _print_upstream(
    console: Console, upstream: Provider, url: str, gateway: str, wait: float
) -> None:
    """Told at once, also to a pipe: somebody may configure the gateway by it."""
    lines = (
        f"Upstream for the gateway ({upstream.title}): {url}",
        f"Key for it, or any other: {UPSTREAM_KEY}",
        f"Waiting up to {wait:g} s for {gateway} to ask it.",
    )
    for line in lines:
        console.print(line, markup=False)
    console.file.flush()
