"""The report in a terminal, or in the log of a build."""

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.compare import Comparison, Fate
from contracts.judging.outcome import Verdict
from contracts.report.model import Report
from contracts.report.summary import (
    Sighting,
    Standing,
    all_sightings,
    bill,
    bill_label,
    standings,
    verdict,
    why_stopped,
)
from contracts.text import (
    one_line,
    plural,
    printable,
    web_address,
)

MOST_FINDINGS = 50
LONGEST_CURL = 1_000
WELL = (Verdict.HONOURED, Verdict.RENAMED, Verdict.UNTESTED)
LOST = (Verdict.IGNORED, Verdict.ALTERED)


def summary(report: Report, console: Console, fates: Sequence[Fate] = ()) -> None:
    """
    How each provider stands, each finding in brief, the verdict last.

    `fates` are what became of the parameters.
    """
    each = standings(report)
    console.print(_standings(each))
    _print_parameters(fates, console)
    found = all_sightings(each)
    lost = {each.fingerprint: each for each in fates if each.verdict in LOST}
    for number, sighting in enumerate(found[:MOST_FINDINGS], 1):
        _print_finding(number, sighting, console, lost)
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


def _print_finding(
    number: int, sighting: Sighting, console: Console, lost: Mapping[str, Fate]
) -> None:
    finding, claim = sighting.finding, sighting.claim
    kind = "broken promise" if finding.breaks else "difference"
    style = "bold red" if finding.breaks else "bold yellow"
    console.print()
    head = f"{number}. {sighting.target.title}: {finding.kind}, {kind}"
    fate = lost.get(finding.fingerprint)
    head += f", {fate.member} is {fate.verdict}" if fate else ""
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


def _print_parameters(fates: Sequence[Fate], console: Console) -> None:
    """Counts, and the names of those with which all is not well."""
    for title in dict.fromkeys(each.title for each in fates):
        words = []
        for became in Verdict:
            found = [e for e in fates if (e.title, e.verdict) == (title, became)]
            names = ", ".join(f"{each.member} of {each.operation}" for each in found)
            if found:
                named = "" if became in WELL else f" ({names})"
                words.append(f"{len(found)} {became}{named}")
        line = f"{title}, parameters: {', '.join(words)}"
        console.print(_text(line), soft_wrap=True)


def pointer(found: Comparison, console: Console) -> None:
    """In how many features the documents differ, and where to read which."""
    apart = sum(row.documents_differ for row in found.rows)
    features = plural(len(found.rows), "feature")
    command = f"imageparity compare {' '.join(each.id for each in found.providers)}"
    line = f"The documents differ in {apart} of {features}: {command}"
    console.print(_text(line), soft_wrap=True)


def _text(text: str, style: str = "") -> Text:
    """Strangers' text: no markup is read in it, and no control codes are left in it."""
    shown = " " * (len(text) - len(text.lstrip(" "))) + one_line(text)
    return Text(shown, style=style)
