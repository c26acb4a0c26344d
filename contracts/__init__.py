"""Do they keep their promises? The questions, the judges and the report."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contracts.api import run
    from contracts.execution.campaign import CouldNotRun
    from contracts.execution.client import Unreachable
    from contracts.execution.targets import BadTarget
    from contracts.report.model import BadReport, Finding, FindingKind, Outcome, Report
    from specs import SpecError

__all__ = [
    "BadReport",
    "BadTarget",
    "CouldNotRun",
    "Finding",
    "FindingKind",
    "Outcome",
    "Report",
    "SpecError",
    "Unreachable",
    "run",
]

_HOMES = {
    "BadReport": "contracts.report.model",
    "BadTarget": "contracts.execution.targets",
    "CouldNotRun": "contracts.execution.campaign",
    "Finding": "contracts.report.model",
    "FindingKind": "contracts.report.model",
    "Outcome": "contracts.report.model",
    "Report": "contracts.report.model",
    "SpecError": "specs",
    "Unreachable": "contracts.execution.client",
    "run": "contracts.api",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for only then: one script holds the mock's verbs too."""
    if name not in _HOMES:
        raise AttributeError(f"module 'contracts' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
