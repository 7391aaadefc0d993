"""The forward pass in pieces: one expression at a time, its switches as they come (theory.md section 1).

`surrogate` needs all signs at once; here they are chosen one by one, each with the switch before one's eyes. Where a switch is zero its
kink is 0, not the upper side's multiple of the switch: on the stratum they agree, and later switches become simpler.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import comb, prod

from flint import Ordering, fmpq_mpoly, fmpq_mpoly_ctx

from reluspec.errors import LimitError, ProblemError
from reluspec.problem.definitions import Z
from reluspec.problem.expression import Constant, Expression, Power, Product, Sum, Variable, degree, kinks, substitute
from reluspec.problem.problem import Layer, Problem
from reluspec.regions.signs import Signs, sign_values
from reluspec.systems.surrogate import MAX_TERMS, rational

Polynomial = fmpq_mpoly
Choose = Callable[[Polynomial], int]
Signal = Sequence[Polynomial]
"""The outputs of a layer at one data point."""


class _AskError(Exception):
    """Unwinds an evaluation at the first switch without a sign."""

    def __init__(self, switch: Polynomial) -> None:
        super().__init__()
        self.switch = switch


@dataclass(frozen=True)
class Step:
    """An expression at one place, with the values of its variables and the number of its switches."""

    expression: Expression
    values: Mapping[Variable, Polynomial]
    kinks: int


@dataclass(frozen=True)
class Forward:
    """The ring of a problem's free parameters and the steps of its forward pass. Raises `ProblemError` when there is no parameter."""

    problem: Problem

    def __post_init__(self) -> None:
        if not self.problem.parameters:
            raise ProblemError("every parameter of the network is fixed: there is nothing to minimise")

    @cached_property
    def context(self) -> fmpq_mpoly_ctx:
        return fmpq_mpoly_ctx.get([parameter.symbol for parameter in self.problem.parameters], Ordering.degrevlex)

    @cached_property
    def values(self) -> dict[Variable, Polynomial]:
        """Every parameter, the fixed ones as constants."""
        free = dict(zip(self.problem.parameters, self.context.gens(), strict=True))
        return free | {variable: self.number(value) for variable, value in self.problem.constants().items()}

    def number(self, value: Fraction) -> Polynomial:
        return self.context.constant(rational(value))

    @cached_property
    def inputs(self) -> list[list[Polynomial]]:
        return [[self.number(entry) for entry in point] for point in self.problem.data.x]

    def unit(self, layer: Layer, unit: int, signal: Signal) -> Step:
        """The activation of a unit at one data point."""
        _afford(sum(len(entry) for entry in signal) + 1, 1)
        total = self.values[Variable(f"{layer.name}.bias", (unit,))] if layer.bias else self.number(Fraction(0))
        for k, entry in enumerate(signal):
            total = total + self.values[Variable(f"{layer.name}.weight", (unit, k))] * entry
        _afford(len(total), degree(layer.activation.expression))
        return Step(layer.activation.expression, {Z: total}, len(layer.activation.kinks))

    def objective(self, point: int, output: Signal) -> Step:
        """The objective at one data point."""
        return Step(
            self._objectives[point],
            {Variable("f", (k,)): entry for k, entry in enumerate(output)},
            self.objective_kinks,
        )

    def penalties(self) -> list[Step]:
        return [Step(term.expression, self.values, sum(1 for _ in kinks(term.expression))) for term in self.problem.regulariser]

    @cached_property
    def objective_kinks(self) -> int:
        return sum(1 for _ in kinks(self.problem.loss.expression))

    @cached_property
    def _objectives(self) -> list[Expression]:
        known = ({Variable("y", (k,)): Constant(value) for k, value in enumerate(target)} for target in self.problem.data.y)
        return [substitute(self.problem.loss.expression, dict(values)) for values in known]

    def value(self, step: Step, signs: str) -> Polynomial:
        """What a step evaluates to with all of its signs."""
        sides = iter(sign_values(signs))
        return self._evaluate(step.expression, step.values, lambda _: next(sides))

    def next_switch(self, step: Step, signs: str) -> Polynomial:
        """The switch after those with `signs`."""
        sides = iter(sign_values(signs))

        def choose(switch: Polynomial) -> int:
            side = next(sides, None)
            if side is None:
                raise _AskError(switch)
            return side

        try:
            self._evaluate(step.expression, step.values, choose)
        except _AskError as asked:
            return asked.switch
        raise ValueError("the expression has no further switch")

    def _evaluate(self, expression: Expression, values: Mapping[Variable, Polynomial], choose: Choose) -> Polynomial:
        """`expression.evaluate`, in the same order, with kinks that are 0 where their switch is."""
        if isinstance(expression, Constant):
            return self.number(expression.value)
        if isinstance(expression, Variable):
            return values[expression]
        if isinstance(expression, Sum):
            return sum((self._evaluate(term, values, choose) for term in expression.terms), self.number(Fraction(0)))
        if isinstance(expression, Product):
            return prod((self._evaluate(factor, values, choose) for factor in expression.factors), start=self.number(Fraction(1)))
        if isinstance(expression, Power):
            return self._evaluate(expression.base, values, choose) ** expression.exponent
        argument = self._evaluate(expression.argument, values, choose)
        side = choose(argument)
        slope = expression.above if side > 0 else expression.below
        return self.number(slope if side else Fraction(0)) * argument

    def switches(self, signs: Signs) -> list[tuple[Polynomial, int]]:
        """All switches of a stratum, in the order of the name, with their signs."""
        found: list[tuple[Polynomial, int]] = []
        signals: list[list[Polynomial]] = self.inputs
        for layer, units in zip(self.problem.network.layers, signs.layers, strict=True):
            columns = []
            for unit in range(layer.units):
                sides = iter(sign_values(units[unit] if units else ""))
                columns.append([self._recorded(self.unit(layer, unit, signal), sides, found) for signal in signals])
            signals = [list(row) for row in zip(*columns, strict=True)]
        if self.objective_kinks:
            sides = iter(sign_values(signs.objective))
            for point, output in enumerate(signals):
                self._recorded(self.objective(point, output), sides, found)
        sides = iter(sign_values(signs.penalty))
        for step in self.penalties():
            if step.kinks:
                self._recorded(step, sides, found)
        return found

    def _recorded(self, step: Step, sides: Iterator[int], found: list[tuple[Polynomial, int]]) -> Polynomial:
        def choose(switch: Polynomial) -> int:
            found.append((switch, next(sides)))
            return found[-1][1]

        return self._evaluate(step.expression, step.values, choose)


def _afford(terms: int, power: int) -> None:
    bound = comb(max(terms, 1) + power - 1, power)
    if bound > MAX_TERMS:
        raise LimitError(f"a polynomial of up to {bound:,} terms would arise; the limit is {MAX_TERMS:,}. Use fewer units or layers")
