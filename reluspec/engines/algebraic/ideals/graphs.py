"""Solutions that are a graph over an open polyhedron: connected, smooth, with a rational point.

Where an equation is `c v + r = 0` with a variable v that no strict sign depends on, and all factors of c are polynomials that strict signs
keep from zero, v is `-r / c`. If all equations can be used up in this way, and the strict polynomials are affine in the variables that are
left, the solutions with the strict signs are the graph of a continuous function on an open polyhedron.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm, prod

from flint import fmpq_mpoly

from reluspec.systems.linear_program import Dictionary
from reluspec.systems.surrogate import constant_value, fraction, monic_key, rational


@dataclass(frozen=True)
class Graph:
    """`point` is a rational solution with the strict signs, `None` where there is none; `dimension` that of the polyhedron."""

    point: tuple[Fraction, ...] | None
    dimension: int


@dataclass(frozen=True)
class UsedUp:
    """What is left of equations when those that give a variable have been used.

    Where the strict signs hold, the solutions are the graph of a continuous function over the zeros of `left`, polynomials without the
    variables `solved` (variable, top, bottom: `top / bottom`).

    `kept`: as many of the given equations as have the same solutions. `known`: the factors of the strict polynomials.
    """

    left: tuple[fmpq_mpoly, ...]
    solved: tuple[tuple[int, fmpq_mpoly, fmpq_mpoly], ...]
    kept: tuple[fmpq_mpoly, ...]
    known: frozenset[str]

    def moved(self, polynomial: fmpq_mpoly) -> fmpq_mpoly:
        """A polynomial in the variables that are left with the same zeros on the graph; factors count once, those that are not zero not."""
        return without_units(self._on_graph(polynomial), self.known)

    def factors(self, polynomial: fmpq_mpoly) -> list[tuple[fmpq_mpoly, int]]:
        """The factors, with their powers, by which a polynomial may vanish on the graph; none of the zero polynomial."""
        moved = self._on_graph(polynomial)
        every = [] if moved.is_zero() else moved.factor()[1]
        return [(factor, int(power)) for factor, power in every if monic_key(factor) not in self.known]

    def _on_graph(self, polynomial: fmpq_mpoly) -> fmpq_mpoly:
        for variable, top, bottom in self.solved:
            polynomial = _substituted(polynomial, variable, top, bottom, self.known)
        return polynomial


def used_up(equations: Sequence[fmpq_mpoly], strict: Sequence[tuple[int, fmpq_mpoly]]) -> UsedUp | None:
    """The equations, used up one by one as far as they can be; `None` where they contradict the strict signs."""
    known = frozenset(monic_key(factor) for _, polynomial in strict for factor, _ in polynomial.factor()[1])
    held = {k for _, polynomial in strict for k, degree in enumerate(polynomial.degrees()) if degree}
    left = [(one, without_units(one, known)) for one in equations]
    solved, kept = list[tuple[int, fmpq_mpoly, fmpq_mpoly]](), list[fmpq_mpoly]()
    while True:
        left = [pair for pair in left if not pair[0].is_zero()]
        if any(_is_unit(polynomial, known) for polynomial, _ in left):
            return None
        found = _given([polynomial for polynomial, _ in left], known, held)
        if found is None:
            break
        equation, variable, slope = found
        rest = equation - slope * equation.context().gen(variable)
        kept.append(next(given for polynomial, given in left if polynomial is equation))
        left = [(_substituted(one, variable, -rest, slope, known), given) for one, given in left if one is not equation]
        solved.append((variable, -rest, slope))
    rest_of = {monic_key(one): (one, given) for one, given in ((without_units(one, known), given) for one, given in left)}
    return UsedUp(tuple(one for one, _ in rest_of.values()), tuple(solved), (*kept, *(given for _, given in rest_of.values())), known)


def graph(equations: Sequence[fmpq_mpoly], strict: Sequence[tuple[int, fmpq_mpoly]]) -> Graph | None:
    """The solutions as a graph; `None` where they are not seen to be one."""
    if any(polynomial.total_degree() > 1 for _, polynomial in strict):
        return None
    size = equations[0].context().nvars()
    used = used_up(equations, strict)
    if used is None:
        return Graph(None, 0)
    if used.left or len(used.kept) < len(equations):
        return None
    base = inside(strict, size)
    point = None if base is None else _completed(base, used.solved)
    return Graph(point, size - len(used.solved))


def without_units(polynomial: fmpq_mpoly, known: Collection[str]) -> fmpq_mpoly:
    """The product of the different factors that are not among those known not to be zero."""
    if polynomial.is_zero():
        return polynomial
    factors = (factor for factor, _ in polynomial.factor()[1] if monic_key(factor) not in known)
    return prod(factors, start=polynomial.context().constant(1))


def _is_unit(polynomial: fmpq_mpoly, known: Collection[str]) -> bool:
    """Whether strict signs keep a polynomial from zero."""
    return all(monic_key(factor) in known for factor, _ in polynomial.factor()[1])


def _given(equations: Sequence[fmpq_mpoly], known: Collection[str], held: set[int]) -> tuple[fmpq_mpoly, int, fmpq_mpoly] | None:
    """An equation, a variable in which it is linear, and the variable's coefficient."""
    for equation in sorted(equations, key=lambda one: (one.total_degree(), len(one))):
        for variable, degree in enumerate(equation.degrees()):
            if degree == 1 and variable not in held and _is_unit(slope := equation.derivative(variable), known):
                return equation, variable, slope
    return None


def _substituted(polynomial: fmpq_mpoly, variable: int, top: fmpq_mpoly, bottom: fmpq_mpoly, known: Collection[str]) -> fmpq_mpoly:
    """A polynomial with `variable = top / bottom`, times a power of the bottom, without factors that are not zero."""
    degree = int(polynomial.degrees()[variable])
    context = polynomial.context()
    total = context.constant(0)
    for exponents, value in polynomial.to_dict().items():
        power = int(exponents[variable])
        rest = context.from_dict({(*exponents[:variable], 0, *exponents[variable + 1 :]): value})
        total = total + rest * top**power * bottom ** (degree - power)
    if total.is_zero() or total.is_constant():
        return total
    product = context.constant(1)
    for factor, power in total.factor()[1]:
        product = product * (context.constant(1) if monic_key(factor) in known else factor ** int(power))
    return product


def inside(strict: Sequence[tuple[int, fmpq_mpoly]], size: int) -> list[Fraction] | None:
    """A point with these strict signs; the constant is an unknown of its own, positive."""
    found = Dictionary().added({"one": 1})
    for sign, polynomial in strict:
        slopes = [constant_value(polynomial.derivative(k)) or Fraction(0) for k in range(size)]
        row = [*slopes, fraction(polynomial[(0,) * size])]
        scale = lcm(*(entry.denominator for entry in row))
        found = (
            found.added({f"x{k}" if k < size else "one": int(sign * entry * scale) for k, entry in enumerate(row) if entry})
            if found
            else None
        )
    if found is None:
        return None
    return [found.value(f"x{k}") / found.value("one") for k in range(size)]


def _completed(base: Sequence[Fraction], solved: Sequence[tuple[int, fmpq_mpoly, fmpq_mpoly]]) -> tuple[Fraction, ...]:
    """The values of the solved variables, the last one first: it depends on none of the others."""
    point = [rational(value) for value in base]
    for variable, top, bottom in reversed(solved):
        point[variable] = top(*point) / bottom(*point)
    return tuple(fraction(value) for value in point)
