"""Running the program as a user does, and what the tests run it on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from reluspec.io.map_format import without_timings

ROOT = Path(__file__).resolve().parents[1]
POSTER = (ROOT / "specs" / "poster.rspec").read_text(encoding="utf-8")
SMALL = "data { x = [-1, 1]\n y = [1, 2] }\nnetwork { input 1\n hidden: layer 1 relu\n output: layer 1 linear without bias }\n"
SMALL += "let lambda = 1/10\nloss sum squared_error\nregulariser ridge(lambda)\n"


def run(*arguments: str | bytes | Path, cwd: Path, timeout: float = 60, **environment: str) -> subprocess.CompletedProcess[str]:
    """`reluspec ARGUMENTS` in that folder: output, messages, exit code. There must never be a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "reluspec", *arguments],
        cwd=cwd,
        env=clean_environment(**environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=timeout,
    )
    assert "Traceback" not in done.stderr + done.stdout, done.stderr
    return done


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without what would change Python, the locale or the width of the terminal."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LC_", "COLUMNS", "COV_", "TERMINAL_"))}
    return {**kept, "LANG": "C.UTF-8", "COLUMNS": "120", "NO_COLOR": "1", **more}


def write(folder: Path, text: str, name: str = "model.rspec") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def with_parts(
    units: str = "layer 2 relu", output: str = "layer 1 linear", loss: str = "sum squared_error", regulariser: str = "regulariser ridge(1)"
) -> str:
    """Three points on a line, with one part of the spec replaced."""
    y = "[1, 0, 1]" if "layer 2" not in output else "[(1, 0), (0, 1), (1, 1)]"
    network = f"network {{ input 1\n hidden: {units}\n output: {output} }}"
    return f"data {{ x = [-1, 0, 1]\n y = {y} }}\n{network}\nloss {loss}\n{regulariser}\n"


def timeless(map_text: str) -> str:
    """A map without what differs from run to run."""
    return json.dumps(without_timings(json.loads(map_text)), indent=1)


def fake_package(folder: Path, name: str, module: str, entry_points: str) -> str:
    """An installed package of one module, without pip; returns the folder, to be put on PYTHONPATH."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(module, encoding="utf-8")
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(entry_points, encoding="utf-8")
    return str(folder)
