"""The critical point of a set of faces, enclosed in balls of any precision (theory.md sections 4 and 7).

For a set T of faces the unknowns are `g_l` and `s_l` of theory.md section 4,

    g_l + sum_m s_m C_lm A_m^-1 g_m = b_l,      g_l^T A_l^-1 g_l = lambda_a,

with rational coefficients. A solution with all `s_l > 0` is the optimum of the convex problem of T, whatever the starting point was; a
Krawczyk step proves that one lies in a box of balls.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite

from flint import arb, arb_mat, ctx, fmpq_mat

from reluspec.engines.convex.geometry import Geometry

PRECISIONS = (160, 320, 1024)
"""Bits tried one after the other before a sign is left to the exact test."""


NEWTON_STEPS = 60
LEAST_GAIN = 1e-4
"""A step that is not shorter than the one before by this factor has an outdated Jacobian."""
SLOW_GAIN, SLOW_STEPS = 0.2, 16
"""So many steps in a row that gain so little each: the solution is singular, and no test would prove it."""


@contextmanager
def working_precision(bits: int) -> Iterator[None]:
    """Ball arithmetic with that many bits inside the block."""
    before = ctx.prec
    ctx.prec = bits
    try:
        yield
    finally:
        ctx.prec = before


class FaceSystem:
    """The rational system of a set of faces: sizes, blocks, right-hand side."""

    def __init__(self, geometry: Geometry, faces: tuple[int, ...]) -> None:
        self.geometry = geometry
        self.faces = faces
        self.ranks = [geometry.ranks[face] for face in faces]
        self.offsets = [sum(self.ranks[:k]) for k in range(len(faces))]
        self.coordinates = sum(self.ranks)
        self.size = self.coordinates + len(faces)
        self.norms = [norm for face in faces for norm in geometry.span(face).norms]
        self.owner = [k for k, rank in enumerate(self.ranks) for _ in range(rank)]

    @cached_property
    def stacked_map(self) -> fmpq_mat:
        """All rows of the maps H (N x n)."""
        rows = [row for face in self.faces for row in self.geometry.map(face).tolist()]
        return fmpq_mat(self.coordinates, self.geometry.points, [entry for row in rows for entry in row])

    @cached_property
    def response(self) -> fmpq_mat:
        """`W H^T A^-1` (n x N): how the weighted residual falls with `h = s g`."""
        product = self.geometry.setting.metric * self.stacked_map.transpose()
        rows = product.tolist()
        return fmpq_mat(
            self.geometry.points, self.coordinates, [entry / norm for row in rows for entry, norm in zip(row, self.norms, strict=True)]
        )

    @cached_property
    def coupling(self) -> fmpq_mat:
        """`C A^-1` (N x N)."""
        return self.stacked_map * self.response

    @cached_property
    def target(self) -> fmpq_mat:
        """`b` (N x 1)."""
        return self.stacked_map * self.geometry.metric_target


class _Balls:
    """A system in balls, ready for Newton's method: the vector functions of theory.md section 4 in the unknowns (g, s)."""

    def __init__(self, system: FaceSystem, precision: int) -> None:
        self.system = system
        balls = system.geometry.balls
        self.faces = faces = [balls.face(face, precision) for face in system.faces]
        count = system.coordinates
        blocks = [[balls.coupling(first, second, precision) for second in system.faces] for first in system.faces]
        rows = [row for line in blocks for parts in zip(*line, strict=True) for row in parts]
        self.coupling = arb_mat(count, count, [entry for row in rows for entry in row])
        self.target = arb_mat(count, 1, [entry for face in faces for entry in face.target])
        self.inverse_norms = [entry for face in faces for entry in face.inverse_norms]
        self.ridge = arb(system.geometry.setting.ridge_output)
        self.metric_target = balls.metric_target(precision)

    def products(self, x: Sequence[arb]) -> arb_mat:
        """`h = s g` (N x 1)."""
        system = self.system
        weights = x[system.coordinates :]
        return arb_mat(system.coordinates, 1, [weights[owner] * entry for owner, entry in zip(system.owner, x, strict=False)])

    def weighted_residual(self, x: Sequence[arb]) -> arb_mat:
        """`z` (n x 1)."""
        system = self.system
        products = self.products(x).entries()
        z = self.metric_target
        for face, start, rank in zip(self.faces, system.offsets, system.ranks, strict=True):
            z = z - face.response * arb_mat(rank, 1, products[start : start + rank])
        return z

    def residual(self, x: Sequence[arb]) -> arb_mat:
        """The left-hand sides minus the right-hand sides."""
        system = self.system
        count = system.coordinates
        balance = arb_mat(count, 1, list(x[:count])) + self.coupling * self.products(x) - self.target
        squares = [-self.ridge for _ in system.faces]
        for owner, entry, weight in zip(system.owner, x, self.inverse_norms, strict=False):
            squares[owner] += entry * entry * weight
        return arb_mat(system.size, 1, [*balance.entries(), *(value / 2 for value in squares)])

    def jacobian(self, x: Sequence[arb]) -> arb_mat:
        system = self.system
        count, faces = system.coordinates, len(system.faces)
        zero = arb(0)
        spread, columns, lower = [zero] * (count * count), [zero] * (count * faces), [zero] * (faces * system.size)
        for j, owner in enumerate(system.owner):
            spread[j * count + j] = x[count + owner]
            columns[j * faces + owner] = x[j]
            lower[owner * system.size + j] = x[j] * self.inverse_norms[j]
        left = (self.coupling * arb_mat(count, count, spread)).tolist()
        right = (self.coupling * arb_mat(count, faces, columns)).tolist()
        for j in range(count):
            left[j][j] += 1
        upper = [entry for first, second in zip(left, right, strict=True) for entry in (*first, *second)]
        return arb_mat(system.size, system.size, upper + lower)


@dataclass(frozen=True)
class Enclosure:
    """Balls around the solution at one precision: `g` (N), `s` (T), and the weighted residual `z` (n x 1)."""

    precision: int
    g: tuple[arb, ...]
    s: tuple[arb, ...]
    z: arb_mat = field(repr=False)


def enclose(system: FaceSystem, g: Sequence[arb], s: Sequence[arb], precision: int) -> Enclosure | None:
    """A box around an approximate solution that provably holds an exact one with all `s > 0`; `None` where none is proved.

    Newton's method on midpoints, then one Krawczyk test (Krawczyk 1969; Rump, Acta Numerica 2010, section 13).
    """
    if not system.faces:
        with working_precision(precision + 32):
            return Enclosure(precision, (), (), arb_mat(system.geometry.metric_target))
    with working_precision(precision + 32):
        balls = _Balls(system, precision)
        x = [entry.mid() for entry in (*g, *s)]
        count = system.coordinates
        scales = _scales(system, balls.coupling, x[count:])
        if scales is None:
            return None
        found = _newton(balls, x, scales, precision)
        if found is None:
            return None
        x, inverse = found
        step = inverse * balls.residual(x)
        # Epsilon inflation by what is left to go: Newton's method stops on a forecast of it, which may be off.
        radii = [scale * arb(2) ** (8 - precision) + 2 * abs(change).upper() for scale, change in zip(scales, step.entries(), strict=True)]
        box = [value + arb(0, radius) for value, radius in zip(x, radii, strict=True)]
        slack = arb_mat(system.size, system.size, [int(i == j) for i in range(system.size) for j in range(system.size)])
        slack = slack - inverse * balls.jacobian(box)
        shift = arb_mat(system.size, 1, [arb(0, radius) for radius in radii])
        proved = [value + change for value, change in zip(x, (slack * shift - step).entries(), strict=True)]
        if not all(bounds.contains_interior(entry) for bounds, entry in zip(box, proved, strict=True)):
            return None
        if not all(entry > 0 for entry in proved[count:]):
            return None
        return Enclosure(precision, tuple(proved[:count]), tuple(proved[count:]), balls.weighted_residual(proved))


def _newton(balls: _Balls, x: list[arb], scales: Sequence[arb], precision: int) -> tuple[list[arb], arb_mat] | None:
    """Newton's method on midpoints, and the last approximate inverse of the Jacobian; `None` where it does not converge.

    The Jacobian is inverted anew only where a step with the old one gained too little.
    """
    size = balls.system.size
    inverse, before, slow, goal = None, arb(1), 0, arb(2) ** (-precision)
    for _ in range(NEWTON_STEPS):
        if inverse is None:
            try:
                inverse = balls.jacobian(x).inv().mid()
            except ZeroDivisionError:
                return None
        step = (inverse * balls.residual(x).mid()).mid().entries()
        x = [(value - change).mid() for value, change in zip(x, step, strict=True)]
        length = max(abs(step[i]) / scales[i] for i in range(size))
        if not length.is_finite():
            return None
        # A step shrinks what is left by about as much as the last one did; whether that was enough the test tells.
        if length < goal or length * length < goal * before:
            return x, inverse
        slow = 0 if length < before * SLOW_GAIN else slow + 1
        if slow > SLOW_STEPS:
            return None
        if not length < before * LEAST_GAIN:
            inverse = None
        before = length
    return None


def _scales(system: FaceSystem, coupling: arb_mat, s: Sequence[arb]) -> list[arb] | None:
    """The natural size of each unknown, whatever the units of the data.

    `|g_j| <= sqrt(lambda_a A_jj)`, and s beside the inverse of the face's own coupling.
    """
    scales = [(arb(norm) * system.geometry.setting.ridge_output).sqrt().mid() for norm in system.norms]
    for start, rank, weight in zip(system.offsets, system.ranks, s, strict=True):
        own = sum((coupling[j, j] for j in range(start, start + rank)), arb(0))
        if not own > 0:
            return None  # the unit's slope is zero at every point: nothing pulls on it
        scales.append((1 / own + abs(weight)).mid())
    return scales


def from_floats(values: Sequence[float]) -> list[arb]:
    """Exact balls of floats; not-a-number becomes zero (a starting value only)."""
    return [arb(float(value)) if isfinite(value) else arb(0) for value in values]
