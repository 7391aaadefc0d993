"""Steps that lower the loss, confirmed in exact arithmetic: the evidence of a `no`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from reluspec.checking.cones import Array
from reluspec.checking.jets import Landscape
from reluspec.problem.problem import Problem

EPSILON = float(np.finfo(np.float64).eps)
SHORTEST = 1e-10
QUARTERS = np.array([0.25, 0.5, 0.75, 1.0])


@dataclass(frozen=True)
class Step:
    """From a point along the unit vector `direction` (p) by `length`: the loss falls all along, by `decrease` in all."""

    direction: Array
    length: float
    decrease: float


def rounding(land: Landscape, loss: float) -> float:
    """What the loss in floats may be off by: a thousand units in the last place of the numbers that are added up."""
    return 1000 * EPSILON * (1 + abs(loss) + land.magnitude**2)


def steps_down(land: Landscape, point: Array, directions: Array, longest: float) -> list[Step]:
    """Along each of the directions (D x p) the step with the largest decrease among lengths `longest / 4^k`; those that exceed rounding."""
    directions = directions[np.isfinite(directions).all(axis=1)]
    sizes = np.linalg.norm(directions, axis=1)
    directions = directions[sizes > 0] / sizes[sizes > 0][:, None]
    shortest = SHORTEST * (1 + float(np.linalg.norm(point)))
    if not len(directions) or longest < shortest:
        return []
    lengths = longest / 4.0 ** np.arange(int(np.log(longest / shortest) / np.log(4)) + 1)
    shares = np.multiply.outer(lengths, QUARTERS)  # lengths x quarters
    points = point + shares[None, :, :, None] * directions[:, None, None, :]
    here = land.loss(point)
    losses = land.losses(points.reshape(-1, land.size)).reshape(len(directions), len(lengths), len(QUARTERS))
    falls = (np.diff(losses, axis=2, prepend=here) < 0).all(axis=2)
    decrease = np.where(falls & (here - losses[:, :, -1] > rounding(land, here)), here - losses[:, :, -1], -np.inf)
    best = decrease.argmax(axis=1)
    found = zip(directions, lengths[best], decrease[np.arange(len(best)), best], strict=True)
    return [Step(direction, float(length), float(fall)) for direction, length, fall in found if np.isfinite(fall)]


def step_down(land: Landscape, point: Array, direction: Array, longest: float) -> Step | None:
    """The same along one direction; `None` where nothing exceeds rounding."""
    return next(iter(steps_down(land, point, direction[None], longest)), None)


def largest(land: Landscape, point: Array, directions: Iterable[Array], longest: float) -> Step | None:
    """The step down with the largest decrease among those along some directions."""
    return max(steps_down(land, point, np.array(list(directions)), longest), key=lambda step: step.decrease, default=None)


def exact_decrease(problem: Problem, point: Array, step: Step) -> float:
    """The decrease of the loss from `point` to the end of the step, both being the rationals that the doubles are."""
    here, there = (problem.loss_at(problem.tensors([Fraction(float(x)) for x in at], Fraction)) for at in (point, end(point, step)))
    return float(here - there)


def end(point: Array, step: Step) -> Array:
    """Where a step leads, in doubles."""
    found: Array = point + step.length * step.direction
    return found


def probe(land: Landscape, point: Array, clearance: float, hints: Iterable[Array], seed: int = 0, count: int = 48) -> Step | None:
    """A step down in a random direction or along a hint, shorter than the way to the next switch; `None` if there was none.

    Such steps are the last resort: ties of the second order are beyond slopes and curvature.
    """
    random = np.random.default_rng(seed)
    sparse = random.random((count // 2, land.size)) < 0.4
    directions = np.vstack([*hints, random.normal(size=(count, land.size)), random.normal(size=sparse.shape) * sparse])
    return next(iter(steps_down(land, point, directions, 0.1 * clearance)), None)
