"""What passes through a gateway, as a table, as Markdown and as JSON."""

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.judging.outcome import Verdict
from contracts.reporters.run.markdown import prose
from contracts.reporters.styles import STYLES
from contracts.text import listed, one_line, plural
from contracts.traffic.gateway.diff import NOTHING
from contracts.traffic.gateway.verdicts import Row

FORMAT = "imageparity-sandwich-1"
GROUPS = {
    "request": "Request",
    "edits": "Edits",
    "answer": "Answer",
    "stream": "Stream",
    "errors": "Errors of the upstream",
    "faults": "Faults of the upstream",
}
SAME = "the same"
OPEN = "no document promises it"
LONGEST = 160


@dataclass(frozen=True)
class Examined:
    """A gateway that has been examined; `fail_on` are the verdicts that fail it."""

    version: str
    gateway: str
    dialect: str
    upstream_dialect: str
    rows: Sequence[Row]
    fail_on: frozenset[Verdict] = field(default_factory=frozenset)

    @property
    def failures(self) -> list[Row]:
        return [
            each for each in self.rows if each.promised and each.verdict in self.fail_on
        ]

    @property
    def counts(self) -> dict[str, int]:
        found = Counter(each.verdict for each in self.rows)
        return {str(each): found[each] for each in Verdict if found[each]}

    @property
    def summary(self) -> str:
        counts = listed(f"{count} {name}" for name, count in self.counts.items())
        return f"{plural(len(self.rows), 'feature')}: {counts}."

    @property
    def verdict(self) -> str:
        if not self.fail_on:
            return "Passes: no verdict fails it."
        words = " or ".join(each for each in Verdict if each in self.fail_on)
        if not self.failures:
            return f"Passes: nothing promised is {words}."
        failed = plural(len(self.failures), "promised feature")
        return f"Fails: {failed} {words}."


def groups(rows: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    """The rows under their headings, in order."""
    order = list(GROUPS)
    ordered = sorted(rows, key=lambda each: order.index(each.group))
    for name, found in itertools.groupby(ordered, key=lambda each: each.group):
        yield GROUPS[name], list(_merged(found))


def _merged(rows: Iterable[Row]) -> Iterator[Row]:
    """Values of a feature that all arrived as they were sent, as one row."""

    def alike(row: Row) -> tuple[Any, ...]:
        return (
            row.feature,
            row.operation,
            row.verdict,
            row.promised,
            row.note,
            _same(row),
        )

    for _, found in itertools.groupby(rows, alike):
        each = list(found)
        if _same(each[0]):
            yield replace(
                each[0], sent=", ".join(row.sent for row in each), arrived=SAME
            )
        else:
            yield from each


def _same(row: Row) -> bool:
    return row.verdict is Verdict.HONOURED and row.sent == row.arrived != NOTHING


def print_text(examined: Examined, console: Console) -> None:
    """A table for each group, then a line that sums up."""
    for heading, rows in groups(examined.rows):
        console.print()
        console.print(Text(heading, style="bold"))
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), expand=False)
        table.add_column("feature", min_width=16, max_width=34, overflow="fold")
        table.add_column("verdict", no_wrap=True)
        table.add_column("sent", max_width=40, overflow="fold")
        table.add_column("arrived", overflow="fold")
        for row in rows:
            table.add_row(
                Text(row.feature),
                Text(row.verdict, style=STYLES[row.verdict] if row.promised else "dim"),
                Text(brief(row.sent, 60)),
                Text(arrived(row)),
            )
        console.print(table)
    console.print()
    style = "bold red" if examined.failures else "bold green"
    console.print(Text(examined.summary))
    console.print(Text(examined.verdict, style=style))


def arrived(row: Row) -> str:
    """What arrived, with what else is to be said of it."""
    notes = [row.note, "" if row.promised or row.verdict is Verdict.UNTESTED else OPEN]
    said = "; ".join(brief(each) for each in notes if each)
    text = brief(row.arrived)
    return f"{text} ({said})" if text and said else text or said


def brief(text: str, limit: int = LONGEST) -> str:
    line = one_line(text)
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def markdown(examined: Examined) -> str:
    """A table for each group, for a job's summary or a comment."""
    lines = [
        f"## {prose(_title(examined))}",
        "",
        f"{examined.summary} {examined.verdict} (imageparity {examined.version})",
    ]
    for heading, rows in groups(examined.rows):
        lines += ["", f"### {heading}", ""]
        lines += ["| feature | verdict | sent | arrived |", "| :-- | :-- | :-- | :-- |"]
        for row in rows:
            fails = row.promised and row.verdict in examined.fail_on
            verdict = f"**{row.verdict}**" if fails else str(row.verdict)
            cells = (prose(brief(row.sent)), prose(arrived(row)))
            lines.append(f"| {prose(row.feature)} | {verdict} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _title(examined: Examined) -> str:
    return f"{examined.gateway}: {examined.dialect} to {examined.upstream_dialect}"


def json_text(examined: Examined) -> str:
    """All of it, for programs."""
    value = {
        "format": FORMAT,
        **{
            name: getattr(examined, name)
            for name in ("version", "gateway", "dialect", "upstream_dialect", "counts")
        },
        "fail_on": sorted(examined.fail_on),
        "failed": len(examined.failures),
        "rows": [asdict(each) for each in examined.rows],
    }
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"
