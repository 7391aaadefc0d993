"""Which component of a map a theta belongs to, or is nearest to: up to exchange of units, and anywhere along a family."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reluspec.checking.cones import Array
from reluspec.checking.families import Projection
from reluspec.checking.points import read_point, tensors
from reluspec.checking.records import Nearest
from reluspec.errors import LimitError, ProblemError
from reluspec.minima.minima_map import MinimaMap
from reluspec.minima.records import Component, Piece
from reluspec.problem.problem import Problem
from reluspec.systems.exchanges import exchange_parameters, exchanges

MAX_PROJECTIONS = 1_000
"""Projections on families; beyond, those exchanges come first whose witness is nearest."""


def same_problem(first: Problem, second: Problem) -> bool:
    """Whether two problems have the same loss, parameter by parameter; titles and options do not matter."""
    return all(getattr(first, part) == getattr(second, part) for part in ("data", "network", "loss", "regulariser"))


@dataclass(frozen=True)
class _Place:
    """A point of a component and which exchange of theta's units it is nearest to."""

    distance: float
    component: Component
    piece: int
    exchange: int
    point: Array


def nearest_component(problem: Problem, point: Array, minima: MinimaMap, reach: float) -> Nearest | None:
    """The component of `minima` nearest to `point` (p); `None` for a map without any.

    Raises `ProblemError` where the map is of another problem.
    """
    if not same_problem(problem, minima.problem):
        raise ProblemError(
            "the map is of another problem: its data, network, loss or regulariser are not those of the spec. "
            "Make it anew with `reluspec solve`, or name the right one"
        )
    orders, tried = _orders(problem)
    exchanged = point[orders]
    isolated = list(_witnesses(problem, minima, exchanged))
    places = isolated + list(_on_families(problem, isolated, exchanged))
    if not places:
        return None
    best = min(places, key=lambda place: (place.distance, place.component.id))
    back = np.empty_like(point)
    back[orders[best.exchange]] = best.point
    return Nearest(
        component=best.component.id,
        piece=best.piece,
        stratum=best.component.pieces[best.piece].stratum,
        distance=best.distance,
        belongs=best.distance <= reach,
        is_global=best.component.is_global,
        loss=float(best.component.loss),
        exchanges_tried=tried,
        point=tensors(problem, back),
    )


def _orders(problem: Problem) -> tuple[NDArray[np.intp], bool]:
    """The exchanges as orders of theta's entries (E x p), identity first; only that, and `False`, where there are too many."""
    try:
        return np.array([exchange_parameters(problem, exchange) for exchange in exchanges(problem)]), True
    except LimitError:
        return np.arange(len(problem.parameters))[None, :], False


def _witnesses(problem: Problem, minima: MinimaMap, exchanged: Array) -> Iterator[_Place]:
    for component in minima.components:
        for number, piece in enumerate(component.pieces):
            witness = read_point(problem, piece.witness, f"the witness of component {component.id}", tolerance=1e-9)
            distances = np.linalg.norm(exchanged - witness, axis=1)
            best = int(np.argmin(distances))
            yield _Place(float(distances[best]), component, number, best, witness)


def _on_families(problem: Problem, known: list[_Place], exchanged: Array) -> Iterator[_Place]:
    """Nearest points of the pieces that have a parametrisation."""
    _, distinct = np.unique(exchanged, axis=0, return_index=True)
    families = [place for place in known if _piece(place).family is not None and _piece(place).dimension]
    share = max(1, MAX_PROJECTIONS // max(len(families), 1))
    for place in families:
        family = _piece(place).family
        assert family is not None
        projection = Projection(problem, family)
        order = distinct[np.argsort(np.linalg.norm(exchanged[distinct] - place.point, axis=1), kind="stable")]
        for exchange in order[:share]:
            found = projection.nearest(exchanged[exchange])
            distance = float(np.linalg.norm(found - exchanged[exchange]))
            yield _Place(distance, place.component, place.piece, int(exchange), found)


def _piece(place: _Place) -> Piece:
    return place.component.pieces[place.piece]
