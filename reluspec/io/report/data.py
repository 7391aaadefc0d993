"""What the page knows of a map: components with their witnesses and families, as compact JSON-ready data."""

from __future__ import annotations

from collections.abc import Iterator
from math import factorial, prod
from typing import Any

from reluspec.errors import LimitError, UnsupportedProblemError
from reluspec.io.report.programs import problem_program
from reluspec.io.report.regions import region_data
from reluspec.minima.families import floats
from reluspec.minima.minima_map import MinimaMap
from reluspec.minima.records import Ball, ChartFamily, Component, Family, Piece
from reluspec.problem.problem import Problem
from reluspec.systems.exchanges import exchange_parameters, exchanges

MAX_EXCHANGES = 120
"""Most exchanges of units that the page looks through for the copy of a minimum that is nearest to another."""
MAX_UNDECIDED = 500
"""Undecided strata listed on the page; the map has them all."""


def page_data(minima: MinimaMap, components: int | None = None, short: bool = False) -> dict[str, Any]:
    """Everything the page shows, or only its first `components`; `short` gives witnesses as doubles and of first pieces only."""
    problem = minima.problem
    shown = minima.components[:components]
    data: dict[str, Any] = {
        "title": problem.title,
        "complete": minima.complete,
        "star": minima.star,
        "total": len(minima),
        "components": [_component(component, problem, short) for component in shown],
        "undecided": [{"stratum": entry.stratum, "reason": entry.reason} for entry in minima.undecided[:MAX_UNDECIDED]],
        "undecided_total": len(minima.undecided),
        "regions": region_data(problem),
        **_exchanges(problem),
    }
    try:
        data["problem"] = problem_program(problem)
    except UnsupportedProblemError as error:
        data["problem"], data["no_pictures"] = None, str(error)
    return data


def _exchanges(problem: Problem) -> dict[str, Any]:
    """The exchanges of units, as permutations of parameters and of the units of each layer; none where there are too many to be tried.

    `interchangeable`: every permutation of hidden units is one.
    """
    try:
        found = exchanges(problem)
    except LimitError:
        return {"exchanges": [], "interchangeable": False}
    every = prod(factorial(layer.units) for layer in problem.network.layers[:-1])
    listed = found if len(found) <= MAX_EXCHANGES else ()
    return {
        "exchanges": [{"parameters": exchange_parameters(problem, exchange), "layers": exchange.layers} for exchange in listed],
        "interchangeable": len(found) == every,
    }


def _component(component: Component, problem: Problem, short: bool) -> dict[str, Any]:
    pieces = component.pieces[:1] if short else component.pieces
    return {
        "id": component.id,
        "dimension": component.dimension,
        "loss": [component.loss.value, component.loss.radius],
        "global": component.is_global,
        "location": component.location,
        "orbit": component.orbit_size,
        "closed": component.closed,
        "missing": component.missing,
        "status": component.status,
        "pieces": [_piece(piece, problem, short) for piece in pieces],
        "more": len(component.pieces) - len(pieces),
    }


def _piece(piece: Piece, problem: Problem, short: bool) -> dict[str, Any]:
    values = problem.flatten(piece.witness)
    witness = [values[parameter] for parameter in problem.parameters]
    data: dict[str, Any] = {
        "stratum": piece.stratum,
        "dimension": piece.dimension,
        "dead": piece.dead_units,
        "theta": [repr(float(entry)) if short else entry.value for entry in witness],
        "radius": max((entry.radius for entry in witness), key=float, default="0"),
    }
    if piece.family is not None:
        data["family"] = family_data(piece.family, problem)
    return data


def family_data(family: Family | ChartFamily, problem: Problem) -> dict[str, Any]:
    """A family with the positions of its parameters in theta as a vector, in one form for both kinds."""
    if isinstance(family, ChartFamily):
        return {
            "kind": "chart",
            "vertices": floats(family.vertices),
            "rays": floats(family.rays),
            "pairs": family.pairs,
            "units": [
                {"output": unit.output, "sign": unit.sign, "directions": unit.directions, "products": unit.products, "plain": unit.plain}
                for unit in family.units
            ],
        }
    return {
        "kind": "polytope",
        "vertices": floats(family.vertices),
        "rays": [],
        "bias": [float(entry) for entry in family.bias],
        "units": list(_polytope_units(family, problem)),
        "bias_at": _position(problem).get(f"{problem.network.layers[-1].name}.bias[0]") if family.bias else None,
    }


def _polytope_units(family: Family, problem: Problem) -> Iterator[dict[str, Any]]:
    position, hidden, output = _position(problem), *problem.network.layers
    for unit, (sign, direction) in enumerate(zip(family.signs, family.directions, strict=True)):
        names = [f"{hidden.name}.weight[{unit},{k}]" for k in range(problem.network.inputs)] + [f"{hidden.name}.bias[{unit}]"]
        places = [position.get(name) for name in names]
        yield {
            "sign": sign,
            "output": position.get(f"{output.name}.weight[0,{unit}]"),
            "direction": [
                [place, float(entry)] for place, entry in zip(places, _padded(direction, len(places)), strict=True) if place is not None
            ],
        }


def _padded(direction: tuple[Ball, ...], length: int) -> list[Ball]:
    """Directions of units without a free bias have no entry for it."""
    return [*direction, *[Ball("0", "0")] * (length - len(direction))]


def _position(problem: Problem) -> dict[str, int]:
    return {str(parameter): position for position, parameter in enumerate(problem.parameters)}
