"""Which problems have a region graph that is a product of equal factors, and the rows of the factor (theory.md section 2)."""

from __future__ import annotations

from fractions import Fraction

from reluspec.errors import UnsupportedProblemError
from reluspec.problem.definitions import Z
from reluspec.problem.expression import Expression, degree, evaluate, kinks, sign
from reluspec.problem.problem import Layer, Problem

_INSTEAD = "the region graph is built for one hidden layer whose units have their only kink at z = 0"


def unit_rows(problem: Problem) -> tuple[tuple[Fraction, ...], ...]:
    """The rows (n x m) of the arrangement that every unit has: its switch at point i is a positive multiple of `row_i . w`, w its weights.

    m is d + 1 with a free bias (the last entry) and d without. Raises `UnsupportedProblemError` naming the construct for which the
    regions are no product of such arrangements.
    """
    hidden = _hidden_layer(problem)
    slope = _slope_of_switch(hidden)
    _refuse_other_switches(problem)
    side = Fraction(sign(slope))
    ending = (side,) if has_free_bias(hidden) else ()
    return tuple((*(side * entry for entry in point), *ending) for point in problem.data.x)


def has_free_bias(layer: Layer) -> bool:
    """Whether the layer's bias is a parameter."""
    return layer.bias and layer.fixed_bias is None


def _hidden_layer(problem: Problem) -> Layer:
    layers = problem.network.layers
    if len(layers) != 2:
        if len(layers) == 1:
            raise UnsupportedProblemError(f"the network has no hidden layer: there are no units with switches; {_INSTEAD}")
        names = ", ".join(layer.name for layer in layers[:-1])
        reason = "the switches of the later ones are not linear in the weights"
        raise UnsupportedProblemError(f"the network has {len(layers) - 1} hidden layers ({names}): {reason}; {_INSTEAD}")
    hidden, output = layers
    if output.activation.kinks:
        raise UnsupportedProblemError(
            f"the output layer {output.name} has the activation {output.activation}, whose switches depend on all parameters; {_INSTEAD}"
        )
    if hidden.fixed_weight is not None:
        raise UnsupportedProblemError(f"{hidden.name}.weight is fixed, so its signs are fixed, too; {_INSTEAD}, with free weights")
    if hidden.bias and hidden.fixed_bias is not None and any(hidden.fixed_bias):
        raise UnsupportedProblemError(
            f"{hidden.name}.bias is fixed to a number other than 0, so the regions are no cones of its weights; leave the bias free, "
            "fix it to 0 or write `without bias`"
        )
    return hidden


def slope_at_zero(layer: Layer) -> Fraction | None:
    """`c != 0` where the one switch of the layer's activation is `c z`, else `None`."""
    kinks = layer.activation.kinks
    return _as_multiple_of_z(kinks[0].argument) if len(kinks) == 1 else None


def _slope_of_switch(hidden: Layer) -> Fraction:
    activation = hidden.activation
    if len(activation.kinks) != 1:
        count = "more than one kink" if activation.kinks else "no kink"
        raise UnsupportedProblemError(f"the activation {activation} of layer {hidden.name} has {count}; {_INSTEAD} (relu, leaky_relu, abs)")
    slope = _as_multiple_of_z(activation.kinks[0].argument)
    if slope is None:
        raise UnsupportedProblemError(
            f"the kink of the activation {activation} of layer {hidden.name} is not at z = 0: its switch is no multiple of z; {_INSTEAD}"
        )
    return slope


def _as_multiple_of_z(argument: Expression) -> Fraction | None:
    """`c != 0` where the kink-free polynomial `argument` is `c z`, else `None`."""

    def value(z: int) -> Fraction:
        result: Fraction = evaluate(argument, {Z: Fraction(z)}, sign, Fraction)
        return result

    slope = value(1)
    # A polynomial of degree at most k that agrees with c z at more than k points is c z.
    agrees = all(value(z) == slope * z for z in range(degree(argument) + 2))
    return slope if slope and agrees else None


def _refuse_other_switches(problem: Problem) -> None:
    if any(True for _ in kinks(problem.loss.expression)):
        raise UnsupportedProblemError(
            f"the loss {problem.loss} has kinks of its own, so its regions are no product over the units; {_INSTEAD}, with a loss "
            "without kinks (squared_error, power)"
        )
    for term in problem.regulariser:
        if any(True for _ in kinks(term.expression)):
            raise UnsupportedProblemError(
                f"the regulariser {term} has kinks of its own, so the regions are no product over the units; {_INSTEAD}, with a "
                "regulariser without kinks (ridge)"
            )
