"""Pieces of positive dimension outside the convex setting: what can refute them is tried at points."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from flint import arb

from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs, format_signs, signs_at
from reluspec.verifier.balls import middle
from reluspec.verifier.claims import Outcome
from reluspec.verifier.convex.setting import rational
from reluspec.verifier.document import exchange_count
from reluspec.verifier.general.claimed_points import ball, impossible
from reluspec.verifier.general.context import Context
from reluspec.verifier.local_minimum import local_minimum
from reluspec.verifier.raw import SingularError, Surrogate, critical_point

FAMILY = "a family outside the convex setting: tried at points only; minimality, dimension, ends and orbit are not re-proved"


def check_family(
    context: Context, entry: Mapping[str, Any], piece: Mapping[str, Any], signs: Signs, surrogate: Surrogate, where: str
) -> None:
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


def _ends(context: Context, entry: Mapping[str, Any], form: Mapping[str, Any]) -> None:
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
            theta[unit["output"]] = unit["sign"] * theta[unit["output"]].sqrt()
            for k in unit["directions"]:
                theta[k] = theta[k] * theta[unit["output"]]
            for k in unit["products"]:
                theta[k] = theta[k] / theta[unit["output"]]
        found.append(theta)
    return found
