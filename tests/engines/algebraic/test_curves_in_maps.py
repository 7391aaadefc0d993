"""Maps with curves of minima that are neither straight nor circles: by hand, and against descents and perturbation."""

from __future__ import annotations

import sys
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import reluspec
from reluspec.checking.records import Verdict
from reluspec.engines.algebraic.job import stratum_job
from reluspec.engines.algebraic.outcome import StratumOutcome
from reluspec.language import parse_spec
from reluspec.minima.minima_map import MinimaMap

sys.path.insert(0, str(Path(__file__).parents[2]))

from campaign import missing_points, numeric_minima, wrong_components
from jets import Landscape


def spec(activation: str, weights: str, *, layer: str = "without bias", data: str = "x = [1]  y = [1]", penalty: str = "") -> str:
    network = f"input 1  hidden: layer 2 {activation} {layer}  output: layer 1 linear fixed weight {weights} without bias"
    return f"data {{ {data} }}\nnetwork {{ {network} }}\nloss sum squared_error\n" + (f"regulariser {penalty}\n" if penalty else "")


def biased(activation: str, weights: str) -> str:
    network = f"input 1  hidden: layer 2 {activation} without bias  output: layer 1 linear fixed weight {weights}"
    return f"data {{ x = [-1]  y = [1] }}\nnetwork {{ {network} }}\nloss sum squared_error\n"


def rings(target: Fraction | int) -> str:
    network = (
        "input 1  hidden: layer 2 { z^2 } without bias  f: layer 1 { (z - 1)^2 } fixed weight [[1, 2]] without bias  "
        "output: layer 1 linear fixed weight [[1]] without bias"
    )
    return f"data {{ x = [1]  y = [{target}] }}\nnetwork {{ {network} }}\nloss sum squared_error\n"


def plane(penalty: str) -> str:
    """A unit with two weights that only the penalty sees, and a bias b with the loss `(relu(b) + 1)^2`."""
    network = "input 2  hidden: layer 1 relu  output: layer 1 linear fixed weight [[1]] without bias"
    return f"data {{ x = [(0, 0)]  y = [-1] }}\nnetwork {{ {network} }}\nloss sum squared_error\nregulariser {{ {penalty} }}\n"


ELLIPSE = "(hidden.weight[0,0]^2 + 2*hidden.weight[0,1]^2 - 2)^2"
CURVE, POINT = 1, 0
CASES: dict[str, tuple[str, list[tuple[float, int, bool, int]]]] = {
    # Loss, dimension, closed, strata up to exchange.
    "ellipse": (spec("{ z^2 }", "[[1, 2]]"), [(0, 1, True, 1)]),
    "cubic": (spec("{ z^3 }", "[[1, 1]]"), [(0, 1, True, 1)]),
    "quartic": (spec("{ z^4 }", "[[1, 1]]"), [(0, 1, True, 1)]),
    "hyperbola": (spec("{ z^2 }", "[[1, -1]]"), [(0, 1, True, 1), (0, 1, True, 1)]),
    # w^2 + 2 v^2 = 1 in the quadrant; in its neighbours one unit is off, so half lines go on from its ends. All off: loss 1.
    "quadrant": (spec("{ max(0, z)^2 }", "[[1, 2]]"), [(0, 1, True, 5), (1, 2, False, 1)]),
    "exchange": (spec("{ max(0, z)^2 }", "[[1, 1]]"), [(0, 1, True, 3), (1, 2, False, 1)]),
    "four quadrants": (spec("{ max(0, z)^2 + z^4 }", "[[1, 1]]"), [(0, 1, True, 5)]),
    # (w^2 - 1/2)^2 + (v^2 - 1/2)^2 = y + 1/2: four ovals, two of which units exchange; ovals that touch; one; four points; nothing.
    "ovals": (spec("{ z^4 - z^2 }", "[[1, 1]]", data="x = [1]  y = [-3/8]"), [(0, 1, True, 1)] * 3),
    "ovals that touch": (spec("{ z^4 - z^2 }", "[[1, 1]]", data="x = [1]  y = [-1/4]"), [(0, 1, True, 1)]),
    "an oval in another": (spec("{ z^4 - z^2 }", "[[1, 1]]", data="x = [1]  y = [-1/8]"), [(0, 1, True, 1)] * 2),
    "ovals that are points": (spec("{ z^4 - z^2 }", "[[1, 1]]", data="x = [1]  y = [-1/2]"), [(0, 0, True, 1)] * 3),
    # With an output bias these are surfaces, graphs over the plane of the two weights.
    "graph": (biased("{ z^2 }", "[[2, -2]]"), [(0, 2, True, 1)]),
    "graph in quadrants": (biased("{ max(0, z)^2 }", "[[3, -1]]"), [(0, 2, True, 9)]),
    "graph and exchange": (biased("{ max(0, z)^2 }", "[[1, 1]]"), [(0, 2, True, 6)]),
    # Points of one input: the least loss is 1/2 + 1/2, on an ellipse.
    "repeated": (spec("{ z^2 }", "[[1, 3]]", data="x = [1, -1, 1, -1]  y = [0, 0, 1, 1]"), [(1, 1, True, 1)]),
    # Not the least value of any bound: f = 1 + (w^2 + 2 v^2 - 1)^2 >= 1 against y = 0.
    "not the bound": (
        "data { x = [1]  y = [0] }\nnetwork { input 1  hidden: layer 2 { z^2 } without bias  f: layer 1 { (z - 1)^2 } "
        "fixed weight [[1, 2]] without bias  output: layer 1 linear fixed weight [[1]] fixed bias [1] }\nloss sum squared_error\n",
        [(1, 1, True, 1)],
    ),
    # f = (q - 1)^2, q = w^2 + 2 v^2: the least loss at q = 3, none at q = 1, a minimum at the origin.
    "best and other": (rings(4), [(0, 1, True, 1), (9, 0, True, 1)]),
    # The least loss at q = 1/2 and q = 3/2, none at q = 1, nor at the origin.
    "two best": (rings(Fraction(1, 4)), [(0, 1, True, 1)] * 2),
    # On the wall b = 0: slopes 1 and 1 on its sides.
    "on a wall": (plane(f"{ELLIPSE} - hidden.bias[0]"), [(1, 1, True, 1)]),
    # Slope -2 for b > 0: no minimum on the wall, but at b = 1.
    "off a wall": (plane(f"{ELLIPSE} - 4*hidden.bias[0]"), [(0, 1, True, 1)]),
}


@cache
def solved(name: str) -> tuple[Landscape, MinimaMap]:
    problem = parse_spec(CASES[name][0], name="curve.rspec")
    return Landscape(problem), reluspec.solve(problem, "algebraic", workers=2)


@pytest.mark.parametrize("name", CASES)
def test_by_hand(name: str) -> None:
    _, minima = solved(name)
    assert minima.complete
    assert [(round(float(c.loss), 12), c.dimension, c.closed, len(c.pieces)) for c in minima] == CASES[name][1]
    assert sorted(c.orbit_size for c in minima) == [1] * (len(minima) - 1) + [2 if len(minima) == 3 else 1]


@pytest.mark.parametrize("name", CASES)
def test_the_map_withstands(name: str) -> None:
    """Witnesses are minima with the stratum's signs, with as many flat directions; descents find nothing else."""
    land, minima = solved(name)
    assert list(wrong_components(land, minima)) == []
    assert list(missing_points(land, minima, numeric_minima(land, 60, 0))) == []


@pytest.mark.parametrize("name", ["ellipse", "hyperbola", "not the bound", "on a wall"])
def test_descents_end_on_the_curve(name: str) -> None:
    """Points that descents reach satisfy the equations that the certificate has for the curve."""
    land, minima = solved(name)
    (equations, *_) = [piece.certificate["curve"] for c in minima for piece in c.pieces if "curve" in piece.certificate]
    points = numeric_minima(land, 40, 0)
    assert len(points) > 5
    for point in points:
        free = [point[k] for k in equations["free"]]
        for terms in equations["equations"]:
            value = sum(_fraction(c) * np.prod([x**e for x, e in zip(free, exponents, strict=True)]) for exponents, c in terms)
            assert abs(value) < 1e-5


def _fraction(text: str) -> float:
    top, _, bottom = text.partition("/")
    return int(top) / int(bottom or 1)


def test_two_branches_are_told_apart() -> None:
    """w^2 - v^2 = 1: one component for each sign of w."""
    _, minima = solved("hyperbola")
    assert sorted(np.sign(component.theta()["hidden.weight"][0, 0]) for component in minima) == [-1, 1]


def test_a_verdict_that_changes_is_not_guessed() -> None:
    """The slope for b < 0 is w: positive on one half of the ellipse, negative on the other."""
    minima = reluspec.solve(parse_spec(plane(f"{ELLIPSE} - hidden.weight[0,0]*hidden.bias[0]"), name="changes.rspec"), "algebraic")
    assert not minima.complete
    assert "0" in [entry.stratum for entry in minima.undecided]


def test_check_knows_curves() -> None:
    """A point of the ellipse other than the witness; a point beside it."""
    land, minima = solved("ellipse")
    for theta, wanted in (([[0.6], [0.32**0.5]], Verdict.MINIMUM), ([[0.6], [0.6]], Verdict.NOT_MINIMUM)):
        given = {"hidden.weight": theta}
        assert reluspec.check(land.problem, given, minima=minima).verdict is wanted


def test_a_line_of_one_parameter_is_no_curve() -> None:
    """With the first unit on its kink the second, off, has a bias without effect: a ray of minima."""
    network = "input 1  hidden: layer 2 relu fixed weight [[3], [-1]]  output: layer 1 linear fixed weight [[-1, 1]] without bias"
    problem = parse_spec(f"data {{ x = [-1]  y = [1] }}\nnetwork {{ {network} }}\nloss sum squared_error\n", name="line.rspec")
    outcome = StratumOutcome.from_json(stratum_job(problem, "0|-"))
    (judged,) = outcome.minimal
    assert judged.found.dimension == 1
    assert judged.found.curve is None


def test_plain_data_and_back() -> None:
    problem = parse_spec(CASES["quadrant"][0], name="curve.rspec")
    data = stratum_job(problem, "+|+")
    again = StratumOutcome.from_json(data)
    assert again.to_json() == data
    (judged,) = again.minimal
    assert judged.found.curve is not None
    assert sorted(end.tight for end in judged.found.curve.ends) == [(0,), (1,)]
