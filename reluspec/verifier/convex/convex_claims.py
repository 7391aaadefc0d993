"""The claims of a map whose problem is in the setting of theory.md section 4, against the landscape re-derived from the spec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise, permutations, product
from math import comb
from typing import Any

from flint import arb, ctx, fmpq, fmpq_mat

from reluspec.verifier.balls import Fit, fit
from reluspec.verifier.claims import Report
from reluspec.verifier.convex.classes import Class, Faces, Landscape
from reluspec.verifier.convex.expected import Expected, Type, copies, critical_types, dimension, expected_components, index_of, is_minimal
from reluspec.verifier.convex.geometry import DEAD, Geometry
from reluspec.verifier.convex.landscape import Survey
from reluspec.verifier.convex.setting import Setting
from reluspec.verifier.witness import check_piece

ARGUMENTS = {
    "inactive": "weak duality: in the ball around the optimum's residual some unit stays below lambda",
    "outside": "weak duality: in the ball around the optimum's residual some unit's direction is outside its face",
    "mixed": "weak duality: in the ball around the optimum's residual some kink rises on one side and falls on the other",
    "unneeded": "its optimum is a smaller stratum's, proved by an identity: some unit is dead",
}


@dataclass
class _Context:
    geometry: Geometry
    document: Mapping[str, Any]
    report: Report
    found: Landscape
    bits: int
    undecided: frozenset[Type]

    def name(self, kind: Type) -> str:
        return "|".join(self.geometry.names[face] for face in (*[face for face in kind if face != DEAD], *[DEAD] * kind.count(DEAD)))

    def order(self, name: str) -> tuple[int, ...] | None:
        """The faces of a stratum's name, unit by unit; `None` if there is no such stratum."""
        faces = [self.geometry.number.get(part) for part in name.replace(",", "|").split("|")]
        known = [face for face in faces if face is not None]
        return tuple(known) if len(known) == len(faces) == self.found.units else None


def verify_convex(
    setting: Setting, document: Mapping[str, Any], report: Report, bits: int, sample: int | None, deadline: float | None
) -> None:
    """Decide every claim that this argument reaches."""
    geometry = Geometry(setting)
    total = comb(len(geometry) + setting.units - 1, setting.units)
    said = document["summary"]["strata"]["total"]
    report.check(
        said == total,
        "strata",
        "strata.total",
        "counted anew: covectors point by point, multisets over units",
        f"there are {total:,}, not {said:,}",
    )
    survey = Survey(geometry, setting.units, bits, sample, deadline)
    context = _Context(geometry, document, report, survey.found, bits, frozenset())
    listed = [context.order(piece["stratum"]) for component in document["components"] for piece in component["pieces"]]
    skipped = [context.order(entry["stratum"]) for entry in document["undecided"]]
    context.undecided = frozenset(tuple(sorted(faces)) for faces in skipped if faces is not None)
    survey.run([tuple(sorted(set(faces) - {DEAD})) for faces in listed if faces is not None])
    _exclusions(context)
    _components(context)
    _global(context)
    _ledger(context)
    _audit(context)


def _exclusions(context: _Context) -> None:
    found, report = context.found, context.report
    for argument, count in found.arguments().items():
        if count:
            report.prove("excluded strata", argument, ARGUMENTS[argument], count)
    for faces, reason in found.open.items():
        report.leave("excluded strata", context.name(faces), reason, found.strata(len(faces)))
    left = sum(count * found.strata(size) for size, count in found.unvisited.items())
    if left:
        share = 1 - left / comb(len(context.geometry) + found.units - 1, found.units)
        report.leave(
            "excluded strata", "the rest", f"a sample was asked for, or the time is up: {share:.4%} of the strata are re-proved", left
        )


def _components(context: _Context) -> None:
    expected: list[Expected] = []
    for home in context.found.classes:
        try:
            expected.extend(expected_components(context.found, home))
        except OverflowError as reason:
            context.report.leave("components", context.name(next(iter(home.points))), str(reason))
    taken: dict[int, int] = {}
    for entry in context.document["components"]:
        _component(context, entry, expected, taken)
    for position, one in enumerate(expected):
        if position not in taken and not context.undecided & set(one.pieces):
            stratum = context.name(min(one.pieces))
            context.report.refute(
                "components", stratum, f"a component of local minima with loss {_shown(one.home.loss)} is missing from the map"
            )


def _component(context: _Context, entry: Mapping[str, Any], expected: list[Expected], taken: dict[int, int]) -> None:
    subject, report = f"component {entry['id']}", context.report
    orders = [context.order(piece["stratum"]) for piece in entry["pieces"]]
    if None in orders:
        bad = entry["pieces"][orders.index(None)]["stratum"]
        report.refute("components", subject, f"there is no stratum {bad}")
        return
    kinds = [tuple(sorted(order)) for order in orders if order is not None]
    position = next((k for k, one in enumerate(expected) if set(kinds) & set(one.pieces)), None)
    if position is None:
        _absent(context, subject, kinds)
        return
    one = expected[position]
    if position in taken:
        report.refute("components", subject, f"it is component {taken[position]} once more")
        return
    taken[position] = entry["id"]
    if set(kinds) != set(one.pieces) or len(set(kinds)) != len(kinds):
        wanted = ", ".join(sorted(map(context.name, one.pieces)))
        report.refute("components", subject, f"its pieces are not those of the component: {wanted}")
        return
    report.prove(
        "components", subject, "a component of local minima: no slope of a kink falls, no dead unit can wake with profit; its pieces meet"
    )
    _facts(context, entry, one, kinds)
    for piece, order in zip(entry["pieces"], orders, strict=True):
        assert order is not None
        check_piece(context.geometry, one.home, piece, order, f"{subject}, {piece['stratum']}", context.bits, report)


def _absent(context: _Context, subject: str, kinds: list[Type]) -> None:
    for kind in kinds:
        faces: Faces = tuple(sorted(set(kind) - {DEAD}))
        touched = [other for other in context.found.open if set(faces) <= set(other) or set(other) <= set(faces)]
        if faces in context.found.open or touched:
            context.report.leave("components", subject, f"{context.name(kind)}: {context.found.open[touched[0]]}")
            return
    critical = {kind for _, _, kind in critical_types(context.found)}
    reason = "is critical, but no local minimum" if kinds[0] in critical else "holds no local minimum"
    context.report.refute("components", subject, f"{context.name(kinds[0])} {reason}")


def _facts(context: _Context, entry: Mapping[str, Any], one: Expected, kinds: list[Type]) -> None:
    report, subject = context.report, f"component {entry['id']}"
    for piece, kind in zip(entry["pieces"], kinds, strict=True):
        where = f"{subject}, {piece['stratum']}"
        size, dead = one.pieces[kind], kind.count(DEAD)
        report.check(
            piece["dimension"] == size, "dimensions", where, "the polytope of the weights has it", f"{piece['dimension']} is not {size}"
        )
        report.check(
            piece["dead_units"] == dead, "dimensions", where, "counted in the stratum's name", f"{piece['dead_units']} is not {dead}"
        )
    largest = max(one.pieces.values())
    report.check(
        entry["dimension"] == largest, "dimensions", subject, "the largest of its pieces'", f"{entry['dimension']} is not {largest}"
    )
    size = entry["orbit_size"]
    report.check(
        size == one.orbit_size, "orbits", subject, "its copies under exchange of units are counted", f"{size} is not {one.orbit_size}"
    )
    place = "interior" if one.interior else "boundary"
    report.check(entry["location"] == place, "locations", subject, "whether one of its pieces is a cell", f"it is {place}")
    ends = [context.order(name) for name in entry.get("missing", [])]
    missing = {tuple(sorted(end)) for end in ends if end is not None}
    right = missing == one.missing and len(ends) == len(missing) and entry["closed"] is not bool(one.missing)
    wanted = ", ".join(sorted(map(context.name, one.missing))) or "none"
    report.check(
        right,
        "ends",
        subject,
        "its closure adds these points, where a unit dies, and a dead unit can wake there",
        f"its missing ends are: {wanted}",
    )
    with ctx.workprec(context.bits):
        check_ball(report, "losses", subject, entry["loss"], one.home.loss, "primal and dual value enclose it")


def check_ball(report: Report, kind: str, subject: str, entry: Any, own: arb, proof: str) -> None:
    """A claimed ball against an enclosure."""
    found = fit(entry, own)
    if found is Fit.UNCLEAR:
        report.leave(kind, subject, "the claimed radius is finer than the verifier's precision")
    else:
        report.check(found is Fit.INSIDE, kind, subject, proof, f"{entry['value']} ± {entry['radius']} misses {_shown(own)}")


def _shown(value: arb) -> str:
    return str(value.str(15, radius=False))


# Losses in order, and the least one


def _global(context: _Context) -> None:
    entries = context.document["components"]
    homes = [_home(context, entry) for entry in entries]
    report = context.report
    complete = context.found.complete and not context.undecided
    minimal = [
        home
        for home in context.found.classes
        if any(is_minimal(home, kind) for one, _, kind in critical_types(context.found) if one is home)
    ]
    with ctx.workprec(context.bits):
        for entry, home in zip(entries, homes, strict=True):
            if home is None:
                continue
            subject = f"component {entry['id']}"
            above = next((other for other in minimal if other.loss < home.loss), None)
            unsure = [
                other
                for other in minimal
                if other is not home and other.loss.overlaps(home.loss) and not same_loss(context.geometry, home, other)
            ]
            if above is not None:
                report.check(
                    not entry["global"], "global minimum", subject, "another minimum is lower", "another minimum is lower: it is not global"
                )
            elif home.dead_minimal:
                report.check(
                    entry["global"],
                    "global minimum",
                    subject,
                    "no direction exceeds lambda: no network of any width does better",
                    "it is global",
                )
            elif not complete or unsure:
                report.leave("global minimum", subject, "some strata are not re-proved" if not complete else "another loss may be equal")
            else:
                report.check(
                    entry["global"], "global minimum", subject, "every other minimum's loss is higher or proved equal", "it is global"
                )
        for k, (first, second) in enumerate(pairwise(homes)):
            if first is None or second is None:
                continue
            if first.loss.overlaps(second.loss) and first is not second and not same_loss(context.geometry, first, second):
                report.leave("order", f"components {k} and {k + 1}", "their losses may be equal")
            else:
                report.check(not second.loss < first.loss, "order", f"components {k} and {k + 1}", "losses ascend", "losses do not ascend")


def _home(context: _Context, entry: Mapping[str, Any]) -> Class | None:
    order = context.order(entry["pieces"][0]["stratum"])
    faces = frozenset(order or ()) - {DEAD}
    return next((home for home in context.found.classes if any(set(p.faces) == faces for p in home.polytopes)), None) if order else None


def same_loss(geometry: Geometry, first: Class, second: Class) -> bool:
    """Whether a symmetry of the data takes one residual to the other, proved in rational numbers.

    A permutation of the points that keeps the weights, keeps y or turns it to -y, and takes the matrices `A_F diag(1/q) A_F^T` of one
    vertex to those of the other, takes one convex problem to the other (with the residual's sign turned, too).
    """
    if first is second:
        return True
    plain = tuple(range(geometry.points))
    there = {frozenset(_moved(geometry, face, plain) for face in faces) for faces in second.points}
    return any(
        frozenset(_moved(geometry, face, move) for face in faces) in there for move in _symmetries(geometry) for faces in first.points
    )


def _symmetries(geometry: Geometry) -> list[tuple[int, ...]]:
    """Permutations of the points by reflections and exchanges of at most three inputs about the data's centre, with y or -y kept."""
    setting = geometry.setting
    width = len(setting.ridge) - setting.hidden_bias
    rows = [row[:width] for row in setting.rows]
    if width > 3:
        return []
    centre = [min(column) + max(column) for column in zip(*rows, strict=True)]
    found = []
    for order in permutations(range(width)):
        for flips in product((False, True), repeat=width):
            images = [tuple(centre[j] - row[j] if flip else row[j] for j, flip in zip(order, flips, strict=True)) for row in rows]
            for turn in (1, -1):
                targets = zip(images, (turn * y for y in setting.y), setting.omega, strict=True)
                move = _matched(list(targets), list(zip(rows, setting.y, setting.omega, strict=True)))
                found.extend([move] if move else [])
    return found


def _matched(images: list[Any], points: list[Any]) -> tuple[int, ...] | None:
    """The permutation that takes each image to an equal point, equal points in order; `None` if there is none."""
    places: dict[Any, list[int]] = {}
    for k, point in reversed(list(enumerate(points))):
        places.setdefault(point, []).append(k)
    if sorted(images) != sorted(points):
        return None
    return tuple(places[image].pop() for image in images)


def _moved(geometry: Geometry, face: int, move: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """The entries of `A diag(1/q) A^T` with its points renamed: point k becomes point move[k]."""
    one = geometry.local(face)
    size = geometry.points
    matrix = fmpq_mat(size, size)
    for column, q in zip(one.columns, one.weights, strict=True):
        for i in range(size):
            for j in range(size):
                matrix[move[i], move[j]] += column[i] * column[j] / q
    return tuple((int(entry.p), int(entry.q)) for entry in matrix.entries())


# Ledger and audit


def _ledger(context: _Context) -> None:
    found, report, ledger = context.found, context.report, context.document["summary"]["ledger"]
    if not found.complete or context.undecided:
        report.leave("ledger", "minimal, critical", "some strata are not re-proved")
        return
    all_types = list(critical_types(found))
    minimal = sum(is_minimal(home, kind) for home, _, kind in all_types)
    report.check(
        ledger.get("minimal", 0) == minimal,
        "ledger",
        "minimal",
        "the strata with minima are counted anew",
        f"{ledger.get('minimal', 0)} is not {minimal}",
    )
    if context.document["engine"] != "convex":
        return
    vague = [
        kind
        for home, _, kind in all_types
        if any(not home.units[face].simple and not home.units[face].index for face in set(kind) - {DEAD})
    ]
    if not vague:
        said, critical = ledger.get("critical", 0), sum(_clarke(home, kind) for home, _, kind in all_types) - minimal
        report.check(
            said == critical, "ledger", "critical", "the strata critical in Clarke's sense are counted anew", f"{said} is not {critical}"
        )
    else:
        report.leave("ledger", "critical", "dependent kinks: whether all of these are critical in Clarke's sense is not re-proved")
    if context.document.get("critical"):
        _listed(context)


def _clarke(home: Class, kind: Type) -> bool:
    """Whether no kink of a living unit falls on one side only; for independent kinks that is an index other than zero."""
    return all(home.units[face].index for face in kind if face != DEAD)


def _listed(context: _Context) -> None:
    """The list of critical strata, entry by entry."""
    wanted = {kind: (home, dimension(kind, polytope)) for home, polytope, kind in critical_types(context.found)}
    seen: set[Type] = set()
    with ctx.workprec(context.bits):
        for entry in context.document["critical"]:
            order = context.order(entry["stratum"])
            kind = tuple(sorted(order or ()))
            if order is None or kind not in wanted or kind in seen:
                context.report.refute(
                    "critical strata", entry["stratum"], "it is listed twice" if kind in seen else "it has no critical point"
                )
                continue
            seen.add(kind)
            home, size = wanted[kind]
            facts = {"dimension": size, "index": index_of(home, kind), "copies": copies(kind), "minimal": is_minimal(home, kind)}
            wrong = [f"{key} {entry[key]} is not {value}" for key, value in facts.items() if entry[key] != value]
            context.report.check(
                not wrong, "critical strata", entry["stratum"], "dimension, index, copies and minimality are counted anew", "; ".join(wrong)
            )
            check_ball(
                context.report, "critical strata", entry["stratum"], entry["loss"], home.loss, "primal and dual value enclose its loss"
            )


def _audit(context: _Context) -> None:
    found, report, said = context.found, context.report, context.document["summary"]["index_sum"]
    if not found.complete:
        if said is not None:
            report.leave("audit", "index_sum", "some strata are not re-proved, so the indices cannot be summed")
        return
    total = sum(copies(kind) * (-1) ** dimension(kind, polytope) * index_of(home, kind) for home, polytope, kind in critical_types(found))
    proof = "the indices of the critical strata found here add up to 1, as docs/audit.md proves they must"
    report.check(
        total == 1,
        "audit",
        "sum of the indices",
        proof,
        f"the indices of the critical strata add up to {total}, not 1: the verifier is wrong",
    )
    if said is not None:
        report.check(said == total, "audit", "index_sum", proof, f"{said} is not {total}")


__all__ = ["check_ball", "fmpq", "verify_convex"]
