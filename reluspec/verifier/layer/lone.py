"""Strata with one critical point, or one circle of them: an isolated one is the only one.

The critical points of a stratum are minimisers of the convex function of `slopes`, and near one of them every minimiser gives another one:
`(a, w)` at balanced parameters depends continuously on `p = a w != 0`, and strict signs hold nearby. Minimisers form a convex set. So if
the raw system has no other solution near a critical point the minimiser is the only one, and with it the point: the stratum's signs choose
between (a, w) and (-a, -w). It is the only one of all strata with the same signs of the units, too, whatever the kinks of the loss say:
the function is the same for all of them. Where two units have the same signs and penalties and rotate into each other, the same holds for
the sum of their products: an isolated point on the slice of the rotation, with the second unit zero, makes it unique, and all critical
points lie on its circle. (The slice is taken in a parameter that is not zero on all of the face.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from reluspec.problem.expression import Variable
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs
from reluspec.verifier.general.lagrange import systems
from reluspec.verifier.general.motion import motion_of
from reluspec.verifier.general.rotations import Rotation
from reluspec.verifier.general.solutions import Solution, solution_near
from reluspec.verifier.layer.descent import Floats
from reluspec.verifier.layer.problem_class import Layered, read_layered
from reluspec.verifier.layer.slopes import Unit, floats, living_units, rounded, search


@dataclass(frozen=True)
class Lone:
    """The one solution, on a circle or alone, of the strata with some signs of the units: its stratum, the position of its system there."""

    signs: Signs
    position: int
    solution: Solution


@lru_cache(maxsize=4096)
def lone_solution(problem: Problem, units: Signs) -> Lone | None:
    """What is proved to be all critical points of the strata with these signs of the units; `None` where there may be others, or none.

    Only the signs of the hidden layer count. Raises `SingularError`.
    """
    layered = read_layered(problem)
    if layered is None:
        return None
    living = living_units(layered, units.layers[0])
    function = search(layered, living)
    for guess in function.guesses():
        theta = _theta(problem, layered, living, guess)
        # No kink of the loss is zero: one would have a multiplier in the system, which convexity does not know.
        outputs = zip(layered.losses, function.outputs(guess), strict=True)
        signs = replace(units, objective="".join(loss.pattern(float(output)) for loss, output in outputs))
        motion = motion_of(problem, signs)
        if motion is not None and not isinstance(motion, Rotation):
            continue
        leads = _leads(motion, living) if motion else []
        for position, system in enumerate(motion.systems() if motion else systems(problem, signs)):
            across = all(system.images[k] != 0 for k in leads)
            if max(system.unknown, default=0) < len(theta) and not system.dependent and across:
                found = solution_near(system, [theta[k] for k in system.unknown])
                if found is not None:
                    return Lone(signs, position, found)
    return None


def _leads(motion: Rotation, units: Sequence[Unit]) -> list[int]:
    """The first parameter of the unit that has it all which its face does not force to be zero.

    The slice has to be taken there: on others it is zero, which minimisers nearby need not have in common.
    """
    unit = next(one for one in units if motion.units[1] in one.members)
    return [next(p for (p, _), row in zip(motion.pairs, unit.basis.tolist(), strict=False) if any(row))]


def _theta(problem: Problem, layered: Layered, units: Sequence[Unit], guess: Floats) -> list[float]:
    """The balanced parameters of a guess; of units that count as one the first has it all."""
    place = {variable: k for k, variable in enumerate(problem.parameters)}
    theta = [0.0] * len(place)
    hidden, output = problem.network.layers
    start = 0
    for unit in units:
        size = unit.basis.ncols()
        product = floats(unit.basis) @ guess[start : start + size]
        start += size
        first = unit.members[0]
        ridge = np.array([rounded(entry) for entry in layered.ridge[first]])
        weight = float((product @ (ridge * product) / rounded(unit.ridge_output)) ** 0.25)
        if not weight:
            continue
        weight *= _sense(layered, unit, product)
        own = [Variable(f"{hidden.name}.weight", (first, k)) for k in range(problem.network.inputs)]
        own += [Variable(f"{hidden.name}.bias", (first,))]
        for variable, entry in zip(own, product / weight, strict=False):
            theta[place[variable]] = float(entry)
        theta[place[Variable(f"{output.name}.weight", (0, first))]] = weight
    if layered.kappa is not None:
        theta[place[Variable(f"{output.name}.bias", (0,))]] = float(guess[-1])
    return theta


def _sense(layered: Layered, unit: Unit, product: Floats) -> int:
    """The sign of the output weight: the face's, or, of units that rotate, the one that makes the first weight positive."""
    if len(unit.members) > 1:
        return next((1 if entry > 0 else -1 for entry in product if abs(entry) > 1e-9 * np.abs(product).max()), 1)
    return 1 if max(_along(layered, unit, product), key=abs) > 0 else -1


def _along(layered: Layered, unit: Unit, product: Floats) -> Iterator[float]:
    """The inputs at all points, times the signs that they have in the face."""
    for row, side in zip(layered.rows, unit.sides, strict=True):
        yield side * sum(rounded(entry) * float(own) for entry, own in zip(row, product, strict=True))
