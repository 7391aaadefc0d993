"""The index of a dead unit: kinks that all meet in one point, where no slope is left and second order decides.

Let w be the parameters in the kinks, A those that the Hessian couples with them (the unit's outgoing weights). On every cell of the kinks
the loss is to second order `1/2 a^T H a + a^T C w + 1/2 w^T K w` beside functions of the other parameters, with H positive definite.
Minimised over a it is `-q(w)/2`, `q = w^T (C^T H^{-1} C - K) w`: the lower link retracts to the directions with `q > 0` (docs/audit.md).

Where a rotation keeps the loss of a cell, a curve of critical points may leave the point into the cell: there q is zero, which counts
as negative.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flint import arb, arb_mat

from reluspec.verifier.convex.faces import Face, Vector
from reluspec.verifier.general.curves import turning
from reluspec.verifier.general.rotations import turns
from reluspec.verifier.raw import Polynomial, Root, at, definite

LossAt = Callable[[Face], Polynomial]


def dead_factor(root: Root, used: Sequence[int], pinned: Sequence[int], cones: Sequence[Face], loss_at: LossAt) -> int | None:
    """`1 - chi(U)`, U the directions with `q > 0`, for w in one or two dimensions; `None` where that is not proved.

    `used` are the parameters w, `pinned` those with a kink of their own at zero, `cones` the faces of the arrangement.
    """
    if len(used) > 2:
        return None
    total = 0
    for face in cones:
        if not face.rays:
            continue
        loss = loss_at(face)
        form = _form(root, used, pinned, loss)
        level = form is not None and _holds_curve(root, used, loss, face)
        count = None if form is None else _touching(form, face.rays) if level else _components(form, face.rays)
        if count is None:
            return None
        # An open arc of directions has Euler characteristic -1 with compact support, a ray's direction 1.
        total += count if len(face.rays) == 1 else -count
    return 1 - total if len(used) == 1 else 1 + total


def _holds_curve(root: Root, used: Sequence[int], loss: Polynomial, face: Face) -> bool:
    """Whether a motion that keeps the loss leads from the point into a cell of w, an open cone."""
    if len(face.rays) != len(used):
        return False
    matrix = arb_mat([[arb(ray[k]) for ray in face.rays] for k in range(len(used))])
    for turn in turns(root.ring.problem):
        field = turning(loss, turn, root)
        if field is not None:
            shares = matrix.solve(arb_mat(len(used), 1, [field[k] for k in used])).entries()
            if all(share > 0 for share in shares) or all(share < 0 for share in shares):
                return True
    return False


def _touching(form: Sequence[Sequence[arb]], rays: Sequence[Vector]) -> int | None:
    """In how many arcs a form is positive on a cone that holds a zero vector of it: in none, or on both sides of that."""
    if len(rays) == 1:
        return 0
    values = [_value(form, one, one) for one in rays]
    if all(value > 0 for value in values):
        return 2
    return 0 if all(value < 0 for value in values) else None


def _form(root: Root, used: Sequence[int], pinned: Sequence[int], loss: Polynomial) -> list[list[arb]] | None:
    """q on one face; `None` unless first order vanishes and second order is coupled to nothing else."""
    size = root.ring.size
    slopes = [loss.derivative(k) for k in range(size)]
    if not all(root.is_zero(slopes[k]) for k in used):
        return None
    coupled = sorted(
        {k for k in range(size) if k not in used and not all(root.is_zero(slopes[j].derivative(k)) for j in used)} - set(pinned)
    )
    block = {*used, *coupled}
    if not all(root.is_zero(slopes[j].derivative(k)) for j in coupled for k in range(size) if k not in block and k not in pinned):
        return None

    def hessian(first: Sequence[int], second: Sequence[int]) -> list[list[arb]]:
        return [[at(slopes[i].derivative(j), root.theta) for j in second] for i in first]

    own, outer = hessian(used, used), hessian(coupled, coupled)
    if not coupled:
        return [[-entry for entry in row] for row in own]
    if not definite(outer):
        return None
    mixed = arb_mat(hessian(coupled, used))
    pulled = mixed.transpose() * arb_mat(outer).solve(mixed)
    return [[pulled[i, j] - own[i][j] for j in range(len(used))] for i in range(len(used))]


def _components(form: Sequence[Sequence[arb]], rays: Sequence[Vector]) -> int | None:
    """In how many arcs the form is positive on the open cone of one or two rays; `None` if that may change under small errors."""
    if len(rays) > 2:
        return None
    values = [[_value(form, one, two) for two in rays] for one in rays]
    if any(values[k][k].contains(0) for k in range(len(rays))):
        return None
    if len(rays) == 1:
        return int(bool(values[0][0] > 0))
    first, second, mixed = values[0][0], values[1][1], values[0][1]
    if first * second < 0:
        return 1
    # q(r1 + t r2) = first + 2 mixed t + second t^2 for t > 0, both ends of one sign: a dip below zero, or a hump above it.
    turns = mixed if first < 0 else -mixed
    if turns < 0:
        return int(bool(first > 0))
    discriminant = mixed * mixed - first * second
    if discriminant < 0:
        return int(bool(first > 0))
    if not (turns > 0 and discriminant > 0):
        return None
    return 2 if first > 0 else 1


def _value(form: Sequence[Sequence[arb]], one: Vector, two: Vector) -> arb:
    return sum((a * b * form[i][j] for i, a in enumerate(one) for j, b in enumerate(two) if a and b), arb(0))
