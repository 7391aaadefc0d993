"""Pictures for papers: every kind of map gives them or a clear message, files repeat to the byte, and what they draw is right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from map_samples import EXPRESSIONS, HOSTILE, TEXTS, incomplete, parsed, solved, titled, without_minima

import reluspec
from reluspec.errors import ProblemError, ReluspecError, UsageError
from reluspec.io.map_format import write_map

pytest.importorskip("matplotlib")

from reluspec.io.plot import PICTURES, plot, write_plot
from reluspec.io.plot import evaluate as arrays
from reluspec.io.plot.fits import kink_places, theta_of
from reluspec.io.plot.parts import Axis, neighbourly
from reluspec.io.plot.slices import _plane
from reluspec.regions.region_graph import region_graph

MAPS = (
    "arc",
    "circle",
    "poster",
    "closed_sheet",
    "free_hidden_biases",
    "xor",
    "three_inputs",
    "two_outputs",
    "two_hidden_layers",
    "absolute_error",
    "collinear",
    "two units in space",
)


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("what", PICTURES)
def test_every_map_gives_every_picture_or_says_why_not(name: str, what: str, tmp_path: Path) -> None:
    minima = solved(name)
    families = any(component.dimension for component in minima)
    if (what == "family" and not families) or (what == "slice" and len(minima) == 1):
        with pytest.raises(ProblemError, match=r"isolated points|only one"):
            plot(minima, what)
        return
    path = tmp_path / "picture.png"
    write_plot(plot(minima, what, width=3), path)
    import matplotlib.image

    pixels = matplotlib.image.imread(path)
    assert pixels.shape[1] == 900
    inked = (pixels[:, :, :3] < 0.95).any(axis=2).mean()
    assert 0.002 < inked < 0.9, "neither blank nor black"


def test_many_cells_are_drawn_by_two_parts_of_their_names() -> None:
    axes = plot(solved("two units in space"), "graph").axes[0]
    cells = region_graph(solved("two units in space").problem).one_unit.cells
    assert axes.images[0].get_array().shape == (cells, cells) == (30, 30)
    assert axes.get_title() == ""
    # Of a cycle, its order; a wall stands between its cells, that of the last and the first on both edges, a corner on each of its cells.
    order = neighbourly(["++-", "+++", "--+", "---", "-++", "+--"])
    assert order == ("---", "--+", "-++", "+++", "++-", "+--")
    cycle = Axis(order)
    assert [cycle.places(name) for name in ("-++", "-0+", "0--", "000")] == [[2.5], [2.0], [0.0, 6.0], [6.8]]
    assert Axis(("--", "-+", "+-", "++")).places("0-") == [0.5, 2.5]


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_the_same_picture_has_the_same_bytes(suffix: str, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_plot(plot(solved("poster"), "slice", width=3.4), tmp_path / f"{name}.{suffix}")
    assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"two.{suffix}").read_bytes()


@pytest.mark.parametrize("text", [EXPRESSIONS, TEXTS["xor"], TEXTS["three_inputs"]])
def test_arrays_give_the_same_loss_as_numbers(text: str) -> None:
    problem = parsed(text)
    random = np.random.default_rng(3)
    thetas = random.uniform(-2, 2, size=(len(problem.parameters), 50))
    found = arrays.loss(problem, arrays.parameters(problem, list(thetas)))
    expected = [float(problem.loss_at(problem.tensors(list(theta), float))) for theta in thetas.T]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_kinks_are_where_the_units_bend() -> None:
    minima = solved("poster")
    theta = minima.theta(4)
    expected = sorted(-theta["hidden.bias"] / theta["hidden.weight"][:, 0])
    np.testing.assert_allclose(kink_places(minima.problem, theta_of(minima, 4), -5, 5), expected, atol=1e-12)


def test_a_slice_goes_through_its_minima() -> None:
    minima = solved("poster")
    plane = _plane(minima, [0, 4])
    for (_, s, t), component in zip(plane.places, (0, 4), strict=False):
        vector = plane.origin + s * plane.along + t * plane.across
        loss = arrays.loss(minima.problem, arrays.parameters(minima.problem, list(vector)))
        assert float(loss) == pytest.approx(float(minima[component].loss), rel=1e-12)
    assert float(np.dot(plane.along, plane.across)) == pytest.approx(0, abs=1e-12)


def test_titles_are_text_and_incomplete_maps_say_so() -> None:
    figure = plot(titled(incomplete(solved("poster")), f"{HOSTILE} $\\frac{{"), "fits")
    assert figure.get_suptitle().endswith("(map not complete)")
    assert "$\\frac{" in figure.get_suptitle()
    figure.canvas.draw()


def test_a_ladder_has_a_mark_for_every_component() -> None:
    figure = plot(solved("poster"), "ladder", components=[3], title=False)
    marks = [line for line in figure.axes[0].lines if line.get_marker() in ("o", "D", "s")]
    assert [float(line.get_ydata()[0]) for line in marks] == [float(component.loss) for component in solved("poster")]
    assert len({line.get_color() for line in marks}) == 2


def test_wrong_wishes_are_told() -> None:
    minima = solved("poster")
    for call, message in (
        (lambda: plot(minima, "landscape"), "there are fits, ladder, graph, slice, family"),
        (lambda: plot(minima, "fits", components=[9]), "it has 0 to 4"),
        (lambda: plot(minima, "fits", width=0.1), "from 1 to 40 inches"),
        (lambda: plot(without_minima(minima), "fits"), "nothing to draw"),
        (lambda: plot(minima, "family", components=[0]), "component 0 is an isolated point"),
        (lambda: plot(minima, "slice", components=[0, 0]), "same witness"),
        (lambda: write_plot(plot(minima, "fits"), Path("picture.bmp")), "must end in .png, .svg, .pdf"),
    ):
        with pytest.raises(ReluspecError, match=message):
            call()
    assert issubclass(UsageError, ReluspecError)


def test_the_command_writes_beside_the_map(tmp_path: Path) -> None:
    from running import run

    (tmp_path / "maps").mkdir()
    write_map(solved("poster"), tmp_path / "maps" / "poster.minima.json")
    done = run("plot", "maps/poster.minima.json", "--what", "ladder", "--component", "3", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert (tmp_path / "maps" / "poster.ladder.png").read_bytes().startswith(b"\x89PNG")
    done = run("plot", "maps/poster.minima.json", "--what", "slice", "-o", "slice.svg", "--no-title", cwd=tmp_path)
    assert (tmp_path / "slice.svg").read_text(encoding="utf-8").startswith("<?xml")
    assert run("plot", "maps/poster.minima.json", "--what", "../x", cwd=tmp_path).returncode == 2


def test_without_matplotlib_the_message_says_what_to_install(tmp_path: Path) -> None:
    from running import run

    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "matplotlib.py").write_text("raise ImportError('no matplotlib here')", encoding="utf-8")
    write_map(solved("poster"), tmp_path / "poster.minima.json")
    done = run("plot", "poster.minima.json", "--what", "fits", cwd=tmp_path, PYTHONPATH=str(tmp_path / "hidden"))
    assert done.returncode == 1
    assert "pip install 'reluspec[plot]'" in done.stderr
    assert not (tmp_path / "poster.fits.png").exists()


def test_from_python() -> None:
    assert reluspec.plot(solved("poster"), "graph").axes
