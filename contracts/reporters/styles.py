"""How a terminal shows the verdicts."""

from contracts.judging.outcome import Verdict

STYLES = {
    Verdict.HONOURED: "green",
    Verdict.RENAMED: "cyan",
    Verdict.IGNORED: "bold red",
    Verdict.ALTERED: "bold red",
    Verdict.REFUSED: "yellow",
    Verdict.REFUSED_BADLY: "bold red",
    Verdict.UNTESTED: "dim",
}
