"""What every map must satisfy, checked with code that shares nothing with the engine but the problem's own loss and systems."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from flint import arb, ctx, fmpq
from reference import Loss, flat, gap_of_perturbation
from small_problems import Small

from reluspec.minima.minima_map import MinimaMap
from reluspec.minima.records import Ball, Piece, Tensor
from reluspec.problem.problem import Problem
from reluspec.regions.signs import parse_signs, signs_at
from reluspec.systems.evaluation import condition_values, residuals, with_multipliers
from reluspec.systems.system import stratum_system


def exact(number: Ball) -> Fraction:
    return Fraction(number.value)


def ball(number: Ball) -> arb:
    value, radius = Fraction(number.value), Fraction(number.radius)
    return arb(fmpq(value.numerator, value.denominator)) + arb(0, arb(fmpq(radius.numerator, radius.denominator)))


def each(tensor: Tensor, convert: object) -> object:
    return [each(entry, convert) for entry in tensor] if isinstance(tensor, tuple) else convert(tensor)  # type: ignore[operator]


def check_ledger(minima: MinimaMap) -> None:
    """Nothing undecided, every stratum counted once, the indices add up to one."""
    assert minima.complete, minima.incomplete_because
    land = minima.landscape
    assert land.index_sum == 1
    assert sum(land.ledger.values()) == land.total
    assert sum(s.copies * s.index * (-1) ** s.dimension for s in land.critical) == 1
    assert land.ledger["minimal"] == sum(s.minimal for s in land.critical) == len({p.stratum for c in minima for p in c.pieces})
    assert minima.components


def check_losses(problem: Problem, minima: MinimaMap) -> None:
    """The exact loss at the midpoints of every witness lies in the reported ball, up to what the witness' own radii allow."""
    for component in minima:
        low, high = component.loss.bounds
        for piece in component.pieces:
            value = problem.loss_at({name: each(tensor, exact) for name, tensor in piece.witness.items()})
            # First-order terms vanish within the stratum only: allow the radii, some 1e-30 relative to the numbers at hand.
            slack = Fraction(1, 10**24) * (1 + abs(value))
            assert low - slack <= value <= high + slack


def check_strata(problem: Problem, minima: MinimaMap) -> None:
    """Every witness lies in the stratum named: exact signs at its midpoints, where switches below 1e-20 count as zero."""
    for component in minima:
        for piece in component.pieces:
            rounded = {name: each(tensor, exact) for name, tensor in piece.witness.items()}
            found = signs_at(problem, rounded).all
            wanted = parse_signs(problem, piece.stratum).all
            small = _switches(problem, rounded)
            assert [("0" if tiny else sign) for sign, tiny in zip(found, small, strict=True)] == list(wanted)
            assert piece.dead_units == piece.stratum.split("|").count("0" * len(problem.data))


def _switches(problem: Problem, theta: dict[str, list]) -> list[bool]:
    hidden = problem.network.layers[0]
    biases = theta.get("hidden.bias") or [Fraction(0)] * hidden.units
    values = [
        sum((w * v for w, v in zip(row, point, strict=True)), bias)
        for row, bias in zip(theta["hidden.weight"], biases, strict=True)
        for point in problem.data.x
    ]
    return [abs(value) < Fraction(1, 10**20) for value in values]


def check_systems(problem: Problem, minima: MinimaMap) -> None:
    """Every witness solves the exported Lagrange system of its stratum: ball arithmetic on the raw system in theta."""
    before, ctx.prec = ctx.prec, 200
    try:
        for component in minima:
            for piece in component.pieces:
                _check_system(problem, piece)
    finally:
        ctx.prec = before


def _check_system(problem: Problem, piece: Piece) -> None:
    system = stratum_system(problem, parse_signs(problem, piece.stratum))
    values = problem.flatten({name: each(tensor, ball) for name, tensor in piece.witness.items()})
    point = with_multipliers(system, [values[parameter] for parameter in system.parameters])
    for value in residuals(system, point):
        assert value.contains(0)
        assert value.rad() < 1e-15
    assert all(value > 0 for value in condition_values(system, point))


def check_by_reference(small: Small, minima: MinimaMap, count: int = 300) -> None:
    """The plain forward pass agrees with the loss, samples of families keep it, and no perturbation of either lowers it."""
    loss = Loss(small)
    for component in minima:
        listed = float(component.loss)
        points = [flat(small, component.theta(k)) for k in range(len(component.pieces))]
        if component.dimension:
            points += [flat(small, theta) for theta in component.sample(4, small.problem, seed=5)]
        np.testing.assert_allclose(loss.values(np.array(points)), listed, rtol=1e-9, atol=1e-9)
        for point in points:
            assert gap_of_perturbation(loss, point, count=count) >= -1e-13


def check(small: Small, minima: MinimaMap) -> None:
    check_ledger(minima)
    check_losses(small.problem, minima)
    check_strata(small.problem, minima)
    check_by_reference(small, minima)


def profile(minima: MinimaMap, loss_factor: float = 1.0) -> list[tuple[float, int, int, bool, str]]:
    """What symmetries of a problem must keep."""
    return sorted((float(f"{float(c.loss) * loss_factor:.9e}"), c.dimension, c.orbit_size, c.closed, c.location) for c in minima)
