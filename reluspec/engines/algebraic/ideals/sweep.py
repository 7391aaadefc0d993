"""The connected pieces that strict signs leave of a real algebraic curve, exactly (a cylindrical sweep).

Let t be a form for which the ring of the curve is a free module over Q[t] (`curve_algebra`). *Critical* values of t are the real roots of
the norms of: a minor of size m - 1 of the Jacobian by the other variables (elsewhere all points of the fibre are smooth, and t is
a coordinate near each of them), every strict switch, and every other polynomial whose signs are asked for. Over an open interval without
critical values the real curve is a union of disjoint graphs, *branches*, on which all those signs are constant; what they are is read
off at one point of the fibre over a rational t.

Where does a branch go? As t tends to a critical value t_0 it stays bounded, so it tends to a real point of the fibre over t_0. Let v be a
linear form with different values at these points, and e_1 < e_2 < ... rationals between them. If no point of the curve has v = e_k
while t runs from t_0 to t_1, then the values of v at t_1 and in the limit are in the same gap. And if the discriminant of v's
characteristic polynomial has no root in [t_1, t_2], which has no critical value, the real branches have one order by v there. Both are
questions of real roots of polynomials in t.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, islice, pairwise
from typing import Any

from flint import arb, ctx, fmpq, fmpq_mpoly, fmpq_mpoly_ctx, fmpq_poly, fmpz_poly

from reluspec.engines.algebraic.exact.algebraic import Algebraic
from reluspec.engines.algebraic.exact.number_field import NumberField, real_embeddings
from reluspec.engines.algebraic.ideals.curve_algebra import CurveAlgebra
from reluspec.engines.algebraic.ideals.groebner import Groebner, SolvingLimit
from reluspec.engines.algebraic.ideals.solving import solve_system

BITS = 192
"""Precision at which values are told apart."""
FORMS = ((3, 7, -2, 5, 11, -4, 9, 13), (1, -2, 3, 2, -5, 4, -3, 7), (-7, 4, 1, -9, 2, 8, -5, 3))
MINORS = 200
MAX_HALVINGS = 24
MAX_CRITICAL = 200


@dataclass(frozen=True)
class CurvePoint:
    """A real point of the curve in its own field, in the variables x."""

    field: NumberField
    x: tuple[Algebraic, ...]

    def value(self, polynomial: fmpq_mpoly) -> Algebraic:
        """A polynomial in x at the point."""
        total = self.field.element(0)
        for exponents, coefficient in polynomial.to_dict().items():
            term = self.field.element(coefficient)
            for entry, exponent in zip(self.x, exponents, strict=True):
                term = term * entry**exponent if exponent else term
            total = total + term
        return total

    def form(self, coefficients: Sequence[int]) -> arb:
        """A linear form at the point."""
        with ctx.workprec(BITS):
            return sum((c * entry.ball(BITS) for c, entry in zip(coefficients, self.x, strict=True)), arb(0))


@dataclass(frozen=True)
class End:
    """A point of a piece's closure at which the conditions `tight` (positions) vanish."""

    point: CurvePoint
    tight: tuple[int, ...]


@dataclass(frozen=True)
class CurvePiece:
    """A connected part of the curve with the strict signs: `samples` on it, on every branch and at every critical value.

    `isolated`: it is a single point. `unbounded`: so many of its branches go to infinity.
    """

    samples: tuple[CurvePoint, ...]
    ends: tuple[End, ...]
    isolated: bool
    unbounded: int

    @property
    def witness(self) -> CurvePoint:
        """A smooth point, where there is one: a point of a branch."""
        return self.samples[0]


Arc = tuple[str, int, int]
"""`branch`, interval, number of the point of its sample; or `point`, critical value, number of the point of its fibre."""


@dataclass(frozen=True)
class _Critical:
    """A critical value and the real fibre over it."""

    value: Algebraic
    fibre: tuple[CurvePoint, ...]


class Sweep:
    """The real zeros of an ideal of dimension one, where polynomials `strict` have the given signs."""

    def __init__(
        self,
        equations: Sequence[fmpq_mpoly],
        strict: Sequence[tuple[int, fmpq_mpoly]],
        groebner: Groebner,
        marks: Sequence[fmpq_mpoly] = (),
    ) -> None:
        """`marks`: more polynomials whose signs are to be constant between critical values. Raises `SolvingLimit` where the curve is not
        of the kind that can be swept, or too large.
        """
        self.context: fmpq_mpoly_ctx = equations[0].context()
        self.given, self.strict, self.marks, self.groebner = equations, strict, marks, groebner
        self.algebra = self._algebra()
        self._planes: dict[tuple[int, ...], list[fmpq_poly]] = {}
        self._fibres: dict[fmpq, tuple[CurvePoint, ...]] = {}

    def _algebra(self) -> CurveAlgebra:
        size, limit = self.context.nvars(), SolvingLimit("no projection")
        for form in FORMS:
            try:
                return CurveAlgebra(self.given, (*(form * (1 + size // 8))[: size - 1], 1), self.groebner)
            except SolvingLimit as reason:
                limit = reason
        raise limit

    # Critical values

    @cached_property
    def critical(self) -> tuple[_Critical, ...]:
        """All critical values, ascending, with their fibres."""
        factors: list[fmpz_poly] = []
        for norm in self._norms():
            for factor, _ in norm.numer().factor()[1]:
                if factor.degree() > 0 and factor not in factors and -factor not in factors:
                    factors.append(factor)
        found = [one for factor in factors for one in self._over(factor)]
        if len(found) > MAX_CRITICAL:
            raise SolvingLimit(f"a curve with more than {MAX_CRITICAL} critical values")
        return tuple(sorted(found, key=lambda one: float(one.value.ball(BITS).mid())))

    def _norms(self) -> Iterator[fmpq_poly]:
        yield self._ramification()
        for _, polynomial in self.strict:
            norm = self.algebra.norm(self.algebra.moved(polynomial))
            if norm.is_zero():
                raise SolvingLimit("a curve on a part of which a strict switch vanishes")
            yield norm
        for mark in self.marks:
            moved = self.algebra.moved(mark)
            if not self.algebra.contains(moved):
                norm = self.algebra.norm(moved)
                if norm.is_zero():
                    raise SolvingLimit("a curve on a part of which a condition vanishes")
                yield norm

    def _ramification(self) -> fmpq_poly:
        """The greatest common divisor of the norms of a few minors: where it is not zero, one of these minors vanishes nowhere on the
        fibre.
        """
        columns, common, count = self.algebra.size - 1, fmpq_poly([0]), 0
        if not columns:
            raise SolvingLimit("one variable")
        sources = [self.algebra.equations] if len(self.algebra.equations) == columns else []
        for rows in (*sources, self.algebra.quotient.basis):
            jacobian = [[row.derivative(k) for k in range(columns)] for row in rows]
            for chosen in islice(combinations(jacobian, columns), MINORS):
                norm = self.algebra.norm(determinant(chosen, self.algebra.ring))
                common = norm if common.is_zero() else common.gcd(norm) if not norm.is_zero() else common
                count += not norm.is_zero()
                if count > 2 or (count and len(jacobian) == columns):
                    return common
        if common.is_zero():
            raise SolvingLimit("a curve that is counted several times")
        return common

    def _over(self, factor: fmpz_poly) -> Iterator[_Critical]:
        """The fibres over the real roots of an irreducible polynomial."""
        fields = real_embeddings(factor)
        if not fields:
            return
        fibres: list[list[CurvePoint]] = [[] for _ in fields]
        values = [field.generator if field.degree > 1 else field.element(field.generator.fraction() or 0) for field in fields]
        gen = self.algebra.ring.gens()[-1]
        for t, point in self._points(sum((gen**k * c for k, c in enumerate(factor.coeffs())), self.algebra.ring.constant(0))):
            near = [k for k, value in enumerate(values) if value.ball(BITS).overlaps(t.ball(BITS))]
            if len(near) != 1:
                raise SolvingLimit("critical values too near to each other")
            fibres[near[0]].append(point)
        for value, fibre in zip(values, fibres, strict=True):
            yield _Critical(value, tuple(fibre))

    def _points(self, extra: fmpq_mpoly) -> Iterator[tuple[Algebraic, CurvePoint]]:
        """The real points of the curve at which a polynomial in t vanishes, with t."""
        solved = solve_system(self.algebra.ring, [*self.algebra.quotient.basis, extra], (), self.groebner)
        if solved.unresolved or any(one.directions for one in solved.sets):
            raise SolvingLimit("a fibre that is not finite")
        for one in solved.sets:
            first = one.point[:-1]
            last = one.point[-1] - sum((c * x for c, x in zip(self.algebra.form[:-1], first, strict=True)), one.field.element(0))
            yield one.point[-1], CurvePoint(one.field, (*first, last))

    def fibre(self, t: fmpq) -> tuple[CurvePoint, ...]:
        """The real points over a rational t, in a fixed order."""
        if t not in self._fibres:
            self._fibres[t] = tuple(point for _, point in self._points(self.algebra.ring.gens()[-1] - t))
        return self._fibres[t]

    # Branches

    def _plane(self, form: tuple[int, ...]) -> list[fmpq_poly]:
        """The characteristic polynomial of a form in x: coefficients in Q[t], constant first."""
        if form not in self._planes:
            gens = self.context.gens()
            value = sum((c * x for c, x in zip(form, gens, strict=True)), self.context.constant(0))
            self._planes[form] = self.algebra.characteristic(self.algebra.moved(value))
        return self._planes[form]

    @cached_property
    def _forms(self) -> list[tuple[int, ...]]:
        size = self.context.nvars()
        units = [tuple(int(j == k) for j in range(size)) for k in range(size)]
        return [*units, *(tuple(((k + 2) * j * j + 3 * k - 5 * j) % 17 - 8 for j in range(size)) for k in range(6))]

    def near(self, fibre: Sequence[CurvePoint], low: fmpq, high: fmpq) -> tuple[tuple[int, ...], list[fmpq]] | None:
        """A form, and rationals between its values on the fibre over some t in [low, high], which the curve does not meet there."""
        for form in self._forms:
            values = [point.form(form) for point in fibre]
            order = sorted(range(len(fibre)), key=lambda k: float(values[k].mid()))
            if all(values[a] < values[b] for a, b in pairwise(order)):
                gaps = [_between(values[a], values[b]) for a, b in pairwise(order)]
                if all(_rootless(self._at(form, gap), low, high) for gap in gaps):
                    return form, gaps
        return None

    def _at(self, form: tuple[int, ...], value: fmpq) -> fmpq_poly:
        total = fmpq_poly([0])
        for coefficient in reversed(self._plane(form)):
            total = total * value + coefficient
        return total

    def _limits(self, critical: _Critical, t: fmpq, low: fmpq, high: fmpq) -> list[int] | None:
        """Per branch over t, on which point of the critical fibre it ends; `None` if t is too far away."""
        branches = self.fibre(t)
        if not branches:
            return []
        if len(critical.fibre) == 1:
            return [0] * len(branches)
        separated = self.near(critical.fibre, low, high)
        if separated is None:
            return None
        form, gaps = separated
        order = sorted(range(len(critical.fibre)), key=lambda k: float(critical.fibre[k].form(form).mid()))
        return [order[_gap(branch.form(form), gaps)] for branch in branches]

    def _matched(self, a: fmpq, b: fmpq, halvings: int = MAX_HALVINGS) -> list[int]:
        """Per branch over a, its number over b; there is no critical value from a to b."""
        first, second = self.fibre(a), self.fibre(b)
        if len(first) != len(second):
            raise SolvingLimit("fibres of different sizes")
        if a == b or len(first) < 2:
            return list(range(len(first)))
        low, high = min(a, b), max(a, b)
        for form in self._forms:
            if (there := self._ordered(form, first, second, low, high)) is not None:
                return there
        if not halvings:
            raise SolvingLimit("branches of a curve that are not told apart")
        middle = (a + b) / 2
        onward = self._matched(middle, b, halvings - 1)
        return [onward[k] for k in self._matched(a, middle, halvings - 1)]

    def _ordered(
        self, form: tuple[int, ...], first: Sequence[CurvePoint], second: Sequence[CurvePoint], low: fmpq, high: fmpq
    ) -> list[int] | None:
        """The matching by the order of a form's values, if these do not meet in between."""
        discriminant = self._discriminant(form)
        if discriminant.is_zero() or not _rootless(discriminant, low, high):
            return None
        orders = []
        for fibre in (first, second):
            values = [point.form(form) for point in fibre]
            order = sorted(range(len(fibre)), key=lambda k: float(values[k].mid()))
            if not all(values[x] < values[y] for x, y in pairwise(order)):
                return None
            orders.append(order)
        there = dict(zip(*orders, strict=True))
        return [there[k] for k in range(len(first))]

    def _discriminant(self, form: tuple[int, ...]) -> fmpq_poly:
        """Of the form's characteristic polynomial, in t."""
        plane = fmpq_mpoly_ctx.get(["t", "v"], "degrevlex")
        terms: dict[tuple[int, ...], Any] = {
            (i, k): c for k, part in enumerate(self._plane(form)) for i, c in enumerate(part.coeffs()) if c
        }
        result: Any = plane.from_dict(terms).discriminant("v")
        powers = {int(monomial[0]): value for monomial, value in result.to_dict().items()}
        return fmpq_poly([powers.get(k, fmpq(0)) for k in range(max(powers, default=0) + 1)])

    # Pieces

    @cached_property
    def samples(self) -> tuple[fmpq, ...]:
        """A rational in every interval between critical values."""
        balls = [one.value.ball(BITS) for one in self.critical]
        if not balls:
            return (fmpq(0),)
        if not all(a < b for a, b in pairwise(balls)):
            raise SolvingLimit("critical values too near to each other")
        first, last = _rational(balls[0].lower()) - 1, _rational(balls[-1].upper()) + 1
        return (first, *(_between(a, b) for a, b in pairwise(balls)), last)

    @cached_property
    def _graph(self) -> tuple[dict[Arc, CurvePoint], list[tuple[Arc, Arc]]]:
        """Branches and critical points, and which of them meet."""
        nodes: dict[Arc, CurvePoint] = {("branch", k, n): p for k, t in enumerate(self.samples) for n, p in enumerate(self.fibre(t))}
        edges: list[tuple[Arc, Arc]] = []
        for k, critical in enumerate(self.critical):
            nodes |= {("point", k, n): p for n, p in enumerate(critical.fibre)}
            for interval, side in ((k, -1), (k + 1, 1)):
                edges += [(("branch", interval, n), ("point", k, end)) for n, end in enumerate(self._ends(k, interval, side))]
        return nodes, edges

    def _ends(self, number: int, interval: int, side: int) -> list[int]:
        """Per branch over the sample of an interval beside a critical value, on which point of its fibre it ends."""
        critical, sample = self.critical[number], self.samples[interval]
        ball = critical.value.ball(BITS)
        edge = _rational(ball.lower() if side > 0 else ball.upper())
        t = sample
        for _ in range(MAX_HALVINGS):
            limits = self._limits(critical, t, min(edge, t), max(edge, t))
            if limits is not None:
                return [limits[n] for n in self._matched(sample, t)]
            t = (t + _rational(ball.mid())) / 2
        raise SolvingLimit("branches of a curve that are not told apart")

    def signs(self, point: CurvePoint) -> list[int]:
        """The strict switches' signs at a point, each times the sign wanted."""
        return [point.value(polynomial).sign() * sign for sign, polynomial in self.strict]

    @cached_property
    def _kept(self) -> dict[Arc, int]:
        """The branches and points in the stratum, and the piece that each belongs to."""
        nodes, edges = self._graph
        inside = [node for node, point in nodes.items() if all(sign > 0 for sign in self.signs(point))]
        root = {node: node for node in inside}

        def find(node: Arc) -> Arc:
            while root[node] != node:
                node = root[node]
            return node

        for a, b in edges:
            if a in root and b in root:
                root[find(a)] = find(b)
        names: dict[Arc, int] = {}
        return {node: names.setdefault(find(node), len(names)) for node in inside}

    @cached_property
    def pieces(self) -> tuple[CurvePiece, ...]:
        """The connected components of the real curve within the strict signs."""
        return tuple(self._piece(number) for number in range(len(set(self._kept.values()))))

    def _piece(self, number: int) -> CurvePiece:
        nodes, edges = self._graph
        own = sorted(node for node, piece in self._kept.items() if piece == number)
        ends = {b for a, b in edges if a in own and b not in self._kept}
        last = len(self.samples) - 1
        infinite = sum((kind == "branch") * ((k == 0) + (k == last)) for kind, k, _ in own)
        found = [End(nodes[end], tuple(j for j, sign in enumerate(self.signs(nodes[end])) if not sign)) for end in sorted(ends)]
        return CurvePiece(tuple(nodes[node] for node in own), tuple(found), all(node[0] == "point" for node in own), infinite)

    # Where a point is

    def piece_of(self, x: Sequence[arb]) -> int | None:
        """The piece that a point of the curve lies on, given by balls; `None` if it lies on none.

        Points that the balls do not tell apart are taken for one. Raises `SolvingLimit` where the balls are too wide.
        """
        with ctx.workprec(BITS):
            return self._piece_of(x)

    def _piece_of(self, x: Sequence[arb]) -> int | None:
        t = sum((c * value for c, value in zip(self.algebra.form, x, strict=True)), arb(0))
        for k, critical in enumerate(self.critical):
            if critical.value.ball(BITS).overlaps(t):
                there = [n for n, p in enumerate(critical.fibre) if all(e.ball(BITS).overlaps(v) for e, v in zip(p.x, x, strict=True))]
                if len(there) > 1:
                    raise SolvingLimit("points of a curve too near to each other")
                return self._kept.get(("point", k, there[0])) if there else None
        interval = sum(bool(critical.value.ball(BITS) < t) for critical in self.critical)
        low, high = _rational(t.lower()), _rational(t.upper())
        separated = self.near(self.fibre(high), low, high)
        if separated is None:
            raise SolvingLimit("points of a curve too near to each other")
        form, gaps = separated
        value = sum((c * entry for c, entry in zip(form, x, strict=True)), arb(0))
        order = sorted(range(len(self.fibre(high))), key=lambda k: float(self.fibre(high)[k].form(form).mid()))
        branch = self._matched(high, self.samples[interval])[order[_gap(value, gaps)]]
        return self._kept.get(("branch", interval, branch))


def determinant(rows: Sequence[Sequence[fmpq_mpoly]], context: fmpq_mpoly_ctx) -> fmpq_mpoly:
    """By the first column."""
    if not rows:
        return context.constant(1)
    total = context.constant(0)
    for k, row in enumerate(rows):
        if not row[0].is_zero():
            total = total + row[0] * determinant([other[1:] for j, other in enumerate(rows) if j != k], context) * (-1) ** k
    return total


def _rational(value: arb) -> fmpq:
    """The exact midpoint of a ball."""
    mantissa, exponent = value.mid().man_exp()
    return fmpq(mantissa) * fmpq(2) ** int(exponent)


def _between(low: arb, high: arb) -> fmpq:
    """A rational between two balls, a short one if that can be."""
    a, b = _rational(low.upper()), _rational(high.lower())
    middle, scale = (a + b) / 2, fmpq(1)
    while True:
        short = fmpq((middle * scale).floor()) / scale
        if a < short < b:
            return short
        scale *= 2


def _gap(value: arb, gaps: Sequence[fmpq]) -> int:
    """In which gap a value is. Raises `SolvingLimit` where its ball does not tell."""
    with ctx.workprec(BITS):
        if not all(value > gap or value < gap for gap in gaps):
            raise SolvingLimit("points of a curve too near to each other")
        return sum(bool(value > gap) for gap in gaps)


def _rootless(polynomial: fmpq_poly, low: fmpq, high: fmpq) -> bool:
    """Whether a polynomial is proved to have no root in [low, high]."""
    if polynomial.is_zero():
        return False
    with ctx.workprec(BITS):
        for factor, _ in polynomial.numer().factor()[1]:
            for field in real_embeddings(factor) if factor.degree() > 0 else ():
                root = field.root(BITS)
                if not (root < low or root > high):
                    return False
    return True
