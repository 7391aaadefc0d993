"""The region graph for other tools: GraphML, GEXF, DOT, JSON and a page of its own.

An exporter is a frozen `Exporter`; other packages add theirs by the entry-point group `reluspec.exporters`. All write the same graph
(`RegionGraph.graph`, `GeneralRegions.graph`). Titles come from users: each format escapes them in its own way, and all of them get U+FFFD
for characters that no XML may hold.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from reluspec.errors import UnsupportedProblemError
from reluspec.io.page import region_page
from reluspec.regions.region_graph import RegionGraph
from reluspec.systems.general_regions import GeneralRegions

if TYPE_CHECKING:
    import networkx

Regions = RegionGraph | GeneralRegions


@dataclass(frozen=True)
class Exporter:
    """Writes a region graph, a `RegionGraph` or `GeneralRegions`, as text.

    `suffix` is that of a file, with its dot. `write` may raise `LimitError` where the graph is too large for the format,
    `UnsupportedProblemError` where it is of another kind.
    """

    name: str
    suffix: str
    description: str
    write: Callable[[Any], str]


_UNPRINTABLE = re.compile("[^\t\n\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_GEXF = "http://www.gexf.net/1.2draft"
_XML = '<?xml version="1.0" encoding="utf-8"?>\n'


def _printable(text: str) -> str:
    """The text with line ends as `\\n`, and U+FFFD for what XML 1.0 forbids or discourages: control characters, lone surrogates."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n").replace("\r", "\n"))


def _clean(regions: Regions) -> networkx.Graph[str]:
    """The graph, with a title that all formats can hold."""
    graph = regions.graph()
    graph.graph["title"] = _printable(graph.graph["title"])
    return graph


def _graphml(regions: Regions) -> str:
    import networkx

    return _XML + "\n".join(networkx.generate_graphml(_clean(regions), named_key_ids=False)) + "\n"


def _gexf(regions: Regions) -> str:
    import networkx

    graph = _clean(regions)
    graph.graph["name"] = graph.graph["title"]
    root = ElementTree.fromstring("\n".join(networkx.generate_gexf(graph)))
    meta = root.find(f"{{{_GEXF}}}meta")
    if meta is not None:
        # networkx writes the day and its version, but the same problem must give the same file. The counts have no other place in GEXF.
        meta.attrib.clear()
        for child in list(meta):
            meta.remove(child)
        ElementTree.SubElement(meta, f"{{{_GEXF}}}creator").text = "reluspec"
        facts = "; ".join(f"{key} {value}" for key, value in graph.graph.items() if key not in ("title", "name"))
        ElementTree.SubElement(meta, f"{{{_GEXF}}}description").text = f"{graph.graph['title']}\n{facts}"
    ElementTree.register_namespace("", _GEXF)
    return _XML + ElementTree.tostring(root, encoding="unicode") + "\n"


def _dot(regions: Regions) -> str:
    graph = _clean(regions)
    lines = ["graph regions {", f"  graph [{_dot_attributes({'label': graph.graph['title'], **graph.graph})}];"]
    lines += [f"  {_dot_text(name)} [{_dot_attributes(attributes)}];" for name, attributes in graph.nodes(data=True)]
    lines += [
        f"  {_dot_text(one)} -- {_dot_text(other)} [{_dot_attributes(attributes)}];" for one, other, attributes in graph.edges(data=True)
    ]
    return "\n".join([*lines, "}", ""])


def _dot_attributes(attributes: Mapping[str, str | int]) -> str:
    return ", ".join(f"{_dot_text(key)}={_dot_text(str(value))}" for key, value in attributes.items())


def _dot_text(text: str) -> str:
    r"""A quoted string of DOT, as labels read it: `\\` is a backslash, `\n` a new line, `&amp;` an ampersand.

    So no character of the text can end the string, begin an escape such as `\G` or an entity.
    """
    escaped = text.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _json(regions: Regions) -> str:
    graph = _clean(regions)
    source = regions.problem.source
    return json.dumps({**_header(graph, source.sha256 if source else None), **_node_link(graph)}, indent=1, ensure_ascii=False) + "\n"


def _header(graph: networkx.Graph[str], sha256: str | None) -> dict[str, object]:
    return {
        "$schema": "urn:reluspec:schema:regions-graph:1",
        "format": "reluspec/regions-graph",
        "version": 1,
        "title": graph.graph["title"],
        "spec_sha256": sha256,
    }


def _node_link(graph: networkx.Graph[str]) -> dict[str, object]:
    """networkx' node-link form, as `node_link_graph(…, edges="edges")` reads it: the key's default name differs between its versions."""
    return {
        "directed": False,
        "multigraph": False,
        "graph": dict(graph.graph),
        "nodes": [{"id": name, **attributes} for name, attributes in graph.nodes(data=True)],
        "edges": [{"source": one, "target": other, **attributes} for one, other, attributes in graph.edges(data=True)],
    }


def _html(regions: Regions) -> str:
    if isinstance(regions, GeneralRegions):
        raise UnsupportedProblemError(
            "the page shows products of one unit's regions, which these are not: choose another format or look at `reluspec report`"
        )
    return region_page(replace(regions, problem=replace(regions.problem, title=_printable(regions.problem.title))))


GRAPHML = Exporter("graphml", ".graphml", "GraphML, for networkx, igraph, yEd, Gephi, Cytoscape", _graphml)
GEXF = Exporter("gexf", ".gexf", "GEXF 1.2, for Gephi", _gexf)
DOT = Exporter("dot", ".dot", "DOT, for Graphviz", _dot)
JSON = Exporter("json", ".graph.json", "node-link JSON, for networkx and D3", _json)
HTML = Exporter("html", ".html", "a self-contained page with a drawing", _html)

EXPORTERS = (GRAPHML, GEXF, DOT, JSON, HTML)
