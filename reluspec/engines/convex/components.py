"""From residual classes to the records of the map: critical strata, components, witnesses, families, certificates."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from math import prod
from typing import Any

from flint import arb, arb_mat, fmpq

from reluspec.engines.convex.classes import Polytope, ResidualClass, direction
from reluspec.engines.convex.geometry import Geometry
from reluspec.engines.convex.oracle import CriticalPoint
from reluspec.engines.convex.point import working_precision
from reluspec.minima.balls import ball, binary_precision, decimal_digits, nested
from reluspec.minima.ranking import ranked
from reluspec.minima.records import Ball, Component, CriticalStratum, Family, Piece, Tensor
from reluspec.minima.stitch import DEAD, Stitched, Type, copies, stitch, type_dimension, types


class _Writer:
    """Numbers and names of one class at one output precision."""

    def __init__(self, geometry: Geometry, group: ResidualClass, precision: int) -> None:
        self.geometry = geometry
        self.group = group
        self.digits = decimal_digits(precision)
        self.bits = binary_precision(self.digits)
        self._directions: dict[int, list[arb]] = {}

    def direction(self, face: int) -> list[arb]:
        if face not in self._directions:
            self._directions[face] = direction(self.group.representative, face, self.bits)
        return self._directions[face]

    def loss(self) -> arb:
        """`y^T z + lambda_a sum s`, plus what does not depend on the parameters."""
        return loss_ball(self.group.representative, self.bits)

    def weights(self, vertex: tuple[int, ...]) -> dict[int, arb]:
        enclosure = self.group.point_of(vertex).enclosure(self.bits)
        assert enclosure is not None
        return dict(zip(vertex, enclosure.s, strict=True))

    def shared(self, kind: Type, polytope: Polytope) -> list[arb]:
        """Weights of a point in the relative interior: the mean of the vertices, shared evenly; living units first."""
        mean: dict[int, arb] = {}
        for vertex in polytope.vertices:
            for face, weight in self.weights(vertex).items():
                mean[face] = mean.get(face, arb(0)) + weight / len(polytope.vertices)
        count = Counter(kind)
        return [mean[face] / count[face] for face in kind if face != DEAD] + [arb(0)] * count[DEAD]

    def bias(self, alive: list[int], s: list[arb]) -> arb:
        """The output bias that goes with these weights."""
        setting = self.geometry.setting
        if setting.bias_row is None:
            fixed = setting.output.fixed_bias
            return arb(fmpq(fixed[0].numerator, fixed[0].denominator)) if fixed else arb(0)
        rest = [arb(value) for value in setting.target]
        for face, weight in zip(alive, s, strict=False):
            values = arb_mat(self.geometry.rows) * arb_mat(self.geometry.width, 1, self.direction(face))
            for i, slope in enumerate(self.geometry.slopes(face)):
                rest[i] -= weight * values[i, 0] * slope
        return sum((share * value for share, value in zip(setting.bias_row, rest, strict=True)), arb(0))

    def witness(self, kind: Type, s: list[arb]) -> dict[str, Any]:
        alive = [face for face in kind if face != DEAD]
        setting = self.geometry.setting
        vectors, outputs = [], []
        for face, weight in zip(alive, s, strict=False):
            a = weight.sqrt() * self.group.units[face].sigma
            outputs.append(a)
            vectors.append([a * entry for entry in self.direction(face)])
        for _ in range(len(kind) - len(alive)):
            outputs.append(arb(0))
            vectors.append([arb(0)] * self.geometry.width)
        inputs = setting.problem.network.inputs
        hidden, output = setting.hidden.name, setting.output.name
        theta: dict[str, Any] = {f"{hidden}.weight": nested([vector[:inputs] for vector in vectors], self.digits)}
        if setting.hidden.bias:
            theta[f"{hidden}.bias"] = nested([vector[inputs] if setting.has_hidden_bias else arb(0) for vector in vectors], self.digits)
        theta[f"{output}.weight"] = nested([outputs], self.digits)
        if setting.output.bias:
            theta[f"{output}.bias"] = nested([self.bias(alive, s)], self.digits)
        return theta

    def family(self, kind: Type, polytope: Polytope) -> Family:
        alive = [face for face in kind if face != DEAD]
        zero: Tensor = nested([arb(0)] * self.geometry.width, self.digits)
        directions = [nested(self.direction(face), self.digits) for face in alive] + [zero] * (len(kind) - len(alive))
        corners: list[list[arb]] = []
        for vertex in polytope.vertices:
            corners.extend(_corners(kind, self.weights(vertex)))
        biases = [self.bias(alive, corner) for corner in corners] if self.geometry.setting.bias_row is not None else []
        return Family(
            signs=tuple(self.group.units[face].sigma for face in alive) + (0,) * (len(kind) - len(alive)),
            directions=tuple(directions),
            vertices=tuple(nested(corner, self.digits) for corner in corners),
            bias=nested(biases, self.digits),
        )

    def certificate(self, kind: Type, s: list[arb]) -> dict[str, Any]:
        """What a verifier needs: the residual, the weights, the signs of all slopes, the verdict on dead units."""
        enclosure = self.group.representative.enclosure(self.bits)
        assert enclosure is not None
        alive = sorted({face for face in kind if face != DEAD})
        return {
            "engine": "convex",
            "precision": self.bits,
            "weighted_residual": [entry.__dict__ for entry in nested(enclosure.z.entries(), self.digits)],
            "squared_output_weights": [entry.__dict__ for entry in nested(s, self.digits)],
            "slopes": {
                self.geometry.name(face): {self.geometry.name(cover): sign for cover, sign in self.group.units[face].slopes}
                for face in alive
            },
            "dead_unit_is_minimal": self.group.dead.minimal,
        }

    def piece(self, kind: Type, dimension: int, polytope: Polytope) -> Piece:
        s = self.shared(kind, polytope)
        family = self.family(kind, polytope) if dimension else None
        return Piece(
            self.geometry.stratum_name(kind), dimension, kind.count(DEAD), self.witness(kind, s), self.certificate(kind, s), family
        )


def _corners(kind: Type, weights: dict[int, arb]) -> list[list[arb]]:
    """The vertices of a labelled piece over one vertex of its polytope: each face's whole weight on one of its units."""
    corners: list[list[arb]] = [[arb(0)] * len(kind)]
    alive = [face for face in kind if face != DEAD]
    for face, weight in weights.items():
        positions = [position for position, other in enumerate(alive) if other == face]
        corners = [[*corner[:k], weight, *corner[k + 1 :]] for corner in corners for k in positions]
    return corners


def loss_ball(point: CriticalPoint, bits: int) -> arb:
    """The loss at a critical point (theory.md section 4, from `u^T W u + 2 lambda_a sum s` with `u^T z = y^T z - lambda_a sum s`)."""
    enclosure = point.enclosure(bits)
    assert enclosure is not None
    setting = point.geometry.setting
    with working_precision(bits + 32):
        fit = (point.geometry.balls.target(bits) * enclosure.z)[0, 0]
        return fit + sum(enclosure.s, arb(0)) * setting.ridge_output + setting.offset


def critical_strata(geometry: Geometry, classes: list[ResidualClass], units: int, precision: int) -> list[CriticalStratum]:
    """All strata critical in Clarke's sense, with index and number of labelled copies (theory.md section 8), by loss."""
    found = []
    for group in classes:
        writer = _Writer(geometry, group, precision)
        loss = ball(writer.loss(), writer.digits)
        for polytope in group.polytopes:
            living = all(group.units[face].minimal for face in polytope.faces)
            for kind in types(polytope.faces, units):
                dead = kind.count(DEAD)
                index = prod(group.units[face].index for face in kind if face != DEAD) * group.dead.index**dead
                minimal = living and (not dead or group.dead.minimal)
                dimension = type_dimension(kind, polytope.dimension)
                found.append(CriticalStratum(writer.geometry.stratum_name(kind), dimension, index, copies(kind), loss, minimal))
    return sorted(found, key=lambda stratum: (Fraction(stratum.loss.value), stratum.stratum))


def components(
    geometry: Geometry, classes: list[ResidualClass], units: int, precision: int
) -> tuple[list[Component], list[tuple[tuple[int, ...], str]]]:
    """The components by ascending loss; and sets of faces whose gluing is past the limit, with the reason."""
    made: list[tuple[CriticalPoint, int, Component]] = []
    open_sets: list[tuple[tuple[int, ...], str]] = []
    for group in classes:
        minimal = {
            polytope.faces: polytope
            for polytope in group.polytopes
            if all(group.units[face].minimal for face in polytope.faces) and (group.dead.minimal or polytope.faces)
        }
        if not minimal:
            continue
        writer = _Writer(geometry, group, precision)
        with working_precision(writer.bits + 32):
            try:
                stitched = stitch({faces: polytope.dimension for faces, polytope in minimal.items()}, units, group.dead.minimal)
            except OverflowError as error:
                open_sets.extend((faces, str(error)) for faces in minimal)
                continue
            for part in stitched:
                made.append((group.representative, writer.bits, _component(writer, part, minimal)))
    return ranked(_with_fine_losses(made)), open_sets


def _with_fine_losses(made: list[tuple[CriticalPoint, int, Component]]) -> list[tuple[arb, Component]]:
    """Each component with a ball of its loss, a much finer one where it may be the least."""
    losses = [loss_ball(point, bits) for point, bits, _ in made]
    lowest = losses[0] if losses else arb(0)
    for loss in losses:
        lowest = loss if loss < lowest else lowest
    return [
        (loss_ball(point, 4 * bits) if loss.overlaps(lowest) else loss, component)
        for loss, (point, bits, component) in zip(losses, made, strict=True)
    ]


def _component(writer: _Writer, part: Stitched, polytopes: dict[tuple[int, ...], Polytope]) -> Component:
    pieces = []
    interior = False
    for kind, dimension in part.pieces:
        alive = tuple(sorted(set(kind) - {DEAD}))
        pieces.append(writer.piece(kind, dimension, polytopes[alive]))
        interior = interior or (DEAD not in kind and all(writer.geometry.is_cell(face) for face in alive))
    pieces.sort(key=lambda piece: (-piece.dimension, piece.dead_units, piece.stratum))
    loss: Ball = ball(writer.loss(), writer.digits)
    return Component(
        id=0,
        dimension=part.dimension,
        loss=loss,
        is_global=False,
        location="interior" if interior else "boundary",
        orbit_size=part.orbit_size,
        closed=not part.missing,
        missing=tuple(writer.geometry.stratum_name(kind) for kind in part.missing),
        pieces=tuple(pieces),
    )
