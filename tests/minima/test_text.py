"""What is printed: the table, one component whole, and the short forms of notebooks."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from map_samples import HOSTILE, SPECS, incomplete, repeated, solved, titled, without_minima
from running import run

from reluspec.io.map_format import map_document, write_map
from reluspec.minima.details import component_text
from reluspec.minima.minima_map import MinimaMap
from reluspec.regions.region_graph import region_graph
from reluspec.systems.general_regions import general_regions


def large() -> MinimaMap:
    minima = repeated(solved("twelve"), 1200)
    first, *others = minima.components
    land = replace(minima.landscape, components=(replace(first, orbit_size=3_628_800), *others))
    return titled(replace(minima, landscape=land), "a title that goes on " * 20)


@pytest.mark.parametrize("make", [lambda: solved("poster"), lambda: solved("closed_sheet"), large, lambda: incomplete(solved("twelve"))])
def test_the_table_fits_eighty_columns(make: object) -> None:
    text = repr(make())  # type: ignore[operator]
    assert max(map(len, text.splitlines())) <= 80


def test_the_verdict_is_in_words() -> None:
    assert "\nProved: these are all the local minima; there are no others." in repr(solved("poster"))
    text = repr(incomplete(solved("poster")))
    assert "NOT COMPLETE: 3 of 231 strata are undecided" in text
    assert "Proved" not in text
    assert "others may be missing" in text
    assert text.splitlines()[1] == "NOT COMPLETE: 3 of 231 strata are undecided: timeout: 60 s"
    assert "No minimum is proved; some may be missing." in repr(without_minima(solved("poster")))


@pytest.mark.parametrize("name", ["poster", "two_hidden_layers"])
def test_what_commands_print_fits_eighty_columns(name: str, tmp_path: Path) -> None:
    spec = (SPECS / f"{name}.rspec").read_text(encoding="utf-8")
    (tmp_path / "long.rspec").write_text("title " + '"' + "long words in a title " * 8 + '"\n' + spec.split("\n", 1)[1], encoding="utf-8")
    write_map(solved(name), tmp_path / "map.json")
    zeros = {tensor: (0 * values).tolist() for tensor, values in solved(name).theta(0).items()}
    (tmp_path / "theta.json").write_text(json.dumps(zeros), encoding="utf-8")
    for command in (["compile", "long.rspec"], ["check", "long.rspec", "theta.json"], ["verify", "map.json"], ["show", "map.json", "0"]):
        printed = run(*command, cwd=tmp_path).stdout.splitlines()
        assert printed
        assert max(map(len, printed)) <= 80, command


@pytest.mark.parametrize("name", ["poster", "closed_sheet", "free_hidden_biases", "squared_hinge", "two_outputs", "arc", "circle"])
def test_one_component_is_printed_whole(name: str) -> None:
    minima = solved(name)
    document = map_document(minima)
    for component in document["components"]:
        text = component_text(minima, component["id"])
        assert f"{component['loss']['value']} ± {component['loss']['radius']}" in text
        for piece in component["pieces"]:
            assert f"stratum {piece['stratum'] or '(the whole parameter space: there are no kinks)'}\n" in text
            for values in minima.problem.flatten(minima[component["id"]].pieces[0].witness).values():
                assert not hasattr(values, "value") or values.value in text
        assert all(end in text for end in component.get("missing", ()))
        assert max(len(line) for line in text.splitlines() if "±" not in line and "(" not in line) <= 80


def test_the_command_shows_the_list_or_one(tmp_path: Path) -> None:
    write_map(solved("poster"), tmp_path / "poster.minima.json")
    document = json.loads((tmp_path / "poster.minima.json").read_text(encoding="utf-8"))
    assert run("show", "poster.minima.json", cwd=tmp_path).stdout == f"{solved('poster')!r}\n"
    assert run("show", "poster.minima.json", "3", cwd=tmp_path).stdout == f"{component_text(solved('poster'), 3)}\n"
    assert json.loads(run("show", "poster.minima.json", "3", "--json", cwd=tmp_path).stdout) == document["components"][3]
    assert json.loads(run("show", "poster.minima.json", "--json", cwd=tmp_path).stdout) == document
    done = run("show", "poster.minima.json", "5", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "has no component 5; it has 0 to 4" in done.stderr


def test_undecided_strata_are_listed(tmp_path: Path) -> None:
    write_map(incomplete(solved("poster"), count=30), tmp_path / "part.minima.json")
    text = run("show", "part.minima.json", cwd=tmp_path).stdout
    assert text.count("  timeout: 60 s") == 20
    assert "and 10 more" in text
    assert run("show", "part.minima.json", "-v", cwd=tmp_path).stdout.count("  timeout: 60 s") == 30


class Outline(HTMLParser):
    """Elements and text of a piece of HTML."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.text = ""
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.open.append(tag)
        assert not attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_notebooks_get_short_tables_without_scripts() -> None:
    hostile = titled(solved("poster"), HOSTILE)
    regions = region_graph(hostile.problem)
    general = general_regions(replace(solved("two_hidden_layers").problem, title=HOSTILE))
    for thing, words in (
        (hostile, ["and no others", "1.510766889", "--0++|+++++"]),
        (hostile.problem, ["1-2-1", "ridge(1/10)", "3/2"]),
        (regions, ["100 of 2^10 patterns", "231", "441"]),
        (general, ["cells28", "walls51"]),
        (incomplete(hostile, reason=HOSTILE), ["Not complete", "3 of 231"]),
        (repeated(hostile, 500), ["and 460 more"]),
    ):
        outline = Outline(thing._repr_html_())
        assert outline.elements <= {"p", "b", "table", "thead", "tbody", "tr", "th", "td"}
        assert not outline.open
        assert HOSTILE in outline.text
        for word in words:
            assert word in outline.text
        assert len(outline.text) < 5000
