"""Parity: whether two environments are alike, and if not, whether somebody meant it."""

from cdconf.parity.compare import compare
from cdconf.parity.entries import Entries
from cdconf.parity.look import look
from cdconf.parity.model import Comparison, ParityFinding, Portrait
from cdconf.parity.portrait import desired

__all__ = ["Comparison", "Entries", "ParityFinding", "Portrait", "compare", "desired", "look"]
