"""
What is published: the page and the comparison, the same to the byte at every making.

Its diff in version control is the change log of what providers say. By hand:
`python -m contracts.site FOLDER [README]`.
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import specs
from contracts.api import run
from contracts.compare import Comparison, ComparisonRow, compare
from contracts.report.file import atomic_write
from contracts.report.model import Report
from contracts.reporters.page.render import page
from contracts.reporters.run.markdown import escape_markdown
from specs import Provider

PUBLISHED_HOST = (
    "127.0.0.1:8080"  # where `serve` serves, for the port that was free just now
)
TABLE_BEGIN, TABLE_END = "<!-- differences -->\n", "<!-- /differences -->\n"
MAX_TABLE_ROWS = 10
MAX_CELL_LENGTH = 70  # characters of a cell in the README
_CODE = re.compile(r"\\`.*?\\`")


def files(providers: Sequence[Provider], only: Sequence[str] = ()) -> dict[str, str]:
    """
    The files of the site by name, made by asking each provider's own mock.

    With `only`, it is asked no more than the cases whose id has one of these parts.
    """
    asked = run(*providers, only=only, fuzz=False)
    report = normalized(asked, max(map(_newest_source_date, providers)))
    compared = compare(providers, [report])
    return {
        "index.html": page(compared, report),
        "comparison.json": comparison_json(compared),
    }


def comparison_json(compared: Comparison) -> str:
    """A comparison as JSON, of which a change is a line."""
    return json.dumps(compared.as_json(), ensure_ascii=False, indent=1) + "\n"


def normalized(report: Report, started: str) -> Report:
    """A report without what differs from run to run: its time, its port, its pace."""
    lines = report.to_lines()
    for host in {urlsplit(each.base_url).netloc for each in report.metadata.targets}:
        lines = (line.replace(host, PUBLISHED_HOST) for line in lines)
    calm = Report.from_lines(list(lines))
    return replace(
        calm,
        metadata=replace(calm.metadata, started=started),
        outcomes=tuple(replace(each, seconds=0.0) for each in calm.outcomes),
    )


def _newest_source_date(provider: Provider) -> str:
    """The date of the newest page that a provider's document cites."""
    return max(each.date for each in provider.sources.values())


def table(providers: Sequence[Provider]) -> str:
    """The features on which documents differ most, as Markdown."""
    compared = compare(providers)
    rows = most_divergent_rows(compared)
    ids = [each.id for each in compared.providers]
    lines = [
        f"| | {' | '.join(escape_markdown(each.title) for each in compared.providers)} |",
        f"|---|{'---|' * len(ids)}",
    ]
    for row in rows:
        cells = " | ".join(_format_cell(row.cells[id_].value) for id_ in ids)
        lines.append(f"| `{row.feature}` | {cells} |")
    return "\n".join(lines) + "\n"


def most_divergent_rows(compared: Comparison) -> list[ComparisonRow]:
    """
    The rows on which most opinions differ, each feature at the first operation.

    Addresses and keys, which all have of their own, are left out.
    """
    first: dict[str, ComparisonRow] = {}
    for row in compared.differing_rows:
        if row.group != "transport":
            first.setdefault(row.feature, row)
    return sorted(first.values(), key=_divergence_key)[:MAX_TABLE_ROWS]


def _divergence_key(row: ComparisonRow) -> tuple[int, int]:
    counts = Counter(cell.letter for cell in row.cells.values())
    return -len(counts), max(counts.values())


def _format_cell(value: str) -> str:
    """A cell's words; a name between backticks stays one."""
    clipped = (
        value
        if len(value) <= MAX_CELL_LENGTH
        else f"{value[:MAX_CELL_LENGTH].rstrip()} …"
    )
    return _CODE.sub(lambda found: found[0].replace("\\", ""), escape_markdown(clipped))


def insert_table(readme: str, new_table: str) -> str:
    """The README with the table between its marks. Raises `ValueError` without them."""
    head, begin, rest = readme.partition(TABLE_BEGIN)
    _, end, tail = rest.partition(TABLE_END)
    if not (begin and end):
        raise ValueError(
            f"the README lacks {TABLE_BEGIN.strip()} or {TABLE_END.strip()}"
        )
    return f"{head}{begin}\n{new_table}\n{end}{tail}"


def main(folder: str, readme: str | None = None) -> None:
    providers = [specs.load(name) for name in specs.names()]
    for name, text in files(providers).items():
        with atomic_write(Path(folder) / name) as out:
            out.write(text)
    if readme is not None:
        text = insert_table(Path(readme).read_text("utf-8"), table(providers))
        with atomic_write(readme) as out:
            out.write(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
