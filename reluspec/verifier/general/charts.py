"""The parametrisation that a map gives of a curve, against the curve: the format's charts, see `minima.schema.json`.

A chart's coordinates are the parameters, except that those of a *unit* are divided by its output weight, or multiplied, and that weight
squared, unless the unit is *plain*. Two vertices with `pairs` are the ends of an arc: combinations of them, scaled in the pairs, are the
points between, since the ends are two positions of one vector that turns by less than half a circle. One vertex with pairs is a whole
circle. Without pairs vertices and rays span a segment, a ray or a line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import Any

from flint import arb, fmpq

from reluspec.problem.expression import Variable
from reluspec.problem.problem import Problem
from reluspec.verifier.balls import Fit, claimed, fit, fits
from reluspec.verifier.general.claimed_points import ball
from reluspec.verifier.general.rotations import Rotation
from reluspec.verifier.general.stitching import Node
from reluspec.verifier.general.translations import Translation
from reluspec.verifier.raw import at

Form = Mapping[str, Any]


def chart_fits(node: Node, form: Form) -> Fit:
    """Whether the chart is of the curve's piece, all of it and no more."""
    if node.interval is None:
        return Fit.UNCLEAR
    if form["kind"] == "polytope":
        return _polytope(node, node.motion, form) if isinstance(node.motion, Rotation) else Fit.UNCLEAR
    if not well_formed(form, len(node.theta)):
        return Fit.APART
    if isinstance(node.motion, Rotation):
        return _circle(node, node.motion, form)
    return _line(node, node.motion, form) if isinstance(node.motion, Translation) else Fit.UNCLEAR


def well_formed(form: Form, size: int) -> bool:
    """Whether a chart has rows of as many numbers as there are parameters, and its units no parameter twice."""
    if not isinstance(form["vertices"], list) or not isinstance(form["rays"], list):
        return False
    used = [k for unit in form["units"] for k in (unit["output"], *unit["directions"], *unit["products"])]
    rows = [*form["vertices"], *form["rays"]]
    if not all(isinstance(row, list) and len(row) == size and all(isinstance(entry, Mapping) for entry in row) for row in rows):
        return False
    return len(set(used)) == len(used) and all(0 <= k < size for k in used)


def _circle(node: Node, motion: Rotation, form: Form) -> Fit:
    ends = node.interval.ends if node.interval else ()
    if form["rays"] or not _same_pairs(node, motion, form):
        return Fit.APART
    if ends:
        return _matched(form["vertices"], [_coordinates(end.theta, form["units"]) for end in ends])
    if len(form["vertices"]) != 1:
        return Fit.APART
    theta = _theta([ball(entry) for entry in form["vertices"][0]], form["units"])
    if theta is None or not node.holds(theta):
        return Fit.APART
    near = motion.near(node.theta, theta)
    return Fit.UNCLEAR if near is None else _matched(form["vertices"], [_coordinates(near, form["units"])])


def _same_pairs(node: Node, motion: Rotation, form: Form) -> bool:
    """Whether the pairs turn as the motion does: all of it that is not zero, in one sense, scaled alike."""
    said = [tuple(pair) for pair in form.get("pairs", ())]
    known = {pair: node.theta[pair[0]] == 0 and node.theta[pair[1]] == 0 for pair in motion.pairs}
    forward, backward = [pair for pair in said if pair in known], [pair[::-1] for pair in said if pair[::-1] in known]
    if len(set(said)) != len(said) or len(forward) + len(backward) != len(said):
        return False
    if not all(zero or pair in forward or pair in backward for pair, zero in known.items()):
        return False
    classes = {k: (unit["output"], kind) for unit in form["units"] for kind in ("directions", "products") for k in unit[kind]}
    scaled = all(classes.get(p) == classes.get(q) for p, q in said)
    outputs = {unit["output"] for unit in form["units"]}
    one_sense = any(all(known[pair] for pair in side) for side in (forward, backward))
    return scaled and one_sense and not outputs & {k for pair in said for k in pair}


def _polytope(node: Node, motion: Rotation, form: Form) -> Fit:
    """Output weights `a_l = sigma_l sqrt(s_l)` and `w_l = a_l v_l`, s on a segment: an arc on which two units share their direction.

    With `q = 0` on the slice both units' parameters are multiples of p, with squares that add up: s is on the segment between the ends.
    """
    ends = node.interval.ends if node.interval else ()
    units = _units(motion.problem)
    if not units or form.get("output_bias") or len(ends) != 2 or any(node.theta[q] != 0 for _, q in motion.pairs):
        return Fit.UNCLEAR
    living = [next((end.theta for end in ends if not end.theta[a].contains(0)), ends[0].theta) for a, _ in units]
    signs = [0 if theta[a] == 0 else 1 if theta[a] > 0 else -1 for theta, (a, _) in zip(living, units, strict=True)]
    if form["signs"] != signs or [len(one) for one in form["directions"]] != [len(own) for _, own in units]:
        return Fit.APART
    found = [
        fit(said, arb(0) if sign == 0 else _ratio(node, motion, (k, a), theta, said))
        for (a, own), theta, sign, direction in zip(units, living, signs, form["directions"], strict=True)
        for k, said in zip(own, direction, strict=True)
    ]
    found.append(_matched(form["vertices"], [[end.theta[a] * end.theta[a] for a, _ in units] for end in ends]))
    return Fit.APART if Fit.APART in found else Fit.UNCLEAR if Fit.UNCLEAR in found else Fit.INSIDE


def _units(problem: Problem) -> list[tuple[int, list[int]]]:
    """The output weight of every hidden unit and the parameters into it; none unless there is one hidden layer, one output, all free."""
    network = problem.network
    if len(network.layers) != 2 or network.outputs != 1:
        return []
    hidden, output = network.layers
    place = {variable: k for k, variable in enumerate(problem.parameters)}
    found = []
    for unit in range(hidden.units):
        names = [Variable(f"{hidden.name}.weight", (unit, k)) for k in range(network.inputs)]
        names += [Variable(f"{hidden.name}.bias", (unit,))] if hidden.bias else []
        names.append(Variable(f"{output.name}.weight", (0, unit)))
        if any(name not in place for name in names):
            return []
        *own, a = (place[name] for name in names)
        found.append((a, own))
    return found


def _ratio(node: Node, motion: Rotation, pair: tuple[int, int], theta: Sequence[arb], said: Mapping[str, str]) -> arb:
    """The quotient of two parameters; exact where it is claimed to be a rational number, and is."""
    found = theta[pair[0]] / theta[pair[1]]
    low, high = claimed(said)
    root = node.base.critical.root
    first = {q: p for p, q in motion.pairs}
    k, a = (root.ring.gens[first.get(own, own)] for own in pair)
    if low != high or node.signs != node.base.critical.signs or not found.contains(arb(low)):
        return found
    # Often it is the squares that balance, by equations times these parameters; a sign is known.
    balance = (k - a * low) * (k + a * low) if not found.contains(0) else k
    least = min((int(one.total_degree()) for one in root.equations), default=0) + 1
    return arb(low) if root.is_zero(balance, least) else found


def _line(node: Node, motion: Translation, form: Form) -> Fit:
    interval = node.interval
    if interval is None or form.get("pairs") or any(unit["output"] in motion.speeds for unit in form["units"]):
        return Fit.APART
    sides = [interval.direction] if interval.direction else [] if interval.ends else [1, -1]
    direction = _direction(node, motion, form["units"])
    senses = [_sense(ray, direction) for ray in form["rays"]]
    if len(senses) != len(sides) or 0 in senses:
        return Fit.APART
    if None in senses:
        return Fit.UNCLEAR
    if sorted(sense or 0 for sense in senses) != sorted(sides):
        return Fit.APART
    points: list[Sequence[arb] | None] = [end.theta for end in interval.ends]
    if not points:
        theta = _theta([ball(entry) for entry in form["vertices"][0]], form["units"]) if len(form["vertices"]) == 1 else None
        points = [None if theta is None else motion.near(node.theta, theta)]
    return _matched(form["vertices"], [None if one is None else _coordinates(one, form["units"]) for one in points])


def _sense(ray: Sequence[Mapping[str, str]], direction: Sequence[arb]) -> int | None:
    """1 or -1 for a positive or negative multiple of a direction, 0 for none, `None` if that is not known."""
    low, high = arb("-inf"), arb("inf")
    for entry, own in zip(ray, direction, strict=True):
        least, most = (arb(bound) for bound in claimed(entry))
        if own == 0 and not (least <= 0 and most >= 0):
            return 0
        if not own.contains(0):
            one, two = sorted((least / own, most / own), key=float)
            low, high = max(low, one, key=float), min(high, two, key=float)
    multiple = ((low + high) / 2).mid()
    if low > high or multiple == 0:
        return 0
    inside = fits(list(ray), [own * multiple for own in direction]) is Fit.INSIDE
    return (1 if multiple > 0 else -1) if inside else None


def _matched(said: Sequence[Any], own: Sequence[list[arb] | None]) -> Fit:
    """Vertices against points, in any order."""
    if len(said) != len(own) or None in own:
        return Fit.APART
    found = []
    for order in permutations(own):
        each = [fits(vertex, point) for vertex, point in zip(said, order, strict=True)]
        found.append(Fit.APART if Fit.APART in each else Fit.UNCLEAR if Fit.UNCLEAR in each else Fit.INSIDE)
    return Fit.INSIDE if Fit.INSIDE in found else Fit.UNCLEAR if Fit.UNCLEAR in found else Fit.APART


def _coordinates(theta: Sequence[arb], units: Sequence[Form]) -> list[arb] | None:
    """A point in the chart; `None` if it has other signs than the chart's units."""
    if any(not theta[unit["output"]] * unit["sign"] > 0 for unit in units):
        return None
    found = list(theta)
    for unit in units:
        output = theta[unit["output"]]
        found[unit["output"]] = output if unit.get("plain") else output * output
        for k in unit["directions"]:
            found[k] = theta[k] / output
        for k in unit["products"]:
            found[k] = theta[k] * output
    return found


def _direction(node: Node, motion: Translation, units: Sequence[Form]) -> list[arb]:
    """The direction of a line that keeps the units' output weights, in the chart, up to a positive factor; exact where it is rational."""
    gens = motion.ring.gens
    found = [motion.speeds.get(k, gens[0] * 0) for k in range(len(node.theta))]
    for unit in units:
        output = gens[unit["output"]]
        for k in range(len(found)):
            found[k] = found[k] * (output if k in unit["directions"] else output**3 if k in unit["products"] else output * output)
    lead = found[motion.parameter]
    shares = [one.leading_coefficient() / lead.leading_coefficient() if one != 0 else fmpq(0) for one in found]
    if all(one == lead * share for one, share in zip(found, shares, strict=True)):
        side = 1 if at(lead, node.theta) > 0 else -1
        return [arb(share * side) for share in shares]
    return [at(one, node.theta) for one in found]


def _theta(coordinates: Sequence[arb], units: Sequence[Form]) -> list[arb] | None:
    """The parameters of a point in the chart; `None` if there are none."""
    found = list(coordinates)
    for unit in units:
        given = coordinates[unit["output"]] * (unit["sign"] if unit.get("plain") else 1)
        if not given > 0:
            return None
        output = (given if unit.get("plain") else given.sqrt()) * unit["sign"]
        found[unit["output"]] = output
        for k in unit["directions"]:
            found[k] = coordinates[k] * output
        for k in unit["products"]:
            found[k] = coordinates[k] / output
    return found
