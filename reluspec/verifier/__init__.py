"""The verifier: re-proves what a minima map claims, from the spec text in it alone.

It shares the language and the problem model with the solver, and nothing else: `engines`, `minima`, `systems` and the arrangement code
are not imported (a test enforces it). docs/what-is-proved.md states what is proved and what has to be trusted.
"""
