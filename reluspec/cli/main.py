"""The `reluspec` program: collects the commands, and turns errors into one message and an exit code."""

from __future__ import annotations

import errno
import os
import sys
from typing import Any

import typer

from reluspec.errors import ReluspecError
from reluspec.plugins import Group, installed, load

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
        if plugin.problem:
            print(f"reluspec: the command {plugin.name!r} of {plugin.origin} is {plugin.problem}", file=sys.stderr)
            continue
        command = load(Group.COMMAND, plugin.name)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=plugin.name)
        else:
            app.command(plugin.name)(command)
    return app


def _version(value: bool) -> None:
    if value:
        from reluspec.version import __version__

        print(f"reluspec {__version__}")
        raise typer.Exit


def _root(version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version and stop.")) -> None:
    """Every local minimum of a small ReLU network's training loss, with proof."""


def main(arguments: list[str] | None = None) -> None:
    """Run the program; exits with the codes of formats.md."""
    try:
        result: Any = typer.main.get_command(application())(args=arguments, standalone_mode=False)
        sys.stdout.flush()
    except ReluspecError as error:
        _fail(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _fail("interrupted; no file was touched", INTERRUPTED)
    except MemoryError:
        _fail("out of memory; nothing was written. Use a smaller problem", 1)
    except OSError as error:
        if error.errno == errno.EPIPE:
            # The reader of our output has gone; there is nobody left to tell.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
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


def _fail(message: str, code: int) -> None:
    # A spec's diagnostics name their own file and line; everything else says which program speaks.
    text = message if ": error: " in message else f"reluspec: error: {message}"
    print(text, file=sys.stderr)
    sys.exit(code)
