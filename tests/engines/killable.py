"""`reluspec ARGUMENTS` with a journal at once and short ranges: something to be killed at any moment."""

from __future__ import annotations

import sys


def main(arguments: list[str]) -> None:
    from reluspec.cli.main import main as command
    from reluspec.engines import journal
    from reluspec.engines.convex import screen_work

    journal.PATIENCE = journal.COMMIT = 0.0
    screen_work.range_length = lambda total: 20
    command(arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
