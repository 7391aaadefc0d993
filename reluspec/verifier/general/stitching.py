"""The connected components of minima that hold curves: curves joined at their ends, in all images under exchange of units.

The end of a curve is a critical point of its own stratum: there the loss is the curve's polynomial, and more switches are zero. Where all
critical points of that stratum are known it is one of them, the only one that its enclosure meets; its verdict decides whether it
belongs to the component or is missing. Nothing else meets a curve between its ends, where it is strict across; and at an end that is a
minimum only curves of the strata around it do. If these are all known, so is the component.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from flint import arb, ctx

from reluspec.problem.expression import Variable
from reluspec.regions.signs import Signs, format_signs
from reluspec.verifier.claims import Outcome
from reluspec.verifier.document import exchanges
from reluspec.verifier.general.context import Context, moved
from reluspec.verifier.general.explore import Curve, Judged, Stratum
from reluspec.verifier.general.motion import End, Interval, Motion, UnclearError, motion_of
from reluspec.verifier.general.survey import image_signs

MAX_IMAGES = 20_000

Item = TypeVar("Item", bound=Judged)


@dataclass(eq=False)
class Node:
    """A curve of minima in one labelled stratum, or a minimum at which curves end.

    `base` is what was judged, and the node an image of it: `theta` is a curve's point on a slice, `interval` what the stratum leaves of it.
    `kind` is the same for all images.
    """

    base: Judged
    signs: Signs
    theta: list[arb]
    kind: int
    motion: Motion | None = None
    interval: Interval | None = None
    joined: Node | None = None
    """Another node of the component: union and find."""

    @property
    def dimension(self) -> int:
        return int(isinstance(self.base, Curve))

    def top(self) -> Node:
        return self if self.joined is None else self.joined.top()

    def holds(self, theta: Sequence[arb]) -> bool:
        """Whether a point in these balls may be one of the node's."""
        here: Sequence[arb] | None = theta
        if self.motion is not None:
            here = self.motion.normal(theta, self.theta)
        return here is None or all(a.overlaps(b) for a, b in zip(here, self.theta, strict=True))


@dataclass
class Component:
    """A connected component: its nodes, the strata of the ends that are no minima, and why there may be more of it, or of these."""

    nodes: list[Node]
    missing: set[Signs] = field(default_factory=set)
    unknown: str = ""


class Stitched:
    """All components with curves, of every labelled image. `reason` says why they are not known, then there are none."""

    def __init__(self, context: Context) -> None:
        self.problem, self.context = context.problem, context
        self.nodes: list[Node] = []
        self.components: dict[Node, Component] = {}
        self.reason = ""
        with ctx.workprec(context.bits):
            try:
                self._build()
            except UnclearError as error:
                self.nodes, self.components, self.reason = [], {}, str(error)

    def component(self, node: Node) -> Component:
        return self.components[node.top()]

    def images(self, node: Node) -> list[Component]:
        """The components that exchanges of units make of a node's."""
        return list({id(one): one for one in (self.component(other) for other in self.nodes if other.kind == node.kind)}.values())

    def at(self, signs: Signs, theta: Sequence[arb]) -> list[Node]:
        """The nodes of a stratum that a point in these balls may be of."""
        return [node for node in self.nodes if node.signs == signs and node.holds(theta)]

    def _build(self) -> None:
        explored = self.context.explored
        visited = explored.visited if explored else []
        curved = [one for one in visited if not one.reason and any(curve.outcome is Outcome.PROVED for curve in one.curves)]
        if not curved:
            return
        group = self.context.group
        if len(exchanges(self.problem)) != len(group):
            raise UnclearError("exchanges of units do not act on the names of strata")
        if len(group) * len(visited) > MAX_IMAGES:
            raise UnclearError("there are too many exchanges of units to try them all")
        for stratum in curved:
            self._add(stratum, stratum.curves)
        self._collect([(node, result) for node in list(self.nodes) for result in self._ends(node)])

    def _add(self, stratum: Stratum, items: Sequence[Judged]) -> None:
        """All images of the minima among a stratum's points or curves, each once."""
        if any(item.outcome is Outcome.OPEN for item in items):
            raise UnclearError(f"not all critical points of {format_signs(self.problem, stratum.orbit.signs)} are judged")
        proved = _proved(items)
        kinds = [len(self.nodes) + k for k in range(len(proved))]
        curves = isinstance(items[0], Curve)
        for image in self.context.group:
            signs = image_signs(self.problem, stratum.orbit.signs, image)
            old = [node for node in self.nodes if node.signs == signs and node.dimension == int(curves)]
            motion = motion_of(self.problem, signs) if curves else None
            for item, kind in zip(proved, kinds, strict=True):
                theta = moved(self.problem, item.critical.root.sharp().theta, image)
                if old:
                    self._identify(_only(old, theta), kind)
                    continue
                here = motion.normal(theta, theta) if motion else theta
                if here is None:
                    raise UnclearError("an image of a curve is not enclosed")
                self.nodes.append(Node(item, signs, here, kind, motion, self._interval(item, image)))

    def _interval(self, item: Judged, image: Mapping[Variable, Variable]) -> Interval | None:
        own = item.interval if isinstance(item, Curve) else None
        if own is None:
            return None
        moved_ends = (End(image_signs(self.problem, end.signs, image), tuple(moved(self.problem, end.theta, image))) for end in own.ends)
        return Interval(tuple(moved_ends), own.direction)

    def _identify(self, node: Node, kind: int) -> None:
        """An image of one kind is a node of another: they are images of each other."""
        for other in self.nodes:
            if other.kind == kind:
                other.kind = node.kind

    def _ends(self, node: Node) -> Iterator[str | Signs]:
        if node.interval is None:
            yield "the ends of a curve are not known"
        for end in node.interval.ends if node.interval else ():
            yield self._end(node, end)

    def _end(self, node: Node, end: End) -> str | Signs:
        """Join a curve to its end where that is a minimum; the stratum of an end that is none; or why neither is known."""
        found = self.visited.get(end.signs)
        if found is None:
            return f"{format_signs(self.problem, end.signs)}, where it ends, is not visited"
        stratum, image = found
        if stratum.reason or stratum.curves:
            return f"the critical points of {format_signs(self.problem, end.signs)}, where it ends, are not all known as points"
        place = [one for one in stratum.points if _meets(moved(self.problem, one.critical.root.theta, image), end.theta)]
        if len(place) != 1:
            return f"its end in {format_signs(self.problem, end.signs)} is not told from other points"
        if place[0].outcome is Outcome.OPEN:
            return f"whether its end in {format_signs(self.problem, end.signs)} is a minimum is not decided"
        if place[0].outcome is Outcome.REFUTED:
            return end.signs
        if not any(one.base is place[0] for one in self.nodes):
            self._add(stratum, stratum.points)
        other = _only([one for one in self.nodes if one.signs == end.signs and not one.dimension], end.theta)
        if other.top() is not node.top():
            other.top().joined = node.top()
        return self._around(end.signs)

    def _around(self, signs: Signs) -> str:
        """Why not all curves are known that may end in a stratum; empty if they are."""
        if self.context.explored is None or self.context.explored.unvisited:
            return "not all strata are visited"
        for other, (stratum, _) in self.visited.items():
            near = all(own in ("0", sign) for own, sign in zip(signs.all, other.all, strict=True))
            if near and (stratum.reason or any(curve.outcome is Outcome.OPEN for curve in stratum.curves)):
                return f"what meets it from {format_signs(self.problem, other)} is not known"
        return ""

    @cached_property
    def visited(self) -> dict[Signs, tuple[Stratum, Mapping[Variable, Variable]]]:
        """For every labelled stratum the visited one of which it is an image, and the exchange."""
        explored = self.context.explored
        found: dict[Signs, tuple[Stratum, Mapping[Variable, Variable]]] = {}
        for stratum in explored.visited if explored else ():
            for image in self.context.group:
                found.setdefault(image_signs(self.problem, stratum.orbit.signs, image), (stratum, image))
        return found

    def _collect(self, ends: Sequence[tuple[Node, str | Signs]]) -> None:
        for node in self.nodes:
            self.components.setdefault(node.top(), Component([])).nodes.append(node)
        for node, result in ends:
            component = self.component(node)
            if isinstance(result, Signs):
                component.missing.add(result)
            elif result:
                component.unknown = component.unknown or result


def _proved(items: Sequence[Item]) -> list[Item]:
    return [item for item in items if item.outcome is Outcome.PROVED]


def _meets(one: Sequence[arb], other: Sequence[arb]) -> bool:
    return all(a.overlaps(b) for a, b in zip(one, other, strict=True))


def _only(nodes: Sequence[Node], theta: Sequence[arb]) -> Node:
    """The node that a point is of, by elimination: all of a stratum are known."""
    found = [node for node in nodes if node.holds(theta)]
    if len(found) != 1:
        raise UnclearError("two images of a curve are not told apart")
    return found[0]
