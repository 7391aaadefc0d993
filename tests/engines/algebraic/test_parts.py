"""Properties of the engine's small parts: charts, names of numbers, smooth kinks, outcomes as JSON, families in files."""

from __future__ import annotations

import json
from fractions import Fraction
from functools import cache
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flint import Ordering, fmpq, fmpq_mpoly, fmpq_mpoly_ctx, fmpq_poly, fmpz_poly
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import reluspec
from reluspec.engines.algebraic.exact.algebraic import Algebraic
from reluspec.engines.algebraic.exact.identity import equal, identity
from reluspec.engines.algebraic.exact.number_field import NumberField, real_embeddings
from reluspec.engines.algebraic.job import stratum_job
from reluspec.engines.algebraic.outcome import StratumOutcome
from reluspec.engines.algebraic.stationary.charts import Chart, ParityError, Terms, Unit, branches, charted_units, derivative, times_scale
from reluspec.engines.algebraic.stationary.smoothness import smooth_kinks, smooth_switches
from reluspec.io.artefacts import schema
from reluspec.io.map_format import map_document
from reluspec.minima.minima_map import MinimaMap
from reluspec.minima.records import ChartFamily, Family
from reluspec.problem.expression import Constant, Expression, Kink, Power, Product, Sum, Variable, evaluate, kinks, sign
from reluspec.regions.signs import format_signs
from reluspec.systems.strata import strata

SPECS = Path(__file__).parents[3] / "specs"
RUN = settings(max_examples=30, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
SMALL = st.fractions(-3, 3, max_denominator=4)
NOT_ZERO = SMALL.filter(bool)

# Charts: two units (positions 0: output weight, 1 and 2: own; 3 and 4), one parameter of none

CONTEXT = fmpq_mpoly_ctx.get(["a", "w", "b", "c", "v", "free"], Ordering.degrevlex)
UNITS = (Unit(0, (1, 2)), Unit(3, (4,)))


@st.composite
def symmetric(draw: st.DrawFn) -> tuple[fmpq_mpoly, tuple[int, int]]:
    """A polynomial of one parity in each unit."""
    parity = draw(st.tuples(st.integers(0, 1), st.integers(0, 1)))
    terms: dict[tuple[int, ...], fmpq] = {}
    for _ in range(draw(st.integers(1, 5))):
        exponents = draw(st.lists(st.integers(0, 3), min_size=6, max_size=6))
        for odd, unit in zip(parity, UNITS, strict=True):
            exponents[unit.output] += (sum(exponents[k] for k in unit.parameters) + odd) % 2
        terms[tuple(exponents)] = rational(draw(NOT_ZERO))
    return CONTEXT.from_dict(terms), parity


def rational(value: Fraction) -> fmpq:
    return fmpq(value.numerator, value.denominator)


def value(terms: Terms, point: list[Fraction]) -> Fraction:
    total = Fraction(0)
    for exponents, coefficient in terms.items():
        term = Fraction(int(coefficient.p), int(coefficient.q))
        for base, exponent in zip(point, exponents, strict=True):
            term *= base ** int(exponent)
        total += term
    return total


CHARTS = st.tuples(st.sets(st.sampled_from([1, 2])), st.sets(st.just(4))).map(
    lambda products: Chart(tuple(Unit(u.output, u.incoming, frozenset(p)) for u, p in zip(UNITS, products, strict=True)))
)
POINTS = st.tuples(NOT_ZERO, SMALL, SMALL, NOT_ZERO, SMALL, SMALL).map(list)


def in_chart(chart: Chart, theta: list[Fraction]) -> list[Fraction]:
    point = list(theta)
    for unit in chart.living:
        a = theta[unit.output]
        point[unit.output] = a * a
        for k in unit.incoming:
            point[k] = theta[k] * a if k in unit.products else theta[k] / a
    return point


@RUN
@given(symmetric(), CHARTS, POINTS)
def test_values_in_a_chart(one: tuple[fmpq_mpoly, tuple[int, int]], chart: Chart, theta: list[Fraction]) -> None:
    """p(theta) is the transform at the coordinates, times a for every odd unit."""
    polynomial, parity = one
    image, found = chart.transform(polynomial)
    assert found == parity
    outside = Fraction(1)
    for unit, odd in zip(chart.living, parity, strict=True):
        outside *= theta[unit.output] if odd else 1
    assert value(polynomial.to_dict(), theta) == outside * value(image, in_chart(chart, theta))
    # "divided by |a|": the sign is that of the chart's value times the signs of the odd units' output weights.
    if any(parity):
        with pytest.raises(ParityError):
            chart.even(polynomial)
    else:
        assert chart.even(polynomial) == image


@RUN
@given(symmetric().filter(lambda one: not any(one[1])), CHARTS, POINTS)
def test_gradients_in_a_chart(one: tuple[fmpq_mpoly, tuple[int, int]], chart: Chart, theta: list[Fraction]) -> None:
    """The chain rule: dF/dtheta = (d coordinates / d theta)^T dF/d coordinates."""
    polynomial, _ = one
    image, point = chart.even(polynomial), in_chart(chart, theta)
    inner = [value(derivative(image, k), point) for k in range(6)]
    expected = list(inner)
    for unit in chart.living:
        a = theta[unit.output]
        expected[unit.output] = 2 * a * inner[unit.output]
        for k in unit.incoming:
            if k in unit.products:
                expected[unit.output] += theta[k] * inner[k]
                expected[k] = a * inner[k]
            else:
                expected[unit.output] -= theta[k] / a**2 * inner[k]
                expected[k] = inner[k] / a
    assert [value(polynomial.derivative(k).to_dict(), theta) for k in range(6)] == expected


@RUN
@given(symmetric(), CHARTS, POINTS)
def test_clearing_keeps_signs_and_zeros(one: tuple[fmpq_mpoly, tuple[int, int]], chart: Chart, theta: list[Fraction]) -> None:
    image, _ = chart.transform(one[0])
    cleared, point = chart.cleared(image, CONTEXT), in_chart(chart, theta)
    assert sign(value(cleared.to_dict(), point)) == sign(value(image, point))
    for unit in chart.living:
        least = min((exponents[unit.output] for exponents in cleared.to_dict()), default=0)
        assert least == 0, "a polynomial that no s divides"
        assert value(times_scale(image, unit), point) == point[unit.output] * value(image, point)


@RUN
@given(st.lists(symmetric(), min_size=1, max_size=3), symmetric().filter(lambda one: not any(one[1])))
def test_units_without_the_symmetry_have_no_chart(others: list[tuple[fmpq_mpoly, tuple[int, int]]], loss: tuple[fmpq_mpoly, Any]) -> None:
    polynomials = [loss[0], *(polynomial for polynomial, _ in others)]
    assert [unit.output for unit in charted_units(UNITS, polynomials, range(6))] == [0, 3]
    spoilt = [*polynomials, CONTEXT.gen(1) + 1]
    assert [unit.output for unit in charted_units(UNITS, spoilt, range(6))] == [3]
    assert [unit.output for unit in charted_units(UNITS, polynomials, [0, 1, 2, 3, 5])] == [0], "the other one has no parameter of its own"
    with pytest.raises(ParityError):
        Chart(UNITS).transform(CONTEXT.gen(1) + 1)


def test_branches_are_all_ways_to_split() -> None:
    found = list(branches(UNITS))
    assert len(found) == 4
    assert {frozenset(unit.output for unit in living) for living, _ in found} == {
        frozenset(),
        frozenset({0}),
        frozenset({3}),
        frozenset({0, 3}),
    }
    assert all(set(living) | set(off) == set(UNITS) and not set(living) & set(off) for living, off in found)


# Names of numbers

ROOTS = [
    [-2, 0, 1],  # sqrt 2
    [-3, 0, 1],
    [-2, 0, 0, 1],  # one real root
    [1, 0, -10, 0, 1],  # sqrt 2 + sqrt 3 and its conjugates: Q(sqrt 2, sqrt 3)
    [-1, -3, 0, 1],  # three real roots, cyclic
    [-8, 0, 1],
    [-1, -2, 1],  # 1 + sqrt 2
]
FIELDS = [field for root in ROOTS for field in real_embeddings(fmpz_poly(root))]
ELEMENTS = st.builds(
    lambda field, coefficients: field.element(fmpq_poly([rational(c) for c in coefficients])),
    st.sampled_from(FIELDS),
    st.lists(st.integers(-2, 2).map(Fraction), min_size=1, max_size=4),
)


def minimal(element: Algebraic) -> tuple[Any, float]:
    """By sympy: the minimal polynomial, and the value to fifty digits."""
    import sympy

    x = sympy.Symbol("x")
    root = sympy.CRootOf(sympy.Poly([int(c) for c in reversed(element.field.polynomial.coeffs())], x), element.field.position)
    number = sum(sympy.Rational(int(c.p), int(c.q)) * root**k for k, c in enumerate(element.polynomial.coeffs()))
    return sympy.N(number, 50)


@RUN
@given(ELEMENTS, ELEMENTS)
def test_equal_numbers_have_equal_names(a: Algebraic, b: Algebraic) -> None:
    """Numbers this small that agree to forty digits are equal."""
    same = abs(minimal(a) - minimal(b)) < 1e-40
    assert (identity(a) == identity(b)) == same
    assert equal((a,), (b,)) == same
    assert equal((a, a), (a, b)) == same


def test_one_number_in_many_fields() -> None:
    """sqrt 2 and sqrt 3 in Q, in their own fields and in Q(sqrt 2 + sqrt 3), at every one of its four roots."""
    met: dict[object, set[float]] = {}
    half = fmpq(1, 2)
    sqrt_two = {name: NumberField(fmpz_poly([-2, 0, 1]), place).generator for name, place in (("-", 0), ("+", 1))}
    for field in real_embeddings(fmpz_poly([1, 0, -10, 0, 1])):
        g = field.generator
        two = (g**3 - 9 * g) * half
        assert two * two == 2
        met.setdefault(identity(two), set()).add(round(float(two), 6))
        own = sqrt_two["+" if float(two) > 0 else "-"]
        other = sqrt_two["-" if float(two) > 0 else "+"]
        assert equal((two, g), (own, g))
        assert not equal((two,), (other,))
        assert identity(two * two) == identity(own * own) == identity(NumberField(fmpz_poly([0, 1])).element(2)) == ((-2, 1), 0)
        assert identity(g) == ((1, 0, -10, 0, 1), field.position)
    assert sorted(map(sorted, met.values())) == [[-1.414214], [1.414214]]


def test_the_name_is_the_minimal_polynomial_and_the_root() -> None:
    for field in FIELDS:
        assert identity(field.generator) == (tuple(int(c) for c in field.polynomial.coeffs()), field.position)
    assert identity(FIELDS[0].element(Fraction(-3, 7))) == ((3, 7), 0)


# Smooth kinks

X, Y = Variable("x"), Variable("y")


def constant(number: object) -> Constant:
    return Constant(Fraction(number))  # type: ignore[arg-type]


ARGUMENTS = [X, Sum((X, constant(-1))), Sum((X, Y)), Sum((X, Product((constant(-1), Y)))), Product((constant(2), Y))]


@st.composite
def piecewise(draw: st.DrawFn) -> Expression:
    """Sums of kinks, their powers and products: some of them smooth."""
    terms: list[Expression] = []
    for _ in range(draw(st.integers(1, 2))):
        slopes = draw(st.sampled_from([(0, 1), (-1, 1), (1, 1), (Fraction(-1, 2), 1), (1, 0)]))
        kink = Kink(draw(st.sampled_from(ARGUMENTS)), Fraction(slopes[0]), Fraction(slopes[1]))
        shape = draw(st.integers(0, 4))
        partner = draw(st.sampled_from([X, Y, kink.argument, Sum((X, Y))]))
        terms.append(
            [kink, Power(kink, 2), Power(kink, 3), Product((kink, partner)), Sum((Power(kink, 2), Product((constant(-1), kink))))][shape]
        )
    return terms[0] if len(terms) == 1 else Sum(tuple(terms))


def gradient(expression: Expression, point: tuple[Fraction, Fraction], signs: tuple[int, ...]) -> tuple[Fraction, Fraction]:
    """Of the piece on these sides, by central differences of polynomials of degree at most 4: exact by Richardson."""

    def piece(x: Fraction, y: Fraction) -> Fraction:
        sides = iter(signs)
        return evaluate(expression, {X: x, Y: y}, lambda _: next(sides), lambda number: number)

    def slope(dx: int, dy: int) -> Fraction:
        one, two = ((piece(point[0] + h * dx, point[1] + h * dy) - piece(point[0] - h * dx, point[1] - h * dy)) / (2 * h) for h in (1, 2))
        return Fraction(4 * one - two, 3)

    return slope(1, 0), slope(0, 1)


def numerically_smooth(expression: Expression) -> list[bool]:
    """At points of each wall, on every choice of sides elsewhere: are the gradients on both sides the same?"""
    found = list(kinks(expression))
    smooth = [True] * len(found)
    for k, kink in enumerate(found):
        for t in (Fraction(1, 3), Fraction(-2), Fraction(5, 7), Fraction(4)):
            for others in product((1, -1), repeat=len(found) - 1):
                sides = [(*others[:k], side, *others[k:]) for side in (1, -1)]
                point = on_wall(kink.argument, t)
                smooth[k] &= gradient(expression, point, sides[0]) == gradient(expression, point, sides[1])
    return smooth


def on_wall(argument: Expression, t: Fraction) -> tuple[Fraction, Fraction]:
    walls = {0: (Fraction(0), t), 1: (Fraction(1), t), 2: (t, -t), 3: (t, t), 4: (t, Fraction(0))}
    return walls[ARGUMENTS.index(argument)]


@settings(RUN, max_examples=100)
@given(piecewise())
def test_smooth_kinks_have_one_gradient(expression: Expression) -> None:
    assert list(smooth_kinks(expression)) == numerically_smooth(expression)


def test_smooth_switches_of_specs() -> None:
    """Huber's thresholds and the hinge are smooth, the units' kinks are not."""
    for name, units, others in (("huber", 4, True), ("squared_hinge", 4, True), ("absolute_error", 3, False)):
        problem = reluspec.load(SPECS / f"{name}.rspec")
        found = smooth_switches(problem)
        count = problem.network.layers[0].units * len(problem.data)
        assert not any(found[:count])
        assert len(found) > count
        assert set(found[count:]) == {others}, (name, units)


# Outcomes as JSON


@cache
def outcomes(name: str) -> list[dict[str, Any]]:
    problem = reluspec.load(SPECS / f"{name}.rspec")
    names = [format_signs(problem, one.signs) for one in strata(problem)]
    return [stratum_job(problem, one) for one in names[:: max(1, len(names) // 25)]]


@pytest.mark.parametrize("name", ["free_hidden_biases", "three_points", "repeated_x", "two_outputs", "quartic"])
def test_outcomes_are_read_back_exactly(name: str) -> None:
    found = outcomes(name)
    assert any(data["sets"] for data in found)
    for data in found:
        text = json.dumps(data)
        once = StratumOutcome.from_json(json.loads(text))
        assert json.dumps(once.to_json()) == text
        twice = StratumOutcome.from_json(once.to_json())
        for one, two in zip(once.sets, twice.sets, strict=True):
            assert one.decision == two.decision
            assert (one.found.living, one.found.sigma, one.found.tight, one.found.singular) == (
                two.found.living,
                two.found.sigma,
                two.found.tight,
                two.found.singular,
            )
            vectors = zip(
                (one.found.witness, *one.found.directions, *one.found.vertices, *one.found.rays),
                (two.found.witness, *two.found.directions, *two.found.vertices, *two.found.rays),
                strict=True,
            )
            assert all(a == b for u, v in vectors for a, b in zip(u, v, strict=True))
        assert once.word in ("no_critical_point", "critical", "minimal", "undecided")
        assert once == StratumOutcome(once.stratum, once.sets, data["reason"], data["systems"], data["seconds"])


@RUN
@given(ELEMENTS, ELEMENTS)
def test_numbers_are_read_back_exactly(a: Algebraic, b: Algebraic) -> None:
    for number in (a, a / b) if a.field == b.field and b else (a,):
        field = NumberField.from_json(json.loads(json.dumps(number.field.to_json())))
        assert field == number.field
        assert field.element_from_json(json.loads(json.dumps(number.to_json()))) == number


# Families, files


@cache
def solved(name: str) -> MinimaMap:
    return reluspec.solve(reluspec.load(SPECS / f"{name}.rspec"), "algebraic", workers=2)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("free_hidden_biases", ChartFamily), ("repeated_x", Family), pytest.param("closed_sheet", Family, marks=pytest.mark.slow)],
)
def test_families_are_sampled_and_kept_in_files(name: str, kind: type, tmp_path: Path) -> None:
    minima = solved(name)
    families = [component for component in minima if component.dimension]
    assert families
    reluspec.write_map(minima, tmp_path / "m.minima.json")
    again = reluspec.read_map(tmp_path / "m.minima.json")
    assert again == minima
    for component in families:
        largest = max(component.pieces, key=lambda piece: piece.dimension)
        assert isinstance(largest.family, kind)
        points = component.sample(12, minima.problem, seed=3)
        for theta, same in zip(points, again.sample(component.id, 12, seed=3), strict=True):
            assert all(np.array_equal(theta[tensor], same[tensor]) for tensor in theta)
            assert {tensor: entry.shape for tensor, entry in theta.items()} == {t: e.shape for t, e in component.theta().items()}
            assert minima.problem.loss_at(theta) == pytest.approx(float(component.loss), rel=1e-10)
        flat = np.array([np.concatenate([entry.ravel() for entry in theta.values()]) for theta in points])
        assert all(np.abs(a - b).max() > 1e-9 for a, b in combinations(flat, 2)), "they are different points"


def test_a_ray_goes_far() -> None:
    minima = solved("free_hidden_biases")
    (ray,) = [component for component in minima if component.dimension]
    family = ray.pieces[0].family
    assert isinstance(family, ChartFamily)
    assert len(family.rays) == 1
    flat = np.array([np.concatenate([entry.ravel() for entry in theta.values()]) for theta in ray.sample(300, minima.problem)])
    assert np.abs(flat).max() > 3, "exponential steps along the ray"


QUICK = ["free_hidden_biases", "repeated_x", "two_outputs", "quartic"]
OTHERS = sorted({path.stem for path in SPECS.glob("*.rspec")} - set(QUICK))


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)])
def test_maps_follow_the_schema(name: str, tmp_path: Path) -> None:
    minima = solved(name)
    document = json.loads(json.dumps(map_document(minima, critical=True)))
    Draft202012Validator(schema("minima")).validate(document)
    assert minima.complete
    assert document["engine"] == "algebraic"
    reluspec.write_map(minima, tmp_path / "m.minima.json")
    assert reluspec.read_map(tmp_path / "m.minima.json") == minima
    strata_of_pieces = [piece["stratum"] for component in document["components"] for piece in component["pieces"]]
    assert len(set(strata_of_pieces)) >= document["summary"]["strata"]["minimal"] == len(set(strata_of_pieces))
