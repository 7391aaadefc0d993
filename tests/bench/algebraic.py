"""The algebraic engine's benchmark: every spec by `--engine algebraic`, as a whole command, and its ten slowest strata.

Run it from the checkout:  python tests/bench/algebraic.py [SPEC ...]
With msolve installed (`pip install 'reluspec[msolve]'`), the poster by `--engine msolve` as well.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from reluspec.engines.algebraic.ideals.msolve import find_msolve
from reluspec.engines.algebraic.job import stratum_job
from reluspec.language import load_spec
from reluspec.regions.signs import format_signs
from reluspec.systems.strata import strata

SPECS = Path(__file__).parents[2] / "specs"
POSTER = SPECS / "poster.rspec"
SLOWEST = 10


def whole_command(spec: Path, engine: str, folder: str) -> tuple[float, str]:
    """Wall time in seconds, and what the map says."""
    target = Path(folder, "map.minima.json")
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "reluspec", "solve", spec, "--engine", engine, "-q", "-o", target], check=False)
    wall = time.perf_counter() - start
    summary = json.loads(target.read_text())["summary"]
    return wall, f"{summary['strata']['total']:6,} strata, {'complete' if summary['complete'] else summary['incomplete_because']}"


def slowest(spec: Path) -> list[tuple[float, str]]:
    """Seconds and names of the strata that take longest, one after the other in this process."""
    problem = load_spec(spec)
    names = [format_signs(problem, found.signs) for found in strata(problem)]
    outcomes = [stratum_job(problem, name) for name in names]
    return sorted(((outcome["seconds"], outcome["stratum"]) for outcome in outcomes), reverse=True)[:SLOWEST]


def main() -> None:
    specs = [Path(name) for name in sys.argv[1:]] or sorted(SPECS.glob("*.rspec"))
    with tempfile.TemporaryDirectory() as folder:
        for spec in specs:
            wall, what = whole_command(spec, "algebraic", folder)
            print(f"{spec.stem:24s} {wall:7.2f} s  {what}", flush=True)
            print("    " + "  ".join(f"{1e3 * seconds:.0f} ms {name}" for seconds, name in slowest(spec)))
        print(f"largest process: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MiB   (at most 2048)")
        print(f"poster by algebraic: {whole_command(POSTER, 'algebraic', folder)[0]:.2f} s   (at most 60)")
        if find_msolve():
            print(f"poster by msolve: {whole_command(POSTER, 'msolve', folder)[0]:.2f} s   (at most 20)")


if __name__ == "__main__":
    main()
