"""Strata that have no critical point because the least point of a convex function lies elsewhere (theory.md section 4).

For the class of `convexity`, with penalties on all parameters of its units and a continuously differentiable loss, let
`F(p, b) = loss + sum_l 2 sqrt(lambda_a) |Lambda^(1/2) p_l| + lambda_b b^2` be the least value of L, the loss with its penalties, at given
products p_l = a_l w_l. At a critical point of L on a stratum `lambda_a a^2 = w Lambda w`, so that units with a sign that is not 0 live and
all others are dead. Where units live, (a, w) -> a w is a submersion, and F = L at balanced parameters; so the point gives a critical point
of F on the linear space V of the p on which the stratum's zeros at units' kinks are zero. (Zeros of the loss's kinks need no multiplier:
`smoothness`.) F is convex, and the point a minimiser of it on V.

Let p* be a minimiser, D the set of its units with p*_l = 0. If for l in D the slope v_l of F by p_l on V has `|Lambda^(-1/2) v_l| <
2 sqrt(lambda_a)`, F grows along all directions of V in which a unit of D moves; by convexity these are zero at all minimisers, and the
stratum, where they live, has no critical point. If D is empty and p* is an isolated minimiser it is the only one, and there is none in the
stratum when its signs, in balls, are not the stratum's: those of `sigma p_l . x_i` for neither sigma, or those of the loss's kinks.

Units with the same signs and penalties count as one: by the triangle inequality their products at a minimiser are positive multiples of
their sum, which belongs to a minimiser of the function with one unit in their place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache, partial
from typing import Any

import numpy as np
from flint import arb, arb_mat, ctx

from reluspec.engines.algebraic.exact.linear import dot, kernel
from reluspec.engines.algebraic.exact.scalars import BALLS, FRACTIONS, Undetermined, ball_sign
from reluspec.engines.algebraic.judging.convex_program import Array, Jet, Norm, Number, Program, Row
from reluspec.engines.algebraic.judging.convexity import Homogeneous, homogeneous, seen_points
from reluspec.engines.algebraic.stationary.smoothness import smooth_kinks
from reluspec.problem.expression import Variable, evaluate, sign
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs, sign_values

BITS = 160

OUTPUT, TARGET = Variable("f", (0,)), Variable("y", (0,))
Layer = tuple[str, ...]
"""The signs of the hidden layer, unit by unit."""


def has_no_critical_point(problem: Problem, signs: Signs) -> bool:
    """Whether the stratum is proved to have none; `False` where this proof does not apply or does not succeed."""
    least = _least(problem, signs.layers[0]) if is_of_the_class(problem) else None
    return least is not None and not least.may_be_in(signs)


def is_of_the_class(problem: Problem) -> bool:
    """Whether the proof is for such problems."""
    data = homogeneous(problem)
    # Without kinks of units a stratum does not say which of them live.
    if data is None or data.below == data.above:
        return False
    return all(min(row) > 0 for row in data.penalties) and all(smooth_kinks(problem.loss.expression))


@lru_cache(maxsize=4096)
def _least(problem: Problem, layer: Layer) -> _Least | None:
    """The minimiser of F on V; `None` if none is enclosed."""
    data = homogeneous(problem)
    assert data is not None
    groups = _groups(problem, data, layer)
    program = _program(problem, data, groups)
    try:
        x = program.minimiser()
        if dead := program.vanishing(x):
            x = program.without(dead).minimiser()
        with ctx.workprec(BITS):
            box = program.without(dead).enclosure(x)
            if box is None or not groups or (dead and not _grows(program, dead, box)):
                return None
    except (Undetermined, ArithmeticError, np.linalg.LinAlgError):
        return None
    return _Least(problem, groups, program, bool(dead), box)


@dataclass(frozen=True)
class _Group:
    """Units with the same signs and penalties: the data points they see, and a basis of the w that are on the same kinks."""

    signs: tuple[int, ...]
    penalties: Row
    inputs: tuple[Row, ...]
    basis: tuple[Row, ...]

    def seen(self, row: Row) -> list[Fraction]:
        """A linear function of w on the basis."""
        return [dot(row, vector, FRACTIONS) for vector in self.basis]


@dataclass(frozen=True)
class _Least:
    """The minimiser of F on V, in balls; `dead`: at all minimisers some unit is."""

    problem: Problem
    groups: list[_Group]
    program: Program
    dead: bool
    x: Array

    def may_be_in(self, signs: Signs) -> bool:
        """Whether a stratum with these signs of units may have it."""
        if self.dead:
            return False
        with ctx.workprec(BITS):
            for norm, group in zip(self.program.norms, self.groups, strict=True):
                part = self.x[norm.part]
                rows = (group.seen(row) for row in group.inputs)
                values = [_dot(row, part) * side for row, side in zip(rows, group.signs, strict=True)]
                if any(value < 0 for value in values) and any(value > 0 for value in values):
                    return False
            outputs = self.program.outputs(self.x, BALLS.number)
            return not any(_contradicts(self.problem, signs.objective, i, output) for i, output in enumerate(outputs))


def _groups(problem: Problem, data: Homogeneous, layer: Layer) -> list[_Group]:
    """The living units; those with the same signs and penalties once."""
    width = len(data.units[0].incoming)
    inputs = tuple(seen_points(problem, width))
    found = []
    for signs, penalties in dict.fromkeys(zip(map(sign_values, layer), data.penalties, strict=True)):
        if any(signs):
            walls = [row for row, side in zip(inputs, signs, strict=True) if not side]
            found.append(_Group(signs, penalties, inputs, tuple(kernel(walls, width, FRACTIONS))))
    return found


def _program(problem: Problem, data: Homogeneous, groups: Sequence[_Group]) -> Program:
    """F on V; the output's bias, if it is free, is the last coordinate."""
    rows: list[list[Fraction]] = [[] for _ in problem.data.x]
    norms, start = [], 0
    for group in groups:
        for row, point, side in zip(rows, group.inputs, group.signs, strict=True):
            row += [data.slope(side) * (side != 0) * entry for entry in group.seen(point)]
        ridge, *penalties = group.penalties
        weighted = [tuple(c * entry for c, entry in zip(penalties, vector, strict=True)) for vector in group.basis]
        norms.append(Norm(slice(start, start + len(weighted)), tuple(tuple(group.seen(row)) for row in weighted), ridge))
        start += len(weighted)
    squares = [Fraction(0)] * start
    output = problem.network.layers[-1]
    offset = output.fixed_bias[0] if output.bias and output.fixed_bias is not None else Fraction(0)
    if output.bias and output.fixed_bias is None:
        rows = [[*row, Fraction(1)] for row in rows]
        squares.append(data.all_penalties[problem.parameters.index(Variable(f"{output.name}.bias", (0,)))])
    return Program(partial(_loss, problem), tuple(map(tuple, rows)), offset, tuple(norms), tuple(squares))


def _loss(problem: Problem, i: int, output: Jet) -> Jet:
    """The loss of a data point with its share. Raises `Undetermined` on its kinks."""
    found = _loss_on(problem, i, output, lambda argument: _side(argument.value))
    share = _number(output)(problem.shares[i])
    return Jet(share * found.value, share * found.slope, share * found.bend)


def _loss_on(problem: Problem, i: int, output: Jet, choose: Callable[[Jet], int]) -> Jet:
    """The loss of a data point on chosen sides of its kinks."""
    number = _number(output)

    def constant(value: Fraction) -> Jet:
        return Jet(number(value), number(Fraction(0)), number(Fraction(0)))

    found: Jet = evaluate(problem.loss.expression, {OUTPUT: output, TARGET: constant(problem.data.y[i][0])}, choose, constant)
    return found


def _contradicts(problem: Problem, objective: str, i: int, output: arb) -> bool:
    """Whether a kink of the loss has another side at this output than in the stratum, the kinks before it having theirs."""
    count = len(objective) // len(problem.data)
    rest, wrong = iter(sign_values(objective[i * count : (i + 1) * count])), False

    def choose(argument: Jet) -> int:
        nonlocal wrong
        side, value = next(rest), argument.value
        wrong = wrong or (side >= 0 and value < 0) or (side <= 0 and value > 0)
        return side

    _loss_on(problem, i, Jet(output, arb(1), arb(0)), choose)
    return wrong


def _grows(program: Program, dead: Sequence[Norm], x: Array) -> bool:
    """Whether F grows from x, of the other parts, along all directions in which one of these parts moves."""
    slopes = [jet.slope for jet in program.without(dead).jets(x, BALLS.number)]
    for norm in dead:
        size = len(norm.gram)
        along = arb_mat(size, 1, [_dot([row[k] for row in program.rows], slopes) for k in range(norm.part.start, norm.part.stop)])
        gram = arb_mat(size, size, [BALLS.number(entry) for row in norm.gram for entry in row])
        length = sum((a * b for a, b in zip(along.entries(), gram.solve(along).entries(), strict=True)), arb(0))
        if not length < BALLS.number(4 * norm.ridge):
            return False
    return True


def _dot(row: Sequence[Fraction], balls: Sequence[arb] | Array) -> arb:
    return sum((BALLS.number(a) * b for a, b in zip(row, balls, strict=True)), arb(0))


def _number(output: Jet) -> Number:
    return BALLS.number if isinstance(output.value, arb) else float


def _side(value: Any) -> int:
    return ball_sign(value) if isinstance(value, arb) else sign(value)
