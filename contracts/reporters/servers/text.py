"""The comparison of several servers as text for a terminal."""

from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap

from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.compare.servers.model import (
    Difference,
    Differences,
    DocumentAgreement,
    FeatureRow,
    ParameterVerdict,
    Side,
)
from contracts.judging.outcome import FeatureVerdict
from contracts.reporters.servers.rows import (
    MARKS,
    MEANINGS,
    OUTPUT_COLUMNS,
    MergedRow,
    OutputLine,
    clip_cell,
    disagreement,
    format_cell,
    output_tables,
    request_summary,
    sections,
    serving_labels,
    summary_sentence,
)
from contracts.reporters.terminal import STYLES, safe_text
from contracts.text import (
    format_money,
    one_line,
    pluralize,
    printable,
)

MAX_LISTED = 15
MAX_CURL_LENGTH = 1_000
MARK_STYLES = {
    DocumentAgreement.AGREE: "bold red",
    DocumentAgreement.DIFFER: "yellow",
    DocumentAgreement.SILENT: "dim",
}


def print_summary(differences: Differences, console: Console) -> None:
    """Print the tables of verdicts, the differences and, last, a summary."""
    labels = [each.label for each in differences.targets]
    notes: dict[str, int] = {}
    for heading, lines in sections(differences.rows):
        console.print()
        console.print(Text(heading, style="bold"))
        console.print(_table(lines, serving_labels(lines, labels), notes))
    for heading, outputs in output_tables(differences):
        console.print()
        console.print(Text(heading, style="bold"))
        console.print(_output_table(outputs, notes))
    console.print()
    for note, number in notes.items():
        console.print(safe_text(f"{number}) {note}", style="dim"))
    _print_differences(differences.differences, console)
    _print_totals(differences, console)


def _table(
    lines: Iterable[MergedRow], labels: Sequence[str], notes: dict[str, int]
) -> Table:
    several = len(labels) > 2
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("", width=1)
    table.add_column("", no_wrap=True)
    table.add_column("", min_width=20, max_width=34, overflow="fold")
    for label in labels:
        table.add_column(safe_text(label), overflow="fold")
    if several:
        table.add_column("", overflow="fold")
    before = ""
    for line in lines:
        row = line.row
        mark = Text(MARKS[row.kind], MARK_STYLES[row.kind]) if row.kind else Text()
        cells = [_styled_cell(row.cells[label], row, notes) for label in labels]
        more = [safe_text(disagreement(row), "yellow")] if several else []
        name = "" if line.feature == before else line.feature
        table.add_row(
            mark, safe_text(name), safe_text(line.requested_values), *cells, *more
        )
        before = line.feature
    return table


def _output_table(lines: Iterable[OutputLine], notes: dict[str, int]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("", width=1)
    for name in OUTPUT_COLUMNS[1:]:
        is_name = name in {"server", "operation"}
        table.add_column(Text(name, style="dim"), overflow="fold", no_wrap=is_name)
    before = ""
    for line in lines:
        if line.request != before:
            # A row of its own: a column would take its width from all rows.
            table.add_row("", safe_text(f"{line.request}:"))
        operation, result, *rest = line.cells
        if line.note:
            result += f" {notes.setdefault(line.note, len(notes) + 1)})"
        agree = DocumentAgreement.AGREE
        mark = Text(MARKS[agree], MARK_STYLES[agree]) if line.is_alarm else Text()
        table.add_row(
            mark,
            safe_text(f"  {line.server}"),
            safe_text(operation),
            safe_text(result, STYLES[line.verdict]),
            *map(safe_text, rest),
        )
        before = line.request
    return table


def _styled_cell(
    cell: ParameterVerdict, row: FeatureRow, notes: dict[str, int]
) -> Text:
    words, note = format_cell(cell, row)
    if note:
        words += f" {notes.setdefault(note, len(notes) + 1)})"
    style = STYLES[cell.verdict] if cell.verdict else ""
    if row.group == "errors" and cell.verdict is FeatureVerdict.REFUSED:
        style = "green"
    return safe_text(words, style)


def _print_differences(differences: Sequence[Difference], console: Console) -> None:
    if not differences:
        return
    console.print()
    console.print(Text("Differences", style="bold"))
    alarms = [each for each in differences if each.alarms]
    for number, difference in enumerate(alarms, 1):
        _print_alarm(number, difference, console)
    others = [each for each in differences if not each.alarms]
    if not others:
        return
    console.print()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(width=1)
    for share in (3, 2, 5):
        table.add_column(overflow="fold", ratio=share)
    for difference in others[:MAX_LISTED]:
        sides = "; ".join(_sides(difference))
        times = f" ({difference.seen} of {difference.tries} times)"
        flaky = times if difference.is_flaky else ""
        table.add_row(
            Text(MARKS[difference.kind], MARK_STYLES[difference.kind]),
            safe_text(difference.question),
            safe_text(difference.aspect),
            safe_text(f"{sides}{flaky}"),
        )
    console.print(table)
    if len(others) > MAX_LISTED:
        console.print(Text(f"{len(others) - MAX_LISTED:,} more in the JSON report"))


def _sides(difference: Difference) -> Iterator[str]:
    for labels, side in _group_sides(difference):
        yield f"{labels}: {clip_cell(side.value)}"


def _group_sides(difference: Difference) -> Iterator[tuple[str, Side]]:
    """Labels of servers with the same value, and the side of the first of them."""
    by_value: dict[str, list[str]] = {}
    for label, side in difference.sides.items():
        by_value.setdefault(side.value, []).append(label)
    for labels in by_value.values():
        yield ", ".join(labels), difference.sides[labels[0]]


def _print_alarm(number: int, difference: Difference, console: Console) -> None:
    console.print()
    head = f"{difference.operation}: {difference.aspect}"
    line = f"{number}. {head} ({request_summary(difference)})"
    console.print(safe_text(line, style="bold red"))
    for labels, side in _group_sides(difference):
        note = f": {side.note}" if side.note else ""
        line = f"{labels:12} {side.value}{note}"
        for text in wrap(one_line(line), console.width - 6, subsequent_indent=" " * 13):
            console.print(safe_text(f"   {text}"), soft_wrap=True)
        curl = printable(side.curl)
        if len(curl) <= MAX_CURL_LENGTH:
            indented = "\n".join(f"     {each}" for each in curl.splitlines())
            console.print(Text(indented, style="dim"), soft_wrap=True)
    if difference.also:
        more = pluralize(len(difference.also), "other test case")
        console.print(safe_text(f"   also seen in {more}", style="dim"))


def _print_totals(differences: Differences, console: Console) -> None:
    console.print()
    for server in differences.targets:
        cost = (
            f", {format_money(server.cost, server.currency)} at list prices"
            if server.cost is not None
            else ""
        )
        requests = pluralize(server.asked, "request")
        text = f"{server.label}: {server.title} at {server.base_url}, {requests}{cost}"
        console.print(safe_text(text))
        if server.stopped:
            text = f"{server.label} did not get all requests: {server.stopped}"
            console.print(safe_text(text, style="bold red"))
    marks = ", ".join(f"{MARKS[each]} {words}" for each, words in MEANINGS.items())
    is_alarming = differences.alarms or differences.output_alarms
    if differences.differences or is_alarming:
        console.print(Text(marks, style="dim"))
    passed = not is_alarming and not differences.stopped
    style = "bold red" if is_alarming else "bold green" if passed else "bold"
    console.print(Text(summary_sentence(differences), style=style))
