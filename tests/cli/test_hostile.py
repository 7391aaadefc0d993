"""Bad days: no room, Ctrl-C, readers that leave, closed streams, odd names. One message, an exit code, no half-written file."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from running import POSTER, SMALL, clean_environment, run, timeless, write

COMMANDS = {
    "compile": ["compile", "model.rspec"],
    "solve": ["solve", "model.rspec"],
    "graph": ["graph", "model.rspec", "--format", "html"],
    "system": ["system", "model.rspec", "--stratum", "++0--|-++++"],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, POSTER)
    return tmp_path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def program(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "reluspec", *arguments]


# Places that cannot be written


PLACES = ["missing/out", "model.rspec/out", ".", "", "/proc/out", "/dev/full", "\udcff" * 300]


@pytest.mark.parametrize(("command", "place"), [*(("compile", place) for place in PLACES), *((command, ".") for command in COMMANDS)])
def test_unwritable_outputs(command: str, place: str, folder: Path) -> None:
    if place.startswith("/") and not Path(place).parent.is_dir():
        pytest.skip(f"this system has no {place}")
    done = run(*COMMANDS[command], "-o", place, cwd=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("reluspec: error: cannot write ")
    assert len(done.stderr.splitlines()) == 1
    assert names(folder) == {"model.rspec"}


def test_an_unwritable_output_is_noticed_before_the_work(tmp_path: Path) -> None:
    write(tmp_path, long_problem())
    started = time.monotonic()
    assert run("solve", "model.rspec", "-o", "missing/out", cwd=tmp_path).returncode == 1
    assert time.monotonic() - started < 10


def test_devices_and_links_stay_what_they_are(folder: Path) -> None:
    device = os.stat(os.devnull)  # noqa: PTH116
    assert run("solve", "model.rspec", "-q", "-o", os.devnull, cwd=folder).returncode == 0
    assert os.stat(os.devnull).st_mode == device.st_mode  # noqa: PTH116
    (folder / "kept").mkdir()
    (folder / "link.json").symlink_to("kept/file.json")
    write(folder, "old", "kept/file.json").chmod(0o640)
    assert run("solve", "model.rspec", "-o", "link.json", cwd=folder).returncode == 0
    assert (folder / "link.json").is_symlink()
    assert (folder / "kept" / "file.json").read_text(encoding="utf-8").startswith("{")
    assert (folder / "kept" / "file.json").stat().st_mode & 0o777 == 0o640


def few_bytes() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))


@pytest.mark.parametrize(("command", "artefact"), [("compile", "model.regions.json"), ("solve", "model.minima.json")])
def test_a_file_system_without_room_keeps_the_old_file(command: str, artefact: str, folder: Path) -> None:
    write(folder, "old", artefact)
    done = subprocess.run(
        program(*COMMANDS[command]),
        cwd=folder,
        env=clean_environment(PYTHONDONTWRITEBYTECODE="1"),
        capture_output=True,
        text=True,
        preexec_fn=few_bytes,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"reluspec: error: cannot write {artefact}: File too large. Nothing was written\n"
    assert names(folder) == {"model.rspec", artefact}
    assert (folder / artefact).read_text(encoding="utf-8") == "old"


# Interruptions


def long_problem() -> str:
    random = Random(1)
    x = sorted(random.sample(range(-60, 60), 40))
    y = [random.randint(-20, 20) for _ in x]
    return SMALL.replace("[-1, 1]", str(x)).replace("[1, 2]", str(y)).replace("layer 1 relu", "layer 3 relu")


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("delay", [1, 3])
def test_an_interruption_is_one_message_and_leaves_a_journal(workers: str, delay: float, tmp_path: Path) -> None:
    write(tmp_path, long_problem())
    write(tmp_path, "old", "model.minima.json")
    command = program("solve", "model.rspec", "--workers", workers)
    # In a session of its own, as in a terminal: the signal goes to the program and to every process that it started.
    with subprocess.Popen(
        command, cwd=tmp_path, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as running:
        time.sleep(delay)
        assert running.poll() is None, "the problem is too small for this test"
        interrupted = time.monotonic()
        os.killpg(running.pid, signal.SIGINT)
        output, messages = running.communicate(timeout=30)
    assert time.monotonic() - interrupted < 10  # about 0.3 s on an idle machine
    assert (running.returncode, output) == (130, "")
    assert messages.startswith("reluspec: error: interrupted; no half-written file is left")
    assert len(messages.splitlines()) == 1
    assert names(tmp_path) - {"model.journal.sqlite"} == {"model.rspec", "model.minima.json"}
    assert (tmp_path / "model.minima.json").read_text(encoding="utf-8") == "old"


# Streams


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command.replace("reluspec", f"{sys.executable} -m reluspec", 1)],
        cwd=folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("format_", ["html", "json", "graphml"])
def test_a_reader_that_leaves(format_: str, folder: Path) -> None:
    done = shell(f"reluspec graph model.rspec --format {format_} | head -c 1", folder)
    assert len(done.stdout) == 1
    assert done.stderr == ""


def test_readers_that_never_read(folder: Path) -> None:
    for arguments in ("solve model.rspec -q", "compile model.rspec -q", "plugins", "--help", "schema minima"):
        assert shell(f"reluspec {arguments} | true", folder).stderr == "", arguments


@pytest.mark.parametrize("arguments", ["solve model.rspec", "schema minima", "graph model.rspec --format dot"])
def test_closed_and_full_streams(arguments: str, folder: Path) -> None:
    done = shell(f"reluspec {arguments} -q >&-", folder)
    assert (done.returncode, done.stderr) == (0, "")
    silent = shell(f"reluspec {arguments} 2>&-", folder)
    assert silent.returncode == 0
    assert "wrote" not in silent.stdout, "notes do not get into the output"
    full = shell(f"reluspec {arguments} > /dev/full", folder)
    assert full.returncode == 1
    assert full.stderr.splitlines()[-1] == "reluspec: error: No space left on device"
    assert "Traceback" not in full.stderr
    assert "ignored" not in full.stderr


def test_a_locale_without_the_characters(tmp_path: Path) -> None:
    write(tmp_path, 'title "Ünïts 数 \N{GREEK SMALL LETTER THETA}"\n' + SMALL)
    for arguments in (["compile"], ["solve"], ["system", "--stratum", "++"]):
        assert run(*arguments, "model.rspec", cwd=tmp_path, PYTHONIOENCODING="ascii").returncode == 0
    plain = run("solve", "model.rspec", "--json", cwd=tmp_path)
    assert "数" in plain.stdout
    latin = run("solve", "model.rspec", "--json", cwd=tmp_path, PYTHONIOENCODING="latin-1")
    assert timeless(latin.stdout) == timeless(plain.stdout), "documents are UTF-8"


# Names


@pytest.mark.parametrize(
    "name", ["two words", "Ελληνικά 数 𝕏", "a'b\"c$d;e&f", "line\nbreak", "percent%s{x}", "[bold]", "x.y.z", "é" * 115]
)
def test_odd_names(name: str, tmp_path: Path) -> None:
    write(tmp_path, SMALL, f"{name}.rspec")
    for command, kind in (("compile", "regions"), ("solve", "minima")):
        done = run(command, f"{name}.rspec", cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, f"wrote {name}.{kind}.json\n")
        assert (tmp_path / f"{name}.{kind}.json").exists()


def test_a_name_that_begins_with_a_dash(tmp_path: Path) -> None:
    write(tmp_path, SMALL, "-q.rspec")
    for argument in (["./-q.rspec"], ["--", "-q.rspec"], []):
        assert run("solve", *argument, cwd=tmp_path).returncode == 0
        (tmp_path / "-q.minima.json").unlink()


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    name = b"caf\xe9.rspec"
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_text(SMALL, encoding="utf-8")
    except OSError:
        pytest.skip("this file system has only names that are text")
    for command in ("compile", "solve"):
        done = run(command, name, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert "caf?" in (tmp_path / os.fsdecode(b"caf\xe9.minima.json")).read_text(encoding="utf-8")


def test_control_characters_of_a_title_do_not_reach_the_terminal(tmp_path: Path) -> None:
    spec = write(tmp_path, SMALL, "\x1b[31mred.rspec")
    for command in ("compile", "solve"):
        assert "\x1b" not in run(command, spec, cwd=tmp_path).stdout


def test_control_characters_of_data_do_not_reach_the_terminal(tmp_path: Path) -> None:
    write(tmp_path, "a,b\n\x1b[31m1,2\n", "points.csv")
    write(tmp_path, SMALL.replace("data {", 'data from "points.csv" {').replace("[-1, 1]", "[a]").replace("[1, 2]", "[b]"))
    done = run("compile", "model.rspec", cwd=tmp_path)
    assert (done.returncode, "\x1b" in done.stderr) == (1, False)


@pytest.mark.parametrize(
    "name", ["层", *(pytest.param(name, marks=pytest.mark.slow) for name in ("QQ", "__", "größe", "ﬁ", "Ünïts_İı", "system", "mu"))]
)
def test_layers_may_have_any_letters(name: str, tmp_path: Path) -> None:
    write(tmp_path, SMALL.replace("hidden:", f"{name}:"))
    for arguments in (["solve"], ["solve", "--engine", "algebraic", "-o", "other.json"], ["graph", "--format", "graphml"]):
        done = run(*arguments[:1], "model.rspec", *arguments[1:], cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    for kind in ("text", "json", "msolve", "singular", "macaulay2", "sympy", "julia"):
        done = run("system", "model.rspec", "--stratum", "++", "--format", kind, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert kind in ("text", "json") or all(line.isascii() or line[:1] in "#/-" for line in done.stdout.splitlines())


@pytest.mark.parametrize("module", ["numpy", "random", "reluspec", "typer", "pickle"])
def test_a_python_file_in_the_folder_is_not_imported(module: str, tmp_path: Path) -> None:
    installed: Callable[[str], Path] = Path(sys.executable).with_name
    if not installed("reluspec").exists():
        pytest.skip("the program is not installed beside this Python")
    write(tmp_path, "raise SystemExit('imported from the working folder')", f"{module}.py")
    write(tmp_path, SMALL)
    done = subprocess.run(
        [installed("reluspec"), "solve", "model.rspec", "-q"], cwd=tmp_path, env=clean_environment(), capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
