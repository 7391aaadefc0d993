"""Systems as text for people and for other tools: one file per format, one table of them all."""

from __future__ import annotations

from collections.abc import Callable

from reluspec.systems.system import PolynomialSystem
from reluspec.systems.writers.artefact import write_json
from reluspec.systems.writers.julia import write_julia
from reluspec.systems.writers.macaulay2 import write_macaulay2
from reluspec.systems.writers.msolve import write_msolve
from reluspec.systems.writers.python import write_sympy
from reluspec.systems.writers.singular import write_singular
from reluspec.systems.writers.text import write_text

WRITERS: dict[str, Callable[[PolynomialSystem], str]] = {
    "text": write_text,
    "json": write_json,
    "msolve": write_msolve,
    "singular": write_singular,
    "macaulay2": write_macaulay2,
    "sympy": write_sympy,
    "julia": write_julia,
}
"""The formats of `reluspec system --format`; each writer returns the whole file."""

__all__ = ["WRITERS"]
