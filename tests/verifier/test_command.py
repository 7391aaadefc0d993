"""`reluspec verify`: what it prints, exit codes, bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from true_maps import true_map
from typer.testing import CliRunner

import reluspec
from reluspec.cli.main import application

RUN = CliRunner()


def invoke(*arguments: str) -> tuple[int, str]:
    result = RUN.invoke(application(), ["verify", *arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.return_value, result.stdout


def written(folder: Path, document: object) -> str:
    path = folder / "it.minima.json"
    path.write_text(json.dumps(document))
    return str(path)


def test_a_true_map(tmp_path: Path) -> None:
    code, text = invoke(written(tmp_path, true_map("kink_touch_min")))
    assert code == 0
    assert text.splitlines()[-1] == "verified: every claim of this map is proved anew"
    assert "weak duality" in text


def test_a_changed_map(tmp_path: Path) -> None:
    document = true_map("kink_touch_min")
    document["components"][1]["orbit_size"] = 2
    document["summary"]["components_with_symmetry"] += 1
    code, text = invoke(written(tmp_path, document))
    assert code == 4
    assert "refuted: orbits: component 1: 2 is not 1" in text
    assert text.splitlines()[-1].startswith("REFUTED: 1 claim ")


def test_a_part(tmp_path: Path) -> None:
    code, text = invoke(written(tmp_path, true_map("fixed_output_signs")), "--sample", "3")
    assert code == 0
    assert text.splitlines()[-1] == "verified in part: nothing is refuted, but some claims are not re-proved"
    assert "not re-proved: excluded strata: the rest: a sample was asked for" in text


def test_json_and_quiet(tmp_path: Path) -> None:
    path = written(tmp_path, true_map("kink_touch_flat"))
    code, text = invoke(path, "--json")
    document = json.loads(text)
    assert (code, document["verdict"], document["format"]) == (0, "verified", "reluspec/verification")
    assert document["counts"]["components"] == {"proved": 1}
    assert invoke(path, "-q") == (0, "")


def test_python(tmp_path: Path) -> None:
    found = reluspec.verify(written(tmp_path, true_map("kink_touch_flat")))
    assert isinstance(found, reluspec.Verification)
    assert found.ok
    assert found.complete
    assert repr(found).endswith(found.verdict)


@pytest.mark.parametrize(
    ("content", "expected"),
    [("", "is not JSON"), ("[]", "no JSON object"), ('{"format": "reluspec/regions", "version": 1}', "expected 'reluspec/minima'")],
)
def test_what_is_no_map(tmp_path: Path, content: str, expected: str) -> None:
    path = tmp_path / "bad.minima.json"
    path.write_text(content)
    with pytest.raises(reluspec.ReluspecError, match=expected) as caught:
        reluspec.verify(path)
    assert caught.value.exit_code == 1


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(reluspec.ReluspecError, match="cannot read"):
        reluspec.verify(tmp_path / "none.minima.json")
