"""The `network` statement → layers with exact shapes."""

from __future__ import annotations

from fractions import Fraction

from reluspec.language import limits
from reluspec.language import syntax as s
from reluspec.language.algebra import Lowering, constant
from reluspec.language.diagnostics import counted, quoted, suggestion
from reluspec.language.numbers import shown
from reluspec.language.parts import as_written, build_named
from reluspec.language.scopes import ActivationScope, Context, Tensor
from reluspec.language.tables import matrix, number
from reluspec.plugins import Group
from reluspec.problem.activations import plain_form
from reluspec.problem.definitions import Z
from reluspec.problem.problem import Activation, Layer, Network

SELECTOR_WORDS = ("all", "weights", "biases")
_TENSORS = ("weight", "bias")


def check_network(statement: s.NetworkStatement, context: Context) -> Network | None:
    """The network, or None when its shape cannot be told; every error has been reported.

    A layer whose activation or constants are wrong keeps its shape, so that what refers to it can still be checked.
    """
    inputs = size(statement.inputs, "inputs", limits.INPUTS, context)
    _names(statement, context)
    if len(statement.layers) > limits.LAYERS:
        context.error(statement.layers[limits.LAYERS].span, f"the network has {len(statement.layers)} layers; the limit is {limits.LAYERS}")
        return None
    units = [size(layer.units, "units", limits.UNITS, context) for layer in statement.layers]
    fan_in = [inputs, *units]
    parameters = 0
    for width, count in zip(fan_in, units, strict=False):
        parameters += (width or 0) * (count or 0) + (count or 0)
    if parameters > limits.PARAMETERS:
        context.error(statement.keyword, f"the network has {parameters} weights and biases; the limit is {limits.PARAMETERS}")
        return None
    layers = [
        _layer(layer, position, count, width, context)
        for position, (layer, count, width) in enumerate(zip(statement.layers, units, fan_in, strict=False))
    ]
    known = tuple(layer for layer in layers if layer is not None)
    return Network(inputs, known) if inputs is not None and len(known) == len(layers) else None


def size(node: s.Node, word: str, limit: int, context: Context) -> int | None:
    """A positive integer up to a limit, or None after an error."""
    value = constant(node, context)
    if value is None:
        return None
    if value.denominator != 1:
        context.error(node.span, f"the number of {word} must be an integer, not {shown(value)}")
    elif value < 1:
        context.error(node.span, f"the number of {word} must be at least 1, not {shown(value)}")
    elif value > limit:
        context.error(node.span, f"{shown(value)} {word}; the limit is {limit}")
    else:
        return int(value)
    return None


def layer_name(layer: s.LayerSyntax, position: int) -> str:
    """The name as written, or `layer0`, `layer1`, … by position among all layers."""
    return layer.name.text if layer.name else f"layer{position}"


def _names(statement: s.NetworkStatement, context: Context) -> None:
    """Report names that are used twice or mean something else in selectors."""
    seen: dict[str, s.LayerSyntax] = {}
    for position, layer in enumerate(statement.layers):
        name = layer_name(layer, position)
        span = layer.name.span if layer.name else layer.span
        if name in seen:
            line = context.source.position(seen[name].span.start)[0]
            unnamed = "" if layer.name else f" (layer {position} has no name, so this is its name)"
            context.error(span, f"two layers have the name {quoted(name)}{unnamed}", f"the first is in line {line}")
        elif name in SELECTOR_WORDS:
            context.error(span, f"a layer cannot be called {quoted(name)}", "in `regulariser … on` the word means something else")
        seen.setdefault(name, layer)


def _layer(layer: s.LayerSyntax, position: int, units: int | None, width: int | None, context: Context) -> Layer | None:
    activation = _activation(layer.activation, context)
    bias = _bias(layer, context)
    fixed = _fixed_options(layer, bias, context)
    if units is None:
        return None
    weights = biases = None
    if "weight" in fixed and width is not None:
        weights = _fixed_weight(fixed["weight"], units, width, context) or ((Fraction(0),) * width,) * units
    if "bias" in fixed:
        biases = _fixed_bias(fixed["bias"], units, context) or (Fraction(0),) * units
    return Layer(layer_name(layer, position), units, activation, bias, weights, biases)


def _activation(part: s.Part, context: Context) -> Activation:
    if isinstance(part, s.Braces):
        expression = Lowering(ActivationScope(context)).lower(part.expression)
        return Activation(as_written(part.span, context), (), Z if expression is None else plain_form(expression))
    built = build_named(part, Group.ACTIVATION, context)
    return Activation("linear", (), Z) if built is None else Activation(built.name, built.arguments, plain_form(built.expression))


def _bias(layer: s.LayerSyntax, context: Context) -> bool:
    without = [option for option in layer.options if isinstance(option, s.WithoutBias)]
    for repeated in without[1:]:
        context.error(repeated.span, "`without bias` is said twice")
    return not without


def _fixed_options(layer: s.LayerSyntax, bias: bool, context: Context) -> dict[str, s.Fixed]:
    found: dict[str, s.Fixed] = {}
    for option in layer.options:
        if not isinstance(option, s.Fixed):
            continue
        name = option.name.text
        if name not in _TENSORS:
            context.error(option.name.span, f"a layer has no {quoted(name)} to be fixed", suggestion(name, _TENSORS))
        elif name in found:
            context.error(option.name.span, f"`fixed {name}` is given twice for this layer")
        elif name == "bias" and not bias:
            context.error(option.span, "the layer is `without bias`, so there is no bias to be fixed", "leave one of the two out")
        else:
            found[name] = option
    return found


def _fixed_weight(option: s.Fixed, units: int, width: int, context: Context) -> tuple[tuple[Fraction, ...], ...] | None:
    rows = matrix(option.value, width, context)
    if isinstance(option.value, s.ListValue) and len(option.value.items) != units:
        count = counted(len(option.value.items), "row")
        context.error(option.value.span, f"the fixed weight has {count}; the layer has {counted(units, 'unit')}", "one row per unit")
        return None
    return rows


def _fixed_bias(option: s.Fixed, units: int, context: Context) -> tuple[Fraction, ...] | None:
    if not isinstance(option.value, s.ListValue):
        context.error(option.value.span, "a fixed bias is a list of numbers, one per unit", "write it as [0, 1], even with one number")
        return None
    if len(option.value.items) != units:
        count = counted(len(option.value.items), "number")
        context.error(option.value.span, f"the fixed bias has {count}; the layer has {counted(units, 'unit')}", "one number per unit")
        return None
    numbers = [number(item, context) for item in option.value.items]
    known = tuple(entry for entry in numbers if entry is not None)
    return known if len(known) == units else None


def tensors(network: Network) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The weights and biases of a network by name, and the absent ones with the reason for their absence."""
    found: dict[str, Tensor] = {}
    absent: dict[str, str] = {}
    for position, layer in enumerate(network.layers):
        weight, bias = f"{layer.name}.weight", f"{layer.name}.bias"
        rows = layer.fixed_weight
        found[weight] = Tensor(
            weight,
            {"unit": layer.units, "input": network.fan_in(position)},
            None if rows is None else {(u, k): value for u, row in enumerate(rows) for k, value in enumerate(row)},
        )
        if not layer.bias:
            absent[bias] = f": the layer {quoted(layer.name)} is `without bias`"
            continue
        entries = layer.fixed_bias
        found[bias] = Tensor(bias, {"unit": layer.units}, None if entries is None else {(u,): value for u, value in enumerate(entries)})
    return found, absent
