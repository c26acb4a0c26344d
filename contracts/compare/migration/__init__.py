"""Is one provider a drop-in for another? From the documents alone; nothing is asked."""

from contracts.compare.migration.analysis import Examination, examine
from contracts.compare.migration.model import BreakingChange, Counterexample, Migration

__all__ = ["BreakingChange", "Counterexample", "Examination", "Migration", "examine"]
