"""What moves the critical points of a stratum along curves: a symmetry of its loss, a slice that meets every curve once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from flint import arb

from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs
from reluspec.verifier.general.lagrange import System
from reluspec.verifier.general.refine import Critical
from reluspec.verifier.raw import Polynomial, Root, Surrogate, at


class UnclearError(Exception):
    """Something about a curve is not decided; the message says what."""


@dataclass(frozen=True)
class End:
    """A point in the closure of a curve, and its stratum, another one."""

    signs: Signs
    theta: tuple[arb, ...]


@dataclass(frozen=True)
class Interval:
    """The ends of a curve: none for a closed one or a line, one for a ray (whose `direction` is then 1 or -1), two for a bounded one."""

    ends: tuple[End, ...]
    direction: int = 0


class Motion(Protocol):
    """A one-parameter group that keeps the loss of a stratum, and all switches but some, which are `own`."""

    signs: Signs
    nonempty: bool
    """Whether every curve of the systems is known to meet the stratum."""

    @property
    def own(self) -> set[int]:
        """The switches that are not kept."""

    def keeps(self, cell: Surrogate) -> bool:
        """Whether it keeps loss and switches of a cell that differs in other signs than its own."""

    def systems(self) -> list[System]:
        """Systems that hold a point of every curve of critical points in the stratum, each curve's once."""

    def sharp(self, found: Critical) -> Root:
        """The root of one of them with all that the motion tells about it exactly."""

    def moves(self, root: Root) -> bool:
        """Whether a solution of one of these is on a curve, not a point that stands still."""

    def field(self, theta: Sequence[arb]) -> list[arb]:
        """The direction in which a point moves."""

    def crosses(self, root: Root) -> bool:
        """Whether a critical point of the loss on the root's slice is one of the stratum."""

    def slice_term(self, root: Root) -> Polynomial:
        """What, added to the loss, changes nothing on the root's slice and rises across it."""

    def normal(self, theta: Sequence[arb], like: Sequence[arb]) -> list[arb] | None:
        """Where the curve through a point meets the slice that holds `like`; `None` if that is not known."""

    def near(self, like: Sequence[arb], theta: Sequence[arb]) -> list[arb] | None:
        """A point of the curve through `like`, a point of a slice, near the midpoints of `theta`."""

    def contains(self, theta: Sequence[arb]) -> bool | None:
        """Whether a point of a curve has the stratum's signs of its own switches; `None` if that is not known."""

    def interval(self, root: Root) -> Interval | None:
        """What the stratum leaves of the root's curve, `None` for nothing. Raises `UnclearError`."""


def exact_sign(root: Root, polynomial: Polynomial) -> int:
    """The sign of a polynomial at a point. Raises `UnclearError`."""
    value = at(polynomial, root.theta)
    if value > 0 or value < 0:
        return 1 if value > 0 else -1
    if root.is_zero(polynomial):
        return 0
    raise UnclearError("a number that may be zero decides where a curve ends")


def fitting_step(here: Sequence[arb], slopes: Sequence[arb], wanted: Sequence[arb]) -> arb:
    """How far a point has to move, to first order, so that all its coordinates are in the wanted balls: the middle of what they leave."""
    low, high = arb("-inf"), arb("inf")
    for value, slope, ball in zip(here, slopes, wanted, strict=True):
        if slope.contains(0):
            continue
        one, two = sorted(((bound - value.mid()) / slope.mid() for bound in (ball.lower(), ball.upper())), key=float)
        low, high = max(low, one.mid(), key=float), min(high, two.mid(), key=float)
    # An exact coordinate leaves one place only.
    return ((low + high) / 2).mid() if low < high and low.is_finite() and high.is_finite() else arb(0)


def motion_of(problem: Problem, signs: Signs) -> Motion | None:
    """The motion of a stratum's critical points, where there is one."""
    from reluspec.verifier.general.rotations import Rotation, candidates
    from reluspec.verifier.general.translations import translations

    for units in candidates(problem, signs):
        found = Rotation(problem, signs, units)
        if found.holds():
            return found
    lines = list(islice(translations(problem, signs), 2))
    # With two of them critical points come in planes.
    return lines[0] if len(lines) == 1 else None
