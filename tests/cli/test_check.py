"""`reluspec check`: every kind of file, exit codes, the map it finds by itself, and files that are none."""

from __future__ import annotations

import io
import json
import struct
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from running import POSTER, SMALL, run, write

import reluspec
from reluspec.errors import ArtefactError
from reluspec.io.artefacts import schema
from reluspec.io.theta_files import MAX_BYTES, read_theta

NAMES = {"hidden.weight": (2, 1), "hidden.bias": (2,), "output.weight": (1, 2)}


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("solved")
    write(folder, POSTER)
    assert run("solve", "model.rspec", "-q", cwd=folder).returncode == 0
    return folder


@pytest.fixture
def folder(tmp_path: Path, solved: Path) -> Path:
    write(tmp_path, POSTER)
    write(tmp_path, (solved / "model.minima.json").read_text(encoding="utf-8"), "model.minima.json")
    theta = {name: tensor.tolist() for name, tensor in reluspec.read_map(tmp_path / "model.minima.json").theta(0).items()}
    write(tmp_path, json.dumps(theta), "theta.json")
    theta["hidden.bias"][0] += 0.1
    write(tmp_path, json.dumps(theta), "off.json")
    return tmp_path


def tensors(path: Path) -> dict[str, np.ndarray]:
    return {name: np.array(value) for name, value in json.loads(path.read_text(encoding="utf-8")).items()}


def test_yes_and_no(folder: Path) -> None:
    done = run("check", "model.rspec", "theta.json", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "yes, a local minimum" in done.stdout
    assert "component 0, the global minimum" in done.stdout
    done = run("check", "model.rspec", "off.json", cwd=folder)
    assert done.returncode == 4
    assert "no, not a local minimum" in done.stdout
    assert "lowers the loss by" in done.stdout
    assert run("check", "model.rspec", "off.json", "--tolerance", "0.2", cwd=folder).returncode == 0
    assert run("check", "model.rspec", "theta.json", "-q", cwd=folder).stdout == ""


def test_the_json_follows_its_schema(folder: Path) -> None:
    Draft202012Validator.check_schema(schema("check"))
    for name, verdict in (("theta.json", "minimum"), ("off.json", "not a minimum")):
        for arguments in ([], ["--set", "unknown=1"]):
            done = run("check", "model.rspec", name, "--json", *arguments, cwd=folder)
            if arguments:
                assert done.returncode == 1
                continue
            document = json.loads(done.stdout)
            Draft202012Validator(schema("check")).validate(document)
            assert (document["verdict"], document["proof"], document["map_complete"]) == (verdict, False, True)
            assert (document["descent"] is None) == (verdict == "minimum")


def test_without_a_map_and_with_a_wrong_one(folder: Path) -> None:
    (folder / "model.minima.json").rename(folder / "kept.json")
    done = run("check", "model.rspec", "theta.json", cwd=folder)
    assert (done.returncode, "nearest" in done.stdout) == (0, False)
    assert "nearest" in run("check", "model.rspec", "theta.json", "--map", "kept.json", cwd=folder).stdout
    assert "nearest" not in run("check", "kept.json", "theta.json", cwd=folder).stdout, "named as a spec, it is one"
    write(folder, SMALL, "small.rspec")
    assert run("solve", "small.rspec", "-q", "-o", "model.minima.json", cwd=folder).returncode == 0
    found = run("check", "model.rspec", "theta.json", cwd=folder)
    assert (found.returncode, "left out: it is of another problem" in found.stderr) == (0, True)
    named = run("check", "model.rspec", "theta.json", "--map", "model.minima.json", cwd=folder)
    assert (named.returncode, named.stdout) == (1, "")
    assert "the map is of another problem" in named.stderr
    write(folder, "{", "model.minima.json")
    found = run("check", "model.rspec", "theta.json", cwd=folder)
    assert (found.returncode, "the map found is left out" in found.stderr) == (0, True)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is not JSON"),
        ("[1]", "holds no JSON object"),
        ('{"hidden.weight": NaN}', "NaN is no number"),
        ("{}", "theta.json has no hidden.weight"),
        ('{"hidden.wieght": 1}', "Did you mean hidden.weight?"),
        ('{"hidden.weight": [[1], [1]], "hidden.bias": [0, 1e999], "output.weight": [[1, 1]]}', "hidden.bias[1] is inf"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": ' + "9" * 5000 + "}", "is not JSON"),
    ],
)
def test_wrong_input_is_one_message(content: str, words: str, folder: Path) -> None:
    write(folder, content, "theta.json")
    done = run("check", "model.rspec", "theta.json", cwd=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_files_that_are_not_there_or_no_files(folder: Path) -> None:
    for name in ("none.json", ".", "model.rspec", "theta"):
        assert run("check", "model.rspec", name, cwd=folder).returncode == 1
    (folder / "device.json").symlink_to("/dev/zero")
    assert "no regular file" in run("check", "model.rspec", "device.json", cwd=folder).stderr


# Formats


def test_numpy_archives(folder: Path) -> None:
    np.savez_compressed(folder / "theta.npz", **tensors(folder / "theta.json"))
    assert run("check", "model.rspec", "theta.npz", cwd=folder).returncode == 0
    fortran = {name: np.asfortranarray(tensor) for name, tensor in tensors(folder / "theta.json").items()}
    np.savez(folder / "theta.npz", **fortran)
    found = read_theta(folder / "theta.npz", NAMES)
    assert all((found[name] == tensor).all() for name, tensor in fortran.items())


def archive(path: Path, **entries: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in entries.items():
            file.writestr(f"{name}.npy", content)
    return path


def npy_header(shape: str, dtype: str = "<f8") -> bytes:
    head = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    head += b" " * (63 - (10 + len(head)) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"hidden.weight": npy_header("(1000000000000,)")}, "has shape (1000000000000,)"),
        ({"hidden.weight": npy_header("(2, 1)")}, "cannot be read as .npz"),
        ({"hidden.weight": npy_header("(2, 1)", "|O")}, "and dtype object"),
        ({"hidden.weight": b"\x93NUMPY\x01\x00" + b"\xff" * 20}, "cannot be read as .npz"),
        ({"hidden.weight": b""}, "cannot be read as .npz"),
        ({"hidden.bias": npy_header("(2,)") + bytes(50_000_000)}, None),  # unpacks to 50 MB; sixteen bytes are read
    ],
)
def test_hostile_archives(entries: dict[str, bytes], words: str | None, tmp_path: Path) -> None:
    path = archive(tmp_path / "theta.npz", **entries)
    if words is None:
        assert read_theta(path, NAMES)["hidden.bias"].tolist() == [0, 0]
        return
    with pytest.raises(ArtefactError) as caught:
        read_theta(path, NAMES)
    assert words in str(caught.value)


def test_an_object_array_is_never_unpickled(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (exec, ("raise SystemExit('unpickled')",))

    stream = io.BytesIO()
    np.save(stream, np.array([Bomb()], dtype=object), allow_pickle=True)
    with pytest.raises(ArtefactError, match="dtype object"):
        read_theta(archive(tmp_path / "theta.npz", **{"hidden.weight": stream.getvalue()}), NAMES)


def test_safetensors(folder: Path) -> None:
    library = pytest.importorskip("safetensors.numpy")
    library.save_file(tensors(folder / "theta.json"), folder / "theta.safetensors")
    assert run("check", "model.rspec", "theta.safetensors", cwd=folder).returncode == 0
    for content in (b"", b"\xff" * 8, struct.pack("<Q", 2) + b"{}", struct.pack("<Q", 30) + b"{", b"x" * 1000):
        (folder / "theta.safetensors").write_bytes(content)
        done = run("check", "model.rspec", "theta.safetensors", cwd=folder)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)


def test_real_pytorch_files(folder: Path) -> None:
    torch = pytest.importorskip("torch", exc_type=ImportError)
    state = {name: torch.tensor(tensor, dtype=torch.float64, requires_grad=True) for name, tensor in tensors(folder / "theta.json").items()}
    torch.save(state, folder / "theta.pt")
    assert run("check", "model.rspec", "theta.pt", cwd=folder).returncode == 0
    torch.save({"epoch": 3, "model_state_dict": state}, folder / "theta.pth")
    assert run("check", "model.rspec", "theta.pth", cwd=folder).returncode == 0
    torch.save([Path("x")], folder / "theta.pt")  # anything but tensors is refused, not unpickled
    done = run("check", "model.rspec", "theta.pt", cwd=folder)
    assert (done.returncode, "cannot be read as .pt" in done.stderr) == (1, True)


def test_pytorch_is_asked_for_weights_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    fake = ModuleType("torch")

    def load(path: Path, **options: Any) -> dict[str, Any]:
        asked.update(options)
        return {"state_dict": {"hidden.bias": [1, 2]}}

    fake.load = load  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", fake)
    (folder / "theta.pt").write_bytes(b"x")
    assert read_theta(folder / "theta.pt", NAMES) == {"hidden.bias": [1, 2]}
    assert asked == {"map_location": "cpu", "weights_only": True}


def test_packages_that_are_not_installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, package in (("theta.pt", "torch"), ("theta.safetensors", "safetensors")):
        (folder / name).write_bytes(b"x" * 100)
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(ArtefactError, match="pip install"):
            read_theta(folder / name, NAMES)


def test_files_that_are_too_large(tmp_path: Path) -> None:
    with (tmp_path / "theta.json").open("wb") as file:
        file.truncate(MAX_BYTES + 1)  # a hole: no room is taken
    with pytest.raises(ArtefactError, match="the limit for a theta is"):
        read_theta(tmp_path / "theta.json", NAMES)
