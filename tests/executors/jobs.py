"""Jobs for executors: imported by worker processes, which find this module by PYTHONPATH."""

from __future__ import annotations

import os
import time
from pathlib import Path


def start(shared: tuple[str, float]) -> tuple[Path, float]:
    """Note the process that prepares."""
    folder, seconds = shared
    _note(Path(folder), "prepared")
    return Path(folder), seconds


def square(prepared: tuple[Path, float], item: int) -> int:
    folder, seconds = prepared
    _note(folder, f"begun-{item}")
    time.sleep(seconds)
    return item * item


def fatal(prepared: tuple[Path, float], item: int) -> int:
    """The item 3 kills its worker, always."""
    if item == 3:
        os._exit(1)
    return square(prepared, item)


def trouble(prepared: tuple[Path, float], item: int) -> int:
    if item == 3:
        raise ZeroDivisionError("by nothing")
    return square(prepared, item)


def hang(prepared: tuple[Path, float], item: int) -> int:
    if item == 3:
        time.sleep(1000)
    return square(prepared, item)


def _note(folder: Path, word: str) -> None:
    with (folder / f"{word}.{os.getpid()}").open("a", encoding="utf-8") as file:
        file.write(".")
