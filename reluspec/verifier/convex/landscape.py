"""Every critical stratum of a problem in the setting, re-derived: sets of faces are excluded or lead to a point, points form classes.

A set S of faces stands for the strata whose living units are on exactly these faces. Its critical points have one weighted residual z*
(`duality`). With that go the signs of all slopes, hence index and minimality (theory.md sections 4 and 8). Several sets may share z*: the
weights then form the relative interior of a polytope whose vertices are sets with linearly independent outputs.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from itertools import chain, combinations, islice
from math import comb

import numpy as np
from flint import arb, arb_mat, ctx
from numpy.typing import NDArray

from reluspec.verifier.convex.classes import Class, Faces, Landscape, Polytope, UnitVerdict
from reluspec.verifier.convex.duality import ARGUMENTS, Duality
from reluspec.verifier.convex.geometry import DEAD, Geometry
from reluspec.verifier.convex.points import Point

BATCH = 4096
CLOSE = 1e-4
"""Float residuals this close (relatively) may be one; the exact tests decide."""
MAX_SUBSETS = 200_000
"""Most sets that are looked at within one class."""


class Survey:
    """Visits the sets of at most L faces by size; `sample` (per size) and `deadline` (monotonic seconds) limit the visits."""

    def __init__(self, geometry: Geometry, units: int, bits: int, sample: int | None = None, deadline: float | None = None) -> None:
        self.geometry = geometry
        self.units = min(units, len(geometry) - 1)
        self.bits = bits
        self.sample = sample
        self.deadline = deadline
        self.duality = Duality(geometry)
        self.found = Landscape(geometry, units)
        self.points: dict[Faces, Point] = {}
        self.vertices: dict[Faces, Point] = {}
        self._float: dict[Faces, tuple[list[float], NDArray[np.float64]]] = {}
        self._visited: set[Faces] = set()

    def run(self, wanted: Sequence[Faces] = ()) -> Landscape:
        """`wanted` are sets that a sample must not leave out, nor their subsets."""
        self._judge((), [], self.duality.start)
        closed = {subset for faces in wanted for size in range(1, len(faces) + 1) for subset in combinations(sorted(faces), size)}
        for size in range(1, self.units + 1):
            for sets in self._batches(size, sorted(faces for faces in closed if len(faces) == size)):
                self._screen(sets)
        if self.found.unvisited:
            self._complete_classes()
        self._classes()
        return self.found

    def _screen(self, sets: NDArray[np.int64]) -> None:
        screened, size = self.duality.screen(sets), sets.shape[1]
        for position, name in enumerate(ARGUMENTS):
            self.found.excluded[size, name] += int((screened.argument == position).sum())
        for k in np.flatnonzero(screened.argument < 0):
            self._judge(tuple(int(face) for face in sets[k]), list(screened.weights[k]), screened.z[k])

    def _batches(self, size: int, wanted: Sequence[Faces]) -> Iterator[NDArray[np.int64]]:
        """All sets of that size; or the wanted ones and a random sample, the same in every run."""
        count, total = len(self.geometry) - 1, comb(len(self.geometry) - 1, size)
        source: Iterator[Faces] = combinations(range(1, count + 1), size)
        if self.sample is not None and total > self.sample + len(wanted):
            generator = random.Random(size)
            chosen = {tuple(sorted(generator.sample(range(1, count + 1), size))) for _ in range(self.sample)} | set(wanted)
            self._visited |= chosen
            source = iter(sorted(chosen))
        elif self.deadline is not None:
            self._visited |= set(wanted)
            source = chain(wanted, (faces for faces in source if faces not in self._visited))
        done = 0
        while chunk := list(islice(source, BATCH)):
            done += len(chunk)
            yield np.array(chunk, dtype=np.int64)
            if self.deadline is not None and time.monotonic() > self.deadline:
                break
        if done < total:
            self.found.unvisited[size] += total - done

    def _complete_classes(self) -> None:
        """Visit what a sample left out of the classes it met: the sets of faces that attain mu at a vertex."""
        for point in list(self.vertices.values()):
            near = [face for face in self._near(point) if point.excess(face) in (0, None) and point.side(face) != 0]
            for size in range(1, self.units + 1):
                sets = [faces for faces in combinations(near, size) if faces not in self._visited and faces not in self._float]
                if size in self.found.unvisited and sets:
                    self._visited |= set(sets)
                    self.found.unvisited[size] -= len(sets)
                    self._screen(np.array(sets, dtype=np.int64))

    # One set

    def _judge(self, faces: Faces, start: list[float], z: NDArray[np.float64]) -> None:
        """Exclude a set, make it a vertex, or leave it to the classes of its subsets."""
        self._float[faces] = (start, z)
        alike = self._alike(faces, z)
        if any(self._as_subset(faces, subset) for subset in alike):
            return
        point = self._point(faces)
        if point is not None and all(weight > 0 for weight in point.s or []):
            self._settle(faces, point, faces)
        # Floats may have stopped short of the optimum, so that no subset looked alike: try them all.
        elif not any(self._as_subset(faces, subset) for subset in self._subsets(faces) if subset not in alike):
            self.found.open[faces] = "its weights could not be enclosed" if point is None else "some weight may be zero"

    def _as_subset(self, faces: Faces, subset: Faces) -> bool:
        """Settle a set whose optimum is a subset's: the subset's residual is feasible for all faces. False if that is not proved."""
        point = self._point(subset)
        signs = [point.excess(face) for face in faces if face not in subset] if point is not None else [None]
        if point is None or None in signs or 1 in signs:
            return False
        if -1 in signs:
            self.found.excluded[len(faces), "inactive"] += 1
        else:
            self._settle(faces, point, subset)
        return True

    def _settle(self, faces: Faces, point: Point, root: Faces) -> None:
        sides = [point.side(face) for face in faces]
        if 0 in sides:
            self.found.excluded[len(faces), "outside"] += 1
        elif None in sides:
            self.found.open[faces] = "a direction may lie on the boundary of its face"
        elif root == faces:
            self.vertices[faces] = point
        else:
            self.found.attached[faces] = root

    def _alike(self, faces: Faces, z: NDArray[np.float64]) -> list[Faces]:
        """Proper subsets whose float residual is the same, smallest first."""
        scale = CLOSE * (1 + float(np.abs(z).max(initial=0)))
        return [subset for subset in self._subsets(faces) if np.abs(self._float[subset][1] - z).max(initial=0) <= scale]

    def _subsets(self, faces: Faces) -> list[Faces]:
        """All proper subsets, smallest first, their float optima known."""
        found: list[Faces] = [()] if faces else []
        for size in range(1, len(faces)):
            subsets = list(combinations(faces, size))
            missing = [subset for subset in subsets if subset not in self._float]
            if missing:
                screened = self.duality.screen(np.array(missing, dtype=np.int64))
                self._float.update({one: (list(w), r) for one, w, r in zip(missing, screened.weights, screened.z, strict=True)})
            found.extend(subsets)
        return found

    def _point(self, faces: Faces) -> Point | None:
        if faces not in self.points:
            point = Point(self.geometry, faces, self._float[faces][0], self.bits)
            if not point.feasible or point.s is None or not point.radius < arb(2) ** (-self.bits // 8):
                return None
            self.points[faces] = point
        return self.points[faces]

    # Classes

    def _classes(self) -> None:
        for group in self._grouped():
            try:
                self.found.classes.append(self._class(group))
            except _OpenError as reason:
                self.found.open.update({faces: str(reason) for faces in group})
        critical = {polytope.faces for home in self.found.classes for polytope in home.polytopes}
        for faces, root in self.found.attached.items():
            # The polytope of the weights has vertices among the faces of smaller sets; if these are not all faces, some weight is zero.
            if faces not in critical and root in self.found.open:
                self.found.open[faces] = f"it shares the residual of {self._name(root)}: {self.found.open[root]}"
            elif faces not in critical:
                self.found.excluded[len(faces), "unneeded"] += 1

    def _grouped(self) -> list[list[Faces]]:
        """Vertices with one residual, exactly: each is feasible for the other's faces."""
        groups: list[list[Faces]] = []
        heads = np.zeros((len(self.vertices), self.geometry.points))
        for faces, point in self.vertices.items():
            z = np.array([float(entry) for entry in point.z])
            near = np.abs(heads[: len(groups)] - z).max(axis=1, initial=0) <= CLOSE * (1 + np.abs(z).max(initial=0))
            home = None
            for group in (groups[int(k)] for k in np.flatnonzero(near)):
                other = self.vertices[group[0]]
                if all(a.overlaps(b) for a, b in zip(point.residual, other.residual, strict=True)):
                    signs = [other.excess(face) for face in faces] + [point.excess(face) for face in group[0]]
                    if all(sign in (0, -1) for sign in signs):
                        home = group
                    else:
                        self.found.open[faces] = f"its residual may be that of {self._name(group[0])}"
                    break
            if home is not None:
                home.append(faces)
            elif faces not in self.found.open:
                heads[len(groups)] = z
                groups.append([faces])
        return groups

    def _name(self, faces: Faces) -> str:
        return "|".join(self.geometry.names[face] for face in faces)

    def _class(self, group: list[Faces]) -> Class:
        points = {faces: self.vertices[faces] for faces in group}
        units = {face: self._unit(points[faces], face) for faces in group for face in faces}
        minimal, index = self._dead(points[group[0]])
        return Class(points, units, list(self._polytopes(points)), minimal, index)

    def _unit(self, point: Point, face: int) -> UnitVerdict:
        geometry = self.geometry
        sigma = point.side(face)
        assert sigma
        falling = []
        for cover in geometry.local(face).covers:
            sign = point.sign(cover.form)
            if sign is None:
                raise _OpenError(f"the slope from {geometry.names[face]} towards {geometry.names[cover.face]} may be zero")
            if sigma * sign > 0:
                falling.append(cover.face)
        index = 1 - geometry.characteristic(falling, face)
        return UnitVerdict(sigma, not falling, index, geometry.is_simple(face))

    def _dead(self, point: Point) -> tuple[bool, int]:
        """Whether no direction exceeds mu, and `1 - chi(U+) - chi(U-)`."""
        exceeding: dict[int, list[int]] = {1: [], -1: []}
        largest = False
        for face in self._near(point):
            sign = point.excess(face)
            if sign is None:
                raise _OpenError(f"the direction of face {self.geometry.names[face]} may attain lambda")
            if sign <= 0:
                continue
            side = point.side(face)
            if side is None:
                raise _OpenError(f"the direction of face {self.geometry.names[face]} may lie on its boundary")
            if side:
                exceeding[side].append(face)
                largest = True
        chi = sum(self.geometry.characteristic(seeds, DEAD) for seeds in exceeding.values())
        return not largest, 1 - chi

    def _near(self, point: Point) -> list[int]:
        """The faces but those that floats prove to stay below mu (`duality`'s bounds)."""
        duality = self.duality
        z = np.array([float(entry) for entry in point.z])
        # The float z is within rounding of the midpoint; the radius is far smaller than that.
        drift = 4e-16 * float(np.linalg.norm(z / np.sqrt(duality.omega))) + float(point.radius.upper()) + 1e-300
        faces = np.arange(1, len(self.geometry))[None, :]
        upper = duality.norms(faces, duality.maps[faces], z[None, :])[0] + duality.map_dual[faces[0]] * drift * (1 + 1e-9)
        return [int(face) for face in faces[0][~(upper < duality.mu * (1 - 1e-12))]]

    def _polytopes(self, points: dict[Faces, Point]) -> Iterator[Polytope]:
        vertices = list(points)
        union = sorted(set().union(*vertices))
        if sum(comb(len(union), size) for size in range(self.units + 1)) > MAX_SUBSETS:
            raise _OpenError("too many sets share one residual")
        for size in range(self.units + 1):
            for subset in combinations(union, size):
                inside = tuple(vertex for vertex in vertices if set(vertex) <= set(subset))
                if inside and set().union(*inside) == set(subset):
                    yield Polytope(subset, self._dimension(points, subset, inside), inside)

    def _dimension(self, points: dict[Faces, Point], faces: Faces, vertices: tuple[Faces, ...]) -> int:
        """Squeezed between the affine rank of the vertices and the number of faces minus the rank of their outputs."""
        if len(vertices) == 1:
            return 0
        with ctx.workprec(self.bits):
            weights = [dict(zip(vertex, points[vertex].s or [], strict=True)) for vertex in vertices]
            rows = [[one.get(face, arb(0)) - weights[0].get(face, arb(0)) for face in faces] for one in weights[1:]]
            point = points[vertices[0]]
            low = _rank(rows)
            high = len(faces) - _rank([point.weighted_ball(point.output(face)) for face in faces])
        if low != high:
            raise _OpenError("the dimension of the weights could not be proved")
        return low


class _OpenError(Exception):
    """Something about a class could not be proved."""


def _rank(rows: list[list[arb]]) -> int:
    """A proved lower bound: the largest independent subset found greedily has a Gram matrix that provably has an inverse."""
    chosen: list[list[arb]] = []
    for row in rows:
        trial = [*chosen, row]
        gram = [[sum((a * b for a, b in zip(one, two, strict=True)), arb(0)) for two in trial] for one in trial]
        if not arb_mat(gram).det().contains(0):
            chosen = trial
    return len(chosen)
