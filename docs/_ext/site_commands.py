"""The command reference, from the program itself: `generated/commands.md`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from sphinx.application import Sphinx

from reluspec.cli.main import application
from reluspec.plugins import BUILT_IN, Group, installed

HEAD = """# Commands

This page is made from the program: `reluspec COMMAND --help` says the same. Results go to standard output, remarks and progress to
standard error. Exit codes: 0 done (for `solve`: complete); 1 the input is wrong; 2 usage; 3 solved, but some strata are undecided (the map
says which); 4 `verify` or `check` says no; 130 interrupted.

"""


def reference() -> str:
    """The page, in Markdown: every built-in command with its arguments and options."""
    group: Any = typer.main.get_command(application())
    built_in = [plugin.name for plugin in installed(Group.COMMAND) if plugin.origin == BUILT_IN]
    return HEAD + "\n".join(_command(name, group.commands[name]) for name in built_in)


def _command(name: str, command: Any) -> str:
    """One section; that of a command with commands of its own has their sections inside."""
    if hasattr(command, "commands"):
        inner = "\n".join(_command(f"{name} {key}", value) for key, value in command.commands.items())
        return f"## reluspec {name}\n\n{_text(command.help)}\n\n{inner}"
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    options = [parameter for parameter in command.params if parameter.param_type_name == "option"]
    usage = " ".join(["reluspec", name, *("[OPTIONS]" for _ in options[:1]), *(_metavar(argument) for argument in arguments)])
    rows = [f"| `{_metavar(argument)}` | {_text(argument.help)} |" for argument in arguments]
    rows += [f"| {_flags(option)} | {_text(option.help)}{_default(option)} |" for option in options]
    table = "\n".join(["| | |", "|---|---|", *rows])
    return f"## reluspec {name}\n\n{_text(command.help)}\n\n```text\n{usage}\n```\n\n{table}\n"


def _metavar(parameter: Any) -> str:
    shown = parameter.metavar or parameter.name.upper()
    return str(shown) if parameter.required else f"[{shown}]"


def _flags(option: Any) -> str:
    value = f" {option.metavar or option.type.name.upper()}" if not option.is_flag else ""
    return ", ".join(f"`{flag}{value if flag == option.opts[-1] else ''}`" for flag in option.opts)


def _default(option: Any) -> str:
    shown = option.default is not None and not option.is_flag and getattr(option, "show_default", True)
    return f" Default: `{option.default}`." if shown else ""


def _text(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|").replace("<", "&lt;")


def _write(app: Sphinx) -> None:
    folder = Path(app.srcdir) / "generated"
    folder.mkdir(exist_ok=True)
    (folder / "commands.md").write_text(reference(), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", _write)
    return {"parallel_read_safe": True}
