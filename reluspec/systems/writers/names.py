"""Names that are legal in the target tools: deterministic, without collisions, and telling."""

from __future__ import annotations

import re
from collections.abc import Sequence

from reluspec.problem.expression import Variable

MSOLVE_NAME_LIMIT = 40
"""msolve reads a variable's name into a buffer of 50 characters (src/msolve/iofiles.c, get_variable_name)."""


def underscored(variables: Sequence[Variable], limit: int | None = None) -> tuple[str, ...]:
    """`hidden.weight[0,1]` as `hidden_weight_0_1`; legal in Singular, msolve, Python and Julia.

    A name of more than `limit` characters becomes `v` and the variable's number.
    """
    candidates = []
    for position, variable in enumerate(variables):
        name = "_".join([_ascii(variable.name), *map(str, variable.index)])
        candidates.append(f"v{position}" if limit is not None and len(name) > limit else name)
    return _distinct(candidates, "_")


def capitalised(variables: Sequence[Variable]) -> tuple[str, ...]:
    """`hidden.weight[0,1]` as `hiddenWeight0x1`, for Macaulay2, where `_` is an operator."""
    candidates = []
    for variable in variables:
        first, *others = [word for word in _ascii(variable.name).split("_") if word]
        candidates.append(first + "".join(word[0].upper() + word[1:] for word in others) + "x".join(map(str, variable.index)))
    return _distinct(candidates, "n")


def _ascii(name: str) -> str:
    """Letters, digits and single underscores, a letter first: anything else would be an operator, or illegal, somewhere."""
    plain = re.sub(r"_+", "_", re.sub(r"[^A-Za-z0-9]", "_", name)).strip("_")
    return plain if plain[:1].isalpha() else f"v{plain}"


def _distinct(candidates: Sequence[str], separator: str) -> tuple[str, ...]:
    """Append a number to every name that was given away already, or that a later name has by right."""
    taken: set[str] = set()
    reserved = set(candidates)
    names = []
    for candidate in candidates:
        name, number = candidate, 2
        while name in taken or (name != candidate and name in reserved):
            name, number = f"{candidate}{separator}{number}", number + 1
        taken.add(name)
        names.append(name)
    return tuple(names)
