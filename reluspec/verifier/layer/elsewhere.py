"""Strata without a critical point: by what all minimisers of a convex function share, none of them can be in the stratum.

At all of them the losses have the slopes `g*` that `slopes` encloses, and a unit that lives in one is a negative multiple of
`gram^-1 R^T g*`, with `g* K g* = 4 lambda_a`. A stratum is excluded if at all slopes in the intervals

- some living unit has `g K g < 4 lambda_a`: it is zero at all minimisers (*inactive*);
- the signs of some unit's direction at two points, or an exact zero, are those of neither a positive nor a negative multiple (*outside*);
- or if no output within its bounds has the stratum's signs of the loss's kinks (*outputs*).

Kinks of the loss that are zero in the stratum are no constraints: the loss is smooth there, so that every minimum, and every critical point
in Clarke's sense, is a critical point along the zeros of the units' kinks alone.
"""

from __future__ import annotations

from functools import lru_cache

from flint import ctx

from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs
from reluspec.verifier.layer.losses import Loss
from reluspec.verifier.layer.problem_class import Layered, read_layered
from reluspec.verifier.layer.slopes import Shared, Unit, dot, form, living_units, search, shared

BITS = 128


def no_critical_point(problem: Problem, signs: Signs) -> bool:
    """Whether it is proved that the stratum has none."""
    layered = read_layered(problem)
    known = None if layered is None else at_minimisers(problem, signs.layers[0])
    if layered is None or known is None:
        return False
    found, dead = known
    return dead or any(not loss.may_have(own, *found.outputs[i]) for i, (loss, own) in enumerate(_kinks(layered, signs)))


@lru_cache(maxsize=4096)
def at_minimisers(problem: Problem, names: tuple[str, ...]) -> tuple[Shared, bool] | None:
    """For these signs of the units: what the minimisers share by the best of the guesses, and whether some unit cannot live there."""
    layered = read_layered(problem)
    assert layered is not None
    units = living_units(layered, names)
    with ctx.workprec(BITS):
        found = [one for guess in search(layered, units).guesses() if (one := shared(layered, units, guess)) is not None]
        best = min(found, key=lambda one: sum(float(slope.rad()) for slope in one.slopes), default=None)
        return None if best is None else (best, any(_cannot_live(unit, best) for unit in units))


def _kinks(layered: Layered, signs: Signs) -> list[tuple[Loss, str]]:
    """The losses of all data points, with the signs of their kinks."""
    width = len(signs.objective) // len(layered.losses)
    return [(loss, signs.objective[width * i : width * (i + 1)]) for i, loss in enumerate(layered.losses)]


def _cannot_live(unit: Unit, found: Shared) -> bool:
    if form(unit.squares, found.slopes) < 4 * unit.ridge_output:
        return True
    sides = set()
    for row, side in zip(unit.inputs.tolist(), unit.sides, strict=True):
        if side:
            value = dot(found.slopes, row)
            if not any(row):
                return True
            sides |= {side if value > 0 else -side if value < 0 else 0}
    return {1, -1} <= sides
