"""The ring of a curve as a free module over Q[t], t a linear form: fibres, norms, and projections to planes.

Let I be an ideal in x_1, ..., x_m whose zeros are a curve; the last variable is replaced by `t = sum c_k x_k`. If of the reduced degrevlex
basis (t last) no leading monomial has t in it and there is a pure power of every other variable, then finitely many monomials are a basis
of Q[x] / I as a module over Q[t]. So every x_k is integral over Q[t] (over bounded t the curve is bounded: no asymptotes), all
fibres have the same number D of points, with multiplicity, and no polynomial in t is a zero divisor: the curve has no isolated complex
points. Multiplication with h is a D x D matrix over Q[t]; its determinant, the *norm*, vanishes at t iff h has a zero in the complex
fibre over t, and its characteristic polynomial at (t, v) iff h has the value v there. (Cox, Little, O'Shea, *Using Algebraic Geometry*,
chapters 2 and 4.)
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import lcm

from flint import fmpq, fmpq_mat, fmpq_mpoly, fmpq_mpoly_ctx, fmpq_poly

from reluspec.engines.algebraic.ideals.groebner import Groebner, Monomial, Quotient, SolvingLimit, ring

MAX_DEGREE = 24
"""Points of a fibre, complex and with multiplicity."""


class CurveAlgebra:
    """Q[x] / I over Q[t]. Raises `SolvingLimit` where this form t does not make it a free module of small rank."""

    def __init__(self, equations: Sequence[fmpq_mpoly], form: Sequence[int], groebner: Groebner) -> None:
        """`form` are the coefficients of t, the last one 1."""
        self.size = len(form)
        self.form = tuple(form)
        self.ring: fmpq_mpoly_ctx = ring(self.size)
        gens = self.ring.gens()
        last = gens[-1] - sum((c * x for c, x in zip(form[:-1], gens[:-1], strict=True)), self.ring.constant(0))
        self.images = (*gens[:-1], last)
        self.equations = [self.moved(equation) for equation in equations]
        self.quotient = Quotient(self.ring, groebner(self.ring, self.equations))
        self.basis = self._basis()
        self._position = {monomial: k for k, monomial in enumerate(self.basis)}

    def moved(self, polynomial: fmpq_mpoly) -> fmpq_mpoly:
        """A polynomial in x, in the new variables."""
        return polynomial.compose(*self.images, ctx=self.ring)

    @property
    def rank(self) -> int:
        return len(self.basis)

    def _basis(self) -> list[Monomial]:
        leading = self.quotient.leading
        if any(monomial[-1] for monomial in leading):
            raise SolvingLimit("a curve that is not seen to be without isolated points")
        tops = [min((m[k] for m in leading if sum(m) == m[k] > 0), default=0) for k in range(self.size - 1)]
        if not all(tops):
            raise SolvingLimit("a curve with an asymptote over every projection that was tried")
        found: list[Monomial] = []
        layer: set[Monomial] = {(0,) * self.size}
        while layer:
            found += sorted(layer)
            if len(found) > MAX_DEGREE:
                raise SolvingLimit(f"a curve of degree more than {MAX_DEGREE}")
            steps = {(*m[:k], m[k] + 1, *m[k + 1 :]) for m in layer for k in range(self.size - 1)}
            layer = {m for m in steps if not any(all(i <= j for i, j in zip(top, m, strict=True)) for top in leading)}
        return found

    def matrix(self, polynomial: fmpq_mpoly) -> list[list[fmpq_poly]]:
        """Multiplication with a polynomial of the new variables; row by row the images of the basis."""
        gens = self.ring.gens()
        rows = []
        for monomial in self.basis:
            product = polynomial
            for gen, exponent in zip(gens, monomial, strict=True):
                product = product * gen**exponent
            rows.append(self._coordinates(product))
        return rows

    def _coordinates(self, polynomial: fmpq_mpoly) -> list[fmpq_poly]:
        parts: list[dict[int, fmpq]] = [{} for _ in self.basis]
        if not polynomial.is_zero():
            remainder, scale = self.quotient.reduced(self.quotient.integral(polynomial))
            denominator = lcm(*(int(value.q) for value in polynomial.to_dict().values()))
            for monomial, value in remainder.to_dict().items():
                place = self._position[(*(int(e) for e in monomial[: self.size - 1]), 0)]
                parts[place][int(monomial[self.size - 1])] = fmpq(value) / (scale * denominator)
        return [fmpq_poly([part.get(k, fmpq(0)) for k in range(max(part, default=0) + 1)]) for part in parts]

    def contains(self, polynomial: fmpq_mpoly) -> bool:
        """Whether a polynomial of the new variables is in the ideal."""
        return self.quotient.contains(polynomial)

    def norm(self, polynomial: fmpq_mpoly) -> fmpq_poly:
        """The determinant of the multiplication with a polynomial, up to its sign."""
        return self.characteristic(polynomial)[0]

    def characteristic(self, polynomial: fmpq_mpoly) -> list[fmpq_poly]:
        """The coefficients, constant first, of the characteristic polynomial of the multiplication, by interpolation."""
        matrix = self.matrix(polynomial)
        top = max((entry.degree() for row in matrix for entry in row), default=0)
        places = range(max(top, 0) * self.rank + 1)
        values = [fmpq_mat([[entry(fmpq(place)) for entry in row] for row in matrix]).charpoly() for place in places]
        return [_interpolated([value[k] for value in values]) for k in range(self.rank + 1)]


def _interpolated(values: Sequence[fmpq]) -> fmpq_poly:
    """The polynomial of least degree with these values at 0, 1, 2, ... (Newton's differences)."""
    differences, row = [], list(values)
    while row:
        differences.append(row[0])
        row = [b - a for a, b in pairwise(row)]
    total, factor = fmpq_poly([0]), fmpq_poly([1])
    for k, difference in enumerate(differences):
        total = total + factor * difference
        factor = factor * fmpq_poly([-k, 1]) / (k + 1)
    return total
