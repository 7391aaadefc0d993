"""The optimum of a set of faces in balls: refined by Newton's method, enclosed by weak duality, with exact zero tests (see `duality`)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from flint import Ordering, arb, arb_mat, ctx, fmpq, fmpq_mpoly_ctx

from reluspec.verifier.convex.geometry import Geometry, Row
from reluspec.verifier.identity import vanishes

NEWTON_STEPS = 12


class Point:
    """The weighted residual z* of a set of faces with positive weights, and what follows from it.

    `z` are midpoints; the true z* has `sum (z - z*)^2 / omega <= radius^2`. `loss` encloses the loss, the offset included.
    """

    def __init__(self, geometry: Geometry, faces: Sequence[int], start: Sequence[float], bits: int) -> None:
        self.geometry = geometry
        self.faces = tuple(faces)
        self.bits = bits
        self.local = [geometry.local(face) for face in faces]
        with ctx.workprec(bits):
            self._enclose(self._newton([arb(value) for value in start]))

    # Search

    def _newton(self, s: list[arb]) -> list[arb]:
        """Midpoints of the weights; `|G_F z|^2 = lambda_a` in every face."""
        level = arb(self.geometry.setting.ridge_output)
        for _ in range(NEWTON_STEPS if s else 0):
            g, derivative = self._gradients(s)
            error = [
                sum((x * x / q for x, q in zip(own, one.weights, strict=True)), arb(0)) - level
                for own, one in zip(g, self.local, strict=True)
            ]
            try:
                step = arb_mat(derivative).solve(arb_mat(len(s), 1, error))
            except ZeroDivisionError:
                break
            s = [(value - step[k, 0]).mid() for k, value in enumerate(s)]
            # Convergence is quadratic: after a step this small there is nothing left to gain.
            if all(abs(step[k, 0]) < arb(2) ** (-self.bits * 5 // 8) for k in range(len(s))):
                break
        return s

    def _gradients(self, s: list[arb]) -> tuple[list[list[arb]], list[list[arb]]]:
        """`g_F = A_F^T z` at the weights s, and the derivatives of the `|G_F z|^2`."""
        flat = [(k, j) for k, one in enumerate(self.local) for j in range(one.dimension)]
        matrix: list[list[arb]] = [
            [
                arb(int(row == column)) + self._coupling[i][j] * s[column[0]] / self.local[column[0]].weights[column[1]]
                for j, column in enumerate(flat)
            ]
            for i, row in enumerate(flat)
        ]
        blocks: list[list[arb]] = [[arb(self._target[i]), *(arb(entry) for entry in self._coupling[i])] for i in range(len(flat))]
        right = arb_mat(len(blocks), len(blocks) + 1, _flat(blocks))
        try:
            solved = arb_mat(len(matrix), len(matrix), _flat(matrix)).solve(right)
        except ZeroDivisionError:
            solved = right
        g = [[solved[i, 0].mid() for i, (owner, _) in enumerate(flat) if owner == k] for k in range(len(s))]
        scaled = [solved[i, 0].mid() / self.local[k].weights[j] for i, (k, j) in enumerate(flat)]
        derivative = [[arb(0)] * len(s) for _ in s]
        for i, (row, _) in enumerate(flat):
            for j, (column, _) in enumerate(flat):
                derivative[row][column] -= 2 * scaled[i] * solved[i, j + 1] * scaled[j]
        return g, derivative

    @cached_property
    def _columns(self) -> list[Row]:
        return [column for one in self.local for column in one.columns]

    @cached_property
    def _coupling(self) -> list[list[fmpq]]:
        """`A_F^T W A_F'`, W the metric after the output bias is minimised out."""
        metric = [self._weighted(column) for column in self._columns]
        return [[_dot(first, second) for second in metric] for first in self._columns]

    @cached_property
    def _target(self) -> list[fmpq]:
        pull = self._weighted(self.geometry.setting.y)
        return [_dot(column, pull) for column in self._columns]

    def _weighted(self, row: Sequence[fmpq]) -> list[fmpq]:
        """`W row`."""
        setting = self.geometry.setting
        weighted = [w * entry for w, entry in zip(setting.omega, row, strict=True)]
        if setting.kappa is None:
            return weighted
        mean = sum(weighted, fmpq(0)) / (setting.kappa + sum(setting.omega, fmpq(0)))
        return [entry - w * mean for w, entry in zip(setting.omega, weighted, strict=True)]

    # Proof

    def _enclose(self, s: list[arb]) -> None:
        setting = self.geometry.setting
        g, _ = self._gradients(s)
        p = [[weight * x / q for x, q in zip(own, one.weights, strict=True)] for weight, own, one in zip(s, g, self.local, strict=True)]
        p = [[entry.mid() for entry in own] for own in p]
        f = [arb(0)] * self.geometry.points
        for own, one in zip(p, self.local, strict=True):
            for entry, column in zip(own, one.columns, strict=True):
                f = [value + entry * a for value, a in zip(f, column, strict=True)]
        rest = [arb(y) - value for y, value in zip(setting.y, f, strict=True)]
        self.bias = self._bias(rest).mid()
        u = [entry - self.bias for entry in rest]
        raw = self._centred([w * entry for w, entry in zip(setting.omega, u, strict=True)])
        level = arb(setting.ridge_output).sqrt()
        # A margin above all rounding makes the multiple feasible without doubt; it costs that much of the gap.
        shrink = arb(1) - arb(2) ** (40 - self.bits)
        for one in self.local:
            ratio = (level / self._norm(raw, one)).lower()
            shrink = ratio * (1 - arb(2) ** (40 - self.bits)) if ratio < shrink else shrink
        shrink = shrink.mid() if self.local else arb(1)
        z = self._centred([(entry * shrink).mid() for entry in raw])
        self.z = z
        gap = sum((_square(w * a - b) / w for w, a, b in zip(setting.omega, u, z, strict=True)), arb(0))
        if setting.kappa:
            gap += _square(setting.kappa * self.bias - sum(z, arb(0))) / setting.kappa
        value = sum((w * a * a for w, a in zip(setting.omega, u, strict=True)), arb(0))
        value += (setting.kappa or 0) * self.bias * self.bias + setting.offset
        self.feasible = True
        for own, one in zip(p, self.local, strict=True):
            size = sum((x * x * q for x, q in zip(own, one.weights, strict=True)), arb(0)).sqrt()
            gap += 2 * (level * size - sum((x * _form(column, z) for x, column in zip(own, one.columns, strict=True)), arb(0)))
            value += 2 * level * size
            self.feasible = self.feasible and bool(self._norm(z, one) <= level)
        upper = gap.upper()
        self.radius = upper.sqrt().upper() if upper > 0 else arb(0)
        self.loss = value - arb(upper / 2, upper / 2) if upper > 0 else value
        if not self.local:  # the dead network is rational: a single rounding
            self.loss = arb(_dot(self._weighted(setting.y), setting.y) + setting.offset)
            self.z, self.radius = [arb(entry) for entry in self._weighted(setting.y)], arb(0)
        self.s = self._weights() if self.feasible else None

    def _bias(self, rest: list[arb]) -> arb:
        setting = self.geometry.setting
        if setting.kappa is None:
            return arb(0)
        return sum((w * entry for w, entry in zip(setting.omega, rest, strict=True)), arb(0)) / (
            setting.kappa + sum(setting.omega, fmpq(0))
        )

    def _centred(self, z: list[arb]) -> list[arb]:
        """z with sum zero where the output bias is free of penalty, as balls around such a point."""
        setting = self.geometry.setting
        if setting.kappa is None or setting.kappa != 0:
            return z
        mean = sum(z, arb(0)) / sum(setting.omega, fmpq(0))
        return [entry - w * mean for w, entry in zip(setting.omega, z, strict=True)]

    def _norm(self, z: list[arb], one: Any) -> arb:
        return sum((_square(_form(column, z)) / q for column, q in zip(one.columns, one.weights, strict=True)), arb(0)).sqrt()

    def _weights(self) -> list[arb] | None:
        """The weights s, if they are unique: `z = W (y - sum s_F kappa_F)`, `kappa_F = A_F (G_F z)`; `None` if that is not proved."""
        if not self.faces:
            return []
        kappa = [self.output(face) for face in self.faces]
        pulls = [self.weighted_ball(column) for column in kappa]
        y, z = self.geometry.setting.y, self.residual
        matrix = [[sum((a * b for a, b in zip(one, pull, strict=True)), arb(0)) for pull in pulls] for one in kappa]
        right = [
            sum((a * b for a, b in zip(pull, y, strict=True)), arb(0)) - sum((a * b for a, b in zip(one, z, strict=True)), arb(0))
            for one, pull in zip(kappa, pulls, strict=True)
        ]
        try:
            return list(arb_mat(matrix).solve(arb_mat(len(right), 1, right)).entries())
        except ZeroDivisionError:
            return None

    def weighted_ball(self, row: Sequence[arb]) -> list[arb]:
        setting = self.geometry.setting
        weighted = [w * entry for w, entry in zip(setting.omega, row, strict=True)]
        if setting.kappa is None:
            return weighted
        mean = sum(weighted, arb(0)) / (setting.kappa + sum(setting.omega, fmpq(0)))
        return [entry - w * mean for w, entry in zip(setting.omega, weighted, strict=True)]

    @cached_property
    def residual(self) -> list[arb]:
        """z* in balls."""
        return [entry + arb(0, (arb(w).sqrt() * self.radius).upper()) for entry, w in zip(self.z, self.geometry.setting.omega, strict=True)]

    def form(self, row: Sequence[fmpq]) -> arb:
        """`row . z*`."""
        size = sum((w * a * a for w, a in zip(self.geometry.setting.omega, row, strict=True)), fmpq(0))
        return _form(row, self.z) + arb(0, (arb(size).sqrt() * self.radius).upper())

    def pull(self, face: int) -> list[arb]:
        """`A_F^T z* / q`: the best direction of a unit on the face, in its basis, up to the factor `1 / |G_F z|`."""
        one = self.geometry.local(face)
        return [self.form(column) / q for column, q in zip(one.columns, one.weights, strict=True)]

    def output(self, face: int) -> list[arb]:
        """`kappa_F`: what a unit of weight on the face adds to the outputs (n)."""
        one = self.geometry.local(face)
        shares = self.pull(face)
        return [sum((a * column[i] for a, column in zip(shares, one.columns, strict=True)), arb(0)) for i in range(self.geometry.points)]

    def direction(self, face: int) -> list[arb]:
        """The weight vector of a unit on the face divided by its output weight (m); entries that are zero are so exactly."""
        one = self.geometry.local(face)
        found = []
        for j in range(len(self.geometry.setting.ridge)):
            shares = [vector[j] / q for vector, q in zip(one.basis, one.weights, strict=True)]
            row = tuple(
                sum((share * column[i] for share, column in zip(shares, one.columns, strict=True)), fmpq(0))
                for i in range(self.geometry.points)
            )
            value = self.form(row)
            found.append(arb(0) if value.contains(0) and self.sign(row) == 0 else value)
        return found

    # Signs, zero included

    def sign(self, row: Sequence[fmpq]) -> int | None:
        """The sign of `row . z*`; `None` if it may be zero and no identity proves it."""
        with ctx.workprec(self.bits):
            found = _sign(self.form(row))
            return found if found is not None else self._zero(self._linear(row))

    def excess(self, face: int) -> int | None:
        """The sign of `|G_F z*| - mu`."""
        if face in self.faces:
            return 0
        one = self.geometry.local(face)
        level = self.geometry.setting.ridge_output
        with ctx.workprec(self.bits):
            square = sum((_square(self.form(column)) / q for column, q in zip(one.columns, one.weights, strict=True)), arb(0))
            found = _sign(square - level)
            if found is not None:
                return found
            total = self._ring.constant(-level)
            for column, q in zip(one.columns, one.weights, strict=True):
                linear = self._linear(column)
                total += linear * linear * (1 / q)
            return self._zero(total)

    def side(self, face: int) -> int | None:
        """The sign sigma for which sigma times the face's direction lies in it, 0 if neither does; `None` if that is not proved."""
        signs = []
        for row in self.geometry.local(face).facets:
            sign = self.sign(row)
            signs.append(sign)
            if sign == 0 or {1, -1} <= set(signs):
                return 0
        return None if None in signs or not signs else signs[0]

    def _zero(self, polynomial: Any) -> int | None:
        if not self.faces:  # the dead network: everything is rational
            value = polynomial.to_dict().get((0,), fmpq(0))
            return int(value > 0) - int(value < 0)
        if polynomial.total_degree() <= 0:
            return 0 if polynomial == 0 else None
        return 0 if self.s is not None and vanishes(polynomial, self._equations, self._value, (0, 1)) else None

    @cached_property
    def _ring(self) -> Any:
        return fmpq_mpoly_ctx.get([f"p{j}" for j in range(max(1, len(self._columns)))], Ordering.degrevlex)

    def _linear(self, row: Sequence[fmpq]) -> Any:
        """`row . z` as a polynomial in the `p = s G z` of all faces, unnormalised: `z = W (y - A p)`."""
        pull = self._weighted(row)
        total = self._ring.constant(_dot(pull, self.geometry.setting.y))
        for gen, column in zip(self._ring.gens(), self._columns, strict=False):
            total -= gen * _dot(pull, column)
        return total

    @cached_property
    def _equations(self) -> list[Any]:
        """What holds at the point: `|G_F z|^2 = lambda_a`, and p_F is parallel to `A_F^T z / q`."""
        found, start = [], 0
        gens = self._ring.gens()
        for one in self.local:
            g = [self._linear(column) for column in one.columns]
            p = gens[start : start + one.dimension]
            start += one.dimension
            square = self._ring.constant(-self.geometry.setting.ridge_output)
            for entry, q in zip(g, one.weights, strict=True):
                square += entry * entry * (1 / q)
            found.append(square)
            for i in range(one.dimension):
                for j in range(i):
                    found.append(p[i] * g[j] * (1 / one.weights[j]) - p[j] * g[i] * (1 / one.weights[i]))
        return found

    def _value(self, polynomial: Any) -> arb:
        assert self.s is not None
        p = [weight * share for weight, face in zip(self.s, self.faces, strict=True) for share in self.pull(face)]
        total = arb(0)
        for exponents, coefficient in polynomial.to_dict().items():
            term = arb(coefficient)
            for value, power in zip(p, exponents, strict=True):
                for _ in range(int(power)):
                    term *= value
            total += term
        return total


def _sign(value: arb) -> int | None:
    if value > 0:
        return 1
    if value < 0:
        return -1
    return 0 if value == 0 else None


def _flat(rows: Sequence[Sequence[arb]]) -> list[arb]:
    return [entry for row in rows for entry in row]


def _square(value: arb) -> arb:
    """Unlike the power of FLINT, defined on balls around zero."""
    return value * value


def _dot(a: Sequence[fmpq], b: Sequence[fmpq]) -> fmpq:
    return sum((x * y for x, y in zip(a, b, strict=True)), fmpq(0))


def _form(row: Sequence[fmpq], z: Sequence[arb]) -> arb:
    return sum((a * entry for a, entry in zip(row, z, strict=True)), arb(0))
