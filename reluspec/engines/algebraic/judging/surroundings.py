"""What the tests of minimality see around a critical set: losses and switches, in its chart, and whether they are the same all along it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from typing import Any

from flint import fmpq_mpoly, fmpq_mpoly_ctx

from reluspec.engines.algebraic.exact.algebraic import Algebraic
from reluspec.engines.algebraic.exact.linear import echelon
from reluspec.engines.algebraic.exact.scalars import Scalars
from reluspec.engines.algebraic.judging.local import ZeroSwitch
from reluspec.engines.algebraic.stationary.charts import Chart, ParityError, Terms, derivative
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet, Shape, field_scalars, on_family, value_at
from reluspec.engines.algebraic.stationary.rescaled_sets import slice_images
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs
from reluspec.systems.surrogate import Surrogate, constant_value, surrogate

PRECISIONS = (128, 512)
VARIES = "the second order varies along a family of critical points"
REGIONS = "regions meet at a point"
MAX_SIDES = 4_096
"""Sign vectors of the switches that vanish at a point, beyond which it is not decided."""


class Surroundings:
    """The loss and the zero switches around a critical set, expanded there."""

    def __init__(self, problem: Problem, signs: Signs, found: CriticalSet) -> None:
        self.problem, self.signs, self.found = problem, signs, found
        self.chart = Chart(found.living)
        self.zeros = [position for position, sign in enumerate(signs.all) if sign == "0"]
        self.images = slice_images(found)
        self.positions = self._slice_positions()
        self._short: dict[str, fmpq_mpoly] = {}

    def _slice_positions(self) -> list[int]:
        """The coordinates of a slice across the critical set: of one that rescalings move, across their orbits, too."""
        size, solved = len(self.found.witness), [k for k, image in enumerate(self.images) if image is not None]
        directions = self.found.flat if self.images else self.found.directions
        left = [[step[k] for k in range(size) if k not in solved] for step in directions]
        reduced = echelon(left, size - len(solved), field_scalars(self.found.field))
        return [k for j, k in enumerate(k for k in range(size) if k not in solved) if j not in reduced.columns]

    @cached_property
    def _exact(self) -> Scalars:
        return field_scalars(self.found.field)

    @cached_property
    def _base(self) -> Surrogate:
        return self._around(self.signs)

    def _around(self, signs: Signs) -> Surrogate:
        """The surrogate with its zero switches as short as they are around the critical set. Raises `StratumError`."""
        local = surrogate(self.problem, signs)
        if self.images:
            moved = [local.context.gen(k) if image is None else local.context.from_dict(image) for k, image in enumerate(self.images)]
            inside = tuple(replace(switch, polynomial=switch.polynomial.compose(*moved)) for switch in local.switches)
            outputs = tuple(tuple(output.compose(*moved) for output in row) for row in local.outputs)
            local = replace(local, loss=local.loss.compose(*moved), switches=inside, outputs=outputs)
        switches = list(local.switches)
        for position in self.zeros:
            switches[position] = replace(switches[position], polynomial=self._shortened(switches[position].polynomial))
        return replace(local, switches=tuple(switches))

    def _shortened(self, polynomial: fmpq_mpoly) -> fmpq_mpoly:
        """A zero switch without the factors that have one sign around the critical set, times that sign.

        The switches of a deeper unit that wakes are w h_i, where the h_i > 0 come from the layer before: all of them are w.
        """
        if polynomial.total_degree() < 2 or self.found.is_curved:
            return polynomial
        key = str(polynomial)
        if key not in self._short:
            content, factors = polynomial.factor()
            sign, kept = 1 if content > 0 else -1, polynomial.context().constant(1)
            for factor, power in factors:
                side = self._constant_sign(factor)
                sign = sign * side if side and power % 2 else sign
                kept = kept if side else kept * factor ** (2 - power % 2)
            self._short[key] = polynomial if kept.is_constant() else sign * kept
        return self._short[key]

    def _constant_sign(self, polynomial: fmpq_mpoly) -> int:
        """The sign around the critical set where it is proved to be one and the same, not zero; else 0.

        A factor of a switch that does not change under the rotations of a curved family does not change, either: rotations permute the
        factors up to numbers, continuously, and these numbers are bounded.
        """
        try:
            terms, sign = self._charted(polynomial)
        except ParityError:
            return 0
        if self._is_affine_family and not self._is_constant(terms, self._shape, polynomial.context()):
            return 0
        value: Algebraic = self._value(terms, self._exact, self.found.witness)
        return sign * value.sign()

    def _zero_switch(
        self, polynomial: fmpq_mpoly, scalars: Scalars, point: Sequence[Any], positions: Sequence[int] | None = None
    ) -> ZeroSwitch:
        terms, sign = self._charted(polynomial)
        chosen = self.positions if positions is None else positions
        gradient = tuple(sign * self._value(derivative(terms, k), scalars, point) for k in chosen)
        if all(min(exponents) >= 0 and sum(exponents) <= 1 for exponents in terms):
            return ZeroSwitch(gradient, None)
        return ZeroSwitch(gradient, [[sign * entry for entry in row] for row in self._hessian(terms, scalars, point, chosen)])

    def _charted(self, polynomial: fmpq_mpoly) -> tuple[Terms, int]:
        """A switch in the chart, up to positive factors, and the sign to multiply it by."""
        image, parity = self.chart.transform(polynomial)
        image = self.chart.cleared(image, polynomial.context()).to_dict()
        sign = 1
        for odd, sigma in zip(parity, self.found.sigma, strict=True):
            sign = sign * sigma if odd else sign
        return image, sign

    def _taylor(
        self, local: Surrogate, scalars: Scalars, point: Sequence[Any], positions: Sequence[int] | None = None
    ) -> tuple[list[Any], list[list[Any]]]:
        loss = self.chart.even(local.loss)
        return list(self._gradient(loss, scalars, point, positions)), self._hessian(loss, scalars, point, positions)

    def _gradient(self, terms: Terms, scalars: Scalars, point: Sequence[Any], positions: Sequence[int] | None = None) -> tuple[Any, ...]:
        chosen = self.positions if positions is None else positions
        return tuple(self._value(derivative(terms, k), scalars, point) for k in chosen)

    def _hessian(self, terms: Terms, scalars: Scalars, point: Sequence[Any], positions: Sequence[int] | None = None) -> list[list[Any]]:
        chosen = self.positions if positions is None else positions
        size = range(len(chosen))
        found: list[list[Any]] = [[None] * len(size) for _ in size]
        for i in size:
            first = derivative(terms, chosen[i])
            for j in range(i + 1):
                found[i][j] = found[j][i] = self._value(derivative(first, chosen[j]), scalars, point)
        return found

    def _value(self, terms: Terms, scalars: Scalars, point: Sequence[Any]) -> Any:
        return value_at(terms, point, scalars.zero)

    @property
    def _is_affine_family(self) -> bool:
        return bool(self.found.flat) and not self.found.is_curved

    def _are_constant(self, local: Surrogate, polynomials: Sequence[fmpq_mpoly]) -> bool:
        """Whether gradients and Hessians of the loss and of these switches are the same along the family, exactly."""
        for terms in (self.chart.even(local.loss), *(self._charted(polynomial)[0] for polynomial in polynomials)):
            for i in self.positions:
                first = derivative(terms, i)
                entries = (first, *(derivative(first, j) for j in self.positions))
                if not all(self._is_constant(entry, self._shape, local.context) for entry in entries):
                    return False
        return True

    @cached_property
    def _shape(self) -> Shape:
        found = self.found
        return Shape(found.field, found.witness, found.flat, found.living, found.singular)

    def _is_constant(self, terms: Terms, shape: Shape, context: fmpq_mpoly_ctx) -> bool:
        """Whether a function of the chart is the same on the whole family; one with negative powers only where no s changes."""
        least = {unit.output: min((exponents[unit.output] for exponents in terms), default=0) for unit in self.found.living}
        if any(power < 0 and any(step[k] != 0 for step in shape.directions) for k, power in least.items()):
            return False
        return on_family(self.chart.cleared(terms, context), shape, 0) is not None


def slope_of(polynomial: fmpq_mpoly) -> tuple[Fraction, ...]:
    """The gradient of an affine polynomial."""
    return tuple(constant_value(polynomial.derivative(k)) or Fraction(0) for k in range(polynomial.context().nvars()))
