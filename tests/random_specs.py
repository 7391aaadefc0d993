"""Random small specs of every kind the language can say: small integers and halves, so that ties are common."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction

Kind = Callable[[random.Random], str]
KINDS: dict[str, Kind] = {}


def kind(make: Kind) -> Kind:
    KINDS[make.__name__] = make
    return make


def random_spec(name: str, seed: int) -> str:
    """The same text for the same name and seed."""
    return KINDS[name](random.Random(f"{name} {seed}"))


# ---- parts ---------------------------------------------------------------------------------------------------------------------


def _number(r: random.Random, most: int = 3) -> str:
    return str(Fraction(r.randint(-2 * most, 2 * most), 2) if r.random() < 0.5 else r.randint(-most, most))


def _tuple(entries: list[str]) -> str:
    return entries[0] if len(entries) == 1 else f"({', '.join(entries)})"


def _data(r: random.Random, points: int, inputs: int = 1, outputs: int = 1, labels: bool = False) -> str:
    """Places on a grid, one point in twenty repeated; sometimes weights, sometimes targets that are mirror images."""
    places: list[str] = []
    while len(places) < points:
        place = _tuple([str(r.randint(-2, 2)) for _ in range(inputs)])
        if place not in places or r.random() < 0.05:
            places.append(place)
    targets = [_tuple([r.choice(["-1", "1"]) if labels else _number(r) for _ in range(outputs)]) for _ in range(points)]
    if points > 1 and r.random() < 0.15:
        targets[1] = targets[0]
    weight = f"  weight = [{', '.join(r.choice(['1', '2', '1/2']) for _ in range(points))}]" if r.random() < 0.15 else ""
    return f"data {{ x = [{', '.join(places)}]  y = [{', '.join(targets)}]{weight} }}\n"


def _network(inputs: int, *layers: str) -> str:
    return f"network {{ input {inputs}  {'  '.join(layers)} }}\n"


def _penalty(r: random.Random) -> str:
    return r.choice(["1/20", "1/10", "1/5", "1/2", "1"])


def _end(r: random.Random) -> str:
    return r.choice([" without bias", " without bias", ""])


def _ridge(r: random.Random) -> str:
    return f"regulariser ridge({_penalty(r)})\n"


def _reduce(r: random.Random) -> str:
    return r.choice(["sum", "sum", "mean"])


# ---- one hidden layer, one output ----------------------------------------------------------------------------------------------


def _one(r: random.Random, loss: str, units: int, points: int, inputs: int = 1, labels: bool = False) -> str:
    activation = r.choice(["relu", "relu", "relu", "leaky_relu(1/5)", "abs"])
    bias = r.choice(["", "", " without bias"])
    layers = (f"hidden: layer {units} {activation}{bias}", f"output: layer 1 linear{_end(r)}")
    return f"{_data(r, points, inputs, 1, labels)}{_network(inputs, *layers)}loss {_reduce(r)} {loss}\n{_ridge(r)}"


@kind
def huber(r: random.Random) -> str:
    return _one(r, f"huber({r.choice(['1/2', '1', '1/4'])})", *r.choice([(1, 2), (1, 3), (1, 3), (2, 2)]))


@kind
def quartic(r: random.Random) -> str:
    return _one(r, "power(4)", *r.choice([(1, 2), (1, 3), (1, 3)]))


@kind
def hinge(r: random.Random) -> str:
    return _one(r, "squared_hinge", *r.choice([(1, 3), (1, 4), (2, 2)]), labels=True)


@kind
def absolute(r: random.Random) -> str:
    return _one(r, "absolute_error", *r.choice([(1, 2), (1, 3), (1, 3)]))


@kind
def plane(r: random.Random) -> str:
    return _one(r, r.choice(["huber(1)", "absolute_error", "squared_hinge", "{ max(0, abs(y - f) - 1/2)^2 }"]), 1, 3, inputs=2)


@kind
def own_loss(r: random.Random) -> str:
    loss = r.choice(["{ max(0, abs(y - f) - 1/2) }", "{ max(y - f, 2*(f - y))^2 }", "{ max((y-f)^2, abs(y-f)) }", "{ abs(y^2 - f^2) }"])
    return _one(r, loss, 1, r.choice([2, 3]))


@kind
def lasso(r: random.Random) -> str:
    layers = (f"hidden: layer {r.choice([1, 1, 2])} relu", "output: layer 1 linear without bias")
    points = 3 if "layer 1 relu" in layers[0] else 2
    penalty = f"ridge({_penalty(r)}) on hidden + lasso({_penalty(r)}) on output.weight"
    return f"{_data(r, points)}{_network(1, *layers)}loss sum squared_error\nregulariser {penalty}\n"


@kind
def lasso_everywhere(r: random.Random) -> str:
    layers = ("hidden: layer 1 relu", "output: layer 1 linear without bias")
    penalty = f"lasso({_penalty(r)}) + ridge({_penalty(r)})"
    return f"{_data(r, 3)}{_network(1, *layers)}loss {_reduce(r)} squared_error\nregulariser {penalty}\n"


@kind
def free_biases(r: random.Random) -> str:
    layers = (f"hidden: layer {r.choice([1, 1, 2])} relu", f"output: layer 1 linear{_end(r)}")
    points = 3 if "layer 1 relu" in layers[0] else 2
    return f"{_data(r, points)}{_network(1, *layers)}loss sum squared_error\nregulariser ridge({_penalty(r)}) on weights\n"


@kind
def fixed_weights(r: random.Random) -> str:
    signs = r.choice(["[[1, -1]]", "[[1, 1]]", "[[1, 2]]"])
    layers = ("hidden: layer 2 relu", f"output: layer 1 linear without bias fixed weight {signs}")
    return f"{_data(r, 2)}{_network(1, *layers)}loss sum squared_error\nregulariser ridge({_penalty(r)}) on hidden\n"


@kind
def fixed_hidden_weights(r: random.Random) -> str:
    """The weights of the hidden layer are fixed, its biases free and without a penalty."""
    units, points = r.choice([(1, 2), (1, 3), (1, 4), (2, 2), (2, 3)])
    weights = ", ".join(f"[{r.choice(['1', '1', '-1', '2', '-1/2'])}]" for _ in range(units))
    layers = (f"hidden: layer {units} {r.choice(['relu', 'relu', 'leaky_relu(1/5)', 'abs'])} fixed weight [{weights}]",)
    loss = r.choice(["squared_error", "squared_error", "huber(1)", "squared_hinge"])
    penalty = r.choice(["", "", f"regulariser ridge({_penalty(r)}) on output.weight\n", f"regulariser ridge({_penalty(r)}) on output\n"])
    data = _data(r, points, 1, 1, labels=loss == "squared_hinge")
    return f"{data}{_network(1, *layers, f'output: layer 1 linear{_end(r)}')}loss {_reduce(r)} {loss}\n{penalty}"


@kind
def fixed_hidden_weights_absolute(r: random.Random) -> str:
    units, points = r.choice([(1, 2), (1, 3), (2, 2)])
    weights = ", ".join(f"[{r.choice(['1', '1', '-1', '2'])}]" for _ in range(units))
    layers = (f"hidden: layer {units} {r.choice(['relu', 'relu', 'abs'])} fixed weight [{weights}]", f"output: layer 1 linear{_end(r)}")
    loss = r.choice(["absolute_error", "absolute_error", "{ max(0, abs(y - f) - 1/2) }"])
    penalty = r.choice(["", "", f"regulariser lasso({_penalty(r)}) on output.weight\n"])
    return f"{_data(r, points)}{_network(1, *layers)}loss sum {loss}\n{penalty}"


@kind
def fixed_hidden_biases(r: random.Random) -> str:
    """The biases of the hidden layer are fixed, its weights free and without a penalty; or its weights are, with two inputs."""
    data, inputs = (_data(r, r.choice([2, 3])), 1) if r.random() < 0.6 else (_data(r, r.choice([2, 3]), 2), 2)
    units = 1 if inputs == 2 else r.choice([1, 1, 2])
    fixed = f"fixed bias [{', '.join(r.choice(['1', '-1', '1/2']) for _ in range(units))}]"
    if inputs == 2 and r.random() < 0.6:
        fixed = "fixed weight [[1, -1]]"
    layers = (f"hidden: layer {units} {r.choice(['relu', 'relu', 'leaky_relu(1/5)'])} {fixed}", f"output: layer 1 linear{_end(r)}")
    return f"{data}{_network(inputs, *layers)}loss sum {r.choice(['squared_error', 'squared_error', 'huber(1)'])}\n"


@kind
def activations(r: random.Random) -> str:
    activation = r.choice(
        ["{ max(0,z)^2 }", "{ min(1, max(0, z)) }", "{ max(z, z/10) }", "{ abs(z) - z/2 }", "{ z^2 }", "hard_tanh", "relu6", "linear"]
    )
    layers = (f"hidden: layer 1 {activation}", f"output: layer 1 linear{_end(r)}")
    return f"{_data(r, r.choice([2, 3]))}{_network(1, *layers)}loss sum squared_error\n{_ridge(r)}"


# ---- units that rotate into each other -----------------------------------------------------------------------------------------


def _several(r: random.Random, outputs: int, units: int, points: int, activation: str, loss: str = "squared_error") -> str:
    bias = r.choice(["", " without bias"])
    layers = (f"hidden: layer {units} {activation}{bias}", f"output: layer {outputs} linear{_end(r)}")
    return f"{_data(r, points, 1, outputs)}{_network(1, *layers)}loss {_reduce(r)} {loss}\n{_ridge(r)}"


@kind
def outputs_one_unit(r: random.Random) -> str:
    return _several(r, r.choice([2, 3]), 1, r.choice([2, 3]), r.choice(["relu", "abs", "leaky_relu(1/5)"]))


@kind
def outputs_two_units(r: random.Random) -> str:
    return _several(r, 2, 2, r.choice([1, 2, 2]), "relu")


@kind
def outputs_two_units_leaky(r: random.Random) -> str:
    return _several(r, 2, 2, r.choice([1, 2]), r.choice(["leaky_relu(1/5)", "abs"]))


@kind
def outputs_huber(r: random.Random) -> str:
    return _several(r, 2, 2, 1, "relu", r.choice(["huber(1)", "absolute_error", "{ (y[0] - f[0])^2 + abs(y[1] - f[1]) }"]))


@kind
def outputs_linear(r: random.Random) -> str:
    return _several(r, 2, 2, r.choice([2, 3]), "linear")


@kind
def linear_two_units(r: random.Random) -> str:
    return _several(r, 1, 2, r.choice([2, 3]), "linear", r.choice(["squared_error", "huber(1)"]))


@kind
def outputs_three_units(r: random.Random) -> str:
    return _several(r, 2, 3, 1, r.choice(["relu", "linear"]))


@kind
def outputs_penalties_differ(r: random.Random) -> str:
    """Some break the symmetry of rotations, some keep it."""
    layers = (f"hidden: layer 2 relu{r.choice(['', ' without bias'])}", "output: layer 2 linear without bias")
    penalty = r.choice(
        [
            "ridge(1/10) on hidden + ridge(1/5) on output",
            "ridge(1/10) on weights",
            "ridge(1/10) + lasso(1/5) on output",
            "ridge(1/10) on hidden.weight + ridge(1/3) on output.weight",
            "ridge(1/10) + { p^4 } on output",
        ]
    )
    return f"{_data(r, r.choice([1, 2]), 1, 2)}{_network(1, *layers)}loss sum squared_error\nregulariser {penalty}\n"


# ---- two hidden layers ---------------------------------------------------------------------------------------------------------


@kind
def deep(r: random.Random) -> str:
    layers = ("first: layer 1 relu", f"second: layer 1 {r.choice(['relu', 'relu', 'abs', 'linear'])}", f"output: layer 1 linear{_end(r)}")
    return f"{_data(r, r.choice([2, 3]))}{_network(1, *layers)}loss {_reduce(r)} squared_error\n{_ridge(r)}"


@kind
def deep_pair_below(r: random.Random) -> str:
    first = f"first: layer 2 {r.choice(['relu', 'relu', 'linear', 'leaky_relu(1/5)'])} without bias"
    layers = (first, f"second: layer 1 relu{r.choice(['', ' without bias'])}", "output: layer 1 linear without bias")
    return f"{_data(r, r.choice([1, 2]))}{_network(1, *layers)}loss sum squared_error\n{_ridge(r)}"


@kind
def deep_pair_above(r: random.Random) -> str:
    layers = ("first: layer 1 relu without bias", "second: layer 2 relu without bias", "output: layer 1 linear without bias")
    return f"{_data(r, r.choice([1, 2]))}{_network(1, *layers)}loss sum squared_error\n{_ridge(r)}"


@kind
def deep_outputs(r: random.Random) -> str:
    second = f"second: layer {r.choice([1, 2])} {r.choice(['linear', 'relu'])} without bias"
    layers = ("first: layer 1 relu without bias", second, "output: layer 2 linear without bias")
    return f"{_data(r, r.choice([1, 2]), 1, 2)}{_network(1, *layers)}loss sum squared_error\n{_ridge(r)}"


@kind
def linear_below(r: random.Random) -> str:
    """A linear first layer of two units whose rotations the second layer takes back."""
    layers = ("first: layer 2 linear without bias", "second: layer 1 relu", f"output: layer 1 linear{_end(r)}")
    return f"{_data(r, 2)}{_network(1, *layers)}loss sum squared_error\n{_ridge(r)}"


@kind
def nested_kinks(r: random.Random) -> str:
    activation = r.choice(["{ max(abs(z), z/2 + 1) }", "{ max(0, abs(z) - 1) }", "{ abs(abs(z) - 1) }", "{ max(z/10, max(0, z - 1)) }"])
    layers = (f"hidden: layer 1 {activation}", "output: layer 1 linear without bias")
    return f"{_data(r, 2)}{_network(1, *layers)}loss sum {r.choice(['squared_error', 'absolute_error'])}\n{_ridge(r)}"
