"""Signs of quantities at a critical point: ball arithmetic of growing precision, then an exact test for zero (theory.md section 7).

Every verdict of the engine is the sign of one of two kinds of quantity: `e . z`, linear in the weighted residual z, or `|G_F r|^2 - lambda_a`, quadratic in it.
"""

from __future__ import annotations

from collections.abc import Sequence

from flint import arb, arb_mat, fmpq, fmpq_mat

from reluspec.engines.convex.exact import ZeroTest
from reluspec.engines.convex.geometry import Geometry
from reluspec.engines.convex.point import PRECISIONS, Enclosure, FaceSystem, enclose, working_precision


class CriticalPoint:
    """The optimum of the convex problem of a set of faces, all weights s positive: a proved point that can be asked for signs.

    `solve` makes one. The empty set of faces stands for the dead network, whose weighted residual is `W y`.
    """

    def __init__(self, system: FaceSystem, enclosure: Enclosure) -> None:
        self.system = system
        self.faces = system.faces
        self.geometry: Geometry = system.geometry
        self._enclosures = {enclosure.precision: enclosure}
        self._excess: dict[int, int | None] = {}
        self._zero_test: ZeroTest | None = None

    def enclosure(self, precision: int = PRECISIONS[0]) -> Enclosure | None:
        """Balls at that precision, refined from the first ones."""
        if precision not in self._enclosures:
            base = self._enclosures[PRECISIONS[0]]
            refined = enclose(self.system, base.g, base.s, precision)
            if refined is None:
                return None
            self._enclosures[precision] = refined
        return self._enclosures[precision]

    def sign(self, row: fmpq_mat) -> int | None:
        """The sign of `e . z` for an exact row e (1 x n); `None` when no layer can tell."""
        for precision in PRECISIONS:
            enclosure = self.enclosure(precision)
            if enclosure is None:
                return None
            with working_precision(precision + 32):
                value = (arb_mat(row) * enclosure.z)[0, 0]
            if value > 0:
                return 1
            if value < 0:
                return -1
        return self.zero_test.sign(self.zero_test.linear(row), self.enclosure)

    def excess(self, face: int) -> int | None:
        """The sign of `|G_F r|^2 - lambda_a` for a face; zero by construction for the faces of the set itself."""
        if face in self.faces:
            return 0
        if face not in self._excess:
            self._excess[face] = self._excess_sign(face)
        return self._excess[face]

    def _excess_sign(self, face: int) -> int | None:
        rows, norms = self.geometry.map(face), self.geometry.span(face).norms
        ridge = self.geometry.setting.ridge_output
        for precision in PRECISIONS:
            enclosure = self.enclosure(precision)
            if enclosure is None:
                return None
            with working_precision(precision + 32):
                g = arb_mat(rows) * enclosure.z
                value = sum((g[j, 0] * g[j, 0] / norm for j, norm in enumerate(norms)), arb(0)) - ridge
            if value > 0:
                return 1
            if value < 0:
                return -1
        return self.zero_test.sign(self.zero_test.excess(face), self.enclosure)

    def orientation(self, face: int) -> tuple[int, bool]:
        """On which side of the face's cone `G_F r` lies: `(sigma, known)`.

        sigma is the sign of the output weight for which the unit's direction lies in the (relatively open) face, 0 if neither does.
        """
        basis = self.geometry.map(face)
        norms = self.geometry.span(face).norms
        signs: set[int] = set()
        unknown = False
        for functional in self.geometry.facets(face):
            weights = fmpq_mat(1, len(norms), [entry / norm for entry, norm in zip(functional.entries(), norms, strict=True)])
            sign = self.sign(weights * basis)
            if sign is None:
                unknown = True
                continue
            signs.add(sign)
            if 0 in signs or len(signs) > 1:
                return 0, True
        return (0, False) if unknown else (signs.pop(), True)

    @property
    def zero_test(self) -> ZeroTest:
        if self._zero_test is None:
            self._zero_test = ZeroTest(self.system)
        return self._zero_test


def solve(geometry: Geometry, faces: tuple[int, ...], g: Sequence[arb], s: Sequence[arb]) -> CriticalPoint | None:
    """The critical point of a set of faces from an approximation of `g` and `s`; `None` where none can be proved."""
    system = FaceSystem(geometry, faces)
    if not faces:
        with working_precision(PRECISIONS[0] + 32):
            return CriticalPoint(system, Enclosure(PRECISIONS[0], (), (), arb_mat(geometry.metric_target)))
    enclosure = enclose(system, g, s, PRECISIONS[0])
    return None if enclosure is None else CriticalPoint(system, enclosure)


def dead_loss(geometry: Geometry) -> fmpq:
    """The loss of the dead network."""
    target = geometry.setting.target_column
    return (target.transpose() * geometry.metric_target)[0, 0] + geometry.setting.offset
