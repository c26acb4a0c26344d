"""Write the results of benchmarks as Markdown tables."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Table:
    """Rows under heads, with what is to be known to read them."""

    title: str
    heads: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    note: str = ""

    def markdown(self) -> str:
        """Text columns to the left, the others to the right."""
        lines = [f"## {self.title}", ""]
        if self.note:
            lines += [self.note, ""]
        cells = [self.heads, *self.rows]
        rule = ["---"] + ["--:"] * (len(self.heads) - 1)
        for row in (cells[0], rule, *cells[1:]):
            lines.append(f"| {' | '.join(row)} |")
        return "\n".join([*lines, ""])


def figure(value: float) -> str:
    """Three digits that count: `0.214`, `21.4`, `21,400`."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def size(count: float) -> str:
    """Of a body: `0.5 KB`, `2.1 MB`; a KB has 1,000 bytes."""
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} KB"
