"""The results of `drop-in` as text."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.compare.migration.analysis import Examination, to_json
from contracts.compare.migration.model import BreakingChange, Citation, Counterexample
from contracts.compare.migration.rules import Severity, rules
from contracts.reporters.migration_rules import TITLES
from contracts.text import one_line, pluralize, printable

STYLES = {
    Severity.BREAKS: "bold red",
    Severity.WARNS: "yellow",
    Severity.INFO: "dim",
}
MIN_FIELDS_WIDTH = 26  # characters, with the space between columns
_PLACEHOLDER = re.compile(r"\{\w+\}")  # of a text that differs in each response


@dataclass(frozen=True, slots=True)
class _MergedFinding:
    """The same finding about one or more operations."""

    findings: tuple[BreakingChange, ...]

    @property
    def first(self) -> BreakingChange:
        return self.findings[0]

    @property
    def operations(self) -> str:
        return ", ".join(filter(None, (each.operation for each in self.findings)))


def _merge_operations(findings: Iterable[BreakingChange]) -> list[_MergedFinding]:
    """Merge the findings that are the same for several operations."""
    groups: dict[tuple[str, ...], list[BreakingChange]] = {}
    for finding in findings:
        key = (finding.rule, finding.member, finding.sentence, finding.fix)
        groups.setdefault(key, []).append(finding)
    return [_MergedFinding(tuple(each)) for each in groups.values()]


def print_text(
    examination: Examination, console: Console, *, verbose: bool = False
) -> None:
    """Print counts and a line per rule; with `verbose`, then print all findings."""
    move = examination.migration
    client = f" for {move.client.title}" if move.client else ""
    counts = examination.counts
    summary = (
        f"From {move.old.dated_title} to {move.new.dated_title}{client}: "
        f"{counts[Severity.BREAKS]} breaking, "
        f"{counts[Severity.WARNS]} possibly breaking, "
        f"{pluralize(counts[Severity.INFO], 'note')}."
    )
    console.print(Text(summary, style="bold"), soft_wrap=True)
    tried = pluralize(examination.tried, "request")
    console.print(Text(f"{tried} checked against both documents; none was sent."))
    if examination.findings:
        console.print()
        console.print(_rule_table(examination, console.width))
    if verbose:
        for severity in Severity:
            _print_findings(severity, examination, console)
    console.print()
    if examination.findings and not verbose:
        console.print(
            Text("--verbose shows the sources, a fix and a request for each finding.")
        )
    if examination.patches:
        changes = sum(
            len(each.rename) + len(each.remove) + len(each.add)
            for each in examination.patches.values()
        )
        count = pluralize(changes, "change")
        console.print(
            Text(f"--adapter python prints a function that makes {count} to requests.")
        )


def _rule_table(examination: Examination, width: int) -> Table:
    """A line per rule, the most severe first: findings, meaning and fields."""
    rule_width = max(map(len, TITLES.values()))
    meaning_width = width - rule_width - len("findings") - MIN_FIELDS_WIDTH
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), expand=True)
    table.add_column("rule", no_wrap=True, min_width=rule_width)
    table.add_column("findings", justify="right", no_wrap=True)
    table.add_column("meaning", max_width=meaning_width)
    table.add_column("fields", no_wrap=True, overflow="ellipsis", ratio=1)
    for severity in Severity:
        found = examination.with_severity(severity)
        if found:
            table.add_row(Text(TITLES[severity], style=STYLES[severity]))
        by_rule: dict[str, list[BreakingChange]] = {}
        for finding in found:
            by_rule.setdefault(finding.rule, []).append(finding)
        for rule, group in by_rule.items():
            names = dict.fromkeys(each.member or each.operation for each in group)
            table.add_row(
                Text(f"  {rule}"),
                str(len(group)),
                Text(rules()[rule].title),
                Text(one_line(", ".join(names))),
            )
    return table


def _print_findings(
    severity: Severity, examination: Examination, console: Console
) -> None:
    found = _merge_operations(examination.with_severity(severity))
    if not found:
        return
    console.print(Text(f"\n{TITLES[severity]}", style=STYLES[severity]))
    previous_curl = ""  # many findings show in the same minimal request
    for merged in found:
        console.print()
        for line, style in _finding_lines(merged, examination, previous_curl):
            console.print(Text(line, style=style), soft_wrap=True)
        witness = merged.first.witness
        previous_curl = witness.curl if witness else ""


def _finding_lines(
    merged: _MergedFinding, examination: Examination, previous_curl: str
) -> Iterator[tuple[str, str]]:
    finding = merged.first
    operations = f"{merged.operations}: " if merged.operations else ""
    yield f"  {finding.rule}  {operations}{one_line(finding.sentence)}", "bold"
    move = examination.migration
    width = max(len(move.old.title), len(move.new.title), len("response"))
    for title, citations in (
        (move.old.title, [each.old for each in merged.findings]),
        (move.new.title, [each.new for each in merged.findings]),
    ):
        for label, text in zip(
            (title, *[""] * len(citations)), _citation_texts(citations), strict=False
        ):
            yield f"      {label:<{width}}  {text}", ""
    yield f"      {'fix':<{width}}  {one_line(finding.fix)}", "green"
    if finding.witness:
        for line in _witness_lines(finding.witness, width, previous_curl):
            yield f"      {line}", "dim"


def _witness_lines(
    witness: Counterexample, width: int, previous_curl: str
) -> Iterator[str]:
    if not witness.curl:
        response = _without_placeholders(to_json(witness.answer))
        text = json.dumps(response, ensure_ascii=False)
        yield f"{'response':<{width}}  {one_line(text)}"
    elif witness.curl == previous_curl:
        yield f"{'request':<{width}}  the same"
    else:
        yield from printable(witness.curl).splitlines()


def _without_placeholders(value: Any) -> Any:
    """Replace a text such as `{message}`, which is not in any response, by `…`."""
    if isinstance(value, Mapping):
        return {name: _without_placeholders(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_without_placeholders(each) for each in value]
    if isinstance(value, str):
        return _PLACEHOLDER.sub("\N{HORIZONTAL ELLIPSIS}", value)
    return value


def _citation_texts(citations: Iterable[Citation]) -> list[str]:
    """The statements of a document, the same text once, with its sources."""
    sources: dict[str, list[str]] = {}
    for citation in citations:
        basis = "" if citation.basis in {"", "documented"} else f", {citation.basis}"
        found = sources.setdefault(one_line(citation.text), [])
        source = f"{citation.source}{basis}"
        if citation.source and source not in found:
            found.append(source)
    return [
        f"{text} ({'; '.join(found)})" if found else text
        for text, found in sources.items()
    ]


def print_ranking(examinations: Sequence[Examination], console: Console) -> None:
    """Print a row per new provider, the one with the fewest problems first."""
    first = examinations[0].migration
    client = f" for {first.client.title}" if first.client else ""
    title = f"From {first.old.title}{client} to each other provider, the best first:"
    console.print(Text(title, style="bold"), soft_wrap=True)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("provider", no_wrap=True)
    for severity in Severity:
        table.add_column(TITLES[severity].lower(), justify="right", no_wrap=True)
    table.add_column("breaking rules", overflow="fold")
    ranked = sorted(examinations, key=lambda each: tuple(each.counts.values()))
    for examination in ranked:
        breaking = examination.with_severity(Severity.BREAKS)
        found = Counter(each.rule for each in breaking)
        table.add_row(
            Text(one_line(examination.migration.new.id)),
            *map(str, examination.counts.values()),
            Text(", ".join(rule for rule, _ in found.most_common())),
        )
    console.print()
    console.print(table)
    command = f"imageparity drop-in {first.old.id} {ranked[0].migration.new.id}"
    console.print(Text(f"\n{command} shows the findings of one provider."))
