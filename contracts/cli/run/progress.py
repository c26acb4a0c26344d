"""Show progress on stderr: bars on a terminal, plain lines elsewhere."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from contracts.execution.campaign import Campaign
from contracts.report.model import Outcome

PLANNING = "Planning …"


@contextmanager
def planning_status(*, shown: bool = True) -> Iterator[Callable[[str], None]]:
    """
    Show on a terminal that test cases are planned; nothing elsewhere; on stderr.

    Nothing is shown either if `shown` is false.

    Yields a function that shows the title of a provider.
    """
    console = Console(stderr=True, highlight=False)
    if not (shown and console.is_terminal):
        yield lambda title: None
        return
    with console.status(PLANNING) as status:
        yield lambda title: status.update(f"Planning {escape(title)} …")


@contextmanager
def progress_bars(*, shown: bool = True) -> Iterator[Callable[[str, int, int], None]]:
    """A bar per label on a terminal, nothing elsewhere; on stderr."""
    console = Console(stderr=True)
    with Progress(
        *_columns(), console=console, disable=not (shown and console.is_terminal)
    ) as bars:
        planning = bars.add_task(PLANNING, total=None)
        tasks: dict[str, TaskID] = {}

        def advance(label: str, done: int, total: int) -> None:
            bars.update(planning, visible=False)
            if label not in tasks:
                tasks[label] = bars.add_task(escape(label), total=total)
            bars.update(tasks[label], completed=done)

        yield advance


@contextmanager
def campaign_progress(
    campaigns: Sequence[Campaign], *, shown: bool = True
) -> Iterator[Any]:
    """A bar per provider on a terminal, plain lines elsewhere; on stderr."""
    if not shown:
        yield lambda outcome: None
        return
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield _PlainProgress(campaigns, console)
        return
    columns = (*_columns(), TextColumn("{task.fields[failures]}"))
    with Progress(*columns, console=console) as bars:
        tasks = {
            each.provider.id: bars.add_task(
                escape(each.provider.title), total=len(each.pending), failures=""
            )
            for each in campaigns
        }
        failed: Counter[str] = Counter()

        def advance(outcome: Outcome) -> None:
            if any(each.breaks for each in outcome.findings):
                failed[outcome.provider] += 1
            count = failed[outcome.provider]
            label = f"[red]{count:,} failed[/]" if count else ""
            bars.update(tasks[outcome.provider], advance=1, failures=label)

        yield advance


def _columns() -> tuple[ProgressColumn, ...]:
    """A label, a bar, the number of test cases and the elapsed time."""
    return (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("test cases"),
        TimeElapsedColumn(),
    )


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
