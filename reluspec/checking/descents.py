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


def step_down(land: Landscape, point: Array, direction: Array, longest: float) -> Step | None:
    """The step along a direction with the largest decrease among lengths `longest / 4^k`, if it exceeds rounding."""
    size = float(np.linalg.norm(direction))
    if not size > 0 or not np.isfinite(direction).all():
        return None
    direction, here = direction / size, land.loss(point)
    best: Step | None = None
    length = longest
    while length >= SHORTEST * (1 + float(np.linalg.norm(point))):
        losses = [land.loss(point + share * length * direction) for share in QUARTERS]
        decrease = here - losses[-1]
        falls = all(after < before for before, after in zip([here, *losses], losses, strict=False))
        if falls and decrease > max(rounding(land, here), 0.0 if best is None else best.decrease):
            best = Step(direction, length, decrease)
        elif best is not None:
            break
        length /= 4
    return best


def largest(land: Landscape, point: Array, directions: Iterable[Array], longest: float) -> Step | None:
    """The step down with the largest decrease among those of some directions."""
    steps = [step for direction in directions if (step := step_down(land, point, direction, longest)) is not None]
    return max(steps, key=lambda step: step.decrease, default=None)


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
    directions = [*hints, *random.normal(size=(count, land.size))]
    sparse = random.random((count // 2, land.size)) < 0.4
    directions += list(random.normal(size=sparse.shape) * sparse)
    for direction in directions:
        if (step := step_down(land, point, direction, 0.1 * clearance)) is not None:
            return step
    return None
