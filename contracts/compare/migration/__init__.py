"""Breaking changes for code that moves to another provider, from the documents."""

from contracts.compare.migration.analysis import Examination, examine
from contracts.compare.migration.model import BreakingChange, Counterexample, Migration

__all__ = ["BreakingChange", "Counterexample", "Examination", "Migration", "examine"]
