"""Every single change to a true map that makes a claim false is caught."""

from __future__ import annotations

from typing import Any

import pytest
from map_mutations import mutations
from true_maps import SLOW, names, true_map

from reluspec.errors import ArtefactError
from reluspec.io.artefacts import validate
from reluspec.verifier.verify import verify_document

QUICK = ("closed_arc", "kink_touch_min", "tie_at_zero", "two_outputs", "quartic")
LATER = [name for name in names() if name not in QUICK]


def needs_completeness(name: str) -> bool:
    """Changes that only a proof of completeness could tell, where the author has put all the counts right, too."""
    return name.endswith("dropped, repaired") or name.startswith("strata: one more")


def needs_families(name: str, document: dict[str, Any]) -> bool:
    """Changes to families outside the convex setting, which are not proved."""
    position = name.removeprefix("component ").partition(" ")[0]
    entry = document["components"][int(position)] if position.isdigit() else None
    return entry is not None and any(piece["dimension"] for piece in entry["pieces"])


def escaped(document: dict[str, Any]) -> tuple[int, list[str]]:
    """How many changes there are, and those that nobody notices."""
    count, missed = 0, []
    convex, whole = document["engine"] == "convex", verify_document(document, "the map itself").complete
    for name, changed in mutations(document):
        count += 1
        try:
            validate(changed, "minima", name)
            found = verify_document(changed, name)
        except ArtefactError:
            continue
        # A true map that is verified in part only has claims that nothing is proved about.
        unproved = not whole or (not convex and (needs_completeness(name) or needs_families(name, document)))
        if found.ok and not (unproved and not found.complete):
            missed.append(name)
    return count, missed


def test_the_changes_are_many() -> None:
    total = sum(sum(1 for _ in mutations(true_map(name))) for name in QUICK)
    assert total >= 400


@pytest.mark.parametrize("name", QUICK)
def test_every_change_is_caught(name: str) -> None:
    count, missed = escaped(true_map(name))
    assert count > 50
    assert not missed


@pytest.mark.slow
@pytest.mark.parametrize("name", LATER)
def test_every_change_to_the_other_maps_is_caught(name: str) -> None:
    assert set(SLOW) <= set(LATER)
    count, missed = escaped(true_map(name))
    assert count > 50
    assert not missed
