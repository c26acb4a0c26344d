"""Show progress on stderr: bars on a terminal, plain lines elsewhere."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from contracts.execution.campaign import Campaign
from contracts.report.model import Outcome


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int], None]]:
    """A bar per label on a terminal, nothing elsewhere; on stderr."""
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
def campaign_progress(campaigns: Sequence[Campaign]) -> Iterator[Any]:
    """A bar per provider on a terminal, plain lines elsewhere; on stderr."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield _PlainProgress(campaigns, console)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failures]}"),
    )
    with Progress(*columns, console=console) as bars:
        tasks = {
            each.provider.id: bars.add_task(
                each.provider.title, total=len(each.pending), failures=""
            )
            for each in campaigns
        }
        fingerprints: dict[str, set[str]] = {each: set() for each in tasks}

        def advance(outcome: Outcome) -> None:
            failed = fingerprints[outcome.provider]
            failed.update(each.fingerprint for each in outcome.findings if each.breaks)
            label = f"[red]{len(failed)} failed[/]" if failed else ""
            bars.update(tasks[outcome.provider], advance=1, failures=label)

        yield advance


class _PlainProgress:
    """A line when the tests of a provider begin and one when they are done."""

    def __init__(self, campaigns: Sequence[Campaign], console: Console) -> None:
        self._remaining = {each.provider.id: len(each.pending) for each in campaigns}
        self._titles = {each.provider.id: each.provider.title for each in campaigns}
        self._started: set[str] = set()
        self._console = console

    def __call__(self, outcome: Outcome) -> None:
        name = outcome.provider
        if name not in self._started:
            self._started.add(name)
            self._print(f"{self._titles[name]}: running {self._remaining[name]} tests")
        self._remaining[name] -= 1
        if not self._remaining[name]:
            self._print(f"{self._titles[name]}: done")

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False)
