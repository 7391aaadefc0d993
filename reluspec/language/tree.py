"""Builds the syntax tree while Lark parses: one method per rule or alias of the grammar.

The parser keeps all tokens, so each method sees exactly the right-hand side of its rule, and spans come from the first and last child. No
method raises: whatever the grammar accepts has a tree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from lark import Token

from reluspec.language import syntax as s

Children: TypeAlias = Sequence[Any]


def _token_span(token: Token) -> s.Span:
    return s.Span(token.start_pos or 0, token.end_pos or 0)


def _span(child: Any) -> s.Span:
    return _token_span(child) if isinstance(child, Token) else child.span


def _name(token: Token) -> s.Name:
    return s.Name(str(token), _token_span(token))


def _inside(children: Children) -> Children:
    """What is left of a bracketed, comma-separated sequence without brackets and commas."""
    return [child for child in children[1:-1] if not isinstance(child, Token)]


class TreeBuilder:
    """Lark calls the method named after the rule with the list of its children."""

    def spec(self, children: Children) -> s.SpecSyntax:
        return s.SpecSyntax(tuple(children))

    # ---- statements

    def title(self, children: Children) -> s.TitleStatement:
        return s.TitleStatement(s.String(str(children[1]), _span(children[1])), _span(children[0]))

    def let(self, children: Children) -> s.LetStatement:
        return s.LetStatement(_name(children[1]), children[3], _span(children[0]))

    def data(self, children: Children) -> s.DataStatement:
        strings = [child for child in children if isinstance(child, Token) and child.type == "STRING"]
        csv = s.String(str(strings[0]), _span(strings[0])) if strings else None
        return s.DataStatement(csv, _only(s.Field, children), _span(children[0]))

    def solve(self, children: Children) -> s.SolveStatement:
        return s.SolveStatement(_only(s.Field, children), _span(children[0]))

    def field(self, children: Children) -> s.Field:
        return s.Field(_name(children[0]), children[2])

    def network(self, children: Children) -> s.NetworkStatement:
        return s.NetworkStatement(children[3], _only(s.LayerSyntax, children), _span(children[0]))

    def layer(self, children: Children) -> s.LayerSyntax:
        span = _span(children[0]).to(_span(children[-1]))
        named = isinstance(children[1], Token)  # NAME ":" layer …, against layer UNITS …
        name = _name(children[0]) if named else None
        units, activation, *options = children[3:] if named else children[1:]
        return s.LayerSyntax(name, units, activation, tuple(options), span)

    def without_bias(self, children: Children) -> s.WithoutBias:
        return s.WithoutBias(_span(children[0]).to(_span(children[1])))

    def fixed(self, children: Children) -> s.Fixed:
        return s.Fixed(_name(children[1]), children[2], _span(children[0]).to(_span(children[2])))

    def loss(self, children: Children) -> s.LossStatement:
        return s.LossStatement(str(children[1]), children[2], _span(children[0]))

    def regulariser(self, children: Children) -> s.RegulariserStatement:
        return s.RegulariserStatement(_only(s.Term, children), _span(children[0]))

    def term(self, children: Children) -> s.Term:
        return s.Term(children[0], _only(s.Selector, children), _span(children[0]).to(_span(children[-1])))

    def selector(self, children: Children) -> s.Selector:
        member = str(children[2]) if len(children) == 3 else None
        return s.Selector(str(children[0]), member, _span(children[0]).to(_span(children[-1])))

    def named(self, children: Children) -> s.Named:
        arguments = children[2] if len(children) == 4 else ()
        return s.Named(_name(children[0]), arguments, _span(children[0]).to(_span(children[-1])))

    def braces(self, children: Children) -> s.Braces:
        return s.Braces(children[1], _span(children[0]).to(_span(children[2])))

    # ---- values

    def list_value(self, children: Children) -> s.ListValue:
        return s.ListValue(tuple(_inside(children)), _span(children[0]).to(_span(children[-1])))

    def tuple_value(self, children: Children) -> s.TupleValue:
        return s.TupleValue(tuple(_inside(children)), _span(children[0]).to(_span(children[-1])))

    def string(self, children: Children) -> s.String:
        return s.String(str(children[0]), _span(children[0]))

    # ---- expressions

    def sum_chain(self, children: Children) -> s.SumChain:
        return s.SumChain(tuple(children[::2]), tuple(map(str, children[1::2])), _span(children[0]).to(_span(children[-1])))

    def product_chain(self, children: Children) -> s.ProductChain:
        return s.ProductChain(tuple(children[::2]), tuple(map(str, children[1::2])), _span(children[0]).to(_span(children[-1])))

    def signed(self, children: Children) -> s.Signed:
        return s.Signed(_is_negative(children[:-1]), children[-1], _span(children[0]).to(_span(children[-1])))

    def power_chain(self, children: Children) -> s.PowerChain:
        exponents = children[2::2]
        operands = (children[0], *(operand for _, operand in exponents))
        negative = tuple(sign for sign, _ in exponents)
        return s.PowerChain(operands, negative, _span(children[0]).to(_span(operands[-1])))

    def exponent(self, children: Children) -> tuple[bool, s.Node]:
        return _is_negative(children[:-1]), children[-1]

    def number(self, children: Children) -> s.Number:
        return s.Number(str(children[0]), _span(children[0]))

    def call(self, children: Children) -> s.Call:
        arguments = children[2] if len(children) == 4 else ()
        return s.Call(str(children[0]), arguments, _span(children[0]), _span(children[0]).to(_span(children[-1])))

    def group(self, children: Children) -> s.Node:
        inner: s.Node = children[1]
        return replace(inner, span=_span(children[0]).to(_span(children[2])))

    def arguments(self, children: Children) -> tuple[s.Node, ...]:
        return tuple(children[::2])

    def reference(self, children: Children) -> s.Reference:
        dotted = len(children) > 1 and children[1] == "."
        rest = children[3:] if dotted else children[1:]
        indices = tuple(_inside(rest)) if rest else None
        span = _span(children[0]).to(_span(children[-1]))
        return s.Reference(str(children[0]), str(children[2]) if dotted else None, indices, span)


def _only(kind: Callable[..., Any], children: Children) -> tuple[Any, ...]:
    return tuple(child for child in children if type(child) is kind)


def _is_negative(signs: Children) -> bool:
    return sum(1 for sign in signs if sign == "-") % 2 == 1
