"""The known answers of the convex kind, once more by the engine that knows nothing of convexity.

By the engine that `auto` takes, every expected answer is tested in `test_specs` (convex) and `test_confirmed_by_descent` (all others).
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import reluspec
from reluspec.pipeline import choose_engine

SPECS = Path(__file__).parents[2] / "specs"
NAMES = sorted(path.name.removesuffix(".expect.json") for path in SPECS.glob("*.expect.json"))
CONVEX = [name for name in NAMES if '"strata"' in (SPECS / f"{name}.expect.json").read_text(encoding="utf-8")]
QUICK = {
    "collinear",
    "kink_touch_flat",
    "kink_touch_min",
    "repeated_x",
    "three_points",
    "three_points_strong",
    "tie_at_zero",
    "xor_one_unit",
}


def test_every_spec_has_an_answer_and_an_engine() -> None:
    assert sorted(path.stem for path in SPECS.glob("*.rspec")) == NAMES
    for name in NAMES:
        engine = choose_engine(reluspec.load(SPECS / f"{name}.rspec")).engine
        assert engine is not None
        assert engine.name == ("convex" if name in CONVEX else "algebraic"), name
    assert set(CONVEX) >= QUICK


@pytest.mark.parametrize("name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in CONVEX])
def test_convex_specs_by_the_algebraic_engine(name: str) -> None:
    expected = json.loads((SPECS / f"{name}.expect.json").read_text(encoding="utf-8"))
    minima = reluspec.solve(reluspec.load(SPECS / f"{name}.rspec"), "algebraic", workers=2)
    assert minima.complete, minima.incomplete_because
    assert minima.landscape.engine == "algebraic"
    assert minima.landscape.total == sum(minima.landscape.ledger.values()) == expected["strata"]
    assert minima.components_with_symmetry == expected["components_with_symmetry"]
    wanted = [(float(c["loss"]), c["dimension"], c["location"], c["orbit_size"], c["closed"]) for c in expected["components"]]
    found = [(float(c.loss), c.dimension, c.location, c.orbit_size, c.closed) for c in minima]
    np.testing.assert_allclose(sorted(c[0] for c in found), sorted(c[0] for c in wanted), rtol=0, atol=1e-9)
    # Within equal losses the order is free.
    assert sorted((round(c[0], 8), *c[1:]) for c in found) == sorted((round(c[0], 8), *c[1:]) for c in wanted)
