"""`NAME.report.html`: the page put together from its assets and the data of one map.

The page makes no request: everything is inside, and its Content-Security-Policy forbids the rest. Scripts and styles are allowed by their
hashes, so that nothing a title or a spec contains can run; the data is a JSON block in which `<` is escaped.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from reluspec.errors import LimitError
from reluspec.io.artefacts import write_text
from reluspec.io.report.data import page_data
from reluspec.minima.minima_map import MinimaMap
from reluspec.minima.verdict import evidence, facts, headline

MAX_PAGE_BYTES = 5_900_000
"""Largest page that is written."""

_SCRIPTS = (
    "basics",
    "network",
    "state",
    "isolines",
    "table",
    "ladder",
    "fits",
    "family",
    "witness",
    "regions",
    "rings",
    "parts",
    "slice",
    "main",
)
"""The page's own scripts in the order in which they need each other; d3 comes first."""


def report_page(minima: MinimaMap) -> str:
    """The page as text. A map too large for one page is cut down to its components of least loss, and the page says so on top.

    Raises `LimitError` where even a single component does not fit.
    """
    for shrink in _sizes(len(minima)):
        data = shrink(minima)
        page = _page(minima, data)
        if len(page.encode("utf-8", "replace")) <= MAX_PAGE_BYTES:
            return page
    raise LimitError(f"one component alone makes the page larger than {MAX_PAGE_BYTES:,} bytes. Look at it with: reluspec show")


def write_report(minima: MinimaMap, path: str | Path) -> None:
    """Write the page. Raises `ArtefactError`, `LimitError`."""
    write_text(report_page(minima), Path(path))


def _sizes(count: int) -> list[Callable[[MinimaMap], dict[str, Any]]]:
    """Ways to make the data, each smaller than the one before."""
    halves = [count >> k for k in range(1, count.bit_length())]
    return [
        page_data,
        lambda minima: page_data(minima, short=True),
        *((lambda minima, kept=kept: page_data(minima, kept, short=True)) for kept in halves),
    ]


def _page(minima: MinimaMap, data: dict[str, Any]) -> str:
    style, script = _asset("style.css"), _script()
    parts = {
        "title": escape(_plain(minima.problem.title)) or "Local minima",
        "policy": escape(_policy(script, style)),
        "style": style,
        "script": script,
        "data": _json_block(data),
        "verdict": _verdict(minima, len(data["components"])),
        "facts": "".join(f"<dt>{escape(name)}</dt><dd>{escape(_plain(value))}</dd>" for name, value in facts(minima)),
        "spec": escape(_plain(minima.problem.source.text)) if minima.problem.source else "",
        "licence": escape(_asset("vendor/d3.LICENSE")),
    }
    # One pass: what is put in is not looked through again.
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _asset("page.html"))


def _verdict(minima: MinimaMap, shown: int) -> str:
    state = "proved" if minima.complete else "incomplete"
    lines = [f'<p class="headline">{escape(headline(minima))}</p>', f"<p>{escape(_plain(evidence(minima)))}</p>"]
    if minima.undecided:
        lines.append('<p><a href="#undecided">Which strata are undecided, and why</a></p>')
    if shown < len(minima):
        lines.append(f"<p>This page shows the {shown:,} components of least loss; the map's file has all {len(minima):,}.</p>")
    return f'<div class="verdict {state}" role="note" aria-label="What is proved">{"".join(lines)}</div>'


def _json_block(data: dict[str, Any]) -> str:
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e")


def _policy(script: str, style: str) -> str:
    return f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data:; base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode('utf-8')).digest()).decode()}'"


@cache
def _script() -> str:
    own = "\n".join(_asset(f"{name}.js") for name in _SCRIPTS)
    return f'{_asset("vendor/d3.min.js")}\n(() => {{\n"use strict";\n{own}\n}})();\n'


@cache
def _asset(name: str) -> str:
    """A file of the page, with line ends as the browser reads them: the hashes depend on it."""
    return files("reluspec.io.report").joinpath("assets", *name.split("/")).read_text(encoding="utf-8").replace("\r\n", "\n")


def _plain(text: str) -> str:
    """Text that HTML can hold: no control characters, no halves of characters."""
    return re.sub("[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\N{REPLACEMENT CHARACTER}", text)
