"""Formulas as MathML, which browsers show by themselves: no script, no font, no server."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx


def _converted(text: str, display: str) -> str:
    """Bars are fences: without `\\left` and `\\right` they would be spaced as operators."""
    fenced = re.sub(r"(?<!\\left)\\lVert", r"\\left\\lVert", re.sub(r"(?<!\\right)\\rVert", r"\\right\\rVert", text))
    return convert(fenced, display=display)


def _inline(writer: Any, node: nodes.math) -> None:
    writer.body.append(_converted(node.astext(), "inline"))
    raise nodes.SkipNode


def _block(writer: Any, node: nodes.math_block) -> None:
    # MathML has no alignment of its own that all browsers know: a line is a formula.
    lines = re.split(r"\\\\", node.astext().replace("&", ""))
    formulas = "".join(f"<div>{_converted(line.strip(), 'block')}</div>" for line in lines if line.strip())
    writer.body.append(f'<div class="math" style="overflow-x: auto">{formulas}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_html_math_renderer("mathml", inline_renderers=(_inline, None), block_renderers=(_block, None))
    return {"parallel_read_safe": True}
