"""The exact geometry as balls, face by face and precision by precision: made once, used by every critical point on that face."""

from __future__ import annotations

from dataclasses import dataclass

from flint import arb, arb_mat, fmpq

from reluspec.engines.convex.geometry import Geometry


@dataclass(frozen=True)
class FaceBalls:
    """Of one face: rows of its map H (k x n), columns of `W H^T A^-1` (k x n, as rows), `H W y` (k), the inverse squared lengths (k)."""

    map: list[list[arb]]
    response: list[list[arb]]
    target: list[arb]
    inverse_norms: list[arb]


class BallGeometry:
    """Faces as balls, kept by precision."""

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry
        self._faces: dict[tuple[int, int], FaceBalls] = {}
        self._metric_target: dict[int, arb_mat] = {}
        self._target: dict[int, arb_mat] = {}

    def face(self, face: int, precision: int) -> FaceBalls:
        """A face at the precision that ball arithmetic has now."""
        key = face, precision
        if key not in self._faces:
            geometry = self.geometry
            rows, norms = geometry.map(face), geometry.span(face).norms
            inverse = [arb(1 / norm) for norm in norms]
            response = (rows * geometry.setting.metric).tolist()
            self._faces[key] = FaceBalls(
                _balls(rows.tolist()),
                [[arb(entry / norm) for entry in row] for row, norm in zip(response, norms, strict=True)],
                [arb(entry) for entry in (rows * geometry.metric_target).entries()],
                inverse,
            )
        return self._faces[key]

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


def _balls(rows: list[list[fmpq]]) -> list[list[arb]]:
    return [[arb(entry) for entry in row] for row in rows]
