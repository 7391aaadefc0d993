"""Reading text files: bounded, UTF-8 only, with errors that say where."""

from __future__ import annotations

import stat
from pathlib import Path

_BOM = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class UnreadableError(Exception):
    """A file cannot be used; the message says why, ready to be shown, and `hint` what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def read_text(path: Path, limit: int, limit_shown: str) -> str:
    """The text of a UTF-8 file of at most `limit` bytes; a byte order mark is dropped. Raises `UnreadableError`."""
    return decoded(read_content(path, limit, limit_shown))


def read_content(path: Path, limit: int, limit_shown: str) -> bytes:
    """What a file of at most `limit` bytes holds. Raises `UnreadableError`.

    Pipes and devices are read only under /dev, where the shell puts them (`/dev/stdin`, `/dev/fd/63`): any other would have us wait for a
    writer that may never come.
    """
    try:
        if not path.is_relative_to("/dev") and _waits(path):
            raise UnreadableError("this is a pipe or a device, not a file", "name a file, or /dev/stdin")
        with path.open("rb") as file:
            return within(file.read(limit + 1), limit, limit_shown)
    except FileNotFoundError:
        raise UnreadableError("there is no such file") from None
    except IsADirectoryError:
        raise UnreadableError("this is a directory, not a file") from None
    except OSError as error:
        raise UnreadableError(f"the file cannot be read: {error.strerror or error}") from None
    except ValueError as error:  # a NUL byte in the name
        raise UnreadableError(f"the name cannot be that of a file: {error}") from None


def within(content: bytes, limit: int, limit_shown: str) -> bytes:
    """The content, if it is not too long. Raises `UnreadableError`."""
    if len(content) > limit:
        raise UnreadableError(f"the file is larger than {limit_shown}; that is the limit")
    return content


def _waits(path: Path) -> bool:
    mode = path.stat().st_mode
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def regular_only(path: Path) -> None:
    """For a file that a spec names, not the user: no pipe and no device, wherever it is. Raises `UnreadableError`."""
    try:
        waits = _waits(path)
    except (OSError, ValueError):
        return  # reading it says what is wrong
    if waits:
        raise UnreadableError("this is a pipe or a device, not a file", "a spec may name files only")


def decoded(content: bytes) -> str:
    """The text of UTF-8 bytes, without a byte order mark. Raises `UnreadableError` with the place of what is none."""
    body = content.removeprefix(_BOM)
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        offset = error.start + len(content) - len(body)
        before = body[: error.start]
        line = 1 + before.count(b"\n") + before.count(b"\r") - before.count(b"\r\n")
        hint = "it looks like UTF-16; save it as UTF-8" if content.startswith(_UTF_16) else "save it as UTF-8"
        raise UnreadableError(f"not UTF-8: byte 0x{body[error.start]:02x} at offset {offset}, in line {line}", hint) from None
