"""The least point of a convex function, enclosed in balls: interval Newton proves that there is one (Neumaier, *Interval Methods*, 5.2).

Where outputs are *tied* to kinks of their losses they are known, and the slopes of these losses, between those of the two sides, are
unknowns in their place (Karush, Kuhn, Tucker).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb, arb_mat

from reluspec.engines.algebraic.exact.krawczyk import narrowed
from reluspec.engines.algebraic.exact.linear import echelon
from reluspec.engines.algebraic.exact.scalars import BALLS, FRACTIONS
from reluspec.engines.algebraic.judging.convex_program import Array, Program, Row, Tie, table

RADII = (1e-13, 1e-10, 1e-7, 1e-4)


@dataclass(frozen=True)
class Enclosure:
    """A least point in balls, and the slopes of the tied losses there."""

    x: Array
    slopes: dict[int, Any]


def enclosure(program: Program, x: Array, ties: Sequence[Tie], slopes: Sequence[float]) -> Enclosure | None:
    """A box of the only least point, near these floats, the slopes of the losses among them; `None` if that is not proved.

    In a larger one the gradient has no other zero, with the slopes of the tied losses, all between those of their sides: the function,
    convex, has no other minimiser. At the precision in force. Raises `Undetermined` and errors of arithmetic.
    """
    system = _Stationary(program, x, ties, slopes)
    found = system.enclosed()
    if found is None or not all(tie.kink.is_between(slope) for tie, slope in system.slopes(found)):
        return None
    return Enclosure(np.array(found[: len(x)], dtype=object), {tie.point: slope for tie, slope in system.slopes(found)})


class _Stationary:
    """The equations of a least point: x, then the slopes of the losses that are tied.

    Where outputs that are tied depend on others that are, their slopes are not unique: they are chosen, near those of the floats.
    """

    def __init__(self, program: Program, x: Array, ties: Sequence[Tie], slopes: Sequence[float]) -> None:
        self.size = len(x)
        self.smooth = program.only(program.rest(tie.point for tie in ties))
        self.program = program
        independent = _independent([program.rows[tie.point] for tie in ties])
        self.ties = [ties[k] for k in independent]
        self.chosen = [(tie, tie.kink.near(slopes[tie.point])) for k, tie in enumerate(ties) if k not in independent]
        self.start = [*x, *self._slopes_near(x)]

    def slopes(self, found: Sequence[Any]) -> list[tuple[Tie, Any]]:
        """All ties, with the slopes of their losses."""
        return [*zip(self.ties, found[self.size :], strict=True), *((tie, BALLS.number(slope)) for tie, slope in self.chosen)]

    def _slopes_near(self, x: Array) -> list[float]:
        if not self.ties:
            return []
        _, gradient, _ = self.smooth.derivatives(x, float)
        for tie, slope in self.chosen:
            gradient = gradient + float(slope) * np.array([float(entry) for entry in self.program.rows[tie.point]])
        rows = table([self.program.rows[tie.point] for tie in self.ties], float)
        return [float(slope) for slope in np.linalg.lstsq(rows.T, -gradient, rcond=None)[0]]

    def _at(self, point: Sequence[arb]) -> tuple[arb_mat, arb_mat]:
        """Values and Jacobian."""
        number, size = BALLS.number, self.size
        x, slopes = np.array(point[:size], dtype=object), point[size:]
        _, gradient, hessian = self.smooth.derivatives(x, number)
        for tie, slope in self.slopes(point):
            gradient = gradient + slope * table([self.program.rows[tie.point]], number)[0]
        rows = table([self.program.rows[tie.point] for tie in self.ties], number).reshape(len(slopes), size)
        missed = [row @ x + number(self.program.offset - tie.kink.at) for row, tie in zip(rows, self.ties, strict=True)]
        none = np.array([[arb(0)] * len(slopes)] * len(slopes), dtype=object).reshape(len(slopes), len(slopes))
        jacobian = np.block([[hessian, rows.T], [rows, none]])
        return arb_mat(len(point), 1, [*gradient, *missed]), arb_mat(len(point), len(point), list(jacobian.flatten()))

    def enclosed(self) -> list[arb] | None:
        """A solution of the equations in balls, the only one in a larger box; `None` if that is not proved."""
        if not all(self._follows(tie) for tie, _ in self.chosen):
            return None
        if not self.start:
            return []
        middle = [arb(entry) for entry in self.start]
        for _ in range(4):
            slope, bend = self._at(middle)
            inverse = bend.mid().inv().mid()
            middle = [(entry - step).mid() for entry, step in zip(middle, (inverse * slope).entries(), strict=True)]
        values, _ = self._at(middle)
        for radius in RADII:
            box = [entry + arb(0, radius) for entry in middle]
            if (image := narrowed(box, middle, inverse, values, self._at(box)[1])) is not None:
                return list(image)
        return None

    def _follows(self, other: Tie) -> bool:
        """Whether an output is at its kink wherever the independent ones are at theirs."""
        level = self.program.offset
        rows = [(*self.program.rows[tie.point], tie.kink.at - level) for tie in (*self.ties, other)]
        return len(_independent(rows)) == len(self.ties)


def _independent(rows: Sequence[Row]) -> list[int]:
    """Positions of rows, as many as are linearly independent, the first ones preferred."""
    kept: list[int] = []
    for k in range(len(rows)):
        some = [rows[j] for j in (*kept, k)]
        if len(echelon(some, len(rows[k]), FRACTIONS).rows) == len(some):
            kept.append(k)
    return kept
