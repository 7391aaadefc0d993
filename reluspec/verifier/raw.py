"""A stratum of any problem in the raw parameters: its loss and switches as polynomials, its Lagrange system, interval Newton."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from flint import Ordering, arb, arb_mat, ctx, fmpq, fmpq_mat, fmpq_mpoly_ctx

from reluspec.problem.expression import Variable, evaluate
from reluspec.problem.problem import Problem, Reduction
from reluspec.regions.signs import Signs
from reluspec.verifier.convex.setting import rational
from reluspec.verifier.identity import vanishes

Polynomial = Any  # flint.fmpq_mpoly

MAX_COLUMNS = 600
"""Size of the linear systems that are solved to see that a number is zero."""


@dataclass(frozen=True)
class Surrogate:
    """The polynomial that the loss is on a stratum, and its switches with their signs, in the order of the stratum's name."""

    loss: Polynomial
    switches: tuple[tuple[Polynomial, int], ...]


class Ring:
    """Polynomials over Q in the free parameters of a problem and some multipliers."""

    def __init__(self, problem: Problem, multipliers: int = 0) -> None:
        self.problem = problem
        self.size = len(problem.parameters)
        self.context = fmpq_mpoly_ctx.get([f"t{k}" for k in range(self.size + multipliers)], Ordering.degrevlex)
        self.gens = self.context.gens()
        self.values: dict[Variable, Polynomial] = dict(zip(problem.parameters, self.gens, strict=False))
        self.values.update({variable: self.constant(value) for variable, value in problem.constants().items()})
        self.term = self.constant(0)

    def plus(self, term: Polynomial) -> Ring:
        """The same ring for the loss with a term more."""
        found = copy(self)
        found.term = term
        return found

    def constant(self, value: Any) -> Polynomial:
        return self.context.constant(rational(value))

    def surrogate(self, signs: Signs) -> Surrogate:
        """By a forward pass that takes at every kink the side that the sign names (either side where it is zero)."""
        switches: list[tuple[Polynomial, int]] = []
        return Surrogate(self.forward(_chooser(iter(signs.all), switches)), tuple(switches))

    def forward(self, choose: Callable[[Polynomial], int]) -> Polynomial:
        """The loss, when `choose` tells the side at every kink, in the order of the strata's names."""
        problem = self.problem
        signals: list[list[Polynomial]] = [[self.constant(entry) for entry in point] for point in problem.data.x]
        for layer in problem.network.layers:
            columns = []
            for unit in range(layer.units):
                column = []
                for signal in signals:
                    total = self.values[Variable(f"{layer.name}.bias", (unit,))] if layer.bias else self.constant(0)
                    for k, entry in enumerate(signal):
                        total = total + self.values[Variable(f"{layer.name}.weight", (unit, k))] * entry
                    column.append(evaluate(layer.activation.expression, {Variable("z"): total}, choose, self.constant))
                columns.append(column)
            signals = [list(row) for row in zip(*columns, strict=True)]
        loss = self.constant(0)
        for output, target, weight in zip(signals, problem.data.y, problem.data.weight, strict=True):
            local = {Variable("f", (k,)): entry for k, entry in enumerate(output)}
            local |= {Variable("y", (k,)): self.constant(entry) for k, entry in enumerate(target)}
            loss += self.constant(weight) * evaluate(problem.loss.expression, local, choose, self.constant)
        if problem.loss.reduction is Reduction.MEAN:
            loss = loss * fmpq(1, len(problem.data))
        for penalty in problem.regulariser:
            loss += evaluate(penalty.expression, self.values, choose, self.constant)
        return loss + self.term


def _chooser(signs: Iterator[str], switches: list[tuple[Polynomial, int]]) -> Callable[[Polynomial], int]:
    def choose(switch: Polynomial) -> int:
        side = {"+": 1, "-": -1, "0": 0}[next(signs)]
        switches.append((switch, side))
        return side

    return choose


class SingularError(Exception):
    """The system does not determine a point: a family, or multipliers that are not unique."""


class Affine:
    """The parameters (and multipliers) as affine functions of those that linear equations leave free, exact."""

    def __init__(self, ring: Ring) -> None:
        self.ring = ring
        self.images: list[Polynomial] = list(ring.gens)

    def of(self, polynomial: Polynomial) -> Polynomial:
        return polynomial.compose(*self.images)

    def eliminate(self, polynomials: Sequence[Polynomial]) -> list[Polynomial]:
        """Solve the linear ones among equations, and those that become so; returns the rest. Raises `SingularError` on a contradiction."""
        rest = [self.of(polynomial) for polynomial in polynomials]
        while True:
            linear = next((one for one in rest if one != 0 and one.total_degree() <= 1), None)
            if linear is None:
                return [one for one in rest if one != 0]
            if linear.total_degree() <= 0:
                raise SingularError("its equations contradict each other")
            k, coefficient = next(
                (k, c) for k, c in ((self.power(monomial), c) for monomial, c in linear.to_dict().items()) if k is not None
            )
            move = list(self.ring.gens)
            move[k] = self.ring.gens[k] - linear * (1 / coefficient)
            self.images = [image.compose(*move) for image in self.images]
            rest = [one.compose(*move) for one in rest if one is not linear]

    @staticmethod
    def power(monomial: Sequence[int]) -> int | None:
        return next((k for k, exponent in enumerate(monomial) if exponent), None)


@dataclass(frozen=True)
class Root:
    """A critical point of a stratum: `theta` encloses it, and within `box` (both in the free parameters) it is the only one.

    `affine` are the exact relations between its coordinates, `equations` others that hold at it; `values` are those of all variables that
    occur in them.
    """

    theta: list[arb]
    box: list[arb]
    affine: Affine
    surrogate: Surrogate
    ring: Ring
    equations: Sequence[Polynomial] = ()
    values: Mapping[int, arb] = field(default_factory=dict)

    def sharp(self) -> Root:
        """With coordinates that are proved to be zero exact."""
        zero = [ball.contains(0) and self.is_zero(gen) for ball, gen in zip(self.theta, self.ring.gens, strict=False)]
        return replace(self, theta=[arb(0) if own else ball for ball, own in zip(self.theta, zero, strict=True)])

    def is_zero(self, polynomial: Polynomial, least: int = 0) -> bool:
        """Whether a polynomial is proved to be zero at the point: by the exact relations, or by an identity (`least`: see there)."""
        rest = self.affine.of(polynomial)
        if rest == 0:
            return True
        if rest.total_degree() <= 0 or not self.values or not value(rest, self.values).contains(0):
            return False
        return vanishes(rest, self.equations, lambda one: value(one, self.values), (0, 1, 2), MAX_COLUMNS, least)


def critical_point(problem: Problem, signs: Signs, start: Sequence[fmpq], bits: int) -> Root:
    """The critical point of a stratum near `start`, by exact elimination and interval Newton. Raises `SingularError`."""
    zero = [switch for switch, sign in Ring(problem).surrogate(signs).switches if sign == 0]
    ring = Ring(problem, len(zero))
    surrogate = ring.surrogate(signs)
    zeros = [switch for switch, sign in surrogate.switches if sign == 0]
    affine = Affine(ring)
    curved = affine.eliminate(zeros)
    loss = affine.of(surrogate.loss)
    free = sorted({k for k in range(ring.size) if affine.images[k] == ring.gens[k]})
    lagrange = loss
    for k, constraint in enumerate(curved):
        lagrange = lagrange + ring.gens[ring.size + k] * constraint
    equations = [lagrange.derivative(k) for k in free] + curved
    rest = affine.eliminate(equations)
    unknown = sorted({k for one in rest for k in range(ring.size + len(curved)) if one.degrees()[k] > 0})
    if len(rest) != len(unknown):
        raise SingularError("its Lagrange system does not determine it (a family, or dependent switches)")
    left = {k for image in affine.images[: ring.size] for k in range(ring.size + len(curved)) if image.degrees()[k] > 0} - set(unknown)
    if left:
        raise SingularError("its Lagrange system leaves parameters free")
    with ctx.workprec(bits):
        guess = _multipliers(rest, unknown, [arb(value) for value in start], ring.size)
        inner, box = krawczyk(rest, unknown, guess, bits)
        exact = rational_root(rest, inner)
        if exact is not None:
            affine.eliminate([ring.gens[k] - entry for k, entry in exact.items()])
        return Root(
            [value(image, inner) for image in affine.images[: ring.size]],
            [value(image, box) for image in affine.images[: ring.size]],
            affine,
            surrogate,
            ring,
        )


def rational_root(equations: Sequence[Polynomial], enclosure: dict[int, arb]) -> dict[int, fmpq] | None:
    """The root itself where it has small denominators: the simplest numbers in the enclosure, if they solve the equations exactly."""
    found: dict[int, fmpq] = {}
    for k, ball in enclosure.items():
        guess = Fraction(float(ball.mid())).limit_denominator(10**6)
        found[k] = fmpq(guess.numerator, guess.denominator)
        if not ball.contains(arb(found[k])):
            return None
    for one in equations:
        total = fmpq(0)
        for exponents, coefficient in one.to_dict().items():
            for k, power in enumerate(exponents):
                if power:
                    coefficient *= found[k] ** int(power)
            total += coefficient
        if total:
            return None
    return found


def _multipliers(equations: Sequence[Polynomial], unknown: Sequence[int], theta: list[arb], size: int) -> dict[int, arb]:
    """A start: the parameters as given, the multipliers (in which the equations are affine) by least squares."""
    point = {k: theta[k] for k in unknown if k < size}
    multipliers = [k for k in unknown if k >= size]
    if not multipliers:
        return point
    at_zero = point | {k: arb(0) for k in multipliers}
    right = [-value(one, at_zero).mid() for one in equations]
    rows = [[value(one.derivative(k), at_zero).mid() for k in multipliers] for one in equations]
    count = len(multipliers)
    gram = arb_mat(count, count, [_dot([row[i] for row in rows], [row[j] for row in rows]) for i in range(count) for j in range(count)])
    pull = arb_mat(count, 1, [_dot([row[i] for row in rows], right) for i in range(count)])
    try:
        solved = gram.mid().solve(pull)
    except ZeroDivisionError:
        raise SingularError("its multipliers are not unique") from None
    return point | {k: solved[i, 0].mid() for i, k in enumerate(multipliers)}


def krawczyk(
    equations: Sequence[Polynomial], unknown: Sequence[int], start: dict[int, arb], bits: int
) -> tuple[dict[int, arb], dict[int, arb]]:
    """An enclosure of a root near `start`, and a box in which it is the only one. Raises `SingularError` without a proof.

    `K = m - Y F(m) + (1 - Y F'(X)) (X - m)` inside the interior of X proves both (Krawczyk; Neumaier, Interval Methods, 5.2).
    """
    if not equations:
        return {}, {}
    count = len(equations)
    derivatives = [[one.derivative(k) for k in unknown] for one in equations]
    middle = [start[k].mid() for k in unknown]

    def jacobian(at: Sequence[arb]) -> arb_mat:
        point = dict(zip(unknown, at, strict=True))
        return arb_mat(count, count, [value(entry, point) for row in derivatives for entry in row])

    def residual(at: Sequence[arb]) -> arb_mat:
        point = dict(zip(unknown, at, strict=True))
        return arb_mat(count, 1, [value(one, point) for one in equations])

    try:
        for _ in range(3 + bits.bit_length()):
            step = jacobian(middle).mid().solve(residual(middle).mid())
            middle = [(entry - step[k, 0]).mid() for k, entry in enumerate(middle)]
        inverse = jacobian(middle).mid().inv().mid()
    except ZeroDivisionError:
        raise SingularError("its Lagrange system is singular there") from None
    found: tuple[dict[int, arb], dict[int, arb]] | None = None
    correction = inverse * residual(middle)
    for exponent in (-bits // 2, -bits // 4, -30, -16):
        radius = arb(2) ** exponent
        box = [entry + arb(0, (radius * (1 + abs(entry))).upper()) for entry in middle]
        defect = arb_mat(count, count, [arb(int(i == j)) for i in range(count) for j in range(count)]) - inverse * jacobian(box)
        spread = defect * arb_mat(count, 1, [a - b for a, b in zip(box, middle, strict=True)])
        image = [entry - correction[k, 0] + spread[k, 0] for k, entry in enumerate(middle)]
        if not all(outer.contains_interior(inner) for outer, inner in zip(box, image, strict=True)):
            break
        narrow = image if found is None else list(found[0].values())
        found = dict(zip(unknown, narrow, strict=True)), dict(zip(unknown, box, strict=True))
    if found is None:
        raise SingularError("interval Newton does not settle near it (a family, or a degenerate point)")
    return found


def value(polynomial: Polynomial, point: Mapping[int, arb]) -> arb:
    """A polynomial at a point given by the variables that occur in it."""
    total = arb(0)
    for exponents, coefficient in polynomial.to_dict().items():
        term = arb(coefficient)
        for k, power in enumerate(exponents):
            for _ in range(int(power)):
                term = term * point[k]
        total += term
    return total


def at(polynomial: Polynomial, theta: Sequence[arb]) -> arb:
    """A polynomial in the parameters at a point."""
    return value(polynomial, dict(enumerate(theta)))


def linear_row(polynomial: Polynomial, size: int) -> list[fmpq]:
    """The gradient of a polynomial of degree one."""
    found = [fmpq(0)] * size
    for exponents, coefficient in polynomial.to_dict().items():
        for k in range(size):
            if exponents[k]:
                found[k] = coefficient
    return found


def definite(matrix: Sequence[Sequence[arb]]) -> bool:
    """Whether a symmetric matrix of balls is positive definite for certain: all pivots of elimination are positive."""
    rows = [list(row) for row in matrix]
    for k in range(len(rows)):
        if not rows[k][k] > 0:
            return False
        for i in range(k + 1, len(rows)):
            factor = rows[i][k] / rows[k][k]
            rows[i] = [a - factor * b for a, b in zip(rows[i], rows[k], strict=True)]
    return True


def kernel(rows: Sequence[Sequence[fmpq]], size: int) -> list[list[fmpq]]:
    """A basis of the vectors on which all rows vanish."""
    if not rows:
        return [[fmpq(int(i == j)) for i in range(size)] for j in range(size)]
    matrix = fmpq_mat([list(row) for row in rows]).numer_denom()[0]
    vectors, nullity = matrix.nullspace()
    return [[fmpq(vectors[i, j]) for i in range(size)] for j in range(int(nullity))]


def _dot(a: Sequence[arb], b: Sequence[arb]) -> arb:
    return sum((x * y for x, y in zip(a, b, strict=True)), arb(0))
