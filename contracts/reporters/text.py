"""The report in a terminal, or in the log of a build."""

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.report import Report
from contracts.reporters.matrix import Feature, features
from contracts.reporters.standings import (
    Sighting,
    Standing,
    all_sightings,
    bill,
    bill_label,
    standings,
    verdict,
    why_stopped,
)
from contracts.reporters.wording import (
    one_line,
    plural,
    printable,
    web_address,
)

MOST_FINDINGS = 50
MOST_DIFFERENCES = 15
LONGEST_CURL = 1_000


def summary(report: Report, console: Console) -> None:
    """How each provider stands, each finding in brief, the verdict last."""
    each = standings(report)
    console.print(_standings(each))
    found = all_sightings(each)
    for number, sighting in enumerate(found[:MOST_FINDINGS], 1):
        _print_finding(number, sighting, console)
    if len(found) > MOST_FINDINGS:
        more = plural(len(found) - MOST_FINDINGS, "more finding")
        console.print(Text(f"\n{more} in the HTML report"))
    _print_closing(report, each, console)


def _standings(each: Sequence[Standing]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("provider", overflow="fold")
    for name in ("asked", "kept", "broken", "differing", "cost"):
        table.add_column(name, justify="right", no_wrap=name != "cost")
    for standing in each:
        tally = standing.tally
        table.add_row(
            _text(standing.target.title),
            f"{tally.asked:,}",
            f"{tally.kept:,}",
            Text(f"{tally.broken:,}", style="bold red" if tally.broken else ""),
            Text(f"{tally.differing:,}", style="yellow" if tally.differing else ""),
            _text(standing.price),
        )
    return table


def _print_finding(number: int, sighting: Sighting, console: Console) -> None:
    finding, claim = sighting.finding, sighting.claim
    kind = "broken promise" if finding.breaks else "difference"
    style = "bold red" if finding.breaks else "bold yellow"
    console.print()
    head = f"{number}. {sighting.target.title}: {finding.kind}, {kind}"
    console.print(_text(head, style=style))
    sentence = f"{claim.sentence} ({claim.id})" if claim else finding.claim
    _print_line("claim", sentence, console)
    _print_line("expected", finding.expected, console)
    _print_line("actual", finding.message, console)
    _print_line("source", f"{sighting.title} ({sighting.place})", console)
    if web_address(finding.source_url):
        _print_line("", finding.source_url, console)
    _print_line("case", f"{finding.case}{_others(sighting.times - 1)}", console)
    if finding.also_seen_by:
        _print_line("also", f"seen by {', '.join(finding.also_seen_by)}", console)
    _print_request(finding.request, console)


def _print_line(label: str, text: str, console: Console) -> None:
    """A labelled text, wrapped between words: a URL can be copied."""
    lines = wrap(
        one_line(text),
        width=console.width,
        initial_indent=f"   {label:10}",
        subsequent_indent=" " * 13,
        break_long_words=False,
        break_on_hyphens=False,
    )
    console.print(Text("\n".join(lines)), soft_wrap=True)


def _others(times: int) -> str:
    return f" and {plural(times, 'other case')}" if times > 0 else ""


def _print_request(request: Mapping[str, Any], console: Console) -> None:
    """The curl line unbroken, so that it can be copied; never half of one."""
    curl = printable(str(request.get("curl") or ""))
    if curl and len(curl) <= LONGEST_CURL:
        indented = "\n".join(f"   {line}" for line in curl.splitlines())
        console.print(Text(indented, style="dim"), soft_wrap=True)
        return
    brief = one_line(str(request.get("summary") or ""))
    console.print(_text(f"   {brief} (curl line in the HTML report)", style="dim"))


def _print_closing(
    report: Report, each: tuple[Standing, ...], console: Console
) -> None:
    console.print()
    stopped = why_stopped(report)
    if stopped:
        console.print(_text(f"{stopped}.", style="bold red"))
    style = "bold green" if report.conforms and not stopped else "bold"
    sentence = _text(f"{verdict(report, each)}.", style=style)
    asked = plural(len(report.outcomes), "request")
    sentence.append(
        f" {asked}. {bill_label(report)}: {one_line(bill(each))}.", "not bold"
    )
    console.print(sentence)


def differences(rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Where providers differ, as a table; the whole of it is in the HTML report."""
    matrix = features(rows)
    differing = matrix.differing
    if not differing:
        agreed = plural(len(matrix.rows), "feature")
        console.print(Text(f"No differences in {agreed}."))
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column, share in (("feature", 2), ("value", 5), ("providers", 3)):
        table.add_column(column, overflow="fold", ratio=share)
    for feature in differing[:MOST_DIFFERENCES]:
        for row in _values(feature, matrix.columns):
            table.add_row(*row)
    console.print(table)
    more = len(differing) - MOST_DIFFERENCES
    if more > 0:
        console.print(Text(f"{more:,} more in the HTML report"))


def _values(feature: Feature, columns: Sequence[str]) -> Iterator[tuple[Text, ...]]:
    """A line for each value, the majority's first, with those who have it."""
    name = feature.name
    for letter in sorted({cell.letter for cell in feature.cells}):
        pairs = zip(columns, feature.cells, strict=True)
        who = [(column, cell) for column, cell in pairs if cell.letter == letter]
        cell = who[0][1]
        value = _text(cell.value or "not stated", "yellow" if cell.stands_out else "")
        yield _text(name), value, _text(", ".join(column for column, _ in who))
        name = ""


def _text(text: str, style: str = "") -> Text:
    """Strangers' text: no markup is read in it, and no control codes are left in it."""
    shown = " " * (len(text) - len(text.lstrip(" "))) + one_line(text)
    return Text(shown, style=style)
