"""What all critical points of a stratum share: the slopes of the losses, in intervals around those at any guess.

A unit that lives enters the loss of a stratum by the product `p_l = a_l w_l`, a point of the span of its face, and the least penalty of a
product is `m_l(p_l) = 2 sqrt(lambda_a) |Lambda^(1/2) p_l|`. At a critical point `lambda_a a_l^2 = w_l Lambda w_l`, so that it has this
penalty, and (p, b) minimises the convex function `F = sum_i L_i(u_i) + sum_l m_l(p_l) + kappa b^2`, u the outputs, over all of these spans
(theory.md section 4; docs/what-is-proved.md).

*Bregman's distance.* Let x = (p, b) be any point, u its outputs, `g_i = L_i'(u_i)`, `beta = -sum_i g_i / (2 kappa)`, and `e >= 0` such that
`-g . R_l q <= (1 + e) m_l(q)` for all q and l, R_l q what q adds to the outputs. Let x* be a minimiser. From `F(x) >= F(x*)` follows, when
`B_i = L_i(u*_i) - L_i(u_i) - g_i (u*_i - u_i)` is what convexity leaves,

    sum_i B_i <= sum_l [m_l(p_l) + g . R_l p_l] + kappa (b - beta)^2 + e sum_l m_l(p*_l),

and the last sum is at most `F(x) - sum_i min L_i`. No B_i is negative, so each is at most the right-hand side, the *gap*. It grows with the
distance of u*_i from u_i: where it exceeds the gap is a bound for u*_i, and so L_i' there for `g*_i = L_i'(u*_i)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from flint import arb, fmpq, fmpq_mat

from reluspec.verifier.layer.descent import Floats, Search
from reluspec.verifier.layer.losses import Loss
from reluspec.verifier.layer.problem_class import Layered, Row
from reluspec.verifier.raw import kernel

WIDENED = 80
"""How often a distance is tried that is four times as large as the one before."""
NEAREST = 1e-14
HALVED = 40


@dataclass(frozen=True)
class Unit:
    """Units with the same signs and penalties, which count as one: by the triangle inequality their products have one direction.

    `basis` spans the weight vectors on the same kinks, `effect` is R on it (points x basis), `gram` the penalties, `seen` the inputs on
    the basis at all points (points x basis).
    """

    members: tuple[int, ...]
    sides: tuple[int, ...]
    ridge_output: fmpq
    basis: fmpq_mat
    seen: fmpq_mat
    effect: fmpq_mat
    gram: fmpq_mat

    @cached_property
    def steepest(self) -> fmpq_mat:
        """`gram^-1 R^T`: minus it times g is the direction of p."""
        return self.gram.inv() * self.effect.transpose()

    @cached_property
    def squares(self) -> fmpq_mat:
        """K with `g K g` the square of the largest `g . R q` over q of length 1."""
        return self.effect * self.steepest

    @cached_property
    def inputs(self) -> fmpq_mat:
        """The inputs at all points for the weights `gram^-1 R^T g`, as linear forms in g."""
        return self.seen * self.steepest


def living_units(problem: Layered, names: Sequence[str]) -> list[Unit]:
    """Those of a stratum by its units' names."""
    members: dict[tuple[tuple[int, ...], Row, fmpq], list[int]] = {}
    for position, name in enumerate(names):
        key = problem.unit_sides(name), problem.ridge[position], problem.ridge_output[position]
        members.setdefault(key, []).append(position)
    return [_unit(problem, tuple(own), sides) for (sides, _, _), own in members.items() if any(sides)]


def _unit(problem: Layered, members: tuple[int, ...], sides: tuple[int, ...]) -> Unit:
    walls = [row for row, side in zip(problem.rows, sides, strict=True) if not side]
    vectors = kernel(walls, len(problem.rows[0]))
    basis = fmpq_mat(vectors).transpose()
    seen = fmpq_mat([list(row) for row in problem.rows]) * basis
    effect = fmpq_mat([[problem.slope(side) * seen[i, k] for k in range(len(vectors))] for i, side in enumerate(sides)])
    ridge = problem.ridge[members[0]]
    gram = fmpq_mat([[sum((a * r * b for a, r, b in zip(one, ridge, two, strict=True)), fmpq(0)) for two in vectors] for one in vectors])
    return Unit(members, sides, problem.ridge_output[members[0]], basis, seen, effect, gram)


@dataclass(frozen=True)
class Shared:
    """What holds at all minimisers: intervals of the slopes, and bounds of the outputs, infinite ones included."""

    slopes: tuple[arb, ...]
    outputs: tuple[tuple[arb, arb], ...]


def search(problem: Layered, units: Sequence[Unit]) -> Search:
    """F, in floats."""
    columns = [floats(unit.effect) for unit in units]
    if problem.kappa is not None:
        columns.append(np.ones((len(problem.rows), 1)))
    roots = [2 * rounded(unit.ridge_output) ** 0.5 * np.linalg.cholesky(floats(unit.gram)).T for unit in units]
    maps = np.concatenate(columns, axis=1) if columns else np.zeros((len(problem.rows), 0))
    kappa = 0.0 if problem.kappa is None else rounded(problem.kappa)
    return Search([loss.floats for loss in problem.losses], maps, rounded(problem.offset), roots, kappa)


def shared(problem: Layered, units: Sequence[Unit], guess: Floats) -> Shared | None:
    """The enclosure that a guess of a minimiser gives, at the precision in force; `None` if a slope is not bounded."""
    state = _Guess(problem, units, guess)
    gap = state.gap()
    if not gap.is_finite():
        return None
    slopes, outputs = [], []
    for loss, output in zip(problem.losses, state.outputs, strict=True):
        ends = [_farthest(loss, output, gap, side) for side in (-1, 1)]
        limits = [
            loss.slope(end) if end is not None else None if (last := loss.last_slope(side)) is None else arb(last)
            for end, side in zip(ends, (-1, 1), strict=True)
        ]
        if limits[0] is None or limits[1] is None:
            return None
        slopes.append(limits[0].union(limits[1]))
        outputs.append((arb.neg_inf() if ends[0] is None else ends[0], arb.pos_inf() if ends[1] is None else ends[1]))
    return Shared(tuple(slopes), tuple(outputs))


def _farthest(loss: Loss, output: arb, gap: arb, side: int) -> arb | None:
    """A bound, on one side, for the outputs whose distance is at most the gap; `None` if none is found."""
    value, slope = loss.value(output), loss.slope(output)

    def beyond(distance: float) -> bool:
        step = arb(side * distance)
        return bool(loss.value(output + step) - value - slope * step > gap)

    least = NEAREST * (1 + abs(float(output.mid())))
    distance = next((step for step in (least * 4.0**k for k in range(WIDENED)) if beyond(step)), None)
    if distance is None:
        return None
    near = distance / 4
    for _ in range(HALVED):
        # A loss that is straight as far as a break leaves it by a small step.
        if not any(near <= side * float((b - output).mid()) <= distance for b in loss.breaks):
            break
        middle = (near + distance) / 2
        near, distance = (near, middle) if beyond(middle) else (middle, distance)
    return output + arb(side * distance)


class _Guess:
    """A point x with exact coordinates, its outputs and slopes."""

    def __init__(self, problem: Layered, units: Sequence[Unit], guess: Floats) -> None:
        self.problem, self.units = problem, units
        coordinates = iter(map(float, guess))
        self.parts = [[arb(next(coordinates)) for _ in range(unit.basis.ncols())] for unit in units]
        self.bias = arb(0) if problem.kappa is None else arb(next(coordinates))
        self.moves = [_image(unit.effect, part) for unit, part in zip(units, self.parts, strict=True)]
        count = len(problem.rows)
        self.outputs = [sum((move[i] for move in self.moves), self.bias + problem.offset) for i in range(count)]
        self.slopes = [loss.slope(output) for loss, output in zip(problem.losses, self.outputs, strict=True)]

    def gap(self) -> arb:
        excess, total, value = arb(0), arb(0), arb(0)
        for unit, part, move in zip(self.units, self.parts, self.moves, strict=True):
            penalty = 2 * arb(unit.ridge_output).sqrt()
            length = penalty * _root(dot(part, _image(unit.gram, part)))
            total += length + dot(self.slopes, move)
            value += length
            excess = excess.max(_root(form(unit.squares, self.slopes)) / penalty - 1)
        if self.problem.kappa is not None:
            kappa = self.problem.kappa
            offset = self.bias + sum(self.slopes, arb(0)) / (2 * kappa)
            # Not as a power: that of a ball around zero is no number.
            total += kappa * offset * offset
            value += kappa * self.bias * self.bias
        for loss, output in zip(self.problem.losses, self.outputs, strict=True):
            value += loss.value(output) - loss.least()
        return (total + excess * value).upper()


def form(matrix: fmpq_mat, vector: Sequence[arb]) -> arb:
    """`v^T M v`."""
    return dot(vector, _image(matrix, vector))


def dot(first: Sequence[arb], second: Sequence[arb | fmpq]) -> arb:
    return sum((a * b for a, b in zip(first, second, strict=True)), arb(0))


def _image(matrix: fmpq_mat, vector: Sequence[arb]) -> list[arb]:
    return [dot(vector, row) for row in matrix.tolist()]


def _root(square: arb) -> arb:
    """The root of a number that is not negative, whatever its ball says."""
    if square > 0:
        return square.sqrt()
    above = square.upper()
    return arb(0).union(above.sqrt()) if above > 0 else arb(0)


def floats(matrix: fmpq_mat) -> Floats:
    return np.array([[rounded(entry) for entry in row] for row in matrix.tolist()]).reshape(matrix.nrows(), matrix.ncols())


def rounded(value: fmpq) -> float:
    return int(value.p) / int(value.q)
