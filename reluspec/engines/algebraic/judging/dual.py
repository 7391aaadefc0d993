"""Global minima by a dual certificate, for any number of outputs: what settles ties where a unit is dead.

One hidden layer of positively homogeneous units, a loss E(Z) that is convex in the outputs Z = sum_l phi(X w_l) a_l^T (plus a bias), a
penalty `a^T Gamma a + w^T Lambda w`, the same for every unit and positive. At a critical point with subgradient G of E, criticality along
a_l and along w_l gives `a_l . G^T phi(X w_l) = -2 a_l^T Gamma a_l = -2 w_l^T Lambda w_l`. If

    |Gamma^(-1/2) G^T phi(X u)|^2 <= 4 u^T Lambda u    for every u,                                                  (*)

then for all other parameters E(Z) + penalty >= E(Z*) + <G, Z - Z*> + 2 sum |Gamma^(1/2) a_l| |Lambda^(1/2) w_l| >= the loss at the point:
it is a global minimum, whatever is tied. If (*) fails for some u, a dead unit that turns to it lowers the loss. So with a dead unit (*) is
necessary and sufficient. (Pilanci and Ergen, *Neural Networks are Convex Regularizers*, 2020, has the scalar case.) On every cell of the
data's arrangement (*) is the copositivity of a matrix on a cone.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

from flint import Ordering, fmpq_mpoly_ctx

from reluspec.engines.algebraic.exact.algebraic import Algebraic
from reluspec.engines.algebraic.exact.cones import cell_cones
from reluspec.engines.algebraic.exact.forms import Copositivity, copositivity
from reluspec.engines.algebraic.exact.linear import weighted
from reluspec.engines.algebraic.exact.scalars import FRACTIONS
from reluspec.engines.algebraic.judging.convexity import activation_slopes, convex_loss, piece_on, quadratic_penalties, seen_points
from reluspec.engines.algebraic.judging.verdict import Decision, Verdict
from reluspec.engines.algebraic.stationary.charts import Chart, ParityError
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet, field_scalars, value_at
from reluspec.problem.expression import Variable
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs, sign_values
from reluspec.systems.surrogate import surrogate

MAX_CELLS = 2_000
"""Cells of a unit that are looked at."""
MAX_RAYS = 10
"""Rays of a cell's cone for which copositivity is decided."""

_Class = tuple[tuple[Fraction, Fraction], tuple[Fraction, ...], tuple[Fraction, ...]]
"""Slopes of the activation below and above zero; Gamma; Lambda (weights, then the bias)."""


def dual_decision(problem: Problem, signs: Signs, found: CriticalSet) -> Decision | None:
    """A verdict that needs no more than first order; `None` where the certificate says nothing.

    That is outside the class, at a kink of the loss, where (*) fails but no unit is dead, or where a cone has too many rays.
    """
    problem_class = _class(problem)
    if problem_class is None or found.singular or "0" in signs.objective:
        return None
    slopes, outgoing, incoming = problem_class
    try:
        gradient = loss_gradient(problem, signs, found)
    except ParityError:
        return None
    holds = _holds(problem, gradient, slopes, outgoing, incoming, found)
    if holds:
        return Decision(Verdict.MINIMUM, "dual certificate of a global minimum")
    if holds is None or not has_dead_unit(problem, found):
        return None
    return Decision(Verdict.NOT_MINIMUM, "first order, a dead unit", "a dead unit can be woken")


@lru_cache(maxsize=16)
def _class(problem: Problem) -> _Class | None:
    """The problem's data, `None` if it is not in the class."""
    if len(problem.network.layers) != 2 or not convex_loss(problem):
        return None
    hidden, output = problem.network.layers
    slopes = activation_slopes(hidden.activation.expression)
    penalties = quadratic_penalties(problem)
    if slopes is None or penalties is None or output.activation.expression != Variable("z"):
        return None
    position = {variable: k for k, variable in enumerate(problem.parameters)}
    rows = set()
    for unit in range(hidden.units):
        own = [Variable(f"{output.name}.weight", (k, unit)) for k in range(output.units)]
        own += [Variable(f"{hidden.name}.weight", (unit, k)) for k in range(problem.network.inputs)]
        own += [Variable(f"{hidden.name}.bias", (unit,))] if hidden.bias else []
        if any(variable not in position for variable in own):
            return None
        rows.add(tuple(penalties[position[variable]] for variable in own))
    row, *others = rows
    if others or min(row) <= 0:
        return None
    return slopes, row[: output.units], row[output.units :]


def loss_gradient(problem: Problem, signs: Signs, found: CriticalSet, objective: str = "") -> list[list[Algebraic]]:
    """G: the derivative of the loss by each output at each data point; on these sides of its kinks, if some are given.

    Raises `ParityError` where an output changes with the sign of a unit's parameters, which the chart does not tell.
    """
    zero = found.field.element(0)
    count = problem.network.layers[-1].units
    context = fmpq_mpoly_ctx.get([f"f{k}" for k in range(count)], Ordering.lex)
    sides = iter(sign_values(objective or signs.objective))
    chart = Chart(found.living)
    gradient = []
    for outputs, target, share in zip(surrogate(problem, signs).outputs, problem.data.y, problem.shares, strict=True):
        known = {Variable("f", (k,)): context.gen(k) for k in range(count)}
        known |= {Variable("y", (k,)): context.constant(value.numerator) / value.denominator for k, value in enumerate(target)}
        piece = piece_on(problem.loss.expression, known, sides, context)
        values = [value_at(chart.even(output), found.witness, zero) for output in outputs]
        gradient.append([value_at(piece.derivative(k).to_dict(), values, zero) * share for k in range(count)])
    return gradient


def has_dead_unit(problem: Problem, found: CriticalSet) -> bool:
    """Whether all parameters of a unit vanish; false outside the class."""
    if _class(problem) is None:
        return False
    hidden, output = problem.network.layers
    position = {variable: k for k, variable in enumerate(problem.parameters)}
    for unit in range(hidden.units):
        own = [position[Variable(f"{output.name}.weight", (k, unit))] for k in range(output.units)]
        own += [position[Variable(f"{hidden.name}.weight", (unit, k))] for k in range(problem.network.inputs)]
        own += [position[Variable(f"{hidden.name}.bias", (unit,))]] if hidden.bias else []
        if all(found.witness[k] == 0 for k in own):
            return True
    return False


def _holds(
    problem: Problem,
    gradient: Sequence[Sequence[Algebraic]],
    slopes: tuple[Fraction, Fraction],
    outgoing: Sequence[Fraction],
    incoming: Sequence[Fraction],
    found: CriticalSet,
) -> bool | None:
    """Whether (*) holds; `None` if that cannot be told."""
    rows = seen_points(problem, len(incoming))
    real = [i for i, row in enumerate(rows) if any(row)]
    zero = found.field.element(0)
    for cell, cone in cell_cones([rows[i] for i in real], len(incoming), FRACTIONS, MAX_CELLS):
        rays = [*cone.rays, *cone.lineality, *(tuple(-entry for entry in line) for line in cone.lineality)]
        if len(rays) > MAX_RAYS:
            return None
        # Per ray u and output k: the entry of G^T phi(X u).
        effects = [
            [
                sum(
                    (gradient[i][k] * (slopes[side > 0] * _dot(rows[i], ray)) for i, side in zip(real, cell, strict=True)),
                    zero,
                )
                for k in range(len(outgoing))
            ]
            for ray in rays
        ]
        gram = [
            [
                4 * weighted(one, two, incoming) - sum((e * f * (1 / c) for e, f, c in zip(first, second, outgoing, strict=True)), zero)
                for two, second in zip(rays, effects, strict=True)
            ]
            for one, first in zip(rays, effects, strict=True)
        ]
        if copositivity(gram, field_scalars(found.field)) is Copositivity.NEGATIVE:
            return False
    return True


def _dot(a: Sequence[Fraction], b: Sequence[Fraction]) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True)), Fraction(0))
