"""Machines as they are: full and read-only disks, killed and rival writers, odd clocks and locales, no home, closed streams, no files."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from running import POSTER, ROOT, SMALL, clean_environment, run, timeless, write

import reluspec
from reluspec.errors import ArtefactError
from reluspec.io import artefacts
from reluspec.io.artefacts import write_text

HUBER = (ROOT / "specs" / "huber.rspec").read_text(encoding="utf-8")
COMMANDS = {
    "compile": ["compile", "model.rspec"],
    "solve": ["solve", "model.rspec"],
    "graph": ["graph", "model.rspec", "--format", "dot", "-o", "model.dot"],
}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def program(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "reluspec", *arguments]


# Disks

STEPS = {
    "create": (tempfile, "mkstemp"),
    "sync": (os, "fsync"),
    "permissions": (Path, "chmod"),
    "rename": (Path, "replace"),
}


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO, errno.EACCES])
@pytest.mark.parametrize("step", STEPS)
def test_a_write_that_fails_at_any_step_leaves_the_old_file(step: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "old", "x.json")

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(*STEPS[step], fail)
    with pytest.raises(ArtefactError, match=f"cannot write .*: {os.strerror(code)}. Nothing was written"):
        write_text("new", path)
    monkeypatch.undo()
    assert (names(tmp_path), path.read_text(encoding="utf-8")) == ({"x.json"}, "old")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A file system of its own in memory, with these mount options; needs the right to mount."""
    mounted: list[Path] = []

    def make(options: str) -> Path:
        place = tmp_path / "disk"
        if not mounted:
            place.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, check=False)
        if done.returncode:
            pytest.skip("file systems cannot be mounted here")
        mounted.append(place)
        return place

    yield make
    for place in mounted:
        subprocess.run(["umount", "-l", place], check=False)


@pytest.mark.parametrize("spec", [POSTER, HUBER], ids=["convex", "algebraic"])
def test_a_full_disk(spec: str, disk: Callable[[str], Path]) -> None:
    folder = disk("size=64k,nr_inodes=1000")
    write(folder, spec)
    write(folder, "old", "model.minima.json")
    with (folder / "ballast").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(512))
    for command in ("compile", "solve"):
        done = run(*COMMANDS[command], cwd=folder)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
        assert "No space left" in done.stderr or "disk is full" in done.stderr
    assert (folder / "model.minima.json").read_text(encoding="utf-8") == "old"
    assert not [name for name in names(folder) if name.endswith(".part")]


@pytest.mark.parametrize("spec", [POSTER, HUBER], ids=["convex", "algebraic"])
def test_a_read_only_folder(spec: str, disk: Callable[[str], Path]) -> None:
    folder = disk("size=1m")
    write(folder, spec)
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    for command in ("compile", "solve"):
        done = run(*COMMANDS[command], cwd=folder)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
        assert "Read-only file system" in done.stderr
    assert run("solve", "model.rspec", "-q", "-o", os.devnull, cwd=folder).returncode in (0, 1)


# Writers

WRITER = """
import sys
from pathlib import Path
from reluspec.io.artefacts import write_text
text = sys.argv[2] * 300_000
print("ready", flush=True)
while True:
    write_text(text, Path(sys.argv[1]))
"""


def writer(path: Path, letter: str) -> subprocess.Popen[str]:
    started = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), letter], stdout=subprocess.PIPE, text=True, env=clean_environment()
    )
    assert started.stdout is not None
    assert started.stdout.readline() == "ready\n"
    return started


def test_a_killed_writer_leaves_a_whole_file(tmp_path: Path) -> None:
    path = write(tmp_path, "o" * 300_000, "x.json")
    for delay in (0.0, 0.004, 0.011, 0.02, 0.03):
        with writer(path, "n") as running:
            time.sleep(delay)
            running.kill()
        assert path.read_text(encoding="utf-8") in ("o" * 300_000, "n" * 300_000)
    assert all(name == "x.json" or name.endswith(".part") for name in names(tmp_path))


def test_two_writers_of_one_file_leave_one_of_the_two_whole(tmp_path: Path) -> None:
    path = write(tmp_path, "o" * 300_000, "x.json")
    with writer(path, "a") as one, writer(path, "b") as other:
        seen = {path.read_text(encoding="utf-8") for _ in range(300)}
        one.send_signal(signal.SIGTERM)
        other.send_signal(signal.SIGTERM)
    assert seen <= {letter * 300_000 for letter in "oab"}


def test_two_runs_of_one_problem_at_once(tmp_path: Path) -> None:
    """They share the journal and the map; both end well, and the map is the one that a single run writes."""
    write(tmp_path, HUBER)
    assert run("solve", "model.rspec", "-q", "-o", "alone.json", cwd=tmp_path).returncode == 0
    started = [
        subprocess.Popen(program("solve", "model.rspec", "-q"), cwd=tmp_path, env=clean_environment(), stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    messages = [running.communicate(timeout=120)[1] for running in started]
    assert "Traceback" not in "".join(messages)
    assert 0 in [running.returncode for running in started]
    assert all(running.returncode == 0 or len(text.splitlines()) == 1 for running, text in zip(started, messages, strict=True)), messages
    one, other = (json.loads((tmp_path / name).read_text(encoding="utf-8")) for name in ("alone.json", "model.minima.json"))
    assert one["components"] == other["components"]


# Clocks, locales, homes

CLOCKS = {
    "1970": "lambda: 0.0",
    "2100": "lambda: 4102444800.0 + next(tick)",
    "backwards": "lambda: 1.8e9 - 3600 * next(tick)",
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("plain")
    return written(folder, {})


def written(folder: Path, environment: dict[str, str]) -> dict[str, str]:
    """What all commands write and print in these surroundings."""
    write(folder, f'title "Ünïts İı 1,5"\n{POSTER.partition(chr(10))[2]}')
    found = {}
    for command in ("compile", "solve", "graph"):
        done = run(*COMMANDS[command], cwd=folder, **environment)
        assert done.returncode == 0, (command, done.stderr)
    for path in folder.glob("model.*"):
        text = path.read_text(encoding="utf-8")
        found[path.name] = timeless(text) if path.name == "model.minima.json" else text
    return found


@pytest.mark.parametrize("clock", ["backwards", *(pytest.param(clock, marks=pytest.mark.slow) for clock in ("1970", "2100"))])
def test_clocks_do_not_matter(clock: str, plain: dict[str, str], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    site = tmp_path_factory.mktemp("site")
    code = f"import itertools, time\ntick = itertools.count()\ntime.time = {CLOCKS[clock]}\ntime.time_ns = lambda: int(time.time() * 1e9)\n"
    (site / "sitecustomize.py").write_text(code, encoding="utf-8")
    assert written(tmp_path, {"PYTHONPATH": str(site)}) == plain
    os.utime(tmp_path / "model.rspec", (4e9, 4e9))
    os.utime(tmp_path / "model.regions.json", (0, 0))
    assert run("solve", "model.regions.json", "-q", cwd=tmp_path).returncode == 0


SURROUNDINGS: dict[str, dict[str, str]] = {
    "C": {"LC_ALL": "C", "LANG": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    "POSIX": {"LC_ALL": "POSIX"},
    "German": {"LC_ALL": "de_DE.UTF-8", "LANG": "de_DE.UTF-8"},
    "Turkish": {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
    "unknown": {"LC_ALL": "xx_YY.nonsense"},
    "no home": {"HOME": "/nonexistent", "XDG_CACHE_HOME": "/nonexistent"},
    "no temporary folder named": {"TMPDIR": "/nonexistent"},
    "dumb terminal": {"TERM": "dumb", "COLUMNS": "0", "LINES": "0"},
}
LATER = ("POSIX", "German", "unknown", "no temporary folder named", "dumb terminal")


@pytest.mark.parametrize("name", ["C", "Turkish", "no home", *(pytest.param(name, marks=pytest.mark.slow) for name in LATER)])
def test_locales_and_homes_do_not_matter(
    name: str, plain: dict[str, str], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    site = tmp_path_factory.mktemp("site")
    # As a program would that embeds reluspec: the C library's locale is set, decimal commas and all, where this machine has it.
    code = "import locale\ntry:\n    locale.setlocale(locale.LC_ALL, '')\nexcept locale.Error:\n    pass\n"
    (site / "sitecustomize.py").write_text(code, encoding="utf-8")
    assert written(tmp_path, {**SURROUNDINGS[name], "PYTHONPATH": str(site)}) == plain


def test_without_a_home_or_standard_input(tmp_path: Path) -> None:
    write(tmp_path, SMALL)
    command = "unset HOME; exec <&-; "
    for arguments in ("solve model.rspec", "compile model.rspec", "plugins", "solve model.rspec --workers 2"):
        done = subprocess.run(
            ["bash", "-c", f"{command}{sys.executable} -m reluspec {arguments}"],
            cwd=tmp_path,
            env=clean_environment(),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr


# What is no file


def test_pipes_and_devices_are_no_data(tmp_path: Path) -> None:
    """Opening a pipe without a writer would wait for ever, reading a device would never end."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero.json").symlink_to("/dev/zero")
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    (tmp_path / "pipe.minima.json").symlink_to("pipe")
    for name in ("pipe", "/dev/zero", "/dev/stdin", "loop.csv", "/proc/self/mem", "."):
        write(tmp_path, SMALL.replace("data {", f'data from "{name}" {{').replace("[-1, 1]", "[a]").replace("[1, 2]", "[b]"))
        done = run("solve", "model.rspec", cwd=tmp_path, timeout=30)
        assert (done.returncode, done.stdout) == (1, "")
    for name in ("pipe", "zero.json", "pipe.minima.json"):
        done = run("solve", name, cwd=tmp_path, timeout=30)
        assert (done.returncode, "pipe or a device" in done.stderr) == (1, True)
    done = subprocess.run(program("solve", "/dev/stdin", "-q"), cwd=tmp_path, env=clean_environment(), input=SMALL, text=True, check=False)
    assert done.returncode == 0, "a pipe that the user names under /dev is read"


def test_a_large_artefact_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artefacts, "MAX_BYTES", 1000)
    write(tmp_path, " " * 1001, "x.minima.json")
    with pytest.raises(ArtefactError, match="more than 1,000 bytes"):
        reluspec.read_map(tmp_path / "x.minima.json")
