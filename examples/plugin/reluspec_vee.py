"""A complete plugin of reluspec: this module says what the parts are, pyproject.toml says what they are called."""

from __future__ import annotations

import csv
from fractions import Fraction
from io import StringIO
from pathlib import Path
from typing import Annotated

import typer

import reluspec
from reluspec.io.exporters import Exporter
from reluspec.problem.definitions import Definition, F, Kind, P, Y, Z
from reluspec.problem.expression import Constant, Expression, Kink, Power, Product, Sum, negative
from reluspec.regions.region_graph import RegionGraph


def _vee(alpha: Fraction) -> Expression:
    if alpha <= 0:
        raise ValueError(f"the left slope of vee must be positive, not {alpha}")
    return Kink(Z, below=-alpha, above=Fraction(1))


def _half_squared_error() -> Expression:
    return Product((Constant(Fraction(1, 2)), Power(Sum((Y, negative(F))), 2)))


def _weight_decay(coefficient: Fraction) -> Expression:
    if coefficient < 0:
        raise ValueError(f"the coefficient of weight_decay must not be negative, not {coefficient}")
    return Product((Constant(coefficient / 2), Power(P, 2)))


VEE = Definition(Kind.ACTIVATION, "vee", ("ALPHA",), _vee, "z above 0, -ALPHA*z below")
HALF_SQUARED_ERROR = Definition(Kind.LOSS, "half_squared_error", (), _half_squared_error, "(y - f)^2 / 2")
WEIGHT_DECAY = Definition(Kind.REGULARISER, "weight_decay", ("C",), _weight_decay, "C/2 * p^2, as PyTorch's optimisers mean it")


def _edges(regions: RegionGraph) -> str:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("cell", "neighbour"))
    writer.writerows(regions.graph().edges())
    return text.getvalue()


EDGES = Exporter("edges", ".csv", "the walls as a CSV list of pairs of cells", _edges)


def count(spec: Annotated[Path, typer.Argument(metavar="SPEC", help="A .rspec file.", show_default=False)]) -> None:
    """Count the cells and the walls of a spec's region graph."""
    regions = reluspec.region_graph(reluspec.load(spec))
    print(f"{regions.cells} cells, {regions.walls} walls")
