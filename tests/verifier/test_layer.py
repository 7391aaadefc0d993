"""One hidden layer with a smooth convex loss: strata without critical points, by convexity, against the raw systems and by hand."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from flint import arb, ctx
from map_mutations import mutations, repair

import reluspec
from reluspec.errors import ArtefactError
from reluspec.io.artefacts import validate
from reluspec.io.map_format import map_document
from reluspec.problem.problem import Problem
from reluspec.regions.signs import Signs, parse_signs
from reluspec.verifier.general.lagrange import systems
from reluspec.verifier.general.quotient import SizeError
from reluspec.verifier.general.solutions import OpenError, solutions
from reluspec.verifier.general.strata import all_strata
from reluspec.verifier.layer.elsewhere import no_critical_point
from reluspec.verifier.layer.lone import lone_solution
from reluspec.verifier.layer.losses import point_loss
from reluspec.verifier.layer.problem_class import read_layered
from reluspec.verifier.layer.slopes import living_units, search, shared
from reluspec.verifier.raw import SingularError
from reluspec.verifier.verify import verify_document

TWO_UNITS = """title "two units"
data { x = [-2, -1, 2] y = [0, 3, 0] }
network { input 1 hidden: layer 2 relu output: layer 1 linear without bias }
loss sum power(4)
regulariser ridge(1/2)"""


def layer_spec(seed: int) -> str:
    """One unit, two or three points: small enough for the raw systems."""
    choose = random.Random(seed)
    points = choose.choice([2, 3])
    loss = choose.choice(["power(4)", "huber(1)", "huber(1/3)", "squared_hinge", "{ (y - f)^2 + (y - f)^4 }", "{ max(0, f - y)^3 + f^2 }"])
    y = [choose.choice([-1, 1]) if "hinge" in loss else choose.randint(-2, 3) for _ in range(points)]
    unit = choose.choice(["relu", "leaky_relu(1/10)", "abs", "relu without bias"])
    output = choose.choice(["linear without bias", "linear", "linear fixed bias [1/2]"])
    penalty = choose.choice(["ridge(1/10)", "ridge(1/2)", "ridge(1/5) on hidden + ridge(1/3) on output"])
    return f"""data {{ x = {choose.sample(range(-2, 4), points)} y = {y} }}
    network {{ input 1 hidden: layer 1 {unit} output: layer 1 {output} }}
    loss {choose.choice(["sum", "mean"])} {loss}
    regulariser {penalty}"""


def counted(problem: Problem, signs: Signs) -> int | None:
    """The critical points of a stratum by its raw systems; `None` where these are not all solved."""
    try:
        return sum(len(solutions(system)) for system in systems(problem, signs))
    except (OpenError, SizeError, SingularError):
        return None


def check_against_raw_systems(seed: int) -> tuple[int, int]:
    problem = reluspec.parse(layer_spec(seed))
    assert read_layered(problem) is not None
    strata = all_strata(problem)
    chosen = random.Random(seed).sample(strata, min(len(strata), 40))
    excluded, lone = 0, 0
    for signs in chosen:
        # At a zero kink of the loss the system has a multiplier, which need not be zero.
        if "0" in signs.objective:
            continue
        if no_critical_point(problem, signs):
            count = counted(problem, signs)
            assert count in (0, None), (layer_spec(seed), signs)
            excluded += count == 0
        elif (found := lone_solution(problem, replace(signs, objective=""))) is not None:
            count = counted(problem, signs)
            assert count in (int(found.signs == signs), None), (layer_spec(seed), signs)
            lone += count == 1
    return excluded, lone


def test_excluded_strata_have_no_critical_point() -> None:
    found = [check_against_raw_systems(seed) for seed in range(5)]
    assert sum(excluded for excluded, _ in found) > 30
    assert sum(lone for _, lone in found) > 5


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 160))
def test_more_excluded_strata_have_no_critical_point(seed: int) -> None:
    check_against_raw_systems(seed)


@pytest.mark.parametrize(
    ("loss", "convex"),
    [
        ("power(4)", True),
        ("huber(1/3)", True),
        ("squared_hinge", True),
        ("{ max(0, 1/3 - f)^3 + f^2 }", True),
        ("{ f^4 - f^2 }", False),
        ("{ f^4 - 6*f^2*y + y^4 }", False),
        ("absolute_error", False),
        ("{ f }", False),
        ("{ max(0, f^2 - 1)^2 }", False),
        ("{ f^3 }", False),
        ("{ (y - f)^2 - max(0, y - f)^2 }", True),
        ("{ (y - f)^2 - 2*max(0, y - f)^2 }", False),
    ],
)
def test_losses_that_are_convex_and_smooth(loss: str, convex: bool) -> None:
    spec = TWO_UNITS.replace("power(4)", loss)
    assert (read_layered(reluspec.parse(spec)) is not None) == convex


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ridge(1/2)", "ridge(1/2) on hidden"),
        ("ridge(1/2)", "ridge(1/2) + lasso(1/5)"),
        ("layer 1 linear without bias }", "layer 2 linear without bias }"),
        ("layer 2 relu", "layer 2 { max(0, z)^2 }"),
        ("layer 2 relu", "layer 2 linear"),
        ("layer 2 relu", "layer 2 relu second: layer 1 relu"),
    ],
)
def test_problems_of_other_kinds(old: str, new: str) -> None:
    spec = TWO_UNITS.replace(old, new)
    if "layer 2 linear without" in new:
        spec = spec.replace("[0, 3, 0]", "[(0, 1), (3, 0), (0, 0)]")
    assert read_layered(reluspec.parse(spec)) is None


def test_a_loss_by_pieces() -> None:
    expression = reluspec.parse(TWO_UNITS.replace("power(4)", "huber(1)")).loss.expression
    loss = point_loss(expression, Fraction(3), Fraction(2))
    assert loss is not None
    assert [float(loss.value(arb(u))) for u in (0, 2, 3, 5)] == [5, 1, 0, 3]
    assert [float(loss.slope(arb(u))) for u in (0, 2, 3, 5)] == [-2, -2, 0, 2]
    assert [loss.floats(u) for u in (0.0, 2.5)] == [(5, -2, 0), (0.25, -1, 2)]
    assert float(loss.least()) == 0
    assert loss.last_slope(1) == 2
    assert loss.may_have("+-", arb(1), arb(1.5))
    assert not loss.may_have("+-", arb(2), arb(3))
    assert loss.may_have("0-", arb(1), arb(2))
    assert not loss.may_have("0-", arb(2.1), arb("inf"))


def test_bad_guesses_widen_the_intervals_only() -> None:
    """Slopes at the minimisers, from a good guess, are in the intervals of every worse one."""
    layered = read_layered(reluspec.parse(TWO_UNITS))
    assert layered is not None
    numbers = np.random.default_rng(3)
    for names in (("+++", "--+"), ("+0-", "+++"), ("++0", "-0+"), ("+++", "+++")):
        units = living_units(layered, names)
        guess = search(layered, units).guesses()[0]
        with ctx.workprec(128):
            best = shared(layered, units, guess)
            assert best is not None
            assert max(float(slope.rad()) for slope in best.slopes) < 1e-2
            for size in (1e-3, 1e-1, 1):
                worse = shared(layered, units, guess + size * numbers.normal(size=len(guess)))
                assert worse is not None
                assert all(wide.contains(arb(slope.mid())) for wide, slope in zip(worse.slopes, best.slopes, strict=True))
                assert max(float(slope.rad()) for slope in worse.slopes) > 2 * max(float(slope.rad()) for slope in best.slopes)


def test_one_unit_by_hand() -> None:
    """`(y - a w)^4 + (a^2 + w^2) / 2` with y = 2: (y - a^2)^3 = 1/4 on w > 0, and nothing on w < 0."""
    problem = reluspec.parse("""data { x = [1] y = [2] }
    network { input 1 hidden: layer 1 relu without bias output: layer 1 linear without bias }
    loss sum power(4)
    regulariser ridge(1/2)""")
    plus, minus = parse_signs(problem, "+"), parse_signs(problem, "-")
    assert no_critical_point(problem, minus)
    assert not no_critical_point(problem, plus)
    lone = lone_solution(problem, plus)
    weight = (2 - 0.25 ** (1 / 3)) ** 0.5
    assert lone is not None
    assert np.allclose(lone.solution.point, [weight, weight])


def test_two_units_are_verified_whole() -> None:
    document = map_document(reluspec.solve(reluspec.parse(TWO_UNITS), "algebraic"))
    found = verify_document(document, "two units")
    assert found.complete
    assert any("elsewhere" in claim.reason and claim.count > 50 for claim in found.claims)
    assert any(claim.subject == "sum of the indices" for claim in found.claims)
    document["components"].pop(1)
    repair(document)
    assert any("is missing from the map" in claim.reason for claim in verify_document(document, "without one").refuted)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["power(4)", "huber(1)"])
def test_every_change_to_a_map_of_two_units_is_caught(loss: str) -> None:
    document = map_document(reluspec.solve(reluspec.parse(TWO_UNITS.replace("power(4)", loss)), "algebraic"))
    whole = verify_document(document, "the map itself").complete
    count = 0
    for name, changed in mutations(document):
        try:
            validate(changed, "minima", name)
            found = verify_document(changed, name)
        except ArtefactError:
            continue
        count += 1
        # Of an arc without a parametrisation nothing false is said; one sign vector more may be an empty one.
        left_open = name.endswith("no parametrisation") or name.startswith("strata: one more")
        assert found.refuted or not whole or (left_open and not found.complete), name
    assert count > 50
