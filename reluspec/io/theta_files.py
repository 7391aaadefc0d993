"""A theta from a file: JSON, NumPy's `.npz`, a PyTorch state dict (`.pt`, `.pth`) or `.safetensors`. Nothing in a file is ever run."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from reluspec.errors import ArtefactError
from reluspec.io.artefacts import read_plain_json

MAX_BYTES = 64 << 20
"""Largest file, and largest sum of the arrays in one: 64 MiB."""
STATE = ("state_dict", "model_state_dict")
"""Under which names training scripts keep the state dict in a checkpoint."""


def read_theta(path: Path, names: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """The tensors in a file by name, those of `names` (name -> shape) with their contents; what they hold is not looked at.

    Raises `ArtefactError`: missing, too large, of another format, damaged, or in need of a package that is not installed.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise ArtefactError(f"{path}: theta is read from {', '.join(READERS)}, not from {path.suffix or 'a file without a suffix'}")
    _check_size(path)
    try:
        return reader(path, names)
    except ArtefactError:
        raise
    except MemoryError:
        raise ArtefactError(f"{path} cannot be read: its arrays do not fit into memory") from None
    except Exception as error:  # damaged files fail in many ways in the libraries that read them
        raise ArtefactError(f"{path} cannot be read as {path.suffix}: {_first_line(error)}") from None


def _check_size(path: Path) -> None:
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise ArtefactError(f"cannot read {path}: it is no regular file")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ArtefactError(f"cannot read {path}: {reason}") from None
    if size > MAX_BYTES:
        raise ArtefactError(f"{path} has {size:,} bytes; the limit for a theta is {MAX_BYTES:,}")


def _json(path: Path, _: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    document = read_plain_json(path)
    if not isinstance(document, dict):
        raise ArtefactError(f'{path} holds no JSON object; a theta is written {{"hidden.weight": [[…], …], "hidden.bias": […], …}}')
    return document


def _npz(path: Path, names: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Headers first: an array may claim, or unpack to, any size. Unknown names keep a place, so that they can be complained about."""
    import numpy as np
    from numpy.lib import format as npy

    found: dict[str, Any] = {}
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            name = entry.filename.removesuffix(".npy")
            if name in found:
                raise ArtefactError(f"{path} holds {name!r} twice")
            found[name] = None
            if name not in names:
                continue
            with archive.open(entry) as stream:
                major, _ = npy.read_magic(stream)
                shape, fortran, dtype = (npy.read_array_header_1_0 if major == 1 else npy.read_array_header_2_0)(stream)
                if dtype.kind not in "fiu" or shape != names[name]:
                    found[name] = _Claim(shape, dtype)
                    continue
                count = int(np.prod(shape, dtype=object))
                array = np.frombuffer(stream.read(count * dtype.itemsize), dtype=dtype)
                found[name] = array.reshape(shape, order="F" if fortran else "C")
    for name, value in found.items():
        if isinstance(value, _Claim):
            raise ArtefactError(f"{path}: {name} has shape {value.shape} and dtype {value.dtype}, not {names[name]} and real numbers")
    return found


class _Claim:
    """What a header says of an array that is not read."""

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape, self.dtype = shape, dtype


def _torch(path: Path, _: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    try:
        import torch
    except ImportError:
        raise ArtefactError(
            f"{path} is a PyTorch file, but PyTorch is not installed. Install it (pip install torch), or save the theta as .npz or .json"
        ) from None
    # `weights_only` unpickles tensors and plain containers, nothing that could run code.
    state = torch.load(path, map_location="cpu", weights_only=True)
    if isinstance(state, Mapping):
        state = next((state[name] for name in STATE if isinstance(state.get(name), Mapping)), state)
    if not isinstance(state, Mapping):
        raise ArtefactError(f"{path} holds a {type(state).__name__}, not a state dict. Save model.state_dict()")
    return {str(name): value for name, value in state.items()}


def _safetensors(path: Path, names: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    try:
        from safetensors import safe_open
    except ImportError:
        raise ArtefactError(
            f"{path} needs the package safetensors. Install it: pip install 'reluspec[safetensors]', or save the theta as .npz or .json"
        ) from None
    with path.open("rb") as stream:
        head = stream.read(8)
    if len(head) < 8 or struct.unpack("<Q", head)[0] > MAX_BYTES:
        raise ArtefactError(f"{path} is no safetensors file: its head is cut off or too long")
    with safe_open(path, framework="numpy") as stored:
        return {name: stored.get_tensor(name) if name in names else None for name in stored.keys()}  # noqa: SIM118


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0] if len(lines[0]) < 200 else lines[0][:199] + "…"


READERS: dict[str, Callable[[Path, Mapping[str, tuple[int, ...]]], dict[str, Any]]] = {
    ".json": _json,
    ".npz": _npz,
    ".pt": _torch,
    ".pth": _torch,
    ".safetensors": _safetensors,
}
