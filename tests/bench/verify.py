"""The benchmark of `reluspec verify`: whole commands, timed from outside.

Run it from the checkout:  python tests/bench/verify.py [REPEATS]
Machines are shared and noisy: the least of several times is printed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from problems import grid, normal

POSTER = Path(__file__).parents[2] / "specs" / "poster.rspec"

# name -> (spec text, more arguments, limit in seconds or None)
CASES: dict[str, tuple[str, tuple[str, ...], float | None]] = {
    "poster": (POSTER.read_text(), (), 10),
    "n 20, d 1, L 2": (normal(20, 1, 2), (), None),
    "n 20, d 1, L 3": (normal(20, 1, 3), (), 120),
    "grid n 20, d 1, L 3": (grid(20, 3), (), None),
    "n 10, d 2, L 2": (normal(10, 2, 2), (), None),
    "n 8, d 3, L 1": (normal(8, 3, 1), (), None),
    "n 40, d 1, L 3, sample": (normal(40, 1, 3), ("--sample", "20000"), None),
}


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    program = [sys.executable, "-m", "reluspec"]
    with tempfile.TemporaryDirectory() as folder:
        for name, (text, more, limit) in CASES.items():
            Path(folder, "case.rspec").write_text(text)
            start = time.perf_counter()
            subprocess.run([*program, "solve", "case.rspec", "-q"], cwd=folder, check=True, capture_output=True)
            solving = time.perf_counter() - start
            walls = []
            for _ in range(repeats):
                start = time.perf_counter()
                done = subprocess.run(
                    [*program, "verify", "case.minima.json", "--json", *more], cwd=folder, check=True, capture_output=True, text=True
                )
                walls.append(time.perf_counter() - start)
            total = json.loads(Path(folder, "case.minima.json").read_text())["summary"]["strata"]["total"]
            found = json.loads(done.stdout)
            proved = found["counts"].get("excluded strata", {}).get("proved", 0)
            bound = f"(at most {limit:g})" if limit else ""
            verdict = f"{found['verdict']}, {proved:,} of {total:,} strata excluded"
            print(f"{name:24s} solve {solving:7.2f} s  verify {min(walls):7.2f} s  {verdict} {bound}", flush=True)


if __name__ == "__main__":
    main()
