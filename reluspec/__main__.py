"""`python -m reluspec`: the same program as the installed `reluspec`."""

from reluspec.cli.main import main

main()
