"""The notebook runs from top to bottom, and what it stores is what it prints."""

from __future__ import annotations

from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

NOTEBOOK = Path(__file__).resolve().parents[1] / "examples" / "landscape.ipynb"
MAX_BYTES = 200_000


def printed(cell) -> str:
    return "".join(output.get("text", "") for output in cell.outputs)


def test_the_notebook_prints_what_it_stores(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert NOTEBOOK.stat().st_size < MAX_BYTES
    monkeypatch.chdir(tmp_path)
    stored = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(stored)
    fresh = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(fresh, timeout=600, kernel_name="python3").execute()
    pairs = [(old, new) for old, new in zip(stored.cells, fresh.cells, strict=True) if old.cell_type == "code"]
    assert all(old.execution_count for old, _ in pairs)
    for old, new in pairs:
        if "optimiser" in old.metadata.get("tags", []):
            continue  # where an optimiser stops depends on the processor's last bits
        assert printed(new) == printed(old), old.source
    whole = "".join(printed(new) for _, new in pairs)
    assert "best of 1000: 2.378595   proved minimum: 2.378595" in whole
    assert "complete: 325 strata" in whole
