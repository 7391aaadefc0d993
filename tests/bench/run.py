"""The benchmark: whole commands, timed from outside, medians and ratios of one run.

Run it from the checkout:  python tests/bench/run.py [REPEATS]
Machines are shared and noisy: compare ratios of one run, not seconds of two.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from problems import grid, normal

POSTER = Path(__file__).parents[2] / "specs" / "poster.rspec"

# name -> (spec text, limit in seconds or None)
CASES: dict[str, tuple[str, float | None]] = {
    "poster, cold": (POSTER.read_text(), 1.5),
    "n 10, d 1, L 2": (normal(10, 1, 2), None),
    "n 20, d 1, L 2": (normal(20, 1, 2), 5),
    "n 40, d 1, L 2": (normal(40, 1, 2), None),
    "n 10, d 2, L 2": (normal(10, 2, 2), 90),
    "n 8, d 3, L 1": (normal(8, 3, 1), None),
    "n 20, d 1, L 3": (normal(20, 1, 3), None),
    "grid n 20, d 1, L 3": (grid(20, 3), None),
}


def timed(command: list[str], folder: str, repeats: int) -> float:
    """Median wall time of a command in seconds."""
    walls = []
    for _ in range(repeats):
        start = time.perf_counter()
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        walls.append(time.perf_counter() - start)
    return statistics.median(walls)


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    program = [sys.executable, "-m", "reluspec"]
    with tempfile.TemporaryDirectory() as folder:
        start_up = timed([*program, "--help"], folder, repeats)
        print(f"{'reluspec --help':22s} {start_up:8.2f} s   (at most 0.4)")
        per_stratum: dict[str, float] = {}
        for name, (text, limit) in CASES.items():
            Path(folder, "case.rspec").write_text(text)
            wall = timed([*program, "solve", "case.rspec", "-q"], folder, repeats)
            summary = json.loads(Path(folder, "case.minima.json").read_text())["summary"]
            total = summary["strata"]["total"]
            per_stratum[name] = wall / total
            bound = f"(at most {limit:g})" if limit else ""
            state = "complete" if summary["complete"] else "NOT COMPLETE"
            print(f"{name:22s} {wall:8.2f} s {total:9,} strata {1e6 * wall / total:9.1f} us each  {state} {bound}")
        ratio = per_stratum["n 40, d 1, L 2"] / per_stratum["n 10, d 1, L 2"]
        print(f"time per stratum, n 40 over n 10 (d 1, L 2): {ratio:.2f}   (at most 1.5)")
        print(f"largest process: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MiB   (at most 1024)")


if __name__ == "__main__":
    main()
