"""The claims of any map: components by the raw system of each listed stratum, completeness by a survey of all strata."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flint import arb, ctx

from reluspec.errors import ReluspecError
from reluspec.problem.expression import Variable
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs, parse_signs
from reluspec.verifier.balls import Fit, claimed, fit, middle
from reluspec.verifier.claims import Outcome, Report
from reluspec.verifier.convex.setting import rational
from reluspec.verifier.counting import stratum_count
from reluspec.verifier.document import exchange_count, exchanges
from reluspec.verifier.general.audit import check_audit
from reluspec.verifier.general.claimed_points import claimed_theta, impossible
from reluspec.verifier.general.context import Context, moved
from reluspec.verifier.general.exclusions import check_exclusions
from reluspec.verifier.general.explore import explore
from reluspec.verifier.general.families import Families
from reluspec.verifier.general.stitching import Node
from reluspec.verifier.list_claims import check_consistent, check_distinct
from reluspec.verifier.local_minimum import local_minimum
from reluspec.verifier.raw import Ring, Root, SingularError, Surrogate, at, critical_point
from reluspec.verifier.witness import fits_theta

SURVEY = 0.7
"""The share of the time that the survey of all strata may take."""


def verify_general(problem: Problem, document: Mapping[str, Any], report: Report, bits: int, sample: int | None, deadline: float) -> None:
    """Decide every claim that the raw systems reach."""
    # The rest is for what the map lists.
    explored = explore(problem, _listed(problem, document), bits, sample, time.monotonic() + SURVEY * (deadline - time.monotonic()))
    context = Context(problem, document, report, bits, explored)
    _count(context)
    families = Families(context)
    for entry in document["components"]:
        if time.monotonic() > deadline:
            report.leave("components", f"component {entry['id']}", "the time is up")
        else:
            check_component(context, entry, families)
    check_distinct(context)
    check_consistent(context)
    check_exclusions(context, families)
    check_audit(context)


def _listed(problem: Problem, document: Mapping[str, Any]) -> list[Signs]:
    found = []
    for entry in document["components"]:
        for piece in entry["pieces"]:
            try:
                found.append(parse_signs(problem, piece["stratum"]))
            except ReluspecError:
                continue  # refuted where the component is checked
    return found


def raw_witnesses(problem: Problem, document: Mapping[str, Any], report: Report, bits: int, deadline: float) -> None:
    """Isolated components of the convex setting once more, by the raw system alone: what that proves or refutes is added."""
    context = Context(problem, document, Report(), bits)
    for entry in document["components"]:
        if entry["dimension"] == 0 and len(entry["pieces"]) == 1 and time.monotonic() < deadline:
            check_component(context, entry, None)
    found = (claim for claim in context.report.claims if claim.outcome is not Outcome.OPEN)
    report.claims.extend(replace(claim, kind="raw system") for claim in found if claim.kind in ("witnesses", "components", "losses"))


def _count(context: Context) -> None:
    said, total = context.document["summary"]["strata"]["total"], stratum_count(context.problem)
    explored, report = context.explored, context.report
    if total is not None:
        proof = "counted anew: covectors point by point, multisets over units"
        report.check(said == total, "strata", "strata.total", proof, f"there are {total:,}, not {said:,}")
    elif explored is None or explored.strata is None:
        report.leave("strata", "strata.total", f"the strata are not listed anew: {explored.reason if explored else ''}")
    elif said == explored.orbit_count:
        report.prove("strata", "strata.total", "listed anew: sign vectors that are not proved empty, by cones of monomials")
    else:
        # Neither need be wrong: of some sign vectors it is not known whether they are empty.
        report.leave("strata", "strata.total", f"the verifier cannot rule out {explored.orbit_count:,}, not {said:,}")


def check_component(context: Context, entry: Mapping[str, Any], families: Families | None) -> None:
    subject, report = f"component {entry['id']}", context.report
    interior = False
    nodes: list[Node | None] = []
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
            on = families.nodes(piece, signs) if families else []
            if families and (piece["dimension"] or any(node.dimension for node in on)):
                nodes.append(families.check_piece(entry, piece, signs, surrogate, where))
            else:
                _point(context, entry, piece, signs, where)
                nodes.append(on[0] if len(on) == 1 and not on[0].base.strict else None)
    if families:
        families.check_component(entry, nodes)
    place = "interior" if interior else "boundary"
    report.check(entry["location"] == place, "locations", subject, "whether one of its pieces is a cell", f"it is {place}")


def _contradiction(context: Context, entry: Mapping[str, Any], piece: Mapping[str, Any], surrogate: Surrogate, where: str) -> bool:
    """Refute what no point of the claimed balls can do: have these signs, this loss, and a zero gradient along the stratum."""
    theta = claimed_theta(context.problem, piece["witness"])
    if theta is None:
        context.report.refute("witnesses", where, "it has not the shape of the parameters")
        return True
    reason = impossible(surrogate, theta, entry["loss"], len(theta))
    if reason:
        context.report.refute("witnesses", where, reason)
    return bool(reason)


def _sharp(problem: Problem, root: Root, witness: Mapping[str, Any]) -> list[arb]:
    """The point, with the coordinates that the witness claims to be rational made exact where that is proved."""
    said = problem.flatten(witness)
    found = list(root.theta)
    for k, variable in enumerate(problem.parameters):
        low, high = claimed(said[variable])
        if low == high and found[k].contains(arb(low)) and root.is_zero(root.ring.gens[k] - root.ring.context.constant(low)):
            found[k] = arb(low)
    return found


def _critical(context: Context, piece: Mapping[str, Any], signs: Signs) -> tuple[Root, Outcome, str, bool]:
    """The critical point that a piece means, of the survey or near the witness; the verdict on it, and whether that is on a strict minimum.

    Raises `SingularError`.
    """
    theta = claimed_theta(context.problem, piece["witness"])
    stratum = context.explored.at(signs) if context.explored else None
    for one in stratum.points if stratum and theta else ():
        if all(a.overlaps(b) for a, b in zip(one.critical.root.theta, theta or (), strict=True)):
            return one.critical.root, one.outcome, one.reason, one.strict
    flat = context.problem.flatten(piece["witness"])
    root = critical_point(context.problem, signs, [middle(flat[variable]) for variable in context.problem.parameters], context.bits)
    return root, *local_minimum(context.problem, signs, root), True


def _point(context: Context, entry: Mapping[str, Any], piece: Mapping[str, Any], signs: Signs, where: str) -> None:
    problem, report = context.problem, context.report
    try:
        root, outcome, why, strict = _critical(context, piece, signs)
    except SingularError as reason:
        report.leave("witnesses", where, str(reason))
        report.leave("components", where, "its critical point is not enclosed")
        return
    tensors = problem.tensors(_sharp(problem, root, piece["witness"]), lambda value: arb(rational(value)))
    found = fits_theta(piece["witness"], tensors)
    if found is Fit.INSIDE:
        report.prove("witnesses", where, "interval Newton on the raw Lagrange system: one critical point, in these balls")
    elif found is Fit.APART:
        report.refute("witnesses", where, "the critical point of the stratum near it is not in its balls")
    else:
        report.leave("witnesses", where, "a claimed radius is finer than the verifier's precision")
    for switch, sign in root.surrogate.switches:
        value = at(switch, root.theta) * sign
        if sign and (value < 0 or root.is_zero(switch)):
            report.refute("witnesses", where, "the signs of the stratum are not those of its critical point")
        elif sign and not value > 0:
            report.leave("witnesses", where, "a strict switch may vanish at the critical point")
    loss = fit(entry["loss"], at(root.surrogate.loss, root.theta))
    if loss is Fit.UNCLEAR:
        report.leave("losses", where, "the claimed radius is finer than the verifier's precision")
    else:
        report.check(loss is Fit.INSIDE, "losses", where, "evaluated at the critical point", "it is another one")
    if outcome is Outcome.PROVED:
        report.prove("components", where, f"a strict local minimum: {why}" if strict else why)
        if strict:
            _isolated(context, entry, root, signs)
    elif outcome is Outcome.REFUTED:
        report.refute("components", where, f"no local minimum: {why}")
    else:
        report.leave("components", where, why)


def _isolated(context: Context, entry: Mapping[str, Any], root: Root, signs: Signs) -> None:
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
    images = [moved(context.problem, root.theta, image) for image in group]
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
