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

from contracts.cli.run import check_outputs, path_option
from contracts.execution.targets import is_loopback
from contracts.judging.outcome import Verdict
from contracts.planning.request_model import PlanError
from contracts.report.model import replacing
from contracts.reporters import gateway as reporting
from contracts.traffic.gateway.questions import Planner, Question
from contracts.traffic.gateway.session import Asked, Asker, Unusable
from contracts.traffic.gateway.upstream import HOLD, tapped
from contracts.traffic.gateway.verdicts import Judge
from mockserver.cli.main import Usage, load_all, specs_option
from specs import Provider

DEFAULT_PORT = 8090
UPSTREAM_KEY = "sk-imageparity-upstream"
FAILS = "ignored,altered,refused-badly"
FINE, FAILED = 0, 1  # 2, could not run, is what `Usage` exits with


def _verdicts(_: click.Context, __: click.Parameter, value: str) -> frozenset[Verdict]:
    try:
        words = filter(None, (each.strip() for each in value.split(",")))
        return frozenset(Verdict(each) for each in words)
    except ValueError as error:
        known = ", ".join(Verdict)
        raise Usage(f"--fail-on: {error}; known are {known}") from None


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
    type=click.FloatRange(2 * HOLD),
    help="Seconds for each answer.",
)
@click.option("--only", multiple=True, metavar="PART", help="Features that have PART.")
@click.option("--live", is_flag=True, help="Allow a gateway beyond this machine.")
@click.option("--report", "report_path", type=path_option, help="Write JSON.")
@click.option("--markdown", type=path_option, help="Write Markdown.")
@click.option(
    "--fail-on",
    default=FAILS,
    show_default=True,
    metavar="VERDICT,…",
    callback=_verdicts,
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
    fail_on: frozenset[Verdict],
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
    (upstream,) = load_all([upstream_dialect], folder)
    (provider,) = load_all([dialect or upstream_dialect], folder)
    key = _key(key_env)
    planner = Planner(provider, upstream, model, run=f"q{secrets.token_hex(3)}")
    try:
        first, *rest = planner.questions()
    except PlanError as error:
        raise Usage(str(error)) from None
    rest = [each for each in rest if _is_wanted(each, only)]
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())

    async def conduct() -> list[Asked]:
        async with (
            tapped(upstream, listen_host, listen_port) as (tap, url),
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
        ):
            _announce(console, upstream, url, gateway, wait)
            asker = Asker(session, tap, gateway, key, patience)
            found = await asker.reach(first, wait)
            with Progress(
                console=Console(stderr=True), transient=True, disable=not _is_watched()
            ) as bar:
                task = bar.add_task("Asking", total=len(rest))
                others = await asker.ask_all(rest, lambda: bar.advance(task))
            return [found, *others]

    try:
        asked = asyncio.run(conduct())
    except OSError as error:
        raise Usage(
            f"cannot listen on {listen_host}:{listen_port}: {error.strerror}. "
            "Choose another --listen-port"
        ) from None
    except Unusable as error:
        raise Usage(f"{gateway}: {error}") from None
    except KeyboardInterrupt:
        raise Usage("interrupted: not everything was asked") from None
    judge = Judge(provider, upstream, model, key)
    rows = [row for each in asked for row in judge.rows(each)]
    examined = reporting.Examined(
        version=version("imageparity"),
        gateway=gateway,
        dialect=provider.id,
        upstream_dialect=upstream.id,
        rows=[each for each in rows if not only or _has_part(each.feature, only)],
        fail_on=fail_on,
    )
    reporting.print_text(examined, console)
    _write(report_path, reporting.json_text(examined), console)
    _write(markdown, reporting.markdown(examined), console)
    raise SystemExit(FAILED if examined.failures else FINE)


def _write(path: str | None, text: str, console: Console) -> None:
    if path is None:
        return
    try:
        with replacing(path) as out:
            out.write(text)
    except OSError as error:
        raise Usage(f"{path} cannot be written: {error.strerror}") from None
    console.print(f"Written: {path}", markup=False)


def _check_gateway(gateway: str, *, live: bool) -> None:
    parts = urlsplit(gateway)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Usage(f"BASE_URL is a base URL such as http://…/v1, not '{gateway}'")
    if parts.username or parts.password:
        raise Usage("BASE_URL holds a password: put the gateway's key in --key-env")
    if not is_loopback(parts.hostname) and not live:
        raise Usage(
            f"{gateway} is not on this machine: if our mock is not its upstream, "
            "questions may cost money; add --live when it is"
        )


def _key(key_env: str | None) -> str:
    """The gateway's key; one that opens nothing where it asks for none."""
    if key_env is None:
        return f"sk-imageparity-caller-{secrets.token_hex(8)}"
    key = os.environ.get(key_env, "").strip()
    if not key:
        raise Usage(f"{key_env} is not set: export the gateway's key in it")
    return key


def _is_wanted(question: Question, only: Sequence[str]) -> bool:
    return not only or any(_has_part(each, only) for each in question.features)


def _has_part(feature: str, only: Sequence[str]) -> bool:
    return any(part in feature for part in only)


def _is_watched() -> bool:
    return sys.stderr.isatty()


def _announce(
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
