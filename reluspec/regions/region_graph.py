"""The region graph of a network with one hidden layer: a product of equal factors, one per unit (theory.md section 2).

The factor is the arrangement that all units share; the product's cells are the nodes of the region graph, its walls the edges. Counts,
names, neighbours and points come from the factor; only `graph` builds the product.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from itertools import product
from math import factorial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from reluspec.errors import StratumError
from reluspec.problem.expression import Variable
from reluspec.problem.problem import Problem, Theta
from reluspec.regions.arrangement import Arrangement, arrangement, sign_string
from reluspec.regions.counts import exchanged_counts, labelled_counts
from reluspec.regions.signs import parse_signs
from reluspec.regions.unit_rows import has_free_bias, unit_rows

if TYPE_CHECKING:
    import networkx

SHOWN_CODIMENSIONS = 12
"""Rows of a notebook's table."""


@dataclass(frozen=True)
class Stratum:
    """A product of faces, one per unit: `faces` are positions in the factor's arrangement; equality and hash are theirs."""

    faces: tuple[int, ...]
    name: str = field(compare=False)
    codimension: int = field(compare=False)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, repr=False)
class RegionGraph:
    """All strata of a problem with one hidden layer, as a product of `units` copies of `factor`. Made by `region_graph`.

    Dimensions and points are those of the hidden layer's free weights and biases: the output's parameters are free on every stratum. A
    switch that vanishes everywhere (x = 0 without bias) is written `0` in all names and counts for nothing.
    """

    problem: Problem
    factor: Arrangement

    @property
    def units(self) -> int:
        """L: the number of factors."""
        return self.problem.network.layers[0].units

    # Counts

    def strata_by_codimension(self, *, up_to_exchange: bool = False) -> tuple[int, ...]:
        """How many strata have codimension 0, 1, 2, …; `up_to_exchange` counts those that differ by a permutation of units once."""
        count = exchanged_counts if up_to_exchange else labelled_counts
        return count(self.factor.counts_by_codimension(), self.units)

    @property
    def cells(self) -> int:
        """The number of nodes."""
        return self.strata_by_codimension()[0]

    @property
    def walls(self) -> int:
        """The number of edges."""
        return (*self.strata_by_codimension(), 0)[1]

    @property
    def points(self) -> int:
        """The number of data points: switches of one unit."""
        return len(self.factor.rows)

    @property
    def switches(self) -> int:
        """J, with those that vanish everywhere."""
        return self.units * self.points

    @property
    def patterns_on_paper(self) -> int:
        """2^J: the activation patterns if the switches were independent."""
        return 1 << self.switches

    @property
    def unit_exchanges(self) -> int:
        """The order of the group that permutes the units."""
        return factorial(self.units)

    # Strata

    def stratum(self, name: str) -> Stratum:
        """The stratum of that name: signs (`++0--|-0+++`) or, for a cell, bits (`11000|00111`), read by `parse_signs`.

        Raises `StratumError` when the name has another shape, or when no weights have those signs.
        """
        faces = []
        for unit, part in enumerate(parse_signs(self.problem, name).layers[0]):
            # Bits do not know a switch that is zero everywhere: both of them mean that zero.
            signs = "".join("0" if zero else sign for sign, zero in zip(part, self._always_zero, strict=True)) if "1" in name else part
            face = self.factor.index_of(signs)
            if face is None:
                raise StratumError(f"there is no stratum {name!r}: no weights of unit {unit} have the signs {signs}")
            faces.append(face)
        return self.of_faces(faces)

    def of_faces(self, faces: Sequence[int]) -> Stratum:
        """The product of these faces of the factor, one position per unit."""
        chosen = tuple(int(face) for face in faces)
        name = "|".join(self.factor.names[face] for face in chosen)
        return Stratum(chosen, name, sum(int(self._codimension[face]) for face in chosen))

    def bits(self, cell: Stratum) -> str:
        """The activation pattern of a cell: 1 where the switch is positive. Raises `StratumError` for another stratum."""
        if cell.codimension:
            raise StratumError(f"{cell.name} is no cell: activation patterns belong to strata without zeros")
        return cell.name.replace("+", "1").replace("-", "0")

    def strata(self, codimension: int | None = None, *, up_to_exchange: bool = False) -> Iterator[Stratum]:
        """All strata, or those of one codimension, smallest faces first.

        With `up_to_exchange` one of each orbit: the one whose faces do not decrease in the factor's order.
        """
        for faces in self._products((), codimension, up_to_exchange):
            yield self.of_faces(faces)

    def _products(self, begun: tuple[int, ...], codimension: int | None, up_to_exchange: bool) -> Iterator[tuple[int, ...]]:
        following = self.units - len(begun) - 1
        if following < 0:
            yield begun
            return
        least = begun[-1] if up_to_exchange and begun else 0
        for face in range(least, len(self.factor)):
            rest = None if codimension is None else codimension - int(self._codimension[face])
            # Codimensions of later faces do not grow in this order: those left must be able to make up the rest.
            limit = int(self._codimension[face if up_to_exchange else 0])
            if rest is None or 0 <= rest <= following * limit:
                yield from self._products((*begun, face), rest, up_to_exchange)

    def closure_of(self, stratum: Stratum) -> Iterator[Stratum]:
        """The strata that make up the closure of a stratum, itself included."""
        signs = self.factor.signs
        return self._product_of([np.flatnonzero(self._conforms(signs, signs[face])) for face in stratum.faces])

    def star_of(self, stratum: Stratum) -> Iterator[Stratum]:
        """The strata whose closures contain a stratum, itself included: what meets every neighbourhood of its points."""
        signs = self.factor.signs
        return self._product_of([np.flatnonzero(self._conforms(signs[face], signs)) for face in stratum.faces])

    def adjacent_cells(self, stratum: Stratum) -> Iterator[Stratum]:
        """The cells whose closures contain a stratum: two for a wall, the cell itself for a cell."""
        signs, full = self.factor.signs, self._codimension == 0
        return self._product_of([np.flatnonzero(self._conforms(signs[face], signs) & full) for face in stratum.faces])

    def walls_of(self, cell: Stratum) -> Iterator[Stratum]:
        """The strata of one codimension more in the closure of a stratum: the walls of a cell, its facets in general."""
        return self._exchange_one(cell, self.factor.upper, self.factor.lower)

    def neighbours(self, cell: Stratum) -> Iterator[Stratum]:
        """The cells that share a wall with a cell."""
        for wall in self.walls_of(cell):
            yield from (side for side in self.adjacent_cells(wall) if side != cell)

    def vanishing(self, stratum: Stratum) -> tuple[tuple[int, int], ...]:
        """The switches (unit, point) that are zero on a stratum, without those that are zero everywhere."""
        parts = stratum.name.split("|")
        return tuple(
            (unit, point)
            for unit, part in enumerate(parts)
            for point, (sign, zero) in enumerate(zip(part, self._always_zero, strict=True))
            if sign == "0" and not zero
        )

    def point(self, stratum: Stratum) -> dict[str, Fraction]:
        """An exact point of the stratum, by parameter: `{"hidden.weight[0,0]": …}`; the hidden layer's free parameters only."""
        coordinates = [self.factor.point(face) for face in stratum.faces]
        return {
            name: Fraction(value)
            for names, values in zip(self._parameter_names, coordinates, strict=True)
            for name, value in zip(names, values, strict=True)
        }

    def stratum_at(self, theta: Theta) -> Stratum:
        """The stratum in which a theta lies, exactly: floats count as the rationals that they are.

        Raises `ProblemError` for a wrong shape.
        """
        values = {str(variable): value for variable, value in self.problem.flatten(theta).items()}
        faces = []
        for names in self._parameter_names:
            weights = [Fraction(values[name]) for name in names]
            heights = [sum((r * w for r, w in zip(row, weights, strict=True)), Fraction(0)) for row in self.factor.rows]
            face = self.factor.index_of(sign_string([(height > 0) - (height < 0) for height in heights]))
            assert face is not None  # every point lies on one face
            faces.append(face)
        return self.of_faces(faces)

    # Graphs

    @property
    def one_unit(self) -> RegionGraph:
        """The same for a network of one unit: its graph is the factor of which this one's is the Cartesian power.

        Its problem has neither regulariser (no region depends on it, and it may name other units) nor source.
        """
        hidden, output = self.problem.network.layers
        kept = tuple(row[:1] for row in output.fixed_weight) if output.fixed_weight is not None else None
        layers = (replace(hidden, units=1), replace(output, fixed_weight=kept))
        return replace(
            self, problem=replace(self.problem, network=replace(self.problem.network, layers=layers), regulariser=(), source=None)
        )

    def factor_graph(self) -> networkx.Graph[str]:
        """The region graph of one unit, of which `graph` is the Cartesian power; nodes, edges and attributes as there."""
        return self.one_unit.graph()

    def graph(self) -> networkx.Graph[str]:
        """The region graph: cells as nodes, walls as edges; attributes as in `reluspec.regions.networks.product_graph`.

        Raises `LimitError` beyond `MAX_NODES` cells.
        """
        from reluspec.regions.networks import product_graph

        return product_graph(self)

    def face_lattice(self) -> networkx.DiGraph[str]:
        """The faces of one unit, ordered by inclusion of closures: an arrow from every facet to its face.

        Nodes carry `dimension` and `codimension`, arrows the `points` whose switches stop vanishing. The lattice's formal greatest
        element is left out.
        """
        from reluspec.regions.networks import face_lattice

        return face_lattice(self)

    # How it is built

    @cached_property
    def _codimension(self) -> NDArray[np.int64]:
        return self.factor.ambient_dimension - self.factor.dimension

    @cached_property
    def _always_zero(self) -> tuple[bool, ...]:
        return tuple(not any(row) for row in self.factor.rows)

    @staticmethod
    def _conforms(lower: NDArray[np.int8], upper: NDArray[np.int8]) -> NDArray[np.bool_]:
        """Which of `lower` lie in the closure of `upper` (one of the two is a table, the other a row)."""
        conforming: NDArray[np.bool_] = ((lower == 0) | (lower == upper)).all(axis=1)
        return conforming

    @cached_property
    def _parameter_names(self) -> tuple[tuple[str, ...], ...]:
        hidden = self.problem.network.layers[0]
        inputs = self.problem.network.inputs
        return tuple(
            (
                *(str(Variable(f"{hidden.name}.weight", (unit, k))) for k in range(inputs)),
                *((str(Variable(f"{hidden.name}.bias", (unit,))),) if has_free_bias(hidden) else ()),
            )
            for unit in range(self.units)
        )

    def _product_of(self, choices: Sequence[NDArray[np.int64]]) -> Iterator[Stratum]:
        return (self.of_faces(faces) for faces in product(*choices))

    def _exchange_one(self, stratum: Stratum, here: NDArray[np.int64], there: NDArray[np.int64]) -> Iterator[Stratum]:
        for unit, face in enumerate(stratum.faces):
            for other in there[here == face]:
                yield self.of_faces((*stratum.faces[:unit], int(other), *stratum.faces[unit + 1 :]))

    def __repr__(self) -> str:
        units, points, inputs = self.units, self.points, self.problem.network.inputs
        total = sum(self.strata_by_codimension())
        orbits = f", {sum(self.strata_by_codimension(up_to_exchange=True)):,} up to exchange" if units > 1 else ""
        return (
            f"RegionGraph({units} {'unit' if units == 1 else 'units'}, {points} {'point' if points == 1 else 'points'} in R^{inputs}: "
            f"{self.cells:,} cells of 2^{self.switches} patterns, {self.walls:,} walls, {total:,} strata{orbits})"
        )

    def _repr_html_(self) -> str:
        """For notebooks: the counts by codimension."""
        from reluspec.problem import markup

        names = {0: "cells (nodes)", 1: "walls (edges)"}
        labelled, orbits = self.strata_by_codimension(), self.strata_by_codimension(up_to_exchange=True)
        shown = [
            (codimension, names.get(codimension, "corners"), f"{count:,}", f"{orbit:,}")
            for codimension, (count, orbit) in enumerate(zip(labelled, orbits, strict=True))
        ]
        head = ("codimension", "", "strata", "up to exchange")
        strata = [*shown[:SHOWN_CODIMENSIONS], ("", "all", f"{sum(labelled):,}", f"{sum(orbits):,}")]
        title = markup.paragraph(f"Region graph: {self.problem.title}", strong=True)
        rows = [("units", self.units), ("points", self.points), ("cells", f"{self.cells:,} of 2^{self.switches} patterns")]
        facts = markup.table((), rows)
        return title + facts + markup.table(head, strata)


def region_graph(problem: Problem) -> RegionGraph:
    """The region graph of a problem with one hidden layer whose units have their only kink at z = 0.

    Raises `UnsupportedProblemError` for deeper networks, other activations, fixed hidden weights, and losses or regularisers with kinks
    of their own; `LimitError` when a unit has more faces than can be enumerated.
    """
    return RegionGraph(problem, arrangement(unit_rows(problem)))
