"""Runs that are killed at random moments, again and again, end with the map of one run; nothing of them is left."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))
from problems import grid

import reluspec
from reluspec.io.artefacts import read_json
from reluspec.io.map_format import map_document, without_timings

SPECS = Path(__file__).parents[2] / "specs"
KILLABLE = Path(__file__).parent / "killable.py"
MARK = "RELUSPEC_TEST_MARK"
PROBLEMS = {"convex": grid(14, 2), "algebraic": (SPECS / "lasso_output.rspec").read_text(encoding="utf-8")}


class Runs:
    """The same command, started again and again in one folder."""

    def __init__(self, folder: Path, engine: str, *options: str) -> None:
        self.folder = folder
        self.mark = uuid4().hex
        self._command = [sys.executable, str(KILLABLE), "solve", "m.rspec", "--engine", engine, "-q", *options]
        (folder / "m.rspec").write_text(PROBLEMS[engine], encoding="utf-8")
        self.map = folder / "m.minima.json"
        self.journal = folder / "m.journal.sqlite"

    def start(self) -> subprocess.Popen[str]:
        environment = {**os.environ, MARK: self.mark}
        return subprocess.Popen(self._command, cwd=self.folder, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True)

    def killed(self, seconds: float) -> bool:
        """Whether a run was killed after so many seconds; false if it had ended by then, which must be well."""
        with self.start() as run:
            try:
                messages = run.communicate(timeout=seconds)[1]
            except subprocess.TimeoutExpired:
                os.killpg(run.pid, signal.SIGKILL)
                run.communicate()
                return True
        assert (run.returncode, messages) == (0, "")
        return False

    def left(self) -> list[int]:
        """Processes that were started by the runs and live."""
        return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if self._is_ours(entry)]

    def _is_ours(self, entry: Path) -> bool:
        try:
            return f"{MARK}={self.mark}".encode() in (entry / "environ").read_bytes()
        except OSError:
            return False


def kill(runs: Runs, count: int, longest: float, seed: int) -> int:
    """Kill runs at `count` random moments, however many runs that takes; the number of runs that came to their end in between."""
    draw = random.Random(seed)
    expected = whole(runs)
    kills = ends = 0
    while kills < count:
        if runs.killed(draw.uniform(0, longest)):
            kills += 1
        else:
            assert without_timings(read_json(runs.map, "minima")) == expected
            assert not runs.journal.exists()
            runs.map.unlink()
            ends += 1
    assert not runs.killed(600)
    assert without_timings(read_json(runs.map, "minima")) == expected
    # A kill in the middle of writing the map may leave its unfinished, hidden copy.
    assert sorted(path.name for path in runs.folder.iterdir() if path.suffix != ".part") == ["m.minima.json", "m.rspec"]
    return ends + 1


def whole(runs: Runs) -> dict[str, object]:
    assert not runs.killed(600)
    document = without_timings(read_json(runs.map, "minima"))
    runs.map.unlink()
    return document


def nothing_left(runs: Runs) -> None:
    deadline = time.monotonic() + 10
    while runs.left() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert runs.left() == []


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "longest"), [("convex", 3.0), ("algebraic", 5.0)])
def test_25_random_moments(engine: str, longest: float, tmp_path: Path) -> None:
    runs = Runs(tmp_path, engine, "--workers", "2")
    print(engine, "runs to the end:", kill(runs, 25, longest, seed=1))
    if sys.platform.startswith("linux"):
        nothing_left(runs)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere a helper ends with its job")
def test_a_killed_run_goes_on_and_leaves_no_process(tmp_path: Path) -> None:
    runs = Runs(tmp_path, "algebraic", "--workers", "2")
    run = runs.start()
    deadline = time.monotonic() + 60
    while not runs.journal.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(runs.left()) > 1
    run.kill()
    run.communicate()
    nothing_left(runs)
    assert runs.journal.exists()
    assert not runs.map.exists()


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["convex", "algebraic"])
def test_two_runs_at_once_and_one_killed(engine: str, tmp_path: Path) -> None:
    runs = Runs(tmp_path, engine, "--workers", "1")
    expected = whole(runs)
    draw = random.Random(2)
    for _ in range(2):
        other = runs.start()
        assert runs.killed(draw.uniform(0.5, 2)) in (True, False)
        assert other.communicate(timeout=600)[1] == ""
        assert other.returncode == 0
        assert without_timings(read_json(runs.map, "minima")) == expected
        runs.killed(600)
        assert without_timings(read_json(runs.map, "minima")) == expected


def test_the_map_of_the_command_is_that_of_python(tmp_path: Path) -> None:
    runs = Runs(tmp_path, "convex")
    assert not runs.killed(600)
    minima = reluspec.solve(reluspec.load(tmp_path / "m.rspec"), "convex")
    assert without_timings(read_json(runs.map, "minima")) == without_timings(map_document(minima))
