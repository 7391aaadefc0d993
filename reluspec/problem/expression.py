"""Piecewise polynomial expressions: what activations, objectives and penalties are made of.

Sums, products, powers and one kind of kink. Every `abs`, `max`, `min` and `relu` of the language becomes a `Kink`; the kink's argument is
the *switch* of theory.md section 1. An expression can be evaluated in any commutative ring that knows the rationals (fractions, floats,
polynomials), as long as the caller can say on which side of a switch it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Constant:
    """An exact rational number."""

    value: Fraction


@dataclass(frozen=True)
class Variable:
    """A variable such as `z`, `f[0]` or `hidden.weight[1,0]`; `index` is empty for a scalar."""

    name: str
    index: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}[{','.join(map(str, self.index))}]" if self.index else self.name

    @property
    def symbol(self) -> str:
        """The same in ASCII, still one of its own: FLINT's rings take no other names, and layers may have any letters."""
        return str(self).encode("ascii", "backslashreplace").decode("ascii")


@dataclass(frozen=True)
class Sum:
    terms: tuple[Expression, ...]


@dataclass(frozen=True)
class Product:
    factors: tuple[Expression, ...]


@dataclass(frozen=True)
class Power:
    """`base` to a non-negative integer power."""

    base: Expression
    exponent: int


@dataclass(frozen=True)
class Kink:
    """`above * t` where the switch `t = argument` is positive, `below * t` where it is negative."""

    argument: Expression
    below: Fraction
    above: Fraction


Expression: TypeAlias = Constant | Variable | Sum | Product | Power | Kink

ZERO = Constant(Fraction(0))


def relu(argument: Expression) -> Kink:
    return Kink(argument, Fraction(0), Fraction(1))


def absolute(argument: Expression) -> Kink:
    return Kink(argument, Fraction(-1), Fraction(1))


def negative(argument: Expression) -> Expression:
    return Product((Constant(Fraction(-1)), argument))


def maximum(first: Expression, second: Expression) -> Expression:
    """`max(first, second)`, with the switch `first - second`; a constant always comes second, and a 0 keeps the plain switch `first`."""
    if isinstance(first, Constant):  # `second` stands twice in the result: let it be the side without kinks
        first, second = second, first
    if second == ZERO:
        return relu(first)
    return Sum((second, relu(Sum((first, negative(second))))))


def minimum(first: Expression, second: Expression) -> Expression:
    """`min(first, second)`, with the switch that `maximum` would have."""
    below_only = (Fraction(1), Fraction(0))
    if isinstance(first, Constant):
        first, second = second, first
    if second == ZERO:
        return Kink(first, *below_only)
    return Sum((second, Kink(Sum((first, negative(second))), *below_only)))


Choose: TypeAlias = Callable[[Any], int]


def evaluate(expression: Expression, values: Mapping[Variable, Any], choose: Choose, number: Callable[[Fraction], Any]) -> Any:
    """Evaluate `expression` in a ring.

    `values` gives the ring element of each variable, `number` embeds a rational, and `choose(t)` says on which side the switch `t` is (1,
    0 or -1). Switches are visited depth first, inner before outer, left to right: the order of their names. Raises `KeyError` for a
    variable without a value.
    """
    if isinstance(expression, Constant):
        return number(expression.value)
    if isinstance(expression, Variable):
        return values[expression]
    if isinstance(expression, Sum):
        total = evaluate(expression.terms[0], values, choose, number)
        for term in expression.terms[1:]:
            total = total + evaluate(term, values, choose, number)
        return total
    if isinstance(expression, Product):
        product = evaluate(expression.factors[0], values, choose, number)
        for factor in expression.factors[1:]:
            product = product * evaluate(factor, values, choose, number)
        return product
    if isinstance(expression, Power):
        return evaluate(expression.base, values, choose, number) ** expression.exponent
    argument = evaluate(expression.argument, values, choose, number)
    side = choose(argument)
    # On the wall itself both sides agree (the argument is zero there); taking the upper one keeps the result a polynomial.
    return number(expression.above if side >= 0 else expression.below) * argument


def sign(value: Any) -> int:
    """The sign of an ordered number: the `choose` of plain evaluation."""
    return int(value > 0) - int(value < 0)


def variables(expression: Expression) -> Iterator[Variable]:
    """All occurrences of variables, left to right."""
    for node in walk(expression):
        if isinstance(node, Variable):
            yield node


def kinks(expression: Expression) -> Iterator[Kink]:
    """All kinks in the order in which `evaluate` visits their switches."""
    if isinstance(expression, Sum | Product):
        for part in expression.terms if isinstance(expression, Sum) else expression.factors:
            yield from kinks(part)
    elif isinstance(expression, Power):
        yield from kinks(expression.base)
    elif isinstance(expression, Kink):
        yield from kinks(expression.argument)
        yield expression


def walk(expression: Expression) -> Iterator[Expression]:
    """Every node, parents before children."""
    yield expression
    if isinstance(expression, Sum):
        for term in expression.terms:
            yield from walk(term)
    elif isinstance(expression, Product):
        for factor in expression.factors:
            yield from walk(factor)
    elif isinstance(expression, Power):
        yield from walk(expression.base)
    elif isinstance(expression, Kink):
        yield from walk(expression.argument)


def substitute(expression: Expression, values: Mapping[Variable, Expression]) -> Expression:
    """Replace variables by expressions."""
    if isinstance(expression, Variable):
        return values.get(expression, expression)
    if isinstance(expression, Sum):
        return Sum(tuple(substitute(term, values) for term in expression.terms))
    if isinstance(expression, Product):
        return Product(tuple(substitute(factor, values) for factor in expression.factors))
    if isinstance(expression, Power):
        return Power(substitute(expression.base, values), expression.exponent)
    if isinstance(expression, Kink):
        return Kink(substitute(expression.argument, values), expression.below, expression.above)
    return expression


def degree(expression: Expression) -> int:
    """An upper bound for the degree in all variables together."""
    if isinstance(expression, Constant):
        return 0
    if isinstance(expression, Variable):
        return 1
    if isinstance(expression, Sum):
        return max(degree(term) for term in expression.terms)
    if isinstance(expression, Product):
        return sum(degree(factor) for factor in expression.factors)
    if isinstance(expression, Power):
        return degree(expression.base) * expression.exponent
    return degree(expression.argument)
