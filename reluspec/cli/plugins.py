"""`reluspec plugins`: what is installed."""

from __future__ import annotations

from reluspec.cli.options import AsJson, Quiet, Verbose, print_json


def plugins(quiet: Quiet = False, verbose: Verbose = False, as_json: AsJson = False) -> None:
    """List what is installed, built in or added by other packages: engines, losses, executors, commands, …; and the float kernel in use."""
    from reluspec.engines.convex.compiled import kernel_choice
    from reluspec.plugins import Group, Plugin, installed

    def row(plugin: Plugin) -> dict[str, str]:
        return {"kind": plugin.group.word, "name": plugin.name, "origin": plugin.origin, "problem": plugin.problem}

    kernel = kernel_choice()
    rows = [row(plugin) for group in Group for plugin in installed(group)]
    if as_json:
        print_json([*rows, {"kind": "kernel", "name": kernel.name, "origin": "built in", "problem": "", "why": kernel.why}])
        return
    if quiet:
        return
    for group in Group:
        print(f"{group.word}s" if group is not Group.LOSS else "losses")
        for plugin in installed(group):
            target = f"  {plugin.target}" if verbose and plugin.target else ""
            print(f"  {plugin.name:16s} {plugin.problem or plugin.origin}{target}")
    print("kernel")
    print(f"  {kernel.name:16s} {kernel.why}")
