"""The comparison of several servers as Markdown, for a job summary or a comment."""

from collections.abc import Iterator, Sequence

from contracts.compare.servers.model import Difference, Differences, DocumentAgreement
from contracts.reporters.run.markdown import escape_markdown, fenced_block
from contracts.reporters.servers.rows import (
    MARKS,
    MEANINGS,
    OUTPUT_COLUMNS,
    MergedRow,
    OutputLine,
    disagreement,
    format_cell,
    output_tables,
    request_summary,
    sections,
    serving_labels,
    summary_sentence,
)
from contracts.text import pluralize


def render(differences: Differences) -> str:
    """Markdown: a summary, the differences folded, and the tables of verdicts."""
    return "\n".join(_markdown_lines(differences)) + "\n"


def _markdown_lines(differences: Differences) -> Iterator[str]:
    all_labels = [each.label for each in differences.targets]
    yield f"## {escape_markdown(' versus '.join(all_labels))}"
    yield ""
    version = f"imageparity {escape_markdown(differences.version)}"
    yield f"{summary_sentence(differences)} ({version}, seed {differences.seed})"
    yield ""
    for server in differences.targets:
        text = f"{server.label}: {server.title} at {server.base_url}, "
        yield f"- {escape_markdown(text + pluralize(server.asked, 'request'))}"
        if server.stopped:
            problem = escape_markdown(f"{server.label} did not get all requests")
            yield f"- **{problem}**: {escape_markdown(server.stopped)}"
    for difference in differences.differences:
        yield from _difference_details(difference)
    for heading, outputs in output_tables(differences):
        yield ""
        yield f"### {escape_markdown(heading)}"
        yield ""
        yield f"| | {' | '.join(OUTPUT_COLUMNS)} |"
        yield f"| :-- |{' :-- |' * len(OUTPUT_COLUMNS)}"
        yield from map(_output_row, outputs)
    for heading, lines in sections(differences.rows):
        labels = serving_labels(lines, all_labels)
        yield ""
        yield f"### {escape_markdown(heading)}"
        yield ""
        yield f"| | feature | sent | {' | '.join(map(escape_markdown, labels))} | |"
        yield f"| :-- | :-- | :-- |{' :-- |' * (len(labels) + 1)}"
        for line in lines:
            yield _markdown_row(line, labels)


def _output_row(line: OutputLine) -> str:
    operation, result, *rest = line.cells
    note = f" ({line.note})" if line.note else ""
    texts = (line.request, line.server, operation, f"{result}{note}", *rest)
    mark = MARKS[DocumentAgreement.AGREE] if line.is_alarm else ""
    return f"| {mark} | {' | '.join(map(escape_markdown, texts))} |"


def _markdown_row(line: MergedRow, labels: Sequence[str]) -> str:
    row = line.row
    pairs = [format_cell(row.cells[label], row) for label in labels]
    cells = [f"{text} ({note})" if note else text for text, note in pairs]
    texts = (line.feature, line.requested_values, *cells, disagreement(row))
    mark = MARKS[row.kind] if row.kind else ""
    return f"| {mark} | {' | '.join(map(escape_markdown, texts))} |"


def _difference_details(difference: Difference) -> Iterator[str]:
    mark = f"{MARKS[difference.kind]} {MEANINGS[difference.kind]}"
    times = f", {difference.seen} of {difference.tries} times"
    flaky = times if difference.is_flaky else ""
    aspect = f"{difference.operation}: {difference.aspect}"
    head = f"{aspect} ({request_summary(difference)}); {mark}{flaky}"
    yield ""
    yield f"<details><summary>{escape_markdown(head)}</summary>"
    for label, side in difference.sides.items():
        note = f": {side.note}" if side.note else ""
        documented = f" (documented: {side.promise})" if side.promise else ""
        text = escape_markdown(f"{side.value}{note}{documented}")
        yield ""
        yield f"- **{escape_markdown(label)}** {text}"
        yield ""
        yield fenced_block(side.curl, "sh")
    yield ""
    yield "</details>"
