"""Syntax tree → checked `Problem`: the order of the checks, and what concerns the spec as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

from reluspec.errors import ProblemError
from reluspec.language import syntax as s
from reluspec.language.check_data import CheckedData, check_data, check_fit
from reluspec.language.check_lets import check_lets
from reluspec.language.check_network import check_network
from reluspec.language.check_objective import check_loss, check_regulariser
from reluspec.language.check_options import check_options
from reluspec.language.diagnostics import quoted
from reluspec.language.scopes import Context
from reluspec.language.strings import unescaped
from reluspec.problem.problem import Data, Loss, Network, Penalty, Problem, SolveOptions, Source

_Kind = TypeVar("_Kind")
_REQUIRED: tuple[tuple[type, str, str], ...] = (
    (s.DataStatement, "data", "for example: data { x = [0, 1, 2]  y = [1, 0, 1] }"),
    (s.NetworkStatement, "network", "for example: network { input 1  hidden: layer 2 relu  output: layer 1 linear }"),
    (s.LossStatement, "loss", "for example: loss sum squared_error"),
)


def check(
    tree: s.SpecSyntax, context: Context, *, default_title: str, overrides: Mapping[str, str], directory: Path | None
) -> Problem | None:
    """The problem a spec states, or None after its errors have been reported. Whatever could be parsed is checked."""
    _repetitions(tree, context)
    if tree.complete:
        _missing(tree, context)
    check_lets([let for let in tree.statements if isinstance(let, s.LetStatement)], tree.skipped_lets, overrides, context)
    title = _title(tree, default_title, context)
    network_statement = _first(tree, s.NetworkStatement)
    network = check_network(network_statement, context) if network_statement else None
    data = _data(tree, network_statement, network, directory, context)
    loss_statement = _first(tree, s.LossStatement)
    loss = check_loss(loss_statement, network.outputs if network else None, context) if loss_statement else None
    regulariser_statement = _first(tree, s.RegulariserStatement)
    regulariser = check_regulariser(regulariser_statement, network, context) if regulariser_statement else ()
    solve_statement = _first(tree, s.SolveStatement)
    options = check_options(solve_statement, context) if solve_statement else SolveOptions()
    if context.report or network is None or data is None or loss is None or network_statement is None:
        return None
    source = Source(context.source.text, context.source.name, tuple(sorted(overrides.items())), tuple(sorted(context.files.items())))
    return _problem(title, data, network, loss, regulariser, options, source, network_statement, context)


def _problem(
    title: str,
    data: CheckedData,
    network: Network,
    loss: Loss,
    regulariser: tuple[Penalty, ...],
    options: SolveOptions,
    source: Source,
    statement: s.NetworkStatement,
    context: Context,
) -> Problem | None:
    if data.x is None or data.y is None:
        return None
    weight = tuple(row[0] for row in data.weight.rows) if data.weight else None
    try:
        points = Data(data.x.rows, data.y.rows, weight or (Fraction(1),) * len(data.x.rows))
        problem = Problem(title, points, network, loss, regulariser, options, source)
    except ProblemError as error:
        context.error(statement.keyword, str(error))
        return None
    if not any(layer.fixed_weight is None or (layer.bias and layer.fixed_bias is None) for layer in network.layers):
        context.error(statement.keyword, "every parameter of the network is fixed: there is nothing to minimise over")
        return None
    return problem


def _data(
    tree: s.SpecSyntax, network_statement: s.NetworkStatement | None, network: Network | None, directory: Path | None, context: Context
) -> CheckedData | None:
    statement = _first(tree, s.DataStatement)
    if statement is None:
        return None
    data = check_data(statement, directory, context)
    if network is not None and network_statement is not None:
        check_fit(data, (network.inputs, network_statement.inputs.span), network.outputs, context)
    return data


def _title(tree: s.SpecSyntax, default: str, context: Context) -> str:
    statement = _first(tree, s.TitleStatement)
    title = unescaped(statement.text, context) if statement else default
    return default if title is None else title


def _first(tree: s.SpecSyntax, kind: type[_Kind]) -> _Kind | None:
    return next((statement for statement in tree.statements if isinstance(statement, kind)), None)


def _repetitions(tree: s.SpecSyntax, context: Context) -> None:
    first: dict[type, s.Span] = {}
    for statement in tree.statements:
        kind = type(statement)
        if isinstance(statement, s.LetStatement):
            continue
        if kind in first:
            line = context.source.position(first[kind].start)[0]
            message = f"a second {quoted(context.text(statement.keyword))} statement"
            context.error(statement.keyword, message, f"a spec has at most one; the first is in line {line}")
        first.setdefault(kind, statement.keyword)


def _missing(tree: s.SpecSyntax, context: Context) -> None:
    if not tree.statements:
        context.error(context.source.end, "the spec is empty", "it needs `data`, `network` and `loss` statements")
        return
    for kind, word, example in _REQUIRED:
        if _first(tree, kind) is None:
            context.error(context.source.end, f"there is no `{word}` statement", example)
