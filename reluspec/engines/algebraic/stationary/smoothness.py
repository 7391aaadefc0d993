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

from reluspec.problem.expression import Expression, evaluate, kinks, variables
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
