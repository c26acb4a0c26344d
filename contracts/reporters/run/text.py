"""The report as text for a terminal or the log of a build."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from textwrap import wrap
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.compare import Comparison, ParameterOutcome
from contracts.judging.outcome import FeatureVerdict
from contracts.report.model import Report
from contracts.report.summary import (
    FindingSummary,
    ProviderSummary,
    all_findings,
    case_columns,
    cost_label,
    document_days,
    not_tested_notes,
    provider_summaries,
    run_verdict,
    stop_reason,
    total_cost,
)
from contracts.reporters.run.repeats import COLUMNS, repeat_notes, repeat_rows
from contracts.reporters.run.requirements import verdict_sentences
from contracts.reporters.run.requirements_text import print_requirements
from contracts.reporters.run.verdicts import verdict_rows
from contracts.reporters.terminal import safe_text
from contracts.text import (
    one_line,
    pluralize,
    printable,
    safe_url,
)

MAX_FINDINGS = 50
MAX_CURL_LENGTH = 1_000
ACCEPTABLE_VERDICTS = (
    FeatureVerdict.HONOURED,
    FeatureVerdict.RENAMED,
    FeatureVerdict.UNTESTED,
)
_STYLES = {"failed": "bold red", "warning": "yellow", "inconclusive": "yellow"}
LOST_VERDICTS = (FeatureVerdict.IGNORED, FeatureVerdict.ALTERED)


def print_summary(
    report: Report,
    console: Console,
    parameter_outcomes: Sequence[ParameterOutcome] = (),
    path: str | Path | None = None,
) -> None:
    """
    Print the counts per provider, each finding in brief, and the verdict last.

    `parameter_outcomes` are the measured verdicts on request parameters, if known.
    `path` is the file of the report, for the command that shows all findings; None if
    it is in no file.
    """
    summaries = provider_summaries(report)
    console.print(_summary_table(summaries))
    for line in document_days(report):
        console.print(safe_text(line), soft_wrap=True)
    for note in not_tested_notes(summaries):
        console.print(safe_text(note), soft_wrap=True)
    _print_repeats(report, console)
    _print_parameters(parameter_outcomes, console)
    findings = all_findings(summaries)
    lost = {
        each.fingerprint: each
        for each in parameter_outcomes
        if each.verdict in LOST_VERDICTS
    }
    for number, finding in enumerate(findings[:MAX_FINDINGS], 1):
        _print_finding(number, finding, console, lost)
    if len(findings) > MAX_FINDINGS:
        more = pluralize(len(findings) - MAX_FINDINGS, "more finding")
        console.print()
        console.print(safe_text(f"{more}{_page_hint(path)}"), soft_wrap=True)
    _print_verdicts(report, findings, console)
    print_requirements(report, console)
    _print_verdict(report, summaries, console)


def print_result(report: Report, console: Console) -> None:
    """Print the verdicts alone: that on documents, and the level of each server."""
    _print_verdict(report, provider_summaries(report), console)
    for _, sentence in verdict_sentences(report):
        name = report.requirements.name if report.requirements else ""
        console.print(safe_text(f"{name}: {sentence}."))


def _page_hint(path: str | Path | None) -> str:
    """The command that makes the HTML page of a report."""
    if path is None:
        return " in the HTML report"
    return f": imageparity show {quote(str(path))} --format html > report.html"


def _summary_table(summaries: Sequence[ProviderSummary]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("provider", overflow="fold")
    rows = [case_columns(each, summaries) for each in summaries]
    names = rows[0] if rows else ()
    for name in (*names, "findings", "cost"):
        table.add_column(name, justify="right", no_wrap=name != "cost")
    for summary, counts in zip(summaries, rows, strict=True):
        cells = (
            Text(f"{count:,}", style=_STYLES.get(name, "") if count else "")
            for name, count in counts.items()
        )
        findings = f"{len(summary.sightings):,}"
        title, price = safe_text(summary.target.title), safe_text(summary.price)
        table.add_row(title, *cells, findings, price)
    return table


def _print_repeats(report: Report, console: Console) -> None:
    """Print a line per target and operation that was sent several times."""
    rows = repeat_rows(report)
    if not rows:
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("repeated", overflow="fold")
    for name in COLUMNS:
        table.add_column(name, justify="right")
    for title, cells in rows:
        table.add_row(safe_text(title), *map(safe_text, cells))
    console.print()
    console.print(table)
    for note in repeat_notes(report):
        console.print(safe_text(note), soft_wrap=True)


def _print_finding(
    number: int,
    summary: FindingSummary,
    console: Console,
    lost_parameters: Mapping[str, ParameterOutcome],
) -> None:
    finding, claim = summary.finding, summary.claim
    verdict = "failed" if finding.breaks else "warning"
    style = "bold red" if finding.breaks else "bold yellow"
    console.print()
    head = f"{number}. {summary.target.title}: {verdict}, {finding.kind}"
    lost = next(
        (lost_parameters[e] for e in finding.fingerprints if e in lost_parameters), None
    )
    head += f", {lost.member} is {lost.verdict}" if lost else ""
    head += f" ({pluralize(summary.times, 'case')})"
    console.print(safe_text(head, style=style))
    if finding.title:
        indent = " " * 3
        lines = wrap(one_line(finding.title), console.width - 3)
        console.print(Text("\n".join(indent + line for line in lines), style="bold"))
    sentence = f"{claim.sentence} ({claim.id})" if claim else finding.claim
    others = len(summary.other_claims)
    sentence += f" and {pluralize(others, 'other claim')}" if others else ""
    _print_line("claim", sentence, console)
    _print_line("expected", finding.expected, console)
    _print_line("actual", finding.message, console)
    _print_line("source", f"{summary.title} ({summary.place})", console)
    if safe_url(finding.source_url):
        _print_line("", finding.source_url, console)
    label = "case" if summary.times == 1 else "simplest"
    _print_line(label, finding.case, console)
    if finding.also_seen_by:
        _print_line("also", f"seen by {', '.join(finding.also_seen_by)}", console)
    _print_request(finding.request, console)


def _print_line(label: str, text: str, console: Console) -> None:
    """Print a labelled text, wrapped between words so that URLs can be copied."""
    lines = wrap(
        one_line(text),
        width=console.width,
        initial_indent=f"   {label:10}",
        subsequent_indent=" " * 13,
        break_long_words=False,
        break_on_hyphens=False,
    )
    console.print(Text("\n".join(lines)), soft_wrap=True)


def _print_request(request: Mapping[str, Any], console: Console) -> None:
    """Print the curl line unbroken, to be copied, or a summary if it is too long."""
    curl = printable(str(request.get("curl") or ""))
    if curl and len(curl) <= MAX_CURL_LENGTH:
        indented = "\n".join(f"   {line}" for line in curl.splitlines())
        console.print(Text(indented, style="dim"), soft_wrap=True)
        return
    summary = one_line(str(request.get("summary") or ""))
    line = f"   {summary} (curl line in the HTML report)"
    console.print(safe_text(line, style="dim"))


def _print_verdicts(
    report: Report, findings: Sequence[FindingSummary], console: Console
) -> None:
    """Print whether documents are kept, and which clients can work with the server."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for question, verdict in verdict_rows(report, findings):
        table.add_row(safe_text(question), safe_text(verdict))
    console.print()
    console.print(table)


def _print_verdict(
    report: Report, summaries: tuple[ProviderSummary, ...], console: Console
) -> None:
    console.print()
    stopped = stop_reason(report)
    if stopped:
        console.print(safe_text(f"{stopped}.", style="bold red"))
    style = "bold green" if report.conforms and not stopped else "bold"
    sentence = safe_text(f"{run_verdict(report, summaries)}.", style=style)
    cases = pluralize(len(report.outcomes), "test case")
    found = pluralize(len(report.findings), "finding")
    sentence.append(
        f" {cases}, {found}. {cost_label(report)}: {one_line(total_cost(summaries))}.",
        "not bold",
    )
    console.print(sentence)


def _print_parameters(
    parameter_outcomes: Sequence[ParameterOutcome], console: Console
) -> None:
    """Print a line per provider: counts of verdicts, and names of lost parameters."""
    for title in dict.fromkeys(each.title for each in parameter_outcomes):
        counts = []
        for verdict in FeatureVerdict:
            key = title, verdict
            matching = [e for e in parameter_outcomes if (e.title, e.verdict) == key]
            names = ", ".join(f"{each.member} of {each.operation}" for each in matching)
            if matching:
                named = "" if verdict in ACCEPTABLE_VERDICTS else f" ({names})"
                counts.append(f"{len(matching)} {verdict}{named}")
        line = f"{title}, parameters: {', '.join(counts)}"
        console.print(safe_text(line), soft_wrap=True)


def print_documents_hint(comparison: Comparison, console: Console) -> None:
    """Print the number of features that differ, and the command that lists them."""
    differing = sum(row.documents_differ for row in comparison.rows)
    features = pluralize(len(comparison.rows), "feature")
    command = (
        f"imageparity compare {' '.join(each.id for each in comparison.providers)}"
    )
    line = f"The documents differ in {differing} of {features}: {command}"
    console.print(safe_text(line), soft_wrap=True)
