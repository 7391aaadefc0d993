"""Families along which the verdict changes: their parts, against exact losses at points of the parts and beside them, and in maps."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from descent import RADII, drop
from flint import Ordering, arb, fmpq, fmpq_mpoly_ctx
from jets import Landscape
from scipy.optimize import linprog

import reluspec
from reluspec.engines.algebraic.exact.number_field import RATIONALS
from reluspec.engines.algebraic.ideals.solving import SolvingLimit
from reluspec.engines.algebraic.job import stratum_job
from reluspec.engines.algebraic.judging.family_parts import judged
from reluspec.engines.algebraic.judging.minimality import decide
from reluspec.engines.algebraic.judging.motions import kept_subsets, motions
from reluspec.engines.algebraic.judging.verdict import Verdict
from reluspec.engines.algebraic.meeting import MeetingError, meeting, meeting_at
from reluspec.engines.algebraic.outcome import Judged, StratumOutcome
from reluspec.engines.algebraic.stationary.charts import Unit
from reluspec.engines.algebraic.stationary.critical import critical_points
from reluspec.engines.algebraic.stationary.cutting import CutNeeded, NotCutError, Part, between, compared
from reluspec.engines.algebraic.stationary.enclosures import proper_faces
from reluspec.engines.algebraic.stationary.pieces import Pieces, plain
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet
from reluspec.io.map_format import map_document
from reluspec.problem.problem import Problem
from reluspec.regions.signs import format_signs, parse_signs
from reluspec.systems.strata import strata
from reluspec.verifier.verify import verify_document

TWO_OUTPUTS = (
    "data { x = [1, 2, 3] y = [(3, 0), (0, -2), (1, -2)] } network { input 1 hidden: layer 1 relu without bias "
    "output: layer 2 linear without bias } loss sum squared_error"
)
BENT_PENALTY = (
    "data { x = [1, 2] y = [-1, -1] } network { input 1 hidden: layer 1 relu without bias output: layer 1 linear without bias } "
    "loss sum squared_error regulariser { hidden.weight[0,0]^2 * (output.weight[0,0]^2 - 2) }"
)


def problems(kind: str, seed: int) -> Problem:
    rng = random.Random(f"{kind}-{seed}")
    x = sorted(rng.sample(range(-2, 4), 3))
    y = [rng.choice([-2, -1, 0, 1, 2, 3]) for _ in x]
    pairs = [(rng.choice([-2, -1, 0, 1, 2, 3]), rng.choice([-2, -1, 0, 1, 2, 3])) for _ in x]
    penalty = ["max(0, abs(output.weight[0,0])-1)^2", "(hidden.weight[0,0]*output.weight[0,0])^2", "(output.weight[0,0]^2-1)^2"][seed % 3]
    bias, side = rng.choice(["", " without bias"]), rng.choice([1, -1])
    layers, loss, targets = {
        "two outputs": (f"hidden: layer 1 relu{bias} output: layer 2 linear without bias", "squared_error", pairs),
        "penalty": ("hidden: layer 1 relu output: layer 1 linear without bias", f"squared_error regulariser {{ {penalty} }}", y),
        "deep": ("a: layer 1 relu without bias b: layer 1 relu without bias output: layer 1 linear without bias", "squared_error", y),
        "activation": ("hidden: layer 1 { max(0,z)^2 } output: layer 1 linear without bias", "squared_error", y),
        "absolute": (f"hidden: layer 2 relu fixed weight [[1],[{side}]] output: layer 1 linear", "absolute_error", y),
    }[kind]
    return reluspec.parse(f"data {{ x = {x} y = {targets} }} network {{ input 1 {layers} }} loss sum {loss}")


def cut_families(problem: Problem, most: int) -> Iterator[tuple[str, CriticalSet, list[Judged]]]:
    """Families with rational points that no test decides as a whole, with the verdicts on their parts."""
    count = 0
    for stratum in strata(problem):
        try:
            sets = critical_points(problem, stratum.signs).sets
        except SolvingLimit:
            continue
        for found in sets:
            rational = all(entry.fraction() is not None for vector in (found.witness, *found.directions) for entry in vector)
            if not found.directions or found.is_curved or not rational or plain(found).living or count >= most:
                continue
            if decide(problem, stratum.signs, found).verdict is Verdict.UNDECIDED:
                parts = judged(problem, stratum.signs, found)
                if parts[0].decision.verdict is not Verdict.UNDECIDED:
                    count += 1
                    yield format_signs(problem, stratum.signs), plain(found), parts


def points(found: CriticalSet, rng: random.Random, count: int) -> Iterator[list[Fraction]]:
    """Random rational points of a part with rational vertices."""
    vertices = [[entry.fraction() for entry in vertex] for vertex in found.vertices]
    rays = [[entry.fraction() for entry in ray] for ray in found.rays]
    if any(entry is None for vector in (*vertices, *rays) for entry in vector):
        return
    for _ in range(count):
        weights = [Fraction(rng.randint(1, 20)) for _ in vertices]
        point = [
            sum((w * v for w, v in zip(weights, column, strict=True)), Fraction(0)) / sum(weights) for column in zip(*vertices, strict=True)
        ]
        for ray in rays:
            # Of a line both directions are rays: not the same step, where verdicts may change.
            step = Fraction(rng.randint(1, 997), 331)
            point = [entry + step * change for entry, change in zip(point, ray, strict=True)]
        yield point


def lies_in(part: CriticalSet, point: list[Fraction]) -> bool:
    return all(sum((c * x for c, x in zip(row[1:], point, strict=True)), row[0]).sign() > 0 for _, row in part.cuts)


def exact_loss(problem: Problem, theta: list[Fraction]) -> Fraction:
    return problem.loss_at(problem.tensors(theta, lambda value: value))


def lower_exactly(problem: Problem, point: list[Fraction], rng: random.Random) -> bool:
    """Whether some of many points close by, at several distances, have a smaller loss, in rational numbers."""
    here = exact_loss(problem, point)
    for _ in range(300):
        size = Fraction(1, 10 ** rng.choice([3, 5, 7, 9]))
        kept = rng.choice([0.3, 0.6, 1])
        step = [size * Fraction(rng.randint(-1000, 1000), 1000 * 10 ** rng.choice([0, 0, 1, 3])) * (rng.random() < kept) for _ in point]
        if exact_loss(problem, [a + b for a, b in zip(point, step, strict=True)]) < here:
            return True
    return False


def lower_numerically(land: Landscape, point: list[Fraction]) -> bool:
    """Whether many steps find a way down: in doubles, down to what rounding allows."""
    start, random_ = np.array([float(entry) for entry in point]), np.random.default_rng(0)
    here = land.values(start[None])[0]
    for size in (1e-3, 1e-5):
        steps = random_.normal(size=(60_000, len(start))) * 10.0 ** random_.choice([0, 0, 0, -1, -2], size=(60_000, len(start))) * size
        if (land.values(start[None] + steps) - here).min() < -1e-11:
            return True
    return drop(land, start, random_, 6000, RADII) < -3


def lower_by_program(land: Landscape, point: list[Fraction]) -> bool:
    """Whether for other hidden biases near by a linear program over the output layer finds a smaller absolute error, in a small box.

    Where residuals are zero at kinks and a way down needs all of a bias and output weights, random steps miss it.
    """
    problem, start = land.problem, np.array([float(entry) for entry in point])
    here, rng = land.values(start[None])[0], np.random.default_rng(0)
    x, y = (np.array([[float(entry) for entry in row] for row in rows]) for rows in (problem.data.x, problem.data.y))
    weight = np.array([[float(entry) for entry in row] for row in problem.network.layers[0].fixed_weight or ()])
    units, size, count = len(weight), 1e-2, len(x)
    for _ in range(40):
        biases = start[:units] + size * rng.uniform(-1, 1, units)
        features = np.c_[np.maximum(x @ weight.T + biases, 0), np.ones(count)]
        # Least sum of t with -t <= features z - y <= t.
        rows = np.r_[np.c_[features, -np.eye(count)], np.c_[-features, -np.eye(count)]]
        box = [(value - size, value + size) for value in start[units:]] + [(0, None)] * count
        found = linprog(np.r_[np.zeros(units + 1), np.ones(count)], rows, np.r_[y[:, 0], -y[:, 0]], bounds=box)
        if found.status == 0 and found.fun < here - 1e-7:
            return True
    return False


@pytest.mark.parametrize(
    ("kind", "seed"),
    [
        pytest.param(kind, seed, marks=[pytest.mark.slow] if seed else [])
        for kind in ("two outputs", "penalty", "deep", "activation", "absolute")
        for seed in range(6)
    ],
)
def test_parts_against_losses_close_by(kind: str, seed: int) -> None:
    problem, rng, found = problems(kind, seed), random.Random(seed), 0
    land = Landscape(problem)
    for stratum, whole, sets in cut_families(problem, 8):
        minimal = sets[0].decision.verdict is Verdict.MINIMUM
        parts = [part.found for part in sets[1:]]
        for source in (whole, *parts):
            for point in points(source, rng, 2):
                found += 1
                if minimal or any(lies_in(part, point) for part in parts):
                    assert not lower_exactly(problem, point, rng), (stratum, point)
                else:
                    lower = lower_exactly(problem, point, rng) or (kind == "absolute" and lower_by_program(land, point))
                    assert lower or lower_numerically(land, point), (stratum, point)
    # Not every one of these problems has such families.
    assert found or seed


def test_a_dead_unit_with_two_outputs() -> None:
    """At w = 0 the loss falls into w > 0 or not as `sum_i x_i y_i . a` is positive or negative; all x are positive."""
    problem = reluspec.parse(TWO_OUTPUTS)
    signs = parse_signs(problem, "000")
    (found,) = critical_points(problem, signs).sets
    whole, part = judged(problem, signs, found)
    assert (whole.decision.verdict, part.decision.verdict) == (Verdict.NOT_MINIMUM, Verdict.MINIMUM)
    rng = random.Random(0)
    for _ in range(200):
        a = [Fraction(rng.randint(-9, 9), rng.randint(1, 9)) for _ in range(2)]
        slope = -2 * (6 * a[0] - 10 * a[1])
        assert lies_in(part.found, [Fraction(0), *a]) == (slope > 0)


def test_ends_in_parts() -> None:
    """The dead unit beyond w = 0 ends in the half plane of minima at w = 0, which is open itself; the other half is missing."""
    problem = reluspec.parse(TWO_OUTPUTS)
    minima = reluspec.solve(problem, "algebraic", workers=1)
    assert minima.complete
    (component,) = [one for one in minima if one.dimension == 3]
    assert [(piece.stratum, piece.dimension) for piece in component.pieces] == [("---", 3), ("000", 2)]
    assert not component.closed
    assert component.missing == ("000",)
    document = map_document(minima, critical=True)
    assert not verify_document(document, "map").refuted


def test_irrational_ends() -> None:
    """At w = 0 the loss grows into w > 0 where a > 0, into w < 0, where the penalty alone counts, where a^2 > 2: minima for a > sqrt(2)."""
    problem = reluspec.parse(BENT_PENALTY)
    data: dict[str, Any] = stratum_job(problem, "00")
    outcome = StratumOutcome.from_json(data)
    assert outcome.to_json() == data
    assert not outcome.undecided
    (part,) = [one.found for one in outcome.minimal]
    (end,) = part.vertices
    assert end[0] == 0
    assert end[1] ** 2 == 2
    assert end[1].sign() > 0
    assert [[entry.sign() for entry in ray] for ray in part.rays] == [[0, 1]]


def test_output_weights_that_come_alone() -> None:
    """Beside a dead unit the loss does not have the sign symmetry of the stratum: a takes the place of its square."""
    problem = reluspec.parse(
        "data { x = [1, 2] y = [-1, -2] } network { input 1 hidden: layer 1 relu output: layer 1 linear without bias } "
        "loss sum squared_error regulariser { (hidden.weight[0,0]*output.weight[0,0])^2 }"
    )
    signs = parse_signs(problem, "00")
    families = [found for found in critical_points(problem, signs).sets if found.directions]
    assert sorted(found.sigma for found in families) == [(-1,), (1,)]
    for found in families:
        assert plain(found).living == ()
        assert plain(found).witness[2] == found.sigma[0]
        (one,) = judged(problem, signs, found)
        assert one.decision.verdict is (Verdict.NOT_MINIMUM if found.sigma[0] < 0 else Verdict.MINIMUM)


# Pieces


def box(*sides: tuple[int, int]) -> CriticalSet:
    """A product of open intervals."""
    size = len(sides)
    corners: list[tuple[list[int], frozenset[str]]] = [([], frozenset())]
    for k, ends in enumerate(sides):
        corners = [([*corner, end], names | {f"{k} {end}"}) for corner, names in corners for end in ends]
    return CriticalSet(
        field=RATIONALS,
        living=(),
        sigma=(),
        witness=tuple(RATIONALS.element(Fraction(a + b, 2)) for a, b in sides),
        directions=tuple(tuple(RATIONALS.element(int(j == k)) for j in range(size)) for k in range(size)),
        vertices=tuple(tuple(map(RATIONALS.element, corner)) for corner, _ in corners),
        rays=(),
        tight=tuple(names for _, names in corners),
        singular=False,
    )


def test_signs_on_a_part() -> None:
    part = Part(box((0, 2), (0, 2)))
    x, y = ({(1, 0): fmpq(1)}, {(0, 1): fmpq(1)})
    assert part.sign(part.values([x])[0]) == part.sign(part.values([{(1, 1): fmpq(1), (2, 0): fmpq(1)}])[0]) == 1
    assert part.sign(part.values([{(2, 0): fmpq(-1), (0, 2): fmpq(-1), (0, 0): fmpq(-1)}])[0]) == -1
    assert part.sign(part.values([{}])[0]) == 0
    with pytest.raises(CutNeeded) as cut:
        part.sign(part.values([{(1, 0): fmpq(1), (0, 1): fmpq(-1)}])[0])
    assert cut.value.cut.row[0] == 0
    assert cut.value.cut.row[1] == -cut.value.cut.row[2]
    # x^2 + y^2 = 1 cuts the square, in no lines.
    with pytest.raises(NotCutError):
        part.sign(part.values([{(2, 0): fmpq(1), (0, 2): fmpq(1), (0, 0): fmpq(-1)}])[0])
    assert part.sign(part.values([y])[0]) == 1


def test_a_square_is_cut() -> None:
    pieces = Pieces(box((0, 2), (0, 2)))
    with pytest.raises(CutNeeded) as needed:
        pieces.sign(pieces.values([{(1, 0): fmpq(1), (0, 1): fmpq(-1)}])[0])
    above, below, between_ = pieces.split(needed.value.cut, "diagonal")
    for part in (above, below):
        corners = {tuple(entry.fraction() for entry in vertex): names for vertex, names in zip(part.vertices, part.tight, strict=True)}
        assert len(corners) == 3
        assert corners[0, 0] == {"0 0", "1 0", "diagonal"}
        assert corners[2, 2] == {"0 2", "1 2", "diagonal"}
        assert lies_in(part, [entry.fraction() for entry in part.witness])
    assert between_.dimension == 1
    assert len(between_.vertices) == 2
    assert {entry.fraction() for entry in between_.witness} == {Fraction(1)}


def test_a_segment_is_cut_at_a_square_root() -> None:
    pieces = Pieces(box((0, 2)))
    with pytest.raises(CutNeeded) as needed:
        pieces.sign(pieces.values([{(2,): fmpq(1), (0,): fmpq(-2)}])[0])
    root = needed.value.cut.on_line
    assert root * root == 2
    assert root.sign() > 0
    left, right = pieces.stretch(None, root), pieces.stretch(root, None)
    assert left.witness[0].fraction() < Fraction(142, 100)
    assert right.witness[0].fraction() > Fraction(141, 100)
    assert compared(left.vertices[-1][0], root) == 0 == compared(right.vertices[-1][0], root)
    assert Part(left).sign(Part(left).values([{(2,): fmpq(1), (0,): fmpq(-2)}])[0]) == -1
    assert pieces.at(root).dimension == 0
    assert 0 < between(RATIONALS.element(0), root) < Fraction(3, 2)


def test_faces_meet_parts() -> None:
    """The edges of a square and the part of another family of the same plane that lies right of the middle."""
    square = box((0, 2), (0, 2))
    right = replace(square, cuts=(("middle", tuple(map(RATIONALS.element, (-1, 1, 0)))),))
    faces = {face.tight: face for face in proper_faces(square)}
    met = {name: meeting(faces[frozenset({name})], (0, 1), {5: right}) for name in ("0 0", "0 2", "1 0", "1 2")}
    assert (met["0 0"].parts, met["0 0"].whole) == ((), False)
    assert (met["0 2"].parts, met["0 2"].whole) == ((5,), True)
    for name in ("1 0", "1 2"):
        assert (met[name].parts, met[name].whole) == ((5,), False)
    # An exchange of the two coordinates.
    assert meeting(faces[frozenset({"1 2"})], (1, 0), {5: right}).whole
    assert meeting_at([arb(3) / 2, arb(1)], {5: right}, 64).whole
    assert not meeting_at([arb(1) / 2, arb(1)], {5: right}, 64).parts
    # The line between is not in the part, which is open.
    assert not meeting_at([arb(1), arb(1)], {5: right}, 64).parts
    with pytest.raises(MeetingError):
        meeting_at([arb(1, 0.001), arb(1)], {5: right}, 64)


def test_a_square_stands_for_its_root_where_only_signs_count() -> None:
    """A family in s = a^2 with sign -1 and one in a itself, cut at a = 0 or, elsewhere, at a = -1: then it is not known."""
    alive = replace(box((0, 4)), living=(Unit(0, ()),), sigma=(-1,))
    family = replace(alive, witness=alive.witness * 2, directions=tuple((*d, d[0] * 0) for d in alive.directions))
    family = replace(family, vertices=tuple((v[0], v[0] * 0) for v in alive.vertices))
    end = next(face for face in proper_faces(family) if face.tight == {"0 4"})

    def part(*row: int) -> CriticalSet:
        return replace(family, living=(), sigma=(), cuts=(("cut", tuple(map(RATIONALS.element, row))),))

    assert meeting(end, (0, 1), {0: part(0, -1, 0)}).whole
    assert not meeting(end, (0, 1), {0: part(0, 1, 0)}).parts
    with pytest.raises(MeetingError):
        meeting(end, (0, 1), {0: part(-1, -1, 0)})


# Motions


def test_motions_of_a_unit_and_a_bias() -> None:
    """`(a (b + 1) + c - 2)^2 + (a (b + 2) + c)^2` depends on a and a b + c: one motion, `d/db - a d/dc`."""
    context = fmpq_mpoly_ctx.get(["a", "b", "c"], Ordering.lex)
    a, b, c = context.gens()
    loss = (a * (b + 1) + c - 2) ** 2 + (a * (b + 2) + c) ** 2
    fields = [tuple(context.from_dict(terms) for terms in field) for field in motions(loss.to_dict(), [], 3)]
    assert any(field[0].is_zero() and field[2] == -a * field[1] and field[1].is_constant() for field in fields)
    for field in fields:
        assert sum((loss.derivative(k) * entry for k, entry in enumerate(field)), context.constant(0)).is_zero()
    # b is a switch that it does not keep; a it keeps.
    assert motions(loss.to_dict(), [a.to_dict()], 3)
    assert not motions(loss.to_dict(), [b.to_dict()], 3)


def test_rescalings_keep_the_signs_of_switches() -> None:
    context = fmpq_mpoly_ctx.get(["a", "w"], Ordering.lex)
    a, w = context.gens()
    (field,) = motions(((a * w - 1) ** 2).to_dict(), [w.to_dict()], 2)
    first, second = (context.from_dict(terms) for terms in field)
    assert first * w == -second * a
    assert not first.is_zero()


def test_subsets_are_large_first() -> None:
    assert list(kept_subsets(2)) == [(0, 1), (0,), (1,), ()]
