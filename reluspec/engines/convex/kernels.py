"""The compiled kernel for a geometry: made once for each, with what it remembers of smaller sets."""

from __future__ import annotations

from math import comb
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from reluspec.engines.convex.compiled import KernelChoice, kernel_choice
from reluspec.engines.convex.float_geometry import FloatGeometry, Floats
from reluspec.engines.convex.kernel_tables import kernel_tables

MAX_REMEMBERED = 1 << 24
"""Largest number of doubles kept of the optima of all sets of one size (128 MiB): they screen the sets with one face more."""

_kernels: WeakKeyDictionary[FloatGeometry, dict[tuple[str, int], Any]] = WeakKeyDictionary()
_making = Lock()


def kernel_for(floats: FloatGeometry, size: int) -> Any | None:
    """The compiled kernel for sets of that size in that geometry, made once; `None` where NumPy does the work."""
    choice = kernel_choice()
    if not _fits(choice, floats, size):
        return None
    with _making:
        made = _kernels.setdefault(floats, {})
        if (choice.name, size) not in made:
            kernel = _bare(choice, floats, made)
            count, width = len(floats.ranks) - 1, floats.width
            subsets = comb(count, size - 1)
            if size > 1 and subsets * ((size - 1) * (width + 1) + 2) <= MAX_REMEMBERED:
                kernel.remember(size - 1, _tails(count, size - 1), subsets)
            made[choice.name, size] = kernel
        return made[choice.name, size]


def _fits(choice: KernelChoice, floats: FloatGeometry, size: int) -> bool:
    module = choice.module
    return module is not None and floats.reliable and size <= module.MAX_SIZE and size * floats.width <= module.MAX_COORDINATES


def _bare(choice: KernelChoice, floats: FloatGeometry, made: dict[tuple[str, int], Any]) -> Any:
    """A kernel that remembers nothing; the tables are made once."""
    assert choice.module is not None
    if ("tables", 0) not in made:
        made["tables", 0] = kernel_tables(floats)
    return choice.module.Kernel(made["tables", 0], choice.name)


def compiled_weights(floats: FloatGeometry, sets: NDArray[np.int64]) -> Floats | None:
    """Approximate weights s of the optima of sets (B x m) by the compiled kernel; `None` where NumPy does it. Raises `KernelError`."""
    choice = kernel_choice()
    if not _fits(choice, floats, sets.shape[1]):
        return None
    with _making:
        made = _kernels.setdefault(floats, {})
        if (choice.name, 0) not in made:
            made[choice.name, 0] = _bare(choice, floats, made)
    return np.asarray(made[choice.name, 0].weights(sets.astype(np.int32)))


def _tails(count: int, size: int) -> NDArray[np.int64]:
    """`C(count - x, left)` at [left, x]: how many sets of `left` elements of `range(count)` have none below x."""
    return np.array([[comb(count - x, left) for x in range(count + 1)] for left in range(size + 1)], dtype=np.int64)
