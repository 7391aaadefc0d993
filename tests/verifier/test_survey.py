"""How the verifier finds all critical points: strata, counted solutions and certified roots, each against something simpler."""

from __future__ import annotations

import random
import time
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
import sympy
from flint import Ordering, arb, fmpq, fmpq_mpoly_ctx
from true_maps import SPECS, names

import reluspec
from reluspec.problem.problem import Problem
from reluspec.regions.signs import format_signs, signs_at
from reluspec.systems.strata import strata
from reluspec.verifier.forms import copositive, inertia, negative_vector
from reluspec.verifier.general.cone import Cone
from reluspec.verifier.general.explore import explore
from reluspec.verifier.general.lagrange import System
from reluspec.verifier.general.quotient import InfiniteError, Quotient, members
from reluspec.verifier.general.roots import Square
from reluspec.verifier.general.solutions import OpenError, solutions
from reluspec.verifier.general.strata import StrataError, all_strata
from reluspec.verifier.general.survey import exchange_group, images, orbits
from reluspec.verifier.raw import Polynomial


class _Plain:
    """What `System` needs of a ring."""

    size = 2


def ring(size: int) -> Any:
    return fmpq_mpoly_ctx.get([f"x{k}" for k in range(size)], Ordering.degrevlex)


def system(equations: list[Polynomial], strict: list[tuple[Polynomial, int]], size: int) -> System:
    return System(_Plain(), tuple(equations), tuple(range(size)), tuple(strict), ())  # type: ignore[arg-type]


@pytest.mark.parametrize("name", names())
def test_strata_are_those_of_the_solver(name: str) -> None:
    """The same sign vectors up to exchange, by another route; none of the solver's is proved empty here."""
    problem = reluspec.load(SPECS / f"{name}.rspec")
    found = all_strata(problem)
    assert len(set(found)) == len(found)
    theirs = {format_signs(problem, one.signs) for one in strata(problem)}
    assert theirs <= {format_signs(problem, one) for one in found}
    assert len(orbits(problem, found, [])) == len(theirs)


@pytest.mark.parametrize("seed", range(12))
def test_no_point_is_in_a_stratum_that_is_left_out(seed: int) -> None:
    choose = random.Random(seed)
    problem = reluspec.parse(nested_spec(choose))
    try:
        found = set(all_strata(problem, time.monotonic() + 4))
    except StrataError:
        pytest.skip("too many strata for a quick test")
    for _ in range(300):
        theta = problem.tensors([Fraction(choose.randint(-3, 3), choose.choice([1, 2])) for _ in problem.parameters], Fraction)
        assert signs_at(problem, theta) in found


def nested_spec(choose: random.Random) -> str:
    """Kinks of every kind: nested, in the objective, in the penalty."""
    y = [choose.randint(-2, 2) for _ in range(2)]
    deep = choose.random() < 0.6
    first = choose.choice(["relu", "abs", "{ min(1, max(0, z)) }"])
    second = "second: layer 1 relu" if deep else ""
    loss = choose.choice(["squared_error", "absolute_error", "huber(1/2)"]) if not deep else "squared_error"
    penalty = choose.choice(["ridge(1/10)", "ridge(1/10) on hidden + lasso(1/5) on output.weight"]) if not deep else "ridge(1/10)"
    return f"""data {{ x = [-1, 2] y = {y} }}
    network {{ input 1 hidden: layer {choose.choice([1, 1, 2])} {first} {second} output: layer 1 linear without bias }}
    loss sum {loss}
    regulariser {penalty}"""


def test_a_cone_is_cut() -> None:
    cone = Cone().with_coordinate("a", 1).with_coordinate("b", 1).with_coordinate("c", None)
    parts = dict(cone.parts({"a": Fraction(1), "b": Fraction(-1)}))
    assert set(parts) == {-1, 0, 1}
    below = parts[-1]
    assert set(dict(below.parts({"a": Fraction(1), "b": Fraction(-2)}))) == {-1}
    assert set(dict(below.parts({"c": Fraction(1), "b": Fraction(-2)}))) == {-1, 0, 1}
    assert set(dict(below.parts({"a": Fraction(-1), "b": Fraction(-2)}))) == {-1}


@pytest.mark.parametrize("seed", range(25))
def test_real_solutions_are_counted_as_by_resultants(seed: int) -> None:
    """Two random conics and signs of two lines: the same points as sympy's exact solution of the resultant."""
    choose = random.Random(seed)
    x, y = ring(2).gens()
    monomials = [x * x, x * y, y * y, x, y, x * 0 + 1]
    conics = [sum((choose.randint(-3, 3) * m for m in monomials), x * 0) for _ in range(2)]
    lines = [choose.randint(1, 3) * x + choose.randint(-3, 3) * y + choose.randint(-2, 2) for _ in range(2)]
    expected = reference(conics, lines)
    if expected is None:
        return
    for sides in product((1, -1), repeat=2):
        try:
            found = solutions(system(conics, list(zip(lines, sides, strict=True)), 2))
        except OpenError:
            continue  # a multiple solution
        assert len(found) == expected.get(sides, 0)


def reference(conics: list[Polynomial], lines: list[Polynomial]) -> dict[tuple[int, ...], int] | None:
    """How many real solutions have which signs; `None` where there are infinitely many, or a solution on a line."""
    first, second, *forms = (sympy.sympify(str(one).replace("^", "**")) for one in (*conics, *lines))
    x, y = sympy.symbols("x0 x1")
    try:
        basis = sympy.groebner([first, second], x, y, order="lex")
    except (ValueError, ZeroDivisionError):
        return None
    if not basis.is_zero_dimensional and basis.exprs != [1]:
        return None
    counted: dict[tuple[int, ...], int] = {}
    if basis.exprs == [1]:
        return counted
    last = sympy.Poly(basis.exprs[-1], y)
    for root in {complex(value) for value in last.nroots(n=30)}:
        if abs(root.imag) > 1e-12:
            continue
        over = [sympy.Poly(one.subs(y, sympy.Float(root.real, 30)), x) for one in (first, second)]
        places = [complex(value) for value in next(one for one in over if one.degree() > 0).nroots(n=30)]
        for place in places:
            if abs(place.imag) < 1e-9 and all(abs(complex(one.eval(place.real))) < 1e-9 for one in over):
                values = [float(form.subs({x: place.real, y: root.real})) for form in forms]
                if min(map(abs, values)) < 1e-9:
                    return None
                key = tuple(1 if value > 0 else -1 for value in values)
                counted[key] = counted.get(key, 0) + 1
    return counted


def test_what_the_quotient_knows() -> None:
    x, y = ring(2).gens()
    quotient = Quotient(members(ring(2), [x * x - 2, (y - x) * (y - 1)]), 2)
    assert quotient.size == 4
    assert quotient.bound([y - 1]) == 2  # y = x at both x
    assert quotient.bound([y - 1, y - x]) == 0
    double = Quotient(members(ring(2), [x * x, y * y - x]), 2)
    assert double.size == 4
    assert double.bound([x]) == 0
    assert Quotient(members(ring(2), [x, x - 1]), 2).size == 0
    with pytest.raises(InfiniteError):
        Quotient(members(ring(2), [x * y]), 2)


def test_multiple_solutions_are_not_taken_for_simple_ones() -> None:
    x, y = ring(2).gens()
    with pytest.raises(OpenError, match="complex solutions are certified"):
        solutions(system([(x - 1) * (x - 1), y - x], [(x, 1)], 2))
    # Outside the stratum they do no harm.
    found = solutions(system([x * x * (x - 1), y - x], [(x, 1)], 2))
    assert [one.point for one in found] == [(1.0, 1.0)]


def test_roots_are_certified_only_near_roots() -> None:
    x, y = ring(2).gens()
    square = Square([x * x + y * y - 1, x - y], 2)
    good = square.certify(np.array([[2**-0.5, 2**-0.5]], dtype=complex))
    assert len(good.points) == 1
    assert good.radius[0] < 1e-13
    assert abs(good.points[0][0] - 2**-0.5) <= good.radius[0]
    assert not len(square.certify(np.array([[0.7, 0.6], [0, 0]], dtype=complex)).points)


@pytest.mark.parametrize("seed", range(20))
def test_inertia_and_copositivity(seed: int) -> None:
    numbers = np.random.default_rng(seed)
    size = int(numbers.integers(1, 6))
    plain = numbers.integers(-3, 4, (size, size))
    plain = plain + plain.T
    form = [[arb(int(entry)) for entry in row] for row in plain]
    values = np.linalg.eigvalsh(plain)
    if np.abs(values).min() > 1e-9:
        assert inertia(form) == (int((values > 0).sum()), int((values < 0).sum()))
    else:
        assert inertia(form) is None
    samples = np.abs(numbers.normal(size=(4000, size))) * (numbers.random((4000, size)) < 0.7)
    lowest = min(float(v @ plain @ v) for v in samples)
    vector = negative_vector(form)
    if vector is not None:
        assert min(vector) >= 0
        assert sum(a * b * fmpq(int(plain[i][j])) for i, a in enumerate(vector) for j, b in enumerate(vector)) < 0
        assert not copositive(form)
    else:
        assert lowest > -1e-9
    if copositive(form):
        assert lowest >= 0


def test_exchanges_act_on_strata() -> None:
    problem = reluspec.load(SPECS / "lasso_output.rspec")
    group = exchange_group(problem)
    assert len(group) == 2
    found = all_strata(problem)
    for signs in found[::97]:
        orbit = images(problem, signs, group)
        assert signs in orbit
        assert all(one in set(found) for one in orbit)
    assert sum(orbit.copies for orbit in orbits(problem, found, [])) == len(found)


def survey_of(problem: Problem) -> dict[str, int]:
    found = explore(problem, [], 384, None, time.monotonic() + 120)
    assert not any(one.reason for one in found.visited)
    return {format_signs(problem, one.orbit.signs): len(one.points) for one in found.visited if one.points}


def test_critical_points_of_one_unit_by_hand() -> None:
    """One point, one unit without bias: a w x = y - r with |w| = |a|, so that a^2 = y - lambda where y > lambda > 0."""
    problem = reluspec.parse("""data { x = [1] y = [2] }
    network { input 1 hidden: layer 1 relu without bias output: layer 1 linear without bias }
    loss sum power(4)
    regulariser ridge(1/2)""")
    # 4 (y - a w)^3 w = a and 4 (y - a w)^3 a = w: (y - a^2)^3 = 1/4 on w > 0, and the point 0.
    assert survey_of(problem) == {"+": 1, "0": 1}
