"""The strata of any problem, by the verifier's own route: every sign vector that is not proved to be empty (theory.md section 2).

The first layer's units are cut into faces by `faces`: a face is a cone, its points are `sum_k t_k ray_k` with all `t_k > 0`. Deeper
switches, those of the objective and of the penalties are polynomials in the t and in the other parameters, taken one after another.
Each *monomial* counts as a coordinate of its own, positive or negative as its variables are, so that a switch is a linear form; the
relations between monomials are forgotten. The signs seen so far cut a polyhedral cone out of the space of these coordinates, the next
switch splits it, and a part that is empty proves that no parameters have these signs. A variable that occurs in a product is split into
its signs first. Where all switches are linear the result is exact; elsewhere it may hold sign vectors that no parameters have.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product

from reluspec.problem.expression import Expression, Variable, evaluate
from reluspec.problem.problem import Layer, Problem
from reluspec.regions.signs import Signs
from reluspec.verifier.convex.faces import Vector, faces
from reluspec.verifier.counting import Z, breakpoints, pattern
from reluspec.verifier.general.cone import Cone
from reluspec.verifier.raw import Polynomial, Ring

MAX_STRATA = 20_000
"""Sign vectors, before units are exchanged, that the verifier takes on."""

Terms = dict[tuple[str, ...], Fraction]
"""A polynomial: the sorted names in each monomial, repeated by their powers, and its coefficient."""


class StrataError(Exception):
    """The strata cannot be listed; the message says why."""


@dataclass(frozen=True)
class _Face:
    """A face of one unit of the first layer: its signs, and its parameters times the positive `scale` as forms in its generators."""

    signs: str
    images: Mapping[int, Terms]
    scale: Terms
    positive: tuple[str, ...]
    """The generators whose coefficients are positive."""


@dataclass(frozen=True)
class _State:
    """The cone of the monomials, and the signs of the variables as far as they are known."""

    cone: Cone
    known: Mapping[str, int]


def all_strata(problem: Problem, deadline: float | None = None) -> list[Signs]:
    """Every sign vector that is not proved to be empty, each once. Raises `StrataError`, `TooManyFacesError`."""
    return _Search(problem, deadline).run()


class _Next(Exception):  # noqa: N818
    """An evaluation came to a switch whose sign is not chosen yet."""

    def __init__(self, switch: Polynomial) -> None:
        super().__init__("a switch without a sign")
        self.switch = switch


class _Search:
    def __init__(self, problem: Problem, deadline: float | None) -> None:
        self.problem, self.deadline = problem, deadline
        self.ring = Ring(problem)
        self.place = {variable: k for k, variable in enumerate(problem.parameters)}
        self.found: dict[Signs, None] = {}
        self.faces: tuple[_Face, ...] = ()

    def run(self) -> list[Signs]:
        first = self.problem.network.layers[0]
        units = [list(self._unit_faces(first, unit)) for unit in range(first.units)] if first.activation.kinks else []
        for chosen in product(*units):
            self.faces = chosen
            state = _State(Cone(), {name: 1 for face in chosen for name in face.positive})
            points = [[self.ring.constant(entry) for entry in point] for point in self.problem.data.x]
            if not chosen:
                self._layers(0, points, (), state)
            else:
                self._layers(1, self._outputs(first, points, chosen), (tuple(face.signs for face in chosen),), state)
        return list(self.found)

    # The first layer

    def _unit_faces(self, layer: Layer, unit: int) -> Iterator[_Face]:
        breaks = breakpoints(layer.activation.expression, len(layer.activation.kinks))
        if breaks is None:
            raise StrataError("a switch of the first layer is not linear in its unit's input")
        own, rows = self._forms(layer, unit, breaks)
        central = not any(row[-1] for row in rows)
        # Unless all pass through 0, homogenised by one more coordinate, which is positive.
        rows = [row[:-1] for row in rows] if central else [*rows, [Fraction(0)] * len(own) + [Fraction(1)]]
        if not rows or not rows[0]:
            yield _Face("".join(pattern(layer.activation.expression, Fraction(0)) for _ in self.problem.data.x), {}, {(): Fraction(1)}, ())
            return
        cones, space = faces(rows)
        for face in cones:
            if central or face.signs[-1] > 0:
                generators = {f"t{unit}.{k}": ray for k, ray in enumerate((*face.rays, *space))}
                text = self._text(layer, breaks, face.signs)
                scale: Terms = {(): Fraction(1)} if central else _row(generators, len(own))
                images = {place: _row(generators, j) for j, place in enumerate(own)}
                yield _Face(text, images, scale, tuple(generators)[: len(face.rays)])

    def _forms(self, layer: Layer, unit: int, breaks: Sequence[Fraction]) -> tuple[list[int], list[list[Fraction]]]:
        """The unit's free parameters, and its input minus every breakpoint at every point as an affine form in them."""
        weights = [Variable(f"{layer.name}.weight", (unit, k)) for k in range(self.problem.network.inputs)]
        bias = Variable(f"{layer.name}.bias", (unit,))
        constants = self.problem.constants()
        free = [one for one in (*weights, bias) if one in self.place]
        rows: list[list[Fraction]] = []
        for x in self.problem.data.x:
            entries = dict(zip(weights, x, strict=True)) | {bias: Fraction(1)}
            fixed = sum((entries[one] * value for one, value in constants.items() if one in entries), Fraction(0))
            rows.extend([*(entries[one] for one in free), fixed - b] for b in breaks)
        return [self.place[one] for one in free], rows

    def _text(self, layer: Layer, breaks: Sequence[Fraction], signs: Sequence[int]) -> str:
        """The signs of a unit's switches from those of its inputs minus the breakpoints."""
        found = []
        for i in range(len(self.problem.data)):
            own = signs[i * len(breaks) : (i + 1) * len(breaks)]
            low = max((b for b, sign in zip(breaks, own, strict=True) if sign >= 0), default=None)
            high = min((b for b, sign in zip(breaks, own, strict=True) if sign <= 0), default=None)
            z = Fraction(0) if low is None and high is None else (high or Fraction(0)) - 1 if low is None else low + 1
            if low is not None and high is not None:
                z = (low + high) / 2
            elif low is None and high is not None:
                z = high - 1
            found.append(pattern(layer.activation.expression, z))
        return "".join(found)

    def _outputs(self, layer: Layer, points: Sequence[Sequence[Polynomial]], chosen: Sequence[_Face]) -> list[list[Polynomial]]:
        found: list[list[Polynomial]] = [[] for _ in points]
        for unit, face in enumerate(chosen):
            signs = iter(face.signs)
            for k, point in enumerate(points):
                value = evaluate(
                    layer.activation.expression,
                    {Z: self._input(layer, unit, point)},
                    lambda _, signs=signs: "-0+".index(next(signs)) - 1,  # type: ignore[misc]
                    self.ring.constant,
                )
                found[k].append(value)
        return found

    def _input(self, layer: Layer, unit: int, signal: Sequence[Polynomial]) -> Polynomial:
        total = self.ring.values[Variable(f"{layer.name}.bias", (unit,))] if layer.bias else self.ring.constant(0)
        for k, entry in enumerate(signal):
            total = total + self.ring.values[Variable(f"{layer.name}.weight", (unit, k))] * entry
        return total

    # Deeper layers, objective, penalties

    def _layers(self, position: int, signals: list[list[Polynomial]], names: tuple[tuple[str, ...], ...], state: _State) -> None:
        if position == len(self.problem.network.layers):
            self._objective(0, signals, names, "", state)
        else:
            self._units(position, signals, names, (), [[] for _ in signals], state)

    def _units(
        self,
        position: int,
        signals: list[list[Polynomial]],
        names: tuple[tuple[str, ...], ...],
        own: tuple[str, ...],
        columns: list[list[Polynomial]],
        state: _State,
    ) -> None:
        """Unit after unit of a layer; `columns` are the outputs of those before, by point."""
        layer = self.problem.network.layers[position]
        if len(own) == layer.units:
            self._layers(position + 1, columns, (*names, own if layer.activation.kinks else ()), state)
            return
        inputs = [self._input(layer, len(own), signal) for signal in signals]
        for outputs, signs, after in self._points(layer.activation.expression, inputs, state):
            extended = [[*column, value] for column, value in zip(columns, outputs, strict=True)]
            self._units(position, signals, names, (*own, signs), extended, after)

    def _points(
        self, expression: Expression, inputs: Sequence[Polynomial], state: _State
    ) -> Iterator[tuple[list[Polynomial], str, _State]]:
        """One unit's outputs at all points, for every choice of its signs."""
        if not inputs:
            yield [], "", state
            return
        for value, signs, after in self._choices(expression, {Z: inputs[0]}, state):
            for rest, more, last in self._points(expression, inputs[1:], after):
                yield [value, *rest], signs + more, last

    def _objective(
        self, point: int, signals: list[list[Polynomial]], names: tuple[tuple[str, ...], ...], signs: str, state: _State
    ) -> None:
        if point == len(signals):
            self._penalties(0, Signs(names, signs), state)
            return
        local = {Variable("f", (k,)): entry for k, entry in enumerate(signals[point])}
        local |= {Variable("y", (k,)): self.ring.constant(entry) for k, entry in enumerate(self.problem.data.y[point])}
        for _, more, after in self._choices(self.problem.loss.expression, local, state):
            self._objective(point + 1, signals, names, signs + more, after)

    def _penalties(self, position: int, signs: Signs, state: _State) -> None:
        if position == len(self.problem.regulariser):
            self._note(signs)
            return
        for _, more, after in self._choices(self.problem.regulariser[position].expression, self.ring.values, state):
            self._penalties(position + 1, replace(signs, penalty=signs.penalty + more), after)

    def _note(self, signs: Signs) -> None:
        self.found[signs] = None
        if len(self.found) > MAX_STRATA:
            raise StrataError(f"there are more than {MAX_STRATA:,} of them")

    def _choices(
        self, expression: Expression, values: Mapping[Variable, Polynomial], state: _State
    ) -> Iterator[tuple[Polynomial, str, _State]]:
        """All ways through the kinks of an expression: its value, the signs, what is known then."""
        waiting = [("", state)]
        while waiting:
            signs, now = waiting.pop()
            prefix = iter(signs)

            def choose(switch: Polynomial, prefix: Iterator[str] = prefix) -> int:
                sign = next(prefix, "")
                if not sign:
                    raise _Next(switch)
                return "-0+".index(sign) - 1

            try:
                value = evaluate(expression, values, choose, self.ring.constant)
            except _Next as stop:
                waiting.extend((signs + "-0+"[sign + 1], after) for sign, after in self._cut(self._terms(stop.switch), now))
            else:
                yield value, signs, now

    def _cut(self, terms: Terms, state: _State) -> Iterator[tuple[int, _State]]:
        """The signs that a switch may have, with what is known then."""
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise StrataError("the time is up")
        terms = {names: value for names, value in terms.items() if all(state.known.get(name) != 0 for name in names)}
        unknown = next((name for names in terms if len(names) > 1 for name in names if name not in state.known), None)
        if unknown is not None:
            cone = state.cone.with_coordinate((unknown,), None)
            for sign, part in cone.parts({(unknown,): Fraction(1)}):
                yield from self._cut(terms, _State(part, {**state.known, unknown: sign}))
            return
        cone = state.cone
        for names in terms:
            cone = cone.with_coordinate(names, _sign(names, state.known))
        for sign, part in cone.parts(terms):
            yield sign, _State(part, state.known)

    def _terms(self, switch: Polynomial) -> Terms:
        """A positive multiple of a switch in the generators of the first layer's faces and the other parameters."""
        table = [(tuple(map(int, exponents)), value) for exponents, value in switch.to_dict().items()]
        total: Terms = {}
        degrees = [max((sum(exponents[k] for k in face.images) for exponents, _ in table), default=0) for face in self.faces]
        for exponents, value in table:
            part: Terms = {(): Fraction(int(value.p), int(value.q))}
            own = {k: image for face in self.faces for k, image in face.images.items()}
            for k, power in enumerate(exponents):
                for _ in range(power):
                    part = _times(part, own.get(k, {(f"p{k}",): Fraction(1)}))
            for face, top in zip(self.faces, degrees, strict=True):
                for _ in range(top - sum(exponents[k] for k in face.images)):
                    part = _times(part, face.scale)
            for names, coefficient in part.items():
                total[names] = total.get(names, Fraction(0)) + coefficient
        return {names: coefficient for names, coefficient in total.items() if coefficient}


def _row(generators: Mapping[str, Vector], position: int) -> Terms:
    return {(name,): Fraction(ray[position]) for name, ray in generators.items() if ray[position]}


def _times(first: Terms, second: Terms) -> Terms:
    found: Terms = {}
    for left, a in first.items():
        for right, b in second.items():
            names = tuple(sorted((*left, *right)))
            found[names] = found.get(names, Fraction(0)) + a * b
    return found


def _sign(names: tuple[str, ...], known: Mapping[str, int]) -> int | None:
    """The sign of a monomial; `None` for a single variable that may have any."""
    sign: int | None = 1
    for name in names:
        own = known.get(name)
        sign = None if own is None or sign is None else sign * own
    return sign
