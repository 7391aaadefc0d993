"""Runs the code blocks of a Markdown page in order, in a folder that is like a checkout, as a reader would.

- `console`: commands after `$ `, with all that they print to standard output; a line `…` stands for any lines.
- `python`: one name space per page. `pycon`: a doctest.
- `rspec`: a spec in canonical layout. What it lacks of data, network and loss is added, so that a page can show one statement at a time.
- `json`: a document. `text`: anything.
- A block with a caption is also written to the file of that name.
- Anything else needs the line `<!-- not run: REASON -->` above it.
"""

from __future__ import annotations

import doctest
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import reluspec
from reluspec.language import format_text

ROOT = Path(__file__).resolve().parents[1]
_FENCE = re.compile(
    r"^(?P<skip><!-- not run: [^\n]+ -->\n)?(?P<fence>`{3,}|~{3,})(?:\{code-block\} )?(?P<language>[^\n]*)\n(?P<body>.*?)^(?P=fence)$",
    re.M | re.S,
)
_OPTIONS = re.compile(r"\A((?::[\w-]+: [^\n]*\n)+)\n")
_MISSING = {
    "data": "data { x = [-1, 0, 2] y = [2, -1, 1] }",
    "network": "network { input 1 hidden: layer 1 relu output: layer 1 linear without bias }",
    "loss": "loss sum squared_error",
}


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, its text, the file it is to be saved as, and whether the page says that it is not run."""

    language: str
    text: str
    line: int
    file: str = ""
    skipped: bool = False


def blocks(text: str) -> Iterator[Block]:
    """The code blocks of a page; directives that are no code are left out."""
    for match in _FENCE.finditer(text):
        language, body = match["language"].strip(), match["body"]
        if language.startswith("{"):
            continue
        options = _OPTIONS.match(body)
        caption = re.search(r":caption: (.*)", options[1]) if options else None
        body = body[options.end() :] if options else body
        line = text.count("\n", 0, match.start("fence")) + 1
        yield Block(language, body, line, caption[1].strip() if caption else "", bool(match["skip"]))


class Page:
    """The state that a page's blocks share: a folder and Python's names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: dict[str, Any] = {}
        for shared in ("specs", "examples"):
            shutil.copytree(ROOT / shared, folder / shared, ignore=shutil.ignore_patterns("*.json.journal", "__pycache__"))

    def run(self, block: Block) -> None:
        if block.file:
            (self.folder / block.file).write_text(block.text, encoding="utf-8")
        runner = _RUNNERS.get(block.language)
        assert runner, f"line {block.line}: no test runs blocks of {block.language!r}; say `<!-- not run: why -->` above it"
        runner(self, block)

    def console(self, block: Block) -> None:
        sessions = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
        assert sessions[0] == "", f"line {block.line}: a console block begins with `$ `"
        for session in sessions[1:]:
            command, _, expected = session.partition("\n")
            got = self.command(command)
            assert matches(got.rstrip(), expected.rstrip()), (
                f"line {block.line}: `{command}` printed\n{got}\nand the page shows\n{expected}"
            )

    def command(self, command: str) -> str:
        words = shlex.split(command)
        programs = {"reluspec": [sys.executable, "-m", "reluspec"], "python": [sys.executable], "cat": ["cat"], "head": ["head"]}
        assert words[0] in programs, f"the pages run {', '.join(programs)} only, not {words[0]}"
        environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
        done = subprocess.run(
            [*programs[words[0]], *words[1:]], capture_output=True, text=True, cwd=self.folder, env=environment, timeout=300, check=False
        )
        assert done.returncode in (0, 4) or "$?" in command, f"`{command}` ended with {done.returncode}: {done.stderr}"
        return done.stdout

    def python(self, block: Block) -> None:
        exec(compile("\n" * (block.line) + block.text, "page", "exec"), self.names)

    def pycon(self, block: Block) -> None:
        test = doctest.DocTestParser().get_doctest(block.text, self.names, "page", "page", block.line)
        assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test).failed == 0, f"line {block.line}"

    def rspec(self, block: Block) -> None:
        assert format_text(block.text) == block.text, f"line {block.line}: not in canonical layout:\n{format_text(block.text)}"
        missing = [text for word, text in _MISSING.items() if not re.search(rf"^{word}\b", block.text, re.M)]
        reluspec.parse("\n".join([block.text, *missing]), directory=self.folder)

    def json(self, block: Block) -> None:
        json.loads(block.text)

    def text(self, block: Block) -> None:
        """Nothing to run."""


_RUNNERS: dict[str, Callable[[Page, Block], None]] = {
    kind: getattr(Page, kind) for kind in ("console", "python", "pycon", "rspec", "json", "text")
}


def matches(got: str, expected: str) -> bool:
    """Whether a text is as shown; `…` alone on a line stands for any number of lines."""
    pattern = "".join(r"(?:.*\n)*?" if line == "…" else re.escape(line) + r"\n" for line in expected.split("\n"))
    return re.fullmatch(pattern, got + "\n") is not None
