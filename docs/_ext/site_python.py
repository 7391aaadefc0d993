"""The Python reference, from signatures and docstrings: `generated/python.md`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

import reluspec
from reluspec.minima.records import Component

HEAD = """# Python

`import reluspec` is quick; parts are imported when they are first used. Everything a user can do wrong raises a `reluspec.ReluspecError`
whose message says where and what to do.

"""
ALSO = (Component,)
"""Classes that users meet without importing them."""


def reference() -> str:
    """The page, in Markdown: functions, then classes with their public members."""
    named = {name: getattr(reluspec, name) for name in sorted(reluspec.__all__) if not name.startswith("_")}
    functions = [_function(name, value) for name, value in named.items() if inspect.isfunction(value)]
    classes = [_class(f"reluspec.{name}", value) for name, value in named.items() if inspect.isclass(value)]
    classes += [_class(f"{value.__module__}.{value.__name__}", value) for value in ALSO]
    return HEAD + "## Functions\n\n" + "\n".join(functions) + "\n## Classes\n\n" + "\n".join(classes)


def _function(name: str, value: Any) -> str:
    return _entry("function", f"reluspec.{name}{_signature(value)}", _doc(value))


def _class(name: str, value: type) -> str:
    members = "\n".join(_members(value))
    return f"### {value.__name__}\n\n" + _entry("class", name, _doc(value) + "\n\n" + members, colons=4)


def _members(value: type) -> Iterator[str]:
    """Public methods and properties that have a docstring of their own."""
    for name, member in vars(value).items():
        inner = member.func if hasattr(member, "func") else getattr(member, "fget", None)
        if name.startswith("_") and name not in ("__iter__", "__len__", "__getitem__"):
            continue
        if inner is not None and inner.__doc__:
            yield _entry("attribute", name, _doc(inner))
        elif inspect.isfunction(member) and member.__doc__:
            yield _entry("method", name + _signature(member), _doc(member))


def _entry(kind: str, signature: str, text: str, colons: int = 3) -> str:
    fence = "`" * colons
    return f"{fence}{{py:{kind}}} {signature}\n\n{text}\n{fence}\n"


class _Shown:
    """Something that stands in a signature as it is written in the source."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _signature(value: Any) -> str:
    """As written: annotations are text already; functions among the defaults are shown by name."""
    signature = inspect.signature(value)
    parameters = [
        parameter.replace(
            annotation=_annotation(parameter.annotation),
            default=_Shown(parameter.default.__name__) if inspect.isfunction(parameter.default) else parameter.default,
        )
        for name, parameter in signature.parameters.items()
        if name != "self"
    ]
    return str(signature.replace(parameters=parameters, return_annotation=_annotation(signature.return_annotation)))


def _annotation(annotation: Any) -> Any:
    return annotation if annotation is inspect.Signature.empty else _Shown(str(annotation))


def _doc(value: Any) -> str:
    """A docstring as Markdown: interactive examples become blocks, stars and underscores stay what they are."""
    text = re.sub(r"(?<![`\w])([*_<])", r"\\\1", inspect.getdoc(value) or "")
    return re.sub(r"(?m)^(>>> (?:.|\n(?!\n))*)", lambda match: "~~~pycon\n" + match[1].replace("\\", "") + "\n~~~", text)


def _write(app: Sphinx) -> None:
    folder = Path(app.srcdir) / "generated"
    folder.mkdir(exist_ok=True)
    (folder / "python.md").write_text(reference(), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", _write)
    return {"parallel_read_safe": True}
