"""A conformance harness for image APIs: test cases, checks and reports."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contracts.api import run
    from contracts.errors import HarnessError
    from contracts.execution.campaign import CouldNotRun
    from contracts.execution.sending.client import Unreachable
    from contracts.execution.targets import BadTarget
    from contracts.report.model import BadReport, Finding, FindingKind, Outcome, Report
    from specs import SpecError

__all__ = [
    "BadReport",
    "BadTarget",
    "CouldNotRun",
    "Finding",
    "FindingKind",
    "HarnessError",
    "Outcome",
    "Report",
    "SpecError",
    "Unreachable",
    "run",
]

_MODULES = {
    "BadReport": "contracts.report.model",
    "BadTarget": "contracts.execution.targets",
    "CouldNotRun": "contracts.execution.campaign",
    "Finding": "contracts.report.model",
    "FindingKind": "contracts.report.model",
    "HarnessError": "contracts.errors",
    "Outcome": "contracts.report.model",
    "Report": "contracts.report.model",
    "SpecError": "specs",
    "Unreachable": "contracts.execution.sending.client",
    "run": "contracts.api",
}


def __getattr__(name: str) -> Any:
    """Import a name on first use: the commands of the mock must start fast."""
    if name not in _MODULES:
        raise AttributeError(f"module 'contracts' has no attribute '{name}'")
    from importlib import import_module

    if name == "run":
        from mockserver.extras import require_extra

        require_extra("harness", "contracts.run")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
