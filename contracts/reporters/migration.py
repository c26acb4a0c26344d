"""The result of `drop-in` and the rules of `explain` as text."""

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
    Severity.BREAKS: "Breaking",
    Severity.WARNS: "Possibly breaking",
    Severity.INFO: "Notes",
}


def print_text(examination: Examination, console: Console) -> None:
    """Print all findings, the most severe first, then a line of counts."""
    move = examination.migration
    for severity in Severity:
        found = examination.with_severity(severity)
        if not found:
            continue
        console.print(Text(TITLES[severity], style=STYLES[severity]))
        previous_curl = ""  # many findings show in the same minimal request
        for finding in found:
            console.print()
            for line, style in _finding_lines(finding, examination, previous_curl):
                console.print(Text(line, style=style), soft_wrap=True)
            previous_curl = finding.witness.curl if finding.witness else ""
        console.print()
    client = f" for {move.client.title}" if move.client else ""
    counts = examination.counts
    summary = (
        f"From {move.old.title} to {move.new.title}{client}: "
        f"{counts[Severity.BREAKS]} breaking, "
        f"{counts[Severity.WARNS]} possibly breaking, "
        f"{pluralize(counts[Severity.INFO], 'note')}."
    )
    console.print(Text(summary, style="bold"), soft_wrap=True)
    tried = pluralize(examination.tried, "request")
    console.print(Text(f"{tried} checked against both documents; none was sent."))
    if examination.patches:
        changes = sum(
            len(each.rename) + len(each.remove) + len(each.add)
            for each in examination.patches.values()
        )
        count = pluralize(changes, "change")
        console.print(
            Text(f"--adapter python prints a function that makes {count} to requests.")
        )


def _finding_lines(
    finding: BreakingChange, examination: Examination, previous_curl: str
) -> Iterator[tuple[str, str]]:
    operation = f"{finding.operation} " if finding.operation else ""
    yield f"  {finding.rule}  {operation}{one_line(finding.sentence)}", "bold"
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
        yield f"      {'response':<{width}}  {finding.witness.answer!r}", "dim"


def _format_citation(citation: Citation) -> str:
    basis = "" if citation.basis in {"", "documented"} else f", {citation.basis}"
    source = f" ({citation.source}{basis})" if citation.source else ""
    return f"{one_line(citation.text)}{source}"


def explain_rule(rule: MigrationRule) -> Iterator[str]:
    """The lines that `explain` prints for a rule."""
    yield f"{rule.id}: {rule.title}"
    yield ""
    yield rule.explanation
    yield ""
    yield f"severity: {_severity_text(rule)}"
    for field, severity in rule.members.items():
        yield f"severity for {field}: {TITLES[severity].lower()}"
    yield f"fix: {rule.fix}"


def _severity_text(rule: MigrationRule) -> str:
    documented = TITLES[rule.documented_severity].lower()
    undocumented = TITLES[rule.undocumented_severity].lower()
    if documented == undocumented:
        return f"{documented} (both documented and undocumented)"
    return f"{documented} if documented, {undocumented} if undocumented"
