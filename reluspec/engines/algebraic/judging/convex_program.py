"""The least point of a convex function: sought in floats, enclosed in balls.

`F(x) = sum_i loss_i(offset + rows_i . x) + sum_l 2 sqrt(ridge_l) sqrt(x_l^T gram_l x_l) + sum_k squares_k x_k^2`, the x_l parts of x.
Nothing is proved by the floats: interval Newton (Krawczyk; Neumaier, *Interval Methods*, 5.2) proves that the gradient vanishes in a box.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from operator import mul
from typing import Any

import numpy as np
from flint import arb, arb_mat
from numpy.typing import NDArray

from reluspec.engines.algebraic.exact.krawczyk import narrowed
from reluspec.engines.algebraic.exact.scalars import BALLS

SMOOTHING = tuple(16.0**-k for k in range(10))
"""Added to the norms, one after the other, for the float solution."""
STEPS = 50
"""Of Newton's method, for each smoothing."""
DEAD = 1e-5
"""Length below which a part is taken to be zero in the float solution; a wrong guess is not proved."""
RADII = (1e-13, 1e-10, 1e-7, 1e-4)

Array = NDArray[Any]
"""Of floats, or of balls."""
Row = tuple[Fraction, ...]
Number = Callable[[Fraction], Any]
"""`float`, or what makes a ball."""


@dataclass(frozen=True)
class Jet:
    """Value, slope and second derivative of a function of one variable."""

    value: Any
    slope: Any
    bend: Any

    def __add__(self, other: Jet) -> Jet:
        return Jet(self.value + other.value, self.slope + other.slope, self.bend + other.bend)

    def __mul__(self, other: Jet) -> Jet:
        bend = self.bend * other.value + 2 * self.slope * other.slope + self.value * other.bend
        return Jet(self.value * other.value, self.slope * other.value + self.value * other.slope, bend)

    def __pow__(self, exponent: int) -> Jet:
        power = self
        for _ in range(exponent - 1):
            power = power * self
        return power


@dataclass(frozen=True)
class Norm:
    """`2 sqrt(ridge) sqrt(x_l^T gram x_l)` for a part x_l of x; the Gram matrix is positive definite."""

    part: slice
    gram: tuple[Row, ...]
    ridge: Fraction

    def length(self, x: Array) -> float:
        """That of the part, without the factor, in floats."""
        part = x[self.part]
        return float(np.sqrt(part @ _table(self.gram, float) @ part))


@dataclass(frozen=True)
class Program:
    """F. `losses` gives the loss of a data point at an output; it may raise `Undetermined`. `targets` are the points' own."""

    losses: Callable[[int, Jet], Jet]
    rows: tuple[Row, ...]
    offset: Fraction
    norms: tuple[Norm, ...]
    squares: Row
    targets: Row = ()

    def only(self, points: Sequence[int]) -> Program:
        """F with the losses of these data points alone."""
        rows, targets = tuple(self.rows[i] for i in points), tuple(self.targets[i] for i in points)
        return replace(self, losses=lambda k, output: self.losses(points[k], output), rows=rows, targets=targets)

    def without(self, dead: Sequence[Norm]) -> Program:
        """F of the other parts, these being zero."""
        gone = {k for norm in dead for k in range(norm.part.start, norm.part.stop)}
        kept = [k for k in range(len(self.squares)) if k not in gone]
        norms = []
        for norm in self.norms:
            if norm not in dead:
                start = kept.index(norm.part.start)
                norms.append(replace(norm, part=slice(start, start + len(norm.gram))))
        rows = tuple(tuple(row[k] for k in kept) for row in self.rows)
        return replace(self, rows=rows, norms=tuple(norms), squares=tuple(self.squares[k] for k in kept))

    def columns(self, norm: Norm) -> list[Row]:
        """How each coordinate of a part moves the outputs."""
        return [tuple(row[k] for row in self.rows) for k in range(norm.part.start, norm.part.stop)]

    def outputs(self, x: Any, number: Number) -> Array:
        """`offset + rows . x`."""
        return np.asarray(_table(self.rows, number) @ np.asarray(x) + number(self.offset))

    def jets(self, x: Array, number: Number) -> list[Jet]:
        """The losses of all data points, as functions of their outputs."""
        one, zero = number(Fraction(1)), number(Fraction(0))
        return [self.losses(i, Jet(output, one, zero)) for i, output in enumerate(self.outputs(x, number))]

    def derivatives(self, x: Array, number: Number, smoothing: float = 0.0) -> tuple[Any, Array, Array]:
        """Value, gradient and Hessian of F, each norm r replaced by sqrt(r^2 + smoothing^2)."""
        jets, rows, squares = self.jets(x, number), _table(self.rows, number), _table([self.squares], number)[0]
        slopes, bends = (np.array(entries, dtype=rows.dtype) for entries in zip(*((jet.slope, jet.bend) for jet in jets), strict=True))
        value = sum(jet.value for jet in jets) + squares @ (x * x)
        gradient = slopes @ rows + 2 * squares * x
        hessian = rows.T @ (bends[:, None] * rows) + 2 * np.diag(squares)
        for norm in self.norms:
            part, gram = norm.part, _table(norm.gram, number)
            pull = gram @ x[part]
            length = (x[part] @ pull + smoothing**2) ** 0.5
            factor = 2 * number(norm.ridge) ** 0.5
            value = value + factor * length
            gradient[part] += factor / length * pull
            hessian[part, part] += factor / length * (gram - np.outer(pull, pull) / length**2)
        return value, gradient, hessian

    def is_stationary(self, x: Sequence[Fraction]) -> bool:
        """Whether the gradient vanishes at a rational point at which no norm does, exactly."""
        outputs = [self.offset + sum(map(mul, row, x)) for row in self.rows]
        jets = [self.losses(i, Jet(output, Fraction(1), Fraction(0))) for i, output in enumerate(outputs)]
        slopes = [jet.slope for jet in jets]
        pull = [
            sum(map(mul, slopes, column)) + 2 * c * value
            for column, c, value in zip(zip(*self.rows, strict=True), self.squares, x, strict=True)
        ]
        for norm in self.norms:
            # The loss pulls against the norm, as strongly: `along = -2 sqrt(ridge) gram x / sqrt(x gram x)`.
            part, along = x[norm.part], pull[norm.part]
            image = [sum(map(mul, row, part)) for row in norm.gram]
            square = sum(map(mul, part, image))
            if any(a * b > 0 or a**2 * square != 4 * norm.ridge * b**2 for a, b in zip(along, image, strict=True)):
                return False
            pull[norm.part] = [Fraction(0)] * len(part)
        return not any(pull)

    def minimiser(self) -> Array:
        """An approximate minimiser, in floats."""
        x = np.zeros(len(self.squares))
        for smoothing in SMOOTHING:
            x = self._descended(x, smoothing)
        return x

    def _descended(self, x: Array, smoothing: float) -> Array:
        """Newton's method with backtracking."""
        value, gradient, hessian = self.derivatives(x, float, smoothing)
        for _ in range(STEPS):
            step = -np.linalg.solve(hessian + 1e-13 * (1 + np.trace(hessian)) * np.eye(len(x)), gradient)
            gain = float(gradient @ step)
            if not gain < -1e-15 * (1 + abs(value)):
                break
            length = 1.0
            while (moved := self.derivatives(x + length * step, float, smoothing))[0] > value + 0.1 * length * gain and length > 1e-9:
                length /= 4
            x, (value, gradient, hessian) = x + length * step, moved
        return x

    def vanishing(self, x: Array) -> list[Norm]:
        """The norms that are nearly zero."""
        return [norm for norm in self.norms if np.abs(x[norm.part]).max() < DEAD * max(1.0, np.abs(x).max())]

    def enclosure(self, x: Array) -> Array | None:
        """A box of the only zero of the gradient in a larger one, near these floats; `None` if that is not proved.

        The Hessian is regular there: F, convex, has no other minimiser. At the precision in force.
        """
        count = len(x)
        middle = [arb(entry) for entry in x]

        def slopes(at: Sequence[arb]) -> tuple[arb_mat, arb_mat]:
            _, gradient, hessian = self.derivatives(np.array(at, dtype=object), BALLS.number)
            return arb_mat(count, 1, list(gradient)), arb_mat(count, count, list(hessian.flatten()))

        for _ in range(4):
            slope, bend = slopes(middle)
            inverse = bend.mid().inv().mid()
            middle = [(entry - step).mid() for entry, step in zip(middle, (inverse * slope).entries(), strict=True)]
        values, _ = slopes(middle)
        for radius in RADII:
            box = [entry + arb(0, radius) for entry in middle]
            if (image := narrowed(box, middle, inverse, values, slopes(box)[1])) is not None:
                return np.array(image, dtype=object)
        return None


def _table(rows: Sequence[Row], number: Number) -> Array:
    """Rows of fractions in floats or balls."""
    return np.array([[number(entry) for entry in row] for row in rows], dtype=float if number is float else object)
