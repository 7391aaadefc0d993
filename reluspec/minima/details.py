"""One component as text, with everything that the map says about it: what `reluspec show` prints."""

from __future__ import annotations

from collections.abc import Iterator

from reluspec.minima.families import is_whole_circle
from reluspec.minima.minima_map import MinimaMap, printable
from reluspec.minima.records import Ball, ChartFamily, Component, Family, Piece
from reluspec.problem.problem import Problem
from reluspec.text import filled

MAX_LISTED = 20
"""Undecided strata that are printed unless all are asked for."""

_KINDS = {0: "an isolated point", 1: "a curve", 2: "a sheet"}


def component_text(minima: MinimaMap, position: int) -> str:
    """The component as paragraphs of at most 80 columns, numbers and names of strata excepted."""
    component = minima[position]
    lines = [*filled("", printable(minima.problem.title)), _verdict(minima, component), ""]
    rows = [
        ("loss", _number(component.loss)),
        ("kind", _KINDS.get(component.dimension, f"a family of dimension {component.dimension}")),
        ("location", _location(component)),
        ("orbit", f"{component.orbit_size:,} under exchange of units"),
        ("ends", _ends(component)),
        ("status", component.status),
    ]
    for name, text in rows:
        lines += filled(f"{name:10s} ", text)
    for number, piece in enumerate(component.pieces):
        lines += ["", *_piece(minima.problem, piece, number, len(component.pieces))]
    return "\n".join(lines)


def _verdict(minima: MinimaMap, component: Component) -> str:
    name = f"component {component.id} ({len(minima):,} in all)"
    if component.is_global:
        return f"{name}: {_least(minima)}"
    return f"{name}: {'a local minimum' if component.dimension == 0 else 'local minima'}, not global"


def _least(minima: MinimaMap) -> str:
    if not minima.complete:
        return "the least loss found, in a map that is not complete"
    return "a global minimum" if minima.global_is_proved else f"the {minima.star}"


def _location(component: Component) -> str:
    return "interior: it meets a cell, where the loss is smooth" if component.location == "interior" else "boundary: on kinks of the loss"


def _ends(component: Component) -> str:
    if component.closed:
        return "closed"
    return f"open; missing: {', '.join(component.missing)}" if component.missing else "open"


def _piece(problem: Problem, piece: Piece, number: int, count: int) -> Iterator[str]:
    name = f"piece {number} of {count}, " if count > 1 else ""
    dead = f", dead units: {piece.dead_units}" if piece.dead_units else ""
    yield from filled(f"{name}stratum ", piece.stratum or "(the whole parameter space: there are no kinks)")
    yield f"dimension {piece.dimension}{dead}; a point of it:"
    values = problem.flatten(piece.witness)
    width = max((len(str(parameter)) for parameter in problem.parameters), default=0)
    for parameter in problem.parameters:
        yield f"  {parameter!s:{width}s}  {_number(values[parameter])}"
    if piece.family is not None:
        yield from _family(problem, piece.family)
    elif piece.dimension:
        yield "how to move along it is not known"


def _family(problem: Problem, family: Family | ChartFamily) -> Iterator[str]:
    if isinstance(family, ChartFamily):
        yield from _extent(problem, family)
        for name, rows in (("point", family.vertices), ("ray", family.rays)):
            for number, row in enumerate(rows):
                yield f"  {name} {number}: ({', '.join(str(entry) for entry in row)})"
        for charted in family.units:
            yield f"  where {problem.parameters[charted.output]} stands for its square, with the sign {'+' if charted.sign > 0 else '-'}"
        return
    yield "all of it: unit u has the output weight a = sign * sqrt(s) and the incoming"
    yield "weights (and bias) a * direction; s is any proper convex combination of the"
    yield "corners"
    for unit, (sign, direction) in enumerate(zip(family.signs, family.directions, strict=True)):
        yield (
            f"  unit {unit}: sign {sign:+d}, direction ({', '.join(str(entry) for entry in direction)})" if sign else f"  unit {unit}: dead"
        )
    for number, row in enumerate(family.vertices):
        bias = f", output bias {family.bias[number]}" if family.bias else ""
        yield f"  corner {number}: s = ({', '.join(str(entry) for entry in row)}){bias}"


def _extent(problem: Problem, family: ChartFamily) -> Iterator[str]:
    if not family.pairs:
        yield f"all of it: convex combinations of {_count(len(family.vertices), 'point')}, plus positive multiples of"
        yield _count(len(family.rays), "ray")
        return
    whole = is_whole_circle(family)
    if len(family.pairs[0]) == 2:
        ends = "between the points" if len(family.vertices) == 2 else "through the points, from the first to the last"
        yield "all of it: the whole circle through the point" if whole else f"all of it: the arc of a circle {ends}"
    else:
        yield "all of it: every rotation of the point" if whole else "all of it: the part of a sphere between the points"
    for positions in family.pairs:
        *names, last = (str(problem.parameters[k]) for k in positions)
        yield f"  where {', '.join(names)} and {last} rotate into each other"


def undecided_text(minima: MinimaMap, all_of_them: bool = False) -> str:
    """The undecided strata with their reasons."""
    shown = minima.undecided if all_of_them else minima.undecided[:MAX_LISTED]
    lines = ["", "undecided strata:", *(f"  {entry.stratum}  {printable(entry.reason)}" for entry in shown)]
    if len(shown) < len(minima.undecided):
        lines.append(f"  … and {len(minima.undecided) - len(shown):,} more (-v lists them)")
    return "\n".join(lines)


def _number(number: Ball) -> str:
    return f"{number.value} ± {number.radius}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
