"""Units that rotate into each other: which, their normal forms, and the arcs that signs leave of a circle, against plain numbers."""

from __future__ import annotations

from fractions import Fraction
from math import atan2, cos, pi, sin
from typing import Any

import numpy as np
import pytest
from flint import Ordering, fmpq_mpoly, fmpq_mpoly_ctx, fmpz_poly
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from reluspec.engines.algebraic.exact.number_field import RATIONALS, NumberField
from reluspec.engines.algebraic.stationary.polyhedra import Condition, Shape
from reluspec.engines.algebraic.stationary.restricted import Restricted, restrictions
from reluspec.engines.algebraic.stationary.rotations import Pairs, arcs, normal_forms, rotated, rotated_pairs, unit_pairs
from reluspec.language import parse_spec
from reluspec.problem.expression import Variable
from reluspec.problem.problem import Problem
from reluspec.regions.signs import parse_signs
from reluspec.systems.strata import strata

RUN = settings(max_examples=120, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
SMALL = st.fractions(-3, 3, max_denominator=3)
ROOT_TWO = NumberField(fmpz_poly([-2, 0, 1]), 1)


def problem(
    *layers: str, penalty: str = "ridge(1/10)", loss: str = "squared_error", data: str = "x = [1, 2]  y = [(1, 2), (2, -1)]"
) -> Problem:
    text = f"data {{ {data} }}\nnetwork {{ input 1  {'  '.join(layers)} }}\nloss sum {loss}\nregulariser {penalty}\n"
    return parse_spec(text, name="rotations.rspec")


ONE = "x = [1, 2]  y = [1, -1]"
TWO_OUTPUTS = ("hidden: layer 2 relu", "output: layer 2 linear without bias")

# ---- which units ---------------------------------------------------------------------------------------------------------------


def numeric_pairs(one: Problem, stratum: Restricted, layers: tuple[tuple[str, ...], ...]) -> list[Pairs]:
    """Two units of a layer, by brute force: random points of the piece, turned, stay on the piece and keep loss and constraints."""
    return [pairs for pairs in unit_pairs(one) if _same_signs(one, layers, pairs) and _is_symmetry(stratum, pairs)]


def _same_signs(one: Problem, layers: tuple[tuple[str, ...], ...], pairs: Pairs) -> bool:
    names = [layer.name for layer in one.network.layers]
    first, second = one.parameters[pairs[0][0]], one.parameters[pairs[0][1]]
    signs = layers[names.index(first.name.rpartition(".")[0])]
    return not signs or signs[first.index[0]] == signs[second.index[0]]


def _is_symmetry(stratum: Restricted, pairs: Pairs) -> bool:
    random = np.random.default_rng(5)
    images = [_compiled(image) for image in stratum.images]
    kept = [_compiled(polynomial) for polynomial in (stratum.surrogate.loss, *stratum.constraints, *stratum.equations)]
    for _ in range(6):
        free = random.normal(size=len(images))
        theta = np.array([image(free) for image in images])
        angle = random.uniform(0, 2 * pi)
        turned = theta.copy()
        for p, q in pairs:
            turned[p], turned[q] = cos(angle) * theta[p] + sin(angle) * theta[q], cos(angle) * theta[q] - sin(angle) * theta[p]
        if not np.allclose([image(turned) for image in images], turned, atol=1e-9):
            return False
        if not np.allclose([value(theta) for value in kept], [value(turned) for value in kept], atol=1e-9):
            return False
    return True


def _compiled(polynomial: fmpq_mpoly) -> Any:
    """The polynomial as a function of floats: a point, or coordinates of many points as rows."""
    terms = [([int(e) for e in exponents], float(int(c.p)) / int(c.q)) for exponents, c in polynomial.to_dict().items()]
    return lambda point: sum(c * np.prod([base**e for base, e in zip(point, exponents, strict=True)], axis=0) for exponents, c in terms)


CASES = {
    "two outputs": problem(*TWO_OUTPUTS),
    "output bias": problem("hidden: layer 2 relu", "output: layer 2 linear"),
    "no hidden bias": problem("hidden: layer 2 abs without bias", "output: layer 2 linear without bias"),
    "three units": problem("hidden: layer 3 relu without bias", "output: layer 2 linear without bias"),
    "l1": problem(*TWO_OUTPUTS, penalty="ridge(1/10) + lasso(1/5) on output", data="x = [1]  y = [(1, 2)]"),
    "quartic penalty": problem(*TWO_OUTPUTS, penalty="ridge(1/10) + { p^4/10 } on output"),
    "one penalty per tensor": problem(*TWO_OUTPUTS, penalty="ridge(1/10) on hidden + ridge(1/3) on output"),
    "fixed output weights": problem("hidden: layer 2 relu", "output: layer 2 linear without bias fixed weight [[1, 1], [1, 1]]"),
    "fixed hidden bias": problem("hidden: layer 2 relu fixed bias [1, 1]", "output: layer 2 linear without bias"),
    "linear": problem("hidden: layer 2 linear", "output: layer 2 linear without bias"),
    "square": problem("hidden: layer 2 { max(0, z)^2 } without bias", "output: layer 2 linear without bias"),
    "one output": problem("hidden: layer 2 relu without bias", "output: layer 1 linear without bias", data=ONE),
    "one output, linear": problem("hidden: layer 2 linear without bias", "output: layer 1 linear without bias", data=ONE),
    "below a second layer": problem(
        "first: layer 2 relu without bias", "second: layer 1 relu", "output: layer 1 linear without bias", data="x = [1]  y = [2]"
    ),
    "linear below a second layer": problem(
        "first: layer 2 linear without bias", "second: layer 1 relu", "output: layer 1 linear", data=ONE
    ),
    "above a first layer": problem(
        "first: layer 1 relu without bias",
        "second: layer 2 relu without bias",
        "output: layer 2 linear without bias",
        data="x = [1]  y = [(1, 2)]",
    ),
}  # fmt: skip
SYMMETRIC = {"two outputs", "output bias", "no hidden bias", "three units", "one penalty per tensor", "linear", "below a second layer",
             "linear below a second layer", "above a first layer"}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_exactly_the_symmetric_pairs(name: str) -> None:
    """All pieces of all strata; units with charts of their own are left out."""
    one, met = CASES[name], 0
    charted = {k for k, p in enumerate(one.parameters) if p.name == "output.weight"} if one.network.layers[-1].units == 1 else set()
    for stratum in strata(one):
        for piece in restrictions(one, stratum.signs):
            layers = stratum.signs.layers
            expected = [pairs for pairs in numeric_pairs(one, piece, layers) if not charted & {p for p, _ in pairs}]
            assert rotated_pairs(piece, layers) == expected
            # Units that are off, and weights at the kink of a penalty, rotate in every problem.
            met += (
                len(expected) if "0" not in stratum.signs.all and not any(set(unit) == {"-"} for layer in layers for unit in layer) else 0
            )
    assert bool(met) == (name in SYMMETRIC)


def test_dead_units_rotate_as_one_point() -> None:
    """Of two dead units nothing is left but their output weights, which rotate."""
    one = CASES["two outputs"]
    (piece,) = restrictions(one, parse_signs(one, "00|00"))
    (pairs,) = rotated_pairs(piece, (("00", "00"), ()))
    assert len([pair for pair in pairs if set(pair) <= set(piece.free)]) == 2
    assert len(list(normal_forms(piece, pairs))) == 3


def test_pairs_are_the_parameters_of_two_units() -> None:
    for one in CASES.values():
        for pairs in unit_pairs(one):
            flat = [k for pair in pairs for k in pair]
            assert len(set(flat)) == len(flat)
            for p, q in pairs:
                first, second = one.parameters[p], one.parameters[q]
                assert first.name == second.name
                assert sum(a != b for a, b in zip(first.index, second.index, strict=True)) == 1
    one = CASES["two outputs"]
    names = [one.parameters[p] for p, _ in unit_pairs(one)[0]]
    outgoing = {Variable("output.weight", (k, 0)) for k in range(2)}
    assert set(names) == {Variable("hidden.weight", (0, 0)), Variable("hidden.bias", (0,))} | outgoing


# ---- normal forms --------------------------------------------------------------------------------------------------------------


@RUN
@given(st.lists(st.tuples(st.integers(-1, 1), st.integers(-1, 1)), min_size=4, max_size=4))
def test_every_point_has_one_normal_form(values: list[tuple[int, int]]) -> None:
    """Of the points of an orbit exactly one lies in one normal form with a positive pivot; so do fixed points in theirs."""
    one = CASES["two outputs"]
    (piece,) = restrictions(one, parse_signs(one, "++|++"))
    (pairs,) = rotated_pairs(piece, (("++", "++"), ()))
    point = np.zeros(len(one.parameters))
    for (p, q), (a, b) in zip(pairs, values, strict=True):
        point[p], point[q] = a, b
    # The angles at which some q vanishes; at all others no normal form holds that has a pivot.
    angles = {(atan2(point[q], point[p]) + turn) % (2 * pi) for p, q in pairs for turn in (0, pi)}
    fits = []
    for normal in normal_forms(piece, pairs):
        if normal.pivot is None:
            fits += [None] if not point.any() else []
            continue
        for angle in sorted(angles):
            turned = point.copy()
            for p, q in pairs:
                turned[p], turned[q] = cos(angle) * point[p] + sin(angle) * point[q], cos(angle) * point[q] - sin(angle) * point[p]
            if all(abs(turned[k]) < 1e-9 for k in normal.zeros) and turned[normal.pivot] > 1e-9:
                fits.append(round(angle, 9) % round(2 * pi, 9))
    assert len(set(fits)) == 1


# ---- arcs ----------------------------------------------------------------------------------------------------------------------

ARC_PAIRS = ((0, 1), (2, 3))
CONTEXT = fmpq_mpoly_ctx.get(["p0", "q0", "p1", "q1", "free"], Ordering.degrevlex)


@st.composite
def cut_circles(draw: st.DrawFn) -> tuple[Shape, list[Condition]]:
    """A point and linear switches w x + c of both units at a few places, with random signs; one more does not turn."""
    field = draw(st.sampled_from([RATIONALS, ROOT_TWO]))
    entries = [field.element(draw(SMALL)) + field.generator * draw(st.integers(-1, 1)) for _ in range(4)]
    assume(any(entry != 0 for entry in entries))
    p0, q0, p1, q1, free = CONTEXT.gens()
    conditions = [Condition("still", 1, free, ())]
    for k, x in enumerate(draw(st.lists(st.integers(-2, 2), max_size=2, unique=True))):
        side = draw(st.sampled_from([1, -1]))
        conditions += [Condition(f"{k} of p", side, x * p0 + p1, ()), Condition(f"{k} of q", side, x * q0 + q1, ())]
    if draw(st.booleans()):
        conditions.append(Condition("alone", draw(st.sampled_from([1, -1])), p0 - 2 * q1, ()))
    return Shape(field, (*entries, field.element(draw(st.sampled_from([1, 1, -1])))), (), (), False), conditions


@RUN
@given(cut_circles())
def test_arcs_against_a_turn_in_numbers(one: tuple[Shape, list[Condition]]) -> None:
    """What the arcs cover is what the conditions leave of a finely divided circle; ends have exactly their tight switches zero."""
    shape, conditions = one
    found, reason = arcs(shape, conditions, ARC_PAIRS)
    point = np.array([float(entry) for entry in shape.point])
    angles = np.linspace(0, 2 * pi, 1440, endpoint=False) + 1e-3
    turned = np.array([turned_by(point, angle) for angle in angles])
    values = np.array([condition.sign * _compiled(condition.polynomial)(turned.T) for condition in conditions]).T
    inside = (values > 1e-9).all(axis=1)
    clear = (np.abs(values) > 2e-2).all(axis=1)
    if reason:
        assert reason == "half a circle of critical points"
        return
    covered = np.any([on_arc(part.vertices, turned) for part in found], axis=0) if found else np.zeros(len(angles), dtype=bool)
    assert (covered == inside)[clear].all()
    for part in found:
        check_arc(part, conditions, shape)


def turned_by(point: np.ndarray, angle: float) -> np.ndarray:
    turned = point.copy()
    for p, q in ARC_PAIRS:
        turned[p], turned[q] = cos(angle) * point[p] + sin(angle) * point[q], cos(angle) * point[q] - sin(angle) * point[p]
    return turned


def on_arc(vertices: tuple[Any, ...], rows: np.ndarray) -> np.ndarray:
    """Which points of the circle are positive combinations of the two ends (on a whole circle all of them)."""
    if len(vertices) == 1:
        return np.ones(len(rows), dtype=bool)
    ends = np.array([[float(entry) for entry in vertex[:4]] for vertex in vertices])
    weights, *_ = np.linalg.lstsq(ends.T, rows[:, :4].T, rcond=None)
    return (weights > 0).all(axis=0)


def check_arc(part: Any, conditions: list[Condition], shape: Shape) -> None:
    assert part.dimension == 1
    assert part.pairs == ARC_PAIRS
    radius = sum(entry * entry for entry in shape.point[:4])
    assert sum(entry * entry for entry in part.witness[:4]) == radius
    exact = [(condition, [condition.polynomial, condition.sign]) for condition in conditions]
    for condition, (polynomial, side) in exact:
        assert (at(polynomial, part.witness) * side).sign() > 0
        for vertex, tight in zip(part.vertices, part.tight, strict=True):
            value = (at(polynomial, vertex) * side).sign()
            assert (value == 0) == (condition.name in tight)
            assert value >= 0 or part.is_circle
    tangent = part.directions[0]
    assert sum(a * b for a, b in zip(part.witness, tangent, strict=True)) == 0


def at(polynomial: fmpq_mpoly, point: Any) -> Any:
    total = point[0] * 0
    for exponents, coefficient in polynomial.to_dict().items():
        term = point[0] * 0 + coefficient
        for base, exponent in zip(point, exponents, strict=True):
            term = term * base ** int(exponent) if exponent else term
        total = total + term
    return total


@pytest.mark.parametrize("width", [Fraction(1, 10**k) for k in (1, 5, 8, 12, 20, 40)])
def test_a_short_arc_is_never_lost(width: Fraction) -> None:
    """-width < angle < 0: found, or said to be too short."""
    p0, q0, *_ = CONTEXT.gens()
    shape = Shape(RATIONALS, tuple(RATIONALS.element(entry) for entry in (1, 0, 0, 0, 1)), (), (), False)
    wide = p0 / (width.denominator // width.numerator)
    conditions = [Condition("0", 1, q0, ()), Condition("1", 1, wide - q0, ())]
    found, reason = arcs(shape, conditions, ARC_PAIRS)
    assert (len(found), reason) in ((1, ""), (0, "an arc of critical points that is too short"))
    assert bool(found) == (width > Fraction(1, 10**9))
    for part in found:
        check_arc(part, conditions, shape)


def test_a_switch_that_vanishes_all_along() -> None:
    """Where all of a circle lies on a switch that is to be strict, nothing of it is in the stratum."""
    p0, q0, p1, q1, _ = CONTEXT.gens()
    shape = Shape(RATIONALS, tuple(RATIONALS.element(entry) for entry in (0, 0, 1, 0, 1)), (), (), False)
    assert arcs(shape, [Condition("0", 1, p0, ()), Condition("1", 1, q0, ())], ARC_PAIRS) == ([], "")
    assert arcs(shape, [Condition("0", 1, p0, ()), Condition("1", 1, q1, ()), Condition("2", 1, p1, ())], ARC_PAIRS) == ([], "")


def test_a_switch_that_is_not_linear() -> None:
    p0, q0, p1, *_ = CONTEXT.gens()
    shape = Shape(RATIONALS, tuple(RATIONALS.element(entry) for entry in (1, 0, 1, 2, 1)), (), (), False)
    found, reason = arcs(shape, [Condition("0", 1, p0 * p1 + q0, ())], ARC_PAIRS)
    assert not found
    assert "not linear" in reason


@RUN
@given(st.lists(SMALL, min_size=5, max_size=5), SMALL, SMALL)
def test_turning_there_and_back(entries: list[Fraction], first: Fraction, second: Fraction) -> None:
    """Rotations compose, keep lengths, and leave other coordinates alone."""
    point = tuple(RATIONALS.element(entry) for entry in entries)
    (c, s), (d, t) = (((1 - h * h) / (1 + h * h), 2 * h / (1 + h * h)) for h in (first, second))
    both = rotated(rotated(point, ARC_PAIRS, *numbers(c, s)), ARC_PAIRS, *numbers(d, t))
    assert all(a == b for a, b in zip(both, rotated(point, ARC_PAIRS, *numbers(c * d - s * t, s * d + c * t)), strict=True))
    assert sum(entry * entry for entry in both) == sum(entry * entry for entry in point)
    assert both[4] == point[4]
    floats = [float(entry) for entry in point]
    expected = turned_by(np.array(floats), atan2(float(s), float(c)))
    np.testing.assert_allclose([float(entry) for entry in rotated(point, ARC_PAIRS, *numbers(c, s))], expected, atol=1e-12)


def numbers(*values: Fraction) -> tuple[Any, ...]:
    return tuple(RATIONALS.element(value) for value in values)
