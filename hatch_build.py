"""Builds the compiled kernel of the convex engine where the system has a C++ compiler; without one the package is pure Python.

`RELUSPEC_BUILD_KERNEL=0` leaves the kernel out, `=1` makes the build fail if it cannot be made. `CXX` names the compiler.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PLACE = "reluspec/engines/convex"
# No contraction and no fast mathematics: every path rounds as written, and the proofs count each rounding.
FLAGS = ["-std=c++17", "-O2", "-fPIC", "-ffp-contract=off", "-fvisibility=hidden"]
X86 = ("x86_64", "amd64")


class KernelHook(BuildHookInterface):  # type: ignore[type-arg]
    """Compiles `kernel/` into one extension module."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel" or os.environ.get("RELUSPEC_BUILD_KERNEL") == "0":
            return
        name = f"_kernel{sysconfig.get_config_var('EXT_SUFFIX') or '.so'}"
        self.folder = tempfile.TemporaryDirectory()
        made = Path(self.folder.name, name)
        try:
            compile_kernel(Path(self.root, "kernel"), made, self.metadata.version)
        except (OSError, subprocess.CalledProcessError, LookupError) as error:
            if os.environ.get("RELUSPEC_BUILD_KERNEL") == "1":
                raise
            self.app.display_warning(f"reluspec is built without its compiled kernel and will use NumPy: {reason(error)}")
            return
        if version == "editable":
            # Beside the sources, which are what an editable installation imports.
            shutil.copy2(made, Path(self.root, PLACE, name))
        build_data["force_include"][str(made)] = f"{PLACE}/{name}"
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()


def reason(error: Exception) -> str:
    """What went wrong, with the compiler's own words."""
    if isinstance(error, subprocess.CalledProcessError):
        return f"{shlex.join(error.cmd)} failed:\n{error.stderr}"
    return str(error)


def compile_kernel(sources: Path, target: Path, version: str) -> None:
    """Compile and link. Raises `OSError`, `CalledProcessError` or `LookupError`."""
    import pybind11

    compiler = find_compiler()
    include = [f"-I{sysconfig.get_path('include')}", f"-I{pybind11.get_include()}", f'-DRELUSPEC_VERSION="{version}"']
    parts = {"module.cpp": include, "scalar.cpp": []}
    if platform.machine().lower() in X86:
        parts["module.cpp"] = [*include, "-DRELUSPEC_WITH_AVX2"]
        parts["avx2.cpp"] = ["-DRELUSPEC_WITH_AVX2", "-O3", "-mavx2", "-mfma"]
    with tempfile.TemporaryDirectory() as folder:
        objects = [str(Path(folder, f"{source}.o")) for source in parts]
        commands = [
            [*compiler, *FLAGS, *flags, "-c", str(sources / source), "-o", made]
            for (source, flags), made in zip(parts.items(), objects, strict=True)
        ]
        with ThreadPoolExecutor() as pool:
            list(pool.map(run, commands))
        apple = ["-undefined", "dynamic_lookup"] if platform.system() == "Darwin" else []
        run([*compiler, "-shared", *apple, *objects, "-o", str(target)])


def find_compiler() -> list[str]:
    """The command of a C++ compiler that takes GCC's options. Raises `LookupError`."""
    if named := shlex.split(os.environ.get("CXX", "")):
        return named
    for name in ("c++", "g++", "clang++"):
        if found := shutil.which(name):
            return [found]
    raise LookupError("no C++ compiler was found (c++, g++ or clang++; CXX names another)")


def run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)
