"""Is a given theta a local minimum? A test in floating point, within a stated tolerance; never a proof (`check`)."""

from reluspec.checking.check import check
from reluspec.checking.records import Check, Descent, Nearest, Verdict

__all__ = ["Check", "Descent", "Nearest", "Verdict", "check"]
