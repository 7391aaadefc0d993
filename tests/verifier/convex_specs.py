"""Random problems in the setting of theory.md section 4, hand-written in spirit: small integers, ties, repeated points, biases, weights."""

from __future__ import annotations

import random


def random_spec(seed: int) -> str:
    choose = random.Random(seed)
    inputs = choose.choice([1, 1, 1, 2])
    units = choose.choice([1, 1, 2, 2, 3]) if inputs == 1 else choose.choice([1, 1, 2])
    points = choose.randint(1, 4 if units == 3 or inputs == 2 else 6)
    whole = choose.random() < 0.7

    def number() -> str:
        return str(choose.randint(-2, 2)) if whole else str(round(choose.gauss(0, 1), 2))

    x = [tuple(number() for _ in range(inputs)) for _ in range(points)]
    listed = ", ".join(point[0] if inputs == 1 else f"({', '.join(point)})" for point in x)
    weights = ", ".join(str(choose.randint(1, 3)) for _ in range(points))
    weight = f"weight = [{weights}]" if choose.random() < 0.25 else ""
    activation = choose.choice(["relu"] * 4 + ["leaky_relu(1/10)", "abs"])
    bias = choose.choice([""] * 4 + [" without bias"])
    output_bias = choose.choice([" without bias"] * 2 + ["", " fixed bias [1/2]"])
    ridge = choose.choice(["1/10", "1/2", "1/20", "1", "1/5"])
    on_bias = "" if bias else f" + ridge({ridge}) on hidden.bias"
    regulariser = choose.choice(
        [
            f"ridge({ridge})",
            f"ridge({ridge})",
            f"ridge({ridge}) on weights{on_bias}",
            f"ridge({ridge}) on hidden + ridge(1/4) on output.weight",
        ]
    )
    return f"""title "random problem {seed}"
data {{ x = [{listed}] y = [{", ".join(number() for _ in range(points))}] {weight} }}
network {{
    input {inputs}
    hidden: layer {units} {activation}{bias}
    output: layer 1 linear{output_bias}
}}
loss {choose.choice(["sum", "sum", "mean"])} squared_error
regulariser {regulariser}
"""
