"""Strata with one critical point, or one circle of them: an isolated one is the only one.

The critical points of a stratum are minimisers of the convex function of `slopes`, and near one of them every minimiser gives another one:
`(a, w)` at balanced parameters depends continuously on `p = a w != 0`, and strict signs hold nearby. Minimisers form a convex set. So if
the raw system has no other solution near a critical point the minimiser is the only one, and with it the point: the stratum's signs choose
between (a, w) and (-a, -w). Where two units have the same signs and penalties and rotate into each other, the same holds for the sum of
their products: an isolated point on the slice of the rotation, with the second unit zero, makes it unique, and all critical points lie on
its circle.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from reluspec.problem.expression import Variable
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs
from reluspec.verifier.general.lagrange import System
from reluspec.verifier.general.motion import Motion
from reluspec.verifier.general.rotations import Rotation
from reluspec.verifier.general.solutions import Solution, solution_near
from reluspec.verifier.layer.descent import Floats
from reluspec.verifier.layer.problem_class import Layered, read_layered
from reluspec.verifier.layer.slopes import Unit, floats, living_units, rounded, search


def lone_solution(problem: Problem, signs: Signs, systems: Sequence[System], motion: Motion | None) -> list[tuple[int, Solution]]:
    """The one solution of a stratum's systems, with the position of its system; empty where that is not proved."""
    layered = read_layered(problem)
    # A zero kink of the loss would have a multiplier in the system, which convexity does not know.
    if layered is None or "0" in signs.objective or not (motion is None or isinstance(motion, Rotation)):
        return []
    units = living_units(layered, signs.layers[0])
    for guess in search(layered, units).guesses():
        theta = _theta(problem, layered, units, guess)
        for position, system in enumerate(systems):
            if max(system.unknown, default=0) < len(theta) and not system.dependent:
                found = solution_near(system, [theta[k] for k in system.unknown])
                if found is not None:
                    return [(position, found)]
    return []


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
