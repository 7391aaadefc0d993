"""The rigorous outcome of one set of faces that the float screen left open (theory.md sections 4 and 7).

The residual of a set's convex problem is unique. So it is enough to find *one* subset T whose critical point is proved and which no other
face of the set exceeds: then that point's residual is the set's, and

- T is the whole set: a *vertex*, a point of the stratum if every direction lies in its face;
- some face of the rest stays strictly below lambda_a: the set has no critical point of its own;
- the rest attains lambda_a exactly: *tied*; whether the set has critical points depends on the other vertices with this residual
(`classes`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import combinations

import numpy as np
from flint import arb
from numpy.typing import NDArray

from reluspec.engines.convex.central_path import central_path, pulls
from reluspec.engines.convex.float_geometry import UNKNOWN, FloatGeometry, Floats
from reluspec.engines.convex.float_view import FloatView
from reluspec.engines.convex.geometry import Geometry
from reluspec.engines.convex.kernels import compiled_weights
from reluspec.engines.convex.oracle import CriticalPoint, solve
from reluspec.engines.convex.point import FaceSystem, from_floats
from reluspec.engines.convex.screen import Batch, Screened, screen
from reluspec.engines.convex.verdict import UndecidedSignError, UnitVerdict, unit_verdict
from reluspec.isolation import Isolated

BATCH = 1024
"""Sets whose optima are approximated at a time."""

NO_OPTIMUM = "no subset's optimum could be proved to be the optimum"
"""Why a set is undecided that a better starting point may help."""


class Outcome(Enum):
    """How a set of faces ends."""

    INACTIVE = "some unit would have to be dead"
    OUTSIDE = "a direction lies outside its face"
    MIXED = "not critical in Clarke's sense"
    TIED = "tied"
    VERTEX = "critical in Clarke's sense"
    UNDECIDED = "undecided"


PROVED = {
    int(Screened.INACTIVE): Outcome.INACTIVE,
    int(Screened.OUTSIDE): Outcome.OUTSIDE,
    int(Screened.MIXED): Outcome.MIXED,
}
"""What a screened set is decided as."""


@dataclass(frozen=True)
class Decision:
    """The outcome of a set.

    `base` is the subset whose critical point proves it, `units` the verdicts of a vertex, `reason` says why it is undecided.
    """

    faces: tuple[int, ...]
    outcome: Outcome
    base: tuple[int, ...] = ()
    units: tuple[UnitVerdict, ...] = ()
    reason: str = ""


class Decider:
    """Decides sets one by one; critical points are kept, since subsets come up again and again."""

    def __init__(self, geometry: Geometry, floats: FloatGeometry, helper: Isolated | None = None) -> None:
        self.geometry = geometry
        self.helper = helper or Isolated()
        self.floats = floats
        self._points: dict[tuple[int, ...], CriticalPoint | None] = {}
        self._decisions: dict[tuple[int, ...], Decision] = {}
        self._views: dict[tuple[int, ...], FloatView] = {}
        self._starts: dict[tuple[int, ...], tuple[Floats, Floats]] = {}
        self._sure_starts: dict[tuple[int, ...], tuple[list[arb], list[arb]]] = {}

    def prepare(self, sets: Sequence[tuple[int, ...]]) -> None:
        """Work on many sets at once in floats: what NumPy's enclosure proves is decided, the others get their starting points.

        Sets some of whose weights vanish will need their subsets: these come along.
        """
        self._float_pass(sets)
        open_sets = [faces for faces in sets if faces not in self._decisions and not (self._starts[faces][1] > 0).all()]
        self._float_pass(sorted({subset for faces in open_sets for subset in _subsets(faces) if 0 < len(subset) < len(faces)}))

    def _float_pass(self, sets: Sequence[tuple[int, ...]]) -> None:
        by_size: dict[int, list[tuple[int, ...]]] = {}
        for faces in sets:
            if faces not in self._decisions and faces not in self._starts:
                by_size.setdefault(len(faces), []).append(faces)
        for alike in by_size.values():
            for start in range(0, len(alike), BATCH):
                batch = alike[start : start + BATCH]
                found = _enclosed(self.floats, np.array(batch, dtype=np.int64))
                for faces, screened, q, s in zip(batch, found.outcome.tolist(), found.q, found.s, strict=True):
                    if screened in PROVED:
                        self._decisions[faces] = Decision(faces, PROVED[screened])
                    self._starts[faces] = q, s

    def view(self, point: CriticalPoint) -> FloatView:
        """A proved point in floats."""
        if point.faces not in self._views:
            enclosure = point.enclosure()
            assert enclosure is not None
            self._views[point.faces] = FloatView(self.floats, enclosure.z)
        return self._views[point.faces]

    def point(self, faces: tuple[int, ...]) -> CriticalPoint | None:
        """The proved critical point of a set with all weights positive, if there is one and it can be proved."""
        known = self._decisions.get(faces)
        if known is not None and known.outcome is Outcome.INACTIVE:
            return None
        if faces not in self._points:
            self._points[faces] = solve(self.geometry, faces, *self._approximation(faces), self.helper)
        return self._points[faces]

    def _approximation(self, faces: tuple[int, ...]) -> tuple[list[arb], list[arb]]:
        if not faces:
            return [], []
        if faces in self._sure_starts:
            return self._sure_starts[faces]
        if faces not in self._starts:
            self._float_pass([faces])
        q, s = self._starts[faces]
        return self._unwhitened(faces, q), self._weights(s)

    def decide(self, faces: tuple[int, ...]) -> Decision:
        """The outcome of a set of distinct, living faces (sorted)."""
        if faces not in self._decisions:
            self._decisions[faces] = self._decide(faces)
        return self._decisions[faces]

    def remember(self, decision: Decision) -> None:
        """Take over a decision, of an earlier run for example."""
        self._decisions[decision.faces] = decision

    def by_algebra(self, within: tuple[int, ...] | None = None) -> set[tuple[int, ...]]:
        """The points (of the subsets of a set of faces, or all) that ball arithmetic was not enough for, by their faces."""
        points = ((faces, self._points.get(faces)) for faces in (self._points if within is None else _subsets(within)))
        return {faces for faces, point in points if point is not None and point.went_exact}

    def _unwhitened(self, faces: tuple[int, ...], q: NDArray[np.float64]) -> list[arb]:
        """`g = A^1/2 q` from floats q (m x k, padded)."""
        scale = arb(2) ** self.floats.q_exponent
        g = []
        for k, face in enumerate(faces):
            norms = self.geometry.span(face).norms
            g += [value * arb(norm).sqrt() * scale for value, norm in zip(from_floats(list(q[k])), norms, strict=False)]
        return g

    def _weights(self, s: NDArray[np.float64]) -> list[arb]:
        scale = arb(2) ** self.floats.s_exponent
        return [value * scale for value in from_floats(list(s))]

    def _decide(self, faces: tuple[int, ...]) -> Decision:
        decision = self._by_subsets(faces)
        if decision.reason == NO_OPTIMUM and self._start_surely(faces):
            return self._by_subsets(faces)
        return decision

    def _start_surely(self, faces: tuple[int, ...]) -> bool:
        """Find better starting points for the subsets whose critical points could not be proved; whether there are any."""
        weights = central_path(FaceSystem(self.geometry, faces))
        if weights is None:
            return False
        unproved = [base for base in _subsets(faces) if base and self._points.get(base) is None]
        for base in unproved:
            self._points.pop(base, None)
            s = [weights[faces.index(face)] for face in base]
            self._sure_starts[base] = pulls(FaceSystem(self.geometry, base), s), s
        return bool(unproved)

    def _by_subsets(self, faces: tuple[int, ...]) -> Decision:
        reason = NO_OPTIMUM
        for base in _subsets(faces):
            point = self.point(base)
            if point is None:
                continue
            signs = [self._excess(point, face) for face in faces if face not in base]
            if any(sign is not None and sign > 0 for sign in signs):
                continue
            if None in signs:
                reason = "a unit may or may not be able to live (a tie that the exact test could not decide)"
                continue
            if base == faces:
                return self._vertex(point)
            return Decision(faces, Outcome.INACTIVE if any(sign == -1 for sign in signs) else Outcome.TIED, base)
        return Decision(faces, Outcome.UNDECIDED, reason=reason)

    def _excess(self, point: CriticalPoint, face: int) -> int | None:
        """The sign of `|G_F r|^2 - lambda_a` for a face outside the point's own: from floats, or else exactly."""
        return int(self.view(point).against_ridge[0][face]) or point.excess(face)

    def _vertex(self, point: CriticalPoint) -> Decision:
        faces = point.faces
        view = self.view(point)
        known_sides = view.against_ridge[1]
        sides = [(int(known_sides[face]), True) if known_sides[face] != UNKNOWN else point.orientation(face) for face in faces]
        if any(known and side == 0 for side, known in sides):
            return Decision(faces, Outcome.OUTSIDE, faces)
        if not all(known for _, known in sides):
            return Decision(faces, Outcome.UNDECIDED, faces, reason="a direction may lie on the boundary of its face")
        try:
            units = tuple(unit_verdict(point, view, face, side) for face, (side, _) in zip(faces, sides, strict=True))
        except UndecidedSignError as error:
            return Decision(faces, Outcome.UNDECIDED, faces, reason=str(error))
        outcome = Outcome.VERTEX if all(unit.clarke for unit in units) else Outcome.MIXED
        return Decision(faces, outcome, faces, units)


def _enclosed(floats: FloatGeometry, sets: NDArray[np.int64]) -> Batch:
    """NumPy's enclosures, from the compiled kernel's weights where those are good enough to prove something: it has them sooner."""
    weights = compiled_weights(floats, sets)
    if weights is None:
        return screen(floats, sets)
    found = screen(floats, sets, weights)
    left = np.flatnonzero(found.outcome == Screened.UNDECIDED)
    if len(left):
        again = screen(floats, sets[left])
        for kept, better in ((found.outcome, again.outcome), (found.q, again.q), (found.s, again.s)):
            kept[left] = better
    return found


def _subsets(faces: tuple[int, ...]) -> Iterable[tuple[int, ...]]:
    """All subsets, the whole set first: the likeliest answer costs least."""
    for size in range(len(faces), -1, -1):
        yield from combinations(faces, size)
