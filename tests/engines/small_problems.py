"""Small problems as plain records: the text of their spec for reluspec, and their numbers for the reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

from hypothesis import strategies as st

from reluspec.language import parse_spec
from reluspec.problem.problem import Problem

SLOPES = {
    "relu": (1, 0),
    "leaky_relu(1/10)": (1, Fraction(1, 10)),
    "leaky_relu(-1/2)": (1, Fraction(-1, 2)),
    "abs": (1, -1),
    "{ min(z, 0) }": (0, 1),
}
OUTPUT_BIASES = ("absent", "penalised", "free", "fixed")
FIXED_BIAS = Fraction(1, 2)


@dataclass(frozen=True)
class Small:
    """One hidden layer of `units` units with ridge penalties; everything exact.

    `ridge`: on hidden weights, hidden biases, output weights.
    """

    x: tuple[tuple[Fraction, ...], ...]
    y: tuple[Fraction, ...]
    units: int = 1
    activation: str = "relu"
    ridge: tuple[Fraction, Fraction, Fraction] = (Fraction(1, 10),) * 3
    weight: tuple[Fraction, ...] = ()
    mean: bool = False
    hidden_bias: bool = True
    output_bias: str = "absent"

    @property
    def inputs(self) -> int:
        return len(self.x[0])

    @property
    def weights(self) -> tuple[Fraction, ...]:
        return self.weight or (Fraction(1),) * len(self.x)

    @property
    def text(self) -> str:
        points = ", ".join(f"({', '.join(map(str, p))})" if self.inputs > 1 else str(p[0]) for p in self.x)
        penalties = [f"ridge({self.ridge[0]}) on hidden.weight", f"ridge({self.ridge[2]}) on output.weight"]
        if self.hidden_bias:
            penalties.append(f"ridge({self.ridge[1]}) on hidden.bias")
        if self.output_bias == "penalised":
            penalties.append(f"ridge({self.ridge[2]}) on output.bias")
        ending = {"absent": " without bias", "fixed": f" fixed bias [{FIXED_BIAS}]"}.get(self.output_bias, "")
        return "\n".join(
            [
                f"data {{ x = [{points}]  y = [{', '.join(map(str, self.y))}]  weight = [{', '.join(map(str, self.weights))}] }}",
                f"network {{ input {self.inputs}",
                f"  hidden: layer {self.units} {self.activation}{'' if self.hidden_bias else ' without bias'}",
                f"  output: layer 1 linear{ending} }}",
                f"loss {'mean' if self.mean else 'sum'} squared_error",
                f"regulariser {' + '.join(penalties)}",
            ]
        )

    @cached_property
    def problem(self) -> Problem:
        return parse_spec(self.text)

    def changed(self, **changes: object) -> Small:
        return replace(self, **changes)  # type: ignore[arg-type]


def small(x: Sequence[object], y: Sequence[object], units: int = 1, ridge: object = "1/10", **options: object) -> Small:
    """Numbers or tuples x, one coefficient for all penalties or three."""
    points = tuple(tuple(Fraction(str(v)) for v in (p if isinstance(p, tuple) else (p,))) for p in x)
    three = ridge if isinstance(ridge, tuple) else (ridge,) * 3
    return Small(
        points,
        tuple(Fraction(str(v)) for v in y),
        units,
        ridge=tuple(Fraction(str(v)) for v in three),
        **options,  # type: ignore[arg-type]
    )


# (inputs, units) -> largest number of points that is still solved in a fraction of a second
LARGEST = {(1, 1): 6, (1, 2): 5, (1, 3): 4, (2, 1): 5, (2, 2): 4, (3, 1): 4}


@st.composite
def small_problems(draw: st.DrawFn, integers: bool, plain: bool = False, sizes: Sequence[tuple[int, int]] = tuple(LARGEST)) -> Small:
    """Random problems: small integers (ties, repeated and collinear points, y = 0), or three decimals. `plain`: the poster's setting."""
    inputs, units = draw(st.sampled_from(sizes))
    points = draw(st.integers(1, LARGEST[inputs, units]))
    number = st.integers(-3, 3).map(Fraction) if integers else st.integers(-3000, 3000).map(lambda k: Fraction(k, 1000))
    coefficient = st.sampled_from([Fraction(1, 10), Fraction(1), Fraction(2), Fraction(1, 3)])
    if not integers:
        coefficient = st.integers(20, 2000).map(lambda k: Fraction(k, 1000))
    x = draw(st.lists(st.tuples(*[number] * inputs), min_size=points, max_size=points))
    y = draw(st.lists(number, min_size=points, max_size=points))
    first = draw(coefficient)
    made = Small(tuple(x), tuple(y), units, ridge=(first,) * 3)
    if plain:
        return made
    return made.changed(
        activation=draw(st.sampled_from(sorted(SLOPES))),
        ridge=draw(st.sampled_from([(first,) * 3, (first, draw(coefficient), draw(coefficient))])),
        weight=tuple(
            draw(
                st.sampled_from([[Fraction(1)], [Fraction(1, 2), Fraction(2), Fraction(1)]]).flatmap(
                    lambda choices: st.lists(st.sampled_from(choices), min_size=points, max_size=points)
                )
            )
        ),
        mean=draw(st.booleans()),
        hidden_bias=draw(st.sampled_from([True, True, False])),
        output_bias=draw(st.sampled_from(OUTPUT_BIASES)),
    )
