"""The `loss` and `regulariser` statements."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reluspec.language import limits
from reluspec.language import syntax as s
from reluspec.language.algebra import Lowering
from reluspec.language.check_network import SELECTOR_WORDS, tensors
from reluspec.language.diagnostics import quoted, suggestion
from reluspec.language.measure import Measure
from reluspec.language.parts import Built, as_written, build_named
from reluspec.language.scopes import Context, ObjectiveScope, PenaltyScope, Tensor
from reluspec.plugins import Group
from reluspec.problem.definitions import F, P, Y
from reluspec.problem.expression import Constant, Expression, Product, Variable, substitute
from reluspec.problem.problem import Loss, Network, Penalty, Reduction, total


def check_loss(statement: s.LossStatement, outputs: int | None, context: Context) -> Loss | None:
    """The loss, summed over the outputs, or None after the errors have been reported or while `outputs` is not known."""
    reduction = Reduction(statement.reduction)
    part = statement.objective
    if isinstance(part, s.Braces):
        expression = Lowering(ObjectiveScope(context, outputs)).lower(part.expression)
        return None if expression is None else Loss(reduction, as_written(part.span, context), (), expression)
    built = build_named(part, Group.LOSS, context)
    if built is None or outputs is None or not _affordable(built.expression, outputs, "outputs", part.span, context):
        return None
    each = [substitute(built.expression, {Y: Variable("y", (k,)), F: Variable("f", (k,))}) for k in range(outputs)]
    return Loss(reduction, built.name, built.arguments, total(each))


def _affordable(expression: Expression, copies: int, of: str, span: s.Span, context: Context) -> bool:
    nodes = Measure().size(expression).nodes
    if nodes * copies <= limits.SUMMED_NODES:
        return True
    message = f"an expression of {nodes} operations and operands, summed over {copies} {of}; the limit is {limits.SUMMED_NODES} in all"
    context.error(span, message)
    return False


@dataclass(frozen=True)
class _Parameters:
    """The parameters of a network as selectors and penalties see them."""

    tensors: dict[str, Tensor]
    absent: dict[str, str]
    layers: tuple[str, ...]

    def free(self, tensor: Tensor) -> Iterator[Variable]:
        indices: list[tuple[int, ...]] = [()]
        for size in tensor.sizes.values():
            indices = [(*index, place) for index in indices for place in range(size)]
        return (Variable(tensor.name, index) for index in indices)


def check_regulariser(statement: s.RegulariserStatement, network: Network | None, context: Context) -> tuple[Penalty, ...]:
    """The penalties, each summed over its selected free parameters; those that are zero drop out. Errors have been reported."""
    parameters = None if network is None else _Parameters(*tensors(network), tuple(layer.name for layer in network.layers))
    found = [_penalty(term, parameters, context) for term in statement.terms]
    return tuple(penalty for penalty in found if penalty is not None)


def _penalty(term: s.Term, parameters: _Parameters | None, context: Context) -> Penalty | None:
    chosen = None if parameters is None else _selected(term, parameters, context)
    text, expression, each = _each(term, parameters, context)
    if expression is None or parameters is None or chosen is None or _is_zero(expression):
        return None
    if not each:
        return Penalty(text, expression)
    if not _affordable(expression, len(chosen), "parameters", term.span, context):
        return None
    return Penalty(text, total([substitute(expression, {P: variable}) for variable in chosen]))


def _each(term: s.Term, parameters: _Parameters | None, context: Context) -> tuple[str, Expression | None, bool]:
    """The text of a term, its expression, and whether it is one in `p`, to be summed over the selected parameters."""
    on = f" on {', '.join(map(str, term.selectors))}" if term.selectors else ""
    if isinstance(term.part, s.Named):
        built = build_named(term.part, Group.REGULARISER, context)
        return ("", None, True) if built is None else (_call(built) + on, built.expression, True)
    scope = PenaltyScope(context, *((parameters.tensors, parameters.absent) if parameters else (None, {})))
    expression = Lowering(scope).lower(term.part.expression)
    if on and not scope.uses_each:
        hint = "write { p^4 } on hidden.weight, with `p` for each selected parameter; or leave `on` out"
        context.error(term.selectors[0].span, "`on` has no meaning here: the expression does not use `p`", hint)
        return "", None, False
    return as_written(term.part.span, context) + on, expression, scope.uses_each


def _call(built: Built) -> str:
    return f"{built.name}({', '.join(map(str, built.arguments))})" if built.arguments else built.name


def _is_zero(expression: Expression) -> bool:
    """A coefficient of zero: the penalty, and its kinks, are not there."""
    if isinstance(expression, Constant):
        return expression.value == 0
    return isinstance(expression, Product) and any(_is_zero(factor) for factor in expression.factors)


def _selected(term: s.Term, parameters: _Parameters, context: Context) -> tuple[Variable, ...] | None:
    """The free parameters a term is about, in the order of θ, or None after an error."""
    names: set[str] = set()
    ok = True
    for selector in term.selectors or (s.Selector("all", None, term.span),):
        matching = _matching(selector, parameters, context)
        if matching is None:
            ok = False
            continue
        free = [tensor for tensor in matching if tensor.constants is None]
        # Braces without `p` mention their parameters themselves; the implied `all` says nothing about them.
        if not free and (term.selectors or isinstance(term.part, s.Named)):
            reason = _reason(selector, matching, parameters)
            context.error(selector.span, f"{quoted(str(selector))} selects no free parameter{reason}")
            ok = False
        names.update(tensor.name for tensor in free)
    if not ok:
        return None
    return tuple(variable for name, tensor in parameters.tensors.items() if name in names for variable in parameters.free(tensor))


def _reason(selector: s.Selector, matching: list[Tensor], parameters: _Parameters) -> str:
    if matching:
        return ": all of them are fixed"
    return parameters.absent.get(str(selector), ": every layer is `without bias`")


def _matching(selector: s.Selector, parameters: _Parameters, context: Context) -> list[Tensor] | None:
    """The tensors a selector names, or None after an error."""
    everything = parameters.tensors
    if selector.member is None and selector.name in SELECTOR_WORDS:
        suffix = {"all": "", "weights": ".weight", "biases": ".bias"}[selector.name]
        return [tensor for name, tensor in everything.items() if name.endswith(suffix)]
    if selector.name in parameters.layers:
        if selector.member is None:
            return [tensor for name, tensor in everything.items() if name.startswith(selector.name + ".")]
        if selector.member in ("weight", "bias"):
            return [everything[str(selector)]] if str(selector) in everything else []
    known = [*SELECTOR_WORDS, *parameters.layers, *everything]
    context.error(selector.span, f"unknown selector {quoted(str(selector))}", suggestion(str(selector), known))
    return None
