"""Cases of a polynomial system and their simplification: factors, and equations that give a variable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from flint import fmpq_mpoly

MAX_SPLITS = 12
"""So many case distinctions one after the other; later products stay products."""
MAX_MORE_TERMS = 20
"""An elimination may double the number of terms and add so many."""


@dataclass(frozen=True)
class Branch:
    """One case: `equations` hold, zeros of `covered` need not be found, `solved` variables are polynomials in the others.

    `covered` has the caller's polynomials that are never zero, and the factors that other cases take care of. `splits` counts the case
    distinctions on the way here, `saturated` says that components inside zeros of `covered` have been removed already, `whole` that no
    variable is to be eliminated.
    """

    equations: tuple[fmpq_mpoly, ...]
    covered: tuple[fmpq_mpoly, ...]
    solved: tuple[tuple[int, fmpq_mpoly], ...] = ()
    splits: int = 0
    saturated: bool = False
    whole: bool = False

    def substituted(self, variable: int, value: fmpq_mpoly) -> Branch:
        """The case with a variable replaced."""

        def replaced(polynomial: fmpq_mpoly) -> fmpq_mpoly:
            context = polynomial.context()
            images = [value if j == variable else generator for j, generator in enumerate(context.gens())]
            return polynomial.compose(*images, ctx=context)

        solved = tuple((known, replaced(old)) for known, old in self.solved)
        return replace(
            self,
            equations=tuple(map(replaced, self.equations)),
            covered=tuple(map(replaced, self.covered)),
            solved=(*solved, (variable, value)),
        )


def restored(branch: Branch, equations: Sequence[fmpq_mpoly]) -> Branch:
    """The case with these equations and all variables: one that takes finitely many values may have been eliminated."""
    given = tuple(value - value.context().gen(variable) for variable, value in branch.solved)
    return replace(branch, equations=(*equations, *given), solved=(), whole=True)


def simplified(branch: Branch) -> list[Branch]:
    """The same case in simpler terms, or several cases in its place, or none where it is contradictory."""
    while True:
        cases = _factored(branch)
        if len(cases) != 1:
            return cases
        branch = cases[0]
        following = None if branch.whole else _eliminated(branch)
        if following is None:
            return [branch]
        branch = following


def factors(polynomial: fmpq_mpoly) -> list[fmpq_mpoly]:
    """The different irreducible factors, with leading coefficient 1."""
    return [factor / factor.leading_coefficient() for factor, _ in polynomial.factor()[1]]


def _factored(branch: Branch) -> list[Branch]:
    """Squarefree equations without covered factors; the first product is split into cases."""
    if any(polynomial.is_zero() for polynomial in branch.covered):
        return []
    covered = _distinct([factor for polynomial in branch.covered for factor in factors(polynomial)])
    kept = [[f for f in factors(equation) if f not in covered] for equation in branch.equations if not equation.is_zero()]
    if not all(kept):
        return []
    irreducible = _distinct([product[0] for product in kept if len(product) == 1])
    # A product is implied where one of its factors is an equation already.
    products = [product for product in kept if len(product) > 1 and not any(factor in irreducible for factor in product)]
    following = replace(branch, covered=tuple(covered))
    if products and branch.splits < MAX_SPLITS:
        first = min(products, key=len)
        others = [_product(product) for product in products if product is not first]
        return _split(following, (*irreducible, *others), first)
    return [replace(following, equations=(*irreducible, *_distinct([_product(product) for product in products])))]


def _split(branch: Branch, others: tuple[fmpq_mpoly, ...], kept: Sequence[fmpq_mpoly]) -> list[Branch]:
    """One case per factor; the zeros of earlier factors are left to their cases."""
    kept = sorted(kept, key=lambda factor: (factor.total_degree(), len(factor)))
    return [
        replace(branch, equations=(factor, *others), covered=(*branch.covered, *kept[:k]), splits=branch.splits + 1, saturated=False)
        for k, factor in enumerate(kept)
    ]


def _product(kept: Sequence[fmpq_mpoly]) -> fmpq_mpoly:
    total = kept[0]
    for factor in kept[1:]:
        total = total * factor
    return total


def _distinct(polynomials: Sequence[fmpq_mpoly]) -> list[fmpq_mpoly]:
    found: list[fmpq_mpoly] = []
    for polynomial in polynomials:
        if polynomial not in found:
            found.append(polynomial)
    return found


def _eliminated(branch: Branch) -> Branch | None:
    """The case with one variable less, from the simplest equation that is linear in one with a constant coefficient."""
    for equation in sorted(branch.equations, key=lambda equation: (equation.total_degree(), len(equation))):
        for variable in _given(equation):
            generator = equation.context().gen(variable)
            monomial = tuple(int(j == variable) for j in range(equation.context().nvars()))
            following = branch.substituted(variable, generator - equation / equation[monomial])
            if equation.total_degree() == 1 or _shorter(following, branch):
                return following
    return None


def _given(equation: fmpq_mpoly) -> list[int]:
    """The variables that occur in one term only, which is linear."""
    monomials = equation.monoms()
    alone = [next(j for j, exponent in enumerate(monomial) if exponent) for monomial in monomials if sum(monomial) == 1]
    return [variable for variable in alone if sum(1 for monomial in monomials if monomial[variable]) == 1]


def _shorter(following: Branch, branch: Branch) -> bool:
    """Whether an elimination keeps degrees and does not blow up the number of terms."""

    def degree(case: Branch) -> int:
        return max((int(equation.total_degree()) for equation in case.equations), default=0)

    def terms(case: Branch) -> int:
        return sum(len(equation) for equation in case.equations)

    return degree(following) <= degree(branch) and terms(following) <= 2 * terms(branch) + MAX_MORE_TERMS
