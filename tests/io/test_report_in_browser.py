"""The report in a real browser: it makes no request and no noise, every control works, and it shows the map's own numbers."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from browser import Page, browser, needs_browser
from map_samples import EXPRESSIONS, HOSTILE, TEXTS, incomplete, parsed, repeated, solved, titled, without_minima

from reluspec.io.map_format import map_document
from reluspec.io.report import page as page_module
from reluspec.io.report import write_report
from reluspec.io.report.programs import problem_program
from reluspec.minima.minima_map import MinimaMap
from reluspec.regions.region_graph import region_graph
from reluspec.systems.general_regions import general_region_graph

pytestmark = needs_browser

MAPS = {
    "curves": lambda: solved("poster"),
    "a sheet": lambda: solved("closed_sheet"),
    "a ray": lambda: solved("free_hidden_biases"),
    "a circle": lambda: solved("circle"),
    "a heat map": lambda: solved("xor"),
    "three inputs": lambda: solved("three_inputs"),
    "two units in space": lambda: solved("two units in space"),
    "two outputs": lambda: solved("two_outputs"),
    "two hidden layers": lambda: solved("two_hidden_layers"),
    "switches of the loss": lambda: solved("absolute_error"),
    "fixed weights": lambda: solved("fixed_output_signs"),
    "rank two in space": lambda: solved("collinear"),
    "incomplete": lambda: incomplete(solved("poster")),
    "nothing found": lambda: without_minima(solved("poster")),
    "five hundred": lambda: repeated(solved("twelve"), 500),
}


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser() as found:
        yield found


def opened(page: Page, minima: MinimaMap, folder: Path, **how: object) -> Page:
    path = folder / "map.report.html"
    write_report(minima, path)
    return page.open(path, **how)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", MAPS)
def test_a_page_loads_without_noise_and_without_requests(name: str, page: Page, tmp_path: Path) -> None:
    opened(page, MAPS[name](), tmp_path)
    if name != "nothing found":
        page.wait("return document.getElementById('slice').getAttribute('aria-busy') !== 'true'", "the slice")
        assert page.all("#function svg")
        assert page.all("#ladder svg .mark")
        assert page.all("#slice canvas")
    assert page.all("#regions svg, #regions canvas")
    assert page.noise() == []
    asked = [url for url in page.requests() if not url.startswith("data:")]
    assert asked == [(tmp_path / "map.report.html").as_uri()]
    assert page.run("return document.getElementById('trouble').hidden")


def test_the_policy_forbids_every_request(page: Page, tmp_path: Path) -> None:
    opened(page, solved("poster"), tmp_path)
    blocked = page.later("fetch('http://127.0.0.1:9/').then(() => done('fetched'), () => done('blocked'))")
    assert blocked == "blocked"
    assert any("Content Security Policy" in line for line in page.noise())


def test_the_numbers_are_those_of_the_file(page: Page, tmp_path: Path) -> None:
    minima = solved("poster")
    document = map_document(minima)
    opened(page, minima, tmp_path)
    rows = page.run("return [...document.querySelectorAll('#table tbody tr')].map(row => [...row.cells].map(cell => cell.textContent))")
    assert len(rows) == len(document["components"])
    for row, component in zip(rows, document["components"], strict=True):
        assert row[0] == f"{component['id']}{'*' if component['global'] else ''}"
        assert row[1] == f"{float(component['loss']['value']):.10g}"
        assert row[2].split()[-1] == str(component["dimension"])
        assert row[3:6] == [component["location"], str(component["orbit_size"]), "closed" if component["closed"] else "open"]
        assert row[6] == component["pieces"][0]["stratum"]
        page.set("#chosen", str(component["id"]))
        facts = page.text("#component-facts")
        assert f"{component['loss']['value']} ± {component['loss']['radius']}" in facts
        assert component["pieces"][0]["stratum"] in facts
        shown = page.run(
            "return [...document.querySelectorAll('#witness-table tr')].map(row => [...row.cells].map(cell => cell.textContent))"
        )
        assert [name for name, _ in shown] == document["problem"]["parameters"]
        values = minima.problem.flatten(minima[component["id"]].pieces[0].witness)
        assert [value for _, value in shown] == [values[parameter].value for parameter in minima.problem.parameters]
    assert "5 components of local minima (9 with exchange of units), and no others" in page.text(".verdict")
    assert "100 cells of 2^10 patterns, 200 walls" in page.text("#regions-facts")


@pytest.mark.parametrize("text", [EXPRESSIONS, TEXTS["xor"], TEXTS["three_inputs"]])
def test_the_browser_computes_the_same_network_and_loss(text: str, page: Page) -> None:
    problem = parsed(text)
    page.driver.get("about:blank")
    numbers = random.Random(5)
    thetas = [[numbers.uniform(-2, 2) for _ in problem.parameters] for _ in range(40)]
    script = page_module._asset("vendor/d3.min.js") + page_module._asset("network.js")
    found = page.run(
        f"{script}; const network = networkOf(arguments[0]);"
        "return arguments[1].map((theta) => [network.loss(theta), network.x.map((x) => network.forward(theta, x))]);",
        problem_program(problem),
        thetas,
    )
    for theta, (loss, outputs) in zip(thetas, found, strict=True):
        tensors = problem.tensors(theta, float)
        assert loss == pytest.approx(float(problem.loss_at(tensors)), rel=1e-12)
        np.testing.assert_allclose(outputs, np.array(problem.outputs_at(tensors), dtype=float), rtol=1e-12, atol=1e-13)


def test_wrong_arithmetic_gives_no_pictures(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "map.report.html"
    write_report(solved("poster"), path)
    text = path.read_text(encoding="utf-8")
    # As if a browser computed something else than Python: another penalty.
    wrong = text.replace('["*",0.1,', '["*",0.2,')
    assert wrong != text
    path.write_text(wrong, encoding="utf-8")
    page.open(path)
    assert "comes out as" in page.text("#trouble")
    page.set("#chosen", "3")
    for section in ("function", "family", "slice"):
        assert not page.find(f"#{section}-section").is_displayed()
        assert not page.all(f"#{section} svg, #{section} canvas")
    assert page.find("#table tbody tr").is_displayed()


def test_hostile_titles_and_comments_are_text(page: Page, tmp_path: Path) -> None:
    spec = TEXTS["xor"].replace('"XOR, two units"', '"plain"') + f"# {HOSTILE} </pre><script>document.title = 'hacked'</script>\n"
    minima = titled(solved("xor"), HOSTILE)
    source = parsed(spec).source
    minima = titled(minima, HOSTILE)
    object.__setattr__(minima.problem, "source", source)
    opened(page, incomplete(minima, reason=HOSTILE), tmp_path)
    assert page.text("h1") == HOSTILE
    assert page.driver.title == " ".join(HOSTILE.split())
    assert HOSTILE in page.text("#undecided-table")
    assert HOSTILE in page.run("return [...document.querySelectorAll('details pre')].map(node => node.textContent).join('')")
    assert page.run("return document.images.length") == 0
    assert page.noise() == []


def test_an_incomplete_map_says_so_on_top(page: Page, tmp_path: Path) -> None:
    opened(page, incomplete(solved("poster"), count=700), tmp_path)
    banner = page.find(".verdict")
    assert banner.text.startswith("Not complete: 5 components")
    assert "700 of 231 strata are undecided" in banner.text
    assert banner.location["y"] < 200
    assert "Least loss found" in page.text("header .facts")
    assert "least loss found" in page.text("#shown-count")
    assert "global" not in page.text("#component-facts")
    page.click(".verdict a")
    assert len(page.all("#undecided-table tbody tr")) == 500
    assert "first 500 are listed" in page.text("#undecided-note")


def test_the_table_sorts_and_filters(page: Page, tmp_path: Path) -> None:
    opened(page, solved("poster"), tmp_path)

    def ids() -> list[int]:
        return page.run("return [...document.querySelectorAll('#table tbody tr')].map(row => Number(row.dataset.id))")  # type: ignore[no-any-return]

    for key, expected in (
        ("dimension", [0, 1, 2, 4, 3]),
        ("orbit", [3, 0, 1, 2, 4]),
        ("location", [0, 1, 2, 4, 3]),
        ("loss", [0, 1, 2, 3, 4]),
    ):
        page.click(f"#table th[data-key={key}] button")
        assert ids() == expected
        assert page.find(f"#table th[data-key={key}]").get_attribute("aria-sort") == "ascending"
    page.click("#table th[data-key=loss] button")
    assert ids() == [4, 3, 2, 1, 0]
    page.set("#filter-dimension", "1")
    assert ids() == [3]
    assert len(page.all("#ladder .mark")) == 1
    page.set("#filter-dimension", "")
    page.set("#filter-location", "boundary")
    assert ids() == [4, 2, 1, 0]
    page.set("#filter-text", "0++|++")
    assert ids() == [0]
    page.set("#filter-text", "")
    page.set("#filter-location", "")
    page.set("#filter-loss", "500")
    assert ids() == [2, 1, 0]
    page.click("#table th[data-key=id] button")
    page.click("#table tbody tr[data-id='1']")
    assert page.text("#component-facts").startswith("Loss1.52060738")


def test_keys_and_buttons_go_from_component_to_component(page: Page, tmp_path: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    opened(page, solved("poster"), tmp_path)
    for press in (
        lambda: page.click("#next"),
        *(lambda s=s: page.find(s).send_keys(Keys.ARROW_RIGHT) for s in ("#ladder svg", "#function svg")),
    ):
        press()
    assert page.run("return document.getElementById('chosen').value") == "3"
    assert "Component 3" in page.text("#announcer")
    page.click("#previous")
    page.find("#table tbody tr[data-id='4'] button").send_keys(Keys.ENTER)
    assert page.run("return document.getElementById('chosen').value") == "4"
    assert page.find("#table tbody tr[data-id='4']").get_attribute("aria-current") == "true"


@pytest.mark.parametrize("name", ["curves", "a heat map", "a sheet", "incomplete"])
def test_every_control_has_a_name(name: str, page: Page, tmp_path: Path) -> None:
    opened(page, MAPS[name](), tmp_path)
    nameless = page.run(
        "return [...document.querySelectorAll('button, select, input, [tabindex]')].filter((node) => !(node.getAttribute('aria-label') ||"
        "(node.labels?.length && node.labels[0].textContent.trim()) || node.textContent.trim())).map((node) => node.outerHTML)"
    )
    assert nameless == []
    unlabelled = page.run(
        "return [...document.querySelectorAll('svg')].filter((n) => !n.getAttribute('aria-label')).map((n) => n.outerHTML.slice(0, 200))"
    )
    assert unlabelled == []


def test_the_kinks_are_where_the_units_bend(page: Page, tmp_path: Path) -> None:
    minima = solved("poster")
    opened(page, minima, tmp_path)
    page.set("#chosen", "4")
    theta = minima.theta(4)
    expected = sorted(float(-b / w) for w, b in zip(theta["hidden.weight"][:, 0], theta["hidden.bias"], strict=True))
    places = page.text("#function-note").split("x = ")[1].rstrip(".").replace("−", "-").split(", ")
    found = sorted(map(float, places))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-12)
    page.click("#everything")
    assert len(page.all(".other-curve")) == len(minima)


@pytest.mark.parametrize(("name", "component"), [("poster", 3), ("closed_sheet", 0), ("free_hidden_biases", 3), ("arc", 0), ("circle", 0)])
def test_a_family_moves_and_its_function_stays(name: str, component: int, page: Page, tmp_path: Path) -> None:
    opened(page, solved(name), tmp_path)
    page.set("#chosen", str(component))
    before = (page.text("#family-weights"), page.run("return document.querySelector('.curve').getAttribute('d')"))
    page.set(".family-slider", "900")
    after = (page.text("#family-weights"), page.run("return document.querySelector('.curve').getAttribute('d')"))
    assert before[0] != after[0]
    if name != "arc":  # its units bend, one after the other, where there are no data
        points = [np.array([float(part) for part in d.replace("M", "").replace("L", ",").split(",")]) for d in (before[1], after[1])]
        np.testing.assert_allclose(points[0], points[1], atol=2e-3)
    facts = page.text("#family-facts")
    assert "the function stays at the data" in facts
    loss = float(solved(name)[component].loss)
    assert float(facts.split()[2].rstrip(",")) == pytest.approx(loss, rel=1e-9)
    page.click("#family-play")
    page.wait(f"return document.getElementById('family-weights').textContent !== {json.dumps(after[0])}", "the weights move")
    page.click("#family-play")
    assert page.text("#family-play") == "Play"
    page.click("#copy-moved")
    page.click(".copy[data-format=JSON]")
    moved = json.loads(page.text("#copied-text"))
    assert float(solved(name).problem.loss_at(moved)) == pytest.approx(loss, rel=1e-9)


@pytest.mark.parametrize("name", ["poster", "fixed_output_signs", "two_hidden_layers"])
def test_a_witness_is_copied_for_other_programs(name: str, page: Page, tmp_path: Path) -> None:
    minima = solved(name)
    opened(page, minima, tmp_path)
    torch = SimpleNamespace(tensor=lambda rows, dtype: np.array(rows, dtype=dtype), float64=np.float64)
    for form, variable in (("JSON", None), ("NumPy", "theta"), ("PyTorch", "state_dict")):
        page.click(f".copy[data-format={form}]")
        text = page.text("#copied-text")
        page.wait(f"return document.getElementById('copy-outcome').textContent.startsWith('{form}: ')", "the outcome of copying")
        names: dict[str, object] = {"torch": torch}
        if variable is None:
            theta = json.loads(text)
        else:
            exec(text.replace("import torch", ""), names)
            theta = names[variable]
        assert set(theta) == set(minima.theta(0))
        for tensor, values in minima.theta(0).items():
            np.testing.assert_array_equal(np.array(theta[tensor]), values)


def test_the_region_graph_shows_and_zooms(page: Page, tmp_path: Path) -> None:
    opened(page, solved("poster"), tmp_path)
    picture = "return document.querySelector('#regions canvas').toDataURL()"
    before = page.run(picture)
    page.click("button[aria-label='Zoom in']")
    page.wait(f"{picture} !== {json.dumps(before)}", "the zoom")
    page.click("button[aria-label='Reset the zoom']")
    page.wait(f"{picture} === {json.dumps(before)}", "the reset")
    page.set("[aria-label='Which minima are marked']", "chosen")
    assert page.run(picture) != before
    # The only minimum inside a cell is component 3, in the cell where both units are on everywhere: on the first tile.
    page.set("[aria-label='Which minima are marked']", "filtered")
    page.set("[aria-label='View of the region graph']", "ring")
    assert len(page.all("#regions .ring-cell")) == 10
    assert page.all("#regions .mark.chosen, #regions .ring-bar")


def test_a_click_on_a_mark_chooses_its_component(page: Page, tmp_path: Path) -> None:
    opened(page, solved("two_hidden_layers"), tmp_path)
    marks = page.all("#regions .mark")
    assert len(marks) == 5
    page.run("document.querySelector('#regions .mark[data-id=\"2\"]').dispatchEvent(new MouseEvent('click', {bubbles: true}))")
    assert page.run("return document.getElementById('chosen').value") == "2"
    assert "28 cells" in page.text("#regions-facts")


def test_a_region_graph_by_two_parts_of_its_names(page: Page, tmp_path: Path) -> None:
    minima = solved("two_hidden_layers")
    opened(page, minima, tmp_path)
    cells = [name.split("/") for name in general_region_graph(minima.problem)]
    tiles = "return (document.querySelector('#regions').innerHTML.match(/M[^M]*z/g) || []).filter((path) => /h.*v.*h-/.test(path)).length"
    assert page.run(tiles) == len({(first, second) for first, second in cells}) == 28
    assert len(page.all("#regions .mark")) == len(minima)
    page.set("[aria-label='Part downwards']", "0")
    assert page.run(tiles) == len({first for first, _ in cells})
    page.set("[aria-label='Part downwards']", "1")
    page.set("[aria-label='Cells whose names contain']", "?++/")
    assert page.run(tiles) == sum(first[1:] == "++" for first, _ in cells)
    page.set("[aria-label='Cells whose names contain']", "(")
    assert page.run(tiles) == 0
    assert page.noise() == []


@pytest.mark.parametrize(("name", "steps"), [("two_hidden_layers", 1), ("two_hidden_layers", 3), ("two units in space", 1)])
def test_the_cells_near_a_minimum(name: str, steps: int, page: Page, tmp_path: Path) -> None:
    minima = solved(name)
    opened(page, minima, tmp_path)
    one_layer = name == "two units in space"
    graph = region_graph(minima.problem).graph() if one_layer else general_region_graph(minima.problem)
    page.set("[aria-label='View of the region graph']", "around")
    page.set("[aria-label='Walls away from the minimum, at most']", str(steps))
    for component in minima:
        page.set("#chosen", str(component.id))
        stratum = component.pieces[0].stratum
        near = {cell for cell in graph if all(here in ("0", there) for here, there in zip(stratum, cell, strict=True))}
        cut = False
        for _ in range(steps):
            wider = near | {other for cell in near for other in graph[cell]}
            cut = len(wider) > 80
            near = near if cut else wider
        assert ("more than 80 cells" in page.text("#regions-note")) == cut
        drawn = page.run("return [...document.querySelectorAll('#regions .cell-dot title')].map((node) => node.textContent)")
        assert sorted(drawn) == sorted(near)
        assert len(page.all("#regions .wall-line")) == graph.subgraph(near).number_of_edges()
        assert page.all(f"#regions .mark.chosen[data-id='{component.id}']")


@pytest.mark.slow
def test_thousands_of_cells_are_shown_and_filtered(page: Page, tmp_path: Path) -> None:
    minima = solved("three units in space")
    opened(page, minima, tmp_path)
    assert "27,000 cells" in page.text("#regions-facts")
    seen = []
    for label, value in (
        ("Cells whose names contain", "|++"),
        ("Part downwards", "2"),
        ("View of the region graph", "around"),
        ("View of the region graph", "parts"),
    ):
        page.set(f"[aria-label='{label}']", value)
        seen.append(page.run("return document.querySelector('#regions').innerHTML"))
    assert len(set(seen)) == len(seen) - 1, "the last view is the one before the third"
    assert seen[1] == seen[3]
    assert page.noise() == []


def test_the_slice_answers_its_controls(page: Page, tmp_path: Path) -> None:
    minima = solved("poster")
    opened(page, minima, tmp_path)
    ready = "return document.getElementById('slice').getAttribute('aria-busy') === 'false'"
    page.wait(ready, "the slice")
    picture = "return document.querySelector('#slice canvas').toDataURL()"
    seen = {page.run(picture)}
    for act in (
        lambda: page.set("[aria-label='Second minimum, B']", "4"),
        lambda: page.set("[aria-label='Third point of the plane']", "2"),
        lambda: page.click("#slice-random"),
        lambda: page.click("#slice-random"),
        lambda: page.click("button[aria-label='Slice: nearer']"),
        lambda: page.click("button[aria-label='Slice: farther']"),
    ):
        act()
        page.wait(ready, "the slice")
        seen.add(page.run(picture))
    assert len(seen) >= 6
    page.click("#slice-align")
    page.wait(ready, "the slice")
    page.set("[aria-label='First minimum, A']", "4")
    page.wait(ready, "the slice")
    assert "the same point" in page.text("#slice-note")
    assert page.noise() == []


def test_the_slice_reads_the_true_loss_at_its_first_minimum(page: Page, tmp_path: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    opened(page, solved("poster"), tmp_path)
    page.wait("return document.getElementById('slice').getAttribute('aria-busy') === 'false'", "the slice")
    page.find("#slice svg.over").send_keys(Keys.ARROW_RIGHT, Keys.ARROW_LEFT)
    readout = page.text("#slice-readout")
    assert float(readout.split()[1]) == pytest.approx(float(solved("poster")[0].loss), rel=1e-6)
    assert page.text("#announcer") == readout


@pytest.mark.parametrize("name", ["curves", "a heat map", "five hundred", "incomplete"])
def test_nothing_sticks_out_of_a_telephone(name: str, page: Page, tmp_path: Path) -> None:
    opened(page, MAPS[name](), tmp_path, width=400)
    assert page.run("return document.documentElement.scrollWidth") <= 400
    assert page.run("return document.querySelector('#function svg').getBoundingClientRect().width") <= 400


def test_a_heat_map_stays_under_its_axes_where_the_page_gets_narrower(page: Page, tmp_path: Path) -> None:
    opened(page, solved("xor"), tmp_path, width=400)
    page.wait("return document.getElementById('slice').getAttribute('aria-busy') === 'false'", "the slice")
    # As a scroll bar does that appears after the picture is drawn.
    page.run("document.body.style.width = '360px'")
    for section in ("function", "slice"):
        image, svg, view = page.run(
            "const box = (node) => { const r = node.getBoundingClientRect(); return [r.left, r.top, r.width, r.height]; };"
            "const svg = document.querySelector(`#${arguments[0]} svg.over`);"
            "return [box(document.querySelector(`#${arguments[0]} canvas`)), box(svg), svg.getAttribute('viewBox').split(' ').map(Number)]",
            section,
        )
        left = 44 if section == "function" else 8
        scale = svg[2] / view[2]
        assert scale < 1
        expected = [svg[0] + left * scale, svg[1] + 8 * scale, (view[2] - left - 8) * scale, (view[2] - left - 8) * scale]
        np.testing.assert_allclose(image, expected, atol=0.6)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", ["curves", "a heat map", "incomplete", "two hidden layers"])
def test_text_stands_out_from_its_ground(name: str, dark: bool, page: Page, tmp_path: Path) -> None:
    opened(page, MAPS[name](), tmp_path, dark=dark)
    assert page.run((Path(__file__).parent / "contrast.js").read_text(encoding="utf-8")) == []


def test_light_and_dark(page: Page, tmp_path: Path) -> None:
    def background() -> int:
        colours = page.run("return getComputedStyle(document.body).backgroundColor")
        return sum(int(part) for part in colours.strip("rgba()").split(",")[:3])

    opened(page, solved("poster"), tmp_path, dark=True)
    assert background() < 150
    page.click("#theme")
    assert background() > 600
    page.click("#theme")
    assert background() < 150
    opened(page, solved("poster"), tmp_path)
    assert background() > 600
    assert "as the system" in page.find("#theme").get_attribute("aria-label")


def test_five_hundred_components(page: Page, tmp_path: Path) -> None:
    minima = repeated(solved("twelve"), 500)
    opened(page, minima, tmp_path)
    assert len(page.all("#table tbody tr")) == 60
    page.click("#more-rows")
    assert len(page.all("#table tbody tr")) == 500
    assert len(page.all("#ladder .mark")) == 500
    page.set("#chosen", "499")
    assert f"{minima[499].loss.value} ± " in page.text("#component-facts")
    page.set("#filter-dimension", "1")
    families = sum(component.dimension > 0 for component in minima)
    assert f"{families} of 500 components shown" in page.text("#shown-count")
    assert page.noise() == []
