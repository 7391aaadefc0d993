"""`reluspec fmt` on files, several at once, standard input, broken ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from running import POSTER, clean_environment, run, write

ODD = POSTER.replace("    x = [-3, -1, 0, 1, 2]", "x=[-3,-1,  0,1,2,] # points")
NICE = POSTER.replace("2]\n    y", "2]  # points\n    y", 1)


def piped(text: bytes, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "reluspec", "fmt", *arguments]
    return subprocess.run(command, input=text, capture_output=True, cwd=cwd, env=clean_environment(), timeout=60)


def test_files_are_rewritten(tmp_path: Path) -> None:
    write(tmp_path, ODD, "a.rspec")
    write(tmp_path, POSTER, "b.rspec")
    kept = (tmp_path / "b.rspec").stat().st_mtime_ns
    (tmp_path / "a.rspec").chmod(0o640)
    done = run("fmt", "a.rspec", "b.rspec", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "formatted a.rspec\n")
    assert (tmp_path / "a.rspec").read_text(encoding="utf-8") == NICE
    assert (tmp_path / "a.rspec").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "b.rspec").stat().st_mtime_ns == kept, "a file that is as it should be is not touched"
    assert run("fmt", "-v", "a.rspec", cwd=tmp_path).stderr == "a.rspec is as it should be\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.rspec", "b.rspec"]


def test_check_and_diff_write_nothing(tmp_path: Path) -> None:
    write(tmp_path, ODD, "a.rspec")
    write(tmp_path, POSTER, "b.rspec")
    done = run("fmt", "--check", "a.rspec", "b.rspec", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (1, "a.rspec\n", "")
    assert run("fmt", "--check", "b.rspec", cwd=tmp_path).returncode == 0
    done = run("fmt", "--diff", "a.rspec", cwd=tmp_path)
    assert done.returncode == 0
    assert "-x=[-3,-1,  0,1,2,] # points\n+    x = [-3, -1, 0, 1, 2]  # points\n" in done.stdout
    assert run("fmt", "--diff", "--check", "a.rspec", "b.rspec", cwd=tmp_path).returncode == 1
    assert (tmp_path / "a.rspec").read_text(encoding="utf-8") == ODD


def test_standard_input(tmp_path: Path) -> None:
    done = piped(("\ufeff" + ODD.replace("\n", "\r\n")).encode(), "-", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == NICE.replace("\n", "\r\n")
    assert piped(ODD.encode(), "--check", "-", cwd=tmp_path).returncode == 1
    wrong = piped(b"data { x = \xff }", "-", cwd=tmp_path)
    assert (wrong.returncode, wrong.stdout) == (1, b"")
    assert wrong.stderr.startswith(b"<stdin>: error: not UTF-8: byte 0xff at offset 11")


def test_a_byte_order_mark_goes(tmp_path: Path) -> None:
    (tmp_path / "a.rspec").write_bytes(b"\xef\xbb\xbf" + POSTER.encode())
    assert run("fmt", "--check", "a.rspec", cwd=tmp_path).returncode == 1
    assert "\\ufefftitle" in run("fmt", "--diff", "a.rspec", cwd=tmp_path).stdout
    run("fmt", "a.rspec", cwd=tmp_path)
    assert (tmp_path / "a.rspec").read_bytes() == POSTER.encode()


WRONG = {
    "syntax": (ODD.replace("-3,-1", "-3 -"), "expected"),
    "meaning": (ODD.replace("layer 2 relu", "layer 2 rellu"), "did you mean `relu`?"),
    "a missing table": ('data from "no.csv" { x = [a] y = [b] }' + ODD[ODD.index("network") :], "no.csv"),
    "nothing": ("", "the spec is empty"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_with_errors_is_reported_as_by_compile_and_left_alone(name: str, tmp_path: Path) -> None:
    text, words = WRONG[name]
    write(tmp_path, text, "wrong.rspec")
    write(tmp_path, ODD, "right.rspec")
    done = run("fmt", "wrong.rspec", "missing.rspec", "right.rspec", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr
    assert run("compile", "wrong.rspec", cwd=tmp_path).stderr in done.stderr
    assert "missing.rspec: error: there is no such file" in done.stderr
    assert (tmp_path / "wrong.rspec").read_text(encoding="utf-8") == text
    assert (tmp_path / "right.rspec").read_text(encoding="utf-8") == NICE


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    assert "directory" in run("fmt", ".", cwd=tmp_path).stderr
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    write(tmp_path, ODD)
    tmp_path.chmod(0o500)
    done = run("fmt", "model.rspec", cwd=tmp_path)
    tmp_path.chmod(0o700)
    assert done.returncode == 1
    assert "cannot write model.rspec" in done.stderr
    assert (tmp_path / "model.rspec").read_text(encoding="utf-8") == ODD


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    write(tmp_path, ODD, "real.rspec")
    (tmp_path / "link.rspec").symlink_to("real.rspec")
    assert run("fmt", "link.rspec", cwd=tmp_path).returncode == 0
    assert (tmp_path / "link.rspec").is_symlink()
    assert (tmp_path / "real.rspec").read_text(encoding="utf-8") == NICE
