"""The critical equations of a stratum in a chart: derivatives by the parameters or by the coordinates, whichever are shorter.

Let Phi be the chart, a diffeomorphism where no s vanishes. The derivatives of `L o Phi` by the coordinates are `DPhi^T` times those of L by
the parameters, and DPhi is invertible: both vanish together. In directions the latter are shorter and of lower degree; Groebner bases from
them were found up to some hundred times sooner. In products the former are: `a dL/da = 2 s dL/ds + v dL/dv` has zeros at s = 0 besides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flint import fmpq_mpoly, fmpq_mpoly_ctx

from reluspec.engines.algebraic.stationary.charts import Chart, derivative


@dataclass(frozen=True)
class Lagrange:
    """Lagrange's function of `loss` under `constraints` (in the parameters), to be differentiated at `positions`.

    `wide` is the ring of all parameters and, after them, one multiplier for each constraint.
    """

    chart: Chart
    wide: fmpq_mpoly_ctx
    loss: fmpq_mpoly
    constraints: Sequence[fmpq_mpoly]
    positions: Sequence[int]

    def systems(self) -> Iterator[tuple[list[fmpq_mpoly], bool]]:
        """Stationarity, and one system for every way in which the gradients of the constraints may be dependent (marked `True`)."""
        multipliers = self.wide.gens()[self.wide.nvars() - len(self.constraints) :]
        factors = [multiplier * self._scale(q) for multiplier, q in zip(multipliers, self.constraints, strict=True)]
        weighted = list(zip(factors, self.constraints, strict=True))
        yield self._gradient([(self.wide.constant(1), self.loss), *weighted]), False
        for first in range(len(weighted)):
            fixed = [*multipliers[:first], multipliers[first] - 1]
            yield [*self._gradient(weighted[first:]), *fixed], True

    def _gradient(self, combination: Sequence[tuple[fmpq_mpoly, fmpq_mpoly]]) -> list[fmpq_mpoly]:
        """The derivatives of `sum_j factor_j polynomial_j`, a factor counting as a constant: its polynomial vanishes or it is one."""
        if any(unit.products for unit in self.chart.living):
            total = sum((factor * self._widened(polynomial) for factor, polynomial in combination), self.wide.constant(0))
            terms = self.chart.even(total)
            return [self.chart.cleared(derivative(terms, k), self.wide) for k in self.positions]
        found = []
        for k in self.positions:
            total = self.wide.constant(0)
            for factor, polynomial in combination:
                total = total + factor * self._widened(polynomial.derivative(k))
            found.append(self.chart.cleared(self.chart.transform(total)[0], self.wide))
        return found

    def _widened(self, polynomial: fmpq_mpoly) -> fmpq_mpoly:
        extra = (0,) * len(self.constraints)
        return self.wide.from_dict({(*exponents, *extra): value for exponents, value in polynomial.to_dict().items()})

    def _scale(self, constraint: fmpq_mpoly) -> fmpq_mpoly:
        """The output weights that make a constraint even in every unit.

        Where the constraint vanishes its gradient times a factor that does not vanish is that of the product.
        """
        factor = self.wide.constant(1)
        for unit, odd in zip(self.chart.living, self.chart.transform(constraint)[1], strict=True):
            factor = factor * self.wide.gen(unit.output) if odd else factor
        return factor
