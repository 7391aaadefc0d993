"""More small problems beyond the convex setting, without expected answers: for robustness runs.

`python tests/engines/more_problems.py NAME > NAME.rspec` writes one for `reluspec solve` and `tests/descent.py`.
"""

from __future__ import annotations

import sys

OUTPUT = "output: layer 1 linear without bias"


def spec(
    x: str, y: str, *layers: str, loss: str = "sum squared_error", penalty: str = "ridge(1/10)", inputs: int = 1, weight: str = ""
) -> str:
    weights = f"\n    weight = {weight}" if weight else ""
    rows = "\n".join(f"    {layer}" for layer in layers)
    return f"""data {{
    x = {x}
    y = {y}{weights}
}}

network {{
    input {inputs}
{rows}
}}

loss {loss}
regulariser {penalty}
"""


PROBLEMS = {
    "huber_two_units": spec("[-1, 0, 2]", "[2, -1, 1]", "hidden: layer 2 relu", OUTPUT, loss="sum huber(1/2)"),
    "quartic_two_units": spec("[-1, 1]", "[2, 1]", "hidden: layer 2 relu", OUTPUT, loss="sum power(4)"),
    "absolute_mean_weighted": spec(
        "[-2, 0, 1, 2]", "[1, 2, -1, 3]", "hidden: layer 1 relu", OUTPUT, loss="mean absolute_error", weight="[1, 2, 1/2, 1]"
    ),
    "leaky_fixed_signs": spec(
        "[-1, 0, 2]", "[2, -1, 1]", "hidden: layer 2 leaky_relu(1/10)", f"{OUTPUT} fixed weight [[1, -1]]", penalty="ridge(1/10) on hidden"
    ),
    "abs_lasso": spec("[-1, 1, 2]", "[1, -2, 1]", "hidden: layer 1 abs", OUTPUT, penalty="ridge(1/10) on hidden + lasso(1/5) on output"),
    "hard_tanh": spec("[-1, 0, 2]", "[1, -1, 2]", "hidden: layer 1 hard_tanh", OUTPUT),
    "relu6": spec("[-2, 1, 3]", "[-1, 4, 3]", "hidden: layer 1 relu6", OUTPUT, penalty="ridge(1/20)"),
    "output_bias_huber": spec("[-1, 0, 1]", "[3, -1, 2]", "hidden: layer 1 relu", "output: layer 1 linear", loss="mean huber(1)"),
    "no_hidden_bias": spec(
        "[(1, 0), (0, 1), (1, 2)]", "[1, -1, 2]", "hidden: layer 2 relu without bias", OUTPUT, loss="sum power(4)", inputs=2
    ),
    "two_outputs_two_units": spec("[-1, 2]", "[(1, 2), (2, -1)]", "hidden: layer 2 relu", "output: layer 2 linear without bias"),
    "two_layers_two_and_one": spec(
        "[-1, 1]", "[2, 1]", "first: layer 2 relu without bias", "second: layer 1 relu", OUTPUT, penalty="ridge(1/20)"
    ),
    "two_layers_leaky": spec("[-1, 0, 1]", "[1, -1, 2]", "first: layer 1 leaky_relu(1/5)", "second: layer 1 leaky_relu(1/5)", OUTPUT),
    "hinge_in_the_plane": spec(
        "[(0, 0), (0, 1), (1, 0), (1, 2)]",
        "[-1, 1, 1, -1]",
        "hidden: layer 1 relu",
        OUTPUT,
        loss="mean squared_hinge",
        penalty="ridge(1/50)",
        inputs=2,
    ),
    "free_biases_two_units": spec("[-1, 2]", "[2, 1]", "hidden: layer 2 relu", OUTPUT, penalty="ridge(1/10) on weights"),
    "square_two_units": spec("[-1, 1]", "[2, -1]", "hidden: layer 2 { max(0, z)^2 }", OUTPUT),
    "mean_lasso_everywhere": spec(
        "[-1, 0, 2]", "[3, -1, 2]", "hidden: layer 1 relu", OUTPUT, loss="mean squared_error", penalty="lasso(1/10) + ridge(1/100)"
    ),
    "own_objective": spec(
        "[-1, 0, 2]", "[1, -1, 2]", "hidden: layer 1 relu", OUTPUT, loss="sum { max(y - f, 2*(f - y))^2 }", penalty="ridge(1/10)"
    ),
}

if __name__ == "__main__":
    print(PROBLEMS[sys.argv[1]])
