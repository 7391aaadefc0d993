"""What names mean: constants everywhere, and the variables of one kind of expression."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeAlias

from reluspec.language import syntax as s
from reluspec.language.diagnostics import Report, SourceText, nearest, quoted, suggestion
from reluspec.language.numbers import shown
from reluspec.problem.definitions import P, Z
from reluspec.problem.expression import Constant, Expression, Variable

FUNCTIONS = ("abs", "max", "min", "relu")
VARIABLES = ("z", "y", "f", "p")
PIECEWISE = "everything must be piecewise polynomial: numbers and names with + - * / ^, abs, max, min, relu and parentheses"

Index: TypeAlias = Callable[[s.Node], Fraction | None]


@dataclass
class Context:
    """What the checks of one spec share. A constant whose own text is wrong is None: known, and not to be complained about again."""

    source: SourceText
    report: Report
    constants: dict[str, Fraction | None] = field(default_factory=dict)
    later: dict[str, int] = field(default_factory=dict)
    """The names of lets not yet evaluated, with their lines."""
    files: dict[str, str] = field(default_factory=dict)
    """The texts of CSV files by the path the spec gives: those handed in, and those read from disk."""
    rank: int = 1
    """Where errors come in the order of messages: see `Report.error`."""

    def error(self, span: s.Span, message: str, hint: str = "") -> None:
        self.report.error(self.source, span, message, hint, rank=self.rank)

    def text(self, span: s.Span) -> str:
        return self.source.text[span.start : span.end]


class Scope:
    """The names an expression may use: only constants here; subclasses add variables."""

    variables: Sequence[str] = ()
    rule = "only numbers and names defined by `let` can be used here"

    def __init__(self, context: Context) -> None:
        self.context = context

    def resolve(self, reference: s.Reference, index: Index) -> Expression | None:
        """The meaning of a name, or None after an error has been reported. `index` evaluates what stands in brackets."""
        constants = self.context.constants
        if reference.bare and reference.name in constants:
            value = constants[reference.name]
            return None if value is None else Constant(value)
        if reference.name in self.variables or reference.member is not None:
            return self.variable(reference, index)
        return self.unknown(reference)

    def variable(self, reference: s.Reference, index: Index) -> Expression | None:
        """The meaning of a reference that is not a constant."""
        return self.refuse(reference, f"{quoted(reference.path)} is not a constant")

    def refuse(self, reference: s.Reference, message: str, hint: str = "") -> Expression | None:
        """Report an error at a reference; the result is always None, for the caller to pass on."""
        self.context.error(reference.span, message, hint or self.rule)
        return None

    def unknown(self, reference: s.Reference) -> Expression | None:
        """Report a name that means nothing here, with what it may have been meant to be."""
        name, context = reference.name, self.context
        if name in context.later:
            message = f"{quoted(name)} is defined in line {context.later[name]}, not before"
            return self.refuse(reference, message, "a `let` may use the names of earlier ones only")
        if name in context.constants:
            return self.refuse(reference, f"{quoted(name)} is a single number and has no entries")
        if name in FUNCTIONS:
            return self.refuse(reference, f"`{name}` needs its arguments in parentheses", f"for example {name}(z)")
        known = [*self.variables, *context.constants]
        best = nearest(name, known)
        hint = f"did you mean {quoted(best)}? {self.rule}" if best else self.rule
        return self.refuse(reference, f"unknown name {quoted(name)}", hint)


def indices(context: Context, reference: s.Reference, index: Index, sizes: Mapping[str, int]) -> tuple[int, ...] | None:
    """The indices of a reference, one per entry of `sizes` (what the index counts → how many there are), or None after an error."""
    given = reference.indices or ()
    if len(given) != len(sizes):
        wanted = "one index" if len(sizes) == 1 else f"{len(sizes)} indices"
        hint = f"write {reference.path}[{', '.join(sizes)}], counted from 0"
        context.error(reference.span, f"{quoted(reference.path)} needs {wanted}, not {len(given)}", hint)
        return None
    found = []
    for node, (word, size) in zip(given, sizes.items(), strict=True):
        value = index(node)
        if value is None:
            return None
        if value.denominator != 1 or not 0 <= value < size:
            message = f"there is no {word} {shown(value)} in {quoted(reference.path)}"
            context.error(node.span, message, f"the {word} goes from 0 to {size - 1}")
            return None
        found.append(int(value))
    return tuple(found)


class ActivationScope(Scope):
    """Of an activation in braces."""

    variables = ("z",)
    rule = f"an activation is an expression in `z`; {PIECEWISE}"

    def variable(self, reference: s.Reference, index: Index) -> Expression | None:
        if reference.bare:
            return Z
        return self.refuse(reference, f"{quoted(reference.path)} with an index or a dot has no meaning in an activation")


class ObjectiveScope(Scope):
    """Of an objective in braces; `outputs` is None while the network is not known."""

    variables = ("y", "f")
    rule = f"an objective is an expression in `y` and `f`; {PIECEWISE}"

    def __init__(self, context: Context, outputs: int | None) -> None:
        super().__init__(context)
        self.outputs = outputs

    def variable(self, reference: s.Reference, index: Index) -> Expression | None:
        if reference.member is not None:
            return self.refuse(reference, f"{quoted(reference.path)} has no meaning in an objective")
        if self.outputs is None:
            return None
        if reference.indices is None and self.outputs == 1:
            return Variable(reference.name, (0,))
        if reference.indices is None:
            hint = f"write {reference.name}[0] to {reference.name}[{self.outputs - 1}]"
            return self.refuse(reference, f"the network has {self.outputs} outputs: `{reference.name}` needs an index", hint)
        found = indices(self.context, reference, index, {"output": self.outputs})
        return None if found is None else Variable(reference.name, found)


@dataclass(frozen=True)
class Tensor:
    """The weight or bias of a layer: `sizes` names and bounds its indices, `constants` holds its entries when it is fixed."""

    name: str
    sizes: Mapping[str, int]
    constants: Mapping[tuple[int, ...], Fraction] | None


class PenaltyScope(Scope):
    """Of a penalty in braces: parameters by name, and `p`. `tensors` is None while the network is not known."""

    variables = ("p",)
    rule = f"a penalty is an expression in parameters such as hidden.weight[0,0], or in `p`, each selected parameter; {PIECEWISE}"

    def __init__(self, context: Context, tensors: Mapping[str, Tensor] | None, absent: Mapping[str, str]) -> None:
        super().__init__(context)
        self.tensors, self.absent = tensors, absent
        self.uses_each = False

    def variable(self, reference: s.Reference, index: Index) -> Expression | None:
        if reference.member is None:
            self.uses_each = True
            if not reference.bare:
                return self.refuse(reference, "`p` stands for one parameter and has no entries")
            return P
        if self.tensors is None:
            return None
        tensor = self.tensors.get(reference.path)
        if tensor is None:
            reason = self.absent.get(reference.path, "")
            known = suggestion(reference.path, self.tensors)
            return self.refuse(reference, f"there is no parameter {quoted(reference.path)}{reason}", known)
        found = indices(self.context, reference, index, tensor.sizes)
        if found is None:
            return None
        return Variable(tensor.name, found) if tensor.constants is None else Constant(tensor.constants[found])
