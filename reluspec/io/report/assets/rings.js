// Other pictures of regions: one unit's cycle of cells, its sphere of directions, and graphs of nodes and edges.

let figure = { node: null, behaviour: null };

// An SVG with zoom: `inner` is what moves.
function zoomable(width, height, label) {
  const svg = d3.create("svg").attr("width", width).attr("viewBox", `0 0 ${width} ${height}`).attr("role", "group").attr("class", "zoomable").attr("aria-label", `${label} Arrow keys go from component to component, plus and minus zoom.`);
  const inner = svg.append("g");
  const behaviour = d3.zoom().scaleExtent([1, 40]).translateExtent([[0, 0], [width, height]]).extent([[0, 0], [width, height]]).on("zoom", (event) => {
    inner.attr("transform", event.transform);
    // Marks keep their size on the screen.
    inner.selectAll(".fixed").attr("transform", function () { return `translate(${this.dataset.x} ${this.dataset.y}) scale(${1 / event.transform.k})`; });
  });
  svg.call(behaviour).on("dblclick.zoom", null);
  figure = { node: svg.node(), behaviour };
  steppable(svg.node());
  svg.node().addEventListener("keydown", (event) => { if (event.key === "+" || event.key === "-") zoomRegions(event.key === "+" ? 1.5 : 1 / 1.5); });
  byId("regions").replaceChildren(svg.node());
  return { svg, inner };
}

const show = (text) => { byId("regions-readout").textContent = text; };

function placeMark(parent, x, y, component, text, size = 70) {
  parent.append("path").attr("class", `fixed mark ${component.location}`).attr("data-x", x).attr("data-y", y).attr("transform", `translate(${x} ${y})`)
    .attr("data-id", component.id).attr("d", d3.symbol(symbol(component.dimension), size)()).classed("chosen", component.id === state.component)
    .on("click", () => choose(component.id)).on("mouseenter", () => show(text)).append("title").text(text);
}

// Marks of the chosen component come last, on top.
const inOrder = () => markedComponents().slice().sort((a, b) => (a.id === state.component) - (b.id === state.component));

function drawRing() {
  const width = widthOf(byId("regions"), 640);
  const { inner } = zoomable(width, width, `The ${ringCells} cells of one unit as arcs of a circle.`);
  const [center, radius] = [width / 2, width * 0.27];
  const angle = (place) => (Math.PI * place) / ringCells; // of a ring position: two per cell
  const group = inner.append("g").attr("transform", `translate(${center} ${center})`);
  const counts = new Map();
  for (const component of markedComponents()) {
    for (const name of unitNames(component.pieces[0].stratum)) counts.set(name, (counts.get(name) || 0) + 1);
  }
  const gap = Math.min(0.16 / ringCells, 0.03);
  const arc = d3.arc().innerRadius(radius).outerRadius(radius + 14);
  group.selectAll("path").data(regions.ring.filter((_, k) => k % 2 === 1)).join("path").attr("class", "ring-cell")
    .attr("d", (_, k) => arc({ startAngle: angle(2 * k) + gap, endAngle: angle(2 * k + 2) - gap }))
    .on("mouseenter", (_, name) => show(`cell ${name}: ${plural(counts.get(name) || 0, "unit")} of marked components`)).append("title").text((name) => name);
  if (ringCells <= 40) ringNames(group, radius, angle);
  const chosenNames = chosen() ? unitNames(chosenPiece().stratum) : [];
  if (Math.max(0, ...counts.values()) <= MOST_STACKED) ringMarks(group, radius, angle);
  else ringBars(group, radius, angle, counts, d3.scaleLinear([0, Math.max(...counts.values())], [0, width * 0.14]));
  const dead = chosenNames.filter((name) => isDead(name) && !ringPlace.has(name)).length;
  group.append("text").attr("class", "tick-text").attr("text-anchor", "middle").text(dead ? `${plural(dead, "unit")} dead, at the origin` : "");
}

const MOST_STACKED = 6;
const ringPoint = (radius, a) => [radius * Math.sin(a), -radius * Math.cos(a)];
const ringName = (name, place) => `${place % 2 ? "cell" : "wall"} ${name}`;

function ringNames(group, radius, angle) {
  const cells = regions.ring.filter((_, k) => k % 2 === 1);
  const upright_ = ringCells <= 12;
  group.selectAll("text.ring-name").data(cells).join("text").attr("class", "tick-text ring-name").attr("text-anchor", "middle").attr("dominant-baseline", "middle")
    .attr("transform", (name, k) => {
      const a = angle(2 * k + 1);
      const inner = radius - 12 - 3.4 * name.length;
      if (upright_) return `translate(${ringPoint(inner, a)})`;
      const turn = (a * 180) / Math.PI - 90;
      return `rotate(${turn}) translate(${inner} 0) rotate(${Math.abs(turn) > 90 ? 180 : 0})`;
    }).text((name) => name);
}

// Every unit of every marked component, one outside the other.
function ringMarks(group, radius, angle) {
  const stacked = new Map();
  for (const component of inOrder().reverse()) {
    const piece = component.id === state.component ? chosenPiece() : component.pieces[0];
    unitNames(piece.stratum).forEach((name, unit) => {
      const place = ringPlace.get(name);
      if (place === undefined) return;
      const below = stacked.get(name) || 0;
      stacked.set(name, below + 1);
      const [x, y] = ringPoint(radius + 7 + 19 * below, angle(place));
      placeMark(group, x, y, component, `unit ${unit} of component ${component.id}, loss ${short(component.loss[0])}: ${ringName(name, place)}`, 90);
    });
  }
}

// Too many to be told apart: how many there are, and the chosen one's.
function ringBars(group, radius, angle, counts, length) {
  regions.ring.forEach((name, place) => {
    const count = counts.get(name) || 0;
    const [from, to] = [ringPoint(radius + 18, angle(place)), ringPoint(radius + 20 + length(count), angle(place))];
    if (!count) return;
    group.append("line").attr("class", "ring-bar").attr("x1", from[0]).attr("y1", from[1]).attr("x2", to[0]).attr("y2", to[1])
      .on("mouseenter", () => show(`${ringName(name, place)}: ${plural(count, "unit")} of marked components`));
  });
  unitNames(chosenPiece().stratum).forEach((name, unit) => {
    if (!ringPlace.has(name)) return;
    const [x, y] = ringPoint(radius + 7 - 6 * unit, angle(ringPlace.get(name)));
    placeMark(group, x, y, chosen(), `unit ${unit} of component ${chosen().id}: ${name}`, 90);
  });
}

// Equal-area projection of a half of the sphere: the last coordinate points to the eye.
const onDisc = ([a, b, c]) => [a / Math.sqrt(1 + Math.abs(c)), b / Math.sqrt(1 + Math.abs(c))];
const unitVector = (v) => { const size = Math.hypot(...v); return v.map((entry) => entry / size); };

function greatCircle(normal) {
  const n = unitVector(normal);
  const helper = Math.abs(n[2]) < 0.9 ? [0, 0, 1] : [1, 0, 0];
  const u = unitVector([n[1] * helper[2] - n[2] * helper[1], n[2] * helper[0] - n[0] * helper[2], n[0] * helper[1] - n[1] * helper[0]]);
  const v = [n[1] * u[2] - n[2] * u[1], n[2] * u[0] - n[0] * u[2], n[0] * u[1] - n[1] * u[0]];
  const turns = 240;
  return d3.range(turns + 1).map((k) => u.map((entry, axis) => entry * Math.cos((2 * Math.PI * k) / turns) + v[axis] * Math.sin((2 * Math.PI * k) / turns)));
}

function drawSphere() {
  const width = widthOf(byId("regions"), 720);
  const [radius, height] = [width / 4 - 10, width / 2 + 26];
  const { svg, inner } = zoomable(width, height, "The sphere of one unit's directions with one great circle per data point, seen from both sides.");
  const centers = [[width / 4, width / 4 + 4], [(3 * width) / 4, width / 4 + 4]];
  const put = (v) => { const half = v[2] >= 0 ? 0 : 1; const [x, y] = onDisc(v); return [centers[half][0] + radius * x, centers[half][1] - radius * y, half]; };
  const last = data.problem.layers[0].bias ? "bias" : "last weight";
  centers.forEach(([x, y], half) => {
    inner.append("circle").attr("class", "disc").attr("cx", x).attr("cy", y).attr("r", radius);
    inner.append("text").attr("class", "axis-title").attr("x", x).attr("y", y + radius + 18).attr("text-anchor", "middle").text(half ? `${last} below 0` : `${last} above 0`);
  });
  regions.rows.forEach((row, i) => {
    if (!row.some((entry) => entry)) return;
    const pieces = [];
    let before = null;
    for (const point of greatCircle(row)) {
      const [x, y, half] = put(point);
      pieces.push(`${before === half ? "L" : "M"}${x.toFixed(2)} ${y.toFixed(2)}`);
      before = half;
    }
    inner.append("path").attr("class", "circle-line").attr("d", pieces.join("")).on("mouseenter", () => show(`the switch of point ${i}`)).append("title").text(`switch of point ${i}`);
  });
  inner.append("g").selectAll("circle").data(regions.cell_points.map(put)).join("circle").attr("class", "cell-dot").attr("r", 1.6).attr("cx", (p) => p[0]).attr("cy", (p) => p[1]);
  for (const component of inOrder()) {
    const tensors = network.tensors(component.id === state.component ? state.theta : component.pieces[0].theta, Number);
    const layer = network.layers[0];
    tensors[`${layer.name}.weight`].forEach((weights, unit) => {
      const vector = layer.bias ? [...weights, tensors[`${layer.name}.bias`][unit]] : weights;
      const name = unitNames((component.id === state.component ? chosenPiece() : component.pieces[0]).stratum)[unit];
      if (isDead(name) || vector.every((entry) => Math.abs(entry) < 1e-12)) return;
      const [x, y] = put(unitVector(vector));
      placeMark(inner, x, y, component, `unit ${unit} of component ${component.id}: ${name}`);
    });
  }
  svg.on("mousemove", (event) => readSphere(d3.pointer(event, inner.node()), centers, radius));
}

function readSphere([px, py], centers, radius) {
  centers.forEach(([x, y], half) => {
    const [a, b] = [(px - x) / radius, (y - py) / radius];
    const r2 = a * a + b * b;
    if (r2 > 1) return;
    const c = 1 - r2;
    const v = [a * Math.sqrt(1 + c), b * Math.sqrt(1 + c), half ? -c : c];
    show(`cell ${regions.rows.map((row) => { const t = d3.sum(row, (entry, k) => entry * v[k]); return row.some((e) => e) ? (t > 0 ? "+" : "-") : "0"; }).join("")}`);
  });
}

// A cell under the pointer, with its walls.
function nearby(inner, node) {
  const here = regions.nodes.indexOf(node);
  const walls = inner.selectAll(".wall-line").classed("near", ([one, other]) => one === here || other === here).filter(".near").size();
  show(`cell ${node[0]}, ${plural(walls, "wall")}`);
}

function drawGraph() {
  const width = widthOf(byId("regions"), 640);
  const height = Math.round(width * 0.8);
  const { inner } = zoomable(width, height, `${regions.nodes.length} cells as dots, ${regions.edges.length} walls as lines.`);
  const margin = regions.nodes.length <= MOST_NAMED ? 60 : 14; // names need room
  const [x, y] = [(node) => margin + node[1] * (width - 2 * margin), (node) => 14 + node[2] * (height - 28)];
  const ends = ([one, other]) => [regions.nodes[one], regions.nodes[other]];
  const fits = patternTest();
  inner.append("g").selectAll("line").data(regions.edges).join("line").attr("class", "wall-line")
    .attr("x1", (e) => x(ends(e)[0])).attr("y1", (e) => y(ends(e)[0])).attr("x2", (e) => x(ends(e)[1])).attr("y2", (e) => y(ends(e)[1]))
    .on("mouseenter", (_, edge) => show(`wall ${edge[2]}`));
  inner.append("g").selectAll("circle").data(regions.nodes).join("circle").attr("class", ([name]) => (fits(name) ? "cell-dot" : "cell-dot faint"))
    .attr("r", Math.max(2, Math.min(5, 60 / Math.sqrt(regions.nodes.length))))
    .attr("cx", x).attr("cy", y).on("mouseenter", (_, node) => nearby(inner, node)).append("title").text((node) => node[0]);
  cellNames(inner, regions.nodes.map((node) => [node[0], x(node), y(node), node[1] - 0.5]));
  for (const component of inOrder()) {
    const piece = component.id === state.component ? chosenPiece() : component.pieces[0];
    for (const stratum of regions.one_unit ? unitNames(piece.stratum) : [piece.stratum]) {
      const cells = regions.nodes.filter(([cell]) => around(stratum, cell));
      if (cells.length) placeMark(inner, d3.mean(cells, x), d3.mean(cells, y), component, `component ${component.id}, loss ${short(component.loss[0])}: ${stratum}`);
    }
  }
}
