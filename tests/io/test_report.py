"""The report as a file: whole, closed to the network, the same every time, of bounded size; what the command says of bad input."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from map_samples import HOSTILE, TEXTS, incomplete, parsed, repeated, solved, titled, without_minima

from reluspec.errors import ArtefactError, LimitError
from reluspec.io.map_format import write_map
from reluspec.io.report import page as page_module
from reluspec.io.report import report_page, write_report
from reluspec.io.report.data import page_data


def block(page: str, start: str, end: str) -> str:
    return page.split(start, 1)[1].split(end, 1)[0]


def data_of(page: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(block(page, '<script type="application/json" id="data">', "</script>"))
    return found


def test_the_page_is_whole_and_asks_for_nothing() -> None:
    page = report_page(solved("poster"))
    assert len(page) < 600_000
    assert not re.search(r"<(link|script|img|iframe|object|embed)[^>]*\b(src|href)\s*=\s*[\"'](?!data:,)", page)
    assert not re.search(r"@import|url\(", block(page, "<style>", "</style>"))
    policy = unescape(block(page, 'Content-Security-Policy" content="', '">'))
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert "Mike Bostock" in page
    for kind, text in (("script", block(page, "</script>\n<script>", "</script>")), ("style", block(page, "<style>", "</style>"))):
        digest = b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


def test_the_same_map_gives_the_same_page(tmp_path: Path) -> None:
    write_report(solved("poster"), tmp_path / "one.html")
    write_report(solved("poster"), tmp_path / "two.html")
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_the_words_on_top_are_true() -> None:
    assert "Proved: the loss has 5 components of local minima (9 with exchange of units), and no others." in report_page(solved("poster"))
    page = report_page(incomplete(solved("poster")))
    assert "Proved" not in page.split("<main>")[0]
    assert "Not complete: 5 components of local minima" in page.split("<main>")[0]
    assert "Not complete: no local minimum is proved, and some may be missing." in report_page(without_minima(solved("poster")))


@pytest.mark.parametrize("title", [HOSTILE, "</script>", "a lone surrogate \ud800 and \x00 control \x1b[31m", "{{script}}{{data}}"])
def test_no_text_of_a_user_becomes_markup(title: str) -> None:
    page = report_page(titled(solved("poster"), title))
    plain = report_page(solved("poster"))
    assert re.findall(r"<(/?\w+)", page) == re.findall(r"<(/?\w+)", plain), "the same elements whatever the title"
    assert data_of(page)["title"] == title.encode("utf-16", "surrogatepass").decode("utf-16", "replace") or "\ud800" in title
    page.encode()


def test_a_map_too_large_for_a_page_is_cut_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    minima = repeated(solved("twelve"), 400)
    whole = report_page(minima)
    assert len(data_of(whole)["components"]) == 400
    limit = len(whole) - 1
    monkeypatch.setattr(page_module, "MAX_PAGE_BYTES", limit)
    shorter = report_page(minima)
    assert len(shorter) <= limit
    assert len(data_of(shorter)["components"]) == 400, "first the digits go"
    monkeypatch.setattr(page_module, "MAX_PAGE_BYTES", 480_000)
    cut = report_page(minima)
    shown = len(data_of(cut)["components"])
    assert 0 < shown < 400
    assert f"This page shows the {shown} components of least loss; the map's file has all 400." in cut
    assert len(cut.encode()) <= 480_000
    monkeypatch.setattr(page_module, "MAX_PAGE_BYTES", 1000)
    with pytest.raises(LimitError, match="one component alone"):
        report_page(minima)


def test_what_no_double_holds_is_not_drawn_but_said() -> None:
    problem = parsed(TEXTS["xor"].replace("ridge(1/10)", "ridge(1/10) + { output.weight[0,0] * 0 + 1e-400 }"))
    minima = solved("xor")
    object.__setattr__(changed := titled(minima, "tiny"), "problem", problem)
    data = page_data(changed)
    assert data["problem"] is None
    assert "beyond double precision" in data["no_pictures"]


@pytest.mark.parametrize(
    ("name", "kind", "cells"),
    [
        ("poster", "cycle", "100"),
        ("xor", "sphere", "196"),
        ("huber", "graph", "56"),
        ("three_inputs", "graph", "8"),
        ("two units in space", "graph", "900"),
        ("collinear", "cycle", "6"),
    ],
)
def test_the_region_graph_takes_the_form_that_suits_it(name: str, kind: str, cells: str) -> None:
    data = page_data(solved(name))["regions"]
    assert (data["kind"], data["cells"]) == (kind, cells)
    if kind == "cycle":
        ring = data["ring"]
        assert len(ring) == 2 * int(data["unit_cells"])
        for k, name in enumerate(ring):
            assert ("0" in name) == (k % 2 == 0), "wall, cell, wall, …"
            before, after = ring[k - 1], ring[(k + 1) % len(ring)]
            if k % 2 == 0:
                assert all(w in ("0", c) for wall_side in (before, after) for w, c in zip(name, wall_side, strict=True))


def test_a_report_is_written_beside_its_map(tmp_path: Path) -> None:
    from running import run

    (tmp_path / "maps").mkdir()
    write_map(solved("poster"), tmp_path / "maps" / "poster.minima.json")
    done = run("report", "maps/poster.minima.json", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "maps" / "poster.report.html").read_text(encoding="utf-8") == report_page(solved("poster"))
    done = run("report", "maps/poster.minima.json", "-o", "other.html", "-q", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    write_map(incomplete(solved("poster")), tmp_path / "part.minima.json")
    done = run("report", "part.minima.json", cwd=tmp_path)
    assert done.returncode == 0
    assert "not complete: 3 of 231 strata are undecided; the page says so on top" in done.stderr


BAD = {
    "no JSON": ("{", "is not JSON"),
    "another format": ('{"format": "reluspec/regions", "version": 1}', "has format 'reluspec/regions'"),
    "another version": ('{"format": "reluspec/minima", "version": 2}', "has version 2; this reluspec reads 1"),
    "not whole": ('{"format": "reluspec/minima", "version": 1}', "does not follow the schema"),
}


@pytest.mark.parametrize("command", ["report", "show", "plot"])
@pytest.mark.parametrize("name", BAD)
def test_what_is_no_map_is_refused(command: str, name: str, tmp_path: Path) -> None:
    from running import run

    text, message = BAD[name]
    (tmp_path / "bad.json").write_text(text, encoding="utf-8")
    done = run(command, "bad.json", *(["--what", "fits"] if command == "plot" else []), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["bad.json"]


def test_a_page_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="cannot write"):
        write_report(solved("poster"), tmp_path / "no" / "page.html")
