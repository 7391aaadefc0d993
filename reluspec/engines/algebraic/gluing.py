"""From judged strata to components: ends, connections, orbits under exchange of units (theory.md section 5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property

from flint import arb, ctx, fmpq_mpoly

from reluspec.engines.algebraic.exact.scalars import Undetermined
from reluspec.engines.algebraic.flat_units import goes_flat, has_whole_cells, limit_on, limits
from reluspec.engines.algebraic.judging.convexity import quadratic_penalties
from reluspec.engines.algebraic.judging.verdict import Verdict
from reluspec.engines.algebraic.meeting import Meeting, MeetingError, meeting, meeting_at
from reluspec.engines.algebraic.outcome import Judged, StratumOutcome
from reluspec.engines.algebraic.sheet_ends import Label, SheetEndError, SheetEnds
from reluspec.engines.algebraic.stationary.charts import Chart, ParityError, Unit, plain_units, unit_groups
from reluspec.engines.algebraic.stationary.enclosures import BITS, Face, InfinityError, centre, contains, proper_faces, same
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet, Vector, value_at
from reluspec.engines.algebraic.stationary.rescaled_sets import vanishing_at_ends
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs, format_signs, parse_signs
from reluspec.systems.exchanges import Exchange, exchange_parameters, exchange_signs, exchanges
from reluspec.systems.surrogate import surrogate

Key = tuple[str, int]
"""A critical set: the stratum that represents its orbit, and its position there."""
Node = tuple[str, int]
"""A labelled critical set: its stratum and a number within it."""


UNLISTED = "its minima are pieces of a component of which another piece is not decided"
MAX_MIXED = 4
"""Coordinates that change their signs on a face, for which all choices of signs are tried."""


class EndError(Exception):
    """Where a family ends cannot be told; the message says why."""


@dataclass(frozen=True)
class Glued:
    """A component up to exchange: one key for every orbit of its pieces, the copies, and the strata of its missing ends."""

    pieces: tuple[Key, ...]
    orbit_size: int
    missing: tuple[str, ...]


@dataclass
class _Sets:
    """A forest of disjoint sets."""

    parent: dict[Node, Node] = field(default_factory=dict)

    def root(self, node: Node) -> Node:
        self.parent.setdefault(node, node)
        while self.parent[node] != node:
            self.parent[node] = self.parent[self.parent[node]]
            node = self.parent[node]
        return node

    def join(self, a: Node, b: Node) -> None:
        self.parent[self.root(a)] = self.root(b)


@dataclass(frozen=True)
class _Labelled:
    """The image of a critical set under an exchange, and where its centre is."""

    centre: list[arb]
    found: CriticalSet
    exchange: Exchange


@dataclass(frozen=True)
class _End:
    """A point of a face of a family's closure and its stratum; the `face`, where the point stands for all of it, or `is_point` alone.

    `flat`: the units of a plain chart that go flat on the face (`flat_units`).
    """

    theta: list[arb]
    signs: Signs
    is_point: bool
    face: Face | None = None
    flat: frozenset[Unit] = frozenset()


class Gluing:
    """The minimal critical sets of a problem, labelled, and how they meet."""

    def __init__(self, problem: Problem, outcomes: Mapping[str, StratumOutcome], bits: int = BITS) -> None:
        self.problem, self.outcomes, self.bits = problem, outcomes, bits
        self.group = exchanges(problem)
        self._moves = {exchange.layers: exchange_parameters(problem, exchange) for exchange in self.group}
        self._labelled: dict[str, list[_Labelled]] = {}

    # Components

    def components(self) -> tuple[list[Glued], dict[str, str]]:
        """The components, and the strata of families about whose ends nothing is known, with the reason."""
        orbits, glue = _Sets(), _Sets()
        keys = dict(self._minimal())
        names: dict[Node, Key] = {}
        open_strata: dict[str, str] = {}
        missing: dict[Key, list[str]] = {}
        own: dict[Key, Node] = {}
        for key, judged in keys.items():
            nodes = [self._node(key, judged.found, exchange) for exchange in self.group]
            if named := next((other for other, node in own.items() if node == nodes[0]), None):
                open_strata |= {key[0]: "two of its critical sets have one centre", named[0]: "two of its critical sets have one centre"}
            own[key] = nodes[0]
            for node in nodes:
                names.setdefault(node, key)
                orbits.join(node, nodes[0])
                glue.root(node)
        for key, judged in keys.items():
            try:
                missing[key] = self._join_ends(key, judged.found, glue)
            except (EndError, Undetermined) as reason:
                open_strata[key[0]] = str(reason)
        found = self._orbits(glue, orbits, names, missing, set(open_strata))
        listed = {name for component in found for name, _ in component.pieces}
        beside = {name: UNLISTED for name, _ in keys if name not in listed and name not in open_strata}
        return found, open_strata | beside

    def _minimal(self) -> Iterator[tuple[Key, Judged]]:
        for name, outcome in self.outcomes.items():
            if not outcome.undecided:
                for position, judged in enumerate(outcome.sets):
                    if judged.decision.verdict is Verdict.MINIMUM:
                        yield (name, position), judged

    def _orbits(
        self, glue: _Sets, orbits: _Sets, names: Mapping[Node, Key], missing: Mapping[Key, Sequence[str]], open_strata: set[str]
    ) -> list[Glued]:
        members: dict[Node, set[Node]] = {}
        for node in names:
            members.setdefault(glue.root(node), set()).add(orbits.root(node))
        counted = Counter(frozenset(kinds) for kinds in members.values())
        found = []
        for kinds, count in counted.items():
            pieces = tuple(sorted({names[kind] for kind in kinds}))
            if not any(name in open_strata for name, _ in pieces):
                ends = sorted({end for piece in pieces for end in missing.get(piece, ())})
                found.append(Glued(pieces, count, tuple(ends)))
        return found

    # Labels

    def _node(self, key: Key, found: CriticalSet, exchange: Exchange) -> Node:
        """The image of a critical set under an exchange.

        Sets of one stratum are told apart by their centres: their relative interiors are disjoint, and two of them that have one centre
        would be refused when the second is numbered.
        """
        name, _ = key
        moved = self._moved(centre(found, self.bits), exchange)
        label = format_signs(self.problem, exchange_signs(self.problem, parse_signs(self.problem, name), exchange))
        known = self._labelled.setdefault(label, [])
        for number, other in enumerate(known):
            if same(moved, other.centre) or (found.turns_round and other.found.turns_round and self._on_image(moved, other)):
                return label, number
        known.append(_Labelled(moved, found, exchange))
        return label, len(known) - 1

    def _on_image(self, theta: Sequence[arb], circle: _Labelled) -> bool:
        """Whether a point lies on the image of a whole circle or orbit, none of whose points is its centre."""
        back = list(theta)
        for source, value in zip(self._moves[circle.exchange.layers], theta, strict=True):
            back[source] = value
        return contains(circle.found, back, self.bits)

    def _moved(self, theta: Sequence[arb], exchange: Exchange) -> list[arb]:
        return [theta[source] for source in self._moves[exchange.layers]]

    # Ends

    def _join_ends(self, key: Key, found: CriticalSet, glue: _Sets) -> list[str]:
        """Join a family to the minimal sets that its closure meets; returns the end strata that do not belong to the minima."""
        missing = self._join_sheet(key, found, glue) if found.curve and found.curve.sheet else []
        for end in self._ends(key, found):
            exchange, name = self._representative(end.signs)
            for point in self._on_face(found, end, exchange, name):
                met = self._at_end(name, point, exchange)
                if point.flat and not self._has_whole_cells(name, met, point, exchange):
                    raise EndError(f"where a unit goes flat a family ends in {name}, in part of its cell")
                if not met.whole:
                    missing += [name, *self._beside_flat(key, point)]
                for position in met.parts:
                    judged = self.outcomes[name].sets[position]
                    for other in self.group:
                        # `exchange` takes the end to its representative; so `other` after it takes the family along.
                        glue.join(self._composed(key, found, exchange, other), self._node((name, position), judged.found, other))
        return missing

    def _has_whole_cells(self, name: str, met: Meeting, end: _End, exchange: Exchange) -> bool:
        local, sources = surrogate(self.problem, end.signs), self._moves[exchange.layers]
        return all(has_whole_cells(self.outcomes[name].sets[position].found, end.flat, local, sources) for position in met.parts)

    def _beside_flat(self, key: Key, end: _End) -> list[str]:
        """The other strata of the limits on a face on which a unit goes flat, where no minima are (`flat_units`)."""
        if not end.flat or end.face is None:
            return []
        if len(end.flat) > 1:
            raise EndError("a family ends where several units go flat, outside of the minima")
        (unit,) = end.flat
        signs = {self._end_signs(key, end.face, {unit}, tight) for tight in limits(end.face, unit)}
        return [self._representative(one)[1] for one in signs]

    def _on_face(self, found: CriticalSet, end: _End, exchange: Exchange, name: str) -> list[_End]:
        """Points of a face in every set of its stratum, where it may be on several; else the end itself.

        Sets that rescalings move keep the signs of all coordinates that they move, those in charts the signs of output weights, and parts
        of families that are cut where single coordinates vanish the signs of these. So a point tells for all with its signs.
        """
        sets = [judged.found for judged in self.outcomes[name].sets]
        rows = [row for one in sets for _, row in one.cuts]
        cut = {k for row in rows for k, entry in enumerate(row[1:]) if entry != 0}
        by_signs = all(row[0] == 0 and sum(entry != 0 for entry in row[1:]) == 1 for row in rows)
        if end.face is None:
            return [replace(end, is_point=True)] if found.rescaled and by_signs else [end]
        moved = {k for one in sets for rescaling in one.rescalings for k, exponent in enumerate(rescaling.exponents) if exponent}
        moved |= {unit.output for one in sets for unit in one.living}
        back = [(k, source) for k, source in enumerate(self._moves[exchange.layers]) if source in end.face.mixed]
        told = [source for k, source in back if k in moved or (by_signs and k in cut)]
        if not told:
            # A face in a slice stands for all orbits through it.
            kept = None if found.rescaled or by_signs else end.face
            return [replace(end, face=kept, is_point=end.is_point or by_signs)]
        if not by_signs or len(told) > MAX_MIXED or any(unit.incoming and not unit.plain for unit in found.living):
            if not found.rescaled and not any(k in moved for k, _ in back):
                return [end]
            raise EndError(f"a face of a family may be on several critical sets of {name}")
        points = (limit_on(end.face, point, end.flat, self.bits) for point in end.face.sides(told))
        return [_End(point, end.signs, is_point=True, flat=end.flat) for point in points]

    def _ends(self, key: Key, found: CriticalSet) -> Iterator[_End]:
        """A point of every face of the closure of a family, and the stratum that it is in."""
        if found.curve:
            for end in found.curve.ends:
                text = list(parse_signs(self.problem, key[0]).all)
                for position in end.tight:
                    text[position] = "0"
                theta = [entry.ball(self.bits) for entry in end.theta]
                yield _End(theta, parse_signs(self.problem, key[0]).reshaped("".join(text)), is_point=True)
        if found.rescaled:
            yield from self._ends_of_orbits(key, found)
            return
        for face in proper_faces(found):
            flat = frozenset(unit for unit in found.living if goes_flat(face, unit))
            try:
                theta = limit_on(face, face.inside, flat, self.bits)
            except InfinityError:
                continue
            wild = {unit for unit in found.living if not self._bounded_ratio(face, unit)}
            for unit in wild:
                theta = self._flattened(key, face, unit, theta)
            alone = len(face.members) == 1 and not (wild or flat)
            yield _End(theta, self._end_signs(key, face, wild | flat), alone, None if wild else face, flat)

    def _ends_of_orbits(self, key: Key, found: CriticalSet) -> Iterator[_End]:
        """The ends of a set that rescalings move: of the orbits, and of the polyhedron in the slice."""
        signs = parse_signs(self.problem, key[0])
        switches = surrogate(self.problem, signs).switches
        vanishing = vanishing_at_ends(found)
        if vanishing is None:
            raise EndError("a family that rescalings of units move may end where they go to infinity")
        zero = found.field.element(0)
        ends: list[tuple[Vector, Face | None]] = [
            (tuple(zero if k in gone else entry for k, entry in enumerate(found.witness)), None) for gone in vanishing
        ]
        for theta, face in (*ends, *((face.inside, face) for face in proper_faces(found))):
            values = [value_at(switch.polynomial.to_dict(), theta, zero).sign() if switch.sign else 0 for switch in switches]
            at = signs.reshaped("".join("-0+"[value + 1] for value in values))
            alone = all(theta[k] == 0 for one in found.rescalings for k, exponent in enumerate(one.exponents) if exponent)
            yield _End([entry.ball(self.bits) for entry in theta], at, is_point=alone and face is None, face=face)

    def _join_sheet(self, key: Key, found: CriticalSet, glue: _Sets) -> list[str]:
        """Join a sheet to the minimal sets that its closure is proved to meet; the strata where it meets points that are no minima."""
        missing = [key[0]] if found.curve and found.curve.cut else []
        labels = [Label(name, exchange, signs, tuple(self._moves[exchange.layers])) for (name, exchange), signs in self._labels.items()]
        try:
            for met in SheetEnds(self.problem, self.outcomes, key[0], found, self.bits).on(labels):
                name, judged = met.label.name, self.outcomes[met.label.name].sets[met.position]
                if judged.decision.verdict is not Verdict.MINIMUM:
                    missing.append(name)
                    continue
                back = self._inverse(met.label.exchange)
                for other in self.group:
                    glue.join(self._composed(key, found, back, other), self._node((name, met.position), judged.found, other))
        except SheetEndError as reason:
            raise EndError(str(reason)) from None
        return missing

    def _inverse(self, exchange: Exchange) -> Exchange:
        layers = tuple(tuple(sorted(range(len(layer)), key=layer.__getitem__)) for layer in exchange.layers)
        return self._by_layers[layers]

    @cached_property
    def _labels(self) -> dict[tuple[str, Exchange], Signs]:
        """The images of all strata under all exchanges."""
        parsed = {name: parse_signs(self.problem, name) for name in self.outcomes}
        return {(name, e): exchange_signs(self.problem, signs, e) for name, signs in parsed.items() for e in self.group}

    def _bounded_ratio(self, face: Face, unit: Unit) -> bool:
        """Whether, where s vanishes on a face, the unit's products do so at least as fast: its parameters then tend to zero."""
        found = face.found
        every = [*found.vertices, *found.rays]
        flat = [g for g in range(len(every)) if every[g][unit.output] == 0]
        return unit.plain or not face.members <= set(flat) or all(every[g][k] == 0 for g in flat for k in unit.products)

    def _flattened(self, key: Key, face: Face, unit: Unit, theta: Sequence[arb]) -> list[arb]:
        """A limit point where a unit without penalty on its bias goes flat: a and the product a c tend to zero, c to anything.

        Such limits fill the critical set of the same stratum in which the unit has a = 0; its dead point is an end of that set. Where a has
        no penalty all of w that is not zero has none, and tends to anything in the stratum: what it is at the witness, say.
        """
        found = face.found
        moving = {k for k in unit.incoming if any(vector[k] != 0 for vector in (found.witness, *found.directions))}
        if self._is_free(unit) and moving <= set(unit.products):
            sigma = found.sigma[found.living.index(unit)]
            with ctx.workprec(self.bits + 32):
                return [sigma * found.witness[k].ball(self.bits) if k in unit.products else value for k, value in enumerate(theta)]
        flat = [vector for vector in (*found.vertices, *found.rays) if vector[unit.output] == 0]
        limit = {k: sum((vector[k] for vector in flat), found.field.element(0)) for k in unit.products}
        outputs = [group.output for group in unit_groups(self.problem)]
        # A layer without kinks has no signs.
        layer = parse_signs(self.problem, key[0]).layers[-2]
        own = layer[outputs.index(unit.output)] if layer else ""
        bias = len(unit.incoming) > self.problem.network.fan_in(len(self.problem.network.layers) - 2)
        if not bias or set(limit) != {unit.incoming[-1]} or own not in ("+" * len(own), "-" * len(own)):
            raise EndError("where a unit goes flat whose weights have no penalty, the ends of a family are not known")
        with ctx.workprec(self.bits + 32):
            return [limit[k].ball(self.bits) if k in limit else value for k, value in enumerate(theta)]

    def _is_free(self, unit: Unit) -> bool:
        """Whether a unit's output weight has no penalty."""
        penalties = quadratic_penalties(self.problem)
        return penalties is not None and not penalties[unit.output]

    def _composed(self, key: Key, found: CriticalSet, first: Exchange, second: Exchange) -> Node:
        """The image of a set under one exchange after another."""
        layers = tuple(tuple(a[u] for u in b) for a, b in zip(first.layers, second.layers, strict=True))
        return self._node(key, found, self._by_layers[layers])

    @cached_property
    def _by_layers(self) -> dict[tuple[tuple[int, ...], ...], Exchange]:
        return {exchange.layers: exchange for exchange in self.group}

    def _end_signs(self, key: Key, face: Face, wild: set[Unit], limits: frozenset[str] = frozenset()) -> Signs:
        """The stratum of a face's interior: units whose s vanishes are dead, other conditions that are tight are zero switches.

        The units in `wild` keep their signs, but for what is tight at their `limits`.
        """
        signs = parse_signs(self.problem, key[0])
        flat = list(signs.all)
        hidden = len(self.problem.network.layers) - 2
        begin = sum(len(text) for layer in signs.layers[:hidden] for text in layer)
        outputs = [unit.output for unit in unit_groups(self.problem) or plain_units(self.problem)]

        def own(unit: Unit) -> range:
            """Where the signs are that its output weight takes along; none in a layer without kinks, or if it is in no chart otherwise."""
            if not unit.incoming:
                return range(0)
            number, layer = outputs.index(unit.output), signs.layers[hidden]
            start = begin + sum(len(text) for text in layer[:number])
            return range(start, start + len(layer[number])) if layer else range(start, start)

        kept = {position for unit in wild for position in own(unit)}
        for name in face.tight - {cut for cut, _ in face.found.cuts}:
            if name.startswith("alive "):
                positions: Iterable[int] = own(face.found.living[int(name.removeprefix("alive "))])
            else:
                positions = [int(name.partition(".")[0])]
            for position in positions:
                if position not in kept or (name in limits and not name.startswith("alive ")):
                    flat[position] = "0"
        dead = [unit for place, unit in enumerate(face.found.living) if f"alive {place}" in face.tight and unit not in wild]
        for position, switch in enumerate(surrogate(self.problem, signs).switches if dead else ()):
            if position not in kept and _vanishes_with(switch.polynomial, face.found.living, dead):
                flat[position] = "0"
        return signs.reshaped("".join(flat))

    def _representative(self, signs: Signs) -> tuple[Exchange, str]:
        for exchange in self.group:
            name = format_signs(self.problem, exchange_signs(self.problem, signs, exchange))
            if name in self.outcomes:
                return exchange, name
        raise EndError(f"a family ends in {format_signs(self.problem, signs)}, which is not among the strata")

    def _at_end(self, name: str, end: _End, exchange: Exchange) -> Meeting:
        """Which minimal sets of a stratum the end lies in; it is critical there, so in one set, or family, or among the points left out."""
        outcome = self.outcomes[name]
        if outcome.undecided:
            raise EndError(f"a family ends in {name}, which is undecided: {outcome.undecided}")
        theta = self._moved(end.theta, exchange)
        found = [position for position, judged in enumerate(outcome.sets) if contains(judged.found, theta, self.bits)]
        parts = {position: outcome.sets[position].found for position in found if outcome.sets[position].found.cuts}
        found = [position for position in found if position not in parts]
        minimal = [position for position in found if outcome.sets[position].decision.verdict is Verdict.MINIMUM]
        if outcome.left_out and not minimal and not parts:
            return Meeting((), False)
        if len(found) != 1 or (outcome.left_out and (minimal or parts)):
            more = " and points that are not minima" if outcome.left_out else ""
            raise EndError(f"the end of a family in {name} is near {len(found)} critical sets{more}")
        return self._among_parts(name, end, theta, exchange, parts) if parts else Meeting(tuple(minimal), bool(minimal))

    def _among_parts(self, name: str, end: _End, theta: Sequence[arb], exchange: Exchange, parts: Mapping[int, CriticalSet]) -> Meeting:
        """Which parts of a family that is cut the end meets."""
        try:
            if end.face is not None and not end.flat:
                with suppress(MeetingError):
                    return meeting(end.face, self._moves[exchange.layers], parts)
            if end.is_point:
                return meeting_at(theta, parts, self.bits)
        except MeetingError as reason:
            raise EndError(f"{reason} ({name})") from None
        raise EndError(f"a family ends in {name}, in one that is cut in other coordinates")


def _vanishes_with(switch: fmpq_mpoly, living: Sequence[Unit], dead: Sequence[Unit]) -> bool:
    """Whether a switch has the s of one of these units for a factor, as the residual where a target is zero: conditions do without it."""
    try:
        terms, _ = Chart(tuple(living)).expanded(switch)
    except ParityError:
        return False
    return bool(terms) and any(all(exponents[unit.output] > 0 for exponents in terms) for unit in dead)
