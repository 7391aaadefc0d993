"""Is a critical set of a stratum made of local minima? (theory.md sections 3 and 4)

Problems of the class in `convexity` are decided by first-order conditions, ties included. All others by first and second order, cell
by cell (`local`), in balls of growing precision and at last in exact numbers. A family is tested on a slice across it, after it has been
proved that the data of the test do not change along it (Morse-Bott).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

from flint import ctx, fmpq_mpoly

from reluspec.engines.algebraic.charts import Chart, ParityError
from reluspec.engines.algebraic.cones import TooManyCells, cells
from reluspec.engines.algebraic.convexity import Homogeneous, dead_unit, homogeneous, living_unit, output_slopes, own_rows
from reluspec.engines.algebraic.forms import Undetermined
from reluspec.engines.algebraic.linear import echelon
from reluspec.engines.algebraic.local import LocalKind, LocalVerdict, ZeroSwitch, local_verdict
from reluspec.engines.algebraic.number_field import Algebraic
from reluspec.engines.algebraic.polyhedra import CriticalSet, Shape, field_scalars, on_family, value_at
from reluspec.engines.algebraic.scalars import BALLS, FRACTIONS, Scalars
from reluspec.errors import StratumError
from reluspec.problem.expression import Variable
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs, sign_values
from reluspec.systems.surrogate import Surrogate, fraction, surrogate

PRECISIONS = (128, 512)
MAX_SIDES = 4_096
"""Sign vectors of the switches that vanish at a point, beyond which it is not decided."""


class Verdict(Enum):
    """What is proved about every point of a critical set."""

    MINIMUM = "minimum"
    NOT_MINIMUM = "not a minimum"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Decision:
    """A verdict; `reason` says why not, and `argument` which test proved it."""

    verdict: Verdict
    argument: str
    reason: str = ""


def decide(problem: Problem, signs: Signs, found: CriticalSet) -> Decision:
    """Whether the points of a critical set of the stratum `signs` are local minima of the loss."""
    data = homogeneous(problem)
    if data is not None and (decision := _by_units(problem, data, signs, found)) is not None:
        return decision
    try:
        return _Local(problem, signs, found).decision()
    except TooManyCells as reason:
        return Decision(Verdict.UNDECIDED, "", str(reason))
    except ParityError:
        return Decision(Verdict.UNDECIDED, "", "an adjacent cell does not share the sign symmetry of the stratum")


def _by_units(problem: Problem, data: Homogeneous, signs: Signs, found: CriticalSet) -> Decision | None:
    """The test of `convexity`, unit by unit; `None` where it does not apply."""
    owner = {unit.output: sigma for unit, sigma in zip(found.living, found.sigma, strict=True)}
    outputs = _outputs(problem, data, signs, found, found.witness)
    for direction in found.directions:
        if any(direction[k] != 0 for unit in found.living for k in unit.incoming):
            return None
        moved = tuple(entry + step for entry, step in zip(found.witness, direction, strict=True))
        if any(a != b for a, b in zip(outputs, _outputs(problem, data, signs, found, moved), strict=True)):
            return None
    slopes = output_slopes(problem, signs, outputs)
    if slopes is None:
        return None
    for position, unit in enumerate(data.units):
        if unit.output in owner:
            directions = [found.witness[k] for k in unit.incoming]
            verdict = living_unit(problem, data, position, owner[unit.output], directions, slopes, signs.layers[0][position])
        elif any(found.witness[k] != 0 for k in unit.parameters):
            return None
        else:
            verdict = dead_unit(problem, data, position, slopes)
        if not verdict.minimal:
            return Decision(Verdict.NOT_MINIMUM, "first order, unit by unit", verdict.reason)
    return Decision(Verdict.MINIMUM, "first order, unit by unit (convex on every adjacent cell)")


def _outputs(problem: Problem, data: Homogeneous, signs: Signs, found: CriticalSet, point: Sequence[Algebraic]) -> list[Algebraic]:
    """The network's output at every data point: `sum s_l phi'_li (u_l . x_i)` plus the bias."""
    output = problem.network.layers[-1]
    bias: Any = 0
    if output.bias:
        name = Variable(f"{output.name}.bias", (0,))
        bias = point[problem.parameters.index(name)] if output.fixed_bias is None else output.fixed_bias[0]
    outputs = [found.field.element(0) + bias for _ in range(len(problem.data))]
    living = {unit.output for unit in found.living}
    for position, unit in enumerate(data.units):
        if unit.output not in living:
            continue
        sides = sign_values(signs.layers[0][position])
        for i, row in enumerate(own_rows(problem, unit)):
            if factor := data.slope(sides[i]) * (sides[i] != 0):
                height = sum((point[k] * x for k, x in zip(unit.incoming, row, strict=True) if x), found.field.element(0))
                outputs[i] = outputs[i] + point[unit.output] * height * factor
    return outputs


class _Local:
    """First and second order at a critical set, in its chart."""

    def __init__(self, problem: Problem, signs: Signs, found: CriticalSet) -> None:
        self.problem, self.signs, self.found = problem, signs, found
        self.chart = Chart(found.living)
        self.flat = signs.all
        self.zeros = [position for position, sign in enumerate(self.flat) if sign == "0"]
        reduced = echelon(found.directions, len(found.witness), field_scalars(found.field))
        self.positions = [k for k in range(len(found.witness)) if k not in reduced.columns]
        self._expanded: dict[tuple[tuple[int, int], ...], Surrogate | None] = {}

    def decision(self) -> Decision:
        """Balls first, exact numbers last."""
        if self.found.singular:
            levels: list[tuple[Scalars, Callable[[Algebraic], Any]]] = []
        else:
            levels = [(BALLS, lambda value, bits=bits: value.ball(bits)) for bits in PRECISIONS]  # type: ignore[misc]
        for bits, (scalars, convert) in zip(PRECISIONS, levels, strict=False):
            with ctx.workprec(bits):
                try:
                    return self._decided(scalars, convert)
                except Undetermined:
                    continue
        return self._decided(field_scalars(self.found.field), lambda value: value)

    def _decided(self, scalars: Scalars, convert: Callable[[Algebraic], Any]) -> Decision:
        point = [convert(value) for value in self.found.witness]
        degenerate = ""
        for side in self._first_sides():
            verdict = self._on_side(side, scalars, point)
            if verdict.kind is LocalKind.NOT_MINIMUM:
                return Decision(Verdict.NOT_MINIMUM, "first and second order", verdict.reason)
            if verdict.kind is LocalKind.DEGENERATE:
                degenerate = degenerate or verdict.reason
        if degenerate:
            return Decision(Verdict.UNDECIDED, "", f"degenerate: {degenerate}")
        if self.found.directions and not self._constant():
            return Decision(Verdict.UNDECIDED, "", "the second order varies along a family of critical points")
        return Decision(Verdict.MINIMUM, "first and second order")

    # Sides

    @cached_property
    def _affine(self) -> list[int]:
        """The zero switches of the first layer: the same affine polynomials on every side."""
        hidden = self.problem.network.layers[0]
        own = hidden.units * len(hidden.activation.kinks) * len(self.problem.data) if len(self.problem.network.layers) > 1 else 0
        return [position for position in self.zeros if position < own and not self._base.switches[position].polynomial.is_constant()]

    @cached_property
    def _base(self) -> Surrogate:
        return surrogate(self.problem, self.signs)

    @cached_property
    def _others(self) -> list[int]:
        """Zero switches that depend on the signs of others."""
        return [position for position in self.zeros if position not in self._affine and not self._always_zero(position)]

    def _always_zero(self, position: int) -> bool:
        """A switch of the first layer at x = 0 without bias; a deeper one is never taken for granted."""
        return position < len(self._first_positions) and self._base.switches[position].polynomial.is_zero()

    @cached_property
    def _first_positions(self) -> range:
        hidden = self.problem.network.layers[0]
        return range(hidden.units * len(hidden.activation.kinks) * len(self.problem.data) if len(self.problem.network.layers) > 1 else 0)

    def _first_sides(self) -> Iterator[dict[int, int]]:
        """The signs of the first layer's zero switches on the cells around; one empty choice where no other switch depends on them."""
        if not self._others:
            yield {}
            return
        rows = [self._row(position) for position in self._affine]
        for sides in cells(rows, len(self.found.witness), FRACTIONS, MAX_SIDES):
            yield dict(zip(self._affine, sides, strict=True))

    def _row(self, position: int) -> tuple[Any, ...]:
        polynomial = self._base.switches[position].polynomial
        return tuple(
            fraction(derivative.leading_coefficient()) if not (derivative := polynomial.derivative(k)).is_zero() else FRACTIONS.zero
            for k in range(len(self.found.witness))
        )

    def _surrogate(self, sides: dict[int, int]) -> Surrogate | None:
        """The surrogate where the zero switches have these signs; `None` where a constant switch contradicts them."""
        key = tuple(sorted(sides.items()))
        if key not in self._expanded:
            flat = list(self.flat)
            for position, side in sides.items():
                flat[position] = "+" if side > 0 else "-"
            try:
                self._expanded[key] = surrogate(self.problem, self.signs.reshaped("".join(flat)))
            except StratumError:
                self._expanded[key] = None
        return self._expanded[key]

    # One side

    def _on_side(self, first: dict[int, int], scalars: Scalars, point: Sequence[Any]) -> LocalVerdict:
        """The test with the first layer's zero switches on one side (or, where no other switch depends on them, on all sides)."""
        base = self._surrogate(dict.fromkeys(self._others, 1) | first)
        if base is None:
            raise StratumError("a switch is constant around a point where it vanishes")
        names = [*self._affine, *self._distinct(base)]
        zero = [self._switch(base, position, scalars, point) for position in names]

        def expansion(sides: tuple[int, ...]) -> tuple[Sequence[Any], Sequence[Sequence[Any]]]:
            return self._taylor(self._all_sides(base, dict(zip(names, sides, strict=True))), scalars, point)

        def kept(sides: tuple[int, ...]) -> bool:
            return all(side == first.get(name, side) for name, side in zip(names, sides, strict=True))

        return local_verdict(len(self.positions), zero, expansion, scalars, stratum_critical=not self.found.singular, kept=kept)

    def _distinct(self, base: Surrogate) -> list[int]:
        """One of each group of the other zero switches that are multiples of each other on this side."""
        return list({_monic(base.switches[position].polynomial): position for position in reversed(self._others)}.values())

    def _all_sides(self, base: Surrogate, sides: dict[int, int]) -> dict[int, int]:
        """The sides of multiples follow those of their representatives."""
        whole = dict(sides)
        for position in self._others:
            polynomial = base.switches[position].polynomial
            for name in sides:
                other = base.switches[name].polynomial
                if position not in whole and _monic(polynomial) == _monic(other):
                    same = polynomial.leading_coefficient() * other.leading_coefficient() > 0
                    whole[position] = sides[name] if same else -sides[name]
        return whole

    def _switch(self, local: Surrogate, position: int, scalars: Scalars, point: Sequence[Any]) -> ZeroSwitch:
        polynomial, sign = self._charted(local.switches[position].polynomial)
        gradient = tuple(sign * self._value(polynomial.derivative(k), scalars, point) for k in self.positions)
        if polynomial.total_degree() <= 1:
            return ZeroSwitch(gradient, None)
        return ZeroSwitch(gradient, [[sign * entry for entry in row] for row in self._hessian(polynomial, scalars, point)])

    def _charted(self, polynomial: fmpq_mpoly) -> tuple[fmpq_mpoly, int]:
        image, parity = self.chart.transform(polynomial)
        sign = 1
        for odd, sigma in zip(parity, self.found.sigma, strict=True):
            sign = sign * sigma if odd else sign
        return image, sign

    def _taylor(self, sides: dict[int, int], scalars: Scalars, point: Sequence[Any]) -> tuple[list[Any], list[list[Any]]]:
        local = self._surrogate(sides)
        if local is None:
            raise StratumError("a switch is constant around a point where it vanishes")
        loss = self.chart.even(local.loss)
        return [self._value(loss.derivative(k), scalars, point) for k in self.positions], self._hessian(loss, scalars, point)

    def _hessian(self, polynomial: fmpq_mpoly, scalars: Scalars, point: Sequence[Any]) -> list[list[Any]]:
        size = range(len(self.positions))
        found: list[list[Any]] = [[None] * len(size) for _ in size]
        for i in size:
            first = polynomial.derivative(self.positions[i])
            for j in range(i + 1):
                found[i][j] = found[j][i] = self._value(first.derivative(self.positions[j]), scalars, point)
        return found

    def _value(self, polynomial: fmpq_mpoly, scalars: Scalars, point: Sequence[Any]) -> Any:
        return value_at(polynomial.to_dict(), point, scalars.zero)

    def _constant(self) -> bool:
        """Whether gradients and Hessians of all sides are the same along the family, exactly."""
        found = self.found
        shape = Shape(found.field, found.witness, found.directions, found.living, found.singular)
        for local in self._expanded.values():
            if local is None:
                continue
            loss = self.chart.even(local.loss)
            switches = [self._charted(local.switches[position].polynomial)[0] for position in self._others]
            for polynomial in (loss, *switches):
                for i in self.positions:
                    first = polynomial.derivative(i)
                    if any(on_family(entry, shape, 0) is None for entry in (first, *(first.derivative(j) for j in self.positions))):
                        return False
        return True


def _monic(polynomial: fmpq_mpoly) -> str:
    return str(polynomial / polynomial.leading_coefficient()) if not polynomial.is_zero() else "0"
