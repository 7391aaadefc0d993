"""The critical points of one stratum, all of them: equations in charts, exact solutions, signs (theory.md sections 3 and 6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from flint import Ordering, fmpq_mpoly, fmpq_mpoly_ctx

from reluspec.engines.algebraic.charts import Chart, Unit, branches, charted_units
from reluspec.engines.algebraic.linear import echelon
from reluspec.engines.algebraic.number_field import Algebraic
from reluspec.engines.algebraic.polyhedra import Condition, CriticalSet, Shape, covers, critical_sets, field_scalars, on_family
from reluspec.engines.algebraic.restricted import Restricted, restrictions
from reluspec.engines.algebraic.solving import Groebner, SolutionSet, Solved, flint_basis, solve_system
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs


@dataclass(frozen=True)
class Critical:
    """All critical points of a stratum: `sets`, unless `unresolved` says why there may be more; `systems` counts those solved."""

    sets: tuple[CriticalSet, ...]
    unresolved: str
    systems: int


def critical_points(problem: Problem, signs: Signs, groebner: Groebner = flint_basis) -> Critical:
    """The critical points of the loss on a stratum.

    Local minima in the stratum are among them: points where the gradient of the surrogate is a combination of those of the zero switches,
    and, where these gradients may be dependent, the points where they are. Raises `SolvingLimit` and `LimitError` past the limits.
    """
    sets: list[CriticalSet] = []
    reasons: list[str] = []
    systems = 0
    for branch in _branches(problem, signs, groebner):
        for equations, singular in branch.systems():
            solved = branch.solve(equations, groebner)
            systems += 1
            reasons += [solved.unresolved] if solved.unresolved else []
            for solution in solved.sets:
                shape = branch.shape(solution, singular)
                found, reason = critical_sets(shape, branch.conditions) if shape else ([], "a family of critical points is not affine")
                sets += found
                reasons += [reason] if reason else []
    return Critical(_different(sets), "; ".join(dict.fromkeys(reasons)), systems)


def stratum_systems(problem: Problem, signs: Signs) -> Iterator[tuple[int, list[fmpq_mpoly]]]:
    """The systems that `critical_points` solves: number of unknowns, equations."""
    for branch in _branches(problem, signs, flint_basis):
        for equations, _ in branch.systems():
            yield branch.context.nvars(), branch.equations(equations)


def _branches(problem: Problem, signs: Signs, groebner: Groebner) -> Iterator[_Branch]:
    for stratum in restrictions(problem, signs, groebner):
        for living, off in branches(charted_units(stratum.units, stratum.polynomials, stratum.free)):
            yield _Branch(stratum, Chart(living), off)


def _different(sets: Sequence[CriticalSet]) -> tuple[CriticalSet, ...]:
    """Without isolated points that were found twice: on two pieces of the stratum, or as regular and as singular ones."""
    kept: list[CriticalSet] = []
    for found in sorted(sets, key=lambda one: (-one.dimension, one.singular)):
        if not any(covers(other, found) for other in kept):
            kept.append(found)
    return tuple(kept)


class _Branch:
    """A stratum in one chart; `off` are the units whose output weight is zero in it."""

    def __init__(self, stratum: Restricted, chart: Chart, off: Sequence[Unit]) -> None:
        self.stratum = stratum
        self.chart = chart
        self.off = tuple(unit.output for unit in off)
        self.positions = stratum.free
        self.active = tuple(k for k in stratum.free if k not in self.off)
        names = [f"t{k}" for k in self.active] + [f"m{j}" for j in range(len(stratum.constraints))]
        self.context = fmpq_mpoly_ctx.get(names, Ordering.degrevlex)
        # One context for the parameters and the multipliers, before the parameters that are zero here are dropped.
        every = [f"p{k}" for k in range(len(stratum.images))] + [f"m{j}" for j in range(len(stratum.constraints))]
        self._wide = fmpq_mpoly_ctx.get(every, Ordering.degrevlex)

    def _widened(self, polynomial: fmpq_mpoly) -> fmpq_mpoly:
        extra = (0,) * len(self.stratum.constraints)
        return self._wide.from_dict({(*exponents, *extra): value for exponents, value in polynomial.to_dict().items()})

    def _narrowed(self, polynomial: fmpq_mpoly) -> fmpq_mpoly:
        """Drop the terms with a parameter that is zero in this branch, and forget the parameters that are not active."""
        count = len(self.stratum.images)
        kept = {
            (*(exponents[k] for k in self.active), *exponents[count:]): value
            for exponents, value in polynomial.to_dict().items()
            if not any(exponents[k] for k in self.off)
        }
        return self.context.from_dict(kept)

    @cached_property
    def _constraints(self) -> list[tuple[fmpq_mpoly, fmpq_mpoly]]:
        """Each constraint in the chart: as it is, and times the squares of output weights that make it even in every unit."""
        found = []
        for polynomial in self.stratum.constraints:
            image, parity = self.chart.transform(polynomial)
            even = image
            for unit, odd in zip(self.chart.living, parity, strict=True):
                even = even * self.stratum.surrogate.context.gen(unit.output) if odd else even
            found.append((image, even))
        return found

    def systems(self) -> Iterator[tuple[list[fmpq_mpoly], bool]]:
        """The systems to be solved: Lagrange's, and one for every way in which the gradients of the constraints may be dependent.

        Lagrange's function takes the even form of a constraint: where the constraint vanishes that only rescales its multiplier.
        """
        count = len(self.stratum.images)
        multipliers = self._wide.gens()[count:]
        even = [self._widened(polynomial) for _, polynomial in self._constraints]
        common = [self._widened(image) for image, _ in self._constraints]
        common += [self._widened(self.chart.transform(polynomial)[0]) for polynomial in self.stratum.equations]
        lagrange = self._widened(self.chart.even(self.stratum.loss))
        for multiplier, polynomial in zip(multipliers, even, strict=True):
            lagrange = lagrange + multiplier * polynomial
        yield [*self.chart.gradient(lagrange, self.positions), *common], False
        for first in range(len(even)):
            fixed = [*(multipliers[j] for j in range(first)), multipliers[first] - 1]
            dependent = self._wide.constant(0)
            for multiplier, polynomial in zip(multipliers[first:], even[first:], strict=True):
                dependent = dependent + multiplier * polynomial
            yield [*self.chart.gradient(dependent, self.positions), *common, *fixed], True

    def solve(self, equations: Sequence[fmpq_mpoly], groebner: Groebner) -> Solved:
        never_zero = [self._narrowed(self._widened(condition.polynomial)) for condition in self.conditions]
        if any(polynomial.is_zero() for polynomial in never_zero):
            return Solved((), "")
        return solve_system(self.context, self.equations(equations), never_zero, groebner)

    def equations(self, equations: Sequence[fmpq_mpoly]) -> list[fmpq_mpoly]:
        """Those of `systems`, in the ring of the active parameters and multipliers."""
        return [self._narrowed(equation) for equation in equations]

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        """What puts a point of the chart into the stratum."""
        units = range(len(self.chart.living))
        context = self.stratum.surrogate.context
        alive = [Condition(f"alive {unit}", 1, context.gen(self.chart.living[unit].output), (0,) * len(units)) for unit in units]
        strict = [
            Condition(str(position), wanted, *self.chart.transform(polynomial)) for position, wanted, polynomial in self.stratum.strict
        ]
        return (*alive, *strict)

    def shape(self, solution: SolutionSet, singular: bool) -> Shape | None:
        """The solutions as an affine space in the coordinates of all parameters; `None` where they are none there."""
        whole = {unit.output: unit for unit in self.stratum.units}
        living = tuple(whole[unit.output] for unit in self.chart.living)
        zero = solution.field.element(0)
        known = Shape(
            solution.field,
            self._placed(solution.point, zero),
            tuple(self._placed(direction, zero) for direction in solution.directions),
            living,
            singular,
        )
        # An eliminated parameter of a living unit is of degree one in the others: its coordinate in the chart is the same polynomial.
        rows = [on_family(image, known, 1) for image in self.stratum.images]
        if any(row is None for row in rows):
            return None
        point, *directions = zip(*(row for row in rows if row is not None), strict=True)
        # Multipliers that are not unique add directions along which no parameter moves.
        reduced = echelon(directions, len(point), field_scalars(solution.field))
        return replace(known, point=tuple(point), directions=tuple(reduced.rows))

    def _placed(self, values: Sequence[Algebraic], zero: Algebraic) -> tuple[Algebraic, ...]:
        known = [zero] * len(self.stratum.images)
        for k, value in zip(self.active, values, strict=False):
            known[k] = value
        return tuple(known)
