"""Is one provider a drop-in for another? From the documents alone; nothing is asked."""

from contracts.dropin.examination import Examination, examine
from contracts.dropin.moving import Finding, Move, Witness

__all__ = ["Examination", "Finding", "Move", "Witness", "examine"]
