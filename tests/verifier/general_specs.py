"""Random problems outside the setting of theory.md section 4, small enough for the algebraic engine in seconds."""

from __future__ import annotations

import random


def general_spec(seed: int) -> str:
    choose = random.Random(seed)
    kind = choose.choice(["objective", "lasso", "deep", "outputs", "activation", "signs"])
    points = choose.choice([2, 3]) if kind != "deep" else 2
    x = choose.sample(range(-2, 4), points)
    y: list[object] = [choose.randint(-2, 3) for _ in x]
    hidden, output, second = "hidden: layer 1 relu", "output: layer 1 linear without bias", ""
    loss, penalty = "sum squared_error", f"ridge(1/{choose.choice([2, 5, 10, 20])})"
    if kind == "objective":
        loss = "sum " + choose.choice(["absolute_error", "huber(1/2)", "power(4)", "squared_hinge"])
        y = [choose.choice([-1, 1]) for _ in x] if "hinge" in loss else y
    elif kind == "lasso":
        penalty = "ridge(1/10) on hidden + lasso(1/5) on output.weight"
    elif kind == "deep":
        hidden, second = f"hidden: layer 1 relu{choose.choice(['', ' without bias'])}", "second: layer 1 relu"
    elif kind == "outputs":
        output, y = "output: layer 2 linear without bias", [f"({choose.randint(-2, 2)}, {choose.randint(-2, 2)})" for _ in x]
    elif kind == "activation":
        hidden = f"hidden: layer 1 {choose.choice(['{ max(0, z)^2 }', '{ min(1, max(0, z)) }', '{ max(-1, min(1, z)) }'])}"
    else:
        hidden, output = "hidden: layer 2 relu", "output: layer 1 linear without bias fixed weight [[1, -1]]"
        penalty = "ridge(1/10) on hidden"
    return f"""title "general problem {seed}: {kind}"
data {{ x = {x} y = [{", ".join(map(str, y))}] }}
network {{
    input 1
    {hidden}
    {second}
    {output}
}}
loss {loss}
regulariser {penalty}
"""
