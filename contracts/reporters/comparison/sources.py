"""The sources of a comparison, and the contradictions within them, as text."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from rich.console import Console
from rich.text import Text

from contracts.compare import Comparison, ComparisonRow, Contradiction
from contracts.reporters.terminal import safe_text
from contracts.text import one_line
from specs import Provider


def print_contradictions(comparison: Comparison, console: Console) -> None:
    number = len(comparison.contradictions)
    console.print(
        Text(f"\nContradictions within a provider's pages: {number}", style="bold")
    )
    console.print(Text("DOC-SELF; see imageparity explain DOC-SELF", style="dim"))
    titles = {each.id: each.title for each in comparison.providers}
    for contradiction in comparison.contradictions:
        console.print()
        place = f", {contradiction.place}" if contradiction.place else ""
        title = titles.get(contradiction.provider, contradiction.provider)
        console.print(safe_text(f"{title}{place}"))
        for line in _contradiction_lines(contradiction, console.width):
            console.print(Text(line), soft_wrap=True)


def _contradiction_lines(contradiction: Contradiction, width: int) -> Iterator[str]:
    """The statements and the interpretation used, wrapped between words."""
    texts = [f"{side.says} ({side.source})" for side in contradiction.statements]
    for at, text in enumerate(texts):
        yield from _wrap(f"   {'versus' if at else '':15}", text, width)
    if contradiction.reading:
        yield from _wrap(f"   {'interpretation':15}", contradiction.reading, width)


def _wrap(head: str, text: str, width: int) -> list[str]:
    return wrap(
        one_line(text),
        width=width,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )


def print_sources(
    comparison: Comparison,
    shown: Sequence[ComparisonRow],
    providers: Sequence[Provider],
    console: Console,
) -> None:
    """Print the pages that are the sources: title, date and URL."""
    ids = {cell.source for row in shown for cell in row.cells.values()}
    ids |= {s.source for each in comparison.contradictions for s in each.statements}
    known = {
        source.id: source
        for id_ in sorted(ids)
        for each in providers
        if (source := each.source(id_)) is not None
    }
    if not known:
        return
    console.print(Text("\nSources", style="bold"))
    for source in known.values():
        title = f"{source.title}, {source.date}" if source.date else source.title
        for line in _wrap(f"{source.id:10}", title, console.width):
            console.print(Text(line), soft_wrap=True)
        if source.url:
            console.print(Text(f"{'':10}{one_line(source.url)}"), soft_wrap=True)
