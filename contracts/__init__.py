"""Do they keep their promises? The questions, the judges and the report."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contracts.campaign import CouldNotRun
    from contracts.library import run
    from contracts.report import BadReport, Finding, Kind, Outcome, Report
    from contracts.sender import Unreachable
    from contracts.targets import BadTarget
    from specs import SpecError

__all__ = [
    "BadReport",
    "BadTarget",
    "CouldNotRun",
    "Finding",
    "Kind",
    "Outcome",
    "Report",
    "SpecError",
    "Unreachable",
    "run",
]

_HOMES = {
    "BadReport": "contracts.report",
    "BadTarget": "contracts.targets",
    "CouldNotRun": "contracts.campaign",
    "Finding": "contracts.report",
    "Kind": "contracts.report",
    "Outcome": "contracts.report",
    "Report": "contracts.report",
    "SpecError": "specs",
    "Unreachable": "contracts.sender",
    "run": "contracts.library",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for only then: one script holds the mock's verbs too."""
    if name not in _HOMES:
        raise AttributeError(f"module 'contracts' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
