"""JSON text that people can read and that is quick to write: what lies deep stands on one line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

OPEN_LEVELS = 6
"""Levels that get lines of their own: down to the fields of a component's piece and of its certificate."""
_LINE = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


def json_text(document: Any) -> str:
    """The document as indented JSON. Raises `ValueError` for a number that JSON does not have."""
    return "".join(_lines(document, 0)) + "\n"


def _lines(value: Any, level: int) -> Iterator[str]:
    if not value or not isinstance(value, dict | list | tuple) or level >= OPEN_LEVELS or _short(value):
        yield _LINE.encode(value)
        return
    margin = "\n" + " " * (level + 1)
    named = isinstance(value, dict)
    separator = "{" if named else "["
    for key, entry in value.items() if isinstance(value, dict) else enumerate(value):
        yield separator + margin
        if named:
            yield _LINE.encode(key) + ": "
        yield from _lines(entry, level + 1)
        separator = ","
    yield "\n" + " " * level + ("}" if named else "]")


def _short(value: Any) -> bool:
    """Whether a list holds no containers, or an object is a single number with its radius."""
    if isinstance(value, dict):
        return value.keys() == {"value", "radius"}
    return not any(isinstance(entry, dict | list | tuple) for entry in value)
