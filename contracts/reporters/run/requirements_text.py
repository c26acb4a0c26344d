"""Print the results of a set of requirements on a terminal."""

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from contracts.report.model import Report
from contracts.report.requirements import ReachedLevel, RequirementVerdict
from contracts.reporters.run.requirements import (
    COLUMNS,
    DISCLAIMER,
    MAX_LISTED,
    level_rows,
    notes,
    open_requirements,
    set_label,
    verdict_sentences,
)
from contracts.reporters.terminal import safe_text
from contracts.text import pluralize


def print_requirements(report: Report, console: Console) -> None:
    """Print the level of each server, what did not pass, and what a pass means not."""
    record = report.requirements
    if record is None:
        return
    console.print()
    console.print(safe_text(f"Requirements {set_label(record)}"))
    for verdict, sentence in verdict_sentences(report):
        is_best = verdict.reached is ReachedLevel.ALL
        console.print(
            safe_text(f"{sentence}.", style="bold green" if is_best else "bold")
        )
        _print_verdict(verdict, console)
    console.print(safe_text(f"{DISCLAIMER}:"))
    for line in record.proves_not:
        console.print(safe_text(f"  - {line}"), soft_wrap=True)


def _print_verdict(verdict: RequirementVerdict, console: Console) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("level")
    for name in COLUMNS:
        table.add_column(name, justify="right")
    for row in level_rows(verdict):
        table.add_row(*row)
    console.print(Padding(table, (0, 0, 0, 2)))
    rows = open_requirements(verdict)
    for status, name, text in rows[:MAX_LISTED]:
        console.print(safe_text(f"  {status}, {name}: {text}"), soft_wrap=True)
    more = [pluralize(len(rows) - MAX_LISTED, "more requirement")]
    for note in (*(more if len(rows) > MAX_LISTED else ()), *notes(verdict)):
        console.print(safe_text(f"  {note}"), soft_wrap=True)
