"""What the site makes from the code is whole; what it says of the version is true. (CI builds the site itself.)"""

from __future__ import annotations

import sys
from typing import Any

import pytest
import typer
from pages import ROOT

import reluspec
from reluspec.cli.main import application
from reluspec.plugins import _BUILT_IN, Group

sys.path.insert(0, str(ROOT / "docs" / "_ext"))
import site_commands
import site_python


def test_the_command_reference_has_every_option() -> None:
    page = site_commands.reference()
    group: Any = typer.main.get_command(application())
    for name in _BUILT_IN[Group.COMMAND]:
        section = page.split(f"## reluspec {name}\n")[1].split("\n## ")[0]
        for parameter in group.commands[name].params:
            shown = max(parameter.opts, key=len) if parameter.param_type_name == "option" else parameter.metavar
            assert shown in section, (name, shown)
            assert parameter.help in " ".join(section.replace("\\|", "|").replace("&lt;", "<").split()), (name, shown)


def test_the_python_reference_has_every_public_name() -> None:
    page = site_python.reference()
    for name in reluspec.__all__:
        if not name.startswith("_"):
            assert f"reluspec.{name}" in page
            assert getattr(reluspec, name).__doc__
    assert "<function" not in page
    assert "object at 0x" not in page


def test_the_citation_is_of_this_version() -> None:
    lines = (ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines()
    assert f"version: {reluspec.__version__}" in lines
    assert any("2508.17783" in line for line in lines)


def test_every_page_is_in_the_navigation() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for path in (ROOT / "docs").glob("*.md"):
        named = path.stem in index.split() or any(entry.endswith("*") and path.stem.startswith(entry[:-1]) for entry in index.split())
        assert path.stem == "index" or named, path.name


def test_the_site_makes_formulas_that_browsers_show() -> None:
    pytest.importorskip("sphinx")
    pytest.importorskip("latex2mathml")
    import site_mathml

    shown = site_mathml._converted(r"\lVert x \rVert^2", "inline")
    assert shown.startswith("<math")
    assert shown.count('fence="true"') == 2
