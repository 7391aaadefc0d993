"""The convex engine (theory.md section 4): the order of its steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import comb

from reluspec.engines.clock import Clock
from reluspec.engines.convex.classes import ResidualClass, residual_classes
from reluspec.engines.convex.components import components, critical_strata
from reluspec.engines.convex.decide import Decider, Outcome
from reluspec.engines.convex.decide_work import Decided, Deciding
from reluspec.engines.convex.float_geometry import FloatGeometry
from reluspec.engines.convex.geometry import Geometry
from reluspec.engines.convex.ledger import Ledger, landscape, settle
from reluspec.engines.convex.screen_work import Faces, Screened, screen_all
from reluspec.engines.convex.setting import convex_setting
from reluspec.engines.journal import Journal, begin
from reluspec.engines.protocol import EngineOptions
from reluspec.errors import LimitError, UnsupportedProblemError
from reluspec.isolation import Isolated
from reluspec.minima.records import Effort, Landscape
from reluspec.problem.problem import Problem

MAX_SETS = 10**9
"""Largest number of sets of faces that are visited."""
MAX_CRITICAL = 20_000
"""Largest number of critical strata that are listed: with many more units than faces there are many ways to share the units out."""


MEANWHILE = 0.02
"""Seconds that sets are decided for between two ranges of the screen: less than what its workers have ahead."""


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
        clock = Clock()
        with clock.step("geometry"):
            geometry = Geometry(convex_setting(problem))
            _check_size(geometry)
            floats = FloatGeometry(geometry)
        with begin(options, problem, self.name) as journal:
            found = self._solved(problem, geometry, floats, options, journal, clock)
            journal.done = not found.undecided
        return found

    def _solved(
        self, problem: Problem, geometry: Geometry, floats: FloatGeometry, options: EngineOptions, journal: Journal, clock: Clock
    ) -> Landscape:
        units = geometry.setting.units
        ledger = Ledger(units)
        with Isolated(options.timeout, options.memory) as helper:
            decider = Decider(geometry, floats, helper)
            deciding = Deciding(decider, journal, options)
            with options.start_workers() as workers:
                count = workers.count
                with clock.step("screening"):
                    screened = screen_all(problem, floats, ledger, workers, journal, options, _meanwhile(deciding, clock))
            with clock.step("deciding"):
                decided = deciding.finish()
            with clock.step("classes"):
                vertices = [decision for decision in decided.decisions if decision.outcome is Outcome.VERTEX]
                classes, open_reasons = residual_classes(decider, vertices, units)
            _check_listed(classes, units)
        with clock.step("stitching"):
            options.progress("stitching", 0, len(classes))
            outcomes = settle(decider, decided.decisions, classes, open_reasons)
            for faces, (outcome, _) in outcomes.items():
                ledger.add(len(faces), outcome)
            undecided = [(faces, reason) for faces, (outcome, reason) in outcomes.items() if outcome is Outcome.UNDECIDED]
            critical = critical_strata(geometry, classes, units, options.precision)
            found, unstitched = components(geometry, classes, units, options.precision)
        effort = _effort(screened, decided, decider, classes, clock, options, count)
        return landscape(self.name, geometry, ledger, critical, found, undecided, unstitched, effort)


def _meanwhile(deciding: Deciding, clock: Clock) -> Callable[[list[Faces]], None]:
    """Decides sets for a moment whenever some come; their time is not the screen's."""

    def take(sets: list[Faces]) -> None:
        deciding.offer(sets)
        before = clock.seconds.get("deciding", 0.0)
        with clock.step("deciding"):
            deciding.work(MEANWHILE)
        clock.add("screening", before - clock.seconds["deciding"])

    return take


def _check_size(geometry: Geometry) -> None:
    living = len(geometry) - 1
    visits = sum(comb(living, size) for size in range(1, min(geometry.setting.units, living) + 1))
    if visits > MAX_SETS:
        raise LimitError(
            f"the convex engine would visit {visits:,} sets of faces; its limit is {MAX_SETS:,}. Use fewer points, inputs or units"
        )


def _check_listed(classes: Sequence[ResidualClass], units: int) -> None:
    listed = sum(comb(units, len(polytope.faces)) for group in classes for polytope in group.polytopes)
    if listed > MAX_CRITICAL:
        raise LimitError(f"{listed:,} strata up to exchange of units are critical; the limit is {MAX_CRITICAL:,}. Use fewer units")


def _effort(
    screened: Screened,
    decided: Decided,
    decider: Decider,
    classes: Sequence[ResidualClass],
    clock: Clock,
    options: EngineOptions,
    workers: int,
) -> Effort:
    """Sets of faces by how far they had to go. The empty set, the dead network, is never screened."""
    by_floats = screened.visited - screened.left_open
    by_algebra = decided.by_algebra | decider.by_algebra()
    counts = {
        "sets visited": screened.visited + 1,
        "sets screened out by floats": by_floats,
        "sets escalated to balls": screened.left_open + 1,
        "points escalated to algebra": len(by_algebra),
        "vertices": sum(decision.outcome is Outcome.VERTEX for decision in decided.decisions),
        "ties": sum(decision.outcome is Outcome.TIED for decision in decided.decisions),
        "residuals": len(classes),
    }
    seconds = dict(clock.seconds)
    for name, value in screened.steps.items():
        if isinstance(value, float):
            seconds[f"screening: {name.removesuffix(' seconds')} (all workers)"] = round(value, 4)
        else:
            counts[f"screening: {name}"] = value
    return Effort(counts, seconds, (), options.executor.name, workers)


ENGINE = ConvexEngine()
