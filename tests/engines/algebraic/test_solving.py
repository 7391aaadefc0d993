"""Real solution sets of small systems, against known answers, planted solutions and sympy."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
import sympy
from flint import Ordering, fmpq, fmpq_mpoly, fmpq_mpoly_ctx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import reluspec
from reluspec.engines.algebraic.exact.number_field import RATIONALS
from reluspec.engines.algebraic.ideals.affine import restricted, value_at
from reluspec.engines.algebraic.ideals.solving import Limits, Solved, SolvingLimit, solve_system
from reluspec.regions.signs import parse_signs
from reluspec.systems.surrogate import surrogate

SPECS = Path(__file__).parents[3] / "specs"


def parsed(names: str, texts: Sequence[str]) -> tuple[fmpq_mpoly_ctx, list[fmpq_mpoly]]:
    context = fmpq_mpoly_ctx.get(names.split(), Ordering.degrevlex)
    known: dict[str, Any] = dict(zip(context.names(), context.gens(), strict=True))
    return context, [context.constant(0) + eval(text, {"Q": fmpq}, known) for text in texts]


def solved(names: str, equations: Sequence[str], never_zero: Sequence[str] = ()) -> Solved:
    """Solve, and check what can be checked of any answer."""
    context, system = parsed(names, equations)
    conditions = parsed(names, never_zero)[1]
    return checked(system, conditions, solve_system(context, system, conditions))


def checked(system: Sequence[fmpq_mpoly], conditions: Sequence[fmpq_mpoly], answer: Solved) -> Solved:
    for found in answer.sets:
        assert not any(restricted(equation, found) for equation in system)
        assert all(restricted(condition, found) for condition in conditions)
        for pivot, direction in zip(found.pivots, found.directions, strict=True):
            assert direction[pivot] == 1
            assert found.point[pivot] == 0
    for k, one in enumerate(answer.sets):
        assert not any(other.contains(one) for other in answer.sets[:k] + answer.sets[k + 1 :])
    return answer


def points(answer: Solved) -> list[tuple[float, ...]]:
    assert all(found.dimension == 0 for found in answer.sets)
    return sorted(tuple(float(entry) for entry in found.point) for found in answer.sets)


def same(found: Sequence[tuple[float, ...]], expected: Sequence[tuple[float, ...]]) -> bool:
    return len(found) == len(expected) and all(a == pytest.approx(b) for a, b in zip(found, sorted(expected), strict=True))


def test_points() -> None:
    answer = solved("x y", ["x**2+y**2-1", "x-y"])
    assert same(points(answer), [(sqrt(0.5), sqrt(0.5)), (-sqrt(0.5), -sqrt(0.5))])
    assert answer.unresolved == ""
    assert same(points(solved("x y", ["x**2+y**2-4", "x*y-1"])), [
        (sx * sqrt(2 + sx * sy * sqrt(3)), sx * sqrt(2 - sx * sy * sqrt(3))) for sx in (1, -1) for sy in (1, -1)
    ])  # fmt: skip
    assert same(points(solved("x y", ["x*y-1", "x**2-y"])), [(1, 1)])
    assert same(points(solved("x", ["x**3-2"])), [(2 ** (1 / 3),)])
    assert points(solved("x", ["x**2+1"])) == []
    assert points(solved("x y", ["x+y-1", "x+y-2"])) == []
    assert points(solved("x y", ["0*x+3"])) == []


def test_empty_system_is_the_whole_space() -> None:
    for equations in ([], ["0*x"]):
        (found,) = solved("x y", equations).sets
        assert found.dimension == 2
        assert found.field == RATIONALS


@pytest.mark.parametrize(
    ("equations", "expected"),
    [
        (["x**2", "y**2"], [(0, 0)]),
        (["x**2", "x*y", "y**2"], [(0, 0)]),
        (["(x-1)**2*(x+3)", "(y-x)**3"], [(1, 1), (-3, -3)]),
        (["x**2-2*x*y+y**2", "x**2+y-2"], [(1, 1), (-2, -2)]),
        (["(x**2+y**2-2)**2", "(x-y)**2*(x+5)"], [(1, 1), (-1, -1)]),
        (["x**2+y**2", "x*y"], [(0, 0)]),
        (["y-x**2", "y"], [(0, 0)]),
        (["x**3-3*x*y**2+x", "y**3-3*x**2*y+y"], [(0, 0), *((a * sqrt(0.5), b * sqrt(0.5)) for a in (1, -1) for b in (1, -1))]),
    ],
)
def test_multiple_solutions(equations: list[str], expected: list[tuple[float, float]]) -> None:
    answer = solved("x y", equations)
    assert answer.unresolved == ""
    assert same(points(answer), expected)


def test_lines_and_planes() -> None:
    answer = solved("x y z", ["x*y", "x*z"])
    assert sorted(found.dimension for found in answer.sets) == [1, 2]
    answer = solved("x y z", ["x*y*z"])
    assert [found.dimension for found in answer.sets] == [2, 2, 2]
    (line,) = solved("x y z", ["x+y+z-1", "x-2*y"]).sets
    assert line.dimension == 1
    assert line.pivots == (0,)
    assert [entry.fraction() for entry in line.directions[0]] == [1, Fraction(1, 2), Fraction(-3, 2)]


def test_line_and_isolated_points() -> None:
    answer = solved("x y z", ["(x-1)*(x**2-2)", "(x-1)*(y-x)", "(x-1)*(z-3)", "(y-z)*(x**2-2)"])
    assert answer.unresolved == ""
    assert sorted((found.dimension, found.field.degree) for found in answer.sets) == [(0, 2), (0, 2), (1, 1)]
    answer = solved("x y", ["x*(y-1)", "x*(x-1)"])
    assert sorted(found.dimension for found in answer.sets) == [0, 1]


def test_point_on_a_line_is_not_listed_beside_it() -> None:
    (line,) = solved("x y", ["x*y", "x*(x-1)*(x**2+1)", "x*(y-7)*0"], ["x-1"]).sets
    assert line.dimension == 1
    answer = solved("x y", ["(x-y)*(x-1)", "(x-y)*(y-1)"])
    assert [found.dimension for found in answer.sets] == [1]


def test_curved_sets_are_reported() -> None:
    for equations in (["x**2+y**2-1"], ["x*y-1"], ["y-x**2"]):
        answer = solved("x y", equations)
        assert answer.unresolved == "a set of dimension 1 that is not affine"
        assert answer.sets == ()
    answer = solved("x y z", ["(x**2+y**2-1)*(x-3)", "(x**2+y**2-1)*(z-3)*(y-x)"])
    assert "not affine" in answer.unresolved
    assert sorted(found.dimension for found in answer.sets) == [1, 1]
    answer = solved("x y z", ["(x**2-2)*(x-1)", "y**2+x*z**2-x"])
    assert "not affine" in answer.unresolved


def test_affine_family_over_a_number_field() -> None:
    answer = solved("x y z", ["x**2-2", "y-x*z"])
    assert answer.unresolved == ""
    assert len(answer.sets) == 2
    for found in answer.sets:
        assert found.dimension == 1
        assert found.directions[0][2] * found.point[0] == 1
    answer = solved("x y z", ["x**2-2", "(y-x)*(z-1)"])
    assert [found.dimension for found in answer.sets] == [1, 1, 1, 1]


def test_complex_families_are_empty() -> None:
    for equations in (["x**2+1", "y-x*z"], ["x**2+y**2+1"], ["x**2+x*y+y**2+z**2+1"], ["x**4+y**2*z**2+2"], ["x**2-2", "y**2+2-x"]):
        answer = solved("x y z", equations)
        assert answer == Solved(())


def test_real_points_of_semidefinite_sets() -> None:
    (line,) = solved("x y z", ["(x-y)**2+(y-z)**2"]).sets
    assert [entry.fraction() for entry in line.directions[0]] == [1, 1, 1]
    (plane,) = solved("x y z w", ["x**2+2*x*y+y**2*2"]).sets
    assert plane.dimension == 2
    answer = solved("x y z", ["x**2-2", "y**2-2*x*y*z+2*z**2"])
    assert [found.dimension for found in answer.sets] == [1, 1]
    # Over one of the two roots definite, over the other not.
    answer = solved("x y z", ["x**2-2", "y**2+x*z**2"])
    assert "not affine" in answer.unresolved
    assert [found.dimension for found in answer.sets] == [0]


def test_never_zero() -> None:
    assert points(solved("x y", ["x*(x-1)", "y-x"], ["x"])) == [(1, 1)]
    assert points(solved("x", ["x**2-2"], ["x**2-2"])) == []
    assert same(points(solved("x y", ["x**2-2", "y**2-2"], ["x-y"])), [(-sqrt(2), sqrt(2)), (sqrt(2), -sqrt(2))])
    assert points(solved("x", ["x-1"], ["0*x"])) == []
    assert points(solved("x", ["x-1"], ["0*x+2"])) == [(1,)]
    # The circle lies where the condition fails; what is left is a point.
    answer = solved("x y z", ["(x**2+y**2-1)*(x-3)", "(x**2+y**2-1)*(y-3)", "z-y"], ["x**2+y**2-1"])
    assert answer.unresolved == ""
    assert points(answer) == [(3, 3, 3)]
    # An embedded curve that factors do not show.
    answer = solved("x y z", ["x*z-y**2", "y-x**2*0-z*x", "y*(x-1)"], ["x-z+y", "y"])
    assert answer.unresolved == ""
    assert points(answer) == [(1, 1, 1)]


def test_cyclic() -> None:
    assert points(solved("a b c", ["a+b+c", "a*b+b*c+c*a", "a*b*c-1"])) == []
    answer = solved("a b c d", ["a+b+c+d", "a*b+b*c+c*d+d*a", "a*b*c+b*c*d+c*d*a+d*a*b", "a*b*c*d-1"])
    assert "dimension 1" in answer.unresolved
    five = [
        "a+b+c+d+e",
        "a*b+b*c+c*d+d*e+e*a",
        "a*b*c+b*c*d+c*d*e+d*e*a+e*a*b",
        "a*b*c*d+b*c*d*e+c*d*e*a+d*e*a*b+e*a*b*c",
        "a*b*c*d*e-1",
    ]
    answer = solved("a b c d e", five)
    assert answer.unresolved == ""
    assert len(answer.sets) == 10


@pytest.mark.parametrize(
    "equations",
    [
        ["x**3-2*x*y+1", "y**2-x-3"],
        ["x**2*y-3*x+y**2-1", "x*y+x-2*y"],
        ["x**4+y**4-3", "x-y**2+1"],
        ["x**2+3*x*y-y**2+2", "2*x**2-x*y+y-5"],
    ],
)
def test_against_sympy(equations: list[str]) -> None:
    answer = solved("x y", equations)
    x, y, t = sympy.symbols("x y t")
    basis = sympy.groebner([*map(sympy.sympify, equations), t - x - 3 * y], y, x, t, order="lex")
    expected = [float(root) for root in sympy.Poly(basis.exprs[-1], t).real_roots()]
    assert answer.unresolved == ""
    assert sorted(x + 3 * y for x, y in points(answer)) == pytest.approx(sorted(set(expected)))


values = st.fractions(min_value=-4, max_value=4, max_denominator=3)
planted_points = st.lists(st.tuples(values, values, values), min_size=1, max_size=2, unique=True)


@given(planted_points, st.data())
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
def test_planted_points_are_found(planted: list[tuple[Fraction, ...]], data: st.DataObject) -> None:
    """Each equation is a product of forms through the points, or a random quadric through them."""
    context = fmpq_mpoly_ctx.get(["x", "y", "z"], Ordering.degrevlex)
    small = st.integers(-3, 3)

    def form(point: tuple[Fraction, ...]) -> fmpq_mpoly:
        total = context.constant(0)
        for entry, generator in zip(point, context.gens(), strict=True):
            total += data.draw(small) * (generator - fmpq(entry.numerator, entry.denominator))
            shift = generator - fmpq(entry.numerator, entry.denominator)
            total += data.draw(small) * shift * shift
        return total

    system = []
    for _ in range(3):
        equation = context.constant(1)
        for point in planted:
            equation = equation * form(point)
        system.append(equation)
    try:
        answer = checked(system, [], solve_system(context, system, limits=Limits(solutions=150)))
    except SolvingLimit:
        return
    if answer.unresolved:
        return
    for point in planted:
        one = solve_system(context, [g - fmpq(e.numerator, e.denominator) for g, e in zip(context.gens(), point, strict=True)]).sets[0]
        assert any(found.contains(one) for found in answer.sets)


@given(st.tuples(values, values, values), st.tuples(values, values, values), st.data())
@settings(deadline=None, max_examples=40)
def test_planted_lines_are_found(base: tuple[Fraction, ...], slope: tuple[Fraction, ...], data: st.DataObject) -> None:
    context = fmpq_mpoly_ctx.get(["x", "y", "z"], Ordering.degrevlex)
    moved = [g - fmpq(e.numerator, e.denominator) for g, e in zip(context.gens(), base, strict=True)]
    rational = [fmpq(e.numerator, e.denominator) for e in slope]
    minors = [moved[i] * rational[j] - moved[j] * rational[i] for i, j in ((0, 1), (0, 2), (1, 2))]
    small = st.integers(-2, 2)
    others = [sum((data.draw(small) * g for g in context.gens()), context.constant(data.draw(small))) for _ in range(2)]
    system = [minor * others[k % 2] for k, minor in enumerate(minors)]
    answer = checked(system, [], solve_system(context, system))
    (line,) = solve_system(context, minors).sets
    assert answer.unresolved or any(found.contains(line) for found in answer.sets)


def test_limits() -> None:
    context, system = parsed("x y", ["x**6-y-1", "y**6-x-2"])
    with pytest.raises(SolvingLimit, match="more than 20 complex solutions"):
        solve_system(context, system, limits=Limits(solutions=20))


@pytest.mark.parametrize(
    ("stratum", "degrees"), [("++++-|-++++", [1, 8, 8, 8, 8, 64, 64, 64, 64]), ("--0++|+++++", [1, 8, 8, 8, 8, 64, 64, 64, 64])]
)
def test_gradient_system(stratum: str, degrees: list[int]) -> None:
    problem = reluspec.load(SPECS / "poster.rspec")
    there = surrogate(problem, parse_signs(problem, stratum))
    gradient = [there.loss.derivative(j) for j in range(there.context.nvars())]
    answer = solve_system(there.context, gradient)
    assert answer.unresolved == ""
    assert sorted(found.field.degree for found in answer.sets) == degrees
    for found in answer.sets:
        assert all(value_at(equation, found.point) == 0 for equation in gradient[:2])
    strict = [switch.polynomial for switch in there.switches if switch.sign]
    assert 0 < len(solve_system(there.context, gradient, strict).sets) < len(answer.sets)


def test_gradient_system_with_a_sphere() -> None:
    problem = reluspec.load(SPECS / "poster.rspec")
    there = surrogate(problem, parse_signs(problem, "+++++|+++++"))
    gradient = [there.loss.derivative(j) for j in range(there.context.nvars())]
    answer = solve_system(there.context, gradient)
    assert answer.unresolved == "a set of dimension 1 that is not affine"
