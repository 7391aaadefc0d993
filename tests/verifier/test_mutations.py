"""Every single change to a true map that makes a claim false is caught."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from map_mutations import mutations, repair
from true_maps import SLOW, names, true_map

from reluspec.errors import ArtefactError
from reluspec.io.artefacts import validate
from reluspec.verifier.verify import verify_document

FAMILIES = ("free_hidden_biases", "linear_layers", "rotating_first_layer", "rotating_outputs")
"""Curves of minima outside the convex setting."""
QUICK = ("closed_arc", "kink_touch_min", "tie_at_zero", "two_outputs", "quartic", *FAMILIES)
LATER = [name for name in names() if name not in QUICK]


def needs_a_count(name: str) -> bool:
    """One stratum more than there are sign vectors that the verifier cannot rule out: it says so, but some of those may be empty."""
    return name.startswith("strata: one more")


def escaped(document: dict[str, Any]) -> tuple[int, list[str]]:
    """How many changes there are, and those that nobody notices."""
    count, missed = 0, []
    whole = verify_document(document, "the map itself").complete
    for name, changed in mutations(document):
        count += 1
        try:
            validate(changed, "minima", name)
            found = verify_document(changed, name)
        except ArtefactError:
            continue
        # A true map that is verified in part only has claims that nothing is proved about.
        unproved = not whole or needs_a_count(name)
        if found.ok and not (unproved and not found.complete):
            missed.append(name)
    return count, missed


def test_the_changes_are_many() -> None:
    total = sum(sum(1 for _ in mutations(true_map(name))) for name in QUICK)
    assert total >= 850
    assert sum(sum(1 for _ in mutations(true_map(name))) for name in FAMILIES) >= 450


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) if name.startswith("rotating") else name for name in QUICK])
def test_every_change_is_caught(name: str) -> None:
    count, missed = escaped(true_map(name))
    assert count > 50
    assert not missed


@pytest.mark.parametrize("name", ["absolute_error", "custom_activation", "fixed_output_signs"])
def test_a_missing_minimum_is_noticed(name: str) -> None:
    """Maps of the algebraic engine whose author has made all counts fit."""
    document = true_map(name)
    dropped = [(change, changed) for change, changed in mutations(document) if change.endswith("dropped, repaired")]
    assert len(dropped) == len(document["components"])
    for change, changed in dropped:
        found = verify_document(changed, change)
        assert any("is missing from the map" in claim.reason for claim in found.refuted), change


def test_a_missing_circle_is_noticed() -> None:
    document = true_map("rotating_outputs")
    assert verify_document(document, "true").complete
    for k in (1, 2):
        changed = copy.deepcopy(document)
        changed["components"].pop(k)
        repair(changed)
        assert any("curve of local minima" in claim.reason for claim in verify_document(changed, f"without {k}").refuted)


@pytest.mark.slow
@pytest.mark.parametrize("name", LATER)
def test_every_change_to_the_other_maps_is_caught(name: str) -> None:
    assert set(SLOW) <= set(LATER)
    count, missed = escaped(true_map(name))
    assert count > 50
    assert not missed
