"""The syntax tree: what a spec says, before anything is checked. Spans are left out of comparisons."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True)
class Span:
    """A piece of the source text, from `start` up to but not including `end`, in characters."""

    start: int
    end: int

    def to(self, other: Span) -> Span:
        return Span(self.start, other.end)


# ---- expressions: n-ary, so that a long sum is a long node and not a deep one


@dataclass(frozen=True)
class Number:
    text: str
    span: Span = field(compare=False)


@dataclass(frozen=True)
class Reference:
    """`lambda`, `f[0]`, `hidden.weight[1,0]`; `indices` is None without brackets."""

    name: str
    member: str | None
    indices: tuple[Node, ...] | None
    span: Span = field(compare=False)

    @property
    def path(self) -> str:
        return self.name if self.member is None else f"{self.name}.{self.member}"

    @property
    def bare(self) -> bool:
        return self.member is None and self.indices is None


@dataclass(frozen=True)
class Call:
    function: str
    arguments: tuple[Node, ...]
    function_span: Span = field(compare=False)
    span: Span = field(compare=False)


@dataclass(frozen=True)
class Signed:
    negative: bool
    operand: Node
    span: Span = field(compare=False)


@dataclass(frozen=True)
class SumChain:
    """`operands[0] ± operands[1] ± …`; `operators[i]` (`+` or `-`) stands before `operands[i + 1]`."""

    operands: tuple[Node, ...]
    operators: tuple[str, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True)
class ProductChain:
    """Like `SumChain` with `*` and `/`."""

    operands: tuple[Node, ...]
    operators: tuple[str, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True)
class PowerChain:
    """`operands[0] ^ ±operands[1] ^ ±…`, to be read from the right; `negative[i]` is the sign before `operands[i + 1]`."""

    operands: tuple[Node, ...]
    negative: tuple[bool, ...]
    span: Span = field(compare=False)


Node: TypeAlias = Number | Reference | Call | Signed | SumChain | ProductChain | PowerChain


# ---- values


@dataclass(frozen=True)
class String:
    """As written, with quotes and escapes."""

    raw: str
    span: Span = field(compare=False)


@dataclass(frozen=True)
class TupleValue:
    items: tuple[Value, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True)
class ListValue:
    items: tuple[Value, ...]
    span: Span = field(compare=False)


Value: TypeAlias = Node | String | TupleValue | ListValue


# ---- parts of statements


@dataclass(frozen=True)
class Name:
    text: str
    span: Span = field(compare=False)


@dataclass(frozen=True)
class Field:
    name: Name
    value: Value


@dataclass(frozen=True)
class Named:
    """An activation, objective or penalty by name."""

    name: Name
    arguments: tuple[Node, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True)
class Braces:
    """An expression in braces."""

    expression: Node
    span: Span = field(compare=False)


Part: TypeAlias = Named | Braces


@dataclass(frozen=True)
class WithoutBias:
    span: Span = field(compare=False)


@dataclass(frozen=True)
class Fixed:
    name: Name
    value: Value
    span: Span = field(compare=False)


@dataclass(frozen=True)
class LayerSyntax:
    name: Name | None
    units: Node
    activation: Part
    options: tuple[WithoutBias | Fixed, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True)
class Selector:
    """`all`, `hidden`, `hidden.weight`."""

    name: str
    member: str | None
    span: Span = field(compare=False)

    def __str__(self) -> str:
        return self.name if self.member is None else f"{self.name}.{self.member}"


@dataclass(frozen=True)
class Term:
    part: Part
    selectors: tuple[Selector, ...]
    span: Span = field(compare=False)


# ---- statements; `keyword` is where a message about the statement as a whole points


@dataclass(frozen=True)
class TitleStatement:
    text: String
    keyword: Span = field(compare=False)


@dataclass(frozen=True)
class LetStatement:
    name: Name
    expression: Node
    keyword: Span = field(compare=False)


@dataclass(frozen=True)
class DataStatement:
    csv: String | None
    fields: tuple[Field, ...]
    keyword: Span = field(compare=False)


@dataclass(frozen=True)
class NetworkStatement:
    inputs: Node
    layers: tuple[LayerSyntax, ...]
    keyword: Span = field(compare=False)


@dataclass(frozen=True)
class LossStatement:
    reduction: str
    objective: Part
    keyword: Span = field(compare=False)


@dataclass(frozen=True)
class RegulariserStatement:
    terms: tuple[Term, ...]
    keyword: Span = field(compare=False)


@dataclass(frozen=True)
class SolveStatement:
    fields: tuple[Field, ...]
    keyword: Span = field(compare=False)


Statement: TypeAlias = (
    TitleStatement | LetStatement | DataStatement | NetworkStatement | LossStatement | RegulariserStatement | SolveStatement
)


@dataclass(frozen=True)
class SpecSyntax:
    """All statements that could be parsed.

    `complete` is False when some text could not; `skipped_lets` are the names which that text seems to define.
    """

    statements: tuple[Statement, ...]
    complete: bool = True
    skipped_lets: frozenset[str] = frozenset()
