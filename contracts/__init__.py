"""Do they keep their promises? The questions, the judges and the report."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contracts.report import BadReport, Finding, Kind, Outcome, Report

__all__ = ["BadReport", "Finding", "Kind", "Outcome", "Report"]


def __getattr__(name: str) -> Any:
    """Import what is asked for only then: one script holds the mock's verbs too."""
    if name not in __all__:
        raise AttributeError(f"module 'contracts' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module("contracts.report"), name)
