"""Reading and writing JSON artefacts: schema-checked both ways, written atomically (formats.md)."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import tempfile
from collections.abc import Callable
from errno import EISDIR
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from reluspec.errors import ArtefactError
from reluspec.io.json_text import json_text

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

MAX_BYTES = 256 << 20
"""Largest artefact that is read: 256 MiB; Python needs up to some twenty times that for what a hostile one holds."""


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


@cache
def _validator(name: str) -> Validator:
    import jsonschema

    # JSON Schema calls 1.0 an integer; Python's formats and indices do not.
    types = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    strict = jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=types)  # type: ignore[no-untyped-call]
    found: Validator = strict(schema(name))
    return found


def validate(document: Any, name: str, where: str) -> None:
    """Raise `ArtefactError` with the place and the value unless the document follows the schema."""
    import jsonschema

    try:
        error = jsonschema.exceptions.best_match(_validator(name).iter_errors(document))
    except RecursionError:
        raise ArtefactError(f"{where} does not follow the schema `{name}`: it is nested too deeply") from None
    if error is not None:
        place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path).lstrip(".") or "the document"
        message = error.message if len(error.message) < 300 else error.message[:299] + "…"
        raise ArtefactError(f"{where} does not follow the schema `{name}` at {place}: {message}. Print the schema: reluspec schema {name}")


def read_json(path: Path, *names: str) -> dict[str, Any]:
    """A document that follows one of the schemas `names`; its `format` says which.

    Raises `ArtefactError` (missing, unreadable, not JSON, another format or version).
    """
    document = _parse(_read(path), path)
    if not isinstance(document, dict):
        raise ArtefactError(f"{path} is not a reluspec artefact: it holds no JSON object")
    formats = {schema(name)["properties"]["format"]["const"]: name for name in names}
    found = document.get("format")
    if not isinstance(found, str) or found not in formats:
        raise ArtefactError(f"{path} has format {_shown(found)}; expected {' or '.join(map(repr, formats))}")
    version, known = document.get("version"), schema(formats[found])["properties"]["version"]["const"]
    if version != known:
        raise ArtefactError(f"{path} has version {_shown(version)}; this reluspec reads {known!r}")
    validate(document, formats[found], str(path))
    return document


def read_plain_json(path: Path) -> Any:
    """Any JSON document, by the same rules: UTF-8, bounded, no NaN. Raises `ArtefactError`."""
    return _parse(_read(path), path)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:99]}…"


def _read(path: Path) -> str:
    try:
        if _is_special(path) and not path.is_dir():
            raise ArtefactError(f"cannot read {path}: it is a pipe or a device, not a file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ArtefactError(f"{path} has more than {MAX_BYTES:,} bytes; that is the limit")
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ArtefactError(f"{path} is not UTF-8 text (byte {error.start})") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the name
        raise ArtefactError(f"cannot read {path}: {_why(error)}") from None


def _parse(text: str, path: Path) -> Any:
    try:
        document = json.loads(text, parse_constant=_no_number)
        if "\\ud" in text or "\\uD" in text:
            json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ArtefactError(f"{path} holds half of a character (a lone surrogate)") from None
    except RecursionError:
        raise ArtefactError(f"{path} is nested too deeply") from None
    except ValueError as error:
        raise ArtefactError(f"{path} is not JSON: {error}") from None
    return document


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def write_json(document: dict[str, Any], path: Path, name: str) -> None:
    """Validate and write, all or nothing. Raises `ArtefactError`."""
    if not _quickly_valid(document, name):
        validate(document, name, f"what would be written to {path}")
    write_text(json_text(document), path)


@cache
def _quick_validator(name: str) -> Callable[[Any], Any]:
    import fastjsonschema

    compiled: Callable[[Any], Any] = fastjsonschema.compile(schema(name), use_default=False)
    return compiled


def _quickly_valid(document: Any, name: str) -> bool:
    """A check by compiled code, some ten times faster than the one that can say what is wrong."""
    try:
        _quick_validator(name)(document)
    except Exception:  # whatever it stumbles over, the other check has the last word
        return False
    return True


def check_place(path: Path) -> None:
    """Find out before long work whether a file can be written there. Raises `ArtefactError` with the system's reason."""
    try:
        if path.is_dir():
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
        if not _is_special(path):
            with tempfile.TemporaryFile(dir=_target(path).parent):
                pass
    except (OSError, ValueError) as error:
        raise ArtefactError(f"cannot write {path}: {_why(error)}") from None


def write_text(text: str, path: Path) -> None:
    """Write a file so that a crash leaves the old one or none. Raises `ArtefactError` with the system's reason."""
    try:
        content = text.encode("utf-8")
    except ValueError as error:
        raise ArtefactError(f"cannot write {path}: {_why(error)}. Nothing was written") from None
    write_bytes(content, path)


def write_bytes(content: bytes, path: Path) -> None:
    """The same for what is no text."""
    try:
        if path.is_dir():
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
        if _is_special(path):
            path.write_bytes(content)
        else:
            _replace(_target(path), content)
    except (OSError, ValueError) as error:
        raise ArtefactError(f"cannot write {path}: {_why(error)}. Nothing was written") from None


def _is_special(path: Path) -> bool:
    """A device or a pipe, such as /dev/null: written to, never replaced by a file."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def _target(path: Path) -> Path:
    """The file itself: a link to it stays one."""
    return Path(os.path.realpath(path))


def _replace(path: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(prefix=".reluspec-", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(_mode(path))
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise


def _mode(path: Path) -> int:
    """The permissions of the file that is replaced, or those of any new one: mkstemp makes private files."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def _why(error: OSError | ValueError) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
