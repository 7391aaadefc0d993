"""Small pieces of HTML for notebooks: everything that comes from a user is escaped, and there are no scripts and no styles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


def text(value: object) -> str:
    """Text as HTML, without control characters."""
    return escape("".join(character if character.isprintable() else " " for character in str(value)))


def paragraph(value: object, strong: bool = False) -> str:
    """One paragraph."""
    return f"<p><b>{text(value)}</b></p>" if strong else f"<p>{text(value)}</p>"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; an empty `head` gives none."""
    top = f"<thead><tr>{''.join(f'<th>{text(name)}</th>' for name in head)}</tr></thead>" if head else ""
    body = "".join(f"<tr>{''.join(f'<td>{text(entry)}</td>' for entry in row)}</tr>" for row in rows)
    return f"<table>{top}<tbody>{body}</tbody></table>"
