"""A convex function and its least point in floats; `stationary_point` proves that there is one nearby.

`F(x) = sum_i loss_i(offset + rows_i . x) + sum_l 2 sqrt(ridge_l) sqrt(x_l^T gram_l x_l) + sum_k squares_k x_k^2`, the x_l parts of x.
Losses may have kinks, at which least points like to be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from operator import mul
from typing import Any

import numpy as np
from flint import arb
from numpy.typing import NDArray

from reluspec.engines.algebraic.exact.scalars import BALLS

SMOOTHING = tuple(16.0**-k for k in range(10))
"""Added to the norms, one after the other, for the float solution."""
ROUGH = 5
"""The smoothing, by its number, whose slopes at kinks are good guesses; later ones are too near to zero for Newton's method to settle."""
STEPS = 50
"""Of Newton's method, for each smoothing."""
DEAD = 1e-5
"""Length below which a part is taken to be zero in the float solution; a wrong guess is not proved."""
MARGIN = 10_000
"""Slopes that are chosen are multiples of one over this, roughly, and not nearer to their ends, in relation."""

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
class LossKink:
    """An output at which the slope of a convex loss jumps, and its slopes on both sides."""

    at: Fraction
    below: Fraction
    above: Fraction

    def is_between(self, slope: arb) -> bool:
        """Whether a slope is proved to be between those of the sides."""
        return bool(slope > BALLS.number(self.below) and slope < BALLS.number(self.above))

    def near(self, slope: float) -> Fraction:
        """A slope between those of the sides that is near to this one."""
        margin = (self.above - self.below) / MARGIN
        return min(max(Fraction(slope).limit_denominator(MARGIN), self.below + margin), self.above - margin)

    def rounding(self, output: float, smoothing: float) -> Jet:
        """What to add to the loss so that it turns smoothly, within about `smoothing`: sqrt(t^2 + smoothing^2) is in place of |t|."""
        step, half = output - float(self.at), float(self.above - self.below) / 2
        length = (step**2 + smoothing**2) ** 0.5
        turn = float(np.sign(step))
        return Jet(half * (length - abs(step)), half * (step / length - turn), half * smoothing**2 / length**3)


@dataclass(frozen=True)
class Tie:
    """A data point whose output is at a kink of its loss."""

    point: int
    kink: LossKink


@dataclass(frozen=True)
class Approximate:
    """A least point in floats, and the slopes of the losses there."""

    x: Array
    slopes: list[float]


@dataclass(frozen=True)
class Norm:
    """`2 sqrt(ridge) sqrt(x_l^T gram x_l)` for a part x_l of x; the Gram matrix is positive definite."""

    part: slice
    gram: tuple[Row, ...]
    ridge: Fraction

    def length(self, x: Array) -> float:
        """That of the part, without the factor, in floats."""
        part = x[self.part]
        return float(np.sqrt(part @ table(self.gram, float) @ part))


@dataclass(frozen=True)
class Program:
    """F. `losses` gives the loss of a data point at an output; it may raise `Undetermined`. `targets` and `kinks` are the points' own."""

    losses: Callable[[int, Jet], Jet]
    rows: tuple[Row, ...]
    offset: Fraction
    norms: tuple[Norm, ...]
    squares: Row
    targets: Row
    kinks: tuple[tuple[LossKink, ...], ...]

    def only(self, points: Sequence[int]) -> Program:
        """F with the losses of these data points alone."""
        return replace(
            self,
            losses=lambda k, output: self.losses(points[k], output),
            rows=tuple(self.rows[i] for i in points),
            targets=tuple(self.targets[i] for i in points),
            kinks=tuple(self.kinks[i] for i in points),
        )

    def rest(self, points: Iterable[int]) -> list[int]:
        """The other data points."""
        gone = set(points)
        return [i for i in range(len(self.rows)) if i not in gone]

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
        return np.asarray(self._rows(number) @ np.asarray(x) + number(self.offset))

    def _rows(self, number: Number) -> Array:
        return table(self.rows, number).reshape(len(self.rows), len(self.squares))

    def jets(self, x: Array, number: Number, smoothing: float = 0.0) -> list[Jet]:
        """The losses of all data points, as functions of their outputs; with smoothing, in floats, they turn smoothly at kinks."""
        one, zero = number(Fraction(1)), number(Fraction(0))
        found = []
        for i, output in enumerate(self.outputs(x, number)):
            jet = self.losses(i, Jet(output, one, zero))
            for kink in self.kinks[i] if smoothing else ():
                jet = jet + kink.rounding(output, smoothing)
            found.append(jet)
        return found

    def derivatives(self, x: Array, number: Number, smoothing: float = 0.0) -> tuple[Any, Array, Array]:
        """Value, gradient and Hessian of F, each norm r replaced by sqrt(r^2 + smoothing^2), and kinks likewise."""
        jets, rows = self.jets(x, number, smoothing), self._rows(number)
        squares = table([self.squares], number)[0]
        slopes, bends = (np.array([getattr(jet, name) for jet in jets], dtype=rows.dtype) for name in ("slope", "bend"))
        value = sum((jet.value for jet in jets), number(Fraction(0))) + squares @ (x * x)
        gradient = slopes @ rows + 2 * squares * x
        hessian = rows.T @ (bends[:, None] * rows) + 2 * np.diag(squares)
        for norm in self.norms:
            part, gram = norm.part, table(norm.gram, number)
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
            sum(map(mul, slopes, (row[k] for row in self.rows))) + 2 * c * value
            for k, (c, value) in enumerate(zip(self.squares, x, strict=True))
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

    def minimiser(self) -> Approximate:
        """An approximate minimiser, in floats."""
        x, rough = np.zeros(len(self.squares)), np.zeros(len(self.squares))
        for number, smoothing in enumerate(SMOOTHING):
            x = self._descended(x, smoothing)
            if number == ROUGH:
                rough = x
        return Approximate(x, [jet.slope for jet in self.jets(rough, float, SMOOTHING[ROUGH])])

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

    def ties(self, x: Array) -> list[Tie]:
        """The outputs that are nearly at kinks."""
        outputs = self.outputs(x, float)
        near = DEAD * max(1.0, float(np.abs(outputs).max(initial=0.0)))
        return [Tie(i, kink) for i, kinks in enumerate(self.kinks) for kink in kinks if abs(outputs[i] - float(kink.at)) < near]


def table(rows: Sequence[Row], number: Number) -> Array:
    """Rows of fractions in floats or balls."""
    return np.array([[number(entry) for entry in row] for row in rows], dtype=float if number is float else object)
