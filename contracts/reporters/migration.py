"""An examination as people read it."""

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from contracts.compare.migration.analysis import Examination
from contracts.compare.migration.model import BreakingChange, Citation
from contracts.compare.migration.rules import MigrationRule, Severity
from contracts.text import one_line, pluralize, printable

STYLES = {
    Severity.BREAKS: "bold red",
    Severity.WARNS: "yellow",
    Severity.INFO: "dim",
}
TITLES = {
    Severity.BREAKS: "Breaks",
    Severity.WARNS: "May break",
    Severity.INFO: "Good to know",
}
COUNT_LABELS = {
    Severity.BREAKS: "break",
    Severity.WARNS: "may break",
    Severity.INFO: "to know",
}


def print_text(examination: Examination, console: Console) -> None:
    """All findings, the heaviest first, then a line that counts them."""
    move = examination.migration
    for severity in Severity:
        found = examination.with_severity(severity)
        if not found:
            continue
        console.print(Text(TITLES[severity], style=STYLES[severity]))
        shown = ""  # many findings are seen in the same plain request
        for each in found:
            console.print()
            for line, style in _finding_lines(each, examination, shown):
                console.print(Text(line, style=style), soft_wrap=True)
            shown = each.witness.curl if each.witness else ""
        console.print()
    by = f" by way of {move.client.title}" if move.client else ""
    counts = examination.counts
    told = ", ".join(f"{counts[each]} {COUNT_LABELS[each]}" for each in Severity)
    head = f"From {move.old.title} to {move.new.title}{by}: "
    console.print(Text(f"{head}{told}.", style="bold"), soft_wrap=True)
    tried = pluralize(examination.tried, "request")
    console.print(Text(f"{tried} held against both documents; none was sent."))
    if examination.patches:
        changes = sum(
            len(each.rename) + len(each.remove) + len(each.add)
            for each in examination.patches.values()
        )
        made = pluralize(changes, "change")
        console.print(
            Text(f"--adapter python prints {made} of requests as a function.")
        )


def _finding_lines(
    finding: BreakingChange, examination: Examination, previous_curl: str
) -> Iterator[tuple[str, str]]:
    where = f"{finding.operation} " if finding.operation else ""
    yield f"  {finding.rule}  {where}{one_line(finding.sentence)}", "bold"
    move = examination.migration
    width = max(len(move.old.title), len(move.new.title))
    yield f"      {move.old.title:<{width}}  {_format_citation(finding.old)}", ""
    yield f"      {move.new.title:<{width}}  {_format_citation(finding.new)}", ""
    yield f"      {'fix':<{width}}  {one_line(finding.fix)}", "green"
    if (
        finding.witness
        and finding.witness.curl
        and finding.witness.curl == previous_curl
    ):
        yield f"      {'request':<{width}}  the same", "dim"
    elif finding.witness and finding.witness.curl:
        for line in printable(finding.witness.curl).splitlines():
            yield f"      {line}", "dim"
    elif finding.witness:
        yield f"      {'answer':<{width}}  {finding.witness.answer!r}", "dim"


def _format_citation(citation: Citation) -> str:
    basis = "" if citation.basis in {"", "documented"} else f", {citation.basis}"
    source = f" ({citation.source}{basis})" if citation.source else ""
    return f"{one_line(citation.text)}{source}"


def explain_rule(rule: MigrationRule) -> Iterator[str]:
    """A rule as `explain` tells it."""
    yield f"{rule.id}: {rule.title}"
    yield ""
    yield rule.explanation
    yield ""
    yield f"{rule.documented_severity} where the documents say so, {rule.undocumented_severity} where they do not say"
    for member, severity in rule.members.items():
        yield f"{severity} for {member}"
    yield f"fix: {rule.fix}"
