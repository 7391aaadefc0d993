"""Solutions that are graphs over open polyhedra."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flint import fmpq_mpoly

from reluspec.engines.algebraic.ideals.graphs import Graph, graph
from reluspec.engines.algebraic.ideals.groebner import ring
from reluspec.systems.surrogate import rational

System = Callable[..., tuple[list[fmpq_mpoly], list[tuple[int, fmpq_mpoly]]]]


def solved(system: System) -> Graph | None:
    """The graph; its point solves the equations and has the signs."""
    equations, strict = system(*ring(4).gens())
    found = graph(equations, strict)
    if found is not None and found.point is not None:
        point = [rational(value) for value in found.point]
        assert all(equation(*point) == 0 for equation in equations)
        assert all(sign * polynomial(*point) > 0 for sign, polynomial in strict)
    return found


@pytest.mark.parametrize(
    ("system", "dimension"),
    [
        (lambda a, b, w, c: ([a * (w + c) - 2], [(1, w + c), (-1, 2 * w + c)]), 3),
        (lambda a, b, w, c: ([a * (w + c) - 2, b * (2 * w + c) + a**2 - 1], [(1, w + c), (-1, 2 * w + c)]), 2),
        (lambda a, b, w, c: ([a + w**3 - 2, b - a * c], []), 2),
        (lambda a, b, w, c: ([a + w**3 - 2, a + w**3 - b * c - 2 - c], [(1, c), (1, w - 1)]), 2),
    ],
)
def test_graphs(system: System, dimension: int) -> None:
    found = solved(system)
    assert found is not None
    assert found.point is not None
    assert found.dimension == dimension


@pytest.mark.parametrize(
    "system",
    [
        lambda a, b, w, c: ([a * w - 2], [(1, w + c)]),  # w may vanish
        lambda a, b, w, c: ([a * (w + c) - 2], [(1, w + c), (1, a - w)]),  # a strict sign depends on a
        lambda a, b, w, c: ([a**2 * (w + c) - 2], [(1, w + c)]),  # not linear: two sheets
        lambda a, b, w, c: ([a * w - 1], [(1, w * c)]),  # the base is no polyhedron
    ],
)
def test_no_graphs(system: System) -> None:
    assert solved(system) is None


def test_empty() -> None:
    for found in (
        solved(lambda a, b, w, c: ([a * w - 2], [(1, w), (-1, w)])),  # contradicting signs
        solved(lambda a, b, w, c: ([a * w - 2, a * w - 3], [(1, w)])),  # contradicting equations
    ):
        assert found is not None
        assert found.point is None
