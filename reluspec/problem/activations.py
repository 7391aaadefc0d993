"""Activations in plain form: one kink at z = 0 however it was written, and switches that grow with z.

`relu(z) - relu(-z)/10`, `max(z, z/10)` and `leaky_relu(1/10)` are one function; they get one expression, hence one sign per point in the
names of strata, the sign of z (language.md, "Names of strata").
"""

from __future__ import annotations

from fractions import Fraction
from typing import TypeAlias

from reluspec.problem.definitions import Z
from reluspec.problem.expression import Constant, Expression, Kink, Power, Product, Sum, Variable, negative

_Polynomial: TypeAlias = tuple[Fraction, ...]
"""Coefficients of 1, z, z^2, …, the last one not zero."""


def plain_form(activation: Expression) -> Expression:
    """The same function of `z`: `c z` or a single kink on `z` where it is linear on either side of 0, else switches turned upwards."""
    above, below = _on_side(activation, 1), _on_side(activation, -1)
    if above is None or below is None or len(above) > 2 or len(below) > 2 or any(above[:1]) or any(below[:1]):
        return _upwards(activation)
    slopes = _slope(below), _slope(above)
    if slopes[0] == slopes[1]:
        return Z if slopes[0] == 1 else Product((Constant(slopes[0]), Z))
    return Kink(Z, *slopes)


def _slope(line: _Polynomial) -> Fraction:
    return line[1] if len(line) == 2 else Fraction(0)


def _on_side(expression: Expression, side: int) -> _Polynomial | None:
    """The polynomial that the expression equals wherever z has the sign `side`; `None` where it may have kinks there."""
    if isinstance(expression, Constant):
        return _trimmed([expression.value])
    if isinstance(expression, Variable):
        return (Fraction(0), Fraction(1))
    if isinstance(expression, Kink):
        argument = _on_side(expression.argument, side)
        signs = {_sign(c) * side**k for k, c in enumerate(argument or ()) if c}
        if argument is None or len(signs) > 1:  # Terms of both signs: it may vanish somewhere.
            return None
        return _scaled(argument, expression.below if signs == {-1} else expression.above)
    parts = _parts(expression)
    known = [polynomial for polynomial in (_on_side(part, side) for part in parts) if polynomial is not None]
    if len(known) < len(parts):
        return None
    result = known[0] if known else _trimmed([Fraction(1)])
    for polynomial in known[1:]:
        result = _added(result, polynomial) if isinstance(expression, Sum) else _multiplied(result, polynomial)
    return result


def _parts(expression: Sum | Product | Power) -> tuple[Expression, ...]:
    if isinstance(expression, Power):
        return (expression.base,) * expression.exponent
    return expression.terms if isinstance(expression, Sum) else expression.factors


def _sign(value: Fraction) -> int:
    return (value > 0) - (value < 0)


def _trimmed(coefficients: list[Fraction]) -> _Polynomial:
    while coefficients and not coefficients[-1]:
        coefficients.pop()
    return tuple(coefficients)


def _scaled(polynomial: _Polynomial, factor: Fraction) -> _Polynomial:
    return _trimmed([factor * c for c in polynomial])


def _added(first: _Polynomial, second: _Polynomial) -> _Polynomial:
    size = max(len(first), len(second))
    padded = [polynomial + (Fraction(0),) * (size - len(polynomial)) for polynomial in (first, second)]
    return _trimmed([a + b for a, b in zip(*padded, strict=True)])


def _multiplied(first: _Polynomial, second: _Polynomial) -> _Polynomial:
    product = [Fraction(0)] * max(0, len(first) + len(second) - 1)
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            product[i + j] += a * b
    return _trimmed(product)


def _upwards(expression: Expression) -> Expression:
    """With every switch `c z + d`, c < 0, replaced by its negative."""
    if isinstance(expression, Sum):
        return Sum(tuple(_upwards(term) for term in expression.terms))
    if isinstance(expression, Product):
        return Product(tuple(_upwards(factor) for factor in expression.factors))
    if isinstance(expression, Power):
        return Power(_upwards(expression.base), expression.exponent)
    if not isinstance(expression, Kink):
        return expression
    argument = _upwards(expression.argument)
    line = _without_kinks(argument)
    if line is not None and len(line) == 2 and line[1] < 0:
        return Kink(negative(argument), -expression.above, -expression.below)
    return Kink(argument, expression.below, expression.above)


def _without_kinks(expression: Expression) -> _Polynomial | None:
    """The polynomial that an expression is on both sides of 0, if it is one."""
    above, below = _on_side(expression, 1), _on_side(expression, -1)
    return above if above == below else None
