"""The `.rspec` language: text → syntax tree → checked `Problem`, with every error of a file reported at once.

The grammar is `grammar/rspec.lark`. Stages: `parser` (text → `syntax`), `checker` and the `check_…` modules (syntax → `Problem`), and
`diagnostics` (what the user reads); beside them `formatting` (text → text in canonical layout). The limits are
in `limits`. Lark is imported when the first spec is parsed.
"""

from reluspec.errors import SpecError
from reluspec.language.check_lets import parse_overrides
from reluspec.language.diagnostics import Diagnostic
from reluspec.language.formatting import format_text
from reluspec.language.grammar import grammar_path
from reluspec.language.loading import load_spec, parse_spec

__all__ = ["Diagnostic", "SpecError", "format_text", "grammar_path", "load_spec", "parse_overrides", "parse_spec"]
