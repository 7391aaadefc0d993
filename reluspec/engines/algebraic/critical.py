"""The critical points of one stratum, all of them: equations in charts, exact solutions, signs (theory.md sections 3 and 6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import chain

from flint import Ordering, fmpq_mpoly, fmpq_mpoly_ctx

from reluspec.engines.algebraic.attempts import first_found
from reluspec.engines.algebraic.charts import (
    Chart,
    ParityError,
    Terms,
    Unit,
    all_products,
    branches,
    charted_units,
    times_scale,
)
from reluspec.engines.algebraic.enclosures import BITS, contains, theta_balls
from reluspec.engines.algebraic.lagrange import Lagrange
from reluspec.engines.algebraic.linear import echelon
from reluspec.engines.algebraic.number_field import Algebraic
from reluspec.engines.algebraic.polyhedra import Condition, CriticalSet, Shape, covers, critical_sets, field_scalars, on_family
from reluspec.engines.algebraic.restricted import Restricted, restrictions
from reluspec.engines.algebraic.rotations import Normal, along, arcs, normal_forms, rotated_pairs
from reluspec.engines.algebraic.sign_symmetries import Symmetric, symmetric
from reluspec.engines.algebraic.solving import Groebner, SolutionSet, Solved, SolvingLimit, flint_basis, solve_system
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs
from reluspec.systems.surrogate import monic_key


@dataclass(frozen=True)
class Critical:
    """All critical points of a stratum: `sets`, unless `unresolved` says why there may be more; `systems` counts those solved.

    `symmetries`: the sets are in charts that divide out sign symmetries.
    """

    sets: tuple[CriticalSet, ...]
    unresolved: str
    systems: int
    symmetries: bool = False


def critical_points(problem: Problem, signs: Signs, groebner: Groebner = flint_basis, *, symmetries: bool = True) -> Critical:
    """The critical points of the loss on a stratum; without `symmetries`, sign symmetries other than those of output weights are not used.

    Local minima in the stratum are among them: points where the gradient of the surrogate is a combination of those of the zero switches,
    and, where these gradients may be dependent, the points where they are. Raises `SolvingLimit` and `LimitError` past the limits.
    """
    pieces = list(restrictions(problem, signs, groebner))
    charted = _charted(pieces, signs) if symmetries else []
    ways = [*(partial(_by_symmetries, piece) for piece in charted), partial(_plainly, pieces, signs)]
    return first_found(ways, groebner, lambda found: not found.unresolved)


def _plainly(pieces: Sequence[Restricted], signs: Signs, groebner: Groebner) -> Critical:
    """The critical points in the charts of output weights, or circle by circle. Raises `SolvingLimit`."""
    sets: list[CriticalSet] = []
    reasons: list[str] = []
    systems = 0
    for stratum in pieces:
        found = _by_rotations(stratum, signs, groebner)
        if found is None or found.unresolved:
            found = _solved(_branches(stratum), groebner)
        sets += found.sets
        systems += found.systems
        reasons += [found.unresolved] if found.unresolved else []
    different = _different(sets)
    if _overlapping(different):
        reasons.append("a critical point cannot be told from one of a family")
    return Critical(different, "; ".join(dict.fromkeys(reasons)), systems)


def _overlapping(sets: Sequence[CriticalSet]) -> bool:
    """Whether a point may lie in a family that was found in another way (on another piece, or as singular points)."""
    families = [found for found in sets if found.directions]
    points = [theta_balls(found, found.witness, BITS) for found in sets if not found.directions] if families else []
    return any(contains(family, theta, BITS) for family in families for theta in points)


def _charted(pieces: Sequence[Restricted], signs: Signs) -> list[Symmetric]:
    """A stratum that is one piece with charts for all its sign symmetries, if these are more than output weights have by themselves.

    Circles have normal forms of their own.
    """
    if len(pieces) != 1:
        return []
    (stratum,) = pieces
    usual = charted_units(stratum.units, stratum.polynomials, stratum.free)
    charted = symmetric(stratum)
    return [] if len(charted[0].charted) <= len(usual) or rotated_pairs(stratum, signs.layers) else charted


def _by_symmetries(piece: Symmetric, groebner: Groebner) -> Critical:
    """The critical points in these charts. Raises `SolvingLimit`, also where they are not isolated: families have their own charts."""
    found = _solved(_by_signs(piece), groebner)
    if found.unresolved or any(one.directions for one in found.sets):
        raise SolvingLimit("critical points that are not isolated, in charts of sign symmetries")
    return replace(found, sets=_different(found.sets), symmetries=True)


def _by_signs(piece: Symmetric) -> Iterator[list[_Branch]]:
    """A chart for every choice of the pivots that are not zero."""
    for living, off in branches(piece.charted):
        yield [_Branch(piece, Chart(living), off)]


def _by_rotations(stratum: Restricted, signs: Signs, groebner: Groebner) -> Critical | None:
    """The critical points of a piece, circle by circle, if there are two units, and no more, that can be rotated into each other."""
    rotations = rotated_pairs(stratum, signs.layers)
    if len(rotations) != 1:
        return None
    normals = list(normal_forms(stratum, rotations[0]))
    try:
        return _solved((charts for normal in normals for charts in _branches(stratum, normal)), groebner)
    except SolvingLimit:
        return None


def _solved(branches_of_one: Iterable[list[_Branch]], groebner: Groebner) -> Critical:
    """The critical points in all branches of a piece."""
    sets: list[CriticalSet] = []
    reasons: list[str] = []
    systems = 0
    for charts in branches_of_one:
        # One and the same system in each of the charts.
        for equations in zip(*(branch.systems() for branch in charts), strict=True):
            found = _first_solved([(branch, *one) for branch, one in zip(charts, equations, strict=True)], groebner)
            sets += found.sets
            systems += found.systems
            reasons += [found.unresolved] if found.unresolved else []
    return Critical(tuple(sets), "; ".join(dict.fromkeys(reasons)), systems)


def _first_solved(attempts: Sequence[tuple[_Branch, list[fmpq_mpoly], bool]], groebner: Groebner) -> Critical:
    """The outcome in the first chart in which the system is solved, else the last one."""
    outcome, limit = None, None
    for count, (branch, equations, singular) in enumerate(attempts, 1):
        try:
            outcome = replace(branch.critical(equations, singular, groebner), systems=count)
        except SolvingLimit as reached:
            limit = reached
            continue
        if not outcome.unresolved:
            return outcome
    if outcome is None:
        raise limit or SolvingLimit("no chart")
    return outcome


def stratum_systems(problem: Problem, signs: Signs) -> Iterator[tuple[int, list[fmpq_mpoly]]]:
    """The systems that `critical_points` solves first: number of unknowns, equations."""
    pieces = list(restrictions(problem, signs, flint_basis))
    charts = [_by_signs(piece) for piece in _charted(pieces, signs)[:1]]
    for stratum in () if charts else pieces:
        rotations = rotated_pairs(stratum, signs.layers)
        normals = list(normal_forms(stratum, rotations[0])) if len(rotations) == 1 else [None]
        charts += [_branches(stratum, normal) for normal in normals]
    for branch, *_ in chain.from_iterable(charts):
        for equations, _ in branch.systems():
            yield branch.context.nvars(), branch.equations(equations)


def _branches(stratum: Restricted, normal: Normal | None = None) -> Iterator[list[_Branch]]:
    """For every choice of living units, the charts to be tried.

    One living unit: products first, they have the lowest degrees. Several: directions first, in which what the units share is affine.
    """
    for living, off in branches(_unmixed(stratum, charted_units(stratum.units, stratum.polynomials, stratum.free))):
        units = [living] if all_products(living) == living else [all_products(living), living]
        yield [_Branch(stratum, Chart(chosen), off, normal) for chosen in (units if len(living) == 1 else reversed(units))]


def _unmixed(stratum: Restricted, units: Sequence[Unit]) -> list[Unit]:
    """No products in a unit one of whose eliminated parameters is a combination of products and directions."""
    kept = []
    for unit in units:
        whole = next(full for full in stratum.units if full.output == unit.output)
        used = [{j in unit.products for j in unit.incoming if stratum.images[k].degrees()[j]} for k in whole.incoming]
        kept.append(replace(unit, products=frozenset()) if any(len(kinds) > 1 for kinds in used) else unit)
    return kept


def _different(sets: Sequence[CriticalSet]) -> tuple[CriticalSet, ...]:
    """Without isolated points that were found twice: on two pieces of the stratum, or as regular and as singular ones."""
    kept: list[CriticalSet] = []
    for found in sorted(sets, key=lambda one: (-one.dimension, one.singular)):
        if not any(covers(other, found) for other in kept):
            kept.append(found)
    return tuple(kept)


class _Branch:
    """A stratum in one chart; `off` are the units whose output weight is zero in it, `normal` a normal form of rotated units."""

    def __init__(self, stratum: Restricted, chart: Chart, off: Sequence[Unit], normal: Normal | None = None) -> None:
        self.stratum = stratum
        self.chart = chart
        self.normal = normal
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
        common = [self._cleared(self._widened(self.chart.transform(polynomial)[0])) for polynomial in zeros]
        lagrange = Lagrange(self.chart, self._wide, self.stratum.loss, self.stratum.constraints, self.positions)
        for equations, singular in lagrange.systems():
            yield [*equations, *common], singular

    def critical(self, equations: Sequence[fmpq_mpoly], singular: bool, groebner: Groebner) -> Critical:
        """What one of the systems has for solutions in the stratum."""
        sets: list[CriticalSet] = []
        solved = self.solve(equations, groebner)
        reasons = [solved.unresolved] if solved.unresolved else []
        for solution in solved.sets:
            shape = self.shape(solution, singular)
            found, reason = self._sets(shape) if shape else ([], "a family of critical points is not affine")
            sets += found
            reasons += [reason] if reason else []
        return Critical(tuple(sets), "; ".join(dict.fromkeys(reasons)), 1)

    def _sets(self, shape: Shape) -> tuple[list[CriticalSet], str]:
        """What lies in the stratum of a solution, or of the circle through it."""
        if self.normal is None or self.normal.pivot is None:
            return critical_sets(shape, self.conditions)
        if shape.directions:
            return [], "a family of circles of critical points"
        # Of the two points of the normal form on each circle the one with a positive pivot.
        return arcs(shape, self.conditions, self.normal.pairs) if shape.point[self.normal.pivot].sign() > 0 else ([], "")

    @property
    def _never_zero(self) -> list[fmpq_mpoly]:
        """What is not zero at the points looked for: in a normal form the pivot and what rotations leave as it is."""
        kept = [condition.polynomial for condition in self.conditions]
        if self.normal is not None and self.normal.pivot is not None:
            kept = [polynomial for polynomial in kept if along(polynomial, self.normal.pairs).is_zero()]
            kept.append(self.stratum.surrogate.context.gen(self.normal.pivot))
        return kept

    def solve(self, equations: Sequence[fmpq_mpoly], groebner: Groebner) -> Solved:
        never_zero = [self._narrowed(self._wide.from_dict(self._widened(polynomial.to_dict()))) for polynomial in self._never_zero]
        if any(polynomial.is_zero() for polynomial in never_zero):
            return Solved((), "")
        narrow = self.equations(equations)
        solved = solve_system(self.context, narrow, never_zero, groebner)
        if solved.unresolved and self._outputs:
            # Along a family the network's outputs tend to be fixed: as unknowns of their own they leave the rest affine.
            names = [*self.context.names(), *(f"f{i}" for i in range(len(self._outputs)))]
            larger = fmpq_mpoly_ctx.get(names, Ordering.degrevlex)
            added = larger.gens()[self.context.nvars() :]
            given = [polynomial.project_to_context(larger) - f for polynomial, f in zip(self._outputs, added, strict=True)]
            wider = [polynomial.project_to_context(larger) for polynomial in narrow]
            again = solve_system(larger, [*wider, *given], [polynomial.project_to_context(larger) for polynomial in never_zero], groebner)
            solved = solved if again.unresolved else again
        return solved

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
        """Those of `systems`, in the ring of the active parameters and multipliers."""
        return [self._narrowed(equation) for equation in equations]

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        """What puts a point of the chart into the stratum."""
        units = range(len(self.chart.living))
        context = self.stratum.surrogate.context
        alive = [Condition(f"alive {unit}", 1, context.gen(self.chart.living[unit].output), (0,) * len(units)) for unit in units]
        strict = []
        for position, wanted, polynomial in self.stratum.strict:
            terms, parity = self.chart.transform(polynomial)
            strict.append(Condition(str(position), wanted, self.chart.cleared(terms, context), parity))
        return (*alive, *strict)

    def shape(self, solution: SolutionSet, singular: bool) -> Shape | None:
        """The solutions as an affine space in the coordinates of all parameters; `None` where they are none there."""
        whole = {unit.output: unit for unit in self.stratum.units}
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
        terms, _ = self.chart.transform(image)
        for unit, full in zip(self.chart.living, known.living, strict=True):
            if position in full.products:  # w = terms * a, v = w a
                terms = times_scale(terms, unit)
        if any(exponents[unit.output] < 0 for exponents in terms for unit in self.chart.living):
            return None
        return on_family(image.context().from_dict(terms), known, 1)

    def _completed(self, whole: Unit, unit: Unit) -> Unit:
        """The unit with its eliminated parameters: products where they are combinations of products."""
        images = self.stratum.images
        given = {k for k in whole.incoming if any(images[k].degrees()[j] for j in unit.products)}
        return replace(whole, products=frozenset(given))

    def _placed(self, values: Sequence[Algebraic], zero: Algebraic) -> tuple[Algebraic, ...]:
        known = [zero] * len(self.stratum.images)
        for k, value in zip(self.active, values, strict=False):
            known[k] = value
        return tuple(known)
