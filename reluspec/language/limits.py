"""The stated limits of the language, all in one place; each is checked before the work it bounds.

They protect against slips (a pasted number of a million digits, `9^9^9`) and hostile files. They are far above what an engine can solve.
"""

SPEC_BYTES = 1 << 20
CSV_BYTES = 64 << 20
CSV_CELLS = 10_000_000
CSV_COLUMNS = 20_000
CSV_LINES = 200_000
"""More than twice `POINTS`: a quoted cell may run over line ends."""
POINTS = 100_000
INPUTS = 10_000
UNITS = 10_000
LAYERS = 100
PARAMETERS = 1_000_000

NESTING = 100
"""Brackets inside brackets."""

LITERAL_DIGITS = 1000
DECIMAL_EXPONENT = 1000
CONSTANT_BITS = 10_000
"""Binary digits of the numerator or denominator of any constant."""

EXPONENT = 32
"""The power, and so the degree, of an expression in braces: later stages expand it."""

EXPRESSION_NODES = 10_000
"""Of one expression with every `max` and `min` written out; nested ones double at each level."""

EXPRESSION_DEPTH = 150
"""Levels of one expression; the stages behind the checker follow it recursively."""

SUMMED_NODES = 5_000_000
"""Of an expression summed over the network's outputs or the selected parameters."""

PRECISION_BITS = range(53, 10_001)
WORKERS = range(1, 257)
MEMORY_MEGABYTES = range(256, 1_048_577)
"""For one helper process."""

DIAGNOSTICS_KEPT = 200
DIAGNOSTICS_PRINTED = 20
SYNTAX_ERRORS = 20
LINE_SHOWN = 120
"""Characters of a source line shown in a message."""
