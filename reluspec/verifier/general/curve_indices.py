"""The index along a curve of critical points, and what the curve adds to the sum (docs/audit.md, "Curves of critical points")."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

from flint import arb, ctx

from reluspec.regions.signs import Signs
from reluspec.verifier.claims import Outcome
from reluspec.verifier.forms import inertia
from reluspec.verifier.general.curves import adjacent_cells, is_critical, kink_slopes, sides
from reluspec.verifier.general.explore import Curve, Judged
from reluspec.verifier.general.indices import NoIndexError, index_of
from reluspec.verifier.general.motion import Motion, UnclearError
from reluspec.verifier.general.rotations import Rotation


def curve_share(curve: Curve, motion: Motion, strata: Container[Signs], bits: int) -> int:
    """The Euler characteristic with compact support of a curve, -1 if it is open and 0 if it is closed, times its index.

    Raises `NoIndexError`.
    """
    if curve.interval is None:
        raise NoIndexError("the ends of a curve are not known")
    with ctx.workprec(bits):
        index = _index(curve, motion, strata, bits)
    return -index if curve.interval.ends else 0


def _index(curve: Curve, motion: Motion, strata: Container[Signs], bits: int) -> int:
    """That of every point of the curve."""
    if curve.outcome is Outcome.PROVED:
        return 1
    found, root = curve.critical, curve.critical.root
    tight = {k for k, (switch, sign) in enumerate(root.surrogate.switches) if sign == 0 and switch != 0}
    if not motion.crosses(root) and (tight or not is_critical(root)):
        raise NoIndexError("a curve is found on a slice that it may touch")
    if tight & motion.own:
        if isinstance(motion, Rotation) and tight <= motion.own:
            return _turning(curve, motion)
        raise NoIndexError("kinks that turn meet others on a curve")
    if not all(motion.keeps(root.ring.surrogate(cell)) for cell in adjacent_cells(found.signs, sorted(tight))):
        raise NoIndexError("the loss beside a curve does not move into itself")
    ring = root.ring.plus(motion.slice_term(root))
    across = replace(root, ring=ring, surrogate=ring.surrogate(found.signs))
    # The square that is added across the slice is a coordinate more of the Hessian along the stratum.
    hessian = [[arb(2), *(arb(0) for _ in found.hessian)], *([arb(0), *row] for row in found.hessian)]
    return index_of(Judged(replace(found, root=across, hessian=hessian), Outcome.OPEN, ""), strata, bits)


def _turning(curve: Curve, motion: Rotation) -> int:
    """On kinks of the two units: slopes whose signs are the same all along, and the Hessian across the curve."""
    found = curve.critical
    try:
        slopes = [sides(found.root, plane, motion.vectors()) for plane in kink_slopes(found, motion)]
    except UnclearError as error:
        raise NoIndexError(str(error)) from None
    up, down = slopes[: len(slopes) // 2], slopes[len(slopes) // 2 :]
    if any(one * other < 0 for one, other in zip(up, down, strict=True)):
        return 0
    if 0 in slopes:
        raise NoIndexError("a one-sided slope may be zero on a curve")
    shape = inertia(found.hessian)
    if shape is None or found.multipliers:
        raise NoIndexError("a Hessian may be singular")
    # Each kink is one of either unit, so that its factor counts twice.
    return -1 if shape[1] % 2 else 1
