"""Is one provider a drop-in for another? From the documents alone; nothing is asked."""

from contracts.compare.migration.analysis import Examination, examine
from contracts.compare.migration.model import Finding, Move, Witness

__all__ = ["Examination", "Finding", "Move", "Witness", "examine"]
