"""A listed piece of a component in the setting of theory.md section 4: witness, parametrisation and evidence, in balls.

On a class the critical points of a stratum are `a_l = sigma_l sqrt(s_l)`, `w_l = a_l v_F` with the directions v_F of its residual, s any
positive weights whose totals per face form a point of the polytope. A witness is proved by an exact such s near its midpoint whose theta
lies in all of its balls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from flint import arb, arb_mat, ctx, fmpq

from reluspec.verifier.balls import Fit, fits, middle
from reluspec.verifier.claims import Report
from reluspec.verifier.convex.classes import Class, Faces
from reluspec.verifier.convex.geometry import DEAD, Geometry

Order = tuple[int, ...]
"""The faces of a stratum in the order of its name, 0 for a dead unit."""


def check_piece(geometry: Geometry, home: Class, piece: Mapping[str, Any], order: Order, subject: str, bits: int, report: Report) -> None:
    with ctx.workprec(bits):
        _Piece(geometry, home, piece, order, subject, report).check()


class _Piece:
    def __init__(self, geometry: Geometry, home: Class, piece: Mapping[str, Any], order: Order, subject: str, report: Report) -> None:
        self.geometry, self.home, self.piece, self.order, self.subject, self.report = geometry, home, piece, order, subject, report
        self.setting = geometry.setting
        self.faces: Faces = tuple(sorted(set(order) - {DEAD}))
        self.polytope = next(one for one in home.polytopes if one.faces == self.faces)
        self.directions = {face: home.point.direction(face) for face in self.faces}
        self.outputs = {face: home.point.output(face) for face in self.faces}

    def check(self) -> None:
        # The point that solvers like to name, the vertices' mean evenly shared out, and if it is not that, one near the midpoints.
        found = fits_theta(self.piece["witness"], self._theta(self._even()))
        s = self._near(self.piece["witness"]) if found is not Fit.INSIDE else []
        if isinstance(s, str):
            (self.report.refute if s.startswith("it ") else self.report.leave)("witnesses", self.subject, s)
        else:
            found = fits_theta(self.piece["witness"], self._theta(s)) if s else found  # without living units there is one point only
            self._settle("witnesses", found, "a critical point of the stratum lies in its balls", "no critical point")
        if self.piece["dimension"]:
            self._parametrisation()
        certificate = self.piece["certificate"]
        if certificate.get("engine") == "convex":
            self._evidence(certificate)

    def _settle(self, kind: str, found: Fit, proof: str, failure: str) -> None:
        if found is Fit.UNCLEAR:
            self.report.leave(kind, self.subject, "a claimed radius is finer than the verifier's precision")
        else:
            self.report.check(found is Fit.INSIDE, kind, self.subject, proof, f"{failure} lies in the claimed balls")

    # Witness

    def _even(self) -> list[arb]:
        """The mean of the vertices, every face's weight shared out evenly."""
        vertices = [self._weights(vertex) for vertex in self.polytope.vertices]
        count = Counter(self.order)
        mean = {face: sum((one[face] for one in vertices), arb(0)) / (len(vertices) * count[face]) for face in self.faces}
        return [mean[face] if face != DEAD else arb(0) for face in self.order]

    def _near(self, witness: Mapping[str, Any]) -> list[arb] | str:
        """Exact weights near the midpoints of the witness, as balls (one per unit); or why there are none."""
        try:
            outputs = [middle(entry) for entry in witness[f"{self.setting.output.name}.weight"][0]]
        except (KeyError, TypeError, IndexError):
            return "it has not the shape of the parameters"
        if len(outputs) != len(self.order):
            return "it has not the shape of the parameters"
        squares = [arb(a * a) for a in outputs]
        totals = self._totals(
            {face: sum((s for s, own in zip(squares, self.order, strict=True) if own == face), arb(0)) for face in self.faces}
        )
        if totals is None:
            return "the verifier finds no exact weights near it"
        if not all(square > 0 for square, own in zip(squares, self.order, strict=True) if own != DEAD):
            return "it is outside the polytope of the weights"
        said = {face: sum((s for s, own in zip(squares, self.order, strict=True) if own == face), arb(0)) for face in self.faces}
        return [square * totals[own] / said[own] if own != DEAD else arb(0) for square, own in zip(squares, self.order, strict=True)]

    def _totals(self, wanted: dict[int, arb]) -> dict[int, arb] | None:
        """A point of the polytope's interior near the wanted totals: rational barycentric coordinates of vertices in general position."""
        vertices = [self._weights(vertex) for vertex in self._independent()]
        if len(vertices) == 1:
            return vertices[0]
        rows = [[one[face] - vertices[0][face] for face in self.faces] for one in vertices[1:]]
        right = [wanted[face] - vertices[0][face] for face in self.faces]
        gram = [[_dot(one, two) for two in rows] for one in rows]
        solved = arb_mat(gram).solve(arb_mat(len(rows), 1, [_dot(row, right) for row in rows]))
        shares = [solved[k, 0].mid() for k in range(len(rows))]
        shares.insert(0, arb(1) - sum(shares, arb(0)))
        # Outside the simplex of these vertices positivity of the weights still proves that the point is in the polytope's interior.
        totals = {face: sum((share * one[face] for share, one in zip(shares, vertices, strict=True)), arb(0)) for face in self.faces}
        return totals if all(total > 0 for total in totals.values()) else None

    def _independent(self) -> list[Faces]:
        """Vertices in general position, as many as the dimension needs."""
        chosen: list[Faces] = []
        for vertex in self.polytope.vertices:
            trial = [self._weights(one) for one in (*chosen, vertex)]
            rows = [[one[face] - trial[0][face] for face in self.faces] for one in trial[1:]]
            gram = [[_dot(one, two) for two in rows] for one in rows]
            if not rows or not arb_mat(gram).det().contains(0):
                chosen.append(vertex)
        return chosen

    def _weights(self, vertex: Faces) -> dict[int, arb]:
        found = dict.fromkeys(self.faces, arb(0))
        found.update(zip(vertex, self.home.points[vertex].s or [], strict=True))
        return found

    def _theta(self, s: Sequence[arb]) -> dict[str, Any]:
        """The parameters in PyTorch's form."""
        setting, inputs = self.setting, len(self.setting.ridge) - self.setting.hidden_bias
        outputs, vectors = [], []
        for face, weight in zip(self.order, s, strict=True):
            a = weight.sqrt() * self.home.units[face].sigma if face != DEAD else arb(0)
            outputs.append(a)
            vectors.append([a * entry for entry in self.directions[face]] if face != DEAD else [arb(0)] * len(setting.ridge))
        theta: dict[str, Any] = {f"{setting.hidden.name}.weight": [vector[:inputs] for vector in vectors]}
        if setting.hidden.bias:
            theta[f"{setting.hidden.name}.bias"] = [vector[inputs] if setting.hidden_bias else arb(0) for vector in vectors]
        theta[f"{setting.output.name}.weight"] = [outputs]
        if setting.output.bias:
            theta[f"{setting.output.name}.bias"] = [self._bias(s)]
        return theta

    def _bias(self, s: Sequence[arb]) -> arb:
        """The output bias that minimises the loss, given the weights."""
        setting = self.setting
        if setting.kappa is None:
            fixed = (setting.output.fixed_bias or (0,))[0]
            return arb(fmpq(fixed.numerator, fixed.denominator))
        rest = [arb(y) for y in setting.y]
        for face, weight in zip(self.order, s, strict=True):
            if face != DEAD:
                rest = [value - weight * entry for value, entry in zip(rest, self.outputs[face], strict=True)]
        pull = sum((w * value for w, value in zip(setting.omega, rest, strict=True)), arb(0))
        return pull / (setting.kappa + sum(setting.omega, fmpq(0)))

    # Parametrisation

    def _parametrisation(self) -> None:
        form = self.piece.get("parametrisation")
        if form is None:
            self.report.refute("parametrisations", self.subject, "a piece of positive dimension has none")
        elif form["kind"] != "polytope":
            self.report.leave("parametrisations", self.subject, "the verifier knows polytopes of weights only in this setting")
        else:
            self._polytope(form)

    def _polytope(self, form: Mapping[str, Any]) -> None:
        signs = [self.home.units[face].sigma if face != DEAD else 0 for face in self.order]
        if form["signs"] != signs:
            self.report.refute("parametrisations", self.subject, f"the signs of the output weights are {signs}")
            return
        zero = [arb(0)] * len(self.setting.ridge)
        directions = fits(form["directions"], [self.directions[face] if face != DEAD else zero for face in self.order])
        corners = self._corners()
        biases = [[self._bias(corner)] for corner in corners] if self.setting.kappa is not None else [[] for _ in corners]
        said = form["vertices"] if isinstance(form["vertices"], list) else []
        extra = form.get("output_bias", [])
        if len(said) != len(corners) or (len(extra) != len(said) if self.setting.kappa is not None else bool(extra)):
            self._settle("parametrisations", Fit.APART, "", "a polytope with these vertices is not the piece; it")
            return
        places = []
        for k, vertex in enumerate(said):
            own = [[vertex, extra[k : k + 1]]] * len(corners)
            found = [fits(claim, [corner, bias]) for claim, corner, bias in zip(own, corners, biases, strict=True)]
            places.append(next((j for j, one in enumerate(found) if one is Fit.INSIDE), -1 if Fit.UNCLEAR not in found else -2))
        outcome = directions
        if -1 in places or (-2 not in places and sorted(places) != list(range(len(corners)))):
            outcome = Fit.APART
        elif -2 in places and directions is Fit.INSIDE:
            outcome = Fit.UNCLEAR
        proof = "its vertices are those of the polytope of weights, its directions the residual's: constant loss, full dimension"
        self._settle("parametrisations", outcome, proof, "not the whole polytope of weights")

    def _corners(self) -> list[list[arb]]:
        """The labelled piece's vertices: at a vertex of the totals each face's weight is on one of its units."""
        found = []
        for vertex in self.polytope.vertices:
            weights = self._weights(vertex)
            places = [[k for k, own in enumerate(self.order) if own == face] for face in vertex]
            for chosen in product(*places):
                corner = [arb(0)] * len(self.order)
                for k, face in zip(chosen, vertex, strict=True):
                    corner[k] = weights[face]
                found.append(corner)
        return found

    # Evidence

    def _evidence(self, certificate: Mapping[str, Any]) -> None:
        """What the convex engine notes beside a piece."""
        checks = []
        if "weighted_residual" in certificate:
            checks.append(fits(certificate["weighted_residual"], self.home.point.residual) is not Fit.APART)
        if "dead_unit_is_minimal" in certificate:
            checks.append(certificate["dead_unit_is_minimal"] is self.home.dead_minimal)
        if "slopes" in certificate:
            checks.append(certificate["slopes"] == self._slopes())
        if "squared_output_weights" in certificate:
            squares = list(certificate["squared_output_weights"])
            a = [middle(entry) for entry in self.piece["witness"][f"{self.setting.output.name}.weight"][0]]
            near = len(squares) == len(a) and all(
                abs(middle(s) - x * x) <= fmpq(1, 10**20) * (1 + x * x) for s, x in zip(squares, a, strict=True)
            )
            checks.append(near)
        self.report.check(
            all(checks),
            "evidence",
            self.subject,
            "residual, slopes and verdict on dead units are re-derived",
            "the noted evidence is wrong",
        )

    def _slopes(self) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        names = self.geometry.names
        for face in self.faces:
            point = next(point for faces, point in self.home.points.items() if face in faces)
            sigma = self.home.units[face].sigma
            found[names[face]] = {names[cover.face]: -sigma * (point.sign(cover.form) or 0) for cover in self.geometry.local(face).covers}
        return found


def fits_theta(witness: Any, theta: Mapping[str, Any]) -> Fit:
    """A theta in balls against a witness: all tensors, none missing, none extra."""
    if not isinstance(witness, Mapping) or set(witness) != set(theta):
        return Fit.APART
    found = Counter(fits(witness[name], value) for name, value in theta.items())
    return Fit.APART if found[Fit.APART] else Fit.UNCLEAR if found[Fit.UNCLEAR] else Fit.INSIDE


def _dot(a: Sequence[arb], b: Sequence[arb]) -> arb:
    return sum((x * y for x, y in zip(a, b, strict=True)), arb(0))
