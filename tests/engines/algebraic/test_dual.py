"""The dual certificate at dead units, against unit vectors all round the circle and against the lowest end of many descents."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from reluspec.engines.algebraic.job import stratum_job
from reluspec.engines.algebraic.judging.dual import dual_decision, has_dead_unit
from reluspec.engines.algebraic.judging.verdict import Verdict
from reluspec.engines.algebraic.outcome import Judged, StratumOutcome
from reluspec.engines.algebraic.stationary.enclosures import theta_balls
from reluspec.language import parse_spec
from reluspec.problem.problem import Problem
from reluspec.regions.signs import format_signs, parse_signs
from reluspec.systems.strata import strata

sys.path.insert(0, str(Path(__file__).parents[2]))

from descent import descend, starts
from jets import Array, Landscape

RUN = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),
)
DERIVATIVES: dict[str, Callable[[Array], Array]] = {
    "squared_error": lambda error: 2 * error,
    "huber(1)": lambda error: np.clip(error, -1, 1),
}
SLOPES = {"relu": (0, 1), "abs": (-1, 1), "leaky_relu(1/5)": (0.2, 1)}
HALVES = st.integers(-6, 6).map(lambda n: Fraction(n, 2))


@dataclass(frozen=True)
class Case:
    """One hidden layer, two outputs; all that the reference needs to know."""

    problem: Problem
    x: Array
    y: Array
    weight: Array
    loss: str
    activation: str
    hidden: float
    output: float


@st.composite
def cases(draw: st.DrawFn) -> Case:
    loss, activation = draw(st.sampled_from(["squared_error", "squared_error", "huber(1)"])), draw(st.sampled_from(sorted(SLOPES)))
    count = 1 if loss == "huber(1)" else draw(st.integers(1, 3))
    x = draw(st.lists(st.integers(-2, 2), min_size=count, max_size=count, unique=True))
    y = draw(st.lists(st.tuples(HALVES, HALVES), min_size=count, max_size=count))
    weight = draw(st.lists(st.sampled_from([1, 1, 2]), min_size=count, max_size=count))
    hidden, output = draw(st.sampled_from([(Fraction(1, 2),) * 2, (Fraction(1), Fraction(1)), (Fraction(1, 4), Fraction(2))]))
    mean = draw(st.booleans())
    text = (
        f"data {{ x = {x}  y = [{', '.join(f'({a}, {b})' for a, b in y)}]  weight = {weight} }}\n"
        f"network {{ input 1  hidden: layer 2 {activation}  output: layer 2 linear without bias }}\n"
        f"loss {'mean' if mean else 'sum'} {loss}\nregulariser ridge({hidden}) on hidden + ridge({output}) on output\n"
    )
    share = np.array(weight) / (count if mean else 1)
    numbers = np.array([[float(a), float(b)] for a, b in y])
    return Case(parse_spec(text, name="dual.rspec"), np.array(x), numbers, share, loss, activation, float(hidden), float(output))


def strength(case: Case, theta: dict[str, Any]) -> float:
    """The largest |Gamma^(-1/2) G^T phi(X u)| / (2 |Lambda^(1/2) u|) over directions u: a dead unit wakes where it exceeds one."""
    below, above = SLOPES[case.activation]

    def activated(z: Array) -> Array:
        return np.where(z > 0, above, below) * z

    rows = np.stack([case.x, np.ones(len(case.x))], axis=1)
    incoming = np.column_stack([np.array(theta["hidden.weight"])[:, 0], theta["hidden.bias"]])
    outputs = activated(rows @ incoming.T) @ np.array(theta["output.weight"]).T
    gradient = case.weight[:, None] * DERIVATIVES[case.loss](outputs - case.y)
    angles = np.linspace(0, 2 * np.pi, 20_001)
    directions = np.stack([np.cos(angles), np.sin(angles)])
    effects = gradient.T @ activated(rows @ directions)
    return float(np.linalg.norm(effects, axis=0).max() / np.sqrt(case.output) / (2 * np.sqrt(case.hidden)))


def judged(problem: Problem, wanted: Callable[[str], bool]) -> Iterator[tuple[str, Judged]]:
    for stratum in strata(problem):
        name = format_signs(problem, stratum.signs)
        if wanted(name):
            outcome = StratumOutcome.from_json(stratum_job(problem, name))

            yield from ((name, one) for one in outcome.sets)


def has_dead_name(name: str) -> bool:
    """A unit is dead, and no kink of the loss is met."""
    return "0" not in name.partition(";")[2] and any(set(unit) == {"0"} for unit in name.split(";")[0].split("|"))


def theta_of(case: Case, one: Judged) -> dict[str, Any]:
    return case.problem.tensors([float(entry.mid()) for entry in theta_balls(one.found, one.found.witness, 64)], float)


@RUN
@given(cases())
def test_dead_units_by_brute_force(case: Case) -> None:
    """At every critical point with a dead unit, kinks of the loss apart, the certificate decides, and rightly."""
    land = Landscape(case.problem)
    points, _ = descend(land, starts(land, 60, 3), 3)
    lowest = float(land.values(points).min())
    met = 0
    for name, one in judged(case.problem, has_dead_name):
        theta = theta_of(case, one)
        alive = np.any([np.array(theta["output.weight"]).T, np.column_stack([theta["hidden.weight"], theta["hidden.bias"]])], axis=(0, 2))
        assert has_dead_unit(case.problem, one.found) == (not alive.all())
        decision = dual_decision(case.problem, parse_signs(case.problem, name), one.found)
        if alive.all() or one.found.singular:
            continue
        met += 1
        assert decision is not None
        assert decision == one.decision
        most = strength(case, theta)
        if decision.verdict is Verdict.MINIMUM:
            assert most < 1 + 1e-9
            loss = float(land.values(land.row(theta)[None])[0])
            assert loss <= lowest + 1e-9 * (1 + lowest)
        else:
            assert decision.verdict is Verdict.NOT_MINIMUM
            assert most > 1 - 1e-6
    assert met or case.loss != "squared_error", "with y small, every critical point of a Huber loss may be at its kinks"


@pytest.mark.parametrize("y", ["(1/2, 0)", "(1, 0)", "(4/5, 3/5)", "(6/5, 8/5)", "(1001/1000, 0)", "(999/1000, 0)"])
def test_one_point_by_hand(y: str) -> None:
    """x = 0 and ridge(1): the dead network is the minimum as long as |y| <= 1, ties included; 2 |y| is G, which wakes a unit past 2."""
    text = (
        f"data {{ x = [0]  y = [{y}] }}\nnetwork {{ input 1  hidden: layer 2 relu  output: layer 2 linear without bias }}\n"
        "loss sum squared_error\nregulariser ridge(1)\n"
    )
    problem = parse_spec(text, name="dual.rspec")
    outcome = StratumOutcome.from_json(stratum_job(problem, "0|0"))
    (one,) = outcome.sets
    length = sum(Fraction(entry) ** 2 for entry in y.strip("()").split(", "))
    assert (one.decision.verdict is Verdict.MINIMUM) == (length <= 1)
    assert not outcome.undecided


def outside(network: str, *, loss: str = "squared_error", penalty: str = "ridge(1)", y: str = "[(1, 0)]") -> Problem:
    return parse_spec(
        f"data {{ x = [0]  y = {y} }}\nnetwork {{ input 1  {network} }}\nloss sum {loss}\nregulariser {penalty}\n", name="dual.rspec"
    )


OUTPUT = "output: layer 2 linear without bias"


@pytest.mark.parametrize(
    "problem",
    [
        outside(f"hidden: layer 2 {{ max(0, z)^2 }}  {OUTPUT}"),
        outside(f"hidden: layer 2 {{ max(0, z - 1) }}  {OUTPUT}"),
        outside(f"first: layer 1 relu  hidden: layer 2 relu  {OUTPUT}"),
        outside(f"hidden: layer 2 relu  {OUTPUT}", penalty="ridge(1) + lasso(1) on output"),
        outside(f"hidden: layer 2 relu  {OUTPUT}", penalty="ridge(1) on weights"),
        outside(f"hidden: layer 2 relu fixed bias [1, 1]  {OUTPUT}"),
        outside(f"hidden: layer 2 relu  {OUTPUT} fixed weight [[1, 0], [0, 1]]"),
        outside(f"hidden: layer 2 relu  {OUTPUT}", loss="{ abs((f[0] - y[0])^2 - 1) + f[1]^2 }"),
        outside("hidden: layer 2 relu  output: layer 2 relu without bias"),
    ],
)
def test_nothing_is_said_outside_the_class(problem: Problem) -> None:
    """Curved or shifted activations, depth, l1, free or fixed parameters, losses not shown to be convex."""
    for _, one in judged(problem, lambda name: set(name) <= set("0|/;+-")):
        assert not has_dead_unit(problem, one.found)
        assert "dual" not in one.decision.argument
