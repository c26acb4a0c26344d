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

from contracts.judging.outcome import FeatureVerdict
from contracts.reporters.run.markdown import escape_markdown
from contracts.reporters.styles import STYLES
from contracts.text import join_words, one_line, pluralize
from contracts.traffic.gateway.diff import NO_VALUE
from contracts.traffic.gateway.verdicts import GatewayRow

FORMAT = "imageparity-sandwich-1"
GROUPS = {
    "request": "Request",
    "edits": "Edits",
    "answer": "Answer",
    "stream": "Stream",
    "errors": "Errors of the upstream",
    "faults": "Faults of the upstream",
}
UNCHANGED = "the same"
NOT_DOCUMENTED = "no document promises it"
MAX_CELL_LENGTH = 160


@dataclass(frozen=True)
class GatewayReport:
    """A gateway that has been examined; `fail_on` are the verdicts that fail it."""

    version: str
    gateway: str
    dialect: str
    upstream_dialect: str
    rows: Sequence[GatewayRow]
    fail_on: frozenset[FeatureVerdict] = field(default_factory=frozenset)

    @property
    def failures(self) -> list[GatewayRow]:
        return [
            each for each in self.rows if each.promised and each.verdict in self.fail_on
        ]

    @property
    def counts(self) -> dict[str, int]:
        found = Counter(each.verdict for each in self.rows)
        return {str(each): found[each] for each in FeatureVerdict if found[each]}

    @property
    def summary(self) -> str:
        counts = join_words(f"{count} {name}" for name, count in self.counts.items())
        return f"{pluralize(len(self.rows), 'feature')}: {counts}."

    @property
    def verdict(self) -> str:
        if not self.fail_on:
            return "Passes: no verdict fails it."
        words = " or ".join(each for each in FeatureVerdict if each in self.fail_on)
        if not self.failures:
            return f"Passes: nothing promised is {words}."
        failed = pluralize(len(self.failures), "promised feature")
        return f"Fails: {failed} {words}."


def groups(rows: Sequence[GatewayRow]) -> Iterator[tuple[str, list[GatewayRow]]]:
    """The rows under their headings, in order."""
    order = list(GROUPS)
    ordered = sorted(rows, key=lambda each: order.index(each.group))
    for name, found in itertools.groupby(ordered, key=lambda each: each.group):
        yield GROUPS[name], list(_merge_unchanged(found))


def _merge_unchanged(rows: Iterable[GatewayRow]) -> Iterator[GatewayRow]:
    """Values of a feature that all arrived as they were sent, as one row."""

    def alike(row: GatewayRow) -> tuple[Any, ...]:
        return (
            row.feature,
            row.operation,
            row.verdict,
            row.promised,
            row.note,
            _is_unchanged(row),
        )

    for _, found in itertools.groupby(rows, alike):
        each = list(found)
        if _is_unchanged(each[0]):
            yield replace(
                each[0], sent=", ".join(row.sent for row in each), arrived=UNCHANGED
            )
        else:
            yield from each


def _is_unchanged(row: GatewayRow) -> bool:
    return (
        row.verdict is FeatureVerdict.HONOURED and row.sent == row.arrived != NO_VALUE
    )


def print_text(report: GatewayReport, console: Console) -> None:
    """A table for each group, then a line that sums up."""
    for heading, rows in groups(report.rows):
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
                Text(shorten(row.sent, 60)),
                Text(arrival_text(row)),
            )
        console.print(table)
    console.print()
    style = "bold red" if report.failures else "bold green"
    console.print(Text(report.summary))
    console.print(Text(report.verdict, style=style))


def arrival_text(row: GatewayRow) -> str:
    """What arrived, with what else is to be said of it."""
    notes = [
        row.note,
        ""
        if row.promised or row.verdict is FeatureVerdict.UNTESTED
        else NOT_DOCUMENTED,
    ]
    said = "; ".join(shorten(each) for each in notes if each)
    text = shorten(row.arrived)
    return f"{text} ({said})" if text and said else text or said


def shorten(text: str, limit: int = MAX_CELL_LENGTH) -> str:
    line = one_line(text)
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def markdown(report: GatewayReport) -> str:
    """A table for each group, for a job's summary or a comment."""
    lines = [
        f"## {escape_markdown(_title(report))}",
        "",
        f"{report.summary} {report.verdict} (imageparity {report.version})",
    ]
    for heading, rows in groups(report.rows):
        lines += ["", f"### {heading}", ""]
        lines += ["| feature | verdict | sent | arrived |", "| :-- | :-- | :-- | :-- |"]
        for row in rows:
            fails = row.promised and row.verdict in report.fail_on
            verdict = f"**{row.verdict}**" if fails else str(row.verdict)
            cells = (
                escape_markdown(shorten(row.sent)),
                escape_markdown(arrival_text(row)),
            )
            lines.append(
                f"| {escape_markdown(row.feature)} | {verdict} | {' | '.join(cells)} |"
            )
    return "\n".join(lines) + "\n"


def _title(report: GatewayReport) -> str:
    return f"{report.gateway}: {report.dialect} to {report.upstream_dialect}"


def json_text(report: GatewayReport) -> str:
    """All of it, for programs."""
    value = {
        "format": FORMAT,
        **{
            name: getattr(report, name)
            for name in ("version", "gateway", "dialect", "upstream_dialect", "counts")
        },
        "fail_on": sorted(report.fail_on),
        "failed": len(report.failures),
        "rows": [asdict(each) for each in report.rows],
    }
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"
