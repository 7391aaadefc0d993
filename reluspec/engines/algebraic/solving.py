"""All real solutions of a small polynomial system over Q, exactly: points and affine sets with coordinates in number fields.

The system is split into cases by factors (`branch`). Where a case has finitely many complex solutions, its coordinates are polynomials in
one number (`parametrise`). Otherwise this holds for the variables that take finitely many values, the *rigid* ones; over each of their real
values the equations for the others are solved where linear elimination suffices. What remains is reported as unresolved. Background: Cox,
Little, O'Shea, *Using Algebraic Geometry*, chapter 2; Seidenberg's lemma: Becker and Weispfenning, *Groebner Bases*, lemma 8.13.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from flint import fmpq_mpoly, fmpq_mpoly_ctx, fmpq_poly

from reluspec.engines.algebraic.affine import SolutionSet, Terms, affine_part, canonical, composed, restricted, vanishes
from reluspec.engines.algebraic.branch import Branch, factors, simplified
from reluspec.engines.algebraic.groebner import Groebner, Quotient, SolvingLimit, flint_basis, ring
from reluspec.engines.algebraic.number_field import RATIONALS, Algebraic, NumberField, real_embeddings
from reluspec.engines.algebraic.parametrise import Chart, krylov, parametrise
from reluspec.engines.algebraic.saturate import saturated

__all__ = ["Groebner", "Limits", "SolutionSet", "Solved", "SolvingLimit", "flint_basis", "solve_system"]

PROBE = 1237
"""A variable that takes finitely many values does not take this one, or is taken for flexible (which loses nothing but resolution)."""


@dataclass(frozen=True)
class Limits:
    """`solutions` of one case, complex and with multiplicity; `cases` of one system."""

    solutions: int = 400
    cases: int = 200


@dataclass(frozen=True)
class Solved:
    """`sets` are pairwise different; `unresolved` tells why there may be real solutions besides, and is empty when there are none."""

    sets: tuple[SolutionSet, ...]
    unresolved: str = ""


def solve_system(
    context: fmpq_mpoly_ctx,
    equations: Sequence[fmpq_mpoly],
    never_zero: Sequence[fmpq_mpoly] = (),
    groebner: Groebner = flint_basis,
    limits: Limits = Limits(),
) -> Solved:
    """The real common zeros of `equations` at which no polynomial of `never_zero` vanishes.

    Every one of them lies in one of the sets, unless `unresolved` says why not. All points of the sets are zeros of all equations. On no
    set does a polynomial of `never_zero` vanish identically; on sets of positive dimension it may vanish here and there. Raises
    `SolvingLimit` when the system is too large.
    """
    inner = ring(context.nvars())
    moved = [inner.from_dict(polynomial.to_dict()) for polynomial in equations]
    solver = _Solver(inner, groebner, limits)
    solver.run(Branch(tuple(moved), tuple(inner.from_dict(polynomial.to_dict()) for polynomial in never_zero)))
    sets = [one for one in solver.sets if not any(other.dimension > one.dimension and other.contains(one) for other in solver.sets)]
    return Solved(tuple(sets), "; ".join(dict.fromkeys(solver.reasons)))


class _Solver:
    """The cases to do, and what was found. All polynomials of cases live in one ring; bases in a ring of their unsolved variables."""

    def __init__(self, context: fmpq_mpoly_ctx, groebner: Groebner, limits: Limits) -> None:
        self.context, self.groebner, self.limits = context, groebner, limits
        self.sets: list[SolutionSet] = []
        self.reasons: list[str] = []

    def run(self, branch: Branch) -> None:
        cases, done = [branch], 0
        while cases:
            found = simplified(cases.pop())
            if len(found) == 1:
                done += 1
                found = _Case(self, found[0]).solve()
            cases += found
            if done + len(cases) > self.limits.cases:
                raise SolvingLimit(f"more than {self.limits.cases} cases")


class _Case:
    """One simplified case: its Groebner basis and what follows from it.

    `variables` are the unsolved ones, as positions in the whole system; positions in the small ring are counted among them.
    """

    def __init__(self, solver: _Solver, branch: Branch) -> None:
        self.solver, self.branch, self.limits = solver, branch, solver.limits
        known = {variable for variable, _ in branch.solved}
        self.variables = [j for j in range(solver.context.nvars()) if j not in known]
        self.ring = ring(len(self.variables))
        basis = solver.groebner(self.ring, [self._inner(equation) for equation in branch.equations]) if self.variables else []
        self.quotient = Quotient(self.ring, basis)

    def _inner(self, polynomial: fmpq_mpoly) -> fmpq_mpoly:
        terms = polynomial.to_dict().items()
        return self.ring.from_dict({tuple(monomial[j] for j in self.variables): value for monomial, value in terms})

    def _outer(self, polynomial: fmpq_mpoly) -> fmpq_mpoly:
        terms = {}
        for monomial, value in polynomial.to_dict().items():
            exponents = [0] * self.solver.context.nvars()
            for j, exponent in zip(self.variables, monomial, strict=True):
                exponents[j] = exponent
            terms[tuple(exponents)] = value
        return self.solver.context.from_dict(terms)

    def _again(self, equations: Sequence[fmpq_mpoly], saturated: bool) -> list[Branch]:
        """The same case with other equations, given in the small ring."""
        return [replace(self.branch, equations=tuple(map(self._outer, equations)), saturated=saturated)]

    def solve(self) -> list[Branch]:
        """Record the case's solutions; the cases that it gives rise to."""
        if self.quotient.is_trivial:
            return []
        if not self.quotient.is_finite:
            return self._infinite()
        positions = list(range(len(self.variables)))
        count = self.quotient.standard_monomials(self.limits.solutions)
        return self._charted(positions, count, True)

    def _infinite(self) -> list[Branch]:
        basis = list(self.quotient.basis)
        if not self.branch.saturated:
            found = saturated(
                self.ring, self.quotient, [self._inner(polynomial) for polynomial in self.branch.covered], self.solver.groebner
            )
            if found is not None:
                return self._again(found, True)
        if any(len(factors(polynomial)) > 1 or polynomial.total_degree() > factors(polynomial)[0].total_degree() for polynomial in basis):
            again = self._again(basis, self.branch.saturated)
            if len(cases := simplified(again[0])) != 1:
                return cases
        return self._charted([j for j in range(len(self.variables)) if self._is_rigid(j)], self.limits.solutions, False)

    def _is_rigid(self, position: int) -> bool:
        """Whether the variable seems to take finitely many values only: some power leads, and a generic value is not among them."""
        if not any(sum(monomial) == monomial[position] for monomial in self.quotient.leading):
            return False
        probe = self.ring.gen(position) - PROBE
        return Quotient(self.ring, self.solver.groebner(self.ring, [*self.quotient.basis, probe])).is_trivial

    def _charted(self, rigid: list[int], most: int, complete: bool) -> list[Branch]:
        charts = parametrise(self.quotient, rigid, most, complete)
        if charts is None:
            return self._radical(rigid, most)
        return [branch for chart in charts for branch in self._over(chart)]

    def _radical(self, rigid: list[int], most: int) -> list[Branch]:
        """Squarefree equations for each rigid variable make the ideal that they generate radical (Seidenberg)."""
        added = []
        for position in rigid:
            powers = krylov(self.quotient, {position: 1}, most)
            if powers is None:
                raise SolvingLimit(f"a variable with more than {most} values")
            relation = powers.relation
            squarefree = relation / relation.gcd(relation.derivative())
            if squarefree.degree() < relation.degree():
                added.append(_univariate(squarefree, self.ring.gen(position)))
        if not added:
            raise SolvingLimit("no linear form with small coefficients separates the solutions")
        return self._again([*self.quotient.basis, *added], self.branch.saturated)

    def _over(self, chart: Chart) -> list[Branch]:
        """The solutions over the real roots of one factor."""
        fields = real_embeddings(chart.factor)
        values = _values(chart, fields[0])
        flexible = [j for j in range(len(self.variables)) if j not in values]
        found = affine_part(self._remaining(values, flexible, fields[0]), len(flexible), fields[0])
        if found is None:
            return []
        part, rest = found
        if rest:
            return self._narrowed(chart)
        lifted = self._lifted(values, flexible, part)
        if lifted is None:
            self._unresolved(part.dimension)
        elif not any(vanishes(polynomial, lifted) for polynomial in self.branch.covered):
            self.solver.sets += [lifted if field is fields[0] else lifted.embedded(field) for field in fields]
        return []

    def _remaining(self, values: dict[int, Algebraic], flexible: list[int], field: NumberField) -> list[Terms]:
        """The basis over the rigid variables' values: polynomials in the flexible ones."""
        if not flexible:
            return []
        one: Terms = {(0,) * len(flexible): field.element(1)}
        units = {j: {tuple(int(i == j) for i in flexible): field.element(1)} for j in flexible}
        forms = [units[j] if j in units else {key: values[j] for key in one if values[j]} for j in range(len(self.variables))]
        concerned = [polynomial for polynomial in self.quotient.basis if any(polynomial.degrees()[j] for j in flexible)]
        return [composed([(m, field.element(v)) for m, v in polynomial.to_dict().items()], forms, one) for polynomial in concerned]

    def _narrowed(self, chart: Chart) -> list[Branch]:
        """The case with the chart's factor as an equation, if there are other factors: more variables may become rigid."""
        if chart.alone:
            self._unresolved(self.quotient.dimension())
            return []
        form = sum((factor * self.ring.gen(position) for position, factor in chart.form.items()), self.ring.constant(0))
        return self._again([*self.quotient.basis, _univariate(fmpq_poly(chart.factor), form)], self.branch.saturated)

    def _unresolved(self, dimension: int) -> None:
        self.solver.reasons.append(f"a set of dimension {dimension} that is not affine")

    def _lifted(self, values: dict[int, Algebraic], flexible: list[int], part: SolutionSet) -> SolutionSet | None:
        """The set in all variables; `None` when a solved variable is not affine on it."""
        zero = part.field.element(0)
        base, slopes = [zero] * self.solver.context.nvars(), [[zero] * self.solver.context.nvars() for _ in part.directions]
        for position, value in values.items():
            base[self.variables[position]] = value
        for k, position in enumerate(flexible):
            base[self.variables[position]] = part.point[k]
            for slope, direction in zip(slopes, part.directions, strict=True):
                slope[self.variables[position]] = direction[k]
        inside = SolutionSet(part.field, tuple(base), tuple(map(tuple, slopes)))
        for variable, polynomial in self.branch.solved:
            terms = restricted(polynomial, inside)
            if any(sum(monomial) > 1 for monomial in terms):
                return None
            base[variable] = terms.get((0,) * part.dimension, zero)
            for k, slope in enumerate(slopes):
                slope[variable] = terms.get(tuple(int(i == k) for i in range(part.dimension)), zero)
        return canonical(part.field, base, slopes)


def _values(chart: Chart, field: NumberField) -> dict[int, Algebraic]:
    if not chart.form:
        return {}
    slope = field.element(chart.factor.derivative())
    values = {position: field.element(numerator) / slope for position, numerator in chart.numerators.items()}
    if field.degree > 1:
        return values
    return {position: RATIONALS.element(value.numerator[0]) for position, value in values.items()}


def _univariate(polynomial: fmpq_poly, at: fmpq_mpoly) -> fmpq_mpoly:
    total = 0 * at
    for value in reversed(polynomial.coeffs()):
        total = total * at + value
    return total
