"""Listed families outside the convex setting: curves of minima against those that the survey found."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from fractions import Fraction
from typing import Any

from flint import arb

from reluspec.errors import ReluspecError
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs, format_signs, parse_signs
from reluspec.verifier.balls import Fit, fit, middle
from reluspec.verifier.claims import Outcome
from reluspec.verifier.convex.setting import rational
from reluspec.verifier.general.charts import chart_fits, well_formed
from reluspec.verifier.general.claimed_points import ball, claimed_theta, impossible
from reluspec.verifier.general.context import Context
from reluspec.verifier.general.explore import Judged, Stratum
from reluspec.verifier.general.stitching import Component, Node, Stitched
from reluspec.verifier.general.survey import images
from reluspec.verifier.raw import SingularError, Surrogate, at, critical_point
from reluspec.verifier.witness import fits_theta

FAMILY = "a family that the verifier does not find by itself: tried at points only; minimality, dimension, ends and orbit are not re-proved"
FINER = "a claimed radius is finer than the verifier's precision"

Entry = Mapping[str, Any]


class Families:
    """The listed components that hold curves. `owners` says which entry a component, with its images, is listed under."""

    def __init__(self, context: Context) -> None:
        self.context, self.problem, self.report = context, context.problem, context.report
        self.stitched = Stitched(context)
        self.owners: dict[int, int] = {}
        self.unmatched: set[Signs] = set()
        """Strata with listed families that are not found among the curves."""

    # Pieces

    def nodes(self, piece: Entry, signs: Signs) -> list[Node]:
        """The curves, and minima at their ends, that a piece's witness may be on."""
        theta = claimed_theta(self.problem, piece["witness"])
        return [] if theta is None else self.stitched.at(signs, theta)

    def check_piece(self, entry: Entry, piece: Entry, signs: Signs, surrogate: Surrogate, where: str) -> Node | None:
        """A piece of positive dimension: the curve that it is, if it is one."""
        found = self.nodes(piece, signs)
        if len(found) == 1:
            self._curve(entry, piece, found[0], where)
            return found[0]
        stratum = self.stitched.visited.get(signs, (None, None))[0]
        if not found and stratum is not None and not self.stitched.reason and _settled(stratum):
            self.report.refute(
                "components", where, "the critical points of the stratum are all known: its balls hold none of a curve of minima"
            )
            return None
        self.unmatched.add(signs)
        self._unknown(entry, piece, signs, surrogate, where)
        return None

    def _curve(self, entry: Entry, piece: Entry, node: Node, where: str) -> None:
        report = self.report
        proof = "across the curve its points are strict minima"
        report.check(piece["dimension"] == node.dimension, "dimensions", where, proof, f"it is {node.dimension}")
        self._witness(piece, node, where)
        root = node.base.critical.root
        self._settle(
            "losses", fit(entry["loss"], at(root.surrogate.loss, root.theta)), where, "evaluated on the curve", "it is another one"
        )
        if node.dimension:
            report.prove("components", where, node.base.reason)
        form = piece.get("parametrisation")
        if form is None:
            report.leave("parametrisations", where, "the map gives none")
        else:
            proof = "its ends, and what joins them, are those of the curve in the stratum"
            self._settle("parametrisations", chart_fits(node, form), where, proof, "it is not the curve's")

    def _witness(self, piece: Entry, node: Node, where: str) -> None:
        theta = claimed_theta(self.problem, piece["witness"])
        point = node.motion.near(node.theta, theta) if node.motion and theta else node.theta
        if point is None or not node.motion:
            self.report.leave("witnesses", where, "no point of the curve is found near it")
            return
        found = fits_theta(piece["witness"], self.problem.tensors(point, lambda value: arb(rational(value))))
        inside = node.motion.contains(point)
        if inside is False:
            self.report.refute("witnesses", where, "the signs of the stratum are not those of its point of the curve")
        elif found is Fit.INSIDE and inside:
            self.report.prove("witnesses", where, "a point of the curve, turned or moved from an interval Newton's root, lies in its balls")
        else:
            self.report.leave("witnesses", where, FINER)

    def _settle(self, kind: str, found: Fit, where: str, proof: str, failure: str) -> None:
        if found is Fit.UNCLEAR:
            self.report.leave(kind, where, FINER)
        else:
            self.report.check(found is Fit.INSIDE, kind, where, proof, failure)

    def _unknown(self, entry: Entry, piece: Entry, signs: Signs, surrogate: Surrogate, where: str) -> None:
        """A family that is not found: what can refute it is tried, but it is not proved."""
        flat = self.problem.flatten(piece["witness"])
        try:
            critical_point(self.problem, signs, [middle(flat[variable]) for variable in self.problem.parameters], self.context.bits)
        except SingularError:
            pass
        else:
            self.report.refute("dimensions", where, "interval Newton: its witness is an isolated critical point of the stratum")
            return
        points = _samples(self.problem, piece.get("parametrisation"))
        reasons = [impossible(surrogate, point, entry["loss"], len(point)) for point in points]
        if any(reasons):
            self.report.refute("parametrisations", where, next(reason for reason in reasons if reason))
        else:
            self.report.leave("components", where, self.stitched.reason or FAMILY)

    # Components

    def check_component(self, entry: Entry, nodes: Sequence[Node | None]) -> None:
        """Pieces, ends and orbit of an entry whose pieces are these curves and ends; `None` for a piece that is not one."""
        subject = f"component {entry['id']}"
        own = [node for node in nodes if node is not None]
        if not own:
            return
        component = self.stitched.component(own[0])
        orbit = self.stitched.images(own[0])
        self._owned(entry, component, orbit)
        if len(own) < len(nodes):
            # Pieces that are not found may join what is not joined here.
            for other in own[1:]:
                if self.stitched.component(other) not in orbit:
                    self._owned(entry, self.stitched.component(other), self.stitched.images(other))
            self.report.leave("components", subject, "not all its pieces are found: its ends and orbit are not re-proved")
            return
        curve = next((node.base.critical for node in component.nodes if node.dimension), None)
        if curve is not None:
            self.context.curves[entry["id"]] = curve.root, curve.signs
        if component.unknown:
            self.report.leave("components", subject, component.unknown)
            return
        if any(self.stitched.component(node) not in orbit for node in own[1:]):
            self.report.refute("components", subject, "its pieces are of two components")
            return
        self._pieces(entry, component, own, subject)
        self._ends(entry, component, subject)
        size, count = entry["orbit_size"], len(orbit)
        proof = "the images of its curves under all exchanges are joined and counted"
        self.report.check(size == count, "orbits", subject, proof, f"{size} is not {count}")

    def _owned(self, entry: Entry, component: Component, orbit: Sequence[Component]) -> None:
        if id(component) in self.owners and not component.unknown:
            self.report.refute("components", f"component {entry['id']}", f"it is component {self.owners[id(component)]} once more")
        self.owners |= {id(one): entry["id"] for one in orbit}

    def _pieces(self, entry: Entry, component: Component, own: Sequence[Node], subject: str) -> None:
        if len({node.kind for node in own}) < len(own):
            self.report.refute("components", subject, "one of its pieces is listed twice")
        met = {self._orbit(node.signs) for node in component.nodes}
        left = met - {self._orbit(node.signs) for node in own}
        names = ", ".join(sorted(min(format_signs(self.problem, signs) for signs in orbit) for orbit in left))
        proof = "the curves and the minima at their ends: joined as they should be, none is left out"
        self.report.check(not left, "components", subject, proof, f"it meets more strata: {names}")

    def _ends(self, entry: Entry, component: Component, subject: str) -> None:
        try:
            said = {self._orbit(parse_signs(self.problem, name)) for name in entry.get("missing", [])}
        except ReluspecError as error:
            self.report.refute("ends", subject, f"there is no such stratum: {error}")
            return
        names = ", ".join(sorted({min(format_signs(self.problem, one) for one in self._orbit(signs)) for signs in component.missing}))
        self.report.check(
            said == {self._orbit(signs) for signs in component.missing} and entry["closed"] is not bool(said),
            "ends",
            subject,
            "its curves' ends are critical points of their strata, and judged there",
            f"the ends that are no minima are in {names}" if names else "all its ends are minima of its own",
        )

    def _orbit(self, signs: Signs) -> frozenset[Signs]:
        return frozenset(images(self.problem, signs, self.context.group))

    # What is not listed

    def holds(self, point: Judged) -> bool:
        """Whether a minimum is at the end of a curve."""
        own = [node for node in self.stitched.nodes if node.base is point]
        return any(other.dimension for node in own for other in self.stitched.component(node).nodes)

    def check_missing(self, undecided: Container[Signs]) -> None:
        """Refute a map without a component that was found, unless it claims nothing about some of its strata."""
        if self.stitched.reason:
            self.report.leave("components", "curves of minima", self.stitched.reason)
        seen: set[int] = set()
        for component in self.stitched.components.values():
            curves = [node for node in component.nodes if node.dimension]
            if not curves or id(component) in self.owners or id(component) in seen or any(node.signs in undecided for node in curves):
                continue
            seen |= {id(one) for one in self.stitched.images(curves[0])}
            root = curves[0].base.critical.root
            loss = at(root.surrogate.loss, root.theta).str(12, radius=False)
            name = format_signs(self.problem, curves[0].base.critical.signs)
            if self.unmatched & self._orbit(curves[0].signs):
                self.report.leave("components", name, f"it may be that the curve of minima with loss {loss} is missing from the map")
            else:
                self.report.refute("components", name, f"a curve of local minima with loss {loss} is missing from the map")


def _settled(stratum: Stratum) -> bool:
    return not stratum.reason and all(curve.outcome is not Outcome.OPEN for curve in stratum.curves)


def _samples(problem: Problem, form: Mapping[str, Any] | None) -> list[list[arb]]:
    """A few points of a chart's family: mixtures of its vertices plus multiples of its rays."""
    if form is None or form["kind"] != "chart" or form.get("pairs") or not well_formed(form, len(problem.parameters)):
        return []
    vertices = [[ball(entry) for entry in vertex] for vertex in form["vertices"]]
    rays = [[ball(entry) for entry in ray] for ray in form["rays"]]
    found = []
    for shift in range(3):
        shares = [Fraction(1 + (k * 5 + shift * 3) % 7) for k in range(len(vertices))]
        total = sum(shares, Fraction(0))
        theta = [
            sum((rational(share / total) * vertex[j] for share, vertex in zip(shares, vertices, strict=True)), arb(0))
            for j in range(len(problem.parameters))
        ]
        for k, ray in enumerate(rays):
            theta = [entry + rational(Fraction(1 + (k + shift) % 3)) * step for entry, step in zip(theta, ray, strict=True)]
        for unit in form["units"]:
            if not unit.get("plain"):
                theta[unit["output"]] = unit["sign"] * theta[unit["output"]].sqrt()
            for k in unit["directions"]:
                theta[k] = theta[k] * theta[unit["output"]]
            for k in unit["products"]:
                theta[k] = theta[k] / theta[unit["output"]]
        found.append(theta)
    return found
