"""What is proved about the points of a critical set."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """What is proved about every point of a critical set."""

    MINIMUM = "minimum"
    NOT_MINIMUM = "not a minimum"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Decision:
    """A verdict; `reason` says why not, and `argument` which test proved it."""

    verdict: Verdict
    argument: str
    reason: str = ""
