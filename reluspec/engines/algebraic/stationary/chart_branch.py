"""A stratum in one chart: the systems of its critical points, their solutions, and what of them lies in the stratum."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from flint import Ordering, fmpq_mpoly, fmpq_mpoly_ctx

from reluspec.engines.algebraic.exact.algebraic import Algebraic
from reluspec.engines.algebraic.exact.linear import echelon
from reluspec.engines.algebraic.ideals.solving import Groebner, SolutionSet, Solved, solve_system
from reluspec.engines.algebraic.stationary.charts import Chart, ParityError, Terms, Unit, derivative, least_power, plain_units, times_scale
from reluspec.engines.algebraic.stationary.frames import unit_pairs
from reluspec.engines.algebraic.stationary.groups import Frame
from reluspec.engines.algebraic.stationary.lagrange import Lagrange
from reluspec.engines.algebraic.stationary.orbits import Found, orbit_sets
from reluspec.engines.algebraic.stationary.polyhedra import Condition, CriticalSet, Shape, critical_sets, field_scalars, on_family
from reluspec.engines.algebraic.stationary.rescaled_sets import rescaled_sets
from reluspec.engines.algebraic.stationary.rescalings import Slice
from reluspec.engines.algebraic.stationary.restricted import Restricted
from reluspec.engines.algebraic.stationary.rotations import Normal, along, arcs
from reluspec.engines.algebraic.stationary.scalings import conditions
from reluspec.engines.algebraic.stationary.sign_contradictions import contradicts
from reluspec.systems.surrogate import monic_key


@dataclass(frozen=True)
class Critical:
    """All critical points of a stratum: `sets`, unless `unresolved` says why there may be more; `systems` counts those solved.

    `left_out`: critical points that are not minima, by second order, may not be among the sets. `symmetries`: the sets are in charts that
    divide out sign symmetries.
    """

    sets: tuple[CriticalSet, ...]
    unresolved: str
    systems: int
    left_out: bool = False
    symmetries: bool = False


class ChartBranch:
    """A stratum in one chart; `off`: the units whose output weight is zero; `normal`: a normal form of rotated or rescaled units."""

    def __init__(
        self,
        stratum: Restricted,
        chart: Chart,
        off: Sequence[Unit],
        normal: Normal | Frame | Slice | None = None,
        second_order: bool = False,
    ) -> None:
        self.stratum = stratum
        self.chart = chart
        self.normal = normal
        self.second_order = second_order
        self.off = (*(unit.output for unit in off), *(normal.zeros if normal else ()))
        self.positions = stratum.free
        self.active = tuple(k for k in stratum.free if k not in self.off)
        names = [f"t{k}" for k in self.active] + [f"m{j}" for j in range(len(stratum.constraints))]
        self.context = fmpq_mpoly_ctx.get(names, Ordering.degrevlex)
        # One context for the parameters and the multipliers, before the parameters that are zero here are dropped.
        every = [f"p{k}" for k in range(len(stratum.images))] + [f"m{j}" for j in range(len(stratum.constraints))]
        self._wide = fmpq_mpoly_ctx.get(every, Ordering.degrevlex)

    def _widened(self, terms: Terms) -> Terms:
        extra = (0,) * len(self.stratum.constraints)
        return {(*exponents, *extra): value for exponents, value in terms.items()}

    def _narrowed(self, polynomial: fmpq_mpoly) -> fmpq_mpoly:
        """Drop the terms with a parameter that is zero in this branch, and forget the parameters that are not active."""
        count = len(self.stratum.images)
        kept = {
            (*(exponents[k] for k in self.active), *exponents[count:]): value
            for exponents, value in polynomial.to_dict().items()
            if not any(exponents[k] for k in self.off)
        }
        return self.context.from_dict(kept)

    def _cleared(self, terms: Terms) -> fmpq_mpoly:
        return self.chart.cleared(terms, self._wide)

    def systems(self) -> Iterator[tuple[list[fmpq_mpoly], bool]]:
        """The systems to be solved: Lagrange's, and one for every way in which the gradients of the constraints may be dependent."""
        zeros = (*self.stratum.constraints, *self.stratum.equations)
        common = self._charted(zeros)
        lagrange = Lagrange(self.chart, self._wide, self.stratum.loss, self.stratum.constraints, self.positions)
        for equations, singular in lagrange.systems():
            further = self._charted(conditions(self.stratum.loss, zeros, self.positions)) if singular else []
            yield [*equations, *common, *further], singular

    def _charted(self, polynomials: Sequence[fmpq_mpoly]) -> list[fmpq_mpoly]:
        return [self._cleared(self._widened(self.chart.transform(polynomial)[0])) for polynomial in polynomials]

    def critical(self, equations: Sequence[fmpq_mpoly], singular: bool, groebner: Groebner) -> Critical:
        """What one of the systems has for solutions in the stratum."""
        solved = self.solve(equations, groebner, singular)
        parts = [self._found(shape) for shape in (self.shape(solution, singular) for solution in solved.sets)]
        return Critical(
            tuple(one for part in parts for one in part.sets),
            "; ".join(dict.fromkeys(reason for reason in (solved.unresolved, *(part.reason for part in parts)) if reason)),
            1,
            solved.left_out or any(part.left_out for part in parts),
        )

    def _found(self, shape: Shape | None) -> Found:
        """What lies in the stratum of a solution, or of the orbit through it."""
        if shape is None:
            return Found(reason="a family of critical points is not affine")
        if isinstance(self.normal, Frame):
            return orbit_sets(self.stratum, self.conditions, shape, self.normal)
        if isinstance(self.normal, Slice):
            sets, reason = rescaled_sets(shape, self.conditions, self.normal)
        elif self.normal is None or self.normal.pivot is None:
            sets, reason = critical_sets(shape, self.conditions)
        elif shape.directions:
            sets, reason = [], "a family of circles of critical points"
        elif shape.point[self.normal.pivot].sign() > 0:
            # Of the two points of the normal form on each circle the one with a positive pivot.
            sets, reason = arcs(shape, self.conditions, self.normal.pairs)
        else:
            return Found()
        return Found(tuple(sets), reason)

    @property
    def _never_zero(self) -> list[fmpq_mpoly]:
        """What is not zero at the points looked for: in a normal form the pivot and what rotations leave as it is."""
        kept = [condition.polynomial for condition in self.conditions]
        context = self.stratum.surrogate.context
        if isinstance(self.normal, Frame):
            turns = [pairs for group in self.normal.groups for pairs in unit_pairs(group)]
            kept = [polynomial for polynomial in kept if all(along(polynomial, pairs).is_zero() for pairs in turns)]
            kept += [context.gen(pivot) for pivot in self.normal.pivots]
        elif isinstance(self.normal, Normal) and self.normal.pivot is not None:
            kept = [polynomial for polynomial in kept if along(polynomial, self.normal.pairs).is_zero()]
            kept.append(context.gen(self.normal.pivot))
        return kept

    def solve(self, equations: Sequence[fmpq_mpoly], groebner: Groebner, singular: bool) -> Solved:
        never_zero = [self._narrowed(self._wide.from_dict(self._widened(polynomial.to_dict()))) for polynomial in self._never_zero]
        if any(polynomial.is_zero() for polynomial in never_zero):
            return Solved((), "")
        narrow = self.equations(equations)
        hessian = self._hessian if self.second_order and not singular else []
        solved = solve_system(self.context, narrow, never_zero, groebner, hessian=hessian)
        if solved.open and self.normal is None and all(self._is_outside(ideal, groebner) for ideal in solved.open):
            return replace(solved, unresolved="", open=())
        if solved.unresolved and self._outputs:
            # Along a family the network's outputs tend to be fixed: as unknowns of their own they leave the rest affine.
            names = [*self.context.names(), *(f"f{i}" for i in range(len(self._outputs)))]
            larger = fmpq_mpoly_ctx.get(names, Ordering.degrevlex)
            added = larger.gens()[self.context.nvars() :]
            given = [polynomial.project_to_context(larger) - f for polynomial, f in zip(self._outputs, added, strict=True)]
            wider = [polynomial.project_to_context(larger) for polynomial in narrow]
            again = solve_system(
                larger,
                [*wider, *given],
                [polynomial.project_to_context(larger) for polynomial in never_zero],
                groebner,
                hessian=[[entry.project_to_context(larger) for entry in row] for row in hessian],
            )
            solved = solved if again.unresolved else again
        return solved

    def _is_outside(self, ideal: Sequence[fmpq_mpoly], groebner: Groebner) -> bool:
        """Whether no zero of an ideal is in the stratum, as far as signs modulo the ideal tell."""
        polynomials = [self._narrowed(self._wide.from_dict(self._widened(one.polynomial.to_dict()))) for one in self.conditions]
        inner = [ideal[0].context().from_dict(polynomial.to_dict()) for polynomial in polynomials]
        return contradicts(ideal, list(zip(self.conditions, inner, strict=True)), len(self.chart.living), groebner)

    @cached_property
    def _hessian(self) -> list[list[fmpq_mpoly]]:
        """The loss's second derivatives on the stratum, times a positive function; none where constraints are left.

        There its restriction to the stratum has another one, and across smooth kinks it has one on each side.
        """
        if self.stratum.constraints or self.stratum.equations:
            return []
        loss = self.chart.even(self.stratum.loss)
        rows = [[derivative(derivative(loss, i), j) for j in self.positions] for i in self.positions]
        for unit in self.chart.living:
            least = least_power((exponents for row in rows for terms in row for exponents in terms), unit)
            rows = [[times_scale(terms, unit, -least) for terms in row] for row in rows]
        return [[self._narrowed(self._wide.from_dict(self._widened(terms))) for terms in row] for row in rows]

    @cached_property
    def _outputs(self) -> list[fmpq_mpoly]:
        """The outputs that are not affine in the active coordinates, as far as they are polynomials in them, each once."""
        found: dict[str, fmpq_mpoly] = {}
        for output in (polynomial for outputs in self.stratum.surrogate.outputs for polynomial in outputs):
            try:
                terms, parity = self.chart.transform(output.compose(*self.stratum.images))
            except ParityError:
                continue
            if any(parity) or any(exponents[unit.output] < 0 for exponents in terms for unit in self.chart.living):
                continue
            polynomial = self._narrowed(self._wide.from_dict(self._widened(terms)))
            if polynomial.total_degree() > 1:
                found.setdefault(monic_key(polynomial), polynomial)
        return list(found.values())

    def equations(self, equations: Sequence[fmpq_mpoly]) -> list[fmpq_mpoly]:
        """Those of `systems`, in the ring of the active parameters and multipliers, with those of a slice."""
        pins = self.normal.pins if isinstance(self.normal, Slice) else ()
        fixed = [self._narrowed(self._wide.from_dict(self._widened(pin.inside.to_dict()))) - pin.value for pin in pins]
        return [*(self._narrowed(equation) for equation in equations), *fixed]

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        """What puts a point of the chart into the stratum."""
        units = range(len(self.chart.living))
        context = self.stratum.surrogate.context
        alive = [
            Condition(f"alive {place}", 1, context.gen(unit.output), tuple(int(unit.plain and j == place) for j in units))
            for place, unit in enumerate(self.chart.living)
        ]
        strict = []
        for position, wanted, polynomial in self.stratum.strict:
            terms, parity = self.chart.transform(polynomial)
            strict.append(Condition(str(position), wanted, self.chart.cleared(terms, context), parity))
        return (*alive, *strict)

    def shape(self, solution: SolutionSet, singular: bool) -> Shape | None:
        """The solutions as an affine space in the coordinates of all parameters; `None` where they are none there."""
        whole = {unit.output: unit for unit in (*plain_units(self.stratum.surrogate.problem), *self.stratum.units)}
        living = tuple(self._completed(whole[unit.output], unit) for unit in self.chart.living)
        zero = solution.field.element(0)
        known = Shape(
            solution.field,
            self._placed(solution.point, zero),
            tuple(self._placed(direction, zero) for direction in solution.directions),
            living,
            singular,
        )
        rows = [self._row(k, image, known) for k, image in enumerate(self.stratum.images)]
        if any(row is None for row in rows):
            return None
        point, *directions = zip(*(row for row in rows if row is not None), strict=True)
        # Multipliers that are not unique add directions along which no parameter moves.
        reduced = echelon(directions, len(point), field_scalars(solution.field))
        return replace(known, point=tuple(point), directions=tuple(reduced.rows))

    def _row(self, position: int, image: fmpq_mpoly, known: Shape) -> list[Algebraic] | None:
        """A parameter's coordinate on an affine space, `None` where it is not affine there."""
        if position in self.positions:
            return on_family(image, known, 1)
        terms, _ = self.chart.expanded(image)
        for unit, full in zip(self.chart.living, known.living, strict=True):
            if position in full.products:  # w = terms * a, v = w a
                terms = times_scale(terms, unit)
        if any(exponents[unit.output] < 0 for exponents in terms for unit in self.chart.living):
            return None
        return on_family(image.context().from_dict(terms), known, 1)

    def _completed(self, whole: Unit, unit: Unit) -> Unit:
        """The unit with its eliminated parameters: products where they are combinations of products; in a plain chart those alone."""
        if not unit.incoming:
            return unit
        images = self.stratum.images
        given = {k for k in whole.incoming if any(images[k].degrees()[j] for j in unit.products)}
        incoming = tuple(k for k in whole.incoming if k in given) if unit.plain else whole.incoming
        return replace(whole, incoming=incoming, products=frozenset(given))

    def _placed(self, values: Sequence[Algebraic], zero: Algebraic) -> tuple[Algebraic, ...]:
        known = [zero] * len(self.stratum.images)
        for k, value in zip(self.active, values, strict=False):
            known[k] = value
        return tuple(known)
