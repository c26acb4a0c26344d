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
from contracts.compare import Comparison, Row, compare
from contracts.report.model import Report, replacing
from contracts.reporters.page.render import page
from contracts.reporters.run.markdown import prose
from specs import Provider

HOST = "127.0.0.1:8080"  # where `serve` serves, for the port that was free just now
BEGIN, END = "<!-- differences -->\n", "<!-- /differences -->\n"
TOP = 10
LONGEST = 70  # characters of a cell in the README
_CODE = re.compile(r"\\`.*?\\`")


def files(providers: Sequence[Provider], only: Sequence[str] = ()) -> dict[str, str]:
    """
    The files of the site by name, made by asking each provider's own mock.

    With `only`, it is asked no more than the cases whose id has one of these parts.
    """
    asked = run(*providers, only=only, fuzz=False)
    report = settled(asked, max(map(_newest, providers)))
    compared = compare(providers, [report])
    return {
        "index.html": page(compared, report),
        "comparison.json": as_text(compared),
    }


def as_text(compared: Comparison) -> str:
    """A comparison as JSON, of which a change is a line."""
    return json.dumps(compared.as_json(), ensure_ascii=False, indent=1) + "\n"


def settled(report: Report, started: str) -> Report:
    """A report without what differs from run to run: its time, its port, its pace."""
    lines = report.serialized()
    for host in {urlsplit(each.base_url).netloc for each in report.metadata.targets}:
        lines = (line.replace(host, HOST) for line in lines)
    calm = Report.from_serialized(list(lines))
    return replace(
        calm,
        metadata=replace(calm.metadata, started=started),
        outcomes=tuple(replace(each, seconds=0.0) for each in calm.outcomes),
    )


def _newest(provider: Provider) -> str:
    """The date of the newest page that a provider's document cites."""
    return max(each.date for each in provider.sources.values())


def table(providers: Sequence[Provider]) -> str:
    """The features on which documents differ most, as Markdown."""
    compared = compare(providers)
    rows = top(compared)
    ids = [each.id for each in compared.providers]
    lines = [
        f"| | {' | '.join(prose(each.title) for each in compared.providers)} |",
        f"|---|{'---|' * len(ids)}",
    ]
    for row in rows:
        cells = " | ".join(_cell(row.cells[id_].value) for id_ in ids)
        lines.append(f"| `{row.feature}` | {cells} |")
    return "\n".join(lines) + "\n"


def top(compared: Comparison) -> list[Row]:
    """
    The rows on which most opinions differ, each feature at the first operation.

    Addresses and keys, which all have of their own, are left out.
    """
    first: dict[str, Row] = {}
    for row in compared.differing:
        if row.group != "transport":
            first.setdefault(row.feature, row)
    return sorted(first.values(), key=_opinions)[:TOP]


def _opinions(row: Row) -> tuple[int, int]:
    counts = Counter(cell.letter for cell in row.cells.values())
    return -len(counts), max(counts.values())


def _cell(value: str) -> str:
    """A cell's words; a name between backticks stays one."""
    clipped = value if len(value) <= LONGEST else f"{value[:LONGEST].rstrip()} …"
    return _CODE.sub(lambda found: found[0].replace("\\", ""), prose(clipped))


def with_table(readme: str, made: str) -> str:
    """The README with the table between its marks. Raises `ValueError` without them."""
    head, begin, rest = readme.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the README lacks {BEGIN.strip()} or {END.strip()}")
    return f"{head}{begin}\n{made}\n{end}{tail}"


def main(folder: str, readme: str | None = None) -> None:
    providers = [specs.load(name) for name in specs.names()]
    for name, text in files(providers).items():
        with replacing(Path(folder) / name) as out:
            out.write(text)
    if readme is not None:
        text = with_table(Path(readme).read_text("utf-8"), table(providers))
        with replacing(readme) as out:
            out.write(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
