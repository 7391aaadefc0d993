"""How large an expression is, without walking it again for every operator."""

from __future__ import annotations

from dataclasses import dataclass

from reluspec.language import limits
from reluspec.problem.expression import Constant, Expression, Power, Product, Sum, Variable


@dataclass(frozen=True)
class Size:
    nodes: int
    depth: int
    degree: int


class Measure:
    """Sizes as trees: `max(a, b)` mentions `b` twice, so nested ones grow exponentially although few objects exist.

    Each node object is measured once; the objects are kept alive, so that their `id` stays theirs.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[Expression, Size]] = {}

    def size(self, expression: Expression) -> Size:
        known = self._known.get(id(expression))
        if known is None:
            known = self._known[id(expression)] = (expression, self._compute(expression))
        return known[1]

    def _compute(self, expression: Expression) -> Size:
        if isinstance(expression, Constant):
            return Size(1, 1, 0)
        if isinstance(expression, Variable):
            return Size(1, 1, 1)
        if isinstance(expression, Sum | Product):
            parts = expression.terms if isinstance(expression, Sum) else expression.factors
            sizes = [self.size(part) for part in parts]
            degrees = [size.degree for size in sizes]
            degree = max(degrees) if isinstance(expression, Sum) else sum(degrees)
            return Size(1 + sum(size.nodes for size in sizes), 1 + max(size.depth for size in sizes), degree)
        if isinstance(expression, Power):
            base = self.size(expression.base)
            return Size(1 + base.nodes, 1 + base.depth, base.degree * expression.exponent)
        argument = self.size(expression.argument)
        return Size(1 + argument.nodes, 1 + argument.depth, argument.degree)

    def excess(self, expression: Expression) -> str:
        """The limit an expression exceeds, as a message; empty when it exceeds none."""
        size = self.size(expression)
        if size.degree > limits.EXPONENT:
            return f"an expression of degree {size.degree}; the limit is {limits.EXPONENT}"
        if size.nodes > limits.EXPRESSION_NODES:
            parts = f"{size.nodes} operations and operands (every max and min written out)"
            return f"an expression of {parts}; the limit is {limits.EXPRESSION_NODES}"
        if size.depth > limits.EXPRESSION_DEPTH:
            return f"an expression {size.depth} levels deep; the limit is {limits.EXPRESSION_DEPTH}"
        return ""
