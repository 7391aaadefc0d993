"""That no stratum has a local minimum which the map does not list."""

from __future__ import annotations

from collections import Counter

from reluspec.errors import ReluspecError
from reluspec.regions.signs import Signs, format_signs, parse_signs
from reluspec.verifier.claims import Outcome
from reluspec.verifier.general.context import Context, moved
from reluspec.verifier.general.explore import Stratum, same_point
from reluspec.verifier.general.families import Families
from reluspec.verifier.general.survey import images
from reluspec.verifier.raw import at

KIND = "excluded strata"
EMPTY = "no critical point: as many complex solutions of its system are certified as there can be, none of them real with its signs"
FALLING = "all its critical points are found, and from each the loss falls"


def check_exclusions(context: Context, families: Families) -> None:
    """Hold the list against the survey of all strata."""
    explored, report = context.explored, context.report
    if explored is None or explored.strata is None:
        strata = context.document["summary"]["strata"]
        reason = f"the strata are not listed anew: {explored.reason if explored else ''}"
        report.leave(KIND, "all", reason, strata["solved"] - strata["minimal"])
        return
    undecided = _undecided(context)
    proofs: Counter[str] = Counter()
    left: Counter[str] = Counter()
    names: dict[str, str] = {}
    for stratum in explored.visited:
        if stratum.orbit.signs in undecided:
            continue
        reason = stratum.open
        _missing(context, families, stratum)
        if reason and not _listed_family(context, stratum):
            left[reason] += 1
            names.setdefault(reason, format_signs(context.problem, stratum.orbit.signs))
        elif not reason and not stratum.points and not stratum.curves:
            proofs[stratum.argument or EMPTY] += 1
        elif not reason and all(one.outcome is Outcome.REFUTED for one in (*stratum.points, *stratum.curves)):
            proofs[FALLING] += 1
    families.check_missing(undecided)
    for argument, count in proofs.items():
        report.prove(KIND, "by argument", argument, count)
    for reason, count in left.items():
        subject = names[reason] if count == 1 else f"{names[reason]} and {count - 1:,} more"
        report.leave(KIND, subject, reason, count)
    if explored.unvisited:
        share = 1 - explored.unvisited / explored.orbit_count
        report.leave(KIND, "the rest", f"a sample was asked for: {share:.4%} of the strata are re-proved", explored.unvisited)


def _undecided(context: Context) -> set[Signs]:
    """The strata about which the map claims nothing, with their images."""
    group = context.group
    found: set[Signs] = set()
    for entry in context.document["undecided"]:
        try:
            found.update(images(context.problem, parse_signs(context.problem, entry["stratum"]), group))
        except ReluspecError:
            context.report.refute("document", "undecided", f"there is no stratum {entry['stratum']}")
    return found


def _listed_family(context: Context, stratum: Stratum) -> bool:
    """Whether the map lists a family in the stratum, which is a claim of its own."""
    name = format_signs(context.problem, stratum.orbit.signs)
    pieces = [piece for entry in context.document["components"] for piece in entry["pieces"]]
    return any(piece["stratum"] == name and piece["dimension"] for piece in pieces)


def _orbit_names(context: Context, stratum: Stratum) -> set[str]:
    group = context.group
    return {format_signs(context.problem, one) for one in images(context.problem, stratum.orbit.signs, group)}


def _missing(context: Context, families: Families, stratum: Stratum) -> None:
    """Refute a map without a strict minimum that was found; minima at the ends of curves are a matter of their components."""
    proved = [one for one in stratum.points if one.outcome is Outcome.PROVED]
    if not proved:
        return
    group = context.group
    orbit = _orbit_names(context, stratum)
    near = [entry["id"] for entry in context.document["components"] if any(piece["stratum"] in orbit for piece in entry["pieces"])]
    listed = [
        moved(context.problem, context.roots[number][0].theta, image) for number in near if number in context.roots for image in group
    ]
    known = all(number in context.roots or number in families.owners.values() for number in near)
    for one in proved:
        if any(same_point(one.critical, theta) for theta in listed) or families.holds(one):
            continue
        root = one.critical.root
        name = format_signs(context.problem, one.critical.signs)
        loss = at(root.surrogate.loss, root.theta).str(12, radius=False)
        if known and one.strict:
            context.report.refute("components", name, f"a strict local minimum with loss {loss} is missing from the map")
        else:
            context.report.leave("components", name, f"it may be that the minimum with loss {loss} is missing from the map")
