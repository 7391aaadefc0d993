"""Local minimality: classical cases in fractions and balls, random piecewise polynomials against exact descents and dense samples.

The functions are `l(d) = q(d) + sum_j w_j(d) |h_j(d)|` around d = 0, with q quadratic, w_j affine and h_j quadratic, h_j(0) = 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from flint import ctx, fmpz_poly
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from reluspec.engines.algebraic.exact.linear import dot, dual_basis, form, image, plus
from reluspec.engines.algebraic.exact.number_field import real_embeddings
from reluspec.engines.algebraic.exact.scalars import BALLS, FRACTIONS, Scalars, Undetermined
from reluspec.engines.algebraic.judging.local import LocalKind, LocalVerdict, ZeroSwitch, local_verdict
from reluspec.engines.algebraic.stationary.polyhedra import field_scalars

ctx.prec = 128
Row = tuple[Fraction, ...]
MINIMUM, NOT_MINIMUM, DEGENERATE = LocalKind.MINIMUM, LocalKind.NOT_MINIMUM, LocalKind.DEGENERATE


@dataclass(frozen=True)
class Kink:
    """`(weight + slope . d) |normal . d + 1/2 d^T hessian d|`; `hessian` None: affine."""

    weight: Fraction
    normal: Row
    hessian: tuple[Row, ...] | None = None
    slope: Row | None = None

    def value(self, d: Row) -> Fraction:
        h = dot(self.normal, d, FRACTIONS)
        return h if self.hessian is None else h + form(self.hessian, d, d, FRACTIONS) / 2


@dataclass(frozen=True)
class Function:
    p: int
    gradient: Row
    hessian: tuple[Row, ...]
    kinks: tuple[Kink, ...]

    def __call__(self, d: Row) -> Fraction:
        total = dot(self.gradient, d, FRACTIONS) + form(self.hessian, d, d, FRACTIONS) / 2
        for kink in self.kinks:
            total += (kink.weight + (dot(kink.slope, d, FRACTIONS) if kink.slope else 0)) * abs(kink.value(d))
        return total

    def expansion(self, signs: tuple[int, ...]) -> tuple[Row, list[list[Fraction]]]:
        gradient, hessian = list(self.gradient), [list(row) for row in self.hessian]
        for kink, sign in zip(self.kinks, signs, strict=True):
            for i in range(self.p):
                gradient[i] += sign * kink.weight * kink.normal[i]
                for j in range(self.p):
                    if kink.slope:
                        hessian[i][j] += sign * (kink.slope[i] * kink.normal[j] + kink.slope[j] * kink.normal[i])
                    if kink.hessian:
                        hessian[i][j] += sign * kink.weight * kink.hessian[i][j]
        return tuple(gradient), hessian

    def verdict(self, scalars: Scalars, **options: bool) -> LocalVerdict:
        def converted(signs: tuple[int, ...]) -> tuple[Sequence[object], list[Sequence[object]]]:
            gradient, hessian = self.expansion(signs)
            return scalars.vector(gradient), [scalars.vector(row) for row in hessian]

        zero = [
            ZeroSwitch(scalars.vector(kink.normal), kink.hessian and [scalars.vector(row) for row in kink.hessian]) for kink in self.kinks
        ]
        return local_verdict(self.p, zero, converted, scalars, **options)


def rational(entries: Sequence[object]) -> Row:
    return tuple(Fraction(entry) for entry in entries)  # type: ignore[arg-type]


def rows(matrix: Sequence[Sequence[object]]) -> tuple[Row, ...]:
    return tuple(rational(row) for row in matrix)


def function(gradient: Sequence[object], hessian: Sequence[Sequence[object]], *kinks: Kink) -> Function:
    return Function(len(gradient), rational(gradient), rows(hessian), kinks)


def kink(
    weight: object, normal: Sequence[object], hessian: Sequence[Sequence[object]] | None = None, slope: Sequence[object] | None = None
) -> Kink:
    return Kink(Fraction(weight), rational(normal), hessian and rows(hessian), slope and rational(slope))  # type: ignore[arg-type]


FLAT = [[0, 0], [0, 0]]
PARABOLA = [[-2, 0], [0, 0]]
"""Of y - x^2."""
X, Y, DIAGONAL = [1, 0], [0, 1], [1, -1]

CASES = {
    "x^2": (function([0], [[2]]), MINIMUM),
    "constant, no variables": (function([], []), MINIMUM),
    "x": (function([1], [[0]]), NOT_MINIMUM),
    "x^2 - y^2": (function([0, 0], [[2, 0], [0, -2]]), NOT_MINIMUM),
    "x^2, y free": (function([0, 0], [[2, 0], [0, 0]]), DEGENERATE),
    "|x| + |y|": (function([0, 0], FLAT, kink(1, X), kink(1, Y)), MINIMUM),
    "|x| - |y|": (function([0, 0], FLAT, kink(1, X), kink(-1, Y)), NOT_MINIMUM),
    "|x| + y^2": (function([0, 0], [[0, 0], [0, 2]], kink(1, X)), MINIMUM),
    "|x| - y^2": (function([0, 0], [[0, 0], [0, -2]], kink(1, X)), NOT_MINIMUM),
    "|x| + |y| + 100 x y": (function([0, 0], [[0, 100], [100, 0]], kink(1, X), kink(1, Y)), MINIMUM),
    "|x| + 5 x y + y^2 (strict complementarity)": (function([0, 0], [[0, 5], [5, 2]], kink(1, X)), MINIMUM),
    "|x| + x + 5 x y + y^2 (zero multiplier)": (function([1, 0], [[0, 5], [5, 2]], kink(1, X)), NOT_MINIMUM),
    "|x| + x + x y + y^2 + x^2": (function([1, 0], [[2, 1], [1, 2]], kink(1, X)), MINIMUM),
    "|x| + x, flat half": (function([1, 0], [[0, 0], [0, 2]], kink(1, X)), DEGENERATE),
    "|x| + x + |y| + y - 2 x y + x^2 + y^2 (tie on a ray)": (function([1, 1], [[2, -2], [-2, 2]], kink(1, X), kink(1, Y)), DEGENERATE),
    "|x| + x + |y| + y - 3 x y + x^2 + y^2 (indefinite there)": (function([1, 1], [[2, -3], [-3, 2]], kink(1, X), kink(1, Y)), NOT_MINIMUM),
    "|x| + x + |y| + y + 3 x y + x^2 + y^2 (copositive only)": (function([1, 1], [[2, 3], [3, 2]], kink(1, X), kink(1, Y)), MINIMUM),
    "three lines": (function([0, 0], FLAT, kink(1, X), kink(1, Y), kink(1, DIAGONAL)), MINIMUM),
    "three lines, one down": (function([0, 0], FLAT, kink(1, X), kink(1, Y), kink(Fraction(-1, 2), DIAGONAL)), MINIMUM),
    "three lines, one too far down": (function([0, 0], FLAT, kink(1, X), kink(1, Y), kink(-2, DIAGONAL)), NOT_MINIMUM),
    "three lines, flat rays, curved up": (function([0, 0], [[2, 0], [0, 2]], kink(1, X), kink(1, Y), kink(-1, DIAGONAL)), MINIMUM),
    "three lines, flat rays, curved down": (function([0, 0], [[2, 0], [0, -2]], kink(1, X), kink(1, Y), kink(-1, DIAGONAL)), NOT_MINIMUM),
    "max(x, y, 0) - min(x, y, 0)": (
        function([0, 0], FLAT, kink(Fraction(1, 2), X), kink(Fraction(1, 2), Y), kink(Fraction(1, 2), DIAGONAL)),
        MINIMUM,
    ),
    "repeated affine switches": (function([0, 0], FLAT, kink(1, X), kink(1, [-2, 0]), kink(1, Y), kink(-1, [0, 3])), NOT_MINIMUM),
    "|y - x^2| + y/2": (function([0, Fraction(1, 2)], FLAT, kink(1, Y, PARABOLA)), MINIMUM),
    "|y - x^2| - y/2": (function([0, Fraction(-1, 2)], FLAT, kink(1, Y, PARABOLA)), NOT_MINIMUM),
    "|y - x^2|": (function([0, 0], FLAT, kink(1, Y, PARABOLA)), DEGENERATE),
    "|y - x^2| - y/2 + 2/3 x^2": (function([0, Fraction(-1, 2)], [[Fraction(4, 3), 0], [0, 0]], kink(1, Y, PARABOLA)), MINIMUM),
    "|y - x^2| - y/2 + 1/3 x^2": (function([0, Fraction(-1, 2)], [[Fraction(2, 3), 0], [0, 0]], kink(1, Y, PARABOLA)), NOT_MINIMUM),
    "|y - x^2| + 2 y": (function([0, 2], FLAT, kink(1, Y, PARABOLA)), NOT_MINIMUM),
    "|y - x^2| + |y + x^2| = 2 max(|y|, x^2)": (function([0, 0], FLAT, kink(1, Y, PARABOLA), kink(1, Y, [[2, 0], [0, 0]])), MINIMUM),
    "|y - x^2| - |y + x^2|": (function([0, 0], FLAT, kink(1, Y, PARABOLA), kink(-1, Y, [[2, 0], [0, 0]])), NOT_MINIMUM),
    "|x^2 + y^2|": (function([0, 0], FLAT, kink(1, [0, 0], [[2, 0], [0, 2]])), MINIMUM),
    "|x y| + x^2 + y^2 (no gradient)": (function([0, 0], [[2, 0], [0, 2]], kink(1, [0, 0], [[0, 1], [1, 0]])), MINIMUM),
    "y |x| - like": (function([0, 0], [[2, 0], [0, 2]], kink(0, X, slope=[0, 1])), MINIMUM),
    "3 y |x| + x^2 + y^2": (function([0, 0], [[2, 0], [0, 2]], kink(0, X, slope=[0, 3])), NOT_MINIMUM),
}


@pytest.mark.parametrize("scalars", [FRACTIONS, BALLS], ids=["fractions", "balls"])
@pytest.mark.parametrize("name", CASES)
def test_classical(name: str, scalars: Scalars) -> None:
    case, kind = CASES[name]
    found = case.verdict(scalars)
    assert found.kind is kind, found.reason
    if scalars is FRACTIONS:
        check(case, found, seed=1)


def check(case: Function, found: LocalVerdict, seed: int) -> None:
    """A descent is verified in exact arithmetic, a minimum (and, all quadratic, a tie) on samples."""
    if found.kind is NOT_MINIMUM:
        assert found.direction is not None
        assert found.signs is not None
        if found.slope:
            assert found.slope == dot(case.expansion(found.signs)[0], found.direction, FRACTIONS)
            assert any(case(tuple(t * x for x in found.direction)) < 0 for t in steps())
        else:
            assert any(case(curve(case, found, t)) < 0 for t in steps())
    elif found.kind is MINIMUM:
        assert all(case(d) > 0 for d in nearby(case, seed))
    elif all(kink.hessian is None for kink in case.kinks):
        # Quadratic on polyhedral cells: necessary conditions are sufficient (Majthay 1971), so no sample may fall.
        assert all(case(d) >= 0 for d in nearby(case, seed))


def steps() -> list[Fraction]:
    return [Fraction(1, 10**k) for k in (3, 5, 7)]


def curve(case: Function, found: LocalVerdict, t: Fraction) -> Row:
    """`t d + t^2/2 w` inside the region of the cell, on which the function falls to second order: w by linear programming."""
    d, signs, p = found.direction, found.signs, case.p
    gradient, hessian = case.expansion(signs)
    point = tuple(t * x for x in d)
    if all(kink.hessian is None for kink in case.kinks):
        return point
    rows, right = [[*map(float, gradient), 1.0]], [-float(form(hessian, d, d, FRACTIONS))]
    for kink, sign in zip(case.kinks, signs, strict=True):
        if dot(kink.normal, d, FRACTIONS) == 0:
            rows.append([*(-sign * float(x) for x in kink.normal), 1.0])
            right.append(sign * float(form(kink.hessian, d, d, FRACTIONS)) if kink.hessian else 0.0)
    solution = linprog([0.0] * p + [-1.0], A_ub=rows, b_ub=right, bounds=[(-1e4, 1e4)] * p + [(None, 1.0)])
    return plus(point, t**2 / 2, rational(solution.x[:p]))


def nearby(case: Function, seed: int, count: int = 60) -> list[Row]:
    """Points at distance about 1/10000, some moved onto kinks by exact Newton steps."""
    rng = np.random.default_rng(seed)
    found: list[Row] = []
    if not case.p:
        return found
    for k in range(count):
        d = tuple(Fraction(int(x), 10**7) for x in rng.integers(-1000, 1001, case.p))
        if not any(d):
            continue
        chosen = [kink for kink in case.kinks if k % 2 and rng.random() < 0.5]
        for _ in range(2):
            d = tuple(x.limit_denominator(10**24) for x in _newton(chosen, d))
        if Fraction(1, 10**6) < max(map(abs, d)) < Fraction(1, 10**3):
            found.append(d)
    return found


def _newton(chosen: list[Kink], d: Row) -> Row:
    gradients = [plus(kink.normal, Fraction(1), image(kink.hessian, d, FRACTIONS)) if kink.hessian else kink.normal for kink in chosen]
    dual = dual_basis(gradients, len(d), FRACTIONS)
    values = [kink.value(d) for kink in chosen]
    for value, vector in zip(values, dual or (), strict=False):
        d = plus(d, -value, vector)
    return d


SMALL = st.integers(-2, 2)


@st.composite
def functions(draw: st.DrawFn, curved: bool, independent: bool) -> Function:
    """Ties are common: gradients are small multiples of the kinks' weights."""
    p = draw(st.integers(1, 3))
    vector = st.lists(SMALL, min_size=p, max_size=p)
    kinks = []
    for _ in range(draw(st.integers(1 if curved else 0, p if independent else p + 2))):
        normal = draw(vector.filter(any))
        hessian = symmetric(draw, p) if curved and draw(st.booleans()) else None
        slope = draw(st.none() | vector)
        kinks.append(kink(draw(st.sampled_from([-1, 1, 1, 1, 2])), normal, hessian, slope))
    gradient = rational([0] * p)
    for term in kinks:
        gradient = plus(gradient, Fraction(draw(st.sampled_from([-1, 0, 0, 1]))), term.normal)
    lift = draw(st.integers(0, 6))
    hessian = [[entry + lift * (i == j) for j, entry in enumerate(row)] for i, row in enumerate(symmetric(draw, p))]
    return function(gradient, hessian, *kinks)


def symmetric(draw: Callable[[st.SearchStrategy[int]], int], p: int) -> list[list[int]]:
    matrix = [[0] * p for _ in range(p)]
    for i in range(p):
        for j in range(i + 1):
            matrix[i][j] = matrix[j][i] = draw(SMALL)
    return matrix


def same_in_balls(case: Function, found: LocalVerdict) -> None:
    with suppress(Undetermined):
        assert case.verdict(BALLS).kind is found.kind


@settings(max_examples=150, deadline=None)
@given(functions(curved=False, independent=False), st.integers(0, 2**30))
def test_random_affine_kinks(case: Function, seed: int) -> None:
    found = case.verdict(FRACTIONS)
    check(case, found, seed)
    same_in_balls(case, found)


@settings(max_examples=150, deadline=None)
@given(functions(curved=True, independent=True), st.integers(0, 2**30))
def test_random_curved_kinks(case: Function, seed: int) -> None:
    found = case.verdict(FRACTIONS)
    check(case, found, seed)
    same_in_balls(case, found)


def test_balls_with_irrational_data() -> None:
    """`|sqrt2 x + y - x^2| + (x - y)^2` on the tangent, and the same with an unknown zero: what balls decide, and what they do not."""
    root = BALLS.number(Fraction(2)).sqrt()
    zero, one, two = (BALLS.number(Fraction(k)) for k in range(3))
    noise = root * root - two  # contains zero, is not exactly zero
    switch = ZeroSwitch((root, one), [[-two, zero], [zero, zero]])

    def expansion(signs: tuple[int, ...]) -> tuple[list[object], list[list[object]]]:
        sign = BALLS.number(Fraction(signs[0]))
        return [sign * root + noise, sign * one + noise], [[two - two * sign, -two], [-two, two]]

    with pytest.raises(Undetermined):
        local_verdict(2, [switch], expansion, BALLS)
    assert local_verdict(2, [switch], expansion, BALLS, stratum_critical=True).kind is MINIMUM


@pytest.mark.parametrize(("lift", "kind"), [(Fraction(1, 10**30), MINIMUM), (Fraction(0), DEGENERATE), (Fraction(-1, 10**30), NOT_MINIMUM)])
def test_exact_irrational_data(lift: Fraction, kind: LocalKind) -> None:
    """`|h| + h`, h = sqrt2 x + y, and half of `(sqrt2 x - y)^2 + lift x^2`."""
    (field,) = (field for field in real_embeddings(fmpz_poly([-2, 0, 1])) if field.generator.sign() > 0)
    scalars = field_scalars(field)
    root, one = field.generator, scalars.one

    def expansion(signs: tuple[int, ...]) -> tuple[list[object], list[list[object]]]:
        slope = one + scalars.number(Fraction(signs[0]))
        return [slope * root, slope], [[root * root + scalars.number(lift), -root], [-root, one]]

    # The form vanishes along (1, sqrt2), and its opposite is inside the half plane where the slope is zero.
    assert local_verdict(2, [ZeroSwitch((root, one))], expansion, scalars).kind is kind


def test_a_descent_elsewhere_counts_although_balls_leave_a_cell_open() -> None:
    noise = BALLS.number(Fraction(2)).sqrt() ** 2 - 2
    zero, one = BALLS.zero, BALLS.one

    def expansion(signs: tuple[int, ...]) -> tuple[list[object], list[list[object]]]:
        return [noise, -one if signs[1] > 0 else one], [[zero, zero], [zero, zero]]

    switches = [ZeroSwitch((one, zero)), ZeroSwitch((zero, one))]
    assert local_verdict(2, switches, expansion, BALLS).kind is NOT_MINIMUM


def test_only_kept_cells_count_and_each_is_expanded_once() -> None:
    case = function([0, 0], FLAT, kink(1, X), kink(-1, Y))
    asked = []

    def expansion(signs: tuple[int, ...]) -> tuple[Row, list[list[Fraction]]]:
        asked.append(signs)
        return case.expansion(signs)

    switches = [ZeroSwitch(kink.normal) for kink in case.kinks]
    assert local_verdict(2, switches, expansion, FRACTIONS).kind is NOT_MINIMUM
    asked.clear()
    lifted = lambda signs: (tuple(Fraction(s) for s in signs) if signs[1] > 0 else case.expansion(signs)[0], expansion(signs)[1])  # noqa: E731
    assert local_verdict(2, switches, lifted, FRACTIONS, kept=lambda signs: signs[1] > 0).kind is MINIMUM
    assert sorted(asked) == [(-1, 1), (1, 1)]


def test_limit_is_a_reason() -> None:
    case = function([0] * 4, [[0] * 4] * 4, *(kink(1, [int(i == j) for j in range(4)]) for i in range(4)))
    switches = [ZeroSwitch(kink.normal) for kink in case.kinks]
    assert local_verdict(4, switches, case.expansion, FRACTIONS, limit=16).kind is MINIMUM
    found = local_verdict(4, switches, case.expansion, FRACTIONS, limit=15)
    assert (found.kind, found.reason) == (DEGENERATE, "more than 15 cells")
