"""Excluding sets of faces by weak duality, in batches, with proved rounding bounds (docs/what-is-proved.md).

For a set S of faces consider the convex problem without the cones' inequalities,

    P(h, b) = sum_i omega_i u_i^2 + kappa b^2 + 2 mu sum_F |h_F|,     u = y - b - sum_F G_F^T h_F,     mu = sqrt(lambda_a),

over all F in S, and its dual `D(z) = 2 y.z - sum z_i^2 / omega_i - (sum z)^2 / kappa` over `|G_F z| <= mu` (and `sum z = 0` if kappa = 0).
Critical points of the strata of S have the unique optimal z* as their weighted residual. For *any* h, b and feasible z the gap is

    P - D = sum (omega u - z)^2 / omega + (kappa b - sum z)^2 / kappa + 2 sum_F (mu |h_F| - h_F . G_F z),

a sum of terms that are not negative, and D is strongly concave: `sum (z - z*)^2 / omega <= P - D`. So z* lies in a known ball around z,
however z was found. Every point of the ball must break a condition of criticality:

- inactive: some F has `|G_F z| < mu`: its weight would be zero;
- outside: some F's direction is outside F and outside -F, judged by two facets' forms of opposite signs;
- mixed: some kink rises on one side and falls on the other, so that the points are neither minima nor critical in Clarke's sense.

Sets that no float decides are left to `vertices`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from flint import fmpq
from numpy.typing import NDArray

from reluspec.verifier.convex.geometry import Geometry, Row

Array = NDArray[np.float64]
UNIT = 2.0**-53
"""The relative rounding error of one operation in IEEE double precision."""
UP = 1 + 1e-12
"""More than all rounding in a computed sum of squares or its root."""
STEPS = 80


class RangeError(Exception):
    """Numbers too large or too small for double precision."""


@dataclass(frozen=True)
class Screened:
    """A batch of sets: the argument that excludes each (index into `ARGUMENTS`, -1: none), and the approximate weights (B x k)."""

    argument: NDArray[np.int8]
    weights: Array
    z: Array


ARGUMENTS = ("inactive", "outside", "mixed")


class Duality:
    """The float tables of a geometry. Entries are correctly rounded quotients and roots: within 4 units of their exact values."""

    def __init__(self, geometry: Geometry) -> None:
        setting = geometry.setting
        count, n = len(geometry), geometry.points
        local = [geometry.local(face) for face in range(count)]
        width = max(1, geometry.rank)
        self.n = n
        self.y, self.omega = _floats(setting.y), _floats(setting.omega)
        self.kappa = None if setting.kappa is None else float(_floats([setting.kappa])[0])
        self.mu = float(np.sqrt(_floats([setting.ridge_output])[0]))
        self.maps = np.zeros((count, width, n))
        for face, one in enumerate(local):
            for j, (column, weight) in enumerate(zip(one.columns, one.weights, strict=True)):
                self.maps[face, j] = _floats(column) / np.sqrt(_floats([weight])[0])
        self.facets = _table([one.facets for one in local], n)
        pairs = [one.opposite if geometry.is_simple(face) else () for face, one in enumerate(local)]
        self.rising = _table([[local[face].covers[i].form for i, _ in some] for face, some in enumerate(pairs)], n)
        self.falling = _table([[local[face].covers[j].form for _, j in some] for face, some in enumerate(pairs)], n)
        root = np.sqrt(self.omega)
        # Norms of the maps and forms, plain and in the dual of the ball's norm.
        self.plain = {name: np.linalg.norm(table, axis=-1) * UP for name, table in self._forms()}
        self.dual = {name: np.linalg.norm(table * root, axis=-1) * UP for name, table in self._forms()}
        self.map_plain = np.linalg.norm(self.maps, axis=(1, 2)) * UP
        self.map_dual = np.linalg.norm(self.maps * root, axis=(1, 2)) * UP

    def _forms(self) -> list[tuple[str, Array]]:
        return [("facets", self.facets), ("rising", self.rising), ("falling", self.falling)]

    @property
    def start(self) -> Array:
        """The weighted residual of the dead network."""
        mean = 0.0 if self.kappa is None else float((self.omega * self.y).sum() / (self.kappa + self.omega.sum()))
        residual: Array = self.omega * (self.y - mean)
        return residual

    def screen(self, sets: NDArray[np.int64]) -> Screened:
        """Judge a batch of sets of equally many faces (B x k)."""
        maps = self.maps[sets]
        weights, h, bias = self._solve(maps)
        z, radius, feasible = self._ball(sets, maps, h, bias)
        argument = np.full(len(sets), -1, dtype=np.int8)
        argument[feasible & self._mixed(sets, z, radius)] = 2
        argument[feasible & self._outside(sets, z, radius)] = 1
        argument[feasible & self._inactive(sets, maps, z, radius)] = 0
        return Screened(argument, weights, z)

    # The proved part

    def _ball(self, sets: NDArray[np.int64], maps: Array, h: Array, bias: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
        """A point z, the radius of a ball around it that holds z*, and whether both are proved."""
        terms = h.shape[1] * h.shape[2]
        b = bias[:, None]
        u = self.y - b - np.einsum("bkmn,bkm->bn", maps, h)
        delta = (terms + 16) * UNIT * (np.abs(self.y) + np.abs(b) + np.einsum("bkmn,bkm->bn", np.abs(maps), np.abs(h)))
        raw = self.omega * u
        norms = self.norms(sets, maps, raw)
        z = raw * np.minimum(1.0, self.mu * (1 - 2e-14) / np.maximum(norms.max(axis=1), 1e-300))[:, None]
        drift = np.zeros(len(sets))
        total = np.abs(z.sum(axis=1)) + 2 * (self.n + 2) * UNIT * np.abs(z).sum(axis=1)
        extra = np.zeros(len(sets))
        if self.kappa == 0:
            drift = total / np.sqrt(self.omega.sum()) * UP
        elif self.kappa is not None:
            error = 2 * (self.n + 8) * UNIT * (np.abs(z).sum(axis=1) + self.kappa * np.abs(bias))
            extra = (np.abs(self.kappa * bias - z.sum(axis=1)) + error) ** 2 / self.kappa
        first = np.abs(raw - z) * (1 + 8 * UNIT) + self.omega * (delta * (1 + 8 * UNIT) + 8 * UNIT * np.abs(u))
        gap = (np.sqrt((first**2 / self.omega).sum(axis=1)) * UP + drift) ** 2 + extra * UP
        size = np.linalg.norm(h, axis=2) * UP
        length = np.linalg.norm(z, axis=1)[:, None] * UP
        inner = np.einsum("bkm,bkmn,bn->bk", h, maps, z, optimize=True)
        slack = 16 * UNIT * self.mu * size + (self.n + terms + 32) * UNIT * size * self.map_plain[sets] * length
        slack += drift[:, None] * size * self.map_dual[sets]
        gap = gap + 2 * np.maximum(self.mu * size - inner + slack, 0).sum(axis=1) * UP
        feasible = np.all(self.norms(sets, maps, z) + drift[:, None] * self.map_dual[sets] <= self.mu * (1 - 8 * UNIT), axis=1)
        radius = (np.sqrt(gap) * UP + drift) * UP
        return z, radius, feasible & np.isfinite(radius)

    def norms(self, sets: NDArray[np.int64], maps: Array, z: Array) -> Array:
        """Upper bounds of `|G_F z|` (B x k)."""
        values = np.einsum("bkmn,bn->bkm", maps, z)
        length = np.linalg.norm(z, axis=1)[:, None] * UP
        upper: Array = np.linalg.norm(values, axis=2) * UP + (self.n + 16) * UNIT * self.map_plain[sets] * length
        return upper

    def _inactive(self, sets: NDArray[np.int64], maps: Array, z: Array, radius: Array) -> NDArray[np.bool_]:
        upper = (self.norms(sets, maps, z) + self.map_dual[sets] * radius[:, None]) * UP
        inactive: NDArray[np.bool_] = np.any(upper < self.mu * (1 - 8 * UNIT), axis=1)
        return inactive

    def _signs(self, name: str, table: Array, sets: NDArray[np.int64], z: Array, radius: Array) -> NDArray[np.int8]:
        """Signs of forms on the whole ball, 0 where they are not proved (B x k x forms)."""
        values = np.einsum("bkrn,bn->bkr", table[sets], z)
        length = np.linalg.norm(z, axis=1)[:, None, None] * UP
        error = (self.dual[name][sets] * radius[:, None, None] + (self.n + 16) * UNIT * self.plain[name][sets] * length) * UP
        signs: NDArray[np.int8] = np.where(np.abs(values) > error, np.sign(values), 0).astype(np.int8)
        return signs

    def _outside(self, sets: NDArray[np.int64], z: Array, radius: Array) -> NDArray[np.bool_]:
        signs = self._signs("facets", self.facets, sets, z, radius)
        outside: NDArray[np.bool_] = np.any(np.any(signs > 0, axis=2) & np.any(signs < 0, axis=2), axis=1)
        return outside

    def _mixed(self, sets: NDArray[np.int64], z: Array, radius: Array) -> NDArray[np.bool_]:
        up = self._signs("rising", self.rising, sets, z, radius)
        down = self._signs("falling", self.falling, sets, z, radius)
        mixed: NDArray[np.bool_] = np.any(up * down < 0, axis=(1, 2))
        return mixed

    # The search: nothing rests on it

    def _solve(self, maps: Array) -> tuple[Array, Array, Array]:
        """Approximate weights s (B x k), h = s G z (B x k x m) and output biases (B): projected Newton steps on the convex dual function.

        With q_F = G_F z the weights solve `|q_F| = mu` (s_F > 0) or `|q_F| <= mu` (s_F = 0). Newton's method is applied to `1 / |q_F|`,
        which is nearly linear in s (More and Sorensen), with the descent of `y.z + lambda_a sum s` as a safeguard.
        """
        batch, k, m, n = maps.shape
        flat = maps.reshape(batch, k * m, n)
        weighted = flat * self.omega
        if self.kappa is not None:
            total = self.kappa + self.omega.sum()
            weighted = weighted - (flat @ self.omega)[..., None] * self.omega / total
        coupling, target = weighted @ flat.transpose(0, 2, 1), weighted @ self.y
        s = self._start(coupling.reshape(batch, k, m, k, m), target.reshape(batch, k, m))
        q = np.zeros((batch, k, m))
        todo = np.arange(batch)
        state = _State(s, np.full(batch, np.inf), s.copy(), np.ones(batch), np.zeros_like(s), np.ones(batch, dtype=bool), np.zeros_like(s))
        for _ in range(STEPS):
            if not len(todo):
                break
            found, done, worse = self._step(coupling[todo], target[todo], state, todo, m)
            q[todo[~worse]] = found[~worse]
            todo = todo[~done]
        h = state.best[..., None] * q
        f = np.einsum("bkmn,bkm->bn", maps, h)
        bias = np.zeros(batch) if self.kappa is None else (self.omega * (self.y - f)).sum(axis=1) / (self.kappa + self.omega.sum())
        return state.best, h, bias

    def _start(self, coupling: Array, target: Array) -> Array:
        k = target.shape[1]
        own = np.maximum(np.einsum("bkmkm->bk", coupling), 1e-300)
        start: Array = np.maximum(np.linalg.norm(target, axis=2) / self.mu - 1, 0) / own / k
        return start

    def _step(
        self, coupling: Array, target: Array, state: _State, todo: NDArray[np.int64], m: int
    ) -> tuple[Array, NDArray[np.bool_], NDArray[np.bool_]]:
        s = state.s[todo]
        batch, k = s.shape
        matrix = np.eye(k * m) + coupling * np.repeat(s, m, axis=1)[:, None, :]
        solved = np.linalg.solve(matrix, np.concatenate([target[..., None], coupling], axis=2))
        q = solved[..., 0].reshape(batch, k, m)
        norms = np.linalg.norm(q, axis=2)
        value = self.mu**2 * s.sum(axis=1) - np.einsum("bk,bkm,bkm->b", s, target.reshape(batch, k, m), q)
        worse = value > state.value[todo] + 1e-13 * (np.abs(state.value[todo]) + self.mu**2)
        error = np.where(s > 0, np.abs(norms - self.mu), np.maximum(norms - self.mu, 0)).max(axis=1) / self.mu
        jacobian = np.einsum("bkm,bkmlo,blo->bkl", q, solved[..., 1:].reshape(batch, k, m, k, m), q)
        free = (s > 0) | (norms > self.mu)
        both = free[:, :, None] & free[:, None, :]
        scale = np.einsum("bkk->b", jacobian)[:, None, None] * 1e-14 + 1e-30
        system = np.where(both, jacobian + scale * np.eye(k), np.eye(k))
        sides = np.stack([norms**2 * (norms / self.mu - 1), (norms**2 - self.mu**2) / 2], axis=2)
        moves = np.linalg.solve(system, np.where(free[..., None], sides, 0))
        back, first = state.best[todo], worse & state.bold[todo]
        # A bold step that fails gives way to Newton's own, up to where a weight becomes zero; that one is shortened until it descends.
        held = np.where(first[:, None], state.plain[todo], state.direction[todo])
        reach = np.where(held < 0, back / np.where(held < 0, -held, 1), np.inf).min(axis=1)
        state.share[todo] = np.where(worse, np.where(first, np.minimum(1.0, np.where(reach > 0, reach, 1.0)), state.share[todo] / 4), 1.0)
        state.direction[todo] = np.where(worse[:, None], held, moves[..., 0])
        state.plain[todo] = np.where(worse[:, None], state.plain[todo], moves[..., 1])
        state.bold[todo] = ~worse
        state.best[todo] = np.where(worse[:, None], back, s)
        state.value[todo] = np.where(worse, state.value[todo], value)
        moved = state.best[todo] + state.share[todo][:, None] * state.direction[todo]
        state.s[todo] = np.where(moved > 1e-14 * np.abs(state.best[todo]), moved, 0)
        return q, (error < 1e-14) & ~worse, worse


@dataclass
class _State:
    """The iterates: the point tried; the best value with its point; the step from there, the share of it that is tried, whether it is a
    bold one (for 1 / |q|), and Newton's plain step."""

    s: Array
    value: Array
    best: Array
    share: Array
    direction: Array
    bold: NDArray[np.bool_]
    plain: Array


def _floats(row: Sequence[fmpq]) -> Array:
    """Correctly rounded. Raises `RangeError` where rounding errors could not be bounded relatively."""
    try:
        values = np.array([int(entry.p) / int(entry.q) for entry in row], dtype=np.float64)
    except OverflowError:
        raise RangeError from None
    size = np.abs(values[values != 0])
    if any(entry != 0 and value == 0 for entry, value in zip(row, values, strict=True)) or np.any(size > 1e120) or np.any(size < 1e-120):
        raise RangeError
    return values


def _table(rows: Sequence[Sequence[Row]], n: int) -> Array:
    table = np.zeros((len(rows), max(1, *(len(some) for some in rows)), n))
    for face, some in enumerate(rows):
        for j, row in enumerate(some):
            table[face, j] = _floats(row)
    return table


def tally(argument: NDArray[np.int8]) -> Counter[str]:
    """How many sets each argument excludes."""
    return Counter({name: int((argument == k).sum()) for k, name in enumerate(ARGUMENTS)})
