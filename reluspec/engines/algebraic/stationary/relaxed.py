"""Strata some of whose strict switches lack the sign symmetries of the loss: kinks away from zero (`hard_tanh`, `relu6`).

A unit whose points lie in linear pieces of its activation may flip the signs of its parameters without a change of the loss of its stratum,
but not of a switch `w.x - 6`. Without these switches the stratum is *relaxed*: its critical points are those of the loss in charts, of
half the degree (`charts`); which of them have the switches' signs is asked afterwards, of each for itself.
"""

from __future__ import annotations

from dataclasses import replace

from flint import arb, ctx, fmpq_mpoly

from reluspec.engines.algebraic.exact.extensions import with_roots
from reluspec.engines.algebraic.stationary.charts import Chart, ParityError
from reluspec.engines.algebraic.stationary.enclosures import theta_balls
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet, Vector, value_at
from reluspec.engines.algebraic.stationary.restricted import Restricted

PRECISIONS = (64, 256)
"""At which the sign of a switch is looked for before the square roots of output weights are adjoined."""


def relaxed(stratum: Restricted) -> Restricted | None:
    """The stratum without the strict switches that flipping a unit's signs does not keep; `None` where that brings no chart."""
    kept = tuple(one for one in stratum.strict if all(_keeps(Chart((unit,)), one[2]) for unit in stratum.units))
    if len(kept) == len(stratum.strict):
        return None
    found = replace(stratum, strict=kept)
    return found if found.flippable else None


def _keeps(chart: Chart, polynomial: fmpq_mpoly) -> bool:
    """Whether flipping signs keeps a polynomial up to its sign."""
    try:
        chart.transform(polynomial)
    except ParityError:
        return False
    return True


def is_inside(stratum: Restricted, found: CriticalSet) -> bool:
    """Whether an isolated point that was found without some switches has their signs; exact. Raises `ExtensionError`."""
    left = [(sign, stratum.surrogate.switches[position].polynomial.to_dict()) for position, sign, _ in stratum.strict]
    for bits in PRECISIONS:
        with ctx.workprec(bits):
            theta = theta_balls(found, found.witness, bits)
            values = [(sign * value_at(terms, theta, arb(0)), sign, terms) for sign, terms in left]
        if any(value < 0 for value, _, _ in values):
            return False
        left = [(sign, terms) for value, sign, terms in values if not value > 0]
        if not left:
            return True
    theta_exact = _unfolded(found)
    zero = theta_exact[0] * 0
    return all(value_at(terms, theta_exact, zero).sign() == sign for sign, terms in left)


def _unfolded(found: CriticalSet) -> Vector:
    """The parameters at the witness, in a field with the square roots of the squares of output weights."""
    squares = [found.witness[unit.output] for unit in found.living]
    extension, roots = with_roots(found.field, squares)
    theta = [extension.lifted(entry) for entry in found.witness]
    for unit, sigma, root in zip(found.living, found.sigma, roots, strict=True):
        scale = root * sigma
        theta[unit.output] = scale
        for k in unit.incoming:
            theta[k] = theta[k] / scale if k in unit.products else theta[k] * scale
    return tuple(theta)
