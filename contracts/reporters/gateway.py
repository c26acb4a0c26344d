"""The result of `sandwich` as text, Markdown and JSON."""

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
from contracts.report.records import CallRecord
from contracts.reporters.run.markdown import escape_markdown
from contracts.reporters.terminal import STYLES
from contracts.text import join_words, one_line, pluralize
from contracts.traffic.gateway.diff import NO_VALUE
from contracts.traffic.gateway.rows import OPEN_NOTES, GatewayRow

FORMAT = "imageparity-sandwich-1"
GROUPS = {
    "request": "Request",
    "edits": "Edits",
    "answer": "Response",
    "stream": "Stream",
    "tasks": "Tasks",
    "errors": "Error responses of the upstream",
    "faults": "Faults of the upstream",
}
UNCHANGED = "unchanged"
NOT_DOCUMENTED = "not documented"
EXCEPTED = "excepted"
MAX_CELL_LENGTH = 160
MAX_NAMES = 8  # of failed features in the result


@dataclass(frozen=True)
class GatewayReport:
    """
    The rows of a tested gateway; verdicts in `fail_on` fail documented features.

    `excepted` are the features and operations that the user accepts as they are, `call`
    is how the gateway was called.
    """

    version: str
    gateway: str
    dialect: str
    upstream_dialect: str
    rows: Sequence[GatewayRow]
    fail_on: frozenset[FeatureVerdict] = field(default_factory=frozenset)
    excepted: Sequence[str] = ()
    call: CallRecord = field(default_factory=CallRecord)

    def fails(self, row: GatewayRow) -> bool:
        """
        True if the verdict on a documented feature fails the gateway.

        An error response is the right one if the upstream's response is broken.
        """
        is_right = row.group == "faults" and row.verdict is FeatureVerdict.REFUSED
        is_open = row.promised and not row.excepted and not is_right
        return is_open and row.verdict in self.fail_on

    @property
    def failures(self) -> list[GatewayRow]:
        return [each for each in self.rows if self.fails(each)]

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
            return "Passed: no verdict counts as failed."
        verdicts = " or ".join(each for each in FeatureVerdict if each in self.fail_on)
        if not self.failures:
            others = "other " if any(each.excepted for each in self.rows) else ""
            return f"Passed: no {others}documented feature is {verdicts}."
        failed = pluralize(len(self.failures), "documented feature")
        names = list(dict.fromkeys(each.feature for each in self.failures))
        return (
            f"Failed: {failed} {verdicts} ({_shorten_list(names)}). "
            "To accept one: --except FEATURE."
        )


def _shorten_list(names: Sequence[str]) -> str:
    more = len(names) - MAX_NAMES
    shown = "; ".join(names[:MAX_NAMES])
    return f"{shown}; {more} more" if more > 0 else shown


def groups(rows: Sequence[GatewayRow]) -> Iterator[tuple[str, list[GatewayRow]]]:
    """The rows under their headings, in order."""
    order = list(GROUPS)
    ordered = sorted(rows, key=lambda each: order.index(each.group))
    for name, found in itertools.groupby(ordered, key=lambda each: each.group):
        yield GROUPS[name], list(_merge_unchanged(found))


def _merge_unchanged(rows: Iterable[GatewayRow]) -> Iterator[GatewayRow]:
    """Merge the rows of a feature in which all values arrived unchanged."""

    def alike(row: GatewayRow) -> tuple[Any, ...]:
        return (
            row.feature,
            row.operation,
            row.verdict,
            row.promised,
            row.excepted,
            row.note,
            _is_unchanged(row),
        )

    for _, found in itertools.groupby(rows, alike):
        alike_rows = list(found)
        if _is_unchanged(alike_rows[0]):
            sent = ", ".join(row.sent for row in alike_rows)
            yield replace(alike_rows[0], sent=sent, arrived=UNCHANGED)
        else:
            yield from alike_rows


def _is_unchanged(row: GatewayRow) -> bool:
    return (
        row.verdict is FeatureVerdict.HONOURED and row.sent == row.arrived != NO_VALUE
    )


def print_text(report: GatewayReport, console: Console) -> None:
    """Print a table per group, then the counts and the result."""
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
                Text(
                    row.verdict,
                    style=STYLES[row.verdict]
                    if row.promised and not row.excepted
                    else "dim",
                ),
                Text(shorten(row.sent, 60)),
                Text(arrival_text(row)),
            )
        console.print(table)
    console.print()
    style = "bold red" if report.failures else "bold green"
    console.print(Text(report.summary))
    console.print(Text(report.verdict, style=style))


def arrival_text(row: GatewayRow) -> str:
    """The value that arrived, with the notes on the row."""
    notes = [
        row.note,
        ""
        if row.promised
        or row.verdict is FeatureVerdict.UNTESTED
        or row.note in OPEN_NOTES
        else NOT_DOCUMENTED,
        EXCEPTED if row.excepted else "",
    ]
    note = "; ".join(shorten(each) for each in notes if each)
    text = shorten(row.arrived)
    return f"{text} ({note})" if text and note else text or note


def shorten(text: str, limit: int = MAX_CELL_LENGTH) -> str:
    line = one_line(text)
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def markdown(report: GatewayReport) -> str:
    """Markdown with a table per group, for a job summary or a comment."""
    lines = [
        f"## {escape_markdown(_title(report))}",
        "",
        f"{report.summary} {report.verdict} (imageparity {report.version})",
    ]
    for heading, rows in groups(report.rows):
        lines += ["", f"### {heading}", ""]
        lines += ["| feature | verdict | sent | arrived |", "| :-- | :-- | :-- | :-- |"]
        for row in rows:
            is_failed = report.fails(row)
            verdict = f"**{row.verdict}**" if is_failed else str(row.verdict)
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
    """JSON as `sandwich.schema.yaml` describes it."""
    value = {
        "format": FORMAT,
        **{
            name: getattr(report, name)
            for name in ("version", "gateway", "dialect", "upstream_dialect", "counts")
        },
        "fail_on": sorted(report.fail_on),
        "failed": len(report.failures),
        "excepted": list(report.excepted),
        "call": asdict(report.call),
        "rows": [asdict(each) for each in report.rows],
    }
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"
