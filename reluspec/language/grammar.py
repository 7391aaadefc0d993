"""Where the grammar file is: the one function that knows."""

from __future__ import annotations

from pathlib import Path

from reluspec.errors import ReluspecError


def grammar_path() -> Path:
    """The grammar file of an installed wheel (beside this module) or of a source checkout (`grammar/` at its root).

    Raises `ReluspecError` when the installation has neither.
    """
    here = Path(__file__).resolve()
    candidates = (here.parent / "rspec.lark", here.parents[2] / "grammar" / "rspec.lark")
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise ReluspecError(f"the grammar is missing: it is neither {candidates[0]} nor {candidates[1]}; install reluspec again")
