"""Shared by the tests of the language: a small valid spec whose statements can be replaced, and short-cuts to its errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from reluspec.errors import SpecError
from reluspec.language import parse_spec
from reluspec.problem.problem import Problem

ROOT = Path(__file__).resolve().parents[2]
SPECS = sorted((ROOT / "specs").glob("*.rspec"))

DATA = "data { x = [0, 1, 2] y = [1, 0, 1] }"
NETWORK = """network {
    input 1
    hidden: layer 2 relu
    output: layer 1 linear without bias
}"""
LOSS = "loss sum squared_error"


def spec(*, data: str = DATA, network: str = NETWORK, loss: str = LOSS, more: str = "") -> str:
    return "\n".join(part for part in (data, network, loss, more) if part) + "\n"


def build(**parts: str) -> Problem:
    return parse_spec(spec(**parts))


def error_of(text: str, **options: object) -> SpecError:
    with pytest.raises(SpecError) as caught:
        parse_spec(text, **options)  # type: ignore[arg-type]
    return caught.value


def messages(text: str, **options: object) -> list[str]:
    return [diagnostic.message for diagnostic in error_of(text, **options).diagnostics]


def marked(text: str, **options: object) -> list[str]:
    """What each caret underlines."""
    return [d.source_line[d.column - 1 : d.column - 1 + d.length] for d in error_of(text, **options).diagnostics]
