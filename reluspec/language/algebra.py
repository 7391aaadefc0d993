"""Expression syntax → exact constants and piecewise polynomials.

The tree is walked with an explicit stack, operands before operators, left to right; the value None stands for "wrong, and reported", so
that one expression can have several errors reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TypeAlias

from reluspec.language import limits
from reluspec.language import syntax as s
from reluspec.language.diagnostics import quoted, suggestion
from reluspec.language.measure import Measure
from reluspec.language.numbers import NumberError, bounded, literal, power, shown
from reluspec.language.scopes import FUNCTIONS, PIECEWISE, Context, Scope
from reluspec.problem.expression import ZERO, Constant, Expression, Power, Product, Sum, absolute, evaluate, maximum, minimum, relu, sign

_ONE_ARGUMENT = {"abs": absolute, "relu": relu}
_SEVERAL_ARGUMENTS = {"max": maximum, "min": minimum}
Operand: TypeAlias = "Expression | None"


def constant(node: s.Node, context: Context) -> Fraction | None:
    """The value of a constant expression, or None after its errors have been reported."""
    if isinstance(node, s.Number):
        return _literal(node, context)
    value = Lowering(Scope(context)).lower(node)
    return value.value if isinstance(value, Constant) else None


def _literal(node: s.Number, context: Context) -> Fraction | None:
    try:
        return literal(node.text)
    except NumberError as error:
        context.error(node.span, str(error))
        return None


class Lowering:
    """Translates the expressions of one scope."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._context = scope.context
        self._measure = Measure()

    def lower(self, root: s.Node) -> Operand:
        """The meaning of an expression, or None after its errors have been reported."""
        pending: list[tuple[s.Node, bool]] = [(root, False)]
        values: list[Operand] = []
        while pending:
            node, ready = pending.pop()
            operands = _operands(node)
            if operands and not ready:
                pending.append((node, True))
                pending.extend((operand, False) for operand in reversed(operands))
                continue
            split = len(values) - len(operands)
            values[split:] = [self._within_limits(self._combine(node, values[split:]), node)]
        return values[0]

    def _combine(self, node: s.Node, operands: Sequence[Operand]) -> Operand:
        if isinstance(node, s.Number):
            value = _literal(node, self._context)
            return None if value is None else Constant(value)
        if isinstance(node, s.Reference):
            return self._scope.resolve(node, lambda index: constant(index, self._context))
        if isinstance(node, s.Call):
            return self._call(node, operands)
        known = [operand for operand in operands if operand is not None]
        if len(known) < len(operands):
            return None
        try:
            if isinstance(node, s.Signed):
                return scaled(Fraction(-1), known[0]) if node.negative else known[0]
            if isinstance(node, s.SumChain):
                return _sum(known, node.operators)
            if isinstance(node, s.ProductChain):
                return self._product(node, known)
            return self._power(node, known)
        except NumberError as error:
            self._context.error(node.span, str(error))
            return None

    def _within_limits(self, value: Operand, node: s.Node) -> Operand:
        if value is None or isinstance(value, Constant):
            return value
        excess = self._measure.excess(value)
        if excess:
            self._context.error(node.span, excess)
            return None
        return value

    def _product(self, node: s.ProductChain, operands: Sequence[Expression]) -> Operand:
        coefficient, factors = Fraction(1), []
        for place, operand in enumerate(operands):
            divides = place > 0 and node.operators[place - 1] == "/"
            if not isinstance(operand, Constant):
                if divides:
                    return self._refuse(node.operands[place], "division by an expression that is not constant", PIECEWISE)
                factors.append(operand)
            elif not divides:
                coefficient = bounded(coefficient * operand.value)
            elif operand.value:
                coefficient = bounded(coefficient / operand.value)
            else:
                return self._refuse(node.operands[place], "division by zero")
        if not factors:
            return Constant(coefficient)
        return scaled(coefficient, factors[0] if len(factors) == 1 else Product(tuple(factors)))

    def _power(self, node: s.PowerChain, operands: Sequence[Expression]) -> Operand:
        result = operands[-1]
        for place in range(len(operands) - 2, -1, -1):
            exponent = scaled(Fraction(-1), result) if node.negative[place] else result
            where = node.operands[place + 1]
            if not isinstance(exponent, Constant):
                return self._refuse(where, "the exponent is not a constant", PIECEWISE)
            base = operands[place]
            if isinstance(base, Constant):
                result = Constant(power(base.value, exponent.value))
                continue
            times = exponent.value
            if times.denominator != 1 or times < 0:
                message = f"an expression to the power {shown(times)} is not a polynomial"
                return self._refuse(where, message, "powers are integers from 0 up")
            if times > limits.EXPONENT:
                return self._refuse(where, f"the power {shown(times)} is too large; the limit is {limits.EXPONENT}")
            result = _integer_power(base, int(times))
        return result

    def _call(self, node: s.Call, operands: Sequence[Operand]) -> Operand:
        if node.function not in FUNCTIONS:
            hint = f"{suggestion(node.function, FUNCTIONS)}; {PIECEWISE}"
            self._context.error(node.function_span, f"unknown function {quoted(node.function)}", hint)
            return None
        single = node.function in _ONE_ARGUMENT
        if len(operands) != 1 if single else len(operands) < 2:
            wanted = "1 argument" if single else "2 or more arguments"
            return self._refuse(node, f"`{node.function}` takes {wanted}; {len(operands)} given")
        known = [operand for operand in operands if operand is not None]
        if len(known) < len(operands):
            return None
        if single:
            return _folded(_ONE_ARGUMENT[node.function](known[0]), known)
        result = known[0]
        for operand in known[1:]:
            combined = _folded(_SEVERAL_ARGUMENTS[node.function](result, operand), (result, operand))
            bounded_one = self._within_limits(combined, node)
            if bounded_one is None:
                return None
            result = bounded_one
        return result

    def _refuse(self, node: s.Node, message: str, hint: str = "") -> Operand:
        self._context.error(node.span, message, hint)
        return None


def _operands(node: s.Node) -> tuple[s.Node, ...]:
    if isinstance(node, s.Number | s.Reference):
        return ()
    if isinstance(node, s.Call):
        return node.arguments
    return (node.operand,) if isinstance(node, s.Signed) else node.operands


def scaled(coefficient: Fraction, expression: Expression) -> Expression:
    """`coefficient * expression` without needless nodes; zero times anything is the constant zero."""
    if isinstance(expression, Constant):
        return Constant(bounded(coefficient * expression.value))
    if coefficient in (0, 1):
        return expression if coefficient else ZERO
    factors = expression.factors if isinstance(expression, Product) else (expression,)
    if isinstance(factors[0], Constant):
        coefficient, factors = bounded(coefficient * factors[0].value), factors[1:]
        if coefficient == 1:
            return factors[0] if len(factors) == 1 else Product(factors)
    return Product((Constant(coefficient), *factors))


def _sum(operands: Sequence[Expression], operators: Sequence[str]) -> Expression:
    terms = [operands[0], *(scaled(Fraction(-1), value) if op == "-" else value for op, value in zip(operators, operands[1:], strict=True))]
    if all(isinstance(term, Constant) for term in terms):
        total = Fraction(0)
        for term in terms:
            total = bounded(total + term.value) if isinstance(term, Constant) else total
        return Constant(total)
    terms = [term for term in terms if term != ZERO]
    return terms[0] if len(terms) == 1 else Sum(tuple(terms))


def _integer_power(base: Expression, times: int) -> Expression:
    if times < 2:
        return base if times else Constant(Fraction(1))
    return Power(base, times)


def _folded(expression: Expression, operands: Sequence[Expression]) -> Expression:
    """A kink of constants is a constant."""
    if not all(isinstance(operand, Constant) for operand in operands):
        return expression
    return Constant(bounded(evaluate(expression, {}, sign, lambda value: value)))
