"""What `compile`, `graph` and `system` say, also about problems that no engine can take."""

from __future__ import annotations

import csv
import json
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator
from running import ROOT, SMALL, run, timeless, with_parts, write

POSTER = ROOT / "specs" / "poster.rspec"


def test_compile_counts_what_is_there(tmp_path: Path) -> None:
    text = run("compile", POSTER, cwd=tmp_path).stdout
    for words in ("1,024 sign patterns", "100 exist", "walls      200", "120 of codimension 2, 20 of codimension 3, 1 of codimension 4"):
        assert words in text
    assert "231 up to exchange" in text
    assert "2 exchanges of units" in text
    assert "convex: " in text
    regions = json.loads((tmp_path / "poster.regions.json").read_text(encoding="utf-8"))["regions"]
    assert (regions["cells"], regions["walls"]) == ("100", "200")
    assert (len(regions["graph"]["nodes"]), len(regions["graph"]["edges"])) == (100, 200)


UNSOLVABLE = {
    "two hidden layers": (with_parts(units="layer 2 relu layer 2 relu"), "2 hidden layers"),
    "huber": (with_parts(loss="sum huber(1)"), "huber(1)"),
    "hinge": (with_parts(loss="mean squared_hinge"), "squared_hinge"),
    "a quartic loss": (with_parts(loss="sum power(4)"), "power(4)"),
    "lasso": (with_parts(regulariser="regulariser lasso(1)"), "lasso(1)"),
    "two outputs": (with_parts(output="layer 2 linear"), "2 outputs"),
    "two kinks": (with_parts(units="layer 2 hard_tanh"), "hard_tanh"),
    "no kink": (with_parts(units="layer 2 linear"), "linear"),
    "lambda is zero": (with_parts(regulariser="regulariser ridge(0)"), "hidden.weight[:,0] carries no ridge penalty"),
    "no regulariser": (with_parts(regulariser=""), "hidden.weight[:,0] carries no ridge penalty"),
    "biases unpenalised": (with_parts(regulariser="regulariser ridge(1) on weights"), "hidden.bias carries no ridge penalty"),
    "weights unpenalised": (with_parts(regulariser="regulariser ridge(1) on output, hidden.bias"), "hidden.weight[:,0] carries no ridge"),
    "a fixed weight": (with_parts(units="layer 2 relu fixed weight [[1], [2]]"), "hidden"),
    "a very wide layer": (with_parts(units="layer 10000 relu"), "30,001 parameters"),
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) if name == "huber" else name for name in UNSOLVABLE])
def test_what_the_convex_engine_cannot_take_is_described(name: str, tmp_path: Path) -> None:
    text, words = UNSOLVABLE[name]
    write(tmp_path, text)
    done = run("compile", "model.rspec", "--engine", "convex", cwd=tmp_path)
    assert done.returncode == 0
    assert all(row in done.stdout for row in ("network ", "objective ", "switches ", "symmetry ", "engine     none: "))
    assert words in " ".join(done.stdout.split())
    assert (tmp_path / "model.regions.json").exists()
    refused = run("solve", "model.rspec", "--engine", "convex", cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "the convex engine" in refused.stderr
    assert words in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert not (tmp_path / "model.minima.json").exists()


def test_the_exchanges_of_many_units_are_counted_right(tmp_path: Path) -> None:
    write(tmp_path, SMALL.replace("layer 1 relu", "layer 101 relu"))
    assert "101! exchanges of units" in run("compile", "model.rspec", cwd=tmp_path).stdout
    facts = json.loads((tmp_path / "model.regions.json").read_text(encoding="utf-8"))["problem"]
    assert len(str(facts["unit_exchanges"])) == 160


GRAPH_FORMATS = {
    "graphml": lambda text: len(ElementTree.fromstring(text.encode())) > 0,
    "gexf": lambda text: len(ElementTree.fromstring(text.encode())) > 0,
    "dot": lambda text: text.startswith("graph regions {"),
    "json": lambda text: len(json.loads(text)["nodes"]) == 100,
    "html": lambda text: text.startswith("<!DOCTYPE html>"),
}


@pytest.mark.parametrize("name", GRAPH_FORMATS)
def test_graph_formats(name: str, tmp_path: Path) -> None:
    printed = run("graph", POSTER, "--format", name, cwd=tmp_path)
    assert (printed.returncode, printed.stderr) == (0, "")
    assert GRAPH_FORMATS[name](printed.stdout)
    run("graph", POSTER, "--format", name, "-o", "g", cwd=tmp_path)
    assert (tmp_path / "g").read_text(encoding="utf-8") == printed.stdout


def test_the_graph_of_one_unit(tmp_path: Path) -> None:
    document = json.loads(run("graph", POSTER, "--format", "json", "--one-unit", cwd=tmp_path).stdout)
    assert (len(document["nodes"]), len(document["edges"])) == (10, 10)


def test_an_unknown_graph_format_lists_the_known_ones(tmp_path: Path) -> None:
    done = run("graph", POSTER, "--format", "png", cwd=tmp_path)
    assert done.returncode == 1
    assert "'png'; installed: graphml, gexf, dot, json, html" in done.stderr


def test_a_graph_that_is_too_large_says_how_large(tmp_path: Path) -> None:
    write(tmp_path, POSTER.read_text(encoding="utf-8").replace("layer 2 relu", "layer 9 relu"))
    done = run("graph", "model.rspec", "--format", "dot", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "1,000,000,000" in done.stderr
    assert run("graph", "model.rspec", "--format", "html", cwd=tmp_path).returncode == 0, "the page shows one unit instead"


TWO_LAYERS = with_parts(units="layer 1 relu layer 1 relu")


def test_the_strata_of_two_layers_are_counted(tmp_path: Path) -> None:
    write(tmp_path, TWO_LAYERS)
    text = run("compile", "model.rspec", cwd=tmp_path).stdout
    for words in ("cells      28 exist\n", "walls      51\n", "strata     113, or 113 up to exchange of units, that are not proved empty"):
        assert words in text
    document = json.loads((tmp_path / "model.regions.json").read_text(encoding="utf-8"))
    assert document["regions"] is None
    found = document["general_regions"]
    assert (found["strata"], found["cells"], found["unknown_cells"], found["walls"]) == ("113", "28", "0", "51")
    assert len(found["graph"]["nodes"]) == 28


@pytest.mark.slow
def test_too_many_strata_to_count(tmp_path: Path) -> None:
    write(tmp_path, with_parts(units="layer 6 hard_tanh"))
    done = run("compile", "model.rspec", cwd=tmp_path)
    assert done.returncode == 0
    assert "not described: there are more than 200,000 strata" in " ".join(done.stdout.split())


@pytest.mark.parametrize("name", ["graphml", "gexf", "dot", "json"])
def test_the_graph_of_two_layers(name: str, tmp_path: Path) -> None:
    write(tmp_path, TWO_LAYERS)
    done = run("graph", "model.rspec", "--format", name, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "+++/0++" in done.stdout
    assert "layer1.weight[0,0]" in done.stdout
    if name == "json":
        document = json.loads(done.stdout)
        Draft202012Validator(json.loads(run("schema", "regions-graph", cwd=tmp_path).stdout)).validate(document)
        assert (len(document["nodes"]), len(document["edges"])) == (28, 51)


def test_what_the_graph_of_two_layers_has_not(tmp_path: Path) -> None:
    write(tmp_path, TWO_LAYERS)
    for more, words in ((("--format", "html"), "choose another format"), (("--format", "dot", "--one-unit"), "2 hidden layers")):
        done = run("graph", "model.rspec", *more, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert words in done.stderr


SYSTEM_FORMATS = {
    "text": "gradient",
    "json": '"reluspec/system"',
    "msolve": "hidden_weight",
    "singular": "ring",
    "macaulay2": "QQ",
    "sympy": "import",
    "julia": "HomotopyContinuation",
}


@pytest.mark.parametrize("name", SYSTEM_FORMATS)
def test_system_formats(name: str, tmp_path: Path) -> None:
    printed = run("system", POSTER, "--stratum", "++0--|-++++", "--format", name, cwd=tmp_path)
    assert (printed.returncode, printed.stderr) == (0, "")
    assert SYSTEM_FORMATS[name].lower() in printed.stdout.lower()
    run("system", POSTER, "--stratum", "++0--|-++++", "--format", name, "-o", "s", cwd=tmp_path)
    assert (tmp_path / "s").read_text(encoding="utf-8") == printed.stdout


@pytest.mark.parametrize(
    ("stratum", "words"),
    [
        ("++0--", "1 unit found"),
        ("++0--|++", "2 signs"),
        ("++0--|+++++|-----", "3 units found"),
        ("++0--|++x++", "'x'"),
        ("", "unit"),
        ("++0--|+++++;+", "sign"),
        ("11000|++---", "mixes bits"),
    ],
)
def test_bad_names_of_strata(stratum: str, words: str, tmp_path: Path) -> None:
    done = run("system", POSTER, f"--stratum={stratum}", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_other_ways_to_name_a_stratum(tmp_path: Path) -> None:
    named = run("system", POSTER, "--stratum=--0++|+++++", cwd=tmp_path)
    assert named.returncode == 0
    assert run("system", POSTER, "--stratum=--0++,+++++", cwd=tmp_path).stdout == named.stdout
    cell = run("system", POSTER, "--stratum", "11000|00111", cwd=tmp_path)
    assert cell.stdout == run("system", POSTER, "--stratum", "++---|--+++", cwd=tmp_path).stdout
    unknown = run("system", POSTER, "--stratum", "++0--|-++++", "--format", "maple", cwd=tmp_path)
    assert unknown.returncode == 1
    assert "known: text, json, msolve" in unknown.stderr


def test_plugins_and_schemas_are_listed(tmp_path: Path) -> None:
    text = run("plugins", cwd=tmp_path).stdout
    for name in (
        "engines",
        "convex",
        "losses",
        "huber",
        "regularisers",
        "lasso",
        "activations",
        "hard_tanh",
        "exporters",
        "gexf",
        "commands",
    ):
        assert name in text
    for name in ("minima", "regions", "regions-graph", "system"):
        assert json.loads(run("schema", name, cwd=tmp_path).stdout)["$id"] == f"urn:reluspec:schema:{name}:1"


def test_a_csv_table_is_inlined_into_the_artefacts(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    table = StringIO()
    csv.writer(table).writerows([("length", "price"), ("-0.5", "1e0"), ("2", "0.25")])
    write(tmp_path / "data", table.getvalue(), "points.csv")
    data = 'data from "data/points.csv" { x = [length]  y = [price] }\n'
    write(tmp_path, data + SMALL[SMALL.index("network") :])
    assert run("solve", "model.rspec", cwd=tmp_path).returncode == 0
    assert run("compile", "model.rspec", cwd=tmp_path).returncode == 0
    other = tmp_path / "other"
    other.mkdir()
    for kind in ("regions", "minima"):
        source = tmp_path / f"model.{kind}.json"
        done = run("solve", source, "-o", f"{kind}.out", cwd=other)
        assert done.returncode == 0, done.stderr
        again, first = (path.read_text(encoding="utf-8") for path in (other / f"{kind}.out", tmp_path / "model.minima.json"))
        assert timeless(again) == timeless(first)
