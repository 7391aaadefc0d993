"""Every export is read back by the tool that it is for: the same nodes, edges and attributes, whatever the title."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from importlib.resources import files
from io import BytesIO
from xml.etree import ElementTree

import networkx as nx
import pytest
from hidden_layers import hidden, poster
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from reluspec import plugins
from reluspec.errors import LimitError
from reluspec.io.exporters import DOT, EXPORTERS, GEXF, GRAPHML, HTML, JSON, Exporter
from reluspec.io.layout import drawing
from reluspec.problem.problem import Source
from reluspec.regions.region_graph import RegionGraph, region_graph

HOSTILE = [
    "",
    "plain",
    'quotes " and \' and "]; digraph',
    "<script>alert(1)</script></title></svg>--><![CDATA[",
    "lines\nand\ttabs",
    "back\\slash \\N \\G \\l \\\\ and one at the end \\",
    "&amp; &lt; & &#38; %s {0} ${x}",
    "Ελληνικά 数学 𝕏 \N{RIGHT-TO-LEFT OVERRIDE}x",
]
UNPRINTABLE = ["nul \x00 and escape \x1b[31m", "a lone surrogate \ud800", "\ufffe"]

SMALL = region_graph(hidden((0, 0, 1), 2))
needs_graphviz = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")


def titled(title: str) -> RegionGraph:
    return replace(SMALL, problem=replace(SMALL.problem, title=title))


def same(found: nx.Graph, expected: nx.Graph) -> None:
    assert dict(found.nodes(data=True)) == dict(expected.nodes(data=True))
    assert edges(found) == edges(expected)


def edges(graph: nx.Graph) -> dict[frozenset[str], dict[str, object]]:
    return {frozenset((one, other)): attributes for one, other, attributes in graph.edges(data=True)}


def read_graphml(regions: RegionGraph) -> nx.Graph:
    return nx.read_graphml(BytesIO(GRAPHML.write(regions).encode()))


def read_gexf(regions: RegionGraph) -> nx.Graph:
    graph = nx.read_gexf(BytesIO(GEXF.write(regions).encode()))
    for _, attributes in graph.nodes(data=True):
        attributes.pop("label")
    for _, _, attributes in graph.edges(data=True):
        attributes.pop("id")
    return graph


def read_json(regions: RegionGraph) -> nx.Graph:
    return nx.node_link_graph(json.loads(JSON.write(regions)), edges="edges")


def graphviz(text: str, form: str) -> str:
    return subprocess.run(["dot", f"-T{form}"], input=text, capture_output=True, encoding="utf-8", check=True, timeout=60).stdout


@pytest.mark.parametrize("read", [read_graphml, read_gexf, read_json])
@pytest.mark.parametrize("regions", [SMALL, region_graph(poster()), region_graph(hidden(((0, 0), (1, 0), (1, 1)), 1, bias=False))])
def test_networkx_reads_it_back(read: object, regions: RegionGraph) -> None:
    assert callable(read)
    same(read(regions), regions.graph())


@pytest.mark.parametrize("title", HOSTILE)
def test_titles_come_back(title: str) -> None:
    regions = titled(title)
    assert (read_graphml(regions).graph.get("title") or "") == title
    assert read_gexf(regions).graph.get("name", "") == title
    assert read_json(regions).graph["title"] == title
    assert json.loads(JSON.write(regions))["title"] == title


@given(st.text())
@settings(max_examples=60, deadline=None)
def test_any_title_leaves_every_format_legal(title: str) -> None:
    regions = titled(title)
    same(read_graphml(regions), SMALL.graph())
    same(read_gexf(regions), SMALL.graph())
    same(read_json(regions), SMALL.graph())
    check_page(HTML.write(regions))


@pytest.mark.parametrize("title", UNPRINTABLE)
@pytest.mark.parametrize("exporter", EXPORTERS, ids=lambda exporter: exporter.name)
def test_what_xml_cannot_hold_is_replaced(exporter: Exporter, title: str) -> None:
    text = exporter.write(titled(title))
    assert "\N{REPLACEMENT CHARACTER}" in unescape(text)
    assert not re.search("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]", text)
    text.encode("utf-8")


def test_line_ends_become_one_kind() -> None:
    assert read_graphml(titled("a\r\nb\rc")).graph["title"] == "a\nb\nc"


def test_counts_travel_along() -> None:
    regions = region_graph(poster())
    expected = {"units": 2, "points": 5, "inputs": 1, "switches": 10, "patterns_on_paper": "1024", "cells": 100, "walls": 200}
    expected |= {"strata": 441, "strata_up_to_exchange": 231, "title": "poster"}
    assert {key: read_graphml(regions).graph[key] for key in expected} == expected
    assert read_json(regions).graph == expected
    assert "cells 100; walls 200" in GEXF.write(regions)


def test_json_header() -> None:
    source = Source("the text", "name")
    document = json.loads(JSON.write(replace(SMALL, problem=replace(SMALL.problem, source=source))))
    assert (document["format"], document["version"], document["spec_sha256"]) == ("reluspec/regions-graph", 1, source.sha256)
    assert json.loads(JSON.write(SMALL))["spec_sha256"] is None


@pytest.mark.parametrize("regions", [SMALL, region_graph(poster()), region_graph(hidden((0,), 1, bias=False))])
def test_json_follows_its_schema(regions: RegionGraph) -> None:
    schema = json.loads((files("reluspec.schemas") / "regions-graph.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    assert [error.message for error in Draft202012Validator(schema).iter_errors(json.loads(JSON.write(regions)))] == []


# Graphviz


@needs_graphviz
@pytest.mark.parametrize("regions", [SMALL, region_graph(poster(1))])
def test_graphviz_reads_it_back(regions: RegionGraph) -> None:
    document = json.loads(graphviz(DOT.write(regions), "json"))
    names = [node["name"] for node in document["objects"]]
    expected = regions.graph()
    assert {node["name"]: {key: node[key] for key in expected.nodes[node["name"]]} for node in document["objects"]} == {
        name: {key: str(value) for key, value in attributes.items()} for name, attributes in expected.nodes(data=True)
    }
    keys = ("wall", "unit", "points", "dimension")
    found = {frozenset((names[edge["tail"]], names[edge["head"]])): {key: edge[key] for key in keys} for edge in document["edges"]}
    assert found == {ends: {key: str(value) for key, value in attributes.items()} for ends, attributes in edges(expected).items()}
    assert document["cells"] == str(regions.cells)


@needs_graphviz
@pytest.mark.parametrize("title", HOSTILE + UNPRINTABLE)
def test_graphviz_draws_every_title(title: str) -> None:
    drawn = ElementTree.fromstring(graphviz(DOT.write(titled(title)), "svg"))
    name = "{http://www.w3.org/2000/svg}"
    graph = drawn.find(f"{name}g")
    assert graph is not None
    lines = [text.text or "" for text in graph.findall(f"{name}text")]
    # Graphviz leaves out empty lines, and its SVG writes blanks as no-break spaces.
    found = "\n".join(lines).replace("\N{NO-BREAK SPACE}", " ")
    if title not in UNPRINTABLE:
        assert found.split() == title.split()
    assert len([group for group in drawn.iter(f"{name}g") if group.get("class") == "node"]) == SMALL.cells


# The page


class Page(HTMLParser):
    """Tags that are open and shut, and the text outside of styles."""

    VOID = frozenset({"meta", "circle", "line"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.text: dict[str, list[str]] = {}
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in self.VOID:
            self.open.append(tag)
            self.text.setdefault(tag, []).append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        if tag in self.VOID:
            return
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.text[self.open[-1]][-1] += data


def check_page(text: str) -> Page:
    page = Page()
    page.feed(text)
    page.close()
    assert page.open == []
    assert "script" not in page.seen
    assert not {name for name in page.attributes if name.startswith("on")} | ({"src", "href"} & page.attributes)
    assert not re.search(r"https?:|url\(|@import", re.sub(r"<(title|h1)>.*?</\1>", "", text, flags=re.DOTALL))
    return page


@pytest.mark.parametrize("title", HOSTILE)
def test_the_page_shows_the_title_and_runs_nothing(title: str) -> None:
    page = check_page(HTML.write(titled(title)))
    assert page.text["h1"] == [title or "Region graph"]
    assert page.text["title"][0] == (title or "Region graph")
    assert page.seen.count("svg") == 1


def test_the_page_of_the_poster() -> None:
    text = HTML.write(region_graph(poster()))
    page = check_page(text)
    assert "100 of the 2<sup>10</sup> activation patterns exist" in text
    for row in ("<td>120</td><td>65</td>", "<td>441</td><td>231</td>"):
        assert row in text
    tips = page.text["title"]
    assert sum(tip.startswith("0++++|-----\nunit 0: zero at point 0") for tip in tips) == 1
    point = ["hidden.weight[0,0] = 0", "hidden.bias[0] = 1", "hidden.weight[1,0] = -3", "hidden.bias[1] = 5"]
    assert "\n".join(["+++++|++++-", "pattern 11111|11110", *point]) in tips
    assert text.count('class="cell"') == 100
    assert text.count('class="wall"') == 200
    assert text.count('class="seen"') == 220  # the twenty that run across a side are drawn as two stubs
    assert "prefers-color-scheme: dark" in text


@pytest.mark.parametrize(
    ("regions", "drawn"),
    [
        (region_graph(poster(1)), 10),
        (region_graph(poster(3)), 10),  # 1000 cells in three dimensions: one unit is drawn
        (region_graph(hidden(((0, 0), (1, 0), (0, 1)), 2)), 64),
        (region_graph(hidden((1, 2), 1, bias=False)), 2),
        (region_graph(hidden((0,), 2, bias=False)), 1),
        (region_graph(poster(40)), 10),
    ],
)
def test_what_is_drawn(regions: RegionGraph, drawn: int) -> None:
    found = drawing(regions)
    assert found is not None
    assert len(found.positions) == drawn
    assert all(0 <= x <= 1 and 0 <= y <= 1 for x, y in found.positions.values())
    assert len(set(found.positions.values())) == drawn
    text = HTML.write(regions)
    check_page(text)
    assert text.count('class="cell"') == drawn


def test_what_is_too_large_to_draw() -> None:
    regions = region_graph(hidden(tuple(range(300)), 1))
    assert drawing(regions) is None
    text = HTML.write(regions)
    check_page(text)
    assert "too large to be drawn, even that of one unit (600 cells)" in text


# All of them


def test_the_registry_has_them() -> None:
    assert [plugins.load(plugins.Group.EXPORTER, exporter.name) for exporter in EXPORTERS] == list(EXPORTERS)
    assert set(plugins.names(plugins.Group.EXPORTER)) >= {exporter.name for exporter in EXPORTERS}
    assert len({exporter.suffix for exporter in EXPORTERS}) == len(EXPORTERS)


@pytest.mark.parametrize("exporter", EXPORTERS, ids=lambda exporter: exporter.name)
def test_twice_the_same_text(exporter: Exporter) -> None:
    assert exporter.write(region_graph(poster())) == exporter.write(region_graph(poster()))


@pytest.mark.parametrize("exporter", [GRAPHML, GEXF, DOT, JSON], ids=lambda exporter: exporter.name)
def test_too_large_a_graph(exporter: Exporter) -> None:
    with pytest.raises(LimitError, match="1,000,000 cells"):
        exporter.write(region_graph(poster(6)))
