"""The harness from the command line: what the words mean, and the exit statuses."""

import asyncio
import functools
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import click
from click.core import ParameterSource
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

import specs
from contracts import compare as comparison
from contracts.cli.interrupts import STOPPED, report_on_interrupt
from contracts.compare.servers import run as differential
from contracts.compare.servers.model import Differences
from contracts.execution.campaign import (
    Campaign,
    CouldNotRun,
    Run,
    claim_records,
    execute,
    format_elapsed,
    mocks_in_subprocess,
    start,
)
from contracts.execution.client import Target, Unreachable
from contracts.execution.recording import BadRecording, CassetteSession
from contracts.execution.targets import (
    LIVE_RATE,
    BadTarget,
    NamedTarget,
    is_target_argument,
    parse_targets,
    target_of,
)
from contracts.planning.example_database import ExampleDatabase
from contracts.planning.plan import coverage
from contracts.planning.request_model import PlanError
from contracts.report.failure_policy import FailurePolicy, fail_on_option
from contracts.report.model import BadReport, Outcome, Report, atomic_write
from contracts.reporters import REPORTERS
from contracts.reporters import servers as deeds
from contracts.reporters.run import text
from mockserver.cli.main import PROVIDER, UsageError, load_providers, specs_option

CONFORMS, NONCONFORMING, COULD_NOT_RUN = 0, 1, 2
FORMATS = tuple(REPORTERS)

path_option = click.Path(dir_okay=False)
history_option = click.option(
    "--history",
    multiple=True,
    type=path_option,
    metavar="REPORT",
    help="An older report, for the page to tell what is new and what is fixed.",
)


@click.command()
@click.argument(
    "provider", nargs=-1, type=PROVIDER, metavar="[PROVIDER | [LABEL:]PROVIDER=URL]..."
)
@click.option("--against", metavar="BASE_URL", help="A server that claims to be it.")
@click.option("--key-env", metavar="VAR", help="The variable that holds the key.")
@click.option("--seed", default=0, help="The same seed asks the same questions.")
@click.option(
    "--max-cases", type=click.IntRange(1), help="Stop after so many (status 3)."
)
@click.option("--only", multiple=True, metavar="PART", help="Cases whose id has PART.")
@click.option("--no-fuzz", is_flag=True, help="The planned cases alone.")
@click.option(
    "--second-opinion/--no-second-opinion",
    default=None,
    help="Ask and judge by schemathesis, too; unless --live or --no-fuzz, it does.",
)
@click.option(
    "--examples",
    "examples_folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=".imageparity",
    show_default=True,
    metavar="DIR",
    help="Where drawn questions that showed something are kept for the next run.",
)
@click.option(
    "--dry-run", is_flag=True, help="List the cases and the bill; ask nothing."
)
@click.option(
    "--live",
    is_flag=True,
    allow_from_autoenv=False,
    help="Allow a target beyond this machine.",
)
@click.option(
    "--budget",
    type=click.FloatRange(0, min_open=True),
    allow_from_autoenv=False,
    help="Stop before more is spent, in the provider's currency (status 3).",
)
@click.option(
    "--same-questions",
    is_flag=True,
    help="Put the same questions to all, and compare what they do.",
)
@click.option(
    "--unlisted",
    is_flag=True,
    help="With --same-questions: send also what a document does not list.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    metavar="N",
    help=f"Questions a minute; {LIVE_RATE:.0f} beyond this machine, else no limit.",
)
@click.option(
    "--resume",
    type=click.Path(dir_okay=False, exists=True),
    metavar="REPORT",
    help="Go on where a run that was stopped left off.",
)
@click.option(
    "--record",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write every exchange down, keys left out.",
)
@click.option(
    "--replay",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    metavar="DIR",
    help="Judge what was recorded there; nothing is asked.",
)
@click.option("--report", "report_path", type=path_option, help="Write JSON lines.")
@click.option("--html", type=path_option, help="Write a page.")
@history_option
@click.option("--junit", type=path_option, help="Write JUnit XML.")
@click.option("--markdown", type=path_option, help="Write Markdown.")
@click.option("--sarif", type=path_option, help="Write SARIF.")
@click.option("--ctrf", type=path_option, help="Write CTRF.")
@click.option("--badge", type=path_option, help="Write a badge's JSON.")
@fail_on_option
@specs_option
@report_on_interrupt
def run(
    provider: tuple[str, ...],
    against: str | None,
    key_env: str | None,
    seed: int,
    max_cases: int | None,
    only: tuple[str, ...],
    no_fuzz: bool,
    second_opinion: bool | None,
    examples_folder: Path,
    dry_run: bool,
    live: bool,
    budget: float | None,
    same_questions: bool,
    unlisted: bool,
    rate: float | None,
    resume: str | None,
    record: Path | None,
    replay: Path | None,
    report_path: str | None,
    history: tuple[str, ...],
    fail_on: FailurePolicy,
    folder: str | None,
    **paths: str | None,
) -> None:
    """
    Find where deed departs from promise.

    Without --against each PROVIDER (all, if none is named) is asked at its own mock;
    PROVIDER=URL names a server for each of several. With --same-questions what they do
    is compared, each spoken to in its dialect: status 1 where deeds differ although
    the documents promise the same. Exit status: 0 conforms, 1 broken promises found,
    or what --fail-on names, 2 could not run, 3 stopped before the end.
    """
    started = time.monotonic()
    outputs = {"report": report_path, **paths}
    check_outputs(outputs)
    older = _read_history(history, is_page=bool(outputs["html"]))
    if record and replay:
        raise UsageError("--record asks and --replay does not: use one of them")
    try:
        targets = _parse_targets(
            provider,
            against,
            folder,
            key_env=key_env,
            live=live,
            budget=budget,
            is_replay=replay is not None,
            may_repeat=same_questions,
        )
    except BadTarget as error:
        raise UsageError(str(error)) from None
    rate = rate or (LIVE_RATE if live else None)
    if same_questions:
        _reject_incompatible_options(fail_on)
        compared = functools.partial(
            differential.execute,
            seed=seed,
            only=only,
            unlisted=unlisted,
            budget=budget,
            rate=rate,
            cassettes=lambda each: _open_cassettes(
                each.label,
                record and record / each.label,
                replay and replay / each.label,
            ),
        )
        asked = targets or load_providers(provider, folder)
        raise SystemExit(_compare_servers(asked, folder, outputs, compared))
    if unlisted:
        raise UsageError("--unlisted goes with --same-questions")
    keeps_examples = bool(targets) and not (no_fuzz or replay or dry_run)
    examples = ExampleDatabase(examples_folder) if keeps_examples else None
    providers = [each.provider for each in targets] or load_providers(provider, folder)
    fail_on.validate(lambda: _claim_ids(providers))
    servers = {each.provider.id: each.target for each in targets}
    asks_mocks = not targets and not dry_run
    with mocks_in_subprocess(providers if asks_mocks else (), folder) as running:
        campaigns = [
            Campaign(
                provider=each,
                target=servers.get(each.id)
                or running.get(each.id)
                or Target("mock", "", is_mock=True),
                seed=seed,
                fuzz=not no_fuzz,
                second_opinion=_default_if_none(second_opinion, not (no_fuzz or live)),
                only=only,
                is_paid=budget is not None,
                rate=rate,
                cassette=_open_cassettes(each.id, record, replay),
                examples=examples,
            )
            for each in providers
        ]
        if only and not any(each.cases for each in campaigns):
            raise UsageError(f"--only {' '.join(only)}: no case has it; see --dry-run")
        if dry_run:
            _list_cases(campaigns)
            return
        try:
            if resume:
                campaigns = _resume_campaigns(campaigns, resume, seed=seed)
            done = _execute(campaigns, seed=seed, max_cases=max_cases, budget=budget)
        except (Unreachable, CouldNotRun, PlanError, BadRecording) as error:
            raise UsageError(str(error)) from None
    _write_outputs(done, outputs, folder, older)
    if examples is not None:
        _save_examples(examples)
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    text.print_summary(
        done, console, list(comparison.parameter_outcomes(done, providers))
    )
    if len(providers) > 1:
        text.print_documents_hint(comparison.compare(providers), console)
    for name, path in outputs.items():
        if path:
            console.print(f"{name}: {path}", markup=False)
    console.print(
        f"{len(done.outcomes)} cases in {format_elapsed(started)}", markup=False
    )
    raise SystemExit(_exit_status(done, fail_on))


def _claim_ids(providers: Sequence[specs.Provider]) -> Iterator[str]:
    return (claim.id for each in providers for claim in specs.claims(each))


def _default_if_none(value: bool | None, default: bool) -> bool:
    return default if value is None else value


def _save_examples(examples: ExampleDatabase) -> None:
    """The run is done and told: what cannot be kept for the next is only said."""
    try:
        examples.save()
    except OSError as error:
        click.echo(f"Warning: --examples cannot be kept: {error}", err=True)


def _exit_status(report: Report, fail_on: FailurePolicy) -> int:
    if report.stopped:
        return COULD_NOT_RUN if report.stopped == "errors" else STOPPED
    return NONCONFORMING if any(map(fail_on.fails, report.findings)) else CONFORMS


def _parse_targets(
    arguments: Sequence[str],
    against: str | None,
    folder: str | None,
    *,
    key_env: str | None,
    live: bool,
    budget: float | None,
    is_replay: bool,
    may_repeat: bool,
) -> list[NamedTarget]:
    """The servers to be asked; none for the mocks. Raises `Usage` and `BadTarget`."""

    def target(provider: specs.Provider, url: str) -> Target:
        if is_replay:
            return Target(url, "")
        return target_of(provider, url, key_env=key_env, live=live, budget=budget)

    def load(name: str) -> specs.Provider:
        return load_providers([name], folder)[0]

    if any(is_target_argument(each) for each in arguments):
        if against is not None:
            raise UsageError("--against and PROVIDER=URL say the same: use one of them")
        found = parse_targets(arguments, load, target)
        twice = len({each.provider.id for each in found}) < len(found)
        if twice and not may_repeat:
            raise UsageError(
                "two servers of one PROVIDER: ask them one after the other, or both "
                "the --same-questions"
            )
        return found
    if is_replay and against is None:
        return [
            NamedTarget(each.id, each, Target(each.dialect.base_url, ""))
            for each in load_providers(arguments, folder)
        ]
    if against is None:
        if live or budget or key_env:
            raise UsageError(
                "--live, --budget and --key-env go with --against BASE_URL"
            )
        return []
    providers = load_providers(arguments, folder)
    if len(providers) != 1:
        raise UsageError(
            "--against tests one PROVIDER: name it, or give PROVIDER=URL each"
        )
    return [NamedTarget(providers[0].id, providers[0], target(providers[0], against))]


def _reject_incompatible_options(fail_on: FailurePolicy) -> None:
    """Raises `Usage` for an option of a run that would be of no effect."""
    context = click.get_current_context()
    for name in ("max_cases", "no_fuzz", "second_opinion", "dry_run", "resume"):
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise UsageError(
                f"--{name.replace('_', '-')} does not go with --same-questions"
            )
    if fail_on != FailurePolicy():
        raise UsageError("--fail-on does not go with --same-questions")


def _compare_servers(
    servers: Sequence[NamedTarget] | Sequence[specs.Provider],
    folder: str | None,
    outputs: Mapping[str, str | None],
    run_comparison: Callable[..., Coroutine[Any, Any, Differences]],
) -> int:
    """Compare servers, or mocks of providers; the exit status. Raises `Usage`."""
    useless = [
        f"--{name}"
        for name, path in outputs.items()
        if path and name not in ("report", "markdown")
    ]
    if useless:
        raise UsageError(
            f"{useless[0]} is not made of --same-questions; take --markdown"
        )
    providers = [each for each in servers if isinstance(each, specs.Provider)]
    with mocks_in_subprocess(providers, folder) as running:
        targets = [each for each in servers if isinstance(each, NamedTarget)]
        targets += [NamedTarget(each.id, each, running[each.id]) for each in providers]
        try:
            with _progress_bars() as progress:
                found = asyncio.run(
                    _run_interruptible(run_comparison, targets, progress)
                )
        except (Unreachable, CouldNotRun, PlanError, BadRecording) as error:
            raise UsageError(str(error)) from None
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    deeds.print_summary(found, console)
    for name, path in outputs.items():
        if path:
            with open_output(path) as out:
                text = found.json_text() if name == "report" else deeds.markdown(found)
                out.write(text)
            console.print(f"{name}: {path}", markup=False)
    if found.stopped:
        return STOPPED
    return NONCONFORMING if found.alarms else CONFORMS


async def _run_interruptible(
    run_comparison: Callable[..., Coroutine[Any, Any, Differences]],
    targets: Sequence[NamedTarget],
    progress: Callable[[str, int, int], None],
) -> Differences:
    """What `compared` gives; at an interrupt what it has, at a second one nothing."""
    interrupt = asyncio.Event()
    task = asyncio.ensure_future(
        run_comparison(targets, progress=progress, interrupt=interrupt)
    )
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if interrupt.is_set():
            task.cancel()
        interrupt.set()

    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stop)
    try:
        return await task
    except asyncio.CancelledError:
        raise CouldNotRun("interrupted twice: nothing was compared") from None


@contextmanager
def _progress_bars() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each label on a terminal, nothing elsewhere; on stderr."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def advance(label: str, done: int, total: int) -> None:
            if label not in tasks:
                tasks[label] = bars.add_task(label, total=total)
            bars.update(tasks[label], completed=done)

        yield advance


@contextmanager
def open_output(path: str) -> Iterator[IO[str]]:
    """A file to be written whole. Raises `Usage`."""
    try:
        with atomic_write(path) as out:
            yield out
    except OSError as error:
        raise UsageError(
            f"{error.filename or path} cannot be written: {error}"
        ) from None


def _open_cassettes(
    name: str, record: Path | None, replay: Path | None
) -> CassetteSession | None:
    """Where exchanges with one target are written or read. Raises `Usage`."""
    try:
        if record:
            return CassetteSession.recording(name, record)
        return CassetteSession.replaying(name, replay) if replay else None
    except BadRecording as error:
        raise UsageError(str(error)) from None


def _resume_campaigns(
    campaigns: Sequence[Campaign], path: str, *, seed: int
) -> list[Campaign]:
    """The campaigns without what a report has. Raises `Usage` for another run's."""
    try:
        earlier = Report.read(path)
    except BadReport as error:
        raise UsageError(str(error)) from None
    if earlier.stopped is None:
        raise UsageError(f"--resume {path}: that run came to its end")
    before = {each.provider: each for each in earlier.metadata.targets}
    differs = None
    if earlier.metadata.version != version("imageparity"):
        differs = f"version {earlier.metadata.version}"
    elif earlier.metadata.seed != seed:
        differs = f"--seed {earlier.metadata.seed}"
    for each in campaigns:
        found = before.get(each.provider.id)
        if found is None or found.document != each.provider.version:
            differs = differs or f"another document of {each.provider.title}"
        elif not found.is_mock and found.base_url != each.target.base_url:
            differs = differs or f"{found.base_url}"
    if differs:
        raise UsageError(
            f"--resume {path} was a run with {differs}: it cannot go on here"
        )
    return [
        each.resume_from(
            {row.case: row for row in earlier.for_provider(each.provider.id).outcomes}
        )
        for each in campaigns
    ]


def check_outputs(outputs: dict[str, str | None]) -> None:
    """Raises `Usage` now if a file could not be written in the end."""
    for name, path in outputs.items():
        if not path:
            continue
        place = Path(path)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"--{name} {path} cannot be written: {error}") from None
        if place.is_dir() or not os.access(place.parent, os.W_OK):
            raise UsageError(
                f"--{name} {path} cannot be written: choose a file in a folder of yours"
            )


def _list_cases(campaigns: Sequence[Campaign]) -> None:
    for campaign in campaigns:
        total: float | None = 0.0
        for case in campaign.cases:
            amount = campaign.max_cost(case) if case.expected_error is None else 0.0
            total = None if total is None or amount is None else total + amount
            price = "?" if amount is None else f"{amount:.3f}"
            click.echo(f"{price:>8}  {case.expectation:<11}  {case.id}")
        currency = campaign.provider.dialect.prices.get("currency", "")
        bill = (
            "unknown: no prices documented"
            if total is None
            else f"{total:.2f} {currency}"
        )
        click.echo(
            f"{campaign.provider.title}: {len(campaign.cases)} cases, "
            f"if all goes as documented: {bill}"
        )


def _execute(
    campaigns: Sequence[Campaign],
    *,
    seed: int,
    max_cases: int | None,
    budget: float | None,
) -> Report:
    """The report of a run; whole, or as far as it got when it was interrupted."""
    done = start(campaigns, version=version("imageparity"), seed=seed)
    with _progress(campaigns) as progress:
        asyncio.run(_execute_until_interrupted(done, progress, max_cases, budget))
    return done.report()


async def _execute_until_interrupted(
    done: Run,
    progress: Any,
    max_cases: int | None,
    budget: float | None,
) -> None:
    task = asyncio.ensure_future(
        execute(done, progress=progress, max_cases=max_cases, budget=budget)
    )
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        done.stopped = "interrupt"


@contextmanager
def _progress(campaigns: Sequence[Campaign]) -> Iterator[Any]:
    """A bar for each provider on a terminal, plain lines elsewhere; on stderr."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield _PlainProgress(campaigns, console)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[found]}"),
    )
    with Progress(*columns, console=console) as bars:
        tasks = {
            each.provider.id: bars.add_task(
                each.provider.title, total=len(each.pending), found=""
            )
            for each in campaigns
        }
        found: dict[str, set[str]] = {each: set() for each in tasks}

        def advance(outcome: Outcome) -> None:
            known = found[outcome.provider]
            known.update(each.fingerprint for each in outcome.findings if each.breaks)
            shown = f"[red]{len(known)} broken[/]" if known else ""
            bars.update(tasks[outcome.provider], advance=1, found=shown)

        yield advance


class _PlainProgress:
    """A line when a provider begins and one when it is done."""

    def __init__(self, campaigns: Sequence[Campaign], console: Console) -> None:
        self._remaining = {each.provider.id: len(each.pending) for each in campaigns}
        self._titles = {each.provider.id: each.provider.title for each in campaigns}
        self._started: set[str] = set()
        self._console = console

    def __call__(self, outcome: Outcome) -> None:
        name = outcome.provider
        if name not in self._started:
            self._started.add(name)
            self._print(
                f"{self._titles[name]}: asking {self._remaining[name]} questions"
            )
        self._remaining[name] -= 1
        if not self._remaining[name]:
            self._print(f"{self._titles[name]}: done")

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False)


def _read_reports(paths: Sequence[str]) -> list[Report]:
    """The reports in some files. Raises `Usage`."""
    try:
        return [Report.read(each) for each in paths]
    except BadReport as error:
        raise UsageError(str(error)) from None


def _read_history(paths: Sequence[str], *, is_page: bool) -> list[Report]:
    """The older reports for the page. Raises `Usage`."""
    if paths and not is_page:
        raise UsageError("--history is told on the page: ask for HTML as well")
    return _read_reports(paths)


def _write_outputs(
    report: Report,
    outputs: dict[str, str | None],
    folder: str | None,
    history: Sequence[Report],
) -> None:
    for name, path in outputs.items():
        if not path:
            continue
        with open_output(path) as out:
            if name == "report":
                out.writelines(report.to_lines())
            else:
                out.write(_render(name, report, folder, history))


def _render(
    name: str,
    report: Report,
    folder: str | None,
    history: Sequence[Report] = (),
) -> str:
    if name == "html":
        from contracts.reporters.page.render import render

        return render(report, *([folder] if folder else []), history=history)
    if name == "sarif":
        from contracts.reporters.run import sarif

        return sarif.render(report, *([folder] if folder else []))
    return REPORTERS[name](report)


@click.command()
@click.argument("report", type=path_option)
@click.option(
    "--format", "format_", type=click.Choice(["text", *FORMATS]), default="text"
)
@fail_on_option
@history_option
@specs_option
def show(
    report: str,
    format_: str,
    fail_on: FailurePolicy,
    history: tuple[str, ...],
    folder: str | None,
) -> None:
    """Show a REPORT again, in any format. Exit status as `run` had."""
    (found,) = _read_reports([report])
    older = _read_history(history, is_page=format_ == "html")
    fail_on.validate(lambda: found.claims)
    if format_ == "text":
        known = list(comparison.providers_of(found, *([folder] if folder else [])))
        fates = list(comparison.parameter_outcomes(found, known))
        text.print_summary(found, Console(highlight=False), fates)
    else:
        click.echo(_render(format_, found, folder, older), nl=False)
    raise SystemExit(_exit_status(found, fail_on))


@click.command()
@click.argument("provider", nargs=-1, type=PROVIDER)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@specs_option
def claims(provider: tuple[str, ...], as_json: bool, folder: str | None) -> None:
    """Each documented claim: its source, its place, the mock, the harness."""
    import json
    from dataclasses import asdict

    for each in load_providers(provider, folder):
        target = Target("mock", "", is_mock=True)
        campaign = Campaign(each, target, fuzz=False)
        records = list(claim_records(each, coverage(each, campaign.cases)))
        if as_json:
            for record in records:
                row = {"provider": each.id, **asdict(record)}
                click.echo(json.dumps(row, ensure_ascii=False))
            continue
        click.echo(f"{each.title} ({each.id}): {len(records)} claims\n")
        for operation in each.operations.values():
            for name in operation.mentions:
                click.echo(f"Named on its pages without an address: {name}\n")
        for record in records:
            click.echo(f"{record.id}\n    {record.sentence}")
            click.echo(
                f"    source    {record.source} ({record.basis}) {record.source_title}"
            )
            click.echo(f"    document  {each.id}/openapi.yaml#{record.pointer}")
            click.echo(f"    mock      {record.mock}")
            click.echo(f"    asked     {record.asked} times\n")
