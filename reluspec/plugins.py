"""What is installed: built-in parts and those that other packages add by entry points.

A plugin is an entry point in one of the groups of `Group`, named as users will name it. A plugin that fails to import is reported and
left out; a second plugin of one name is refused, never preferred silently.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from reluspec.errors import PluginError, ReluspecError
from reluspec.problem.definitions import BUILT_IN as BUILT_IN_DEFINITIONS
from reluspec.problem.definitions import Definition, Kind

BUILT_IN = "built in"
"""The origin of the parts that come with reluspec."""


class Group(Enum):
    """The entry-point groups: what a plugin can add, and what its entry point must name."""

    COMMAND = "reluspec.commands"  # a typer.Typer, or a function to be made a command
    ENGINE = "reluspec.engines"  # a reluspec.engines.protocol.Engine
    ACTIVATION = "reluspec.activations"  # a reluspec.problem.definitions.Definition of that kind
    LOSS = "reluspec.losses"
    REGULARISER = "reluspec.regularisers"
    EXPORTER = "reluspec.exporters"  # a reluspec.io.exporters.Exporter
    EXECUTOR = "reluspec.executors"  # a reluspec.executors.protocol.Executor

    @property
    def word(self) -> str:
        """The singular used in messages and listings."""
        return self.name.lower()


DEFINITION_GROUPS = {Kind.ACTIVATION: Group.ACTIVATION, Kind.LOSS: Group.LOSS, Kind.REGULARISER: Group.REGULARISER}

# name -> "module:attribute", imported when first used, so that `reluspec --help` stays quick.
_BUILT_IN: dict[Group, dict[str, str]] = {
    Group.ENGINE: {  # `auto` asks them in this order
        "convex": "reluspec.engines.convex.engine:ENGINE",
        "algebraic": "reluspec.engines.algebraic.engine:ENGINE",
        "msolve": "reluspec.engines.algebraic.engine:MSOLVE",
    },
    Group.EXPORTER: {
        "graphml": "reluspec.io.exporters:GRAPHML",
        "gexf": "reluspec.io.exporters:GEXF",
        "dot": "reluspec.io.exporters:DOT",
        "json": "reluspec.io.exporters:JSON",
        "html": "reluspec.io.exporters:HTML",
    },
    Group.EXECUTOR: {"local": "reluspec.executors.local:LOCAL", "dask": "reluspec.executors.dask:DASK"},
    Group.COMMAND: {
        name: f"reluspec.cli.{name}:{name}"
        for name in ("compile", "solve", "verify", "show", "report", "plot", "graph", "system", "check", "fmt", "plugins", "schema")
    },
}


# What the other groups' parts must have: those of their protocols, and of a function or a typer.Typer.
_ATTRIBUTES: dict[Group, tuple[str, ...]] = {
    Group.ENGINE: ("name", "summary", "refusal", "solve"),
    Group.EXPORTER: ("name", "suffix", "write"),
    Group.EXECUTOR: ("name", "summary", "start"),
    Group.COMMAND: ("__call__",),
}


@dataclass(frozen=True)
class Plugin:
    """One installed part. `problem` says why it cannot be used, and is empty when it can."""

    group: Group
    name: str
    origin: str
    target: str
    problem: str = ""


@cache
def _entry_points(group: Group) -> tuple[EntryPoint, ...]:
    found = entry_points(group=group.value)
    return tuple(sorted(found, key=lambda point: (point.name, point.dist.name if point.dist else "", point.value)))


@cache
def _parts(group: Group) -> tuple[tuple[Plugin, Any], ...]:
    parts: list[tuple[Plugin, Any]] = []
    taken: dict[str, str] = {}
    for name, value in _built_in_values(group).items():
        target = value if isinstance(value, str) else ""
        parts.append((Plugin(group, name, BUILT_IN, target), value))
        taken[name] = "the built-in one"
    for point in _entry_points(group):
        origin = f"{point.dist.name} {point.dist.version}" if point.dist else "unknown package"
        if point.name in taken:
            problem = f"refused: the name is taken by {taken[point.name]}; uninstall one of the two"
            parts.append((Plugin(group, point.name, origin, point.value, problem), None))
            continue
        taken[point.name] = f"the one of {origin}"
        try:
            # What a plugin prints while it is imported must not get into the output.
            with redirect_stdout(sys.stderr):
                value = point.load()
        except (Exception, SystemExit) as error:  # a plugin may fail in any way; it must not take the program with it
            problem = f"left out: it fails to import ({type(error).__name__}: {error})"
            parts.append((Plugin(group, point.name, origin, point.value, problem), None))
            continue
        wrong = _wrong_kind(group, point.name, value)
        problem = f"left out: {point.value} {wrong}" if wrong else ""
        parts.append((Plugin(group, point.name, origin, point.value, problem), value))
    return tuple(parts)


def _wrong_kind(group: Group, name: str, value: Any) -> str:
    """Why what an entry point names is no part of its group; empty if it is one."""
    if group in DEFINITION_GROUPS.values():
        if not isinstance(value, Definition) or DEFINITION_GROUPS[value.kind] is not group:
            return f"is no reluspec.problem.definitions.Definition of Kind.{group.name}"
    elif missing := [attribute for attribute in _ATTRIBUTES[group] if not hasattr(value, attribute)]:
        return f"is no {group.word}: it has no {', '.join(missing)}"
    if getattr(value, "name", name) != name and group is not Group.COMMAND:
        return f"calls itself {value.name!r}, not {name!r}"
    return ""


def _built_in_values(group: Group) -> dict[str, Any]:
    if group in DEFINITION_GROUPS.values():
        return {definition.name: definition for definition in BUILT_IN_DEFINITIONS if DEFINITION_GROUPS[definition.kind] is group}
    return dict(_BUILT_IN[group])


def installed(group: Group) -> tuple[Plugin, ...]:
    """Every part of a group, the unusable ones with their reason."""
    return tuple(plugin for plugin, _ in _parts(group))


def names(group: Group) -> list[str]:
    """The usable names of a group, built-in ones first."""
    return [plugin.name for plugin, _ in _parts(group) if not plugin.problem]


def load(group: Group, name: str) -> Any:
    """The part of that name. Raises `PluginError` naming the alternatives when there is none."""
    for plugin, value in _parts(group):
        if plugin.name == name and not plugin.problem:
            if isinstance(value, str):
                module, attribute = value.split(":")
                return getattr(import_module(module), attribute)
            return value
    broken = [plugin.problem for plugin, _ in _parts(group) if plugin.name == name]
    if broken:
        raise PluginError(f"the {group.word} {name!r} cannot be used: {broken[0]}")
    raise PluginError(f"there is no {group.word} {name!r}; installed: {', '.join(names(group))}")


@contextmanager
def blame(group: Group, name: str) -> Iterator[None]:
    """Around a call into a part: what goes wrong in one that another package installed is an error that names it."""
    try:
        yield
    except ReluspecError:
        raise
    except Exception as error:
        origin = next((plugin.origin for plugin in installed(group) if plugin.name == name and not plugin.problem), BUILT_IN)
        if origin == BUILT_IN:
            raise
        raise PluginError(f"the {group.word} {name!r} of {origin} fails: {type(error).__name__}: {error}. Tell its author") from error
