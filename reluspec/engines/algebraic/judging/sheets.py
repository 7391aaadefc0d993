"""Whether a sheet of minima comes up to a point of a stratum that borders on its own.

Let q be such a point, h_j the switches of the sheet's stratum that vanish at q, affine, f = 0 the sheet's equations, and f(q) = 0, which
the caller proves. The direction from q to a point of the sheet's stratum gives each h_j its sign. If the gradients of f are independent
modulo those of the h_j, a step in this direction, corrected within {h_j = const} by the theorem of implicit functions, ends in the sheet,
however short.
"""

from __future__ import annotations

from collections.abc import Sequence

from flint import arb, arb_mat, ctx

from reluspec.engines.algebraic.exact.linear import echelon
from reluspec.engines.algebraic.exact.scalars import FRACTIONS
from reluspec.engines.algebraic.judging.surroundings import slope_of
from reluspec.engines.algebraic.stationary.curves import Curve, polynomial_of, terms_of, value_of


def touches(sheet: Curve, theta: Sequence[arb], zeroed: set[int], bits: int) -> bool:
    """Whether the closure of a sheet is proved to contain `theta`, a zero of its equations at which the strict switches `zeroed` vanish."""
    size = len(sheet.free)
    x = [theta[k] for k in sheet.free]
    with ctx.workprec(bits + 32):
        equations = [polynomial_of(terms, size) for terms in sheet.equations]
        if not all(value_of(terms, x).overlaps(arb(0)) for terms in sheet.equations):
            return False
        polynomials = [polynomial_of(terms, size) for position, _, terms in sheet.strict if position in zeroed]
        if any(polynomial.total_degree() > 1 for polynomial in polynomials):
            return False
        switches = [slope_of(polynomial) for polynomial in polynomials]
        rows = [[arb(entry.numerator) / entry.denominator for entry in row] for row in echelon(switches, size, FRACTIONS).rows]
        rows += [[value_of(terms_of(equation.derivative(k)), x) for k in range(size)] for equation in equations]
        matrix = arb_mat(rows)
        # Gram's determinant is positive iff the rows are independent.
        return not (matrix * matrix.transpose()).det().contains(0)
