"""True maps of the specs, solved once per process."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

import reluspec
from reluspec.io.map_format import map_document

SPECS = Path(__file__).parents[2] / "specs"
SLOW = {"lasso_output", "two_hidden_layers", "hidden_layer_off", "squared_hinge", "huber"}
"""Specs whose solution takes more than a second or two."""


@cache
def _solved(name: str, engine: str | None) -> dict[str, Any]:
    return map_document(reluspec.solve(reluspec.load(SPECS / f"{name}.rspec"), engine), critical=True)


def true_map(name: str, engine: str | None = None) -> dict[str, Any]:
    """The document of a spec's map, a copy for the caller to change."""
    return copy.deepcopy(_solved(name, engine))


def names() -> list[str]:
    return sorted(path.stem for path in SPECS.glob("*.rspec"))
