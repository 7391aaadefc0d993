"""The claims of any map, as far as the raw system of each listed stratum reaches: witnesses, losses, minimality, orbits.

Here completeness is not re-proved: nothing is said about strata that the map does not list.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

from flint import arb, ctx

from reluspec.errors import ReluspecError
from reluspec.problem.expression import Variable
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs, format_signs, parse_signs, signs_at
from reluspec.verifier.balls import Fit, claimed, fit, middle
from reluspec.verifier.claims import Outcome, Report
from reluspec.verifier.counting import stratum_count
from reluspec.verifier.document import exchange_count, exchanges
from reluspec.verifier.local_minimum import local_minimum
from reluspec.verifier.raw import Ring, Root, SingularError, Surrogate, at, critical_point, kernel, linear_row
from reluspec.verifier.setting import rational
from reluspec.verifier.witness import fits_theta

FAMILY = "a family outside the convex setting: tried at points only; minimality, dimension, ends and orbit are not re-proved"


@dataclass
class _Context:
    problem: Problem
    document: Mapping[str, Any]
    report: Report
    bits: int
    roots: dict[int, tuple[Root, Signs]]


def verify_general(problem: Problem, document: Mapping[str, Any], report: Report, bits: int, deadline: float | None, reason: str) -> None:
    """Decide what does not need the landscape; `reason` says why the landscape is out of reach."""
    context = _Context(problem, document, report, bits, {})
    _count(context)
    for entry in document["components"]:
        if deadline is not None and time.monotonic() > deadline:
            report.leave("components", f"component {entry['id']}", "the time is up")
        else:
            check_component(context, entry)
    _distinct(context)
    _consistent(context)
    left = document["summary"]["strata"]["solved"] - document["summary"]["strata"]["minimal"]
    report.leave("excluded strata", "all", f"exclusions are re-proved in the convex setting only, and {reason}", left)


def raw_witnesses(problem: Problem, document: Mapping[str, Any], report: Report, bits: int, deadline: float) -> None:
    """Isolated components of the convex setting once more, by the raw system alone: what that proves or refutes is added."""
    context = _Context(problem, document, Report(), bits, {})
    for entry in document["components"]:
        if entry["dimension"] == 0 and len(entry["pieces"]) == 1 and time.monotonic() < deadline:
            check_component(context, entry)
    found = (claim for claim in context.report.claims if claim.outcome is not Outcome.OPEN)
    report.claims.extend(replace(claim, kind="raw system") for claim in found if claim.kind in ("witnesses", "components", "losses"))


def _count(context: _Context) -> None:
    said, total = context.document["summary"]["strata"]["total"], stratum_count(context.problem)
    if total is None:
        context.report.leave("strata", "strata.total", "the switches are not linear unit by unit: the strata are not counted anew")
    else:
        proof = "counted anew: covectors point by point, multisets over units"
        context.report.check(said == total, "strata", "strata.total", proof, f"there are {total:,}, not {said:,}")


def check_component(context: _Context, entry: Mapping[str, Any]) -> None:
    subject, report = f"component {entry['id']}", context.report
    interior = False
    for piece in entry["pieces"]:
        where = f"{subject}, {piece['stratum']}"
        try:
            signs = parse_signs(context.problem, piece["stratum"])
        except ReluspecError as error:
            report.refute("components", subject, f"there is no such stratum: {error}")
            return
        dead = sum(bool(unit) and set(unit) == {"0"} for layer in signs.layers for unit in layer)
        report.check(
            piece["dead_units"] == dead, "dimensions", where, "counted in the stratum's name", f"{piece['dead_units']} is not {dead}"
        )
        with ctx.workprec(context.bits):
            surrogate = Ring(context.problem).surrogate(signs)
            cell = all(sign or switch == 0 for switch, sign in surrogate.switches) and not dead
            interior = interior or cell
            if _contradiction(context, entry, piece, surrogate, where):
                return
            if piece["dimension"]:
                _family(context, entry, piece, signs, surrogate, where)
            else:
                _point(context, entry, piece, signs, where)
    place = "interior" if interior else "boundary"
    report.check(entry["location"] == place, "locations", subject, "whether one of its pieces is a cell", f"it is {place}")


def _contradiction(context: _Context, entry: Mapping[str, Any], piece: Mapping[str, Any], surrogate: Surrogate, where: str) -> bool:
    """Refute what no point of the claimed balls can do: have these signs, this loss, and a zero gradient along the stratum."""
    theta = _claimed_theta(context.problem, piece["witness"])
    if theta is None:
        context.report.refute("witnesses", where, "it has not the shape of the parameters")
        return True
    reason = impossible(surrogate, theta, entry["loss"], len(theta))
    if reason:
        context.report.refute("witnesses", where, reason)
    return bool(reason)


def impossible(surrogate: Surrogate, theta: Sequence[arb], loss: Mapping[str, str], size: int) -> str:
    """Why no point in these balls is a critical one of the stratum with that loss; empty if it is not proved."""
    for switch, sign in surrogate.switches:
        value = at(switch, theta)
        if (sign == 0 and not value.contains(0)) or (sign > 0 and value <= 0) or (sign < 0 and value >= 0):
            return "the signs of the stratum are not those of its balls"
    if fit(loss, at(surrogate.loss, theta)) is Fit.APART:
        return "the loss in its balls is another one"
    tight = [switch for switch, sign in surrogate.switches if sign == 0 and switch != 0]
    if any(switch.total_degree() > 1 for switch in tight):
        return ""
    rows = [linear_row(switch, size) for switch in tight]
    for vector in kernel(rows, size):
        slope = sum((surrogate.loss.derivative(k) * entry for k, entry in enumerate(vector) if entry), surrogate.loss * 0)
        if not at(slope, theta).contains(0):
            return "no critical point lies in its balls: the gradient along the stratum is not zero"
    return ""


def _claimed_theta(problem: Problem, witness: Mapping[str, Any]) -> list[arb] | None:
    """The free parameters of a witness as balls; `None` for another shape. Fixed parameters must hold their values."""
    try:
        flat = problem.flatten(witness)
        shape = problem.tensors([None] * len(problem.parameters), lambda value: value)
        if set(witness) != set(shape) or not _holds_constants(problem, witness):
            return None
        return [_ball(flat[variable]) for variable in problem.parameters]
    except (ReluspecError, TypeError, KeyError, AttributeError):
        return None


def _holds_constants(problem: Problem, witness: Mapping[str, Any]) -> bool:
    for variable, value in problem.constants().items():
        entry = witness[variable.name]
        for k in variable.index:
            entry = entry[k]
        low, high = claimed(entry)
        if not low <= rational(value) <= high:
            return False
    return True


def _ball(entry: Mapping[str, str]) -> arb:
    low, high = claimed(entry)
    return arb((low + high) / 2) + arb(0, arb((high - low) / 2).upper())


def _point(context: _Context, entry: Mapping[str, Any], piece: Mapping[str, Any], signs: Signs, where: str) -> None:
    problem, report = context.problem, context.report
    flat = problem.flatten(piece["witness"])
    start = [middle(flat[variable]) for variable in problem.parameters]
    try:
        root = critical_point(problem, signs, start, context.bits)
    except SingularError as reason:
        report.leave("witnesses", where, str(reason))
        report.leave("components", where, "its critical point is not enclosed")
        return
    tensors = problem.tensors(root.theta, lambda value: arb(rational(value)))
    found = fits_theta(piece["witness"], tensors)
    if found is Fit.INSIDE:
        report.prove("witnesses", where, "interval Newton on the raw Lagrange system: one critical point, in these balls")
    elif found is Fit.APART:
        report.refute("witnesses", where, "the critical point of the stratum near it is not in its balls")
    else:
        report.leave("witnesses", where, "a claimed radius is finer than the verifier's precision")
    for switch, sign in root.surrogate.switches:
        value = at(switch, root.theta) * sign
        if sign and (value < 0 or root.affine.of(switch) == 0):
            report.refute("witnesses", where, "the signs of the stratum are not those of its critical point")
        elif sign and not value > 0:
            report.leave("witnesses", where, "a strict switch may vanish at the critical point")
    loss = fit(entry["loss"], at(root.surrogate.loss, root.theta))
    if loss is Fit.UNCLEAR:
        report.leave("losses", where, "the claimed radius is finer than the verifier's precision")
    else:
        report.check(loss is Fit.INSIDE, "losses", where, "evaluated at the critical point", "it is another one")
    outcome, why = local_minimum(problem, signs, root)
    if outcome is Outcome.PROVED:
        report.prove("components", where, f"a strict local minimum: {why}")
        _isolated(context, entry, root, signs)
    elif outcome is Outcome.REFUTED:
        report.refute("components", where, f"no local minimum: {why}")
    else:
        report.leave("components", where, why)


def _isolated(context: _Context, entry: Mapping[str, Any], root: Root, signs: Signs) -> None:
    """A strict minimum is a component by itself."""
    report, subject = context.report, f"component {entry['id']}"
    alone = entry["dimension"] == 0 and len(entry["pieces"]) == 1
    report.check(alone, "dimensions", subject, "a strict minimum is a component by itself", "one of its points is a strict minimum")
    report.check(entry["closed"] and not entry.get("missing"), "ends", subject, "a point is closed", "a point has no ends")
    context.roots[entry["id"]] = root, signs
    if exchange_count(context.problem) is None:
        report.leave("orbits", subject, "there are too many units to try their permutations")
        return
    group = exchanges(context.problem)
    images = [_moved(context.problem, root.theta, image) for image in group]
    same = [all(a.overlaps(b) for a, b in zip(root.theta, image, strict=True)) for image in images]
    fixed = [_fixed(context.problem, root, image) for image in group]
    if same != fixed:
        report.leave("orbits", subject, "two images may be one point")
        return
    size, count = entry["orbit_size"], len(group) // sum(fixed)
    report.check(size == count, "orbits", subject, "the exchanges that keep the point are counted, exactly", f"{size} is not {count}")


def _fixed(problem: Problem, root: Root, image: Mapping[Variable, Variable]) -> bool:
    """Whether an exchange keeps the point, by exact relations between its coordinates."""
    relations = dict(zip(problem.parameters, root.affine.images, strict=False))
    return all(relations[variable] == relations[image[variable]] for variable in problem.parameters)


def _moved(problem: Problem, theta: Sequence[arb], image: Mapping[Variable, Variable]) -> list[arb]:
    values = dict(zip(problem.parameters, theta, strict=True))
    return [values[image[variable]] for variable in problem.parameters]


def _family(context: _Context, entry: Mapping[str, Any], piece: Mapping[str, Any], signs: Signs, surrogate: Surrogate, where: str) -> None:
    """A piece of positive dimension: what can refute it is tried, but it is not proved."""
    report, problem = context.report, context.problem
    flat = problem.flatten(piece["witness"])
    try:
        critical_point(problem, signs, [middle(flat[variable]) for variable in problem.parameters], context.bits)
        report.refute("dimensions", where, "interval Newton: its witness is an isolated critical point of the stratum")
        return
    except SingularError:
        pass
    form = piece.get("parametrisation")
    if form is None:
        report.leave("parametrisations", where, "the map gives none")
    else:
        reasons = [impossible(surrogate, point, entry["loss"], len(point)) for point in _samples(problem, form)]
        if any(reasons):
            report.refute("parametrisations", where, next(reason for reason in reasons if reason))
            return
        _ends(context, entry, form)
    count = exchange_count(problem)
    if count is not None and count % entry["orbit_size"]:
        report.refute("orbits", f"component {entry['id']}", f"{entry['orbit_size']} does not divide the number of exchanges, {count}")
    report.leave(
        "components",
        where,
        FAMILY,
    )


def _ends(context: _Context, entry: Mapping[str, Any], form: Mapping[str, Any]) -> None:
    """A rational vertex of a chart that provably is no minimum must be a missing end: the loss there is the family's."""
    if form["kind"] != "chart" or form["units"] or form.get("pairs") or not form["rays"]:
        return
    problem = context.problem
    for vertex in form["vertices"]:
        if any(Fraction(ball["radius"]) for ball in vertex):
            continue
        point = problem.tensors([Fraction(ball["value"]) for ball in vertex], lambda value: value)
        signs = signs_at(problem, point)
        name = format_signs(problem, signs)
        if name in entry.get("missing", []) or name in [piece["stratum"] for piece in entry["pieces"]]:
            continue
        try:
            root = critical_point(problem, signs, [middle(ball) for ball in vertex], context.bits)
        except SingularError:
            continue
        if local_minimum(problem, signs, root)[0] is Outcome.REFUTED:
            context.report.refute(
                "ends", f"component {entry['id']}", f"its closure holds a point of {name} that is no minimum: it is open there"
            )


def _samples(problem: Problem, form: Mapping[str, Any]) -> list[list[arb]]:
    """A few points of a chart's family: mixtures of its vertices plus multiples of its rays."""
    if form["kind"] != "chart" or form.get("pairs"):
        return []
    vertices = [[_ball(entry) for entry in vertex] for vertex in form["vertices"]]
    rays = [[_ball(entry) for entry in ray] for ray in form["rays"]]
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
            theta[unit["output"]] = unit["sign"] * theta[unit["output"]].sqrt()
            for k in unit["directions"]:
                theta[k] = theta[k] * theta[unit["output"]]
            for k in unit["products"]:
                theta[k] = theta[k] / theta[unit["output"]]
        found.append(theta)
    return found


def _distinct(context: _Context) -> None:
    """Two listed points must not be one, nor images of one under exchange; nor may a witness stand in two components."""
    seen: list[tuple[int, Any]] = []
    for entry in context.document["components"]:
        witnesses = [piece["witness"] for piece in entry["pieces"]]
        twin = next((number for number, other in seen if other in witnesses), None)
        if twin is not None:
            context.report.refute("components", f"component {entry['id']}", f"it has a witness of component {twin}")
        seen.extend((entry["id"], witness) for witness in witnesses)
    items = list(context.roots.items())
    for k, (first, (root, _)) in enumerate(items):
        for second, (other, _) in items[k + 1 :]:
            if not at(root.surrogate.loss, root.theta).overlaps(at(other.surrogate.loss, other.theta)):
                continue
            images = [_moved(context.problem, other.theta, image) for image in exchanges(context.problem)]
            if any(all(a.overlaps(b) for a, b in zip(root.theta, image, strict=True)) for image in images):
                context.report.refute("components", f"component {second}", f"it is component {first} once more")


def _consistent(context: _Context) -> None:
    """What must follow from the list alone: order, global flags, the number of strata with minima."""
    report, entries = context.report, context.document["components"]
    intervals = [claimed(entry["loss"]) for entry in entries]
    for k, ((low, _), (_, high)) in enumerate(pairwise(intervals)):
        report.check(high >= low, "order", f"components {k} and {k + 1}", "losses ascend", "losses do not ascend")
    for entry, (low, high) in zip(entries, intervals, strict=True):
        subject = f"component {entry['id']}"
        if any(other_high < low for _, other_high in intervals):
            report.check(
                not entry["global"], "global minimum", subject, "another minimum is lower", "another minimum is lower: it is not global"
            )
        elif all(low_other > high for k, (low_other, _) in enumerate(intervals) if k != entry["id"]) and not context.document["undecided"]:
            report.check(
                entry["global"],
                "global minimum",
                subject,
                "the lowest of the list, as far as the list is complete",
                "it is the lowest one of the list",
            )
        else:
            report.leave("global minimum", subject, "another loss may be equal")
    names = {piece["stratum"] for entry in entries for piece in entry["pieces"]}
    said = context.document["summary"]["ledger"].get("minimal", 0)
    report.check(
        said == len(names), "ledger", "minimal", "the strata listed under components", f"{said} is not {len(names)}, the listed ones"
    )
