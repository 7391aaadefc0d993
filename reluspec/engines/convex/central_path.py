"""Approximate optima of badly scaled sets: slow and sure. Nothing here is proved.

`minimise` works on thousands of sets at once in floats; where the weights of a set lie many powers of ten apart, or its faces see almost
the same, floats run out of digits. Here one set is minimised at a time in multiple precision, along the central path: minima of

    Phi(s) + lambda_a sum s - mu sum log s,    mu -> 0,

by damped Newton steps (Nesterov and Nemirovskii, *Interior-Point Polynomial Algorithms in Convex Programming*, 1994).
"""

from __future__ import annotations

from flint import arb, arb_mat

from reluspec.engines.convex.point import FaceSystem, working_precision

PRECISION = 384
LENGTH, SHRINK = 240, 4
"""mu falls by so many bits in all, so many at a time."""
STEPS = 2_000
"""Newton steps at most, some ten times what badly scaled problems take."""


def central_path(system: FaceSystem) -> list[arb] | None:
    """Approximate weights `s` (T, all positive) at the optimum of a set of faces; `None` where even this precision is too small.

    A weight that should be zero comes out tiny.
    """
    with working_precision(PRECISION):
        path = _Path(system)
        s = path.scales()
        mu = path.start(s)
        end = mu * arb(2) ** -LENGTH
        for _ in range(STEPS):
            try:
                step, decrement = path.newton(s, mu)
            except ZeroDivisionError:
                return None
            s = _damped(s, step, decrement)
            if decrement < 0.5:
                if mu <= end:
                    break
                mu = mu * arb(2) ** -SHRINK
        return s


def pulls(system: FaceSystem, s: list[arb]) -> list[arb]:
    """Approximate `g` (N) of a set of faces for given weights s (T)."""
    with working_precision(PRECISION):
        return _Path(system).pulls(s)


def _damped(s: list[arb], step: list[arb], decrement: arb) -> list[arb]:
    """The damped step of a self-concordant function, shortened where it would leave the positive orthant."""
    length = arb(1) if decrement < 0.25 else 1 / (1 + decrement)
    for value, change in zip(s, step, strict=True):
        if value + length * change <= value / 16:
            length = value / change * arb(-15) / 16
    return [(value + length * change).mid() for value, change in zip(s, step, strict=True)]


class _Path:
    """The convex function of a set of faces: values of `g(s)`, the slope and the curvature."""

    def __init__(self, system: FaceSystem) -> None:
        self.system = system
        self.coupling = arb_mat(system.coupling)
        self.target = arb_mat(system.target)
        self.inverse_norms = [1 / arb(norm) for norm in system.norms]
        self.ridge = arb(system.geometry.setting.ridge_output)

    def scales(self) -> list[arb]:
        """A natural size of each weight: the inverse of the face's own coupling (any where that is zero: the weight goes to zero)."""
        found = []
        for start, rank in zip(self.system.offsets, self.system.ranks, strict=True):
            own = sum((self.coupling[j, j] for j in range(start, start + rank)), arb(0))
            found.append((1 / own).mid() if own > 0 else arb(1))
        return found

    def _inverse(self, s: list[arb]) -> arb_mat:
        """Of `I + C A^-1 S`."""
        count = self.system.coordinates
        entries = [self.coupling[i, j] * s[owner] + (i == j) for i in range(count) for j, owner in enumerate(self.system.owner)]
        return arb_mat(count, count, entries).inv().mid()

    def pulls(self, s: list[arb]) -> list[arb]:
        """`g(s)` (N)."""
        return [value.mid() for value in (self._inverse(s) * self.target).entries()]

    def start(self, s: list[arb]) -> arb:
        """A mu whose minimum is not far from s: with it the barrier is as steep there as the function."""
        squares = [arb(0)] * len(s)
        for unit, value, weight in zip(self.system.owner, self.pulls(s), self.inverse_norms, strict=True):
            squares[unit] += value * value * weight
        return max((value * (self.ridge + square)).mid() for value, square in zip(s, squares, strict=True))

    def newton(self, s: list[arb], mu: arb) -> tuple[list[arb], arb]:
        """The Newton step (T) at s, and its decrement: its length in the metric of the curvature over mu."""
        size, owner = len(s), self.system.owner
        inverse = self._inverse(s)
        g = (inverse * self.target).entries()
        columns = arb_mat(len(owner), size, [g[j] if owner[j] == unit else arb(0) for j in range(len(owner)) for unit in range(size)])
        change = (inverse * self.coupling * columns).tolist()  # -dg/ds
        slope = [self.ridge - mu / value for value in s]
        curvature = [[arb(0)] * size for _ in range(size)]
        for j, unit in enumerate(owner):
            pull = g[j] * self.inverse_norms[j]
            slope[unit] -= g[j] * pull
            for other in range(size):
                curvature[unit][other] += 2 * pull * change[j][other]
        for unit, value in enumerate(s):
            curvature[unit][unit] += mu / value**2
        step = arb_mat(curvature).solve(arb_mat([[-value] for value in slope])).mid().entries()
        descent = sum((-move * value for move, value in zip(step, slope, strict=True)), arb(0))
        return step, (abs(descent) / mu).mid().sqrt()
