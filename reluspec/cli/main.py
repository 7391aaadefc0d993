"""The `reluspec` program: collects the commands, and turns errors into one message and an exit code."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any

import typer

from reluspec.errors import ReluspecError
from reluspec.plugins import BUILT_IN, Group, Plugin, installed, load

INTERRUPTED = 130


def application() -> typer.Typer:
    """All installed commands in one Typer application."""
    app = typer.Typer(
        name="reluspec",
        help="Every local minimum of a small ReLU network's training loss, with proof.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for plugin in installed(Group.COMMAND):
        problem = plugin.problem or (plugin.origin != BUILT_IN and _unusable(plugin))
        if problem:
            print(f"reluspec: the command {plugin.name!r} of {plugin.origin} is {problem}", file=sys.stderr)
        else:
            _add(app, plugin)
    return app


def _add(app: typer.Typer, plugin: Plugin) -> None:
    command = load(Group.COMMAND, plugin.name)
    if isinstance(command, typer.Typer):
        app.add_typer(command, name=plugin.name)
    else:
        app.command(plugin.name)(command)


def _unusable(plugin: Plugin) -> str:
    """Why Typer cannot make a command of a plugin's function: one that it refuses would take the whole program with it."""
    alone = typer.Typer(add_completion=False)
    alone.callback()(_root)
    try:
        _add(alone, plugin)
        typer.main.get_command(alone)
    except Exception as error:
        return f"left out: it cannot be a command ({type(error).__name__}: {error})"
    return ""


def _version(value: bool) -> None:
    if value:
        from reluspec.version import __version__

        print(f"reluspec {__version__}")
        raise typer.Exit


def _root(version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version and stop.")) -> None:
    """Every local minimum of a small ReLU network's training loss, with proof."""


def main(arguments: list[str] | None = None) -> None:
    """Run the program; exits with the codes of formats.md."""
    _prepare_streams()
    try:
        result: Any = typer.main.get_command(application())(args=arguments, standalone_mode=False)
        sys.stdout.flush()
        if result == INTERRUPTED:
            # Some versions of Typer make this of a KeyboardInterrupt, others an Abort.
            raise KeyboardInterrupt
    except ReluspecError as error:
        _fail(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _fail("interrupted; no half-written file is left, and a long run has a journal from which the same command goes on", INTERRUPTED)
    except MemoryError:
        _fail("out of memory; nothing was written. Use a smaller problem", 1)
    except OSError as error:
        if error.errno == errno.EPIPE:
            # The reader of our output has gone; there is nobody left to tell.
            _forget_output()
            sys.exit(1)
        _fail(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", 1)
    except Exception as error:
        # The words of the command line are off. Typer's own exceptions can show themselves; their class depends on its version.
        if not hasattr(error, "show") or not hasattr(error, "exit_code"):
            raise
        error.show()
        sys.exit(error.exit_code)
    else:
        sys.exit(result if isinstance(result, int) else 0)


def _prepare_streams() -> None:
    """Make printing safe: a closed stream becomes none, and a character that a terminal cannot show is escaped."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # Python's print would use the other stream instead.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _forget_output() -> None:
    """Send what is still buffered nowhere: Python would fail again when it flushes standard output at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str, code: int) -> None:
    # A spec's diagnostics name their own file and line; everything else says which program speaks.
    text = message if ": error: " in message else f"reluspec: error: {message}"
    print(text, file=sys.stderr)
    try:
        sys.stdout.flush()
    except OSError:
        _forget_output()
    sys.exit(code)
