"""The exact geometry as balls, face by face and precision by precision: made once, used by every critical point on that face."""

from __future__ import annotations

from dataclasses import dataclass

from flint import arb, arb_mat

from reluspec.engines.convex.geometry import Geometry


@dataclass(frozen=True)
class FaceBalls:
    """Of one face: its map H (k x n), `W H^T A^-1` (n x k), `H W y` (k), the inverse squared lengths (k)."""

    map: arb_mat
    response: arb_mat
    target: list[arb]
    inverse_norms: list[arb]


class BallGeometry:
    """Faces as balls, kept by precision."""

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry
        self._faces: dict[tuple[int, int], FaceBalls] = {}
        self._couplings: dict[tuple[int, int, int], list[list[arb]]] = {}
        self._metric_target: dict[int, arb_mat] = {}
        self._target: dict[int, arb_mat] = {}

    def face(self, face: int, precision: int) -> FaceBalls:
        """A face at the precision that ball arithmetic has now."""
        key = face, precision
        if key not in self._faces:
            geometry = self.geometry
            rows, norms = geometry.map(face), geometry.span(face).norms
            response = (geometry.setting.metric * rows.transpose()).tolist()
            exact = [entry / norm for row in response for entry, norm in zip(row, norms, strict=True)]
            self._faces[key] = FaceBalls(
                arb_mat(rows),
                arb_mat(geometry.points, len(norms), exact),
                [arb(entry) for entry in (rows * geometry.metric_target).entries()],
                [arb(1 / norm) for norm in norms],
            )
        return self._faces[key]

    def coupling(self, first: int, second: int, precision: int) -> list[list[arb]]:
        """`C A^-1` of two faces: the same pairs come up in many sets."""
        key = first, second, precision
        if key not in self._couplings:
            self._couplings[key] = (self.face(first, precision).map * self.face(second, precision).response).tolist()
        return self._couplings[key]

    def metric_target(self, precision: int) -> arb_mat:
        """`W y` (n x 1)."""
        if precision not in self._metric_target:
            self._metric_target[precision] = arb_mat(self.geometry.metric_target)
        return self._metric_target[precision]

    def target(self, precision: int) -> arb_mat:
        """`y` (1 x n)."""
        if precision not in self._target:
            self._target[precision] = arb_mat(1, self.geometry.points, [arb(value) for value in self.geometry.setting.target])
        return self._target[precision]
