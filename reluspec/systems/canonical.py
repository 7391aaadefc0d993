"""A canonical form of piecewise polynomials: equal forms are equal functions; the converse may fail for nested kinks.

A polynomial in the variables and in one more symbol `relu(q)` per kink, q scaled so that its leading coefficient is 1. A kink on `c q`
with c < 0 uses `relu(-q) = relu(q) - q`, so that |p - q| and |q - p| agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

from reluspec.problem.expression import Constant, Expression, Kink, Power, Product, Sum, Variable

Form = tuple[tuple[Any, Fraction], ...]
"""Monomials with their coefficients, sorted; a monomial is a sorted tuple of pairs "symbol, exponent"."""
_Polynomial = dict[Any, Fraction]
Rename = Callable[[Variable], Variable]


def canonical(expression: Expression, rename: Rename) -> Form:
    """The form of an expression after renaming its variables."""
    return _form(_polynomial(expression, rename, []))


def switches(expression: Expression, rename: Rename) -> Iterator[tuple[Form, int]]:
    """Per kink, in the order of `expression.kinks`, the form of its argument up to a positive factor and orientation, and the latter."""
    found: list[tuple[Form, int]] = []
    _polynomial(expression, rename, found)
    return iter(found)


def _polynomial(expression: Expression, rename: Rename, found: list[tuple[Form, int]]) -> _Polynomial:
    if isinstance(expression, Constant):
        return {(): expression.value} if expression.value else {}
    if isinstance(expression, Variable):
        variable = rename(expression)
        return {(((variable.name, *variable.index), 1),): Fraction(1)}
    if isinstance(expression, Sum):
        total: _Polynomial = {}
        for term in expression.terms:
            _accumulate(total, _polynomial(term, rename, found), Fraction(1))
        return total
    if isinstance(expression, Product):
        product: _Polynomial = {(): Fraction(1)}
        for factor in expression.factors:
            product = _multiplied(product, _polynomial(factor, rename, found))
        return product
    if isinstance(expression, Power):
        base, power = _polynomial(expression.base, rename, found), {(): Fraction(1)}
        for _ in range(expression.exponent):
            power = _multiplied(power, base)
        return power
    return _kink(expression, _polynomial(expression.argument, rename, found), found)


def _kink(kink: Kink, argument: _Polynomial, found: list[tuple[Form, int]]) -> _Polynomial:
    if not argument:
        found.append(((), 1))
        return {}
    leading = argument[min(argument, key=repr)]
    monic = _form({monomial: coefficient / leading for monomial, coefficient in argument.items()})
    found.append((monic, 1 if leading > 0 else -1))
    # below * t + (above - below) * relu(t), and relu(t) = |c| relu(q), less c q ... where t = c q with c < 0.
    result: _Polynomial = {}
    _accumulate(result, argument, kink.below if leading > 0 else kink.above)
    _accumulate(result, {((("relu", monic), 1),): abs(leading)}, kink.above - kink.below)
    return result


def _accumulate(total: _Polynomial, other: _Polynomial, factor: Fraction) -> None:
    for monomial, coefficient in other.items():
        value = total.get(monomial, Fraction(0)) + factor * coefficient
        if value:
            total[monomial] = value
        else:
            total.pop(monomial, None)


def _multiplied(first: _Polynomial, second: _Polynomial) -> _Polynomial:
    product: _Polynomial = {}
    for one, a in first.items():
        for other, b in second.items():
            powers = dict(one)
            for symbol, exponent in other:
                powers[symbol] = powers.get(symbol, 0) + exponent
            _accumulate(product, {tuple(sorted(powers.items(), key=repr)): a * b}, Fraction(1))
    return product


def _form(polynomial: _Polynomial) -> Form:
    return tuple(sorted(polynomial.items(), key=repr))
