"""The problems whose strata convexity tells about, read off the checked problem."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from flint import fmpq

from reluspec.problem.expression import Variable
from reluspec.problem.problem import Problem
from reluspec.verifier.convex.setting import OutsideError, activation_slopes, rational, square_penalties
from reluspec.verifier.layer.losses import Loss, point_loss

Row = tuple[fmpq, ...]


@dataclass(frozen=True)
class Layered:
    """`sum_i loss_i(offset + b + sum_l a_l phi(w_l . row_i)) + kappa b^2 + sum_l ridge_output_l a_l^2 + w_l^T diag(ridge_l) w_l`.

    Up to a constant; the coefficients of the units' squares are positive. phi has the slopes `above` and `below`, which differ. `kappa` is
    `None` without a free output bias b. `sides` has the sign of a unit's input for what the unit's name shows at a point.
    """

    rows: tuple[Row, ...]
    losses: tuple[Loss, ...]
    offset: fmpq
    kappa: fmpq | None
    ridge: tuple[Row, ...]
    ridge_output: Row
    above: fmpq
    below: fmpq
    sides: dict[str, int]

    def slope(self, side: int) -> fmpq:
        return self.above if side > 0 else self.below if side < 0 else fmpq(0)

    def unit_sides(self, name: str) -> tuple[int, ...]:
        """The signs of a unit's inputs from its name."""
        width = len(name) // len(self.rows)
        return tuple(self.sides[name[width * i : width * (i + 1)]] for i in range(len(self.rows)))


@lru_cache(maxsize=16)
def read_layered(problem: Problem) -> Layered | None:
    """`None` for a problem of another kind, or where it is not shown to be one of these."""
    try:
        return _read(problem)
    except OutsideError:
        return None


def _read(problem: Problem) -> Layered | None:
    layers = problem.network.layers
    if len(layers) != 2 or layers[1].units != 1:
        return None
    hidden, output = layers
    if hidden.fixed_weight is not None or output.fixed_weight is not None or any(hidden.fixed_bias or ()):
        return None
    above, below, marks = activation_slopes(hidden)
    # Without kinks of units a stratum does not say which of them live.
    if above == below or not marks[0] or output.activation.kinks or activation_slopes(output)[0] != 1:
        return None
    squares, _ = square_penalties(problem)
    free_bias = hidden.bias and hidden.fixed_bias is None
    own = [
        [Variable(f"{hidden.name}.weight", (unit, k)) for k in range(problem.network.inputs)]
        + ([Variable(f"{hidden.name}.bias", (unit,))] if free_bias else [])
        for unit in range(hidden.units)
    ]
    ridge = tuple(tuple(squares.get(one, fmpq(0)) for one in parameters) for parameters in own)
    ridge_output = tuple(squares.get(Variable(f"{output.name}.weight", (0, unit)), fmpq(0)) for unit in range(hidden.units))
    if any(entry <= 0 for row in (*ridge, ridge_output) for entry in row):
        return None
    losses = [point_loss(problem.loss.expression, y, share) for (y,), share in zip(problem.data.y, problem.shares, strict=True)]
    smooth = tuple(one for one in losses if one is not None)
    kappa = squares.get(Variable(f"{output.name}.bias", (0,)), fmpq(0)) if output.bias and output.fixed_bias is None else None
    if len(smooth) < len(losses) or (kappa is not None and kappa <= 0):
        return None
    rows = tuple(tuple(rational(entry) for entry in point) + ((fmpq(1),) if free_bias else ()) for point in problem.data.x)
    offset = rational(output.fixed_bias[0]) if output.bias and output.fixed_bias is not None else fmpq(0)
    return Layered(rows, smooth, offset, kappa, ridge, ridge_output, above, below, {mark: side for side, mark in marks.items()})
