"""Which float screen is in use: the compiled kernel, in the fastest way this processor can run it, or NumPy (`RELUSPEC_KERNEL`)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType

from reluspec.errors import KernelError
from reluspec.version import __version__

VARIABLE = "RELUSPEC_KERNEL"
AUTO, NUMPY = "auto", "numpy"
COMPILED = ("avx2", "scalar")
MODULE = "reluspec.engines.convex._kernel"
INTERFACE = 3
"""Raised with every change of what the kernel is passed and returns (`kernel/tables.hpp`)."""


@dataclass(frozen=True)
class KernelChoice:
    """`name`: `avx2`, `scalar` or `numpy`; `why` explains it in a few words; `module` is the compiled kernel unless it is NumPy."""

    name: str
    why: str
    module: ModuleType | None = None

    def __str__(self) -> str:
        return f"{self.name} ({self.why})"


def kernel_choice() -> KernelChoice:
    """The kernel in use, and why. Raises `KernelError` where `RELUSPEC_KERNEL` asks for what is not there."""
    wanted = os.environ.get(VARIABLE, "").strip().lower() or AUTO
    if wanted not in (AUTO, NUMPY, *COMPILED):
        raise KernelError(f"{VARIABLE}={wanted!r} is none of {AUTO}, {', '.join(COMPILED)}, {NUMPY}")
    if wanted == NUMPY:
        return KernelChoice(NUMPY, f"asked for by {VARIABLE}")
    module, paths, problem = _compiled()
    if module is None:
        if wanted != AUTO:
            raise KernelError(f"{VARIABLE}={wanted} cannot be had: {problem}. Unset it to use NumPy, or build reluspec with a C++ compiler")
        return KernelChoice(NUMPY, problem)
    if wanted == AUTO:
        return KernelChoice(paths[0], "compiled", module)
    if wanted not in paths:
        raise KernelError(f"{VARIABLE}={wanted} does not run on this processor; it runs {', '.join(paths)} and {NUMPY}")
    return KernelChoice(wanted, f"compiled, asked for by {VARIABLE}", module)


@cache
def _compiled() -> tuple[ModuleType | None, tuple[str, ...], str]:
    """The module and what it can run here, or `None` and the reason in one line."""
    try:
        module = import_module(MODULE)
        version, paths = module.VERSION, tuple(str(path) for path in module.paths())
        module.Kernel  # noqa: B018 a kernel without it is of no use
    except ModuleNotFoundError:
        return None, (), "the compiled one is not installed"
    except Exception as error:  # whatever is wrong with a binary, NumPy still works
        return None, (), f"the compiled one cannot be loaded: {' '.join(str(error).split()) or type(error).__name__}"
    expected = f"{__version__}/{INTERFACE}"
    if version != expected:
        return None, (), f"the compiled one is of version {version}, not {expected}; install reluspec again"
    if not set(paths) & set(COMPILED):
        return None, (), "the compiled one does not run on this processor"
    return module, paths, ""
