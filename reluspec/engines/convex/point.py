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

PRECISIONS = (128, 256, 1024)
"""Bits tried one after the other before a sign is left to the exact test."""


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

    def residual(self, g: Sequence[arb], s: Sequence[arb], coupling: arb_mat, target: arb_mat) -> list[arb]:
        """The left-hand sides minus the right-hand sides."""
        h = arb_mat(self.coordinates, 1, [s[self.owner[j]] * g[j] for j in range(self.coordinates)])
        pull = coupling * h
        values = [g[j] + pull[j, 0] - target[j, 0] for j in range(self.coordinates)]
        ridge = self.geometry.setting.ridge_output
        for start, rank in zip(self.offsets, self.ranks, strict=True):
            square = sum((g[j] * g[j] / self.norms[j] for j in range(start, start + rank)), arb(0))
            values.append((square - ridge) / 2)
        return values

    def jacobian(self, g: Sequence[arb], s: Sequence[arb], coupling: arb_mat) -> arb_mat:
        count = self.coordinates
        matrix = arb_mat(self.size, self.size)
        for i in range(count):
            for j in range(count):
                entry = coupling[i, j] * s[self.owner[j]]
                matrix[i, j] = entry + 1 if i == j else entry
            for k, (start, rank) in enumerate(zip(self.offsets, self.ranks, strict=True)):
                matrix[i, count + k] = sum((coupling[i, j] * g[j] for j in range(start, start + rank)), arb(0))
        for k, (start, rank) in enumerate(zip(self.offsets, self.ranks, strict=True)):
            for j in range(start, start + rank):
                matrix[count + k, j] = g[j] / self.norms[j]
        return matrix


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
        coupling, target = arb_mat(system.coupling), arb_mat(system.target)
        x = [entry.mid() for entry in (*g, *s)]
        count = system.coordinates
        scales = _scales(system, coupling, x[count:])
        if scales is None:
            return None
        inverse = None
        for _ in range(60):
            try:
                inverse = system.jacobian(x[:count], x[count:], coupling).inv().mid()
            except ZeroDivisionError:
                return None
            step = inverse * arb_mat(system.size, 1, [v.mid() for v in system.residual(x[:count], x[count:], coupling, target)])
            x = [(value - step[i, 0]).mid() for i, value in enumerate(x)]
            length = max(abs(step[i, 0].mid()) / scales[i] for i in range(system.size))
            if not length.is_finite():
                return None
            if length < arb(2) ** (-precision):
                break
        else:
            return None
        assert inverse is not None
        radii = [scale * arb(2) ** (8 - precision) for scale in scales]
        box = [value + arb(0, radius) for value, radius in zip(x, radii, strict=True)]
        values = arb_mat(system.size, 1, system.residual(x[:count], x[count:], coupling, target))
        slack = arb_mat(system.size, system.size, [int(i == j) for i in range(system.size) for j in range(system.size)])
        slack = slack - inverse * system.jacobian(box[:count], box[count:], coupling)
        shift = arb_mat(system.size, 1, [arb(0, radius) for radius in radii])
        image = slack * shift - inverse * values
        proved = []
        for i, value in enumerate(x):
            entry = value + image[i, 0]
            if not box[i].contains_interior(entry):
                return None
            proved.append(entry)
        if not all(entry > 0 for entry in proved[count:]):
            return None
        h = arb_mat(count, 1, [proved[count + system.owner[j]] * proved[j] for j in range(count)])
        z = arb_mat(system.geometry.metric_target) - arb_mat(system.response) * h
        return Enclosure(precision, tuple(proved[:count]), tuple(proved[count:]), z)


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
