"""The convex engine's ledger: every set of faces with its outcome, and the landscape made of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import comb

from reluspec.engines.convex.classes import ResidualClass
from reluspec.engines.convex.compiled import kernel_choice
from reluspec.engines.convex.decide import Decider, Decision, Outcome
from reluspec.engines.convex.geometry import Geometry
from reluspec.minima.records import Component, CriticalStratum, Effort, Landscape, Undecided
from reluspec.minima.stitch import types


@dataclass
class Ledger:
    """Sets of faces by size and outcome.

    A set of k faces stands for C(L, k) strata: the ways to share L units, some dead, out among them.
    """

    units: int
    counts: Counter[tuple[int, Outcome]] = field(default_factory=Counter)

    def add(self, size: int, outcome: Outcome, count: int = 1) -> None:
        self.counts[size, outcome] += count

    def strata(self, outcome: Outcome) -> int:
        return sum(count * comb(self.units, size) for (size, kind), count in self.counts.items() if kind is outcome)

    def sets(self, outcome: Outcome) -> int:
        return sum(count for (_, kind), count in self.counts.items() if kind is outcome)


def settle(
    decider: Decider, decisions: list[Decision], classes: list[ResidualClass], open_reasons: dict[tuple[int, ...], str]
) -> dict[tuple[int, ...], tuple[Outcome, str]]:
    """The final outcome of each decided set: ties are resolved by the classes, and what an undecided subset touches is undecided."""
    critical = {polytope.faces for group in classes for polytope in group.polytopes}
    bad = {decision.faces: decision.reason for decision in decisions if decision.outcome is Outcome.UNDECIDED} | open_reasons
    settled: dict[tuple[int, ...], tuple[Outcome, str]] = {}
    for decision in decisions:
        faces, outcome = decision.faces, decision.outcome
        if faces in bad:
            settled[faces] = (Outcome.UNDECIDED, bad[faces])
        elif outcome is not Outcome.TIED:
            settled[faces] = (outcome, "")
        elif faces in critical:
            settled[faces] = (Outcome.VERTEX, "")
        elif touching := next((other for other in bad if set(other) <= set(faces)), None):
            settled[faces] = (Outcome.UNDECIDED, f"tied with an undecided stratum: {bad[touching]}")
        else:
            base = decider.decide(decision.base).outcome
            settled[faces] = (base if base in (Outcome.OUTSIDE, Outcome.MIXED) else Outcome.INACTIVE, "")
    return settled


def landscape(
    name: str,
    geometry: Geometry,
    ledger: Ledger,
    critical: list[CriticalStratum],
    found: list[Component],
    undecided: list[tuple[tuple[int, ...], str]],
    unstitched: list[tuple[tuple[int, ...], str]],
    effort: Effort,
) -> Landscape:
    """The ledger adds up: a minimal stratum whose component is unknown counts as undecided; its index is known all the same."""
    units = ledger.units
    listed = tuple(Undecided(geometry.stratum_name(kind), why) for faces, why in (*undecided, *unstitched) for kind in types(faces, units))
    unknown = ledger.strata(Outcome.UNDECIDED)
    minimal = sum(stratum.minimal for stratum in critical)
    counts = {
        "inactive": ledger.strata(Outcome.INACTIVE),
        "outside": ledger.strata(Outcome.OUTSIDE),
        "mixed": ledger.strata(Outcome.MIXED),
        "critical": len(critical) - minimal,
        "minimal": minimal - (len(listed) - unknown),
        "undecided": len(listed),
    }
    index_sum = None if undecided else sum(stratum.copies * (-1) ** stratum.dimension * stratum.index for stratum in critical)
    note = "undecided strata leave the index sum undefined" if undecided else ""
    total = comb(len(geometry) - 1 + units, units)
    return Landscape(
        name, tuple(found), tuple(critical), counts, listed, total, index_sum, note, kernel=kernel_choice().name, effort=effort
    )
