"""The gallery, from `specs/`: every spec is solved, and shown with its picture where `reluspec plot` is installed. `generated/gallery/`."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

import reluspec
from reluspec.minima.minima_map import MinimaMap
from reluspec.plugins import Group, names

ROOT = Path(__file__).resolve().parents[2]
WORKERS = 2

HEAD = """# Gallery

Every problem of the folder `specs/`, solved while this site was built. A row is a component of local minima, one per
orbit under exchange of units.

```{toctree}
:hidden:

%s
```

| problem | what it shows | strata | components | dimensions | global minimum |
|---|---|---|---|---|---|
%s
"""


def _run(*arguments: str | Path, allowed: tuple[int, ...] = (0,)) -> None:
    done = subprocess.run([sys.executable, "-m", "reluspec", *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode not in allowed:
        raise RuntimeError(f"reluspec {' '.join(map(str, arguments))} ended with {done.returncode}: {done.stderr}")


def _solved(spec: Path, maps: Path) -> MinimaMap:
    path = maps / f"{spec.stem}.minima.json"
    _run("solve", "-q", spec, "-o", path, allowed=(0, 3))  # 3: some strata are undecided, and the page says so
    return reluspec.read_map(path)


def _picture(minima: MinimaMap, name: str, folder: Path) -> str:
    """The fitted functions over the data, for one input."""
    if "plot" not in names(Group.COMMAND) or importlib.util.find_spec("matplotlib") is None or minima.problem.network.inputs != 1:
        return ""
    _run("plot", "-q", folder / "maps" / f"{name}.minima.json", "--what", "fits", "--no-title", "-o", folder / f"{name}.svg")
    return f"![The functions of all components over the data]({name}.svg)\n\n"


def _report(name: str, folder: Path, extra: Path) -> str:
    """The interactive page, beside the site's own."""
    if "report" not in names(Group.COMMAND):
        return ""
    extra.mkdir(parents=True, exist_ok=True)
    _run("report", "-q", folder / "maps" / f"{name}.minima.json", "-o", extra / f"{name}.html")
    return f'<a href="../../reports/{name}.html">The interactive report</a> of this map.\n\n'


def _page(minima: MinimaMap, name: str, folder: Path, extra: Path) -> str:
    rows = "\n".join(
        f"| {component.id}{' (global)' if component.is_global and minima.complete else ''} | {component.dimension} | {component.loss} "
        f"| {component.location} | {component.orbit_size} | {'closed' if component.closed else 'open'} "
        f"| {', '.join('`' + piece.stratum.replace('|', chr(92) + '|') + '`' for piece in component.pieces)} |"
        for component in minima
    )
    note = f"\nWhy this engine: {minima.engine_reason}.\n" if minima.engine_reason else ""
    proved = "complete" if minima.complete else f"**not complete**: {minima.incomplete_because}"
    return (
        f"# {minima.problem.title}\n\n```{{literalinclude}} ../../../specs/{name}.rspec\n:language: rspec\n```\n\n"
        f"{len(minima)} components, {minima.components_with_symmetry} with unit exchange; {minima.landscape.total:,} strata; {proved}.\n"
        f"{note}\n"
        f"| id | dimension | loss | location | orbit | ends | strata |\n|---|---|---|---|---|---|---|\n{rows}\n\n"
        + _picture(minima, name, folder)
        + _report(name, folder, extra)
    )


def _row(minima: MinimaMap, name: str) -> str:
    dimensions = ", ".join(str(component.dimension) for component in minima)
    best = minima.global_minimum
    title = minima.problem.title.replace("|", "\\|")
    return f"| [`{name}`]({name}.md) | {title} | {minima.landscape.total:,} | {len(minima)} | {dimensions} | {best.loss if best else ''} |"


def _write(app: Sphinx) -> None:
    folder = Path(app.srcdir) / "generated" / "gallery"
    extra = Path(app.srcdir) / "generated" / "extra" / "reports"
    (folder / "maps").mkdir(parents=True, exist_ok=True)
    specs = sorted((ROOT / "specs").glob("*.rspec"))
    with ThreadPoolExecutor(WORKERS) as pool:
        solved = list(pool.map(lambda spec: _solved(spec, folder / "maps"), specs))
        pages = list(pool.map(lambda pair: _page(pair[1], pair[0].stem, folder, extra), zip(specs, solved, strict=True)))
    for spec, page in zip(specs, pages, strict=True):
        (folder / f"{spec.stem}.md").write_text(page, encoding="utf-8")
    listed = "\n".join(spec.stem for spec in specs)
    rows = "\n".join(_row(minima, spec.stem) for spec, minima in zip(specs, solved, strict=True))
    (folder / "index.md").write_text(HEAD % (listed, rows), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", _write)
    return {"parallel_read_safe": True}
