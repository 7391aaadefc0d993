"""Reading and writing JSON artefacts: schema-checked both ways, written atomically (formats.md)."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from reluspec.errors import ArtefactError

MAX_BYTES = 1 << 30
"""Largest artefact that is read: 1 GiB."""


def schema_names() -> list[str]:
    """The artefacts that have a schema."""
    suffix = ".schema.json"
    return sorted(entry.name.removesuffix(suffix) for entry in files("reluspec.schemas").iterdir() if entry.name.endswith(suffix))


@cache
def schema(name: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of an artefact. Raises `ArtefactError` naming the known ones."""
    if name not in schema_names():
        raise ArtefactError(f"there is no schema {name!r}; known: {', '.join(schema_names())}")
    found: dict[str, Any] = json.loads(files("reluspec.schemas").joinpath(f"{name}.schema.json").read_text(encoding="utf-8"))
    return found


def validate(document: Any, name: str, where: str) -> None:
    """Raise `ArtefactError` with the place and the value unless the document follows the schema."""
    import jsonschema

    error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema(name)).iter_errors(document))
    if error is not None:
        place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path).lstrip(".") or "the document"
        message = error.message if len(error.message) < 300 else error.message[:299] + "…"
        raise ArtefactError(f"{where} does not follow the schema `{name}` at {place}: {message}. Print the schema: reluspec schema {name}")


def read_json(path: Path, name: str) -> dict[str, Any]:
    """A document that follows the schema `name`. Raises `ArtefactError` (missing, unreadable, not JSON, another format or version)."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ArtefactError(f"{path} has {path.stat().st_size:,} bytes; the limit is {MAX_BYTES:,}")
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ArtefactError(f"{path} is not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise ArtefactError(f"cannot read {path}: {_why(error)}") from None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ArtefactError(f"{path} is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise ArtefactError(f"{path} is not a reluspec artefact: it holds no JSON object")
    wanted = schema(name)["properties"]
    for key in ("format", "version"):
        if document.get(key) != wanted[key]["const"]:
            raise ArtefactError(f"{path} has {key} {document.get(key)!r}; this reluspec reads {wanted[key]['const']!r}")
    validate(document, name, str(path))
    return document


def write_json(document: dict[str, Any], path: Path, name: str) -> None:
    """Validate and write, all or nothing. Raises `ArtefactError`."""
    validate(document, name, f"what would be written to {path}")
    write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", path)


def write_text(text: str, path: Path) -> None:
    """Write a file so that a crash leaves the old one or none. Raises `ArtefactError` with the system's reason."""
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise ArtefactError(f"cannot write {path}: {_why(error)}") from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp makes private files; an artefact gets the permissions any new file would have.
        mask = os.umask(0)
        os.umask(mask)
        Path(temporary).chmod(0o666 & ~mask)
        Path(temporary).replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        if isinstance(error, OSError | UnicodeEncodeError):
            raise ArtefactError(f"cannot write {path}: {_why(error)}. Nothing was written") from None
        raise


def _why(error: OSError | UnicodeEncodeError) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
