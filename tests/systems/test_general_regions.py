"""The region graph of any problem: cells with points, walls between cells that differ across them."""

from __future__ import annotations

from fractions import Fraction

import networkx as nx
import pytest
from any_problem import spec
from system_problems import poster

from reluspec.errors import LimitError
from reluspec.problem.problem import Problem
from reluspec.regions.region_graph import region_graph
from reluspec.regions.signs import format_signs, parse_signs, signs_at
from reluspec.systems.forward import Forward
from reluspec.systems.general_regions import general_region_graph, general_regions
from reluspec.systems.points import theta_of

PROBLEMS = {
    "two layers": spec([-1, 0, 1], "first: layer 1 relu\n layer 1 relu"),
    "two units, then one": spec([-1, 1], "first: layer 2 relu\n layer 1 relu"),
    "absolute error": spec([-1, 1], "first: layer 1 relu", loss="sum absolute_error"),
    "lasso": spec([1], "first: layer 2 relu", regulariser="lasso(1)"),
    "thresholds": spec([-1, 1], "first: layer 1 hard_tanh"),
    "no biases": spec([-1, 1], "first: layer 2 relu without bias\n layer 1 relu without bias"),
}


def test_the_poster_has_the_same_graph_as_the_product() -> None:
    general, known = general_region_graph(poster()), region_graph(poster()).graph()
    assert dict(general.nodes(data="bits")) == dict(known.nodes(data="bits"))
    walls = {frozenset((one, other)): wall for one, other, wall in general.edges(data="stratum")}
    assert walls == {frozenset((one, other)): wall for one, other, wall in known.edges(data="wall")}
    assert {existence for *_, existence in general.edges(data="existence")} == {"proved"}


@pytest.mark.parametrize("name", PROBLEMS)
def test_points_lie_in_their_cells_and_edges_cross_one_wall(name: str) -> None:
    problem = PROBLEMS[name]
    graph = general_region_graph(problem)
    assert nx.is_connected(graph)
    for cell, attributes in graph.nodes(data=True):
        assert attributes["existence"] == "proved"
        point = {variable: Fraction(attributes["point"][str(variable)]) for variable in problem.parameters}
        assert format_signs(problem, signs_at(problem, theta_of(problem, point))) == cell
    for one, other, wall in graph.edges(data="stratum"):
        assert_crosses(problem, one, other, wall)


def assert_crosses(problem: Problem, one: str, other: str, wall: str) -> None:
    for a, b, between in zip(one, other, wall, strict=True):
        assert a == b == between or between == "0"
    switches = Forward(problem).switches(parse_signs(problem, wall))
    vanishing = [switch for switch, side in switches if side == 0 and not switch.is_zero()]
    common = vanishing[0]
    for switch in vanishing:
        common = common.gcd(switch)
    assert not common.is_constant()
    assert one != other


def test_limits() -> None:
    problem = PROBLEMS["two layers"]
    with pytest.raises(LimitError, match="more than 27 cells"):
        general_region_graph(problem, max_nodes=27)
    with pytest.raises(LimitError, match="more than 112 strata"):
        general_regions(problem, limit=112)
    regions = general_regions(problem)
    assert (regions.strata, regions.strata_up_to_exchange, regions.cells, regions.cell_count, regions.walls) == (113, 113, 28, 28, 51)
    assert regions.unknown_cells == 0
