"""Random problems, solved and then attacked: `python tests/campaign.py KIND,KIND --count 20 --seed 0`.

Against the map stand descents and held descents (descent.py), which know nothing of the engine: what they find has to be listed, and what
is listed, witnesses, samples and ends of families, has to be a local minimum. Prints every disagreement with its spec.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from descent import RADII, below, clearance, critical_points, descend, drop, flat_directions, minima_among, starts
from jets import ZERO_BELOW, Array, Landscape
from random_specs import KINDS, random_spec

import reluspec
from reluspec.language import parse_spec
from reluspec.minima.minima_map import MinimaMap
from reluspec.minima.records import ChartFamily, Component, Family, Piece
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs, format_signs, parse_signs
from reluspec.systems.exchanges import exchange_signs, exchanges

NEAR = 1e-4
SAMPLES = 6


def labels(problem: Problem, stratum: str) -> set[str]:
    """The names of a stratum under exchange of units."""
    signs = parse_signs(problem, stratum)
    return {format_signs(problem, exchange_signs(problem, signs, exchange)) for exchange in exchanges(problem)}


def stratum_of(land: Landscape, point: Array) -> Signs:
    """The signs at a point, in the order of the engine's names."""
    values = land.switches(point[None])[0]
    flat = "".join("0" if abs(values[k]) < 1e3 * ZERO_BELOW else "+" if values[k] > 0 else "-" for _, places in land.groups for k in places)
    at, layers = 0, []
    for layer in land.problem.network.layers:
        size = len(land.problem.data) * len(layer.activation.kinks)
        layers.append(tuple(flat[at + u * size : at + (u + 1) * size] for u in range(layer.units)) if size else ())
        at += size * layer.units
    rest = len([1 for name, places in land.groups if name == "objective" for _ in places])
    return Signs(tuple(layers), flat[at : at + rest], flat[at + rest :])


# ---- what is listed ------------------------------------------------------------------------------------------------------------


def wrong_components(land: Landscape, minima: MinimaMap, seed: int = 0) -> Iterator[str]:
    """Complaints about listed components."""
    random = np.random.default_rng(seed)
    for component in minima:
        for k, piece in enumerate(component.pieces):
            points = [land.row(component.theta(k))]
            if piece.dimension and piece.family is not None:
                points += [land.row(theta) for theta in component.sample(SAMPLES, land.problem, seed=seed, piece=k)]
            for point in points:
                yield from (f"component {component.id} {piece.stratum}: {text}" for text in wrong_at(land, component, piece, point, random))
        yield from (f"component {component.id}: {text}" for text in wrong_shape(land, component, random))


def wrong_at(land: Landscape, component: Component, piece: Piece, point: Array, random: np.random.Generator) -> Iterator[str]:
    """Loss, signs, no way down."""
    loss = float(component.loss)
    if abs(land.values(point[None])[0] - loss) > 1e-9 * (1 + abs(loss)):
        yield f"loss {land.values(point[None])[0]} at {point}, not {loss}"
    wanted = parse_signs(land.problem, piece.stratum).all
    found = stratum_of(land, point).all
    # A sample may come as near to an end as it likes.
    if any(a != b and (b != "0" or a == "0") for a, b in zip(wanted, found, strict=True)):
        yield f"signs {found} at {point}"
    # Beyond a cut, or beyond an output weight zero, the points of the same family are no minima, and a sample may come near to one.
    scale = 1e-3 if piece.certificate.get("cuts") or piece.certificate.get("plain") else 1.0
    radii = tuple(scale * radius for radius in RADII)
    if drop(land, point, random, 1500, radii) < -3:
        yield f"drop {drop(land, point, random, 1500, radii):.3g} at {point.tolist()}"
        return
    # Slides go some thirty radii far: not past the end of a family.
    near = scale * min(1e-2, clearance(land, point)) / 100
    if below(land, np.tile(point, (12, 1)), random, 8, (min(1e-4, near), min(1e-5, near)))[1].min() < loss - 1e-10 * (1 + abs(loss)):
        yield f"a slide goes down from {point.tolist()}"


def wrong_shape(land: Landscape, component: Component, random: np.random.Generator) -> Iterator[str]:
    """Dimension, ends, orbit."""
    for k, piece in enumerate(component.pieces):
        flat = flat_directions(land, land.row(component.theta(k)))
        if flat < piece.dimension and piece.family is not None:
            # On kinks whose multipliers are not unique the Hessian of the Lagrangian says nothing; the points, which are looked at, do.
            points = np.array([land.row(theta) for theta in component.sample(2 * piece.dimension + 2, land.problem, piece=k)])
            flat = int(np.linalg.matrix_rank(points - points[0], tol=1e-7))
        if flat < piece.dimension:
            yield f"{piece.stratum} has dimension {piece.dimension}, but {flat} flat directions"
    if component.dimension == 0:
        orbit = land.orbit(land.row(component.theta()))
        if orbit != component.orbit_size:
            yield f"orbit {component.orbit_size}, but {orbit} images"
    if len(land.exchanges) % component.orbit_size and len(component.pieces) == 1:
        yield f"orbit {component.orbit_size} of {len(land.exchanges)} exchanges"
    found = list(end_points(land, component))
    ends = [(point, falls(land, point, random)) for point in found if point is not None]
    for point, down in ends:
        if component.closed and down:
            yield f"closed, but an end is no minimum: {point.tolist()}"
    if not component.closed and component.dimension == 1 and len(ends) == len(found) > 0 and not any(down for _, down in ends):
        yield f"open, but every end is a minimum: {[point.tolist() for point, _ in ends]}"


def falls(land: Landscape, point: Array, random: np.random.Generator) -> bool:
    """Whether numbers find a way down. Ways down may be narrow: along a kink, or by a dead unit that wakes in few directions; slides follow
    them where random steps miss them. From a tenth off they found ways round a barrier to another basin."""
    loss = land.values(point[None])[0]
    if drop(land, point, random, 1500, RADII) < -3:
        return True
    return bool(below(land, np.tile(point, (40, 1)), random, 8, (1e-3, 1e-4))[1].min() < loss - 1e-10 * (1 + abs(loss)))


def end_points(land: Landscape, component: Component) -> Iterator[Array | None]:
    """The vertices of families; `None` where one lies at infinity."""
    for piece in component.pieces:
        family = piece.family
        if isinstance(family, Family):
            for k, squares in enumerate(family.vertices):
                yield _in_polytope(land, family, np.sqrt(np.maximum(0.0, [float(entry) for entry in squares])), k)
        if isinstance(family, ChartFamily) and not (family.pairs and len(family.vertices) == 1):
            for vertex in family.vertices:
                yield _in_theta(family, np.array([float(entry) for entry in vertex]))


def _in_polytope(land: Landscape, family: Family, scale: Array, vertex: int) -> Array:
    outgoing = np.array(family.signs) * scale
    incoming = outgoing[:, None] * np.array([[float(entry) for entry in row] for row in family.directions])
    hidden, output = land.problem.network.layers
    theta = {f"{hidden.name}.weight": incoming[:, : land.problem.network.inputs], f"{output.name}.weight": outgoing[None]}
    theta |= {f"{hidden.name}.bias": incoming[:, -1], f"{output.name}.bias": [float(family.bias[vertex]) if family.bias else 0.0]}
    return land.row(theta)


def _in_theta(family: ChartFamily, point: Array) -> Array | None:
    for unit in family.units:
        if abs(point[unit.output]) < ZERO_BELOW and unit.products:
            return None
        if not unit.plain:
            point[unit.output] = unit.sign * np.sqrt(max(0.0, point[unit.output]))
        point[list(unit.directions)] *= point[unit.output]
        point[list(unit.products)] /= point[unit.output] or 1
    return point


# ---- what is not listed --------------------------------------------------------------------------------------------------------


def numeric_minima(land: Landscape, count: int, held: int, seed: int = 0) -> Array:
    """Local minima as far as numbers tell, by free and by held descents."""
    random = np.random.default_rng(seed)
    points, settled = descend(land, starts(land, count, seed), seed)
    points = points[settled]
    if held:
        points = np.concatenate([points, minima_among(land, critical_points(land, held, seed))])
    values = land.values(points)
    _, first = np.unique(np.round(np.c_[np.abs(points), values], 4), axis=0, return_index=True)
    # Of many points of one loss a few: those of a family.
    kept, seen = [], Counter[float]()
    for k in first:
        seen[round(values[k], 6)] += 1
        if seen[round(values[k], 6)] <= 40:
            kept.append(k)
    points = points[kept]
    return np.array([point for point in points if drop(land, point, random, 1500, RADII) > -1]).reshape(-1, land.size)


def missing_points(land: Landscape, minima: MinimaMap, points: Array) -> Iterator[str]:
    """Complaints about numerical minima that are not listed, their stratum being decided."""
    undecided = set().union(*(labels(land.problem, entry.stratum) for entry in minima.undecided)) if minima.undecided else set()
    for value, point in zip(land.values(points), points, strict=True):
        stratum = format_signs(land.problem, stratum_of(land, point))
        # Where the end of a family is undecided, its whole component is left out.
        if stratum in undecided or any(entry.reason.startswith("a family ends") for entry in minima.undecided):
            continue
        if not any(is_on(land, component, value, point, stratum) for component in minima):
            yield f"a minimum {value:.10g} in {stratum} is not listed: {point.tolist()}"


def is_on(land: Landscape, component: Component, value: float, point: Array, stratum: str) -> bool:
    loss = float(component.loss)
    if abs(value - loss) > 1e-6 * (1 + abs(loss)):
        return False
    if not component.dimension:
        return any(land.distance(land.row(component.theta(k)), point) < NEAR for k in range(len(component.pieces)))
    # Near the end of a family a switch may be too small to be told from zero.
    return any(_same_or_near_zero(label, stratum) for piece in component.pieces for label in labels(land.problem, piece.stratum))


def _same_or_near_zero(listed: str, found: str) -> bool:
    return len(listed) == len(found) and all(b in (a, "0") for a, b in zip(listed, found, strict=True))


# ---- run -----------------------------------------------------------------------------------------------------------------------


def attack(problem: Problem, *, count: int, held: int, timeout: float) -> tuple[MinimaMap, list[str]]:
    minima = reluspec.solve(problem, "algebraic", timeout=timeout, workers=1)
    land = Landscape(problem)
    complaints = list(wrong_components(land, minima))
    complaints += missing_points(land, minima, numeric_minima(land, count, held))
    return minima, complaints


def main() -> None:
    parser = argparse.ArgumentParser(description="Random problems against descents.")
    parser.add_argument("kinds")
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--starts", type=int, default=150)
    parser.add_argument("--held", type=int, default=1000)
    parser.add_argument("--timeout", type=float, default=10)
    parser.add_argument("--raising", action="store_true", help="stop at the first error")
    parser.add_argument("--folder", type=Path, default=Path("campaign"), help="where the specs of disagreements go")
    arguments = parser.parse_args()
    for name in KINDS if arguments.kinds == "all" else arguments.kinds.split(","):
        totals, reasons = Counter[str](), Counter[str]()
        for seed in range(arguments.seed, arguments.seed + arguments.count):
            one_problem(name, seed, arguments, totals, reasons)
        print(f"{name}: {dict(totals)}", flush=True)
        for reason, times in reasons.most_common(5):
            print(f"    {times} x {reason}", flush=True)


def one_problem(name: str, seed: int, arguments: argparse.Namespace, totals: Counter[str], reasons: Counter[str]) -> None:
    text = random_spec(name, seed)
    begun = time.perf_counter()
    try:
        minima, complaints = attack(
            parse_spec(text, name=f"{name}{seed}.rspec"), count=arguments.starts, held=arguments.held, timeout=arguments.timeout
        )
    except Exception as error:
        if arguments.raising:
            raise
        print(f"!! {name} {seed}: {type(error).__name__}: {str(error)[:300]}", flush=True)
        totals["error"] += 1
        return
    totals["problems"] += 1
    totals["complete" if minima.complete else "incomplete"] += 1
    totals["components"] += len(minima)
    totals["families"] += sum(component.dimension > 0 for component in minima)
    totals["seconds"] += round(time.perf_counter() - begun)
    reasons.update(entry.reason[:100] for entry in minima.undecided)
    if complaints:
        totals["disagreements"] += 1
        arguments.folder.mkdir(parents=True, exist_ok=True)
        (arguments.folder / f"{name}{seed}.rspec").write_text(text)
        print(f"** {name} {seed} ({'complete' if minima.complete else 'incomplete'})\n{text}", flush=True)
        for complaint in complaints[:5]:
            print(f"      {complaint}", flush=True)


if __name__ == "__main__":
    main()
