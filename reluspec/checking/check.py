"""`check`: is a theta, within a tolerance, a local minimum?

Near theta, critical points are looked for: Newton's method on the Lagrange systems of guessed sets of zero switches. One that is within
reach and has no way down – by slope or curvature into any adjacent cell, or by random steps – makes the answer *yes*. A step from theta
itself that lowers the loss, in exact arithmetic, and no such point make it *no*. All else is undecided. With a map, the nearest component
is told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from reluspec.checking.cones import Array, Mask, null_space
from reluspec.checking.descents import Step, exact_decrease, largest, probe, step_down
from reluspec.checking.jets import Landscape
from reluspec.checking.nearest import nearest_component
from reluspec.checking.neighbourhood import Neighbourhood, Way
from reluspec.checking.points import direction_tensors, read_point, tensors
from reluspec.checking.records import Check, Descent, Nearest, Verdict
from reluspec.checking.settle import Settled, near_zero, settle
from reluspec.errors import ProblemError
from reluspec.problem.problem import Problem

if TYPE_CHECKING:
    from reluspec.minima.minima_map import MinimaMap

TOLERANCE = 1e-6
MAX_GUESSES = 60
"""Sets of zero switches that are tried."""
SAME = 1e-9
"""Relative distance within which a switch at a critical point counts as zero."""


@dataclass
class _Search:
    """What is known around a theta: critical points, the ways down from them, and the one that passed."""

    land: Landscape
    point: Array
    reach: float
    passed: Settled | None = None
    exhaustive: bool = True
    directions: list[Array] = field(default_factory=list)
    ways: list[Way] = field(default_factory=list)

    def run(self) -> None:
        """Try guesses until one passes; those that fail suggest others."""
        found = self.land.expand(self.point)
        near = near_zero(found, self.reach, self.land.magnitude)
        sides = np.sign(found.switches)
        self.directions.append(-found.gradient)
        guesses = deque((zero, sides) for zero in _prefixes(found.switches, found.slopes, near))
        for zero, _ in guesses:
            basis = null_space(found.slopes[zero])
            self.directions.append(-basis @ (basis.T @ found.gradient))
        seen: set[bytes] = set()
        while guesses and len(seen) < MAX_GUESSES and self.passed is None:
            zero, sides = guesses.popleft()
            key = zero.tobytes() + np.where(zero, 0.0, sides).tobytes()
            if key not in seen:
                seen.add(key)
                guesses.extend(self._attempt(zero, sides))

    def _attempt(self, zero: Mask, sides: Array) -> list[tuple[Mask, Array]]:
        """Settle with that guess; further guesses if it fails."""
        settled = settle(self.land, self.point, zero, sides, 1 + float(np.linalg.norm(self.point)))
        if settled is None:
            return []
        self.directions.append(settled.point - self.point)
        if float(np.linalg.norm(settled.point - self.point)) > self.reach:
            return []
        there = self.land.expand(settled.point, np.where(sides == 0, 1.0, sides))
        same = SAME * (1 + float(np.linalg.norm(settled.point)))
        zero = zero | near_zero(there, same, self.land.magnitude)
        signs = np.sign(self.land.switches(settled.point[None])[0])
        crossed = ~zero & (signs != sides)
        if crossed.any():
            return [(zero | crossed, sides), (zero, np.where(crossed, signs, sides))]
        settled = Settled(settled.point, zero, np.where(zero, 0.0, signs))
        way = self._way_down(settled)
        if way is None:
            self.passed = settled
            return []
        leaving = zero & (np.abs(there.slopes @ way.direction) > 1e-9 * np.linalg.norm(there.slopes, axis=1))
        side = np.sign(there.slopes @ way.direction)
        return [(zero & ~leaving, np.where(leaving, side, signs))]

    def _way_down(self, settled: Settled) -> Way | None:
        around = Neighbourhood(self.land, settled.point, settled.zero, settled.sides)
        for way in around.ways():
            if way.sure or step_down(self.land, settled.point, way.direction, 1.0) is not None:
                self.ways.append(way)
                self.directions.append(way.direction)
                return way
        self.exhaustive = around.exhaustive
        found = self.land.expand(settled.point, np.where(settled.sides == 0, 1.0, settled.sides))
        hints = np.linalg.eigh(found.hessian)[1].T[:8]
        step = probe(self.land, settled.point, _clearance(found.switches, found.slopes, settled.zero), [*hints, *-hints])
        if step is None:
            return None
        way = Way(step.direction, 0.0, "curvature", True)
        self.ways.append(way)
        self.directions.append(way.direction)
        return way


def _prefixes(values: Array, slopes: Array, near: Mask, most: int = 16) -> list[Mask]:
    """Sets of near switches: all of them, then fewer and fewer of the nearest, then none."""
    places = np.flatnonzero(near)
    distance = np.abs(values[places]) / np.maximum(np.linalg.norm(slopes[places], axis=1), 1e-300)
    order = places[np.argsort(distance, kind="stable")]
    counts = sorted({round(k) for k in np.linspace(0, len(order), min(len(order), most) + 1)}, reverse=True)
    sets = []
    for count in counts:
        zero = np.zeros(len(values), dtype=bool)
        zero[order[:count]] = True
        sets.append(zero)
    return sets


def _clearance(values: Array, slopes: Array, zero: Mask) -> float:
    """About how far the nearest switch is that is not zero, at most one."""
    away = np.abs(values) / np.maximum(np.linalg.norm(slopes, axis=1), 1.0)
    return float(away[~zero].min(initial=1.0))


SAME_LOSS = 1e-9
"""Relative difference below which two losses are taken for one."""


def check(
    problem: Problem, theta: Mapping[str, Any], tolerance: float = TOLERANCE, minima: MinimaMap | None = None, *, where: str = "theta"
) -> Check:
    """Test whether `theta` is a local minimum of the problem's loss, within `tolerance`.

    `theta` maps PyTorch's names to nested numbers, balls, arrays or tensors (units x inputs, units). `tolerance` (above 0, up to 1) sets
    the reach `tolerance * (1 + |theta|)`, Euclidean over the free parameters: *yes* says that a point within reach passes the first- and
    second-order tests, kinks within reach being taken as zero where that helps. With `minima`, a map of the same problem, the nearest
    component is told, too; one within reach makes the answer *yes*. `where` names theta in messages. This is a test in floats, not a
    proof: near a minimum that is flat to the fourth order points pass as long as the losses cannot be told apart (some 1e-4 away).

    Raises `ProblemError` for a theta, tolerance or map that does not fit the problem, `LimitError` for a problem that is too large.
    """
    if not (isinstance(tolerance, int | float) and isfinite(tolerance) and 0 < tolerance <= 1):
        raise ProblemError(f"the tolerance is {tolerance!r}; it must be above 0 and at most 1")
    land = Landscape(problem)
    point = read_point(problem, theta, where, float(tolerance))
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        loss = land.loss(point)
        if not isfinite(loss):
            raise ProblemError("the loss at theta is beyond 1.8e308, the largest number of double precision. Did the training diverge?")
        search = _Search(land, point, float(tolerance) * (1 + float(np.linalg.norm(point))))
        search.run()
        near = None if minima is None else nearest_component(problem, point, minima, search.reach)
        return _verdict(problem, search, loss, float(tolerance), near, minima)


def _verdict(problem: Problem, search: _Search, loss: float, tolerance: float, near: Nearest | None, minima: MinimaMap | None) -> Check:
    land, passed = search.land, search.passed
    descent = None if passed is not None or (near and near.belongs) else _descent(problem, search)
    verdict, reason = _judge(search, descent, near, minima)
    if passed is not None:
        sides = passed.sides
    else:
        found = land.expand(search.point)
        sides = np.where(near_zero(found, search.reach, land.magnitude), 0.0, np.sign(found.switches))
    return Check(
        title=problem.title,
        verdict=verdict,
        reason=reason,
        loss=loss,
        tolerance=tolerance,
        reach=search.reach,
        stratum=land.stratum(sides),
        candidate=None if passed is None else tensors(problem, passed.point),
        moved=None if passed is None else float(np.linalg.norm(passed.point - search.point)),
        descent=descent,
        nearest=near,
        map_complete=None if minima is None else minima.complete,
        global_is_proved=minima is not None and minima.global_is_proved,
    )


def _judge(search: _Search, descent: Descent | None, near: Nearest | None, minima: MinimaMap | None) -> tuple[Verdict, str]:
    if near is not None and near.belongs:
        return Verdict.MINIMUM, f"component {near.component} of the map is {near.distance:.3g} away"
    if search.passed is not None:
        moved = float(np.linalg.norm(search.passed.point - search.point))
        if minima is not None and minima.complete:
            if (component := _of_its_loss(minima, search.land.loss(search.passed.point))) is not None:
                return Verdict.MINIMUM, (
                    f"a point {moved:.3g} away is critical and has no way down, and component {component} of the map, of "
                    "which no parametrisation is known, has its loss"
                )
            return Verdict.UNDECIDED, (
                f"a point {moved:.3g} away passes all tests, but the complete map lists none within reach; "
                "it may be flat beyond what floats tell, or the map is wrong (`reluspec verify`)"
            )
        cells = "" if search.exhaustive else "; not all adjacent cells were looked at"
        return Verdict.MINIMUM, f"a point {moved:.3g} away is critical and has no way down{cells}"
    if descent is not None:
        return Verdict.NOT_MINIMUM, "the loss falls from here, and no point within reach passes the tests"
    return (
        Verdict.UNDECIDED,
        ("no point within reach was found to pass, but no step from here lowers the loss by more than rounding. Try another tolerance"),
    )


def _of_its_loss(minima: MinimaMap, loss: float) -> int | None:
    """The first component with this loss and a piece of positive dimension that has no parametrisation."""
    for component in minima:
        unknown = any(piece.dimension and piece.family is None for piece in component.pieces)
        if unknown and abs(float(component.loss) - loss) <= SAME_LOSS * (1 + abs(loss)):
            return component.id
    return None


def _descent(problem: Problem, search: _Search) -> Descent | None:
    """The best step down from theta itself, confirmed exactly."""
    land, point = search.land, search.point
    step: Step | None = largest(land, point, search.directions, 1 + float(np.linalg.norm(point)))
    if step is None:
        return None
    decrease = exact_decrease(problem, point, step)
    if decrease <= 0:
        return None
    slope = float(land.expand(point).gradient @ step.direction)
    curved = any(way.kind == "curvature" and abs(float(way.direction @ step.direction)) > 0.99 for way in search.ways)
    kind = "curvature" if curved else "slope"
    return Descent(direction_tensors(problem, step.direction), step.length, decrease, slope, kind)
