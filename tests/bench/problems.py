"""Problems of the benchmark: standard normal data with a fixed seed, rounded to 3 decimals, or integer grids with many ties."""

from __future__ import annotations

import random


def spec(points: list[tuple[str, ...]], values: list[str], units: int, ridge: str = "1/10") -> str:
    """The `.rspec` text of a one-hidden-layer problem."""
    inputs = len(points[0])
    rows = [f"({', '.join(point)})" if inputs > 1 else point[0] for point in points]
    return (
        f"data {{ x = [{', '.join(rows)}]  y = [{', '.join(values)}] }}\n"
        f"network {{ input {inputs}  hidden: layer {units} relu  output: layer 1 linear without bias }}\n"
        f"loss sum squared_error\nregulariser ridge({ridge})\n"
    )


def normal(points: int, inputs: int, units: int, seed: int = 1) -> str:
    """Standard normal x and y."""
    draw = random.Random(seed)

    def number() -> str:
        return f"{draw.gauss(0, 1):.3f}"

    return spec([tuple(number() for _ in range(inputs)) for _ in range(points)], [number() for _ in range(points)], units)


def grid(points: int, units: int, seed: int = 1) -> str:
    """x on an integer grid, small integer y."""
    draw = random.Random(seed)
    return spec([(str(i - points // 2),) for i in range(points)], [str(draw.randint(-2, 2)) for _ in range(points)], units)
