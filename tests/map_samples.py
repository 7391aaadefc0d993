"""Maps to be looked at: of every kind of problem and picture, incomplete, empty and large ones."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import reluspec
from reluspec.minima.minima_map import MinimaMap
from reluspec.minima.records import Undecided
from reluspec.problem.problem import Problem

SPECS = Path(__file__).parents[1] / "specs"
SCRIPT = "document.title='hacked'"
HOSTILE = f'</title></script><script>{SCRIPT}</script><img src=x onerror="{SCRIPT}"> & "quotes" \'too\' {{{{data}}}} $x$'

TEXTS = {
    "xor": """title "XOR, two units"
data { x = [(0, 0), (0, 1), (1, 0), (1, 1)]  y = [0, 1, 1, 0] }
network { input 2  hidden: layer 2 relu  output: layer 1 linear without bias }
loss sum squared_error
regulariser ridge(1/10)
""",
    "three_inputs": """title "Three inputs, two outputs"
data { x = [(0, 0, 1), (0, 1, 0), (1, 0, -1)]  y = [(1, 0), (0, 1), (1, 1)] }
network { input 3  hidden: layer 1 relu  output: layer 2 linear without bias }
loss sum squared_error
regulariser ridge(1/5)
""",
    "two units in space": """title "Three inputs, two units"
data { x = [(0, 0, 1), (0, 1, 0), (1, 0, -1), (1, 1, 1), (2, -1, 0)]  y = [1, 0, 1, -1, 2] }
network { input 3  hidden: layer 2 relu  output: layer 1 linear without bias }
loss sum squared_error
regulariser ridge(1/5)
""",
    "arc": """title "An arc of a circle"
data { x = [1, 2]  y = [(1, 0), (0, 1)] }
network { input 1  hidden: layer 2 relu  output: layer 2 linear without bias }
loss sum squared_error
regulariser ridge(1/10)
""",
    "circle": """title "A whole circle"
data { x = [1, 2]  y = [(1, 0), (3, 1)] }
network { input 1  hidden: layer 2 linear  output: layer 2 linear without bias }
loss sum squared_error
regulariser ridge(1/10)
""",
    "twelve": """title "Twelve points"
data { x = [-3, -2, -1.5, -1, -0.3, 0, 0.2, 0.9, 1.1, 2, 2.5, 3]  y = [1, 2, 0, 1, -1, 2, 1, 0, 2, -1, 1, 0] }
network { input 1  hidden: layer 2 relu  output: layer 1 linear without bias }
loss sum squared_error
regulariser ridge(1/100)
""",
}

TEXTS["three units in space"] = TEXTS["two units in space"].replace("layer 2 relu", "layer 3 relu")

EXPRESSIONS = """title "Everything the page must compute"
data { x = [-1, 1/3, 2]  y = [(1, 0), (0, -1), (2, 1)]  weight = [1, 2, 1/2] }
network { input 1
  first: layer 2 leaky_relu(1/10)
  second: layer 2 { max(z, z/3)^2 - min(z, 1) } without bias
  output: layer 2 hard_tanh fixed bias [0, 1/2] }
loss mean { abs(y[0] - f[0]) + max(0, 1 - y[1]*f[1])^3 + relu(f[0] - 2) }
regulariser ridge(1/10) on weights + lasso(1/7) on first + { max(output.weight[0,0], 0)^2 } + { output.weight[1,0]^4/3 }
"""


@cache
def solved(name: str) -> MinimaMap:
    """The map of a spec in `specs/`, or of one above."""
    text = TEXTS[name] if name in TEXTS else (SPECS / f"{name}.rspec").read_text(encoding="utf-8")
    return reluspec.solve(reluspec.parse(text))


def parsed(text: str) -> Problem:
    return reluspec.parse(text)


def incomplete(minima: MinimaMap, reason: str = "timeout: 60 s", count: int = 3) -> MinimaMap:
    """The map with some strata undecided."""
    ledger = {**minima.landscape.ledger, "undecided": count}
    ledger["inactive"] = ledger.get("inactive", 0) - count
    undecided = tuple(Undecided(f"{k:b}".replace("0", "-").replace("1", "+"), reason) for k in range(count))
    return replace(minima, landscape=replace(minima.landscape, ledger=ledger, undecided=undecided, index_sum=None, index_note="open"))


def without_minima(minima: MinimaMap) -> MinimaMap:
    """An incomplete map that lists nothing."""
    return incomplete(replace(minima, landscape=replace(minima.landscape, components=())))


def titled(minima: MinimaMap, title: str) -> MinimaMap:
    return replace(minima, problem=replace(minima.problem, title=title))


def repeated(minima: MinimaMap, count: int) -> MinimaMap:
    """A map of so many components: the same ones over and over, each under a number of its own. No true map, but as large as one."""
    listed = sorted((minima.components[k % len(minima)] for k in range(count)), key=lambda component: float(component.loss))
    numbered = tuple(replace(component, id=k) for k, component in enumerate(listed))
    return replace(minima, landscape=replace(minima.landscape, components=numbered))
