"""Terminal styles of the verdicts on features."""

from contracts.judging.outcome import FeatureVerdict

STYLES = {
    FeatureVerdict.HONOURED: "green",
    FeatureVerdict.RENAMED: "cyan",
    FeatureVerdict.IGNORED: "bold red",
    FeatureVerdict.ALTERED: "bold red",
    FeatureVerdict.REFUSED: "yellow",
    FeatureVerdict.REFUSED_BADLY: "bold red",
    FeatureVerdict.UNTESTED: "dim",
}
