"""Everything the README shows is what a user gets: its output, its Python, its links; and the examples run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import reluspec

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def run(*arguments: str, folder: Path) -> str:
    command = [sys.executable, "-m", "reluspec", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=True).stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "specs", tmp_path / "specs")
    return tmp_path


def test_the_console_shows_real_output(folder: Path) -> None:
    (console,) = blocks("console")
    sessions = re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]
    assert len(sessions) == 2
    for session in sessions:
        command, _, expected = session.partition("\n")
        words = command.split()
        got = (folder / words[1]).read_text() if words[0] == "cat" else run(*words[1:], folder=folder)
        assert got.strip() == expected.strip()


def test_the_python_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (code,) = blocks("python")
    exec(compile(code, "README.md", "exec"), {})


def test_the_table_of_commands_is_complete() -> None:
    shown = set(re.findall(r"`reluspec (\w+)", README))
    assert {"compile", "solve", "graph", "system", "fmt", "plugins", "schema"} <= shown


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)h][^)]*)\)", README):
        assert (ROOT / target).exists(), target


def test_ci_runs_the_readmes_test_command() -> None:
    commands = re.findall(r"^    (python3\.11 .*)$", README, flags=re.MULTILINE)
    assert len(commands) == 2
    script = (ROOT / ".ci" / "run").read_text()
    pattern = re.search(r'grep -o "(.*)" README.md', script)
    assert pattern is not None
    assert re.findall(pattern[1], README) == [commands[1]]


def test_the_walk_through_runs() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "examples" / "landscape.py")], capture_output=True, text=True, check=True)
    assert "complete: 325 strata" in done.stdout
    assert "20 runs of gradient descent ended at" in done.stdout


def test_a_newcomers_problem(tmp_path: Path) -> None:
    """Write, compile, inspect, solve; a witness loaded into plain NumPy has the loss that the map states."""
    (tmp_path / "mine.rspec").write_text(
        "data { x = [0, 1/2, 1, 2, 3, 5]  y = [1, 0, 2, 1, 0, 1] }\n"
        "network { input 1  hidden: layer 2 relu  output: layer 1 linear without bias }\n"
        "loss mean squared_error\nregulariser ridge(1/50)\n"
    )
    assert "144 exist" in run("compile", "mine.rspec", folder=tmp_path)
    run("solve", folder=tmp_path)  # finds mine.regions.json by itself
    minima = reluspec.read_map(tmp_path / "mine.minima.json")
    assert minima.complete
    x, y = np.array([0, 0.5, 1, 2, 3, 5]), np.array([1, 0, 2, 1, 0, 1.0])
    for component in minima:
        theta = component.theta()
        hidden = np.maximum(np.outer(x, theta["hidden.weight"][:, 0]) + theta["hidden.bias"], 0)
        loss = ((hidden @ theta["output.weight"][0] - y) ** 2).mean() + sum((tensor**2).sum() for tensor in theta.values()) / 50
        assert loss == pytest.approx(float(component.loss), abs=1e-12)
