"""Signs of quantities at a critical point: ball arithmetic of growing precision, then an exact test for zero (theory.md section 7).

Every verdict of the engine is the sign of one of two kinds of quantity: `e . z`, linear in the weighted residual z, or `|G_F r|^2 -
lambda_a`, quadratic in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

from flint import arb, arb_mat, fmpq_mat

from reluspec.engines.convex.exact import Polynomial, ZeroTest
from reluspec.engines.convex.geometry import Geometry
from reluspec.engines.convex.point import PRECISIONS, Enclosure, FaceSystem, enclose, working_precision
from reluspec.isolation import Isolated


class CriticalPoint:
    """The optimum of the convex problem of a set of faces, all weights s positive: a proved point that can be asked for signs.

    `solve` makes one. The empty set of faces stands for the dead network, whose weighted residual is `W y`.
    """

    def __init__(self, system: FaceSystem, enclosure: Enclosure, helper: Isolated) -> None:
        self.system = system
        self._helper = helper
        self.faces = system.faces
        self.geometry: Geometry = system.geometry
        self._enclosures = {enclosure.precision: enclosure}
        self._excess: dict[int, int | None] = {}

    def enclosure(self, precision: int = PRECISIONS[0]) -> Enclosure | None:
        """Balls of that precision or a little more, refined from the first ones."""
        near = [known for known in self._enclosures if precision <= known <= 2 * precision]
        if near:
            return self._enclosures[min(near)]
        if precision not in self._enclosures:
            base = self._enclosures[PRECISIONS[0]]
            refined = enclose(self.system, base.g, base.s, precision)
            if refined is None:
                return None
            self._enclosures[precision] = refined
        return self._enclosures[precision]

    def sign(self, row: fmpq_mat) -> int | None:
        """The sign of `e . z` for an exact row e (1 x n); `None` when no layer can tell."""
        return self._decide(lambda z: (arb_mat(row) * z)[0, 0], lambda: self.zero_test.linear(row))

    def excess(self, face: int) -> int | None:
        """The sign of `|G_F r|^2 - lambda_a` for a face; zero by construction for the faces of the set itself."""
        if face in self.faces:
            return 0
        if face not in self._excess:
            self._excess[face] = self._decide(lambda z: excess_ball(self.geometry, face, z), lambda: self.zero_test.excess(face))
        return self._excess[face]

    def _decide(self, ball: Callable[[arb_mat], arb], polynomial: Callable[[], Polynomial]) -> int | None:
        """Balls first, the exact test where they keep containing zero; a tie with a plain reason is not looked at more closely."""
        for precision in PRECISIONS:
            enclosure = self.enclosure(precision)
            if enclosure is None:
                return None
            with working_precision(precision + 32):
                value = ball(enclosure.z)
            if not value.contains(0):
                return 1 if value > 0 else -1
            if precision == PRECISIONS[0] and self.zero_test.plainly_zero(polynomial(), enclosure, 0):
                return 0
        return self.zero_test.sign(polynomial(), self.enclosure)

    def orientation(self, face: int) -> tuple[int, bool]:
        """On which side of the face's cone `G_F r` lies: `(sigma, known)`.

        sigma is the sign of the output weight for which the unit's direction lies in the (relatively open) face, 0 if neither does.
        """
        norms = self.geometry.span(face).norms
        signs: set[int] = set()
        unknown = False
        for functional in self.geometry.facets(face):
            weights = fmpq_mat(1, len(norms), [entry / norm for entry, norm in zip(functional.entries(), norms, strict=True)])
            sign = self.sign(weights * self.geometry.map(face))
            if sign is None:
                unknown = True
                continue
            signs.add(sign)
            if 0 in signs or len(signs) > 1:
                return 0, True
        return (0, False) if unknown else (signs.pop(), True)

    @property
    def went_exact(self) -> bool:
        """Whether some sign needed the exact layer."""
        return "zero_test" in self.__dict__

    @cached_property
    def zero_test(self) -> ZeroTest:
        """The exact layer; built only for a point that has a tie."""
        return ZeroTest(self.system, self._helper)


def excess_ball(geometry: Geometry, face: int, z: arb_mat) -> arb:
    """`|G_F r|^2 - lambda_a` in balls."""
    g = arb_mat(geometry.map(face)) * z
    squares = (g[j, 0] * g[j, 0] / norm for j, norm in enumerate(geometry.span(face).norms))
    return sum(squares, arb(0)) - geometry.setting.ridge_output


def solve(geometry: Geometry, faces: tuple[int, ...], g: Sequence[arb], s: Sequence[arb], helper: Isolated) -> CriticalPoint | None:
    """The critical point of a set of faces from an approximation of `g` and `s`; `None` where none can be proved.

    `helper` runs the exact tests that may take long.
    """
    system = FaceSystem(geometry, faces)
    enclosure = enclose(system, g, s, PRECISIONS[0])
    return None if enclosure is None else CriticalPoint(system, enclosure, helper)
