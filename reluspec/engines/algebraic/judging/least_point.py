"""Strata that have no critical point because the least point of a convex function lies elsewhere (theory.md section 4).

For the class of `convexity`, with penalties on all parameters of its units, let
`F(p, b) = loss + sum_l 2 sqrt(lambda_a) |Lambda^(1/2) p_l| + lambda_b b^2` be the least value of L, the loss with its penalties, at given
products p_l = a_l w_l. At a critical point of L on a stratum `lambda_a a^2 = w Lambda w`, so that units with a sign that is not 0 live and
all others are dead. Where units live, (a, w) -> a w is a submersion, and F = L at balanced parameters; so the point gives a critical point
of F on the linear space V of the p on which the stratum's zeros at units' kinks are zero. (Zeros of the loss's kinks need no multiplier
where its derivative is continuous: `smoothness`. Where it jumps, critical is meant in Clarke's sense on V, as minima are: L is a convex
function of smooth ones there.) F is convex, and the point a minimiser of it on V.

Let p* be a minimiser, D the set of its units with p*_l = 0. If for l in D the slope v_l of F by p_l on V has `|Lambda^(-1/2) v_l| <
2 sqrt(lambda_a)`, F grows along all directions of V in which a unit of D moves; by convexity these are zero at all minimisers, and the
stratum, where they live, has no critical point. If D is empty and p* is an isolated minimiser it is the only one, and there is none in the
stratum when its signs, in balls, are not the stratum's: those of `sigma p_l . x_i` for neither sigma, or those of the loss's kinks.

`minimisers` says what can be told where F has several minimisers; units are then multiples of what x* has for them.

*One direction.* Where all data points that a living unit sees are multiples of one vector r on V, `Lambda w` is a multiple of r at every
critical point, so that w is known up to a factor, exactly, and with it whether its signs can be the stratum's.

Units with the same signs and penalties count as one: by the triangle inequality their products at a minimiser are positive multiples of
their sum, which belongs to a minimiser of the function with one unit in their place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache, partial
from typing import Any

from flint import arb, ctx

from reluspec.engines.algebraic.exact.linear import dot, echelon, kernel, solve, weighted
from reluspec.engines.algebraic.exact.scalars import BALLS, FRACTIONS, ball_sign
from reluspec.engines.algebraic.judging.convex_program import Jet, LossKink, Norm, Number, Program, Row
from reluspec.engines.algebraic.judging.convexity import Homogeneous, homogeneous, output_bias, seen_points
from reluspec.engines.algebraic.judging.lower_bound import bends_of
from reluspec.engines.algebraic.judging.minimisers import BITS, Minimisers, minimisers, variable
from reluspec.engines.algebraic.stationary.smoothness import smooth_kinks
from reluspec.problem.expression import Constant, Expression, Variable, evaluate, sign, substitute
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs, sign_values

OUTPUT, TARGET = Variable("f", (0,)), Variable("y", (0,))
Layer = tuple[str, ...]
"""The signs of the hidden layer, unit by unit."""


def has_no_critical_point(problem: Problem, signs: Signs) -> bool:
    """Whether the stratum is proved to have none; `False` where this proof does not apply or does not succeed."""
    least = least_point(problem, signs.layers[0]) if is_of_the_class(problem) else None
    return least is not None and not least.may_be_in(signs)


def is_of_the_class(problem: Problem) -> bool:
    """Whether the proof is for such problems."""
    data = homogeneous(problem)
    # Without kinks of units a stratum does not say which of them live.
    if data is None or data.below == data.above:
        return False
    return all(min(row) > 0 for row in data.penalties) and loss_kinks(problem) is not None


@lru_cache(maxsize=4096)
def least_point(problem: Problem, layer: Layer) -> LeastPoint | None:
    """The minimisers of F on V, for a problem of the class; `None` if none is enclosed, or all units are dead."""
    data = homogeneous(problem)
    assert data is not None
    groups = _groups(problem, data, layer)
    if not groups or not all(group.may_live for group in groups):
        return LeastPoint(problem, groups, None) if groups else None
    found = minimisers(_program(problem, data, groups))
    return LeastPoint(problem, groups, found) if found else None


@dataclass(frozen=True)
class Group:
    """Units with the same signs and penalties: their positions, the data points they see, a basis of the w that are on the same kinks."""

    members: tuple[int, ...]
    signs: tuple[int, ...]
    penalties: Row
    inputs: tuple[Row, ...]
    slopes: Row
    basis: tuple[Row, ...]

    @cached_property
    def gram(self) -> tuple[Row, ...]:
        """The penalties of w on the basis."""
        return tuple(tuple(weighted(one, other, self.penalties[1:]) for other in self.basis) for one in self.basis)

    def seen(self, row: Row) -> list[Fraction]:
        """A linear function of w on the basis."""
        return [dot(row, vector, FRACTIONS) for vector in self.basis]

    @property
    def may_live(self) -> bool:
        """Whether the signs can be those of w at a critical point, as far as one direction in what the units see tells."""
        rows = [self.seen(row) for row, slope in zip(self.inputs, self.slopes, strict=True) if slope]
        reduced = echelon(rows, len(self.basis), FRACTIONS).rows
        if len(reduced) > 1:
            return True
        if not reduced:
            return False
        w = solve(self.gram, reduced[0], len(self.basis), FRACTIONS)
        assert w is not None
        sides = {sign(dot(self.seen(row), w, FRACTIONS)) * side for row, side in zip(self.inputs, self.signs, strict=True) if side}
        return len(sides) == 1 and 0 not in sides


@dataclass(frozen=True)
class LeastPoint:
    """The minimisers of F on V; `None`: one of the units cannot live."""

    problem: Problem
    groups: list[Group]
    found: Minimisers | None

    def may_be_in(self, signs: Signs) -> bool:
        """Whether a stratum with these signs of units may have one."""
        if self.found is None:
            return False
        with ctx.workprec(BITS):
            for direction, group in zip(self.found.directions, self.groups, strict=True):
                if direction is None:
                    return False
                strict = ((row, side) for row, side in zip(group.inputs, group.signs, strict=True) if side)
                values = [direction.along(group.seen(row)) * side for row, side in strict]
                if any(value == 0 for value in values) or (any(value < 0 for value in values) and any(value > 0 for value in values)):
                    return False
            outputs = self.found.outputs() if self.found.is_unique else ()
            return not any(_contradicts(self.problem, signs.objective, i, output) for i, output in outputs)


def _groups(problem: Problem, data: Homogeneous, layer: Layer) -> list[Group]:
    """The living units; those with the same signs and penalties together."""
    width = len(data.units[0].incoming)
    inputs = tuple(seen_points(problem, width))
    members: dict[tuple[tuple[int, ...], Row], list[int]] = {}
    for position, key in enumerate(zip(map(sign_values, layer), data.penalties, strict=True)):
        members.setdefault(key, []).append(position)
    found = []
    for (signs, penalties), positions in members.items():
        if any(signs):
            walls = [row for row, side in zip(inputs, signs, strict=True) if not side]
            slopes = tuple(data.slope(side) * (side != 0) for side in signs)
            found.append(Group(tuple(positions), signs, penalties, inputs, slopes, tuple(kernel(walls, width, FRACTIONS))))
    return found


def _program(problem: Problem, data: Homogeneous, groups: Sequence[Group]) -> Program:
    """F on V; the output's bias, if it is free, is the last coordinate."""
    rows: list[list[Fraction]] = [[] for _ in problem.data.x]
    norms, start = [], 0
    for group in groups:
        for row, point, slope in zip(rows, group.inputs, group.slopes, strict=True):
            row += [slope * entry for entry in group.seen(point)]
        norms.append(Norm(slice(start, start + len(group.basis)), group.gram, group.penalties[0]))
        start += len(group.basis)
    squares = [Fraction(0)] * start
    output = problem.network.layers[-1]
    offset = output.fixed_bias[0] if output.bias and output.fixed_bias is not None else Fraction(0)
    if (bias := output_bias(problem)) is not None:
        rows = [[*row, Fraction(1)] for row in rows]
        squares.append(data.all_penalties[bias])
    targets = tuple(y for (y,) in problem.data.y)
    known = loss_kinks(problem)
    assert known is not None
    return Program(partial(_loss, problem), tuple(map(tuple, rows)), offset, tuple(norms), tuple(squares), targets, known)


@lru_cache(maxsize=16)
def loss_kinks(problem: Problem) -> tuple[tuple[LossKink, ...], ...] | None:
    """Of every data point the outputs at which the slope of its loss jumps; `None` where these are not found."""
    expression = problem.loss.expression
    if all(smooth_kinks(expression)):
        return ((),) * len(problem.data)
    found = []
    for i, targets in enumerate(problem.data.y):
        known: dict[Variable, Expression] = {Variable("y", (k,)): Constant(value) for k, value in enumerate(targets)}
        places = bends_of(substitute(expression, known), OUTPUT)
        if places is None:
            return None
        sides = [LossKink(place, *(_loss_beside(problem, i, place, side) for side in (-1, 1))) for place in places]
        found.append(tuple(kink for kink in sides if kink.below != kink.above))
    return tuple(found)


def _loss_beside(problem: Problem, i: int, place: Fraction, side: int) -> Fraction:
    """The slope of the loss of a data point on one side of an output, with its share."""
    found = _loss_on(problem, i, variable(place), lambda argument: sign(argument.value) or side * sign(argument.slope))
    return Fraction(found.slope) * problem.shares[i]


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


def _contradicts(problem: Problem, objective: str, i: int, output: arb | Fraction) -> bool:
    """Whether a kink of the loss has another side at this output than in the stratum, the kinks before it having theirs."""
    count = len(objective) // len(problem.data)
    rest, wrong = iter(sign_values(objective[i * count : (i + 1) * count])), False

    def choose(argument: Jet) -> int:
        nonlocal wrong
        side, value = next(rest), argument.value
        wrong = wrong or (side > 0 and value <= 0) or (side < 0 and value >= 0) or (side == 0 and value != 0)
        return side

    _loss_on(problem, i, variable(output), choose)
    return wrong


def _number(output: Jet) -> Number:
    return BALLS.number if isinstance(output.value, arb) else Fraction if isinstance(output.value, Fraction) else float


def _side(value: Any) -> int:
    return ball_sign(value) if isinstance(value, arb) else sign(value)
