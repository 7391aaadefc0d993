"""Every code block of the documentation and of the README does what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest
from pages import ROOT, Page, blocks, matches

PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "grammar" / "README.md",
    *sorted((ROOT / "examples").rglob("*.md")),
]
NOT_RUN = 6
"""Blocks in all that need a network, another program or hours."""


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_blocks(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Page(tmp_path)
    monkeypatch.chdir(tmp_path)
    for block in blocks(path.read_text(encoding="utf-8")):
        if not block.skipped:
            page.run(block)


def test_few_blocks_are_not_run() -> None:
    skipped = [block for path in PAGES for block in blocks(path.read_text(encoding="utf-8")) if block.skipped]
    assert len(skipped) <= NOT_RUN


def test_the_test_itself(tmp_path: Path) -> None:
    assert matches("a\nb\nc", "a\n…\nc")
    assert matches("a", "…\na\n…")
    assert not matches("a\nb", "a\n…\nc")
    page = Page(tmp_path)
    for text in (
        "```console\n$ cat specs/poster.rspec\nno\n```\n",
        "```python\nassert False\n```\n",
        "```rspec\nlet a=1\n```\n",
        "```sh\nls\n```\n",
    ):
        (block,) = blocks(text)
        with pytest.raises(AssertionError):
            page.run(block)
