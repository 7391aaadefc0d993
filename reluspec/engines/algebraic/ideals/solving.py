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

from reluspec.engines.algebraic.exact.algebraic import Algebraic
from reluspec.engines.algebraic.exact.number_field import RATIONALS, NumberField, real_embeddings
from reluspec.engines.algebraic.ideals.affine import SolutionSet, Terms, canonical, composed, restricted, vanishes
from reluspec.engines.algebraic.ideals.branch import Branch, restored, simplified
from reluspec.engines.algebraic.ideals.definite import forced, real_affine_part
from reluspec.engines.algebraic.ideals.groebner import Groebner, Monomial, Quotient, SolvingLimit, flint_basis, ring
from reluspec.engines.algebraic.ideals.parametrise import Chart, krylov, linear_forms, parametrise
from reluspec.engines.algebraic.ideals.saturate import saturated
from reluspec.engines.algebraic.ideals.second_order import Matrix, necessary

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
    """`sets` are pairwise different; `unresolved` tells why there may be real solutions besides, and is empty when there are none.

    `left_out`: solutions may have been left out because a Hessian is not positive semidefinite there. `open`: where nothing but sets that
    are not affine is unresolved, ideals whose zeros are all solutions and hold them; in a ring with the variables x0, x1, ...
    """

    sets: tuple[SolutionSet, ...]
    unresolved: str = ""
    left_out: bool = False
    open: tuple[tuple[fmpq_mpoly, ...], ...] = ()


def solve_system(
    context: fmpq_mpoly_ctx,
    equations: Sequence[fmpq_mpoly],
    never_zero: Sequence[fmpq_mpoly] = (),
    groebner: Groebner = flint_basis,
    limits: Limits = Limits(),
    hessian: Matrix = (),
) -> Solved:
    """The real common zeros of `equations` at which no polynomial of `never_zero` vanishes.

    With `hessian`, a symmetric matrix, solutions in sets of positive dimension at which it is not positive semidefinite are left out as
    far as that can be told.

    Every one of them lies in one of the sets, unless `unresolved` says why not. All points of the sets are zeros of all equations. On no
    set does a polynomial of `never_zero` vanish identically; on sets of positive dimension it may vanish here and there. Raises
    `SolvingLimit` when the system is too large.
    """
    inner = ring(context.nvars())
    moved = [inner.from_dict(polynomial.to_dict()) for polynomial in equations]
    entries = [[inner.from_dict(entry.to_dict()) for entry in row] for row in hessian]
    solver = _Solver(inner, groebner, limits, entries)
    solver.run(Branch(tuple(moved), tuple(inner.from_dict(polynomial.to_dict()) for polynomial in never_zero)))
    sets = [one for one in solver.sets if not any(other.dimension > one.dimension and other.contains(one) for other in solver.sets)]
    return Solved(tuple(sets), "; ".join(dict.fromkeys(solver.reasons)), solver.left_out, tuple(solver.open))


class _Solver:
    """The cases to do, and what was found. All polynomials of cases live in one ring; bases in a ring of their unsolved variables."""

    def __init__(self, context: fmpq_mpoly_ctx, groebner: Groebner, limits: Limits, hessian: Matrix) -> None:
        self.context, self.groebner, self.limits, self.hessian = context, groebner, limits, hessian
        self.sets: list[SolutionSet] = []
        self.reasons: list[str] = []
        self.open: list[tuple[fmpq_mpoly, ...]] = []
        self.left_out = False

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
        if not self.branch.saturated:
            covered = [self._inner(polynomial) for polynomial in self.branch.covered]
            basis = saturated(self.ring, self.quotient, covered, self.solver.groebner)
            if basis is not None:
                return self._again(basis, True)
        again = self._again(self.quotient.basis, self.branch.saturated)[0]
        if any(_is_composite(polynomial) for polynomial in self.quotient.basis):
            cases = simplified(again)
            if len(cases) != 1 or any(equation not in again.equations for equation in cases[0].equations):
                return cases
        if real := self._forced():
            return self._again([*self.quotient.basis, *real], False)
        further = self._by_second_order()
        if further is not None:
            return further
        return self._charted([j for j in range(len(self.variables)) if self._is_rigid(j)], self.limits.solutions, False)

    def _forced(self) -> list[fmpq_mpoly]:
        """Affine forms that vanish at the real zeros because a polynomial of the basis does not change its sign; only new ones."""
        gens, found = self.ring.gens(), []
        for polynomial in self.quotient.basis:
            support = [j for j, degree in enumerate(polynomial.degrees()) if degree]
            terms = {tuple(m[j] for j in support): RATIONALS.element(value) for m, value in polynomial.to_dict().items()}
            for form in forced(terms, len(support), RATIONALS):
                parts = (value.polynomial[0] * _monomial(gens, support, monomial) for monomial, value in form.items())
                affine = sum(parts, self.ring.constant(0))
                if not self.quotient.contains(affine):
                    found.append(affine)
        return found

    def _by_second_order(self) -> list[Branch] | None:
        """The cases that the second order leaves; `None` where it says nothing new."""
        if not self.solver.hessian:
            return None
        images = list(self.solver.context.gens())
        for variable, value in self.branch.solved:
            images[variable] = value
        entries = [[self._inner(entry.compose(*images)) for entry in row] for row in self.solver.hessian]
        cases = necessary(self.quotient, entries)
        if cases is None:
            return None
        self.solver.left_out = True
        return [branch for added in cases for branch in self._again([*self.quotient.basis, *added], False)]

    def _is_rigid(self, position: int) -> bool:
        """Whether the variable seems to take finitely many values only: some power leads, and a generic value is not among them."""
        if not any(sum(monomial) == monomial[position] for monomial in self.quotient.leading):
            return False
        probe = self.ring.gen(position) - PROBE
        return Quotient(self.ring, self.solver.groebner(self.ring, [*self.quotient.basis, probe])).is_trivial

    def _charted(self, rigid: list[int], most: int, complete: bool) -> list[Branch]:
        """One form first; if it fails, the ideal is made radical, then other forms are tried."""
        forms = linear_forms(rigid)
        charts = parametrise(self.quotient, rigid, forms[:1], most, complete)
        if charts is None:
            if added := self._radical(rigid, most):
                return self._again([*self.quotient.basis, *added], self.branch.saturated)
            charts = parametrise(self.quotient, rigid, forms[1:], most, complete)
        if charts is None:
            raise SolvingLimit("no linear form with small coefficients separates the solutions")
        return [branch for chart in charts for branch in self._over(chart)]

    def _radical(self, rigid: list[int], most: int) -> list[fmpq_mpoly]:
        """Squarefree polynomials, one for each rigid variable that has a multiple value: with them the ideal is radical (Seidenberg)."""
        added = []
        for position in rigid:
            powers = krylov(self.quotient, {position: 1}, most)
            if powers is None:
                raise SolvingLimit(f"a variable with more than {most} values")
            relation = powers.relation
            squarefree = relation / relation.gcd(relation.derivative())
            if squarefree.degree() < relation.degree():
                added.append(_univariate(squarefree, self.ring.gen(position)))
        return added

    def _over(self, chart: Chart) -> list[Branch]:
        """The solutions over the real roots of one factor."""
        fields = [RATIONALS] if chart.factor.degree() == 1 else real_embeddings(chart.factor)
        flexible = [j for j in range(len(self.variables)) if j not in chart.numerators]
        if not flexible:
            self._record(chart, fields, SolutionSet(fields[0], ()))
            return []
        parts = []
        for field in fields:
            found = real_affine_part(self._remaining(_values(chart, field), flexible, field), len(flexible), field)
            if found is not None:
                parts.append((field, *found))
        if any(rest for _, _, rest in parts) and not chart.alone:
            # With the factor as an equation more variables may become rigid.
            form = sum((factor * self.ring.gen(position) for position, factor in chart.form.items()), self.ring.constant(0))
            return self._again([*self.quotient.basis, _univariate(fmpq_poly(chart.factor), form)], self.branch.saturated)
        if any(rest for _, _, rest in parts) and self.branch.solved:
            return [restored(self.branch, [self._outer(polynomial) for polynomial in self.quotient.basis])]
        for field, part, rest in parts:
            if rest:
                self._unresolved(self.quotient.dimension())
            else:
                self._record(chart, [field], part)
        return []

    def _record(self, chart: Chart, fields: Sequence[NumberField], part: SolutionSet) -> None:
        """Keep a set, over each of the fields, unless it is covered; `part` are the values of the flexible variables."""
        lifted = self._lifted(_values(chart, fields[0]), part)
        if lifted is None:
            self._unresolved(part.dimension)
        elif not any(vanishes(polynomial, lifted) for polynomial in self.branch.covered):
            self.solver.sets += [lifted if field is fields[0] else lifted.embedded(field) for field in fields]

    def _remaining(self, values: dict[int, Algebraic], flexible: list[int], field: NumberField) -> list[Terms]:
        """The basis over the rigid variables' values: polynomials in the flexible ones."""
        one: Terms = {(0,) * len(flexible): field.element(1)}
        units = {j: {tuple(int(i == j) for i in flexible): field.element(1)} for j in flexible}
        forms = [units[j] if j in units else {key: values[j] for key in one if values[j]} for j in range(len(self.variables))]
        concerned = [polynomial for polynomial in self.quotient.basis if any(polynomial.degrees()[j] for j in flexible)]
        return [composed([(m, field.element(v)) for m, v in polynomial.to_dict().items()], forms, one) for polynomial in concerned]

    def _unresolved(self, dimension: int) -> None:
        kept = " and that the second order does not exclude" if self.solver.hessian else ""
        self.solver.reasons.append(f"a set of dimension {dimension} that is not affine{kept}")
        whole = restored(self.branch, [self._outer(polynomial) for polynomial in self.quotient.basis]).equations
        if whole not in self.solver.open:
            self.solver.open.append(whole)

    def _lifted(self, values: dict[int, Algebraic], part: SolutionSet) -> SolutionSet | None:
        """The set in all variables; `None` when a solved variable is not affine on it."""
        zero = part.field.element(0)
        base, slopes = [zero] * self.solver.context.nvars(), [[zero] * self.solver.context.nvars() for _ in part.directions]
        for position, value in values.items():
            base[self.variables[position]] = value
        for k, position in enumerate(j for j in range(len(self.variables)) if j not in values):
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
    slope = field.element(chart.factor.derivative())
    return {position: field.element(numerator) / slope for position, numerator in chart.numerators.items()}


def _monomial(gens: Sequence[fmpq_mpoly], support: Sequence[int], monomial: Monomial) -> fmpq_mpoly:
    """The monomial with these exponents of the variables `support`."""
    total = gens[0] ** 0
    for j, exponent in zip(support, monomial, strict=True):
        total = total * gens[j] ** exponent
    return total


def _is_composite(polynomial: fmpq_mpoly) -> bool:
    """Whether the polynomial is a product or a power."""
    return sum(int(power) for _, power in polynomial.factor()[1]) > 1


def _univariate(polynomial: fmpq_poly, at: fmpq_mpoly) -> fmpq_mpoly:
    total = 0 * at
    for value in reversed(polynomial.coeffs()):
        total = total * at + value
    return total
