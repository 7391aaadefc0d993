"""The convex engine (theory.md section 4): the order of its steps, and the ledger."""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from math import comb

from reluspec.engines.convex.classes import ResidualClass, residual_classes
from reluspec.engines.convex.compiled import kernel_choice
from reluspec.engines.convex.components import components, critical_strata
from reluspec.engines.convex.decide import Decider, Decision, Outcome
from reluspec.engines.convex.float_geometry import FloatGeometry
from reluspec.engines.convex.geometry import Geometry
from reluspec.engines.convex.screening import ranges, screen_range
from reluspec.engines.convex.setting import convex_setting
from reluspec.engines.isolation import Isolated
from reluspec.engines.protocol import EngineOptions
from reluspec.errors import LimitError, UnsupportedProblemError
from reluspec.minima.records import Component, CriticalStratum, Landscape, Undecided
from reluspec.minima.stitch import types
from reluspec.problem.problem import Problem

MAX_SETS = 10**9
"""Largest number of sets of faces that are visited."""
MAX_CRITICAL = 20_000
"""Largest number of critical strata that are listed: with many more units than faces there are many ways to share the units out."""


@dataclass
class _Ledger:
    """Sets of faces by size and outcome.

    A set of k faces stands for C(L, k) strata: the ways to share L units, some dead, out among them.
    """

    units: int
    counts: Counter[tuple[int, Outcome]] = field(default_factory=Counter)

    def add(self, size: int, outcome: Outcome, count: int = 1) -> None:
        self.counts[size, outcome] += count

    def strata(self, outcome: Outcome) -> int:
        return sum(count * comb(self.units, size) for (size, kind), count in self.counts.items() if kind is outcome)


class ConvexEngine:
    """One hidden layer of homogeneous units, squared error, ridge on every unit parameter: each stratum is a convex problem."""

    name = "convex"
    summary = "one hidden layer, squared error, ridge on everything: every stratum is a convex problem (fast, complete)"

    def refusal(self, problem: Problem) -> str | None:
        try:
            convex_setting(problem)
        except UnsupportedProblemError as error:
            return str(error)
        return None

    def solve(self, problem: Problem, options: EngineOptions) -> Landscape:
        setting = convex_setting(problem)
        geometry = Geometry(setting)
        units = setting.units
        sizes = range(1, min(units, len(geometry) - 1) + 1)
        visits = sum(comb(len(geometry) - 1, size) for size in sizes)
        if visits > MAX_SETS:
            raise LimitError(
                f"the convex engine would visit {visits:,} sets of faces; its limit is {MAX_SETS:,}. Use fewer points, inputs or units"
            )
        floats = FloatGeometry(geometry)
        ledger = _Ledger(units)
        left_open = self._screen(floats, sizes, visits, ledger, options)
        with Isolated(options.timeout, options.memory) as helper:
            decider = Decider(geometry, floats, helper)
            decider.prepare(left_open)
            decisions = [decider.decide(())]
            for position, faces in enumerate(left_open):
                decisions.append(decider.decide(faces))
                options.progress("deciding", position + 1, len(left_open))
            vertices = [decision for decision in decisions if decision.outcome is Outcome.VERTEX]
            classes, open_reasons = residual_classes(decider, vertices, units)
        listed = sum(comb(units, len(polytope.faces)) for group in classes for polytope in group.polytopes)
        if listed > MAX_CRITICAL:
            raise LimitError(f"{listed:,} strata up to exchange of units are critical; the limit is {MAX_CRITICAL:,}. Use fewer units")
        options.progress("stitching", 0, len(classes))
        outcomes = _settle(decider, decisions, classes, open_reasons)
        for faces, (outcome, _) in outcomes.items():
            ledger.add(len(faces), outcome)
        undecided = [(faces, reason) for faces, (outcome, reason) in outcomes.items() if outcome is Outcome.UNDECIDED]
        critical = critical_strata(geometry, classes, units, options.precision)
        found, unstitched = components(geometry, classes, units, options.precision)
        return _landscape(self.name, geometry, ledger, critical, found, undecided, unstitched)

    def _screen(self, floats: FloatGeometry, sizes: range, visits: int, ledger: _Ledger, options: EngineOptions) -> list[tuple[int, ...]]:
        """Count what the float screen proves, and return the sets it leaves open, in order."""
        left_open: list[tuple[int, ...]] = []
        done = 0
        bounds = ((size, start, stop) for size in sizes for start, stop in ranges(comb(len(floats.ranks) - 1, size)))
        workers = options.workers or os.cpu_count() or 1
        with ThreadPoolExecutor(workers) as pool:
            # A window of submitted ranges: memory must not grow with the number of sets.
            while window := list(islice(bounds, 4 * workers)):
                run = pool.map if workers > 1 and len(window) > 1 else map
                for size, screening in zip(
                    (size for size, *_ in window), run(lambda piece: screen_range(floats, *piece), window), strict=True
                ):
                    for outcome, count in screening.counts.items():
                        ledger.add(size, outcome, count)
                    left_open.extend(tuple(int(face) for face in row) for row in screening.left_open)
                    done += screening.visited
                    options.progress("screening", done, visits)
        return left_open


def _settle(
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


def _landscape(
    name: str,
    geometry: Geometry,
    ledger: _Ledger,
    critical: list[CriticalStratum],
    found: list[Component],
    undecided: list[tuple[tuple[int, ...], str]],
    unstitched: list[tuple[tuple[int, ...], str]],
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
    kernel = kernel_choice().name
    return Landscape(name, tuple(found), tuple(critical), counts, listed, total, index_sum, note, kernel=kernel)


ENGINE = ConvexEngine()
