"""reluspec: every local minimum of a small ReLU network's training loss, with proof.

>>> import reluspec
>>> problem = reluspec.load("specs/poster.rspec")
>>> minima = reluspec.solve(problem)
>>> minima.complete
True
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from reluspec.errors import ReluspecError

if TYPE_CHECKING:
    from reluspec.checking import check
    from reluspec.io.map_format import read_map, write_map
    from reluspec.io.plot import plot, write_plot
    from reluspec.io.report import report_page, write_report
    from reluspec.language import parse_spec as parse
    from reluspec.minima.minima_map import MinimaMap
    from reluspec.pipeline import load, solve
    from reluspec.problem.problem import Problem
    from reluspec.regions.region_graph import RegionGraph, region_graph
    from reluspec.systems.system import stratum_system
    from reluspec.verifier.claims import Verification
    from reluspec.verifier.verify import verify
    from reluspec.version import __version__

# Imported when first used: `import reluspec` alone costs next to nothing.
_WHERE = {
    "check": "reluspec.checking",
    "load": "reluspec.pipeline",
    "solve": "reluspec.pipeline",
    "parse": "reluspec.language:parse_spec",
    "region_graph": "reluspec.regions.region_graph",
    "stratum_system": "reluspec.systems.system",
    "verify": "reluspec.verifier.verify",
    "Verification": "reluspec.verifier.claims",
    "read_map": "reluspec.io.map_format",
    "write_map": "reluspec.io.map_format",
    "plot": "reluspec.io.plot",
    "write_plot": "reluspec.io.plot",
    "report_page": "reluspec.io.report",
    "write_report": "reluspec.io.report",
    "Problem": "reluspec.problem.problem",
    "RegionGraph": "reluspec.regions.region_graph",
    "MinimaMap": "reluspec.minima.minima_map",
    "__version__": "reluspec.version",
}

__all__ = [
    "MinimaMap",
    "Problem",
    "RegionGraph",
    "ReluspecError",
    "Verification",
    "__version__",
    "check",
    "load",
    "parse",
    "plot",
    "read_map",
    "region_graph",
    "report_page",
    "solve",
    "stratum_system",
    "verify",
    "write_map",
    "write_plot",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'reluspec' has no attribute {name!r}")
    module, _, attribute = _WHERE[name].partition(":")
    return getattr(import_module(module), attribute or name)


def __dir__() -> list[str]:
    return __all__
