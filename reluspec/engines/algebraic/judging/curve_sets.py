"""A last attempt at a stratum whose critical points are curves that are neither affine nor orbits: swept, piece by piece (`sweep`).

Where all outputs have their best values the loss has its lower bound: these equations have lower degrees than the gradient's, no multiple
zeros as a rule, and every point is a global minimum. The other critical points are those at which the first, or the second, ... of
these equations fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, product
from typing import Any

from flint import fmpq_mpoly, fmpq_mpoly_ctx

from reluspec.engines.algebraic.exact.linear import dot, echelon, kernel
from reluspec.engines.algebraic.exact.number_field import RATIONALS
from reluspec.engines.algebraic.exact.scalars import FRACTIONS
from reluspec.engines.algebraic.ideals.affine import SolutionSet, Terms, restricted, vanishes
from reluspec.engines.algebraic.ideals.graphs import graph
from reluspec.engines.algebraic.ideals.groebner import Groebner, Quotient, SolvingLimit, ring
from reluspec.engines.algebraic.ideals.saturate import saturated
from reluspec.engines.algebraic.ideals.solving import solve_system
from reluspec.engines.algebraic.ideals.surfaces import SurfaceLimit, is_empty, surface
from reluspec.engines.algebraic.ideals.sweep import CurvePiece, CurvePoint, Sweep
from reluspec.engines.algebraic.judging.along_curves import Conditions, conditions, narrowed
from reluspec.engines.algebraic.judging.constrained import critical_on_constraints
from reluspec.engines.algebraic.judging.family_parts import judged as judged_parts
from reluspec.engines.algebraic.judging.lower_bound import lower_bound
from reluspec.engines.algebraic.judging.minimality import GLOBAL, decide
from reluspec.engines.algebraic.judging.surfaces import Judgement, judgements, minima
from reluspec.engines.algebraic.judging.verdict import Decision, Verdict
from reluspec.engines.algebraic.outcome import Judged, StratumOutcome
from reluspec.engines.algebraic.stationary.chart_branch import ChartBranch
from reluspec.engines.algebraic.stationary.charts import Chart
from reluspec.engines.algebraic.stationary.curves import Curve, CurveEnd, terms_of
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet, critical_sets, field_scalars, value_at
from reluspec.engines.algebraic.stationary.restricted import Restricted, restrictions
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs, format_signs
from reluspec.systems.surrogate import monic_key, rational

Polynomials = list[fmpq_mpoly]


@dataclass(frozen=True)
class _System:
    """Equations in the free parameters, and polynomials that are not zero; `best`: all zeros are global minima. Where `away` vanishes,
    other systems have the solutions. `multipliers` of the stratum's constraints, if they are polynomials.
    """

    equations: Polynomials
    never_zero: Polynomials
    best: bool
    away: fmpq_mpoly | None = None
    multipliers: tuple[fmpq_mpoly, ...] | None = ()


def swept_outcome(problem: Problem, signs: Signs, groebner: Groebner) -> StratumOutcome:
    """The critical points of a stratum, curves among them, with their verdicts.

    Raises `SolvingLimit` where they are more than points, affine families and curves that do not meet, or not of the kind that is swept.
    """
    pieces = list(restrictions(problem, signs, groebner))
    if len(pieces) > 1:
        raise SolvingLimit("a curved set of critical points where switches vanish that are products")
    judged = [one for piece in pieces for one in _Swept(problem, signs, piece, groebner).judged()]
    return StratumOutcome(format_signs(problem, signs), tuple(judged), "", len(pieces), 0.0)


@dataclass
class _Found:
    """What a system has: `sets`, points and affine families; what was `swept`, with its `ideals`, and sheets."""

    sets: list[Judged] = field(default_factory=list)
    swept: list[Judged] = field(default_factory=list)
    ideals: list[Polynomials] = field(default_factory=list)


class _Swept:
    """One stratum."""

    def __init__(self, problem: Problem, signs: Signs, stratum: Restricted, groebner: Groebner) -> None:
        self.problem, self.signs, self.stratum, self.groebner = problem, signs, stratum, groebner
        self.ring: fmpq_mpoly_ctx = ring(len(stratum.free))
        self.loss = self._narrowed(stratum.loss)
        self.strict = [(sign, self._narrowed(polynomial)) for _, sign, polynomial in stratum.strict]
        self.smooth = [self._narrowed(polynomial) for polynomial in stratum.equations]

    def _narrowed(self, polynomial: fmpq_mpoly) -> fmpq_mpoly:
        return narrowed(polynomial, self.stratum, self.ring.constant(1))

    def judged(self) -> list[Judged]:
        """All critical sets with their verdicts. Raises `SolvingLimit`."""
        if self.stratum.constraints:
            return self._on_constraints()
        every: list[Judged] = []
        # Global minima do not meet the other critical points: the loss is another one there.
        for systems in (self._systems(best=True), self._systems(best=False)):
            solved = [self._solved(system) for system in systems]
            ideals = [ideal for part in solved for ideal in part.ideals]
            # What was swept has all points of its ideal, isolated ones and families among them.
            sets = [one for part in solved for one in part.sets if not any(self._lies_on(one.found, ideal) for ideal in ideals)]
            for one, other in combinations(ideals, 2):
                self._apart(one, other)
            for family, ideal in product((one.found for one in sets if one.found.directions), ideals):
                self._apart_from(family, ideal)
            every += [*sets, *(one for part in solved for one in part.swept)]
        return every

    def _on_constraints(self) -> list[Judged]:
        """The same where zero switches have multipliers. Raises `SolvingLimit`."""
        critical = critical_on_constraints(self.stratum, self.strict, self.groebner)
        for one, other in combinations(critical.curves, 2):
            self._apart(one.equations, other.equations)
        if critical.curves and any(one.directions for one in critical.sets):
            raise SolvingLimit("curves and affine families of critical points in one stratum")
        apart = [one for one in critical.sets if not any(self._lies_on(one, curve.equations) for curve in critical.curves)]
        every = [Judged(one, self._decision(one, best=False)) for one in apart]
        for curve in critical.curves:
            system = _System(curve.equations, [polynomial for _, polynomial in self.strict], False, None, curve.multipliers)
            every += self._pieces(curve.equations, system)
        return every

    def _systems(self, best: bool) -> Iterator[_System]:
        """Those of the global minima that have the best outputs, or those of all other critical points."""
        strict = [polynomial for _, polynomial in self.strict]
        gradient = [self.loss.derivative(k) for k in range(self.ring.nvars())]
        residuals = self._best()
        if best:
            if residuals is not None:
                yield _System([*residuals, *self.smooth], strict, True)
            return
        if residuals is None:
            yield _System([*gradient, *self.smooth], strict, False)
            return
        for k, residual in enumerate(residuals):
            if residual.is_constant():
                yield _System([*gradient, *residuals[:k], *self.smooth], strict, False)
                return
            yield _System([*gradient, *residuals[:k], *self.smooth], [*strict, residual], False, residual)

    def _best(self) -> Polynomials | None:
        """What vanishes where all outputs have their best values; `None` where these are not known."""
        bound = lower_bound(self.problem)
        if bound is None or not bound.outputs or self.problem.regulariser:
            return None
        found: dict[str, fmpq_mpoly] = {}
        for outputs, wanted in zip(self.stratum.surrogate.outputs, bound.outputs, strict=True):
            for output, value in zip(outputs, wanted, strict=True):
                residual = self._narrowed(output.compose(*self.stratum.images)) - rational(value)
                if not residual.is_zero():
                    found.setdefault(monic_key(residual), residual)
        return sorted(found.values(), key=lambda residual: residual.total_degree())

    # Solutions

    def _solved(self, system: _System) -> _Found:
        """Points, families, pieces of curves, a sheet."""
        if (sheet := self._sheet(system)) is not None:
            return _Found(swept=sheet)
        whole = Quotient(self.ring, self.groebner(self.ring, system.equations))
        if whole.is_trivial:
            return _Found()
        better = saturated(self.ring, whole, system.never_zero, self.groebner)
        whole = whole if better is None else Quotient(self.ring, better)
        if whole.is_trivial:
            return _Found()
        if whole.dimension() == 1 and self.ring.nvars() > 1:
            equations = system.equations if better is None and len(system.equations) == self.ring.nvars() - 1 else list(whole.basis)
            try:
                return _Found(swept=self._pieces(equations, system), ideals=[equations])
            except SolvingLimit:
                # Isolated points beside the curve, or parts of it that count twice: case by case.
                pass
        return self._by_cases(system)

    def _sheet(self, system: _System) -> list[Judged] | None:
        """Global minima that are the graph of a function on an open polyhedron of dimension two or more; `None` where they are not."""
        found = graph(system.equations, self.strict) if system.best and not self.smooth and system.equations else None
        if found is None or found.dimension < 2:
            return None
        if found.point is None:
            return []
        point = CurvePoint(RATIONALS, tuple(map(RATIONALS.element, found.point)))
        curve = self._curve(system.equations, 1, sheet=True)
        witness = self._theta(point)
        tangents = tuple(self._tangents(system.equations, point))
        common = CriticalSet(RATIONALS, (), (), witness, tangents, (), (), (), singular=False, curve=curve)
        return [Judged(common, self._decision(common, system.best))]

    def _by_cases(self, system: _System) -> _Found:
        solved = solve_system(self.ring, system.equations, system.never_zero, self.groebner)
        if solved.unresolved and not solved.open:
            raise SolvingLimit(solved.unresolved)
        branch = ChartBranch(self.stratum, Chart(()), ())
        found = _Found(ideals=self._largest([list(ideal) for ideal in solved.open]))
        for solution in solved.sets:
            shape = branch.shape(solution, False)
            sets, reason = critical_sets(shape, branch.conditions) if shape else ([], "a family of critical points is not affine")
            if reason:
                raise SolvingLimit(reason)
            found.sets += [part for one in sets for part in self._judged_parts(one, system.best)]
        for ideal in found.ideals:
            dimension = Quotient(self.ring, self.groebner(self.ring, ideal)).dimension()
            found.swept += self._surfaces(ideal, system) if dimension > 1 else self._pieces(ideal, system)
        return found

    def _largest(self, ideals: list[Polynomials]) -> list[Polynomials]:
        """Those whose zeros are not seen to be zeros of another one, too."""
        kept = list(ideals)
        for ideal in ideals:
            quotient = Quotient(self.ring, self.groebner(self.ring, ideal))
            if any(all(map(quotient.contains, other)) for other in kept if other is not ideal):
                kept = [other for other in kept if other is not ideal]
        return kept

    def _surfaces(self, ideal: Polynomials, system: _System) -> list[Judged]:
        """The pieces of a set of dimension two or more with their verdicts. Raises `SurfaceLimit`, and `SolvingLimit`."""
        kind = "global minima" if system.best else "critical points"
        try:
            found = surface(ideal, self.strict, self.groebner)
            if found is None:
                return []
            if system.away is not None and not all(point.value(system.away) for point in found.points):
                raise SurfaceLimit("some of which other equations give")
            if system.best:
                parts = [minima(found, Decision(Verdict.MINIMUM, GLOBAL))]
            else:
                wanted = self._conditions(system, found.reduced.dimension)
                if isinstance(wanted, SolvingLimit):
                    raise wanted
                assert wanted is not None
                parts = judgements(found, wanted, self.strict, self.groebner)
        except SurfaceLimit as reason:
            raise SurfaceLimit(f"{kind} {reason}") from reason
        return [one for part in parts for one in self._sheets(part)]

    def _sheets(self, part: Judgement) -> list[Judged]:
        """The records. Several pieces that may be one, none of them minima, are one record."""
        found, decisions = part.found, part.decisions
        equations = list(found.reduced.equations)
        # Parts of a set that is cut are pieces of it, besides.
        pieces = (found.pieces or 1) + bool(part.cuts)
        apart = tuple(map(terms_of, (*found.apart, *part.cuts)))
        curve = replace(self._curve(equations, pieces, sheet=True), apart=apart, cut=bool(part.cuts))
        every = []
        for point, decision in zip(found.points, decisions, strict=True) if found.pieces else [(found.points[0], decisions[0])]:
            tangents = tuple(self._tangents(equations, point))
            if len(tangents) != found.reduced.dimension:
                raise SurfaceLimit(f"critical points of dimension {found.reduced.dimension} whose tangents are not known")
            one = CriticalSet(
                point.field, (), (), self._theta(point), tangents, vertices=(), rays=(), tight=(), singular=False, curve=curve
            )
            every.append(Judged(one, decision))
        return every

    def _judged_parts(self, found: CriticalSet, best: bool) -> list[Judged]:
        return [Judged(found, self._decision(found, best))] if best else judged_parts(self.problem, self.signs, found)

    def _decision(self, found: CriticalSet, best: bool) -> Decision:
        return Decision(Verdict.MINIMUM, GLOBAL) if best else decide(self.problem, self.signs, found)

    def _pieces(self, equations: Polynomials, system: _System) -> list[Judged]:
        """The pieces of a curve with their verdicts. Raises `SolvingLimit`."""
        wanted = self._conditions(system)
        sweep = Sweep(equations, self.strict, self.groebner, wanted.marks if isinstance(wanted, Conditions) else ())
        # The loss is constant on a connected piece: it is a piece of global minima, or has none.
        own = [piece for piece in sweep.pieces if system.away is None or piece.witness.value(system.away).sign()]
        if own and isinstance(wanted, SolvingLimit):
            raise wanted
        return [self._judged(sweep, equations, piece, None if isinstance(wanted, SolvingLimit) else wanted) for piece in own]

    def _conditions(self, system: _System, dimension: int = 1) -> Conditions | SolvingLimit | None:
        """What the verdict along a curve depends on, none for global minima; or why it is not known, which a curve outside the stratum
        does not need.
        """
        if system.best:
            return None
        if self.smooth:
            return SolvingLimit("a curve of critical points on a kink of the gradient")
        try:
            return conditions(self.problem, self.signs, self.stratum, self.loss, system.multipliers, dimension)
        except SolvingLimit as limit:
            return limit

    def _judged(self, sweep: Sweep, equations: Polynomials, piece: CurvePiece, wanted: Conditions | None) -> Judged:
        found = self._set(sweep, equations, piece)
        if wanted is None or piece.isolated:
            return Judged(found, self._decision(found, wanted is None))
        return Judged(found, wanted.decision(piece))

    # Records

    def _set(self, sweep: Sweep, equations: Polynomials, piece: CurvePiece) -> CriticalSet:
        witness = self._theta(piece.witness)
        common: dict[str, Any] = {
            "field": piece.witness.field,
            "living": (),
            "sigma": (),
            "witness": witness,
            "rays": (),
            "singular": False,
        }
        if piece.isolated:
            return CriticalSet(**common, directions=(), vertices=(witness,), tight=(frozenset(),))
        ends = tuple(self._end(end.point, end.tight) for end in piece.ends)
        curve = replace(self._curve(equations, len(sweep.pieces)), unbounded=piece.unbounded, ends=ends)
        return CriticalSet(**common, directions=tuple(self._tangents(equations, piece.witness)), vertices=(), tight=(), curve=curve)

    def _curve(self, equations: Polynomials, pieces: int, sheet: bool = False) -> Curve:
        strict = zip(self.stratum.strict, self.strict, strict=True)
        return Curve(
            free=self.stratum.free,
            equations=tuple(terms_of(equation) for equation in equations),
            strict=tuple((position, sign, terms_of(polynomial)) for (position, _, _), (sign, polynomial) in strict),
            pieces=pieces,
            sheet=sheet,
        )

    def _end(self, point: CurvePoint, tight: Sequence[int]) -> CurveEnd:
        return CurveEnd(point.field, self._theta(point), tuple(self.stratum.strict[k][0] for k in tight))

    def _theta(self, point: CurvePoint) -> tuple[Any, ...]:
        """All parameters at a point given by the free ones."""
        return tuple(point.value(self._narrowed(image)) for image in self.stratum.images)

    def _tangents(self, equations: Polynomials, point: CurvePoint) -> Iterator[tuple[Any, ...]]:
        """The tangent space at a smooth point, in all parameters, in reduced echelon form."""
        size, scalars = range(self.ring.nvars()), field_scalars(point.field)
        rows = [[point.value(equation.derivative(k)) for k in size] for equation in equations]
        images = [[point.value(self._narrowed(image).derivative(k)) for k in size] for image in self.stratum.images]
        steps = [[dot(row, step, scalars) for row in images] for step in kernel(rows, len(size), scalars)]
        return map(tuple, echelon(steps, len(images), scalars).rows)

    # Apart

    def _lies_on(self, found: CriticalSet, ideal: Polynomials) -> bool:
        """Whether a point, or an affine family, is seen to be a part of the zeros of an ideal."""
        if found.directions:
            plain = self._plain(found)
            return plain is not None and all(vanishes(equation, plain) for equation in ideal)
        zero = found.field.element(0)
        x = [found.witness[k] for k in self.stratum.free]
        return all(value_at(equation.to_dict(), x, zero) == 0 for equation in ideal)

    def _apart(self, one: Polynomials, other: Polynomials) -> None:
        """Raises `SolvingLimit` unless two sets are proved not to meet in the stratum."""
        if not is_empty([*one, *other], self.strict, self.groebner):
            raise SolvingLimit("curves of critical points that meet")

    def _apart_from(self, family: CriticalSet, ideal: Polynomials) -> None:
        """Raises `SolvingLimit` unless an affine family is proved not to meet a set."""
        plain = self._plain(family)
        if plain is not None:
            if any(_is_constant(restricted(equation, plain)) for equation in ideal):
                return
            hull = self._hull(plain)
            if hull is not None and is_empty([*ideal, *hull], self.strict, self.groebner):
                return
        raise SolvingLimit("curves and affine families of critical points that meet")

    def _plain(self, family: CriticalSet) -> SolutionSet | None:
        """An affine family in the free parameters; `None` where it is in a chart or curved."""
        if family.living or family.is_curved or family.curve or family.rescaled:
            return None
        point, *directions = (tuple(vector[k] for k in self.stratum.free) for vector in (family.witness, *family.directions))
        return SolutionSet(family.field, point, tuple(directions))

    def _hull(self, family: SolutionSet) -> Polynomials | None:
        """Linear equations of the affine hull of a family; `None` where it is not rational."""
        base, *rows = ([entry.fraction() for entry in vector] for vector in (family.point, *family.directions))
        if any(entry is None for row in (base, *rows) for entry in row):
            return None
        offsets = [gen - rational(value) for gen, value in zip(self.ring.gens(), base, strict=True) if value is not None]
        known = [[entry for entry in row if entry is not None] for row in rows]
        normals = kernel(known, len(offsets), FRACTIONS)
        zero = self.ring.constant(0)
        return [sum((rational(c) * offset for c, offset in zip(normal, offsets, strict=True)), zero) for normal in normals]


def _is_constant(terms: Terms) -> bool:
    """Whether a polynomial is a constant that is not zero."""
    return bool(terms) and not any(any(exponents) for exponents in terms)
