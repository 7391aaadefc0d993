"""Which switches the loss crosses with a continuous gradient.

Across the thresholds of Huber's loss, the squared hinge or a squared ReLU the loss is continuously differentiable. There a local minimum
is a critical point of the surrogate itself: the switch is an equation more, and needs no multiplier (theory.md section 3 asks for one at
every switch; where the gradients of both sides agree it is zero).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import product

from flint import Ordering, fmpq_mpoly, fmpq_mpoly_ctx

from reluspec.problem.expression import Constant, Expression, Product, Sum, evaluate, kinks, variables
from reluspec.problem.problem import Problem
from reluspec.systems.surrogate import rational

MAX_KINKS = 6
"""Kinks of one expression for which all combinations of sides are compared; beyond, none is taken to be smooth."""


@lru_cache(maxsize=256)
def smooth_kinks(expression: Expression) -> tuple[bool, ...]:
    """For every kink, in the order of `kinks`, whether the expression is continuously differentiable across it, wherever the others are.

    The two sides differ by a multiple of the switch; where it is a multiple of its square, for every choice of sides at the other
    kinks, the gradients agree on the wall.
    """
    count = sum(1 for _ in kinks(expression))
    if not 0 < count <= MAX_KINKS:
        return (False,) * count
    names = sorted({variable.symbol for variable in variables(expression)})
    context = fmpq_mpoly_ctx.get(names, Ordering.degrevlex)
    values = {variable: context.gen(names.index(variable.symbol)) for variable in variables(expression)}

    def side(signs: tuple[int, ...]) -> tuple[fmpq_mpoly, list[fmpq_mpoly]]:
        seen: list[fmpq_mpoly] = []

        def choose(switch: fmpq_mpoly) -> int:
            seen.append(switch)
            return signs[len(seen) - 1]

        return evaluate(expression, values, choose, lambda value: context.constant(rational(value))), seen

    smooth = [True] * count
    for kink in range(count):
        for others in product((1, -1), repeat=count - 1):
            above, switches = side((*others[:kink], 1, *others[kink:]))
            below, _ = side((*others[:kink], -1, *others[kink:]))
            square = switches[kink] ** 2
            smooth[kink] &= not square.is_zero() and divmod(above - below, square)[1].is_zero()
    return tuple(smooth)


def smooth_switches(problem: Problem) -> tuple[bool, ...]:
    """For every switch, in the order of the names of strata, whether the loss is continuously differentiable across it."""
    return tuple(_switches(problem))


def _switches(problem: Problem) -> Iterator[bool]:
    points = len(problem.data)
    for layer in problem.network.layers:
        for _ in range(layer.units * points):
            yield from smooth_kinks(layer.activation.expression)
    for _ in range(points):
        yield from smooth_kinks(problem.loss.expression)
    for term in problem.regulariser:
        yield from smooth_kinks(term.expression)


def summands(expression: Expression) -> tuple[int, ...]:
    """For every kink, in the order of `kinks`, the number of the summand that it is in; constant factors of sums are multiplied out."""
    return tuple(number for number, term in enumerate(_terms(expression)) for _ in kinks(term))


def _terms(expression: Expression) -> Iterator[Expression]:
    if isinstance(expression, Sum):
        for term in expression.terms:
            yield from _terms(term)
    elif isinstance(expression, Product) and sum(not isinstance(factor, Constant) for factor in expression.factors) == 1:
        yield from _terms(next(factor for factor in expression.factors if not isinstance(factor, Constant)))
    else:
        yield expression


def summand_switches(problem: Problem) -> tuple[tuple[int, ...] | None, ...]:
    """For every switch, in the order of the names of strata, which summand of the objective or the penalties it is in; `None`: a unit's."""
    found: list[tuple[int, ...] | None] = []
    for layer in problem.network.layers:
        found += [None] * (layer.units * len(problem.data) * sum(1 for _ in kinks(layer.activation.expression)))
    for point in range(len(problem.data)):
        found += [(0, point, number) for number in summands(problem.loss.expression)]
    for at, term in enumerate(problem.regulariser):
        found += [(1, at, number) for number in summands(term.expression)]
    return tuple(found)
