"""The command `sandwich`: test a gateway between a test client and a mock upstream."""

import asyncio
import os
import secrets
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import click
from rich.console import Console
from rich.progress import Progress

from contracts.cli.shared.call_options import (
    read_call_options,
    server_call_options,
    validate_operations,
)
from contracts.cli.shared.options import no_color_option, path_option
from contracts.cli.shared.output import Outputs, check_outputs, write_outputs
from contracts.execution.sending.target import Target
from contracts.execution.targets import BadTarget, header_values
from contracts.judging.outcome import FeatureVerdict
from contracts.media.registry import DEFAULT_MEDIUM, MEDIA, task_creations
from contracts.planning.request_model import PlanError
from contracts.reporters import gateway as reporting
from contracts.traffic.gateway.exchange import GatewayExchange
from contracts.traffic.gateway.features import (
    is_selected,
    known_features,
    select_questions,
)
from contracts.traffic.gateway.question import Question
from contracts.traffic.gateway.questions import Planner
from contracts.traffic.gateway.session import (
    GatewaySession,
    Unusable,
    open_session,
)
from contracts.traffic.gateway.upstream import HOLD_TIMEOUT, recording_upstream
from contracts.traffic.gateway.verdicts import GatewayDiff
from mockserver.cli.common import UsageError, load_providers, specs_option
from mockserver.hosts import is_loopback
from specs import KeyPlace, Provider

DEFAULT_PORT = 8090
UPSTREAM_KEY = "sk-imageparity-upstream"
DEFAULT_FAIL_ON = "ignored,altered,refused,refused-badly"
PASSED, FAILED = 0, 1  # exit statuses; a `UsageError` gives 2


def _parse_verdicts(
    _: click.Context, __: click.Parameter, value: str
) -> frozenset[FeatureVerdict]:
    try:
        verdicts = filter(None, (each.strip() for each in value.split(",")))
        return frozenset(FeatureVerdict(each) for each in verdicts)
    except ValueError as error:
        known = ", ".join(FeatureVerdict)
        raise UsageError(f"--fail-on: {error}; the verdicts are {known}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayOptions:
    """The options and arguments of `sandwich`, by the names that click gives them."""

    gateway: str
    upstream_dialect: str
    dialect: str | None
    key_env: str | None
    header: tuple[str, ...]
    auth: str | None
    model: tuple[str, ...]
    operations: tuple[str, ...]
    listen_host: str
    listen_port: int
    wait: float
    patience: float
    only: tuple[str, ...]
    excepted: tuple[str, ...]
    live: bool
    report_path: str | None
    markdown: str | None
    fail_on: frozenset[FeatureVerdict]
    folder: str | None

    @property
    def outputs(self) -> Outputs:
        return {"report": self.report_path, "markdown": self.markdown}


@click.command()
@click.argument("gateway", metavar="BASE_URL")
@click.option(
    "--upstream-dialect",
    required=True,
    metavar="PROVIDER",
    help="Provider whose API the gateway calls: the mock upstream acts as it.",
)
@click.option(
    "--dialect",
    metavar="PROVIDER",
    help="Provider whose API the gateway offers. The default is --upstream-dialect.",
)
@click.option(
    "--key-env",
    metavar="VAR",
    help="Environment variable that holds the gateway's API key.",
)
@server_call_options
@click.option(
    "--listen-host",
    default="127.0.0.1",
    show_default=True,
    help="Host on which the mock upstream listens.",
)
@click.option(
    "--listen-port",
    default=DEFAULT_PORT,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port of the mock upstream; 0 takes a free one.",
)
@click.option(
    "--wait",
    default=60.0,
    show_default=True,
    type=click.FloatRange(0),
    metavar="SECONDS",
    help="Time limit for the gateway to send its first request to the upstream.",
)
@click.option(
    "--patience",
    default=30.0,
    show_default=True,
    type=click.FloatRange(2 * HOLD_TIMEOUT),
    metavar="SECONDS",
    help="Time limit for each response of the gateway.",
)
@click.option(
    "--only",
    multiple=True,
    metavar="PART",
    help="Test only features with PART in their name. Can be repeated.",
)
@click.option(
    "--except",
    "excepted",
    multiple=True,
    metavar="FEATURE",
    help="Accept any verdict on this feature, or on all of an operation such as "
    "createImageEdit. Can be repeated.",
)
@click.option(
    "--live", is_flag=True, help="Allow a gateway that is not on this machine."
)
@click.option(
    "--report", "report_path", type=path_option, help="Write JSON to this file."
)
@click.option("--markdown", type=path_option, help="Write Markdown to this file.")
@click.option(
    "--fail-on",
    default=DEFAULT_FAIL_ON,
    show_default=True,
    metavar="VERDICT,…",
    callback=_parse_verdicts,
    help="Verdicts on documented features that give exit status 1.",
)
@no_color_option
@specs_option
def sandwich(**parameters: Any) -> None:
    """
    Test what a gateway at BASE_URL changes between its client and its upstream.

    A mock is the upstream: configure the gateway with the URL that is printed and
    any key, then start it. Each request is sent to the gateway, and what arrives at
    the mock, and comes back, is compared with what was sent.

    Exit status: 0 passed, 1 a documented feature has a verdict of --fail-on, 2 the
    gateway or the upstream was not reached. A broken response of the upstream should be
    refused.
    """
    options = GatewayOptions(**parameters)
    _check_gateway(options.gateway, live=options.live)
    check_outputs(options.outputs)
    (upstream,) = load_providers([options.upstream_dialect], options.folder)
    dialect = options.dialect or options.upstream_dialect
    (provider,) = load_providers([dialect], options.folder)
    validate_operations(options.operations, [provider])
    target = _target(provider, options)
    planner = Planner(
        provider,
        upstream,
        target.call.models,
        run_id=f"q{secrets.token_hex(3)}",
        operations=options.operations,
    )
    try:
        questions = planner.questions()
    except PlanError as error:
        raise UsageError(str(error)) from None
    if not questions:
        raise UsageError(
            f"{upstream.title} has no operation to test, or the model has none: choose "
            "others with --operations and --model"
        )
    _check_excepted(options.excepted, planner)

    def plan(called: str = "") -> list[Question]:
        found = replace(planner, called=called).questions()
        return select_questions(found, options.only)

    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    try:
        exchanges = asyncio.run(
            _send(plan, options, (provider, upstream), target, console)
        )
    except OSError as error:
        raise UsageError(
            f"cannot listen on {options.listen_host}:{options.listen_port}: "
            f"{error.strerror}. Choose another --listen-port"
        ) from None
    except Unusable as error:
        raise UsageError(f"{options.gateway}: {error}") from None
    except KeyboardInterrupt:
        raise UsageError("interrupted before all requests were sent") from None
    excepted = set(options.excepted)
    diff = GatewayDiff(provider, upstream, target)
    rows = [
        replace(each, excepted=not excepted.isdisjoint({each.feature, each.operation}))
        for each in diff.rows(exchanges)
        if is_selected(each.feature, options.only)
    ]
    report = reporting.GatewayReport(
        version=version("imageparity"),
        gateway=options.gateway,
        dialect=provider.id,
        upstream_dialect=upstream.id,
        rows=rows,
        fail_on=options.fail_on,
        excepted=options.excepted,
        call=replace(target.call.record(), operations=options.operations),
    )
    reporting.print_text(report, console)
    renderers = {"report": reporting.json_text, "markdown": reporting.markdown}
    for line in write_outputs(options.outputs, lambda name: renderers[name](report)):
        console.print(line, markup=False)
    raise SystemExit(FAILED if report.failures else PASSED)


async def _send(
    plan: Callable[[str], list[Question]],
    options: GatewayOptions,
    dialects: tuple[Provider, Provider],
    target: Target,
    console: Console,
) -> list[GatewayExchange]:
    """
    Send the requests to the gateway, the first until it reaches the upstream.

    `plan` makes the questions; once it is known that the gateway calls another
    operation of its upstream, they are made for that one. `dialects` are those of the
    caller and of the upstream. Raises `Unusable` if it does not reach the upstream, and
    `OSError` if that cannot listen.
    """
    provider, upstream = dialects
    first, *rest = plan("")
    address = options.listen_host, options.listen_port
    async with (
        recording_upstream(upstream, *address) as (mock, url),
        open_session() as session,
    ):
        _print_upstream(console, upstream, url, options)
        patience = options.patience
        client = GatewaySession(session, mock, target, patience, provider)
        exchange = await client.wait_for_upstream(first, options.wait)
        called = exchange.last_upstream_request
        if called is not None and called.operation.id != first.operation.id:
            rest = plan(called.operation.id)[1:]
        with Progress(
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        ) as bar:
            task = bar.add_task("Testing", total=len(rest))
            others = await client.send_all(rest, lambda: bar.advance(task))
        return [exchange, *others]


def _check_gateway(gateway: str, *, live: bool) -> None:
    parts = urlsplit(gateway)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError(f"BASE_URL must be a URL such as http://…/v1, not '{gateway}'")
    if parts.username or parts.password:
        raise UsageError(
            "BASE_URL has a password: give the gateway's key with --key-env"
        )
    if not is_loopback(parts.hostname) and not live:
        raise UsageError(
            f"{gateway} is not on this machine: if the mock is not its upstream, "
            "requests may cost money; add --live if it is"
        )


def _target(provider: Provider, options: GatewayOptions) -> Target:
    """The gateway, with its key; a random one if it needs none. Raises `UsageError`."""
    try:
        call = read_call_options(
            provider, header=options.header, auth=options.auth, model=options.model
        )
        values = header_values(call)
    except BadTarget as error:
        raise UsageError(str(error)) from None
    key = "" if call.auth.place is KeyPlace.NONE else _caller_key(options.key_env)
    return Target(options.gateway, key, call=call, header_values=values)


def _caller_key(key_env: str | None) -> str:
    if key_env is None:
        return f"sk-imageparity-caller-{secrets.token_hex(8)}"
    key = os.environ.get(key_env, "").strip()
    if not key:
        raise UsageError(f"{key_env} is not set: set it to the gateway's key")
    return key


def _check_excepted(excepted: Sequence[str], planner: Planner) -> None:
    """Raise `UsageError` for a name that is no feature: it would accept nothing."""
    upstream = planner.upstream
    called = [
        each.id
        for medium in MEDIA.values()
        for each in task_creations(upstream, medium)
        if excepted
    ]
    questions = [
        question
        for id_ in ("", *called)
        for question in replace(planner, called=id_).questions()
    ]
    features = known_features(questions, upstream)
    operations = dict.fromkeys(each.operation.id for each in questions)
    for name in excepted:
        if name not in features and name not in operations:
            raise UsageError(
                f"--except: there is no feature '{name}'. Operations: "
                f"{'; '.join(operations)}. Features: {'; '.join(features)}"
            )


def _print_upstream(
    console: Console, upstream: Provider, url: str, options: GatewayOptions
) -> None:
    """Print the URL at once, also to a pipe: a script may configure the gateway."""
    root = url.removesuffix(upstream.base_path)
    elsewhere = (
        f"Its {each.method} {upstream.full_path(each)}: {root}"
        f"{upstream.full_path(each)}"
        for each in upstream.operations.values()
        if each.server_url and each.medium == DEFAULT_MEDIUM
    )
    lines = (
        f"Upstream for the gateway ({upstream.title}): {url}",
        *elsewhere,
        f"API key for it (any other works, too): {UPSTREAM_KEY}",
        f"Waiting up to {options.wait:g} s for a request of {options.gateway} to it.",
    )
    for line in lines:
        console.print(line, markup=False)
    console.file.flush()
