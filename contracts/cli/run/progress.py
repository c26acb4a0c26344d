"""Show progress on stderr: bars on a terminal, plain lines elsewhere."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

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


class CampaignProgress:
    """The progress of campaigns; this one shows nothing."""

    def begin(self, provider: str, count: int) -> None:
        """Note that the `count` cases of a provider are planned."""

    def __call__(self, outcome: Outcome) -> None:
        """Note the outcome of a case."""


@contextmanager
def campaign_progress(
    titles: Mapping[str, str], *, shown: bool = True
) -> Iterator[CampaignProgress]:
    """
    A bar per provider on a terminal, plain lines elsewhere; on stderr.

    `titles` are those of the providers, by id.
    """
    console = Console(stderr=True, highlight=False)
    if not shown:
        yield CampaignProgress()
    elif not console.is_terminal:
        yield _PlainProgress(titles, console)
    else:
        columns = (*_columns(), TextColumn("{task.fields[failures]}"))
        with Progress(*columns, console=console) as bars:
            yield _Bars(titles, bars)


def _columns() -> tuple[ProgressColumn, ...]:
    """A label, a bar, the number of test cases and the elapsed time."""
    return (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("test cases"),
        TimeElapsedColumn(),
    )


class _Bars(CampaignProgress):
    def __init__(self, titles: Mapping[str, str], bars: Progress) -> None:
        self._titles = titles
        self._bars = bars
        self._planning: TaskID | None = bars.add_task(PLANNING, total=None, failures="")
        self._tasks: dict[str, TaskID] = {}
        self._failed: Counter[str] = Counter()

    def begin(self, provider: str, count: int) -> None:
        if self._planning is not None:
            self._bars.remove_task(self._planning)
            self._planning = None
        title = escape(self._titles[provider])
        self._tasks[provider] = self._bars.add_task(title, total=count, failures="")

    def __call__(self, outcome: Outcome) -> None:
        name = outcome.provider
        self._failed[name] += any(each.breaks for each in outcome.findings)
        count = self._failed[name]
        label = f"[red]{count:,} failed[/]" if count else ""
        self._bars.update(self._tasks[name], advance=1, failures=label)


class _PlainProgress(CampaignProgress):
    """A line when the tests of a provider begin and one when they are done."""

    def __init__(self, titles: Mapping[str, str], console: Console) -> None:
        self._titles = titles
        self._remaining: dict[str, int] = {}
        self._started: set[str] = set()
        self._console = console

    def begin(self, provider: str, count: int) -> None:
        self._remaining[provider] = count

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
