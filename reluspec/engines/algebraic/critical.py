"""The critical points of one stratum, all of them: equations in charts, exact solutions, signs (theory.md sections 3 and 6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from flint import fmpq_mpoly

from reluspec.engines.algebraic.chart_branch import ChartBranch, Critical
from reluspec.engines.algebraic.charts import Chart, Unit, all_products, branches, charted_units
from reluspec.engines.algebraic.enclosures import BITS, contains, theta_balls
from reluspec.engines.algebraic.groups import frames, rotating_groups
from reluspec.engines.algebraic.polyhedra import CriticalSet, covers
from reluspec.engines.algebraic.restricted import Restricted, restrictions
from reluspec.engines.algebraic.rotations import Normal, normal_forms, rotated_pairs
from reluspec.engines.algebraic.solving import Groebner, SolvingLimit, flint_basis
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs


def critical_points(problem: Problem, signs: Signs, groebner: Groebner = flint_basis, *, second_order: bool = False) -> Critical:
    """The critical points of the loss on a stratum.

    Local minima in the stratum are among them: points where the gradient of the surrogate is a combination of those of the zero switches,
    and, where these gradients may be dependent, the points where they are. With `second_order`, sets of positive dimension are cut down to
    where the Hessian may be positive semidefinite. Raises `SolvingLimit` and `LimitError` past the limits.
    """
    found = []
    for stratum in restrictions(problem, signs, groebner):
        # Several pairs that rotate leave no isolated points to charts or to one rotation.
        several = second_order or len(rotated_pairs(stratum, signs.layers)) > 1
        by_groups = _by_groups(stratum, signs, groebner, second_order) if several else None
        if by_groups is not None and not by_groups.unresolved:
            found.append(by_groups)
            continue
        try:
            part = _by_charts(stratum, signs, groebner, second_order)
        except SolvingLimit:
            if by_groups is None:
                raise
            part = by_groups
        # What is said of orbits says more than that a set is not affine.
        found.append(by_groups if by_groups is not None and part.unresolved else part)
    whole = _joined(found)
    different = _different(whole.sets)
    reasons = [whole.unresolved] if whole.unresolved else []
    if _overlapping(different):
        reasons.append("a critical point cannot be told from one of a family")
    return replace(whole, sets=different, unresolved="; ".join(reasons))


def _joined(parts: Sequence[Critical]) -> Critical:
    """What was found in several parts of a stratum."""
    return Critical(
        tuple(found for part in parts for found in part.sets),
        "; ".join(dict.fromkeys(part.unresolved for part in parts if part.unresolved)),
        sum(part.systems for part in parts),
        any(part.left_out for part in parts),
    )


def _overlapping(sets: Sequence[CriticalSet]) -> bool:
    """Whether a point may lie in a family that was found in another way (on another piece, or as singular points)."""
    families = [found for found in sets if found.directions]
    points = [theta_balls(found, found.witness, BITS) for found in sets if not found.directions] if families else []
    return any(contains(family, theta, BITS) for family in families for theta in points)


def _by_charts(stratum: Restricted, signs: Signs, groebner: Groebner, second_order: bool) -> Critical:
    """The critical points of a piece, points and families that are affine in charts, or circles."""
    part = _by_rotations(stratum, signs, groebner, second_order)
    if part is None or part.unresolved:
        part = _solved(_branches(stratum, second_order=second_order), groebner)
    return part


def _by_rotations(stratum: Restricted, signs: Signs, groebner: Groebner, second_order: bool) -> Critical | None:
    """The critical points of a piece, circle by circle, if there are two units, and no more, that can be rotated into each other."""
    rotations = rotated_pairs(stratum, signs.layers)
    if len(rotations) != 1:
        return None
    normals = list(normal_forms(stratum, rotations[0]))
    try:
        return _solved((charts for normal in normals for charts in _branches(stratum, normal, second_order)), groebner)
    except SolvingLimit:
        return None


def _by_groups(stratum: Restricted, signs: Signs, groebner: Groebner, second_order: bool) -> Critical | None:
    """The critical points of a piece, orbit by orbit, if there are units that can be rotated into each other, however many."""
    groups = rotating_groups(stratum, signs.layers)
    if not groups:
        return None
    normals = frames(groups, stratum.free)
    try:
        return _solved(([ChartBranch(stratum, Chart(()), (), normal, second_order)] for normal in normals), groebner)
    except SolvingLimit:
        return None


def _solved(branches_of_one: Iterable[list[ChartBranch]], groebner: Groebner) -> Critical:
    """The critical points in all branches of a piece."""
    # One and the same system in each of the charts.
    return _joined(
        [
            _first_solved([(branch, *one) for branch, one in zip(charts, equations, strict=True)], groebner)
            for charts in branches_of_one
            for equations in zip(*(branch.systems() for branch in charts), strict=True)
        ]
    )


def _first_solved(attempts: Sequence[tuple[ChartBranch, list[fmpq_mpoly], bool]], groebner: Groebner) -> Critical:
    """The outcome in the first chart in which the system is solved, else the last one."""
    outcome, limit = None, None
    for count, (branch, equations, singular) in enumerate(attempts, 1):
        try:
            outcome = replace(branch.critical(equations, singular, groebner), systems=count)
        except SolvingLimit as reached:
            limit = reached
            continue
        if not outcome.unresolved:
            return outcome
    if outcome is None:
        raise limit or SolvingLimit("no chart")
    return outcome


def stratum_systems(problem: Problem, signs: Signs) -> Iterator[tuple[int, list[fmpq_mpoly]]]:
    """The systems that `critical_points` solves first: number of unknowns, equations."""
    for stratum in restrictions(problem, signs, flint_basis):
        rotations = rotated_pairs(stratum, signs.layers)
        normals = list(normal_forms(stratum, rotations[0])) if len(rotations) == 1 else [None]
        for normal in normals:
            for branch, *_ in _branches(stratum, normal):
                for equations, _ in branch.systems():
                    yield branch.context.nvars(), branch.equations(equations)


def _branches(stratum: Restricted, normal: Normal | None = None, second_order: bool = False) -> Iterator[list[ChartBranch]]:
    """For every choice of living units, the charts to be tried.

    One living unit: products first, they have the lowest degrees. Several: directions first, in which what the units share is affine. A
    loss that is constant on the stratum needs none.
    """
    if stratum.loss.is_constant() or stratum.loss.is_zero():
        yield [ChartBranch(stratum, Chart(()), (), normal, second_order)]
        return
    for living, off in branches(_unmixed(stratum, charted_units(stratum.units, stratum.polynomials, stratum.free))):
        units = [living] if all_products(living) == living else [all_products(living), living]
        yield [
            ChartBranch(stratum, Chart(chosen), off, normal, second_order) for chosen in (units if len(living) == 1 else reversed(units))
        ]


def _unmixed(stratum: Restricted, units: Sequence[Unit]) -> list[Unit]:
    """No products in a unit one of whose eliminated parameters is a combination of products and directions."""
    kept = []
    for unit in units:
        whole = next(full for full in stratum.units if full.output == unit.output)
        used = [{j in unit.products for j in unit.incoming if stratum.images[k].degrees()[j]} for k in whole.incoming]
        kept.append(replace(unit, products=frozenset()) if any(len(kinds) > 1 for kinds in used) else unit)
    return kept


def _different(sets: Sequence[CriticalSet]) -> tuple[CriticalSet, ...]:
    """Without isolated points that were found twice: on two pieces of the stratum, or as regular and as singular ones."""
    kept: list[CriticalSet] = []
    for found in sorted(sets, key=lambda one: (-one.dimension, one.singular)):
        if not any(covers(other, found) for other in kept):
            kept.append(found)
    return tuple(kept)
