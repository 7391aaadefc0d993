"""Minima at convex kinks: multipliers for all sides at once against all sides one by one, and simplex steps against their proofs."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import pytest
from flint import ctx

from reluspec.engines.algebraic.exact.linear import dot, form
from reluspec.engines.algebraic.exact.programs import Feasible, Infeasible, feasible
from reluspec.engines.algebraic.exact.scalars import BALLS, FRACTIONS, Scalars, Undetermined
from reluspec.engines.algebraic.judging.kinked import KinkedRegion, Taylor, kinked_verdict, tied_kinks
from reluspec.engines.algebraic.judging.local import LocalKind, LocalVerdict, ZeroSwitch, local_verdict

ctx.prec = 128
Row = tuple[Fraction, ...]
Square = list[Row]
MINIMUM, NOT_MINIMUM, DEGENERATE = LocalKind.MINIMUM, LocalKind.NOT_MINIMUM, LocalKind.DEGENERATE


def fractions(*entries: int) -> Row:
    return tuple(map(Fraction, entries))


def kinked(
    smooth: tuple[Row, Square],
    kinks: Sequence[tuple[Row, Square | None]],
    sides: Sequence[tuple[Row, Square | None]],
    scalars: Scalars = FRACTIONS,
) -> LocalVerdict:
    """The verdict on a region; all data in fractions."""

    def vectors(rows: Square | None) -> list[tuple[object, ...]] | None:
        return None if rows is None else [scalars.vector(row) for row in rows]

    region = KinkedRegion(
        Taylor(scalars.vector(smooth[0]), vectors(smooth[1])),
        tuple(ZeroSwitch(scalars.vector(normal), vectors(bend)) for normal, bend in sides),
        tuple(Taylor(scalars.vector(slope), vectors(bend)) for slope, bend in kinks),
        critical=False,
    )
    return kinked_verdict(region, scalars)


def signed(row: Row, sign: int) -> Row:
    return tuple(sign * entry for entry in row)


@dataclass(frozen=True)
class Sample:
    """`q(d) + sum_k |D_k(d)|` where all `r_j(d) >= 0`; every function is given by gradient and Hessian (`None`: affine) at d = 0."""

    p: int
    smooth: tuple[Row, Square]
    kinks: list[tuple[Row, Square | None]]
    sides: list[tuple[Row, Square | None]]

    def verdict(self, scalars: Scalars = FRACTIONS) -> LocalVerdict:
        return kinked(self.smooth, self.kinks, self.sides, scalars)

    def plainly(self) -> LocalVerdict:
        """All sides of the kinks, one by one, by the test that knows nothing of kinks."""

        def expansion(signs: tuple[int, ...]) -> tuple[Row, list[list[Fraction]]]:
            gradient, hessian = list(self.smooth[0]), [list(row) for row in self.smooth[1]]
            for sign, (slope, bend) in zip(signs, self.kinks, strict=False):
                gradient = [a + sign * b for a, b in zip(gradient, slope, strict=True)]
                if bend is not None:
                    hessian = [[a + sign * b for a, b in zip(x, y, strict=True)] for x, y in zip(hessian, bend, strict=True)]
            return tuple(gradient), hessian

        zero = [ZeroSwitch(slope, bend) for slope, bend in (*self.kinks, *self.sides)]
        count = len(self.kinks)
        return local_verdict(self.p, zero, expansion, FRACTIONS, kept=lambda signs: all(sign > 0 for sign in signs[count:]))

    def value(self, d: Row) -> Fraction | None:
        """The function's value, `None` outside the region."""
        if any(_at(side, d) < 0 for side in self.sides):
            return None
        return _at(self.smooth, d) + sum((abs(_at(kink, d)) for kink in self.kinks), Fraction(0))


def _at(taylor: tuple[Row, Square | None], d: Row) -> Fraction:
    gradient, hessian = taylor
    return dot(gradient, d, FRACTIONS) + (form(hessian, d, d, FRACTIONS) / 2 if hessian is not None else 0)


def samples(seed: int, count: int, *, straight: bool) -> Iterator[Sample]:
    r = random.Random(seed)

    def row(p: int, size: int = 2) -> Row:
        return fractions(*(r.randint(-size, size) for _ in range(p)))

    def square(p: int, size: int = 3) -> Square:
        half = [row(p, size) for _ in range(p)]
        return [tuple(half[i][j] + half[j][i] for j in range(p)) for i in range(p)]

    def taylor(p: int) -> tuple[Row, Square | None]:
        return row(p), None if straight or r.random() < 0.5 else square(p)

    for _ in range(count):
        p = r.randint(1, 3)
        kinks = [taylor(p) for _ in range(r.randint(1, 3))]
        sides = [taylor(p) for _ in range(r.randint(0, 2))]
        if len(sides) == 2 and sides[0][0] == signed(sides[1][0], -1):
            continue  # the region of opposite sides has no inner points
        # Often critical: the gradient is one that some multipliers balance.
        gradient = [Fraction(0)] * p
        for slope, _ in kinks:
            m = r.choice([-1, 0, Fraction(1, 2), 1])
            gradient = [a - m * b for a, b in zip(gradient, slope, strict=True)]
        for normal, _ in sides:
            nu = r.choice([0, 1])
            gradient = [a + nu * b for a, b in zip(gradient, normal, strict=True)]
        yield Sample(p, (tuple(gradient) if r.random() < 0.8 else row(p), square(p)), kinks, sides)


@pytest.mark.parametrize("straight", [True, False])
def test_all_sides_at_once_agree_with_all_sides_one_by_one(straight: bool) -> None:
    kinds: Counter[tuple[LocalKind, LocalKind]] = Counter()
    for sample in samples(3, 400, straight=straight):
        kinds[sample.verdict().kind, sample.plainly().kind] += 1
    for different in ((MINIMUM, NOT_MINIMUM), (NOT_MINIMUM, MINIMUM), (DEGENERATE, MINIMUM), (DEGENERATE, NOT_MINIMUM)):
        assert not kinds[different], kinds
    assert min(kinds[MINIMUM, MINIMUM], kinds[NOT_MINIMUM, NOT_MINIMUM]) > 80


def test_a_direction_of_descent_falls() -> None:
    tried = 0
    for sample in samples(5, 300, straight=True):
        verdict = sample.verdict()
        if verdict.kind is NOT_MINIMUM:
            assert verdict.direction is not None
            small = tuple(entry / 10**6 for entry in verdict.direction)
            value = sample.value(small)
            assert value is not None
            assert value < 0
            tried += 1
    assert tried > 50


def test_no_point_nearby_is_below_a_minimum() -> None:
    r, tried = random.Random(1), 0
    for sample in samples(7, 200, straight=False):
        if sample.verdict().kind is not MINIMUM:
            continue
        for _ in range(40):
            d = tuple(Fraction(r.randint(-9, 9), 10**5) for _ in range(sample.p))
            value = sample.value(d)
            assert value is None or value > 0 or not any(d)
            tried += value is not None
    assert tried > 500


def test_balls_agree_with_fractions() -> None:
    told = 0
    for sample in samples(11, 150, straight=False):
        try:
            verdict = sample.verdict(BALLS)
        except Undetermined:
            continue
        assert verdict.kind is sample.verdict().kind
        told += 1
    assert told > 30


def test_a_kink_without_slope_needs_the_right_multiplier() -> None:
    """`x^2 - y^2 + |x^2 - 2 y^2|` falls on both sides' polynomials alone, but some mean of them is positive; without the kink it falls."""
    zero, saddle = fractions(0, 0), [fractions(2, 0), fractions(0, -2)]
    kink = [fractions(2, 0), fractions(0, -4)]
    assert kinked((zero, saddle), [(zero, kink)], []).kind is MINIMUM
    assert kinked((zero, saddle), [], []).kind is NOT_MINIMUM
    assert kinked((zero, [signed(row, 2) for row in saddle]), [(zero, [fractions(1, 0), fractions(0, -1)])], []).kind is NOT_MINIMUM


def test_ties_are_the_kinks_at_the_end_of_their_interval() -> None:
    region = KinkedRegion(
        Taylor(fractions(1, 1), [fractions(2, 0), fractions(0, 2)]),
        (),
        (Taylor(fractions(1, 0), None), Taylor(fractions(0, 2), None)),
        critical=False,
    )
    assert tied_kinks(region, FRACTIONS) == [0]


def programs(seed: int, count: int) -> Iterator[tuple[list[Row], Row, list[Fraction | None]]]:
    r = random.Random(seed)
    for _ in range(count):
        size, columns = r.randint(1, 4), r.randint(1, 7)
        matrix = [fractions(*(r.randint(-2, 2) for _ in range(size))) for _ in range(columns)]
        yield (
            matrix,
            fractions(*(r.randint(-3, 3) for _ in range(size))),
            [r.choice([None, Fraction(1), Fraction(2)]) for _ in range(columns)],
        )


def test_programs_are_solved_or_refuted() -> None:
    kinds: Counter[type] = Counter()
    for matrix, right, upper in programs(1, 1500):
        found = feasible(matrix, right, upper, FRACTIONS)
        kinds[type(found)] += 1
        if isinstance(found, Feasible):
            assert all(sum(x * column[i] for x, column in zip(found.point, matrix, strict=True)) == right[i] for i in range(len(right)))
            assert all(x >= 0 and (bound is None or x <= bound) for x, bound in zip(found.point, upper, strict=True))
            continue
        top = Fraction(0)
        for column, bound in zip(matrix, upper, strict=True):
            price = dot(found.certificate, column, FRACTIONS)
            assert price <= 0 or bound is not None
            top += price * bound if price > 0 and bound is not None else 0
        assert dot(found.certificate, right, FRACTIONS) > top
    assert min(kinds[Feasible], kinds[Infeasible]) > 300
