"""The time line of a document as text for a terminal."""

from collections.abc import Sequence
from itertools import groupby

from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.compare import Comparison, DatedChange
from contracts.reporters.page.rules import plain_sentence
from contracts.reporters.terminal import safe_text
from contracts.text import one_line, pluralize
from specs import Provider

MAX_TEXT = 300  # characters of the statements of one change
MAX_SOURCES = 2


def print_timeline(
    comparison: Comparison, providers: Sequence[Provider], console: Console
) -> None:
    """
    Print what changed, day by day, between the states that are compared.

    Of a single state, print how its changes are shown.
    """
    if comparison.timeline:
        days = sorted(each.day for each in providers)
        title = f"Time line of {providers[0].dialect.title}, {days[0]} to {days[-1]}"
        console.print(Text(f"\n{title}", style="bold"))
        console.print(_table(comparison.timeline))
    elif len(providers) == 1 and comparison.rows and providers[0].dates.changes:
        dates, id_ = providers[0].dates, providers[0].undated_id
        number = pluralize(len(dates.changes), "day")
        console.print()
        console.print(
            safe_text(
                f"The document changes on {number} after {dates.first}: "
                f"imageparity compare {id_}@{dates.first} {id_} --only timeline"
            ),
            soft_wrap=True,
        )


def _table(changes: Sequence[DatedChange]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), expand=True)
    table.add_column("what", overflow="fold", ratio=2)
    table.add_column("change", overflow="fold", ratio=4)
    table.add_column("source", overflow="fold", ratio=2)
    for date, group in groupby(changes, key=lambda each: each.date):
        table.add_row(Text(f"\n{date}", style="bold"))
        for change in group:
            table.add_row(
                safe_text(change.subject),
                safe_text(change_text(change)),
                safe_text(", ".join(change.sources[:MAX_SOURCES]), "dim"),
            )
    return table


def change_text(change: DatedChange) -> str:
    """The statements of a change, with `ends:` before those that hold no longer."""
    text = one_line("; ".join(map(plain_sentence, change.texts)))
    if len(text) > MAX_TEXT:
        text = f"{text[: MAX_TEXT - 1]}\N{HORIZONTAL ELLIPSIS}"
    return f"ends: {text}" if change.ends else text
