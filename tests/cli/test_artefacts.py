"""Artefacts follow the schemas they name, are read back equal and repeat byte for byte; spoilt ones are refused in one message."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from running import POSTER, ROOT, SMALL, run, timeless, write

import reluspec
from reluspec.errors import ArtefactError, ReluspecError, SpecError
from reluspec.io.artefacts import read_json, schema, schema_names
from reluspec.io.map_format import map_document
from reluspec.io.regions_format import regions_document
from reluspec.pipeline import compile_problem, load

ARCS = (ROOT / "specs" / "closed_arc.rspec").read_text(encoding="utf-8")


@cache
def minima_text() -> str:
    return json.dumps(map_document(reluspec.solve(reluspec.parse(ARCS)), critical=True))


@cache
def regions_text() -> str:
    return json.dumps(regions_document(compile_problem(reluspec.parse(SMALL))))


def test_the_schemas_are_schemas() -> None:
    assert {"minima", "regions", "regions-graph", "system"} <= set(schema_names())
    for name in schema_names():
        Draft202012Validator.check_schema(schema(name))


def test_artefacts_follow_the_schema_that_they_name(tmp_path: Path) -> None:
    write(tmp_path, POSTER)
    texts = {
        "minima": run("solve", "model.rspec", "--critical", "--json", cwd=tmp_path).stdout,
        "regions": run("compile", "model.rspec", "--json", cwd=tmp_path).stdout,
        "regions-graph": run("graph", "model.rspec", "--format", "json", cwd=tmp_path).stdout,
        "system": run("system", "model.rspec", "--stratum", "++0--|-++++", "--format", "json", cwd=tmp_path).stdout,
    }
    for name, text in texts.items():
        document = json.loads(text)
        assert document["$schema"] == schema(name)["$id"]
        assert (document["format"], document["version"]) == (f"reluspec/{name}", 1)
        Draft202012Validator(schema(name)).validate(document)
    assert (tmp_path / "model.minima.json").read_text(encoding="utf-8") == texts["minima"]
    assert json.loads(texts["minima"])["critical"]


@pytest.mark.parametrize("name", ["poster", "closed_arc", "repeated_x"])
def test_a_map_is_read_back_equal(name: str, tmp_path: Path) -> None:
    minima = reluspec.solve(reluspec.load(ROOT / "specs" / f"{name}.rspec"))
    path = tmp_path / "m.minima.json"
    reluspec.write_map(minima, path, critical=True)
    again = reluspec.read_map(path)
    assert again == minima
    assert repr(again) == repr(minima)
    reluspec.write_map(again, str(tmp_path / "second.json"), critical=True)  # a path may be a string
    assert (tmp_path / "second.json").read_bytes() == path.read_bytes()
    reluspec.write_map(minima, path)
    assert reluspec.read_map(path).components == minima.components, "without the critical strata, the rest is there"


def test_two_runs_write_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path, POSTER)
    written = []
    for seed, workers in (("1", "1"), ("2", "2")):
        for command in (["compile", "model.rspec"], ["solve", "model.rspec", "--critical", "--workers", workers]):
            assert run(*command, cwd=tmp_path, PYTHONHASHSEED=seed).returncode == 0
        regions, minima = ((tmp_path / f"model.{kind}.json").read_text(encoding="utf-8") for kind in ("regions", "minima"))
        written.append((regions, timeless(minima)))
    assert written[0] == written[1]


def test_a_spec_changed_inside_an_artefact_is_refused(tmp_path: Path) -> None:
    write(tmp_path, SMALL)
    run("compile", "model.rspec", cwd=tmp_path)
    path = tmp_path / "model.regions.json"
    path.write_text(path.read_text(encoding="utf-8").replace("y = [1, 2]", "y = [1, 3]"), encoding="utf-8")
    done = run("solve", "model.regions.json", cwd=tmp_path)
    assert done.returncode == 1
    assert "checksum" in done.stderr
    assert not (tmp_path / "model.minima.json").exists()


def test_a_renamed_artefact_is_known_by_its_format(tmp_path: Path) -> None:
    write(tmp_path, minima_text(), "renamed.json")
    assert load(tmp_path / "renamed.json") == reluspec.parse(ARCS)
    write(tmp_path, regions_text(), "x.minima.json")
    with pytest.raises(ArtefactError, match="format 'reluspec/regions'; expected 'reluspec/minima'"):
        reluspec.read_map(tmp_path / "x.minima.json")


def changed(**values: Any) -> str:
    return json.dumps({**json.loads(minima_text()), **values})


def with_summary(**values: Any) -> str:
    document = json.loads(minima_text())
    return json.dumps({**document, "summary": {**document["summary"], **values}})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not JSON"),
        ("[]", "holds no JSON object"),
        ("{}", "format None"),
        ('{"format": ["reluspec/minima"]}', "expected 'reluspec/minima'"),
        ("[" * 100_000, "nested too deeply"),
        ("1" * 5000, "is not JSON"),
        ("\ufeff{}", "is not JSON"),
        (changed(version=2), "version 2; this reluspec reads 1"),
        (changed(version=None), "version None"),
        (changed(components={}), "at components"),
        (changed(components="x" * 10_000), "…"),
        (changed(title="\ud800"), "lone surrogate"),
        (changed(spec="title 'a"), "checksum"),
        (with_summary(components=0), "contradicts itself: its summary says components 0"),
        (with_summary(components=2.0), "is not of type 'integer'"),
        (with_summary(complete=False), "contradicts itself"),
        (with_summary(index_sum=None), "contradicts itself"),
        (with_summary(index_sum=float("nan")), "NaN is no number"),
    ],
)
def test_spoilt_maps_are_refused_in_one_message(text: str, words: str, tmp_path: Path) -> None:
    path = write(tmp_path, text, "x.minima.json")
    with pytest.raises(ArtefactError) as caught:
        reluspec.read_map(path)
    assert words in str(caught.value)
    assert "x.minima.json" in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_names_that_are_no_files(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.minima.json", tmp_path / "a\0b.minima.json"):
        with pytest.raises(ArtefactError, match="cannot read"):
            reluspec.read_map(path)
    (tmp_path / "latin.minima.json").write_bytes(b'{"title": "\xe9"}')
    with pytest.raises(ArtefactError, match="not UTF-8"):
        reluspec.read_map(tmp_path / "latin.minima.json")


def test_deeply_nested_numbers_are_refused(tmp_path: Path) -> None:
    document = json.loads(minima_text())
    nested: Any = []
    for _ in range(300):
        nested = [nested]
    document["components"][0]["pieces"][0]["witness"] = {"hidden.weight": nested}
    with pytest.raises(ArtefactError):
        reluspec.read_map(write(tmp_path, json.dumps(document), "x.minima.json"))


# Mutations: any value of the document replaced, removed or doubled; and the text cut or overwritten anywhere.

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["0", "1e999999", "-1", "++", "\ud800", "reluspec/regions", [], {}, [[]], {"value": "1", "radius": "0"}]),
)


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    entries = document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    for key, value in entries:
        found += places(value, (*path, key))
    return found


@st.composite
def mutated(draw: st.DrawFn, text: str) -> str:
    if draw(st.booleans()):
        start = draw(st.integers(0, len(text)))
        return (
            text[:start] + draw(st.sampled_from(["", "{", '"', "\\ud800", "\x00", "9" * 5000])) + text[start + draw(st.integers(0, 40)) :]
        )
    document = json.loads(text)
    *inner, last = draw(st.sampled_from(places(document)[1:]))
    parent = document
    for key in inner:
        parent = parent[key]
    action = draw(st.sampled_from(["replace", "remove", "double"]))
    if action == "remove":
        del parent[last]
    elif action == "double" and isinstance(parent, list):
        parent.append(copy.deepcopy(parent[last]))
    else:
        parent[last] = draw(VALUES)
    return json.dumps(document)


MANY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@MANY
@given(data=st.data())
def test_mutated_maps_are_refused_or_read(data: st.DataObject, tmp_path: Path) -> None:
    path = tmp_path / "x.minima.json"
    path.write_bytes(data.draw(mutated(minima_text())).encode("utf-8", "surrogatepass"))
    try:
        minima = reluspec.read_map(path)
    except (ArtefactError, SpecError):
        return
    assert repr(minima)
    reluspec.write_map(minima, path, critical=True)
    assert reluspec.read_map(path) == minima


@MANY
@given(data=st.data())
def test_mutated_regions_are_refused_or_read(data: st.DataObject, tmp_path: Path) -> None:
    path = tmp_path / "x.regions.json"
    path.write_bytes(data.draw(mutated(regions_text())).encode("utf-8", "surrogatepass"))
    try:
        problem = load(path)
    except (ArtefactError, SpecError):
        return
    assert problem.source is not None
    assert read_json(path, "regions")["spec_sha256"] == problem.source.sha256


def test_a_problem_without_a_text_has_no_artefact(tmp_path: Path) -> None:
    from dataclasses import replace

    minima = reluspec.solve(replace(reluspec.parse(SMALL), source=None))
    with pytest.raises(ReluspecError, match=r"reluspec\.parse"):
        reluspec.write_map(minima, tmp_path / "x.minima.json")
