"""Are all points of a curve of critical points minima? From its point on a slice: the motion carries verdicts along.

Let the loss on all adjacent cells, and the switches that are zero, be kept by the motion: then so is the loss near the curve, the strict
switches' sides being what they are on the stratum. A point is a minimum if it is one on a slice across the curve, and that holds at all
points if it does at one. On the slice the loss is as it is with a square added that rises across the slice.

Kinks of two units that rotate are not kept. With no others at zero, the slope into a side of such a kink depends on that unit and side
alone: by the chain rule a unit's output counts with the same factor on both sides, and what comes later has no kink there. So the slopes
of both units into one side of a point's kinks form a vector, which turns as the vectors `s (h, h')` of the strict switches do, which the
arc keeps in the open quadrant. If it is a positive combination of these its entries are positive all along the arc. If its scalar
product with one of them is not positive it has a negative entry at every point of the arc.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from itertools import product

from flint import arb, ctx, fmpq, fmpq_mat

from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs
from reluspec.verifier.claims import Outcome
from reluspec.verifier.forms import inertia
from reluspec.verifier.general.judge import bends
from reluspec.verifier.general.motion import Motion, UnclearError, exact_sign
from reluspec.verifier.general.refine import Critical
from reluspec.verifier.general.rotations import Plane, Rotation, Turn, turns
from reluspec.verifier.general.translations import translations
from reluspec.verifier.local_minimum import Elsewhere, Verdict, local_minimum
from reluspec.verifier.raw import Polynomial, Ring, Root, at, definite, kernel, linear_row

MAX_CELLS = 256
NEGATIVE = Outcome.REFUTED, "the Hessian has a negative direction along the stratum"
OPEN = "whether all points of a curve are minima is not decided"
MINIMA = Outcome.PROVED, "a curve of minima: the loss near it moves into itself, and across it every point is a strict minimum"
TURNING = Outcome.PROVED, "a curve of minima: slopes into the kinks that turn are positive all along it, and so is the Hessian across it"
FALLING = Outcome.REFUTED, "at every point of a curve the loss falls into a kink that turns along it"


def curve_judged(problem: Problem, found: Critical, motion: Motion, strata: Container[Signs], bits: int) -> Verdict:
    """The verdict on all points of the curve through a critical point of a slice."""
    root = found.root
    with ctx.workprec(bits):
        shape = inertia(found.hessian)
        if (shape is not None and shape[1] > found.multipliers) or (found.signs.is_cell and bends(root)):
            return NEGATIVE
        if not motion.moves(root):
            return Outcome.OPEN, "whether a point that its symmetry keeps is a minimum is not decided"
        crosses = motion.crosses(root)
        if not crosses and not is_critical(root):
            return Outcome.OPEN, OPEN
        tight = {k for k, (switch, sign) in enumerate(root.surrogate.switches) if sign == 0 and switch != 0}
        if tight & motion.own:
            turning = isinstance(motion, Rotation) and tight <= motion.own and crosses
            return _kinks(found, motion, shape) if turning else (Outcome.OPEN, OPEN)  # type: ignore[arg-type]
        if not all(motion.keeps(root.ring.surrogate(cell)) for cell in adjacent_cells(found.signs, sorted(tight))):
            return Outcome.OPEN, OPEN
        across = replace(root, ring=root.ring.plus(motion.slice_term(root)))
        verdict = local_minimum(problem, found.signs, across, strata, found.codimension - 1 if crosses else None)
        return MINIMA if verdict[0] is Outcome.PROVED else verdict


def is_critical(root: Root) -> bool | None:
    """Whether a point of a slice that the curve may touch is a critical point of the stratum; `None` if that is not known."""
    tight = [switch for switch, sign in root.surrogate.switches if sign == 0 and switch != 0]
    if any(switch.total_degree() > 1 for switch in tight):
        return None
    size = root.ring.size
    found: bool | None = True
    for vector in kernel([linear_row(switch, size) for switch in tight], size):
        slope = sum((root.surrogate.loss.derivative(k) * entry for k, entry in enumerate(vector) if entry), root.ring.constant(0))
        if not at(slope, root.theta).contains(0):
            return False
        found = found if root.is_zero(slope) else None
    return found


def adjacent_cells(signs: Signs, tight: Sequence[int]) -> Iterator[Signs]:
    """The strata in which these switches have either sign."""
    for choice in product("+-", repeat=len(tight)):
        flat = list(signs.all)
        for k, sign in zip(tight, choice, strict=True):
            flat[k] = sign
        yield signs.reshaped("".join(flat))


def _kinks(found: Critical, motion: Rotation, shape: tuple[int, int] | None) -> Verdict:
    """An arc on kinks of the two units."""
    vectors = motion.vectors()
    try:
        sides = [_side(found.root, slopes, vectors) for slopes in kink_slopes(found, motion)]
    except UnclearError:
        return Outcome.OPEN, OPEN
    if -1 in sides:
        return FALLING
    flat = not found.multipliers and shape == (len(found.hessian), 0)
    return TURNING if flat and sides and all(side == 1 for side in sides) else (Outcome.OPEN, OPEN)


def kink_slopes(found: Critical, motion: Rotation) -> Iterator[Plane]:
    """The slopes of the two units into either side of each kink. Raises `UnclearError` where kinks are curved or dependent."""
    root = found.root
    pairs = [pair for pair in motion.twins if root.surrogate.switches[pair[0]][1] == 0]
    positions = [k for pair in pairs for k in pair]
    duals = _duals([root.surrogate.switches[k][0] for k in positions], root.ring)
    for sign, side in (("+", 1), ("-", -1)):
        flat = [sign if k in positions else own for k, own in enumerate(found.signs.all)]
        cell = root.ring.surrogate(found.signs.reshaped("".join(flat)))
        if not motion.keeps(cell):
            raise UnclearError("the loss on one side of a kink does not turn")
        loss = cell.loss
        slopes = [
            sum((loss.derivative(k) * (entry * side) for k, entry in enumerate(dual) if entry), root.ring.constant(0)) for dual in duals
        ]
        yield from zip(slopes[::2], slopes[1::2], strict=True)


def _duals(switches: Sequence[Polynomial], ring: Ring) -> list[list[fmpq]]:
    """For every switch a direction in which it grows with slope 1, and the others stay."""
    if any(switch.total_degree() > 1 for switch in switches):
        raise UnclearError("kinks are curved")
    rows = fmpq_mat([linear_row(switch, ring.size) for switch in switches])
    gram = rows * rows.transpose()
    if gram.det() == 0:
        raise UnclearError("kinks are dependent")
    return [[fmpq(entry) for entry in row] for row in (gram.inv() * rows).tolist()]


def sides(root: Root, slopes: Plane, vectors: Sequence[Plane]) -> int:
    """1 if both slopes are positive all along the arc, -1 if both are negative, 0 if neither is known. Raises `UnclearError`."""
    return 1 if _side(root, slopes, vectors) == 1 else -1 if _side(root, (-slopes[0], -slopes[1]), vectors) == 1 else 0


def _side(root: Root, slopes: Plane, vectors: Sequence[Plane]) -> int:
    """1 if both slopes are positive all along the arc, -1 if one of them is negative everywhere, 0 if neither is known."""
    if any(exact_sign(root, slopes[0] * one + slopes[1] * two) <= 0 for one, two in vectors):
        still = all(exact_sign(root, slope) == 0 for slope in slopes)
        return 0 if still else -1
    turns = {exact_sign(root, one * slopes[1] - two * slopes[0]) for one, two in vectors}
    return 1 if 0 in turns or turns == {1, -1} else 0


def turning(loss: Polynomial, turn: Sequence[Turn], root: Root) -> list[arb] | None:
    """The direction of a rotation at a point, if a loss does not change along it."""
    gens = root.ring.gens
    if sum(((gens[q] * loss.derivative(p) - gens[p] * loss.derivative(q)) * sense for p, q, sense in turn), loss * 0) != 0:
        return None
    found = [arb(0)] * root.ring.size
    for p, q, sense in turn:
        found[p], found[q] = root.theta[q] * sense, -root.theta[p] * sense
    return found


def along_symmetries(problem: Problem, root: Root) -> Elsewhere:
    """Whether a cell's polynomial has a minimum at the point, as one of the points to which the polynomial's symmetries move it.

    Its gradient has to be zero, and its Hessian positive across these points (Morse and Bott): positive definite with the squares of the
    symmetries' directions added.
    """

    def minimal(signs: Signs, loss: Polynomial) -> bool:
        size = root.ring.size
        slopes = [loss.derivative(k) for k in range(size)]
        if not all(root.is_zero(one) for one in slopes):
            return False
        fields = [line.field(root.theta) for line in translations(problem, signs)]
        fields += [field for turn in turns(problem) if (field := turning(loss, turn, root)) is not None]
        hessian = [[at(one.derivative(k), root.theta) for k in range(size)] for one in slopes]
        return definite([[hessian[i][j] + sum((f[i] * f[j] for f in fields), arb(0)) for j in range(size)] for i in range(size)])

    return minimal
