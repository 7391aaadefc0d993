"""Claims, what became of them, and the report of a verification."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from textwrap import wrap
from typing import Any


class Outcome(Enum):
    """What the verifier made of one claim; the value is the word in reports."""

    PROVED = "proved"
    REFUTED = "refuted"
    OPEN = "not re-proved"


@dataclass(frozen=True)
class Claim:
    """One claim of a map.

    `kind` groups claims in the report ("witness", "excluded strata"), `subject` says which one it is, `reason` how it was proved or why
    it was not. `count` is how many alike it stands for (strata excluded by one argument).
    """

    kind: str
    subject: str
    outcome: Outcome
    reason: str
    count: int = 1


@dataclass
class Report:
    """Claims as they are decided, in order."""

    claims: list[Claim] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What the verifier has to say beside the map's claims."""

    def prove(self, kind: str, subject: str, reason: str, count: int = 1) -> None:
        self.claims.append(Claim(kind, subject, Outcome.PROVED, reason, count))

    def refute(self, kind: str, subject: str, reason: str) -> None:
        self.claims.append(Claim(kind, subject, Outcome.REFUTED, reason))

    def leave(self, kind: str, subject: str, reason: str, count: int = 1) -> None:
        self.claims.append(Claim(kind, subject, Outcome.OPEN, reason, count))

    def check(self, holds: bool, kind: str, subject: str, proof: str, failure: str) -> bool:
        """Prove or refute by something that was computed exactly."""
        if holds:
            self.prove(kind, subject, proof)
        else:
            self.refute(kind, subject, failure)
        return holds

    @property
    def refuted(self) -> bool:
        return any(claim.outcome is Outcome.REFUTED for claim in self.claims)


@dataclass(frozen=True)
class Verification:
    """What `reluspec.verify` found. `ok`: nothing is refuted. `complete`: every claim is proved. `repr` is the report."""

    path: str
    title: str
    claims: tuple[Claim, ...]
    notes: tuple[str, ...] = ()

    @property
    def refuted(self) -> tuple[Claim, ...]:
        return tuple(claim for claim in self.claims if claim.outcome is Outcome.REFUTED)

    @property
    def not_reproved(self) -> tuple[Claim, ...]:
        return tuple(claim for claim in self.claims if claim.outcome is Outcome.OPEN)

    @property
    def ok(self) -> bool:
        return not self.refuted

    @property
    def complete(self) -> bool:
        return all(claim.outcome is Outcome.PROVED for claim in self.claims)

    @property
    def verdict(self) -> str:
        """One sentence: verified, partly verified or refuted."""
        if not self.ok:
            count = len(self.refuted)
            return f"REFUTED: {count} claim{'s' * (count > 1)} of this map {'do' if count > 1 else 'does'} not hold"
        if self.complete:
            return "verified: every claim of this map is proved anew"
        return "verified in part: nothing is refuted, but some claims are not re-proved"

    def counts(self) -> dict[str, dict[str, int]]:
        """kind -> outcome -> how many, in the order in which the kinds came up."""
        found: dict[str, Counter[str]] = {}
        for claim in self.claims:
            found.setdefault(claim.kind, Counter())[claim.outcome.value] += claim.count
        return {kind: dict(counter) for kind, counter in found.items()}

    def document(self) -> dict[str, Any]:
        """JSON-ready data."""
        return {
            "format": "reluspec/verification",
            "version": 1,
            "map": self.path,
            "title": self.title,
            "verdict": "refuted" if not self.ok else "verified" if self.complete else "partial",
            "counts": self.counts(),
            "notes": list(self.notes),
            "claims": [
                {"kind": one.kind, "subject": one.subject, "outcome": one.outcome.value, "reason": one.reason, "count": one.count}
                for one in self.claims
            ],
        }

    def __repr__(self) -> str:
        lines = _filled("", self.title)
        for kind, counter in self.counts().items():
            counted = ", ".join(f"{counter[outcome.value]:,} {outcome.value}" for outcome in Outcome if outcome.value in counter)
            lines.append(f"  {kind:<22} {counted}")
            reasons = Counter(claim.reason for claim in self.claims if claim.kind == kind and claim.outcome is Outcome.PROVED)
            lines.extend(line for reason, _ in reasons.most_common(3) for line in _filled("      ", reason))
        for outcome in (Outcome.OPEN, Outcome.REFUTED):
            for one in self.claims:
                if one.outcome is outcome:
                    first, *more = _filled("", f"{outcome.value}: {one.kind}: {one.subject}: {one.reason}", width=76)
                    lines += [first, *(f"    {line}" for line in more)]
        return "\n".join([*lines, *(line for note in self.notes for line in _filled("", note)), self.verdict])


def _filled(lead: str, text: str, width: int = 80) -> list[str]:
    """Lines for a terminal of 80 columns."""
    return wrap(text, width, initial_indent=lead, subsequent_indent=lead, break_on_hyphens=False)
