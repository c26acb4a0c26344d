"""An examination as people read it."""

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from contracts.compare.migration.analysis import Examination
from contracts.compare.migration.model import Finding, Said
from contracts.compare.migration.rules import Rule, Severity
from contracts.text import one_line, plural, printable

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
VERBS = {
    Severity.BREAKS: "break",
    Severity.WARNS: "may break",
    Severity.INFO: "to know",
}


def text(examination: Examination, console: Console) -> None:
    """All findings, the heaviest first, then a line that counts them."""
    move = examination.move
    for severity in Severity:
        found = examination.of(severity)
        if not found:
            continue
        console.print(Text(TITLES[severity], style=STYLES[severity]))
        shown = ""  # many findings are seen in the same plain request
        for each in found:
            console.print()
            for line, style in _lines(each, examination, shown):
                console.print(Text(line, style=style), soft_wrap=True)
            shown = each.witness.curl if each.witness else ""
        console.print()
    by = f" by way of {move.client.title}" if move.client else ""
    counts = examination.counts
    told = ", ".join(f"{counts[each]} {VERBS[each]}" for each in Severity)
    head = f"From {move.old.title} to {move.new.title}{by}: "
    console.print(Text(f"{head}{told}.", style="bold"), soft_wrap=True)
    tried = plural(examination.tried, "request")
    console.print(Text(f"{tried} held against both documents; none was sent."))
    if examination.patches:
        changes = sum(
            len(each.rename) + len(each.remove) + len(each.add)
            for each in examination.patches.values()
        )
        made = plural(changes, "change")
        console.print(
            Text(f"--adapter python prints {made} of requests as a function.")
        )


def _lines(
    finding: Finding, examination: Examination, shown: str
) -> Iterator[tuple[str, str]]:
    where = f"{finding.operation} " if finding.operation else ""
    yield f"  {finding.rule}  {where}{one_line(finding.sentence)}", "bold"
    move = examination.move
    width = max(len(move.old.title), len(move.new.title))
    yield f"      {move.old.title:<{width}}  {_said(finding.old)}", ""
    yield f"      {move.new.title:<{width}}  {_said(finding.new)}", ""
    yield f"      {'fix':<{width}}  {one_line(finding.fix)}", "green"
    if finding.witness and finding.witness.curl and finding.witness.curl == shown:
        yield f"      {'request':<{width}}  the same", "dim"
    elif finding.witness and finding.witness.curl:
        for line in printable(finding.witness.curl).splitlines():
            yield f"      {line}", "dim"
    elif finding.witness:
        yield f"      {'answer':<{width}}  {finding.witness.answer!r}", "dim"


def _said(each: Said) -> str:
    basis = "" if each.basis in {"", "documented"} else f", {each.basis}"
    source = f" ({each.source}{basis})" if each.source else ""
    return f"{one_line(each.text)}{source}"


def explained(rule: Rule) -> Iterator[str]:
    """A rule as `explain` tells it."""
    yield f"{rule.id}: {rule.title}"
    yield ""
    yield rule.explanation
    yield ""
    yield f"{rule.said} where the documents say so, {rule.open} where they do not say"
    for member, severity in rule.members.items():
        yield f"{severity} for {member}"
    yield f"fix: {rule.fix}"
