"""The benchmark: whole commands, timed from outside, medians and ratios of one run; then the float screen alone, kernel against NumPy.

Run it from the checkout:  python tests/bench/run.py [REPEATS]
Machines are shared and noisy: compare ratios of one run, not seconds of two.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from math import comb
from pathlib import Path

from problems import grid, normal

from reluspec.engines.convex.compiled import VARIABLE, kernel_choice
from reluspec.engines.convex.float_geometry import FloatGeometry
from reluspec.engines.convex.geometry import Geometry
from reluspec.engines.convex.screening import screen_range
from reluspec.engines.convex.setting import convex_setting
from reluspec.language import parse_spec

POSTER = Path(__file__).parents[2] / "specs" / "poster.rspec"

# name -> (spec text, limit in seconds on two cores or None)
CASES: dict[str, tuple[str, float | None]] = {
    "poster, cold": (POSTER.read_text(), 1.0),
    "n 20, d 1, L 2": (normal(20, 1, 2), None),
    "n 100, d 1, L 2": (normal(100, 1, 2), 2),
    "n 100, d 1, L 3": (normal(100, 1, 3), 8),
    "n 20, d 1, L 4": (normal(20, 1, 4), 3),
    "n 10, d 2, L 2": (normal(10, 2, 2), None),
    "n 8, d 3, L 2": (normal(8, 3, 2), 4),
    "grid n 20, d 1, L 3": (grid(20, 3), 6),
}
# How the screen's cost grows with n, L and d: (n, d, L)
GROWTH = [(5, 1, 2), (20, 1, 2), (100, 1, 2), (20, 1, 3), (100, 1, 3), (20, 1, 4), (10, 1, 5), (10, 2, 2), (8, 3, 2)]
SAMPLE = 200_000
"""Most sets that the kernel screens per measurement, and 1/40 of them that NumPy does."""


def processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def timed(command: list[str], folder: str, repeats: int) -> tuple[float, float]:
    """Median wall time of a command in seconds, and the median time that all cores together spent on it."""
    walls, work = [], []
    for _ in range(repeats):
        start, used = time.perf_counter(), processor_seconds()
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        walls.append(time.perf_counter() - start)
        work.append(processor_seconds() - used)
    return statistics.median(walls), statistics.median(work)


def commands(repeats: int) -> None:
    """Whole commands."""
    program = [sys.executable, "-m", "reluspec"]
    with tempfile.TemporaryDirectory() as folder:
        start_up, _ = timed([*program, "--help"], folder, repeats)
        print(f"{'reluspec --help':22s} {start_up:8.2f} s   (at most 0.4)")
        for name, (text, limit) in CASES.items():
            Path(folder, "case.rspec").write_text(text)
            wall, work = timed([*program, "solve", "case.rspec", "-q"], folder, repeats)
            summary = json.loads(Path(folder, "case.minima.json").read_text())["summary"]
            total = summary["strata"]["total"]
            bound = f"(at most {limit:g})" if limit else ""
            state = "complete" if summary["complete"] else "NOT COMPLETE"
            rates = f"{wall:8.2f} s wall {work:8.2f} s of processor {total:12,} strata {1e6 * wall / total:9.2f} us each"
            print(f"{name:22s} {rates}  {state} {bound}", flush=True)
        print(f"largest process: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MiB   (at most 1024)")


def rate(floats: FloatGeometry, size: int, sample: int, repeats: int) -> float:
    """Sets per second of one core's time, from the middle of the list: the best of several."""
    total = comb(len(floats.ranks) - 1, size)
    count = min(total, sample)
    start = (total - count) // 2
    screen_range(floats, size, 0, 1)  # tables are made once
    best = float("inf")
    for _ in range(repeats):
        begin = time.thread_time()
        screen_range(floats, size, start, start + count)
        best = min(best, time.thread_time() - begin)
    return count / best


def screens(repeats: int) -> None:
    """Strata per second and core of the float screen: every path in one run."""
    paths = [path for path in ("avx2", "scalar") if kernel_choice().module and path in kernel_choice().module.paths()]
    print(f"\nthe float screen, sets per second and core ({kernel_choice()})")
    for points, inputs, units in GROWTH:
        floats = FloatGeometry(Geometry(convex_setting(parse_spec(normal(points, inputs, units)))))
        rates = {}
        for path in (*paths, "numpy"):
            os.environ[VARIABLE] = path
            rates[path] = rate(floats, units, SAMPLE if path != "numpy" else SAMPLE // 40, repeats)
        del os.environ[VARIABLE]
        shown = "  ".join(f"{path} {value:11,.0f}" for path, value in rates.items())
        print(f"n {points:3d}, d {inputs}, L {units}:  {shown}   {max(rates.values()) / rates['numpy']:5.0f} x NumPy", flush=True)


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    commands(repeats)
    screens(repeats)


if __name__ == "__main__":
    main()
