"""Styled and safe text for terminals."""

from rich.text import Text

from contracts.judging.outcome import FeatureVerdict
from contracts.text import one_line

STYLES = {
    FeatureVerdict.HONOURED: "green",
    FeatureVerdict.RENAMED: "cyan",
    FeatureVerdict.IGNORED: "bold red",
    FeatureVerdict.ALTERED: "bold red",
    FeatureVerdict.REFUSED: "yellow",
    FeatureVerdict.REFUSED_BADLY: "bold red",
    FeatureVerdict.UNTESTED: "dim",
}


def safe_text(text: str, style: str = "") -> Text:
    """Untrusted text, indent kept, in one line without markup or control codes."""
    indent = " " * (len(text) - len(text.lstrip(" ")))
    return Text(indent + one_line(text), style=style)
