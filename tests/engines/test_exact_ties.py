"""Ties are decided as ties, near-ties by their sign, however near; the algebra behind it against sympy."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import pytest
import sympy
from checks import check, check_ledger
from flint import fmpq
from small_problems import Small, small

import reluspec
from reluspec.engines.convex.algebra import _Quotient, dependency
from reluspec.engines.convex.decide import Decider
from reluspec.engines.convex.float_geometry import FloatGeometry
from reluspec.engines.convex.geometry import Geometry
from reluspec.engines.convex.setting import convex_setting
from reluspec.isolation import Isolated

SHIFTS = [Fraction(0), Fraction(1, 10**30), Fraction(-1, 10**30), Fraction(1, 10**300), Fraction(-1, 10**300)]


def excess(problem: Small, faces: list[str], other: str) -> int | None:
    """The sign of `|G r|^2 - lambda` of one face at the critical point of others."""
    geometry = Geometry(convex_setting(problem.problem))
    found = [geometry.arrangement.index_of(name) for name in [*faces, other]]
    with Isolated() as helper:
        point = Decider(geometry, FloatGeometry(geometry), helper).point(tuple(sorted(found[:-1])))
        assert point is not None
        return point.excess(found[-1])


def sign(value: Fraction) -> int:
    return (value > 0) - (value < 0)


@pytest.mark.parametrize("shift", SHIFTS)
def test_tie_of_the_dead_network(shift: Fraction) -> None:
    """`|(3, 4 + shift)| - 5`: the direction of `+++` at r = y."""
    problem = small([0, 1, 3], [3 + shift, 0, 1], 1, 5)
    assert excess(problem, [], "+++") == sign(shift)
    minima = reluspec.solve(problem.problem)
    if abs(shift) < Fraction(1, 10**100) and shift > 0:
        # A unit with a^2 of some 1e-300 is not found by 128 bits; then the map must not claim to be complete.
        assert not minima.complete
        return
    check_ledger(minima)
    lives = [component for component in minima if component.pieces[0].dead_units == 0]
    assert len(lives) == (shift > 0)


@pytest.mark.parametrize("shift", SHIFTS[:3])
def test_tie_at_a_living_unit(shift: Fraction) -> None:
    """Without a hidden bias units live on the left or on the right, and do not meet.

    The unit alive on the right leaves the left alone, so the left's excess is `(4 + shift)^2 / 4 - lambda` with lambda = 4.
    """
    problem = small([-1, 1], [4 + shift, 7], 2, 4, hidden_bias=False)
    assert excess(problem, ["-+"], "+-") == sign(shift)


def test_mirror_images_have_equal_losses_and_near_mirrors_do_not() -> None:
    """Which minimum is global is decided by the true losses, not by 30 digits of them."""
    x, y = [-2, -1, 0, 1, 2], [1, 0, 0, 0, 1]
    equal = reluspec.solve(small(x, y, 1, "1/10").problem)
    assert sum(component.is_global for component in equal) == 2
    for shift in (Fraction(1, 10**45), Fraction(-1, 10**45), Fraction(1, 10**60)):
        for bent in ([*y[:4], 1 + shift], [1 + shift, *y[1:]]):
            minima = reluspec.solve(small(x, bent, 1, "1/10").problem, precision=1000)
            finest = min(minima, key=lambda component: component.loss.bounds[0])
            default = reluspec.solve(small(x, bent, 1, "1/10").problem)
            for found in (minima, default):
                assert [c.pieces[0].stratum for c in found if c.is_global] == [finest.pieces[0].stratum]


TIED = {
    "a residual that two sets share": small([-1, 0, 1], [1, 0, 1], 2, "1/10", activation="abs"),
    "y = 0": small([-1, 0, 2], [0, 0, 0], 2, "1/10"),
    "one point, many times": small([1, 1, 1], [1, 2, 3], 2, "1/10"),
    "the two touching kinks": small(["-1/3", 3], [0, 2], 2, "1/10"),
    "dead points on the threshold": small([0, 1, 3], [3, 0, 1], 3, 5),
    "too few points": small([(1, 0, 0), (0, 1, 0)], [1, -1], 2, "1/10"),
}


@pytest.mark.parametrize("name", TIED)
def test_constructed_ties(name: str) -> None:
    check(TIED[name], reluspec.solve(TIED[name].problem))


def random_polynomial(random: Random, symbols: list[sympy.Symbol], terms: int) -> sympy.Poly:
    monomials = [sympy.Integer(1), *symbols, *(a * b for a in symbols for b in symbols)]
    total = sum(sympy.Rational(random.randint(-4, 4), random.randint(1, 3)) * random.choice(monomials) for _ in range(terms))
    return sympy.Poly(total, *symbols, domain="QQ")


def as_terms(polynomial: sympy.Poly) -> dict[tuple[int, ...], tuple[int, int]]:
    return {exponents: (int(c.p), int(c.q)) for exponents, c in polynomial.terms() if c}


@pytest.mark.parametrize("seed", range(12))
def test_normal_forms_against_sympy(seed: int) -> None:
    random = Random(seed)
    symbols = list(sympy.symbols("h0:2" if seed % 2 else "h0:3"))
    equations = [p for _ in symbols if not (p := random_polynomial(random, symbols, 4)).is_zero]
    quotient = _Quotient.of(len(symbols), [as_terms(p) for p in equations])
    assert quotient is not None
    basis = sympy.groebner(equations, *symbols, order="grevlex", domain="QQ")
    for _ in range(4):
        polynomial = random_polynomial(random, symbols, 5) * random_polynomial(random, symbols, 3)
        found = quotient.normal_form({exponents: fmpq(*value) for exponents, value in as_terms(polynomial).items()})
        wanted = sympy.Poly(basis.reduce(polynomial.as_expr())[1], *symbols, domain="QQ")
        assert {exponents: (int(value.p), int(value.q)) for exponents, value in found.items()} == as_terms(wanted)


@pytest.mark.parametrize("seed", range(10))
def test_first_dependency(seed: int) -> None:
    """The shortest relation: its last entry is 1, it holds, and the rows before are independent (ranks by sympy)."""
    random = Random(seed)
    rows = [[random.randint(-2, 2) for _ in range(3)] for _ in range(random.randint(1, 5))]
    found = dependency([{(k,): fmpq(v) for k, v in enumerate(row) if v} for row in rows])
    ranks = [sympy.Matrix(rows[: k + 1]).rank() for k in range(len(rows))]
    first = next((k for k, rank in enumerate(ranks) if rank < k + 1), None)
    if first is None:
        assert found is None
        return
    assert found is not None
    assert len(found) == first + 1
    assert found[-1] == 1
    assert all(sum((c * row[j] for c, row in zip(found, rows, strict=False)), fmpq(0)) == 0 for j in range(3))
