"""How much work a problem is: right where every stratum is looked at, and a refusal, which can be overruled, of what looks too large."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

import reluspec
from reluspec.cli.main import application
from reluspec.engines.algebraic import forecast as forecast_module
from reluspec.engines.algebraic.forecast import Forecast, bezout, forecast
from reluspec.engines.algebraic.stationary.critical import critical_points, stratum_systems
from reluspec.errors import LimitError
from reluspec.systems.strata import strata

SPECS = Path(__file__).parents[3] / "specs"
SMALL = ["custom_activation", "free_hidden_biases", "kink_touch_min", "quartic", "tie_at_zero", "two_outputs", "collinear"]


@pytest.mark.parametrize("name", SMALL)
def test_all_of_few_strata_are_counted(name: str) -> None:
    problem = reluspec.load(SPECS / f"{name}.rspec")
    found = list(strata(problem))
    sizes = [(unknowns, bezout(system)) for one in found for unknowns, system in stratum_systems(problem, one.signs)]
    expected = Forecast(len(found), len(sizes), max(bound for _, bound in sizes), max(unknowns for unknowns, _ in sizes))
    assert forecast(problem) == expected
    assert expected.refusal == ""


@pytest.mark.parametrize("name", ["quartic", "kink_touch_min"])
def test_as_many_systems_are_solved(name: str) -> None:
    """One system each, unless a second chart is tried."""
    problem = reluspec.load(SPECS / f"{name}.rspec")
    assert forecast(problem).systems == sum(critical_points(problem, one.signs).systems for one in strata(problem))


@pytest.mark.parametrize("name", ["poster", "huber", "xor_one_unit"])
def test_a_sample_is_near_the_truth(name: str) -> None:
    problem = reluspec.load(SPECS / f"{name}.rspec")
    exact = [list(stratum_systems(problem, one.signs)) for one in strata(problem)]
    guess, count = forecast(problem), sum(map(len, exact))
    assert guess.strata == len(exact) > forecast_module.SAMPLED
    assert count * 0.9 <= guess.systems <= count * 1.2
    assert guess.bezout == max(bezout(system) for systems in exact for _, system in systems)
    assert guess.variables == max(unknowns for systems in exact for unknowns, _ in systems)


def test_the_sample_is_spread_and_small() -> None:
    for name in ("poster", "absolute_error", "xor_one_unit"):
        found = list(strata(reluspec.load(SPECS / f"{name}.rspec")))
        sample = forecast_module._sample(found)
        assert len(sample) <= forecast_module.SAMPLED
        assert sum(one.signs.is_cell for one in sample) >= min(10, sum(one.signs.is_cell for one in found))
        places = [found.index(one) for one in sample if one in found]
        assert max(places) >= 0.85 * len(found), "not only the first ones"


@pytest.mark.parametrize("count", [1, 13, 40, 41, 59, 79, 1000])
@pytest.mark.parametrize("cells", [0, 1, 3])
def test_samples(count: int, cells: int) -> None:
    """All of few, each once; of many, from beginning to end. Every so many-th stratum is a cell."""
    found: list[Any] = [SimpleNamespace(place=k, signs=SimpleNamespace(is_cell=bool(cells) and k % cells == 0)) for k in range(count)]
    places = [one.place for one in forecast_module._sample(found)]
    assert len(places) <= forecast_module.SAMPLED
    if count <= forecast_module.SAMPLED:
        assert places == list(range(count))
    else:
        assert max(places[len(places) // 2 :]) >= count - count // 10 - 1
        assert len(places) >= forecast_module.SAMPLED // 2


def test_messages() -> None:
    assert str(Forecast(12_345, 23_456, 1_000, 7)) == "12,345 strata, about 23,456 systems in up to 7 unknowns, Bezout bounds up to 1,000"
    assert str(Forecast(None, 5, 2, 1)).startswith("more than 20,000 strata, about 5 systems")
    assert Forecast(None, 5, 2, 1).refusal == "there are more than 20,000 strata up to exchange of units, each with a system of its own"
    assert Forecast(20_000, 5, 10**7, 9).refusal == ""
    assert Forecast(1, 5, 10**7 + 1, 9).refusal == "a system in 9 unknowns may have 10,000,001 solutions (its Bezout bound)"


@pytest.mark.parametrize(
    ("name", "limit", "value", "words"),
    [
        ("quartic", "COUNTED", 12, "there are more than 12 strata up to exchange of units"),
        ("two_outputs", "MAX_BEZOUT", 255, r"a system in 4 unknowns may have 256 solutions \(its Bezout bound\)"),
    ],
)
def test_refusal_and_force(name: str, limit: str, value: int, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = reluspec.load(SPECS / f"{name}.rspec")
    usual = reluspec.solve(problem, workers=2)
    monkeypatch.setattr(forecast_module, "LEFT_OUT", 1)
    monkeypatch.setattr(forecast_module, limit, value)
    with pytest.raises(LimitError, match=f"this looks too large to finish: {words}.*--force"):
        reluspec.solve(problem)
    assert reluspec.solve(problem, force=True, workers=2) == usual
    monkeypatch.setattr(forecast_module, limit, value + 1)
    assert reluspec.solve(problem, workers=2) == usual, "the limit itself is allowed"


def test_large_systems_that_convexity_solves_are_no_reason_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast_module, "MAX_BEZOUT", 1)
    assert not forecast(reluspec.load(SPECS / "quartic.rspec")).refusal
    assert forecast(reluspec.load(SPECS / "two_outputs.rspec")).refusal


def test_refusal_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(SPECS / "quartic.rspec", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(forecast_module, "COUNTED", 12)
    monkeypatch.setattr(forecast_module, "LEFT_OUT", 1)
    refused = CliRunner().invoke(application(), ["solve", "quartic.rspec"])
    assert isinstance(refused.exception, LimitError)
    assert refused.exception.exit_code == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["quartic.rspec"]
    forced = CliRunner().invoke(application(), ["solve", "quartic.rspec", "--force", "-q", "--workers", "2"])
    assert (forced.exit_code, forced.output) == (0, "")
    assert (tmp_path / "quartic.minima.json").exists()


def test_a_large_problem_is_refused_at_once() -> None:
    """Two hidden layers of three units: nobody waits for that."""
    text = "data { x = [-2, -1, 0, 1, 2] y = [1, 0, 2, 0, 1] } network { input 1 a: layer 3 relu b: layer 3 relu output: layer 1 linear }"
    with pytest.raises(LimitError, match="too large to finish"):
        reluspec.solve(reluspec.parse(f"{text} loss sum squared_error regulariser ridge(1/10)"))


def deep(layer: str, count: int) -> str:
    return (
        f"data {{ x = [-1, 1] y = [1, 2] }} network {{ input 1 {f'layer 1 {layer} ' * (count - 1)} layer 1 linear }} "
        "loss sum squared_error regulariser ridge(1/10)"
    )


def test_a_hundred_layers_are_refused_before_long(tmp_path: Path) -> None:
    """Counting strata gives up after so many steps; what it has cost is bounded in processor time."""
    begun = time.process_time()
    guess = forecast(reluspec.parse(deep("relu", 100)))
    assert time.process_time() - begun < 60
    assert guess.strata is None
    assert str(guess) == "unknown: counting its strata takes too long; 0 were found, up to exchange of units, before that was given up"
    (tmp_path / "deep.rspec").write_text(deep("relu", 100))
    refused = CliRunner().invoke(application(), ["solve", str(tmp_path / "deep.rspec")])
    assert refused.exit_code == 1
    assert "counting its strata takes too long" in str(refused.exception)
    assert "--force" in str(refused.exception)


def test_hopeless_bounds_are_told_in_powers_of_ten() -> None:
    guess = forecast(reluspec.parse(deep("linear", 20)))
    assert guess.bezout > forecast_module.HOPELESS
    assert "Bezout bounds up to about 10^" in str(guess)
    assert "about 10^" in guess.refusal


def test_many_small_layers_have_a_short_message() -> None:
    with pytest.raises(LimitError, match=r"the hidden units have \(2!\)\^99 permutations"):
        forecast(reluspec.parse(deep("relu", 100).replace("layer 1 relu", "layer 2 relu")))
