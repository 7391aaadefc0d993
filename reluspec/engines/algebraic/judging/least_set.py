"""The critical set of a stratum that holds the least point of `least_point`: enclosed, without a Groebner basis (theory.md section 4).

In the notation of `least_point`, let all units of the minimiser p* live and let its signs be the stratum's. p* is the only minimiser of F
on V, so the products of every critical point of the stratum are p*, up to how units with the same signs and penalties share theirs: they
have `p_l = s_l u` with one u, any `s_l > 0` with the right sum, and all these points are critical. (u, s) solves polynomial equations:

    gradient of the loss by w, along V, plus 2 Lambda u = 0,    u Lambda u = lambda_a,    and that of the output's bias.

Their Jacobian is regular as the Hessian of F is: L in (s, p) is strictly convex in s, and F its least value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import numpy as np
from flint import Ordering, arb, ctx, fmpq_mpoly, fmpq_mpoly_ctx

from reluspec.engines.algebraic.exact.enclosed import Enclosed, Isolated
from reluspec.engines.algebraic.exact.scalars import BALLS
from reluspec.engines.algebraic.ideals.affine import SolutionSet
from reluspec.engines.algebraic.judging.convex_program import Array, Row
from reluspec.engines.algebraic.judging.convexity import homogeneous, output_bias, piece_on
from reluspec.engines.algebraic.judging.least_point import LeastPoint, is_of_the_class, least_point
from reluspec.engines.algebraic.judging.minimisers import BITS, Minimisers
from reluspec.engines.algebraic.stationary.chart_branch import ChartBranch
from reluspec.engines.algebraic.stationary.charts import Chart
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet, critical_sets
from reluspec.engines.algebraic.stationary.restricted import Restricted, restrictions
from reluspec.minima.records import Ball
from reluspec.problem.expression import Variable
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs, sign_values
from reluspec.systems.surrogate import rational

PLACES = 30
"""Decimal places of the middle of a box."""
RADII = ("1e-24", "1e-18", "1e-12", "1e-8")


def least_set(problem: Problem, signs: Signs) -> CriticalSet | None:
    """All critical points of a stratum; `None` where this does not tell them. Raises `Undetermined`."""
    if not is_of_the_class(problem) or "0" in signs.objective:
        return None
    least = least_point(problem, signs.layers[0])
    if least is None or least.found is None or not least.found.is_unique or (solution := _solution(least, least.found, signs)) is None:
        return None
    pieces = list(restrictions(problem, signs))
    if len(pieces) != 1 or pieces[0].constraints or pieces[0].equations:
        return None
    return _in_stratum(least, least.found, solution, pieces[0])


def _in_stratum(least: LeastPoint, found: Minimisers, solution: Isolated, stratum: Restricted) -> CriticalSet | None:
    """The points of the stratum with these products, in directions. Raises `Undetermined` where their signs are not told."""
    data = homogeneous(least.problem)
    assert data is not None
    zero, one = solution.element(0), solution.element(1)
    point: dict[int, Enclosed] = {}
    steps: list[dict[int, Enclosed]] = []
    for number, (group, norm) in enumerate(zip(least.groups, found.program.norms, strict=True)):
        share = solution.coordinate(len(found.x) + number) * Fraction(1, len(group.members))
        along = [solution.coordinate(k) for k in range(norm.part.start, norm.part.stop)]
        columns = zip(*group.basis, strict=True)
        direction = [sum((entry * value for entry, value in zip(along, column, strict=True)), zero) for column in columns]
        first, *others = units = [data.units[position] for position in group.members]
        for unit in units:
            point |= {unit.output: share, **dict(zip(unit.incoming, direction, strict=True))}
        steps += [{other.output: one, first.output: -one} for other in others]
    if (bias := output_bias(least.problem)) is not None:
        point[bias] = solution.coordinate(len(found.x) - 1)
    living = tuple(replace(unit, products=frozenset()) for unit in stratum.flippable if unit.output in point)
    if len(living) != sum(len(group.members) for group in least.groups):
        return None
    branch = ChartBranch(stratum, Chart(living), ())
    whole, *directions = (tuple(entries.get(k, zero) for k in branch.active) for entries in (point, *steps))
    shape = branch.shape(SolutionSet(solution, whole, tuple(directions)), singular=False)
    if shape is None:
        return None
    sets, _ = critical_sets(shape, branch.conditions)
    return sets[0] if len(sets) == 1 else None


def _solution(least: LeastPoint, found: Minimisers, signs: Signs) -> Isolated | None:
    """The equations in their unknowns, and a box around the least point that is proved to have no other solution.

    The unknowns are those of the program, of norms the u in place of the products s u; then the s; then the network's outputs.
    """
    with ctx.workprec(BITS):
        balls = _unknowns(found)
    context = fmpq_mpoly_ctx.get([f"x{k}" for k in range(len(balls))], Ordering.degrevlex)
    equations = list(_equations(least.problem, found, signs, context))
    middle = [_decimal(ball) for ball in balls]
    for radius in RADII:
        with ctx.workprec(BITS):
            wide = arb(0, float(radius) / 2)
            if not all((wide + arb(value)).contains(ball) for value, ball in zip(middle, balls, strict=True)):
                continue
        try:
            return Isolated(equations, [Ball(value, radius) for value in middle])
        except ValueError:
            continue
    return None


def _unknowns(found: Minimisers) -> list[arb]:
    """The least point in the unknowns of its equations, at the precision in force."""
    directions: Array = np.array(found.x)
    scales = []
    for norm in found.program.norms:
        part = found.x[norm.part]
        gram = np.array([[BALLS.number(entry) for entry in row] for row in norm.gram], dtype=object)
        scales.append((part @ (gram @ part) / BALLS.number(norm.ridge)).sqrt())
        directions[norm.part] = part / scales[-1]
    return [*directions, *scales, *found.program.outputs(found.x, BALLS.number)]


def _equations(problem: Problem, found: Minimisers, signs: Signs, context: fmpq_mpoly_ctx) -> Iterator[fmpq_mpoly]:
    program, unknowns = found.program, context.gens()
    size, count = len(found.x), len(program.norms)
    outputs = unknowns[size + count :]
    products, penalties = list(unknowns[:size]), [2 * rational(c) * x for c, x in zip(program.squares, unknowns, strict=False)]
    for norm, scale in zip(program.norms, unknowns[size:], strict=False):
        own = unknowns[norm.part]
        pull = [_dot(row, own, context) for row in norm.gram]
        yield sum((a * b for a, b in zip(pull, own, strict=True)), context.constant(-rational(norm.ridge)))
        products[norm.part] = [scale * u for u in own]
        penalties[norm.part] = [2 * entry for entry in pull]
    for row, output in zip(program.rows, outputs, strict=True):
        yield _dot(row, products, context) + rational(program.offset) - output
    slopes = [_slope(problem, signs, i, output, context) for i, output in enumerate(outputs)]
    for column, penalty in zip(zip(*program.rows, strict=True), penalties, strict=True):
        yield _dot(column, slopes, context) + penalty


def _slope(problem: Problem, signs: Signs, i: int, output: fmpq_mpoly, context: fmpq_mpoly_ctx) -> fmpq_mpoly:
    """The derivative of a data point's loss by its output, on the stratum's sides of its kinks."""
    count = len(signs.objective) // len(problem.data)
    sides = sign_values(signs.objective[i * count : (i + 1) * count])
    known = {Variable("f", (0,)): output, Variable("y", (0,)): context.constant(rational(problem.data.y[i][0]))}
    piece = piece_on(problem.loss.expression, known, iter(sides), context)
    return piece.derivative(context.gens().index(output)) * rational(problem.shares[i])


def _dot(row: Row, entries: Sequence[fmpq_mpoly], context: fmpq_mpoly_ctx) -> fmpq_mpoly:
    return sum((rational(a) * b for a, b in zip(row, entries, strict=True) if a), context.constant(0))


def _decimal(ball: arb) -> str:
    """The middle of a ball, to so many decimal places."""
    mantissa, _, exponent = map(int, ball.mid().mid_rad_10exp(PLACES))
    return f"{Decimal(mantissa).scaleb(exponent):.{PLACES}f}"
