"""The critical points of one stratum, all of them: equations in charts, exact solutions, signs (theory.md sections 3 and 6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import chain

from flint import fmpq_mpoly

from reluspec.engines.algebraic.exact.extensions import ExtensionError
from reluspec.engines.algebraic.ideals.attempts import first_found
from reluspec.engines.algebraic.ideals.solving import Groebner, SolvingLimit, flint_basis
from reluspec.engines.algebraic.stationary.chart_branch import ChartBranch, Critical
from reluspec.engines.algebraic.stationary.charts import Chart, Unit, all_products, branches
from reluspec.engines.algebraic.stationary.enclosures import BITS, contains, theta_balls
from reluspec.engines.algebraic.stationary.groups import frames, rotating_groups
from reluspec.engines.algebraic.stationary.polyhedra import CriticalSet, covers, lies_in
from reluspec.engines.algebraic.stationary.relaxed import is_inside, relaxed
from reluspec.engines.algebraic.stationary.rescalings import slices, turns
from reluspec.engines.algebraic.stationary.restricted import Restricted, restrictions
from reluspec.engines.algebraic.stationary.rotations import Normal, normal_forms, rotated_pairs
from reluspec.engines.algebraic.stationary.sign_symmetries import Symmetric, symmetric
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs


def critical_points(
    problem: Problem,
    signs: Signs,
    groebner: Groebner = flint_basis,
    *,
    symmetries: bool = True,
    second_order: bool = False,
) -> Critical:
    """The critical points of the loss on a stratum; without `symmetries`, sign symmetries other than those of output weights are not used.

    Local minima in the stratum are among them: points where the gradient of the surrogate is a combination of those of the zero switches,
    and, where these gradients may be dependent, the points where they are. With `second_order`, sets of positive dimension are cut down to
    where the Hessian may be positive semidefinite. Raises `SolvingLimit` and `LimitError` past the limits.
    """
    pieces = list(restrictions(problem, signs, groebner))
    charted = _charted(pieces, signs) if symmetries and not second_order else []
    ways = [*(partial(_by_symmetries, piece) for piece in charted), partial(_plainly, pieces, signs, second_order)]
    if symmetries and not second_order and any(relaxed(piece) for piece in pieces) and not rotating_groups(pieces[0], signs.layers):
        ways.insert(0, partial(_without_hinges, pieces, signs))
    return first_found(ways, groebner, lambda found: not found.unresolved)


def _plainly(pieces: Sequence[Restricted], signs: Signs, second_order: bool, groebner: Groebner) -> Critical:
    """The critical points in the charts of output weights, or orbit by orbit. Raises `SolvingLimit`."""
    found = []
    for stratum in pieces:
        # Several pairs that rotate leave no isolated points to charts or to one rotation; kinks away from zero leave no charts.
        several = second_order or len(rotated_pairs(stratum, signs.layers)) > 1 or relaxed(stratum) is not None
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
    return _told_apart(_joined(found))


def _without_hinges(pieces: Sequence[Restricted], signs: Signs, groebner: Groebner) -> Critical:
    """The critical points in charts that strict switches at kinks away from zero do not have.

    Raises `SolvingLimit`, also where they are not isolated.
    """
    found = []
    for stratum in pieces:
        part = _by_charts(relaxed(stratum) or stratum, signs, groebner, second_order=False)
        if part.unresolved or any(one.directions for one in part.sets):
            raise SolvingLimit("critical points that are not isolated, where kinks away from zero are left out")
        try:
            found.append(replace(part, sets=tuple(one for one in part.sets if is_inside(stratum, one))))
        except ExtensionError as reason:
            raise SolvingLimit(str(reason)) from reason
    return replace(_told_apart(_joined(found)), symmetries=True)


def _told_apart(whole: Critical) -> Critical:
    """Without sets that were found twice, and with a reason where that cannot be told."""
    different = _different(whole.sets)
    reasons = [whole.unresolved] if whole.unresolved else []
    if _overlapping(different):
        reasons.append("a critical point cannot be told from one of a family")
    return replace(whole, sets=different, unresolved="; ".join(reasons))


def rescaled_points(
    problem: Problem, signs: Signs, groebner: Groebner = flint_basis, *, second_order: bool = False, idle: bool = False
) -> Iterator[Critical]:
    """The critical points of a stratum, orbit by orbit of rescalings of units, in several ways: with other pins each time.

    Also those of units without effect, if `idle`. Nothing where no rescaling keeps the stratum, or where limits are reached. Raises
    `SolvingLimit` and `LimitError` past the limits of the stratum itself.
    """
    pieces = list(restrictions(problem, signs, groebner))
    for turn in range(max(map(turns, pieces), default=0)):
        chosen = [slices(stratum, turn, idle=idle) for stratum in pieces]
        if not any(chosen):
            continue
        normals = [(stratum, normal) for stratum, every in zip(pieces, chosen, strict=True) for normal in every or (None,)]
        with suppress(SolvingLimit):
            branches_of_one = [[ChartBranch(stratum, Chart(()), (), normal, second_order)] for stratum, normal in normals]
            yield _told_apart(_solved(branches_of_one, groebner))


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
    if any(contains(family, theta, BITS) for family in families for theta in points):
        return True
    # Slices are disjoint but for those of several pieces of a stratum.
    moved = [family for family in families if family.rescaled]
    return any(contains(one, theta_balls(other, other.witness, BITS), BITS) for one in moved for other in families if other is not one)


def _charted(pieces: Sequence[Restricted], signs: Signs) -> list[Symmetric]:
    """A stratum that is one piece with charts for all its sign symmetries, if these are more than output weights have by themselves.

    Circles have normal forms of their own.
    """
    if len(pieces) != 1:
        return []
    (stratum,) = pieces
    charted = symmetric(stratum)
    return [] if len(charted[0].charted) <= len(stratum.flippable) or rotated_pairs(stratum, signs.layers) else charted


def _by_symmetries(piece: Symmetric, groebner: Groebner) -> Critical:
    """The critical points in these charts. Raises `SolvingLimit`, also where they are not isolated: families have their own charts."""
    found = _solved(_by_signs(piece), groebner)
    if found.unresolved or any(one.directions for one in found.sets):
        raise SolvingLimit("critical points that are not isolated, in charts of sign symmetries")
    return replace(found, sets=_different(found.sets), symmetries=True)


def _by_signs(piece: Symmetric) -> Iterator[list[ChartBranch]]:
    """A chart for every choice of the pivots that are not zero."""
    for living, off in branches(piece.charted):
        yield [ChartBranch(piece, Chart(living), off)]


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
    pieces = list(restrictions(problem, signs, flint_basis))
    charts = [_by_signs(piece) for piece in _charted(pieces, signs)[:1]]
    for stratum in () if charts else pieces:
        rotations = rotated_pairs(stratum, signs.layers)
        normals = list(normal_forms(stratum, rotations[0])) if len(rotations) == 1 else [None]
        charts += [_branches(stratum, normal) for normal in normals]
    for branch, *_ in chain.from_iterable(charts):
        for equations, _ in branch.systems():
            yield branch.context.nvars(), branch.equations(equations)


def _branches(stratum: Restricted, normal: Normal | None = None, second_order: bool = False) -> Iterator[list[ChartBranch]]:
    """For every choice of living units, the charts to be tried; plain ones where units are not homogeneous.

    One living unit: products first, they have the lowest degrees. Several: directions first, in which what the units share is affine. A
    loss that is constant on a polyhedral stratum needs none but for the signs of output weights, which matter beside it.
    """
    if normal is None and stratum.plainly_charted:
        for living, off in branches(stratum.plainly_charted):
            yield [ChartBranch(stratum, Chart(living), off, None, second_order)]
        return
    polyhedral = [*(polynomial for _, _, polynomial in stratum.strict), *stratum.images]
    flat = stratum.loss.is_constant() and all(polynomial.total_degree() <= 1 for polynomial in polyhedral)
    for living, off in branches(_unmixed(stratum, [unit for unit in stratum.flippable if not (flat and unit.incoming)])):
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
    """Without sets that were found twice, or within others: on two pieces of the stratum, or as regular and as singular ones."""
    kept: list[CriticalSet] = []
    for found in sorted(sets, key=lambda one: (-one.dimension, one.singular)):
        if not any(covers(other, found) or lies_in(other, found) for other in kept):
            kept.append(found)
    return tuple(kept)
