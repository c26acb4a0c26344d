"""The report in a terminal, or in the log of a build."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
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
from contracts.reporters.wording import one_line, plural, web_address

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
    lines = Table.grid(padding=(0, 2, 0, 0))
    lines.add_column(no_wrap=True)
    lines.add_column(overflow="fold")
    lines.add_row("claim", _text(sentence))
    lines.add_row("expected", _text(finding.expected))
    lines.add_row("actual", _text(finding.message))
    source = f"{finding.source} ({finding.basis}) {web_address(finding.source_url)}"
    lines.add_row("source", _text(source))
    lines.add_row("shown by", _text(f"{finding.case}{_others(sighting.times - 1)}"))
    console.print(Padding(lines, (0, 0, 0, 3)))
    _print_request(finding.request, console)


def _others(times: int) -> str:
    return f" and {plural(times, 'other case')}" if times > 0 else ""


def _print_request(request: Mapping[str, Any], console: Console) -> None:
    """The curl line unbroken, so that it can be copied; never half of one."""
    curl = one_line(str(request.get("curl") or ""))
    if curl and len(curl) <= LONGEST_CURL:
        console.print(_text(f"   {curl}", style="dim"), soft_wrap=True, highlight=False)
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
    sentence.append(f" {asked}. {bill_label(report)}: {one_line(bill(each))}.", "not bold")
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
    for column in ("feature", *matrix.columns):
        table.add_column(_text(column), overflow="fold", ratio=1)
    for feature in differing[:MOST_DIFFERENCES]:
        table.add_row(_text(feature.name), *_values(feature))
    console.print(table)
    more = len(differing) - MOST_DIFFERENCES
    if more > 0:
        console.print(Text(f"{more} more in the HTML report"))


def _values(feature: Feature) -> list[Text]:
    return [
        _text(cell.value or "–", style="yellow" if cell.stands_out else "")
        for cell in feature.cells
    ]


def _text(text: str, style: str = "") -> Text:
    """Strangers' text: no markup is read in it, and no control codes are left in it."""
    shown = " " * (len(text) - len(text.lstrip(" "))) + one_line(text)
    return Text(shown, style=style)
