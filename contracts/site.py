"""
Generation of the published site: the comparison page, the comparison as JSON, and the
page and the feed of published results.

The files are the same for the same documents, byte by byte. Their diff in version
control shows the changes of the providers' documentation.

Usage: `python -m contracts.site FOLDER [README]`.
"""

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import specs
from contracts.api import run
from contracts.compare import Comparison, ComparisonRow, ProviderCell, compare
from contracts.media.registry import image_operations
from contracts.published.feed import PAGE
from contracts.published.site import read_submissions, result_files
from contracts.report.file import atomic_write
from contracts.report.model import Report
from contracts.reporters.comparison.summary import divergent_rows, statement_count
from contracts.reporters.page.render import page
from contracts.reporters.page.rules import rule_texts, without_rule_counts
from contracts.reporters.run.markdown import escape_markdown
from specs import Provider

PUBLISHED_HOST = "127.0.0.1:8080"  # the default of `serve`; replaces the random port
TABLE_BEGIN, TABLE_END = "<!-- differences -->\n", "<!-- /differences -->\n"
MAX_TABLE_COLUMNS = 6
MAX_CELL_LENGTH = 60  # characters of a cell in the README
_CODE = re.compile(r"\\`.*?\\`")


def files(providers: Sequence[Provider], only: Sequence[str] = ()) -> dict[str, str]:
    """
    The files of the site, by name, from a run against each provider's mock.

    The run tests the operations that respond with images. With `only`, it has only
    cases with an id that contains one of these texts.
    """
    newest = max(map(_newest_source_date, providers))
    # The claims about tasks are many times as many, and no table compares them.
    operations = {each: image_operations(each) for each in providers}
    tested = [each for each, found in operations.items() if found]
    names = tuple(dict.fromkeys(name for each in tested for name in operations[each]))
    report = run(*tested, only=only, operations=names, fuzz=False)
    report = normalized(_with_claims_of(report, names), newest)
    compared = compare(providers, [report])
    return {
        "index.html": page(compared, report, results_page=PAGE),
        "comparison.json": comparison_json(compared),
    }


def _with_claims_of(report: Report, operations: Sequence[str]) -> Report:
    """The report without the claims about other operations."""
    targets = []
    for target in report.metadata.targets:
        claims = (each for each in target.claims if each.operation in operations)
        targets.append(replace(target, claims=tuple(claims)))
    return replace(report, metadata=replace(report.metadata, targets=tuple(targets)))


def comparison_json(compared: Comparison) -> str:
    """A comparison as indented JSON, so that a change is a change of few lines."""
    return json.dumps(compared.as_json(), ensure_ascii=False, indent=1) + "\n"


def normalized(report: Report, started: str) -> Report:
    """A report without values that differ from run to run: times and ports."""
    lines = report.to_lines()
    for host in {urlsplit(each.base_url).netloc for each in report.metadata.targets}:
        lines = (line.replace(host, PUBLISHED_HOST) for line in lines)
    stable = Report.from_lines(list(lines))
    return replace(
        stable,
        metadata=replace(stable.metadata, started=started),
        outcomes=tuple(replace(each, seconds=0.0) for each in stable.outcomes),
    )


def _newest_source_date(provider: Provider) -> str:
    """The date of the newest page that a provider's document cites."""
    return max(each.date for each in provider.sources.values())


def table(providers: Sequence[Provider]) -> str:
    """A Markdown table, a line per provider, of the most telling features."""
    compared = compare(providers)
    rows = most_telling_rows(compared)
    names = " | ".join(f"`{row.feature}`" for row in rows)
    lines = [f"| provider | {names} |", f"|---|{'---|' * len(rows)}"]
    for provider in compared.providers:
        cells = " | ".join(
            _format_cell(_in_words(row.feature, row.cells[provider.id])) for row in rows
        )
        lines.append(f"| {escape_markdown(provider.title)} | {cells} |")
    return "\n".join(lines) + "\n"


def most_telling_rows(compared: Comparison) -> list[ComparisonRow]:
    """
    The rows with the most different statements that a narrow cell can show.

    A cell that would be cut, or states nothing, counts half a statement less.
    """

    def order(row: ComparisonRow) -> float:
        mute = sum(
            not cell.stated or len(_in_words(row.feature, cell)) > MAX_CELL_LENGTH
            for cell in row.cells.values()
        )
        return mute / 2 - statement_count(row)

    return sorted(divergent_rows(compared), key=order)[:MAX_TABLE_COLUMNS]


def _in_words(feature: str, cell: ProviderCell) -> str:
    """The value of a cell, with its longest rule in words instead of their number."""
    value = without_rule_counts(cell.value)
    facts = {
        name: {"value": each.value, "basis": each.basis}
        for name, each in cell.facts.items()
    }
    rules = rule_texts(feature, facts)
    if not rules:
        return value
    longest = max(rules, key=lambda each: len(each.words))
    return f"{value}; {longest.name}: {longest.words}"


def _format_cell(value: str) -> str:
    """The escaped and shortened value of a cell; names in backticks stay code."""
    clipped = (
        value
        if len(value) <= MAX_CELL_LENGTH
        else f"{value[:MAX_CELL_LENGTH].rstrip()} …"
    )
    escaped = escape_markdown(clipped)
    return _CODE.sub(lambda code: code[0].replace("\\", ""), escaped)


def insert_table(readme: str, new_table: str) -> str:
    """The README with the table between its marks; raises `ValueError` without them."""
    head, begin, rest = readme.partition(TABLE_BEGIN)
    _, end, tail = rest.partition(TABLE_END)
    if not (begin and end):
        raise ValueError(
            f"the README lacks {TABLE_BEGIN.strip()} or {TABLE_END.strip()}"
        )
    return f"{head}{begin}\n{new_table}\n{end}{tail}"


def main(folder: str, readme: str | None = None) -> None:
    """Write the files of the site, and the table in the README if it is given."""
    providers = specs.load_all(())
    results = result_files(read_submissions(Path(folder)))
    for name, text in {**files(providers), **results}.items():
        with atomic_write(Path(folder) / name) as out:
            out.write(text)
    if readme is not None:
        text = insert_table(Path(readme).read_text("utf-8"), table(providers))
        with atomic_write(readme) as out:
            out.write(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
