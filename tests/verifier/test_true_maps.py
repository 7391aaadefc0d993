"""No true map is rejected, and nearly all are proved whole."""

from __future__ import annotations

import pytest
from convex_specs import random_spec
from general_specs import general_spec
from true_maps import SLOW, names, true_map

import reluspec
from reluspec.io.map_format import map_document
from reluspec.verifier.claims import Verification
from reluspec.verifier.verify import verify_document

NAMES = [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in names()]

MAY_BE_OPEN = ("dependent kinks", "finer than the verifier's precision")
"""What the verifier may leave open on true maps of the convex setting: said in docs/what-is-proved.md."""


AUDITED = {
    "absolute_error",
    "clipped_activation",
    "custom_activation",
    "fixed_output_signs",
    "huber",
    "lasso_output",
    "linear_layers",
    "quartic",
    "rotating_outputs",
    "squared_hinge",
    "two_outputs",
}
"""Specs outside the convex setting for which the indices of all critical points are proved."""


def failures(found: Verification) -> list[str]:
    return [f"{claim.kind}: {claim.subject}: {claim.reason}" for claim in (*found.refuted, *found.not_reproved)]


def test_there_are_specs() -> None:
    assert len(NAMES) >= 27


@pytest.mark.parametrize("name", NAMES)
def test_specs(name: str) -> None:
    document = true_map(name)
    found = verify_document(document, name)
    assert found.ok, failures(found)
    assert found.complete, failures(found)
    if name in AUDITED:
        assert any(claim.subject == "sum of the indices" for claim in found.claims)


@pytest.mark.parametrize("name", ["poster", "kink_touch_flat", "three_points"])
def test_maps_of_the_other_engine(name: str) -> None:
    found = verify_document(true_map(name, "algebraic"), name)
    assert found.complete, failures(found)


def _check_random(seed: int) -> None:
    minima = reluspec.solve(reluspec.parse(random_spec(seed)), "convex")
    document = map_document(minima, critical=True)
    found = verify_document(document, f"seed {seed}")
    assert found.ok, (random_spec(seed), failures(found))
    left = [claim for claim in found.not_reproved if not any(words in claim.reason for words in MAY_BE_OPEN)]
    assert not left or document["undecided"], (random_spec(seed), failures(found))
    counted = sum(claim.count for claim in found.claims if claim.kind == "excluded strata")
    critical = document["summary"]["strata"]["critical"]
    # Excluded, critical in Clarke's sense, or critical on its own stratum only (a zero slope beside a falling one): nothing is left over.
    assert counted + critical <= document["summary"]["strata"]["total"]


@pytest.mark.parametrize("seed", range(25))
def test_random_problems(seed: int) -> None:
    _check_random(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(25, 400))
def test_many_random_problems(seed: int) -> None:
    _check_random(seed)


EQUAL_LOSSES = {
    "mirror image, targets turned": ("x = [-2, 2] y = [-1, 1]", "layer 3 leaky_relu(1/10)"),
    "mirror image, a repeated point": ("x = [-1, 0, 1, -2, 0, 2] y = [-2, 2, -2, 2, 0, 2]", "layer 1 relu"),
    "exchange of inputs": ("x = [(1, 0), (0, 1), (1, 1)] y = [1, 1, -1]", "layer 1 relu"),
}


@pytest.mark.parametrize("name", EQUAL_LOSSES)
def test_equal_losses_are_proved_equal(name: str) -> None:
    data, hidden = EQUAL_LOSSES[name]
    text = f"""data {{ {data} }}
    network {{ input {2 if "(" in data else 1} hidden: {hidden} output: layer 1 linear without bias }}
    loss sum squared_error
    regulariser ridge(1/10)"""
    document = map_document(reluspec.solve(reluspec.parse(text)))
    losses = [component["loss"]["value"] for component in document["components"]]
    assert len(set(losses)) < len(losses)
    found = verify_document(document, name)
    assert found.complete, failures(found)


GENERAL_MAY_BE_OPEN = ("may be equal", "finer than the verifier's precision", "slope", "family", "infinitely many", "may be dependent")


def _check_general(seed: int) -> None:
    document = map_document(reluspec.solve(reluspec.parse(general_spec(seed)), "algebraic"))
    found = verify_document(document, f"general seed {seed}")
    assert found.ok, (general_spec(seed), failures(found))
    left = [claim for claim in found.not_reproved if not any(words in claim.reason for words in GENERAL_MAY_BE_OPEN)]
    assert not left or document["undecided"], (general_spec(seed), failures(found))


@pytest.mark.parametrize("seed", [0, 2, 4, 6, 10, 37])
def test_random_problems_outside_the_convex_setting(seed: int) -> None:
    _check_general(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 130))
def test_many_random_problems_outside_the_convex_setting(seed: int) -> None:
    _check_general(seed)


@pytest.mark.parametrize("seed", [22, 35])
def test_mirror_images_have_the_same_loss(seed: int) -> None:
    document = map_document(reluspec.solve(reluspec.parse(general_spec(seed)), "algebraic"))
    assert [entry["global"] for entry in document["components"][:2]] == [True, True]
    found = verify_document(document, "twins")
    assert found.complete, failures(found)
    document["components"][1]["global"] = False
    assert not verify_document(document, "one of the twins").ok


def test_a_sample_of_strata() -> None:
    document = true_map("fixed_output_signs")
    found = verify_document(document, "a part", sample=20)
    assert found.ok, failures(found)
    assert not found.complete
    assert any("% of the strata are re-proved" in claim.reason for claim in found.not_reproved)
    hurried = verify_document(true_map("quartic"), "hurried", timeout=0)
    assert hurried.ok, failures(hurried)
    assert not hurried.complete


def test_a_sample_proves_what_it_visits(monkeypatch: pytest.MonkeyPatch) -> None:
    y = [-1, 3, 0, 2, -2, 1, 1, -3, 2, 0, 1, -1]
    text = f"""data {{ x = {list(range(-6, 6))} y = {y} }}
    network {{ input 1 hidden: layer 2 relu output: layer 1 linear without bias }}
    loss sum squared_error
    regulariser ridge(1/10)"""
    document = map_document(reluspec.solve(reluspec.parse(text)))
    whole = verify_document(document, "whole")
    assert whole.complete, failures(whole)
    part = verify_document(document, "part", sample=100)
    assert part.ok, failures(part)
    assert not part.complete
    assert "components" in part.counts()
    assert part.counts()["components"] == whole.counts()["components"]
    assert any("% of the strata are re-proved" in claim.reason for claim in part.not_reproved)
    monkeypatch.setattr("reluspec.verifier.convex.landscape.BATCH", 64)
    hurried = verify_document(document, "hurried", timeout=0)
    assert hurried.ok
    assert not hurried.complete
