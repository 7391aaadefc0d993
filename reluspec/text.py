"""Text for terminals of 80 columns."""

from __future__ import annotations

from textwrap import wrap

WIDTH = 80


def filled(lead: str, text: str, width: int = WIDTH) -> list[str]:
    """Lines of at most `width` columns: the first begins with `lead`, the others are indented as far. What has no spaces, such as the name
    of a stratum, is cut where the line ends."""
    return wrap(text, width, initial_indent=lead, subsequent_indent=" " * len(lead), break_on_hyphens=False) or [lead.rstrip()]
