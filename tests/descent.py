"""What numbers alone say about a problem's local minima: descents from many starts, for any spec of the language.

    python tests/descent.py specs/NAME.rspec [--starts 2000] [--pinned 0] [--seed 0] [--digits 15]

prints the clusters of end points: loss, flat directions, signs of the switches, theta; with `--pinned`, also the minima among the critical
points of descents that hold random sets of switches at zero (minima with tiny basins are found so).

A descent slides down the loss with rounded kinks (`|t|` becomes `sqrt(t^2 + width^2)`, the width falling to nothing) by Newton steps that
turn negative curvature round; then it guesses which switches are zero and solves for the critical point with those; then it restarts from
nearby points for as long as one of them leads further down. None of this is a proof. All of it is independent of the engines.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
from jets import ZERO_BELOW, Array, Landscape, Number

import reluspec

RADII = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
WIDTHS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
SHORT = 0.1
"""Longer steps of a descent jump over basins: with them, none of 10 000 starts found the last minimum of `two_hidden_layers`."""
PLAIN_WIDTHS = (0, 1e-5, 1e-6, 1e-7)


# ---- descents ------------------------------------------------------------------------------------------------------------------


def slide(land: Landscape, points: Array, width: float, steps: int, *, longest: float = np.inf, pins: Array | None = None) -> Array:
    """Newton descent, with negative curvature turned round, on the loss with kinks rounded by `width`; steps up to `longest`."""
    fractions = np.array([1.5, 1, 0.6, 0.3, 0.1, 0.03, 0.01, 1e-3, 1e-4, 1e-6])
    points, count = points.copy(), len(points)
    live = np.arange(count)
    for _ in range(steps):
        held = None if pins is None else pins[live]
        loss, _ = land.jets(points[live], 2, width=width, pins=held)
        slope, bend = loss.derivatives
        size, frame = np.linalg.eigh(bend)
        floor = 1e-9 * np.abs(size).max(axis=1, keepdims=True) + 1e-12
        step = -np.einsum("bij,bj->bi", frame, np.einsum("bji,bj->bi", frame, slope) / np.maximum(np.abs(size), floor))
        length = np.linalg.norm(step, axis=1, keepdims=True)
        allowed = np.minimum(longest, 1 + np.linalg.norm(points[live], axis=1, keepdims=True))
        step *= np.minimum(1, allowed / np.maximum(length, 1e-300))
        tried = points[live][:, None] + fractions[:, None] * step[:, None]
        held = None if held is None else np.repeat(held, len(fractions), axis=0)
        values = land.values(tried.reshape(-1, land.size), width, held).reshape(len(live), -1)
        best = values.argmin(axis=1)
        gain = loss.value - values[np.arange(len(live)), best]
        better = gain > 0
        points[live[better]] = tried[np.arange(len(live)), best][better]
        live = live[gain > 1e-13 * (1 + np.abs(loss.value))]
        if not len(live):
            break
    return points


def _kkt(land: Landscape, points: Array, zero: Array, sides: Array, number: Number = float) -> tuple[Array, Array, Array]:
    """Gradient, switches and their gradients of the polynomial loss continued from `sides`, and Hessians for multipliers to come."""
    loss, switches = land.jets(points, 2, sides=sides, number=number)
    slope, bend = loss.derivatives
    many, size, count = len(points), land.size, len(switches)
    values, slopes, bends = np.zeros((many, 0)), np.zeros((many, 0, size)), np.zeros((many, 0, size, size))
    if count:
        zeros = zero.astype(int)
        values = np.stack([jet.value for jet in switches], axis=1) * zeros
        slopes = np.stack([jet.derivatives[0] for jet in switches], axis=1) * zeros[:, :, None]
        bends = np.stack([jet.derivatives[1] for jet in switches], axis=1)
    multipliers = _multipliers(slopes, slope)
    curvature = bend + (multipliers[:, :, None, None] * bends).sum(axis=1)
    gradient = slope + (multipliers[:, :, None] * slopes).sum(axis=1)
    matrix = np.concatenate(
        [np.concatenate([curvature, slopes.swapaxes(1, 2)], axis=2), np.concatenate([slopes, np.zeros((many, count, count))], axis=2)],
        axis=1,
    )
    return np.concatenate([gradient, values], axis=1), matrix, slopes


def _multipliers(slopes: Array, slope: Array) -> Array:
    if not slopes.shape[1]:
        return np.zeros((len(slope), 0))
    pseudo = np.linalg.pinv(slopes.astype(float).swapaxes(1, 2), rcond=1e-9)
    least: Array = -(pseudo * slope[:, None, :]).sum(axis=2)
    return least


def settle(land: Landscape, points: Array, zero: Array, steps: int = 12, follow: int = 0) -> tuple[Array, Array]:
    """Critical points with the switches in `zero` zero, by Newton from `points`; and whether the iteration converged.

    The polynomial is that of the start's side of every switch; the first `follow` steps change sides as they go.
    """
    sides = np.sign(land.switches(points))
    points = points.copy()
    error = np.full(len(points), np.inf)
    with np.errstate(all="ignore"):
        for step_number in range(steps):
            if step_number < follow:
                sides = np.where(zero, sides, np.sign(land.switches(points)))
            value, matrix, _ = _kkt(land, points, zero, sides)
            sane = np.isfinite(value).all(axis=1) & np.isfinite(matrix).all(axis=(1, 2)) & (np.abs(points).max(axis=1) < 1e6)
            error = np.where(sane, np.abs(value).max(axis=1), np.inf)
            matrix[~sane] = np.eye(matrix.shape[1])
            value[~sane] = 0
            if (error < 1e-14).all():
                break
            step = -np.einsum("bij,bj->bi", np.linalg.pinv(matrix, rcond=1e-9), value)[:, : land.size]
            points = points + step
    return points, error < 1e-10 * (1 + np.abs(points).max(axis=1))


def snap(land: Landscape, points: Array, reach: float = 3e-2) -> tuple[Array, Array]:
    """The best critical points near `points` for any guess of the zero switches; and whether there is one."""
    here, best, done = land.values(points), points.copy(), np.zeros(len(points), dtype=bool)
    least = np.full(len(points), np.inf)
    size = np.abs(land.switches(points))
    for tolerance in (0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2):
        zero = size < tolerance
        found, good = settle(land, points, zero)
        signs, found_signs = np.sign(land.switches(points)), land.switches(found)
        good &= np.linalg.norm(found - points, axis=1) < reach * (1 + np.linalg.norm(points, axis=1))
        good &= (zero | (found_signs * signs >= -1e-9)).all(axis=1)
        value = np.where(good, land.values(found), np.inf)
        good &= (value < here + 1e-7 * (1 + np.abs(here))) & (value < least - 1e-13)
        best[good], least[good], done[good] = found[good], value[good], True
    return best, done


def descend(land: Landscape, starts: Array, seed: int = 0, rounds: int = 40, copies: int = 6) -> tuple[Array, Array]:
    """End points of descents from every row of `starts`; and whether each settled.

    That is: at a critical point that no probe found a way down from.
    """
    random = np.random.default_rng(seed)
    points = starts.copy()
    # Rounded kinks are passed quickly; but they bend flat cells, where only the plain loss stays.
    for part, widths in ((slice(0, None, 2), WIDTHS), (slice(1, None, 2), PLAIN_WIDTHS)):
        for k, width in enumerate(widths):
            points[part] = slide(land, points[part], width, 25 if k else 120, longest=SHORT)
    points, settled = snap(land, points)
    live = np.arange(len(points))
    for _ in range(rounds):
        lower, value = below(land, points[live], random, copies)
        improved = value < land.values(points[live]) - 1e-11 * (1 + np.abs(value))
        live = live[improved]
        if not len(live):
            break
        moved = lower[improved]
        for width in WIDTHS[2:]:
            moved = slide(land, moved, width, 25, longest=SHORT)
        points[live], settled[live] = snap(land, moved)
    settled[live] = False
    return points, settled


def below(
    land: Landscape, points: Array, random: np.random.Generator, copies: int, radii: Sequence[float] = (1e-3, 1e-5)
) -> tuple[Array, Array]:
    """The lowest points reached by short slides from random neighbours of each point; no step is long enough to jump a barrier."""
    best, least = points.copy(), land.values(points)
    for radius in radii:
        many = np.repeat(points, copies, axis=0)
        steps = random.normal(size=many.shape)
        steps *= random.random(many.shape) < random.choice([0.4, 1.0], size=(len(many), 1))
        many = many + radius * steps
        for width in (radius / 30, radius / 1000):
            many = slide(land, many, width, 12, longest=3 * radius)
        values = land.values(many).reshape(len(points), copies)
        winner = values.argmin(axis=1)
        value = values[np.arange(len(points)), winner]
        better = value < least
        best[better], least[better] = many.reshape(len(points), copies, -1)[np.arange(len(points)), winner][better], value[better]
    return best, least


def starts(land: Landscape, count: int, seed: int = 0) -> Array:
    """Random points of many sizes; some coordinates and some whole units start small."""
    random = np.random.default_rng(seed)
    sizes = random.choice([0.01, 0.1, 0.3, 1.0, 3.0], p=[0.1, 0.1, 0.2, 0.4, 0.2], size=(count, 1))
    points: Array = random.normal(size=(count, land.size)) * sizes
    points *= random.choice([0.1, 1.0], p=[0.15, 0.85], size=points.shape)
    for own in land.units:
        points[:, own] *= random.choice([0.01, 1.0], p=[0.15, 0.85], size=(count, 1))
    return points


def critical_points(land: Landscape, count: int, seed: int = 0, batch: int = 1000) -> Array:
    """Points critical within their strata, by descents with random sets of switches held at zero: what basins are too small for.

    A minimum in a stratum is a minimum of the loss on the stratum's zero set, where it may attract much more. Whole units die in some of
    the sets. Saddles are among the points.
    """
    random = np.random.default_rng(seed)
    found = np.zeros((0, land.size))
    for at in range(0, count, batch):
        points = starts(land, batch, seed + at)
        points[::2] = random.normal(size=points[::2].shape) * random.choice([0.3, 1.0, 2.0], size=(len(points[::2]), 1))
        zero = _held(land, batch, random)
        part = slice(0, 3 * batch // 4)
        for width, strength in ((1e-2, 1e1), (1e-3, 1e3), (1e-5, 1e5)):
            points[part] = slide(land, points[part], width, 15, pins=strength * zero[part])
        points, good = settle(land, points, zero, 30, follow=15)
        points = points[good]
        again, good = settle(land, points, np.abs(land.switches(points)) < ZERO_BELOW, 3)
        good &= np.linalg.norm(again - points, axis=1) < 1e-6
        found = np.concatenate([found, again[good]])
        _, first = np.unique(np.round(np.c_[found, land.values(found)], 6), axis=0, return_index=True)
        found = found[first]
    return found


def _held(land: Landscape, count: int, random: np.random.Generator) -> Array:
    """Random sets of switches: up to p of them anywhere, or unit by unit none, some or all."""
    groups = [np.array(places) for _, places in land.groups if places]
    switches = sum(map(len, groups))
    ranks = random.random((count, switches)).argsort(axis=1).argsort(axis=1)
    held: Array = ranks < random.integers(0, min(land.size, switches) + 1, size=(count, 1))
    for places in groups:
        share = random.choice([0, 0.6 / len(places), 1.5 / len(places), 1], p=[0.35, 0.3, 0.2, 0.15], size=(count, 1))
        held[::2, places] = (random.random((count, len(places))) < share)[::2]
    return held


def minima_among(land: Landscape, points: Array, seed: int = 0, copies: int = 30) -> Array:
    """Those points from whose neighbourhood no slide goes down."""
    random = np.random.default_rng(seed)
    for radii in ((1e-4,), (1e-4, 1e-5)):
        _, lower = below(land, points, random, copies, radii)
        here = land.values(points)
        points = points[lower > here - 1e-11 * (1 + np.abs(here))]
    return points


# ---- what is at a point --------------------------------------------------------------------------------------------------------


def clearance(land: Landscape, point: Array) -> float:
    """About how far the nearest switch is that is not zero, at most one."""
    jets = land.jets(point[None], 1)[1]
    away = [abs(jet.value[0]) / max(1.0, np.linalg.norm(jet.slope[0])) for jet in jets if jet.slope is not None]
    return float(min([1.0, *(size for size in away if size > ZERO_BELOW)]))


def drop(land: Landscape, point: Array, random: np.random.Generator, count: int = 2000, radii: Sequence[float] = RADII) -> float:
    """The lowest change of the loss over random perturbations, relative to the rounding of the loss: -1 and more at a local minimum.

    Directions are plain, sparse, or spread over many sizes. The radii shrink with the clearance: behind the next switch the loss may fall.
    The rounding allowed is some thousand units in the last place of the numbers that are added up.
    """
    here = land.values(point[None])[0]
    scale = clearance(land, point)
    rounding = 1e-13 * (1 + abs(here)) * (1 + np.abs(point).max())
    least = np.inf
    for radius in radii:
        steps = random.normal(size=(count, land.size))
        third = count // 3
        steps[:third] *= random.random((third, land.size)) < 0.4
        steps[third : 2 * third] *= 10.0 ** random.uniform(-3, 0, size=(third, land.size))
        steps *= scale * radius / np.maximum(np.linalg.norm(steps, axis=1, keepdims=True), 1e-300)
        least = min(least, float((land.values(point + steps) - here).min()) / rounding)
    return least


def flat_directions(land: Landscape, point: Array, tolerance: float = 1e-7) -> int:
    """The nullity of the Hessian of the Lagrangian on the stratum's tangent space: the dimension of a family, where it is one."""
    switches = land.switches(point[None])
    zero = np.abs(switches) < ZERO_BELOW
    _, matrix, slopes = _kkt(land, point[None], zero, np.sign(switches))
    _, size, frame = np.linalg.svd(slopes[0]) if slopes.shape[1] else (None, np.zeros(0), np.eye(land.size))
    tangent = frame[int((size > tolerance).sum()) :]
    reduced = tangent @ matrix[0, : land.size, : land.size] @ tangent.T
    return int((np.abs(np.linalg.eigvalsh(reduced)) < tolerance).sum()) if len(tangent) else 0


def refine(land: Landscape, point: Array, digits: int = 40) -> tuple[list[Any], Any]:
    """The critical point and its loss in many digits: Newton with the matrix of floats, residuals in mpmath."""
    switches = land.switches(point[None])
    zero, sides = np.abs(switches) < ZERO_BELOW, np.sign(switches)
    _, matrix, _ = _kkt(land, point[None], zero, sides)
    inverse = np.linalg.pinv(matrix[0], rcond=1e-9)
    with mpmath.workdps(digits + 10):

        def number(value: Fraction) -> Any:
            return mpmath.mpf(value.numerator) / value.denominator

        row = np.array([mpmath.mpf(float(v)) for v in point], dtype=object)
        for _ in range(digits):
            value, _, _ = _kkt(land, row[None], zero, sides, number)
            step = (inverse.astype(object) @ value[0])[: land.size]
            row = row - step
            if max(abs(v) for v in step) < mpmath.mpf(10) ** (-digits):
                break
        loss = land.jets(row[None], 0, sides=sides, number=number)[0].value[0]
        return list(row), +loss


@dataclass(frozen=True)
class Cluster:
    """End points of descents that are one up to exchange of units, or of equal loss on a family."""

    loss: float
    point: Array
    count: int
    flat: int


def clusters(land: Landscape, points: Array) -> list[Cluster]:
    """Gather end points: by loss, then by place; families (flat directions) by loss and flat directions alone."""
    found: list[Cluster] = []
    values = land.values(points)
    for k in np.argsort(values):
        flat = -1
        for position, cluster in enumerate(found):
            if abs(cluster.loss - values[k]) < 1e-8 * (1 + abs(cluster.loss)):
                near = land.distance(points[k], cluster.point) < 1e-4
                if not near and cluster.flat:
                    flat = flat_directions(land, points[k]) if flat < 0 else flat
                    near = flat == cluster.flat
                if near:
                    found[position] = Cluster(cluster.loss, cluster.point, cluster.count + 1, cluster.flat)
                    break
        else:
            found.append(Cluster(float(values[k]), points[k], 1, flat_directions(land, points[k])))
    return found


def explore(land: Landscape, count: int, seed: int = 0, batch: int = 500) -> tuple[list[Cluster], list[Cluster]]:
    """Clusters of settled descents, and of those that did not settle (slid away, or stopped in a narrow valley)."""
    ends, marks = [], []
    for at in range(0, count, batch):
        points, settled = descend(land, starts(land, min(batch, count - at), seed + at), seed + at)
        ends.append(points)
        marks.append(settled)
    points, settled = np.concatenate(ends), np.concatenate(marks)
    return clusters(land, points[settled]), clusters(land, points[~settled])


def main() -> None:
    parser = argparse.ArgumentParser(description="Where descents of a spec end: loss, flat directions, signs, theta.")
    parser.add_argument("spec")
    parser.add_argument("--starts", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pinned", type=int, default=0, help="also so many descents with random switches held at zero")
    parser.add_argument("--digits", type=int, default=15)
    arguments = parser.parse_args()
    land = Landscape(reluspec.load(arguments.spec))
    random = np.random.default_rng(arguments.seed)
    settled, stray = explore(land, arguments.starts, arguments.seed)
    print(land.problem.title, f"\n{land.size} parameters, {len(land.exchanges)} exchanges of units")
    ways = [("minima", settled), ("NOT SETTLED", stray)]
    if arguments.pinned:
        points = critical_points(land, arguments.pinned, arguments.seed)
        ways.append(("minima held", clusters(land, minima_among(land, points))))
        print(f"{len(points)} points critical within their strata")
    for title, found in ways:
        for cluster in found:
            loss: Any = cluster.loss
            if title != "NOT SETTLED":
                loss = mpmath.nstr(refine(land, cluster.point)[1], arguments.digits)
            signs = land.name(cluster.point)
            print(f"{title} {loss}  x{cluster.count}  flat {cluster.flat}  orbit {land.orbit(cluster.point)}  {signs}")
            print(f"    drop {drop(land, cluster.point, random):.2g}  {land.theta([round(float(v), 10) for v in cluster.point])}")


if __name__ == "__main__":
    main()
