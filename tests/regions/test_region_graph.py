"""The product of the units' arrangements against plain enumeration, and the counts of the poster."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import product
from math import comb

import networkx as nx
import pytest
from hidden_layers import activation, custom, hidden, layer, poster, problem
from hypothesis import given, settings
from hypothesis import strategies as st

from reluspec.errors import LimitError, ProblemError, StratumError, UnsupportedProblemError
from reluspec.problem.definitions import Z
from reluspec.problem.expression import Constant, Kink, Power, Product, Sum, Variable, absolute, minimum, negative, relu
from reluspec.problem.problem import Activation, Penalty, Problem
from reluspec.regions import networks
from reluspec.regions.counts import exchanged_counts, labelled_counts
from reluspec.regions.region_graph import RegionGraph, region_graph

ONE_THIRD = Constant(Fraction(1, 3))

CASES = {
    "poster": poster(),
    "one unit": poster(1),
    "three units": hidden((0, 1), 3),
    "repeated points": hidden((0, 0, 1), 2),
    "two inputs": hidden(((0, 0), (1, 0), (0, 1)), 2),
    "collinear": hidden(((0, 0), (1, 1), (2, 2)), 2),
    "too few points": hidden(((1, 2, 3),), 2),
    "no bias": hidden((0, 1, -2), 2, bias=False),
    "no bias, zeros only": hidden((0, 0), 2, bias=False),
    "leaky": problem((0, 1, 2), replace(layer("hidden", 2), activation=activation("leaky_relu", Fraction(1, 10)))),
}


@pytest.fixture(params=CASES)
def regions(request: pytest.FixtureRequest) -> RegionGraph:
    return region_graph(CASES[request.param])


def conforms(lower: str, upper: str) -> bool:
    return all(low in ("0", up) for low, up in zip(lower, upper, strict=True))


# Counts


def test_the_poster() -> None:
    found = region_graph(poster())
    assert found.strata_by_codimension() == (100, 200, 120, 20, 1)
    assert sum(found.strata_by_codimension(up_to_exchange=True)) == 231
    assert (found.cells, found.walls, found.patterns_on_paper, found.unit_exchanges) == (100, 200, 1024, 2)
    assert repr(found) == ("RegionGraph(2 units, 5 points in R^1: 100 cells of 2^10 patterns, 200 walls, 441 strata, 231 up to exchange)")


def test_counts_against_the_enumeration(regions: RegionGraph) -> None:
    strata = list(regions.strata())
    assert len({stratum.name for stratum in strata}) == len(strata)
    counted = Counter(stratum.codimension for stratum in strata)
    assert regions.strata_by_codimension() == tuple(counted[c] for c in range(max(counted) + 1))
    orbits = Counter((tuple(sorted(stratum.name.split("|"))), stratum.codimension) for stratum in strata)
    by_codimension = Counter(codimension for _, codimension in orbits)
    assert regions.strata_by_codimension(up_to_exchange=True) == tuple(by_codimension[c] for c in range(max(counted) + 1))


@pytest.mark.parametrize("up_to_exchange", [False, True])
def test_strata_of_one_codimension(regions: RegionGraph, up_to_exchange: bool) -> None:
    everything = list(regions.strata(up_to_exchange=up_to_exchange))
    for codimension in range(-1, max(stratum.codimension for stratum in everything) + 2):
        expected = [stratum for stratum in everything if stratum.codimension == codimension]
        assert list(regions.strata(codimension, up_to_exchange=up_to_exchange)) == expected


def test_one_of_each_orbit(regions: RegionGraph) -> None:
    orbits = {tuple(sorted(stratum.faces)) for stratum in regions.strata()}
    assert {stratum.faces for stratum in regions.strata(up_to_exchange=True)} == orbits


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(1, 9))
def test_counts_up_to_exchange_add_up_to_the_multisets(faces: list[int], units: int) -> None:
    assert sum(exchanged_counts(faces, units)) == comb(sum(faces) + units - 1, units)
    assert sum(labelled_counts(faces, units)) == sum(faces) ** units


def test_counts_of_what_nobody_can_build() -> None:
    found = region_graph(poster(60))
    assert found.cells == 10**60
    assert found.patterns_on_paper == 2**300
    assert sum(found.strata_by_codimension(up_to_exchange=True)) == comb(80, 60)


# Names, neighbours, points


def test_names_come_back(regions: RegionGraph) -> None:
    for stratum in regions.strata():
        assert regions.stratum(stratum.name) == stratum
        assert str(regions.stratum(stratum.name.replace("|", ","))) == stratum.name
        if stratum.codimension == 0 and "1" in (bits := regions.bits(stratum)):
            assert regions.stratum(bits) == stratum


def test_names_of_no_stratum() -> None:
    found = region_graph(poster())
    with pytest.raises(StratumError, match=r"no weights of unit 1 have the signs \+-\+--"):
        found.stratum("+++++|+-+--")
    with pytest.raises(StratumError, match="unit"):
        found.stratum("+++++")
    with pytest.raises(StratumError, match="no cell"):
        found.bits(found.stratum("0++++|+++++"))


def test_a_switch_that_is_always_zero() -> None:
    found = region_graph(hidden((0, 1, -2), 2, bias=False))
    assert [stratum.name for stratum in found.strata(0)] == ["0+-|0+-", "0+-|0-+", "0-+|0+-", "0-+|0-+"]
    assert found.strata_by_codimension() == (4, 4, 1)
    assert found.bits(found.stratum("0+-|0-+")) == "010|001"
    wall = found.stratum("000|0-+")
    assert found.vanishing(wall) == ((0, 1), (0, 2))
    assert found.patterns_on_paper == 2**6


def test_repeated_points_vanish_together() -> None:
    found = region_graph(hidden((0, 0, 1), 2))
    wall = found.stratum("00+|---")
    assert wall.codimension == 1
    assert found.vanishing(wall) == ((0, 0), (0, 1))
    assert found.graph().edges["+++|---", "--+|---"]["points"] == "0,1"


def test_neighbourhoods_against_conformity(regions: RegionGraph) -> None:
    names = {stratum.name: stratum.codimension for stratum in regions.strata()}
    for stratum in regions.strata():
        assert {s.name for s in regions.closure_of(stratum)} == {name for name in names if conforms(name, stratum.name)}
        star = {name for name in names if conforms(stratum.name, name)}
        assert {s.name for s in regions.star_of(stratum)} == star
        assert {s.name for s in regions.adjacent_cells(stratum)} == {name for name in star if names[name] == 0}
        facets = [facet.name for facet in regions.walls_of(stratum)]
        assert len(facets) == len(set(facets))
        assert set(facets) == {s.name for s in regions.closure_of(stratum) if s.codimension == stratum.codimension + 1}


def test_neighbours_are_those_of_the_graph(regions: RegionGraph) -> None:
    graph = regions.graph()
    for cell in regions.strata(0):
        assert sorted(neighbour.name for neighbour in regions.neighbours(cell)) == sorted(graph[cell.name])


def test_points_lie_where_they_should(regions: RegionGraph) -> None:
    hidden_layer = regions.problem.network.layers[0]
    for stratum in regions.strata():
        point = regions.point(stratum)
        units = range(regions.units)
        weight = [[point[f"hidden.weight[{u},{k}]"] for k in range(regions.problem.network.inputs)] for u in units]
        theta: dict[str, object] = {"hidden.weight": weight, "output.weight": [[0] * regions.units]}
        if hidden_layer.bias:
            theta["hidden.bias"] = [point[f"hidden.bias[{u}]"] for u in units]
        assert regions.stratum_at(theta) == stratum


def test_theta_in_floats_and_of_a_wrong_shape() -> None:
    found = region_graph(poster())
    theta = {"hidden.weight": [[0.1], [-1.0]], "hidden.bias": [0.3, 2.0], "output.weight": [[1.0, 1.0]]}
    assert found.stratum_at(theta).name == "-++++|++++0"  # 3 times the float 0.1 is more than the float 0.3
    with pytest.raises(ProblemError, match=r"hidden\.weight"):
        found.stratum_at({**theta, "hidden.weight": [[1.0]]})


# Graphs


def test_graph_against_conformity(regions: RegionGraph) -> None:
    """Two cells are joined iff a stratum of codimension one lies in the closure of both, and each such stratum joins two."""
    graph = regions.graph()
    cells = [stratum.name for stratum in regions.strata(0)]
    walls = {}
    for wall in regions.strata(1):
        sides = [cell for cell in cells if conforms(wall.name, cell)]
        assert len(sides) == 2
        walls[frozenset(sides)] = wall
    assert list(graph.nodes) == cells
    assert {frozenset(edge) for edge in graph.edges} == set(walls)
    assert len(walls) == regions.walls == graph.number_of_edges()
    for one, other, attributes in graph.edges(data=True):
        wall = walls[frozenset((one, other))]
        vanishing = regions.vanishing(wall)
        assert attributes["wall"] == wall.name
        assert attributes["points"] == ",".join(str(point) for _, point in vanishing)
        assert {unit for unit, _ in vanishing} == {attributes["unit"]}


def test_node_attributes() -> None:
    node = region_graph(poster()).graph().nodes["+++++|++++-"]
    assert node == {
        "signs": "+++++|++++-",
        "bits": "11111|11110",
        "dimension": 4,
        "hidden.weight[0,0]": "0",
        "hidden.bias[0]": "1",
        "hidden.weight[1,0]": "-3",
        "hidden.bias[1]": "5",
    }


def test_the_product_is_the_cartesian_power(regions: RegionGraph) -> None:
    power = factor = regions.factor_graph()
    for _ in range(regions.units - 1):
        power = nx.cartesian_product(power, factor)
        power = nx.relabel_nodes(power, {pair: "|".join(pair) for pair in power})
    graph = regions.graph()
    assert set(power.nodes) == set(graph.nodes)
    assert {frozenset(edge) for edge in power.edges} == {frozenset(edge) for edge in graph.edges}
    assert nx.is_connected(graph)


def test_one_input_gives_a_torus() -> None:
    assert nx.is_isomorphic(region_graph(poster()).factor_graph(), nx.cycle_graph(10))
    assert nx.is_isomorphic(region_graph(hidden((0, 1, 2), 2)).graph(), nx.grid_2d_graph(6, 6, periodic=True))


def test_face_lattice(regions: RegionGraph) -> None:
    lattice = regions.face_lattice()
    faces = {stratum.name: stratum.codimension for stratum in regions.one_unit.strata()}
    assert dict(lattice.nodes(data="codimension")) == faces
    reachable = {(low, high) for low in lattice for high in nx.descendants(lattice, low) | {low}}
    assert reachable == {(low, high) for low, high in product(faces, repeat=2) if conforms(low, high)}


def test_the_same_problem_gives_the_same_graph() -> None:
    first, second = region_graph(poster()), region_graph(poster())
    assert (first, hash(first), repr(first)) == (second, hash(second), repr(second))
    assert list(first.graph().nodes(data=True)) == list(second.graph().nodes(data=True))
    assert list(first.graph().edges(data=True)) == list(second.graph().edges(data=True))


def test_the_limit_says_how_large_and_what_else(monkeypatch: pytest.MonkeyPatch) -> None:
    found = region_graph(poster(6))
    with pytest.raises(LimitError) as raised:
        found.graph()
    message = str(raised.value)
    assert "1,000,000 cells and 6,000,000 walls" in message
    assert "200,000" in message
    assert "10 cells, 10 walls" in message
    assert "factor_graph" in message
    assert len(found.factor_graph()) == 10
    monkeypatch.setattr(networks, "MAX_NODES", 100)
    assert len(region_graph(poster()).graph()) == 100


# Which problems have one


@settings(max_examples=20)
@given(st.fractions(min_value=-3, max_value=3).filter(bool), st.fractions(), st.fractions())
def test_any_kink_at_zero_will_do(slope: Fraction, below: Fraction, above: Fraction) -> None:
    """The signs are those of the switch: a negative multiple of z turns them."""
    argument = Sum((Product((Constant(slope), Z)), Product((ONE_THIRD, Sum((Z, negative(Z)))))))
    case = problem((0, 1, 2), replace(layer("hidden", 1), activation=custom(Sum((Z, Kink(argument, below, above))))))
    found = region_graph(case)
    assert found.strata_by_codimension() == (6, 6, 1)
    theta = {"hidden.weight": [[1]], "hidden.bias": [Fraction(-1, 2)], "output.weight": [[1]]}
    assert found.stratum_at(theta).name == ("-++" if slope > 0 else "+--")


def test_max_of_two_lines_through_zero() -> None:
    tenth = Product((Constant(Fraction(1, 10)), Z))
    case = problem((0, 1, 2), replace(layer("hidden", 2), activation=custom(Sum((tenth, relu(Sum((Z, negative(tenth)))))))))
    assert region_graph(case).strata_by_codimension() == region_graph(hidden((0, 1, 2), 2)).strata_by_codimension()


def test_bias_fixed_to_zero_is_no_bias() -> None:
    zeros = (Fraction(0), Fraction(0))
    fixed = region_graph(problem((1, 2, -1), replace(layer("hidden", 2), fixed_bias=zeros)))
    assert [s.name for s in fixed.strata()] == [s.name for s in region_graph(hidden((1, 2, -1), 2, bias=False)).strata()]
    assert set(fixed.point(next(fixed.strata(0)))) == {"hidden.weight[0,0]", "hidden.weight[1,0]"}


def test_fixed_output_weights_do_not_matter() -> None:
    case = poster()
    output = replace(case.network.layers[1], fixed_weight=((Fraction(1), Fraction(-1)),))
    found = region_graph(replace(case, network=replace(case.network, layers=(case.network.layers[0], output)), regulariser=()))
    assert (found.cells, found.one_unit.cells) == (100, 10)
    assert found.one_unit.problem.network.layers[1].fixed_weight == ((Fraction(1),),)


def with_activation(function: Activation) -> Problem:
    return problem((0, 1), replace(layer("hidden", 2), activation=function))


def without_hidden_layer() -> Problem:
    return problem((0, 1))


def with_kinked_output() -> Problem:
    case = poster()
    kinked = replace(case.network.layers[1], activation=activation("relu"))
    return replace(case, network=replace(case.network, layers=(case.network.layers[0], kinked)))


def with_penalty_in_braces() -> Problem:
    weight = Variable("hidden.weight", (0, 0))
    return replace(poster(), regulariser=(Penalty("{abs(hidden.weight[0,0])}", absolute(weight)),))


SHIFTED = relu(Sum((Z, Constant(Fraction(1)))))
NOWHERE = relu(Sum((Z, negative(Z))))
ODD = relu(Power(Z, 3))


@pytest.mark.parametrize(
    ("case", "words"),
    [
        (without_hidden_layer(), ["no hidden layer"]),
        (problem((0, 1), layer("first", 2), layer("second", 2)), ["2 hidden layers (first, second)"]),
        (with_kinked_output(), ["output layer output", "relu"]),
        (with_activation(activation("linear")), ["linear", "has no kink"]),
        (with_activation(activation("hard_tanh")), ["hard_tanh", "more than one kink"]),
        (with_activation(custom(SHIFTED)), ["{…}", "not at z = 0"]),
        (with_activation(custom(minimum(ONE_THIRD, Z))), ["not at z = 0"]),
        (with_activation(custom(NOWHERE)), ["no multiple of z"]),
        (with_activation(custom(ODD)), ["no multiple of z"]),
        (problem((0, 1), replace(layer("hidden", 1), fixed_weight=((Fraction(1),),))), ["hidden.weight is fixed"]),
        (problem((0, 1), replace(layer("hidden", 2), fixed_bias=(Fraction(0), Fraction(1)))), ["hidden.bias is fixed", "without bias"]),
        (problem((0, 1), layer("hidden", 2), loss="absolute_error"), ["loss sum absolute_error", "squared_error"]),
        (problem((0, 1), layer("hidden", 2), loss="squared_hinge"), ["loss sum squared_hinge"]),
        (problem((0, 1), layer("hidden", 2), penalty="lasso"), ["regulariser lasso(1/10)", "ridge"]),
        (with_penalty_in_braces(), ["regulariser {abs(hidden.weight[0,0])}"]),
    ],
)
def test_no_region_graph(case: Problem, words: list[str]) -> None:
    with pytest.raises(UnsupportedProblemError) as raised:
        region_graph(case)
    assert all(word in str(raised.value) for word in words), str(raised.value)
