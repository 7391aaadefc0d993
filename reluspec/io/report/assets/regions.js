// The region graph. For one input and several units: tiles, the product of two units' cycles. Others: rings.js.

const regions = { ...data.regions, view: null, pair: [0, 1], zoom: d3.zoomIdentity, what: "filtered" };
const UNITS = Number(data.regions.units || 1);
// A sphere's marks are computed from the weights.
if (regions.kind === "sphere" && !network) Object.assign(regions, { kind: "none", reason: "the directions of the units are beyond double precision" });

// The faces that the units of a stratum lie on: the first layer's part of its name.
const unitNames = (stratum) => stratum.split(/[/;]/)[0].split("|");

const markedComponents = () => {
  if (regions.what === "chosen") return chosen() ? [chosen()] : [];
  const shown = visible();
  return chosen() && !shown.includes(chosen()) ? [...shown, chosen()] : shown;
};

// All placings of a stratum's faces on the two drawn units: by the exchanges of units, where they are few; all of them are allowed where unknown.
function placings(names) {
  const [i, j] = regions.pair;
  const pairs = new Map();
  const add = (one, other, listed) => { const key = `${one}|${other}`; if (!pairs.has(key) || listed) pairs.set(key, [one, other, listed]); };
  add(names[i], names[j], true);
  if (data.exchanges.length) {
    for (const exchange of data.exchanges) add(names[exchange.layers[0][i]], names[exchange.layers[0][j]], false);
  } else if (data.interchangeable) {
    names.forEach((one, a) => names.forEach((other, b) => { if (a !== b) add(one, other, false); }));
  }
  return [...pairs.values()].sort((a, b) => Number(a[2]) - Number(b[2]));
}

const ringPlace = regions.kind === "cycle" ? new Map(regions.ring.map((name, k) => [name, k])) : null;
const ringCells = regions.kind === "cycle" ? regions.ring.length / 2 : 0;
const DEAD = () => ringCells + 0.9;
const isDead = (name) => /^0+$/.test(name);
// Tiles are one wide: a cell's middle is at k + 1/2, the wall before it at k. Dead units stand in a strip of their own.
const tilePlaces = (name) => {
  if (isDead(name) && !ringPlace.has(name)) return [DEAD()];
  const place = ringPlace.get(name) / 2;
  return place === 0 ? [0, ringCells] : [place];
};

function tileMarks() {
  const marks = [];
  for (const component of markedComponents()) {
    for (const piece of component.pieces) {
      for (const [one, other, listed] of placings(unitNames(piece.stratum))) {
        for (const x of tilePlaces(one)) for (const y of tilePlaces(other)) marks.push({ x, y, component, listed, piece });
      }
    }
  }
  return marks;
}

const NAME_FONT = "11px ui-monospace, monospace";
let tiles = null;

function drawTiles() {
  const holder = byId("regions");
  const [width, margin] = [widthOf(holder, 640), 8];
  const { node, context } = canvas(width, width);
  node.className = "tiles";
  node.setAttribute("role", "group");
  node.setAttribute("aria-label", `Region graph: ${regions.cells} cells as tiles, their walls as lines, minima as marks. Arrow keys go from component to component, plus and minus zoom.`);
  context.font = NAME_FONT;
  const name = context.measureText(regions.ring[1]).width;
  const edge = name < width / 5 ? name + 10 : 4;
  tiles = { node, context, width, edge, base: d3.scaleLinear([-0.15, ringCells + 1.4], [edge, width - margin]), marks: tileMarks() };
  const zoom = d3.zoom().scaleExtent([1, Math.max(4, ringCells)]).translateExtent([[0, 0], [width, width]]).extent([[0, 0], [width, width]])
    .on("zoom", (event) => { regions.zoom = event.transform; paintTiles(); });
  tiles.zoom = zoom;
  d3.select(node).call(zoom).on("dblclick.zoom", null).call(zoom.transform, regions.zoom);
  node.addEventListener("mousemove", (event) => readTile(d3.pointer(event)));
  node.addEventListener("click", (event) => {
    const mark = nearestMark(d3.pointer(event));
    if (mark) choose(mark.component.id);
  });
  steppable(node);
  node.addEventListener("keydown", (event) => { if (event.key === "+" || event.key === "-") zoomRegions(event.key === "+" ? 1.5 : 1 / 1.5); });
  holder.replaceChildren(node);
}

function zoomRegions(factor) {
  const { node, behaviour } = regions.view === "tiles" ? { node: tiles.node, behaviour: tiles.zoom } : figure;
  if (!behaviour) return;
  const selection = d3.select(node);
  if (factor === 0) selection.call(behaviour.transform, d3.zoomIdentity);
  else selection.call(behaviour.scaleBy, factor);
}

const tileScale = () => regions.zoom.rescaleX(tiles.base);
const tileScaleY = () => regions.zoom.rescaleY(tiles.base);

function paintTiles() {
  const { context: c, width } = tiles;
  const [x, y] = [tileScale(), tileScaleY()];
  const unit = x(1) - x(0);
  c.clearRect(0, 0, width, width);
  // Tiles: the more points on which both units are on, the darker.
  c.fillStyle = colour("tile");
  c.fillRect(x(0), y(0), ringCells * unit, ringCells * unit);
  shadeTiles(c, x, y, unit);
  c.fillStyle = colour("strip");
  c.fillRect(x(ringCells + 0.5), y(0), 0.8 * unit, ringCells * unit);
  c.fillRect(x(0), y(ringCells + 0.5), ringCells * unit, 0.8 * unit);
  c.fillRect(x(ringCells + 0.5), y(ringCells + 0.5), 0.8 * unit, 0.8 * unit);
  c.strokeStyle = colour("wall");
  c.lineWidth = Math.min(1.2, Math.max(0.15, unit / 14));
  c.beginPath();
  for (let k = 0; k <= ringCells; k++) {
    c.moveTo(x(k), y(0)); c.lineTo(x(k), y(ringCells));
    c.moveTo(x(0), y(k)); c.lineTo(x(ringCells), y(k));
  }
  c.stroke();
  paintMarks(c, x, y, unit);
  nameTiles(c, x, y, unit);
}

// Columns and rows are shaded one over the other, so that the work grows with one unit's cells, not with the tiles.
function shadeTiles(c, x, y, unit) {
  c.fillStyle = colour("tile-on");
  regions.ring.filter((_, k) => k % 2 === 1).forEach((name, k) => {
    c.globalAlpha = (0.16 * (name.match(/\+/g) || []).length) / name.length;
    c.fillRect(x(k), y(0), unit, ringCells * unit);
    c.fillRect(x(0), y(k), ringCells * unit, unit);
  });
  c.globalAlpha = 1;
}

// Names of rows and columns along the edges, where they fit; inside the tiles once there is room.
function nameTiles(c, x, y, unit) {
  c.fillStyle = colour("soft");
  c.textAlign = "center";
  c.textBaseline = "middle";
  c.font = "11px system-ui, sans-serif";
  if (unit * 0.8 > 10) {
    c.fillText("dead", x(ringCells / 2), y(ringCells + 0.9));
    upright(c, "dead", x(ringCells + 0.9), y(ringCells / 2));
  }
  c.font = NAME_FONT;
  c.fillStyle = colour("paper");
  c.fillRect(0, 0, tiles.width, tiles.edge);
  c.fillRect(0, 0, tiles.edge, tiles.width);
  c.fillStyle = colour("soft");
  if (tiles.edge < 10 || unit < 12) return;
  regions.ring.filter((_, k) => k % 2 === 1).forEach((name, k) => {
    if (x(k + 0.5) > tiles.edge) upright(c, name, x(k + 0.5), tiles.edge / 2);
    if (y(k + 0.5) > tiles.edge) c.fillText(name, tiles.edge / 2, y(k + 0.5));
  });
}

function upright(c, text, x, y) {
  c.save();
  c.translate(x, y);
  c.rotate(-Math.PI / 2);
  c.fillText(text, 0, 0);
  c.restore();
}

function paintMarks(c, x, y, unit) {
  const radius = Math.min(9, Math.max(2.2, unit / 5));
  const paper = colour("paper");
  const shapes = SYMBOLS.map((form) => (area) => new Path2D(d3.symbol(form, area)()));
  const paint = (marks, ink, size, thick) => {
    const drawn = new Map(SYMBOLS.map((_, k) => [k, shapes[k](Math.PI * size * size)]));
    c.strokeStyle = ink;
    c.lineWidth = thick;
    for (const mark of marks) {
      const [px, py] = [x(mark.x), y(mark.y)];
      if (px < -size || py < -size || px > tiles.width + size || py > tiles.width + size) continue;
      c.translate(px, py);
      c.fillStyle = mark.component.location === "interior" ? ink : paper;
      const path = drawn.get(Math.min(mark.component.dimension, 2));
      c.fill(path);
      c.stroke(path);
      c.translate(-px, -py);
    }
  };
  const [others, mine] = [[], []];
  for (const mark of tiles.marks) (mark.component.id === state.component ? mine : others).push(mark);
  for (const [marks, ink, scale] of [[others, colour("mark"), 1], [mine, colour("chosen"), 1.3]]) {
    for (const listed of [false, true]) {
      const size = scale * (listed ? 1 : 0.6) * radius;
      paint(marks.filter((mark) => mark.listed === listed), ink, size, Math.max(1, size / 3.5));
    }
  }
}

function nearestMark([px, py], within = 14) {
  const [x, y] = [tileScale(), tileScaleY()];
  let best = null;
  let least = within;
  for (const mark of tiles.marks) {
    const distance = Math.hypot(x(mark.x) - px, y(mark.y) - py);
    // On equal terms the chosen one, which is painted on top, wins.
    if (distance < least || (distance === least && mark.component.id === state.component)) { best = mark; least = distance; }
  }
  return best;
}

// The face under a coordinate: a wall if it is near, else the cell.
function faceAt(value) {
  if (value > ringCells + 0.5 && value < ringCells + 1.3) return "0".repeat(regions.ring[1].length);
  if (value < -0.1 || value > ringCells + 0.1) return null;
  const wall = Math.round(value);
  if (Math.abs(value - wall) < 0.12) return regions.ring[(2 * wall) % regions.ring.length];
  return regions.ring[2 * Math.floor(value) + 1] ?? null;
}

function readTile(point) {
  const names = [faceAt(tileScale().invert(point[0])), faceAt(tileScaleY().invert(point[1]))];
  const mark = nearestMark(point);
  const place = names.every((name) => name !== null) ? `unit ${regions.pair[0]}: ${names[0]}, unit ${regions.pair[1]}: ${names[1]}` : "";
  byId("regions-readout").textContent = mark ? `Component ${mark.component.id}, loss ${short(mark.component.loss[0])}, ${brief(mark.piece.stratum)}` : place || "\u00a0";
}

function drawRegions() {
  if (regions.kind === "none") {
    byId("regions").replaceChildren(el("p", { class: "note" }, capital(regions.reason), "."));
    return;
  }
  if (regions.view === "tiles") drawTiles();
  else if (regions.kind === "cycle") drawRing();
  else if (regions.kind === "sphere") drawSphere();
  else ({ parts: drawParts, around: drawAround, dots: drawGraph })[regions.view]();
  byId("regions-note").textContent = regionNote();
}

function regionNote() {
  const copies = " Large: as listed; small: copies under exchange of units.";
  if (regions.view === "tiles") {
    const projection = UNITS > 2 ? ` Shown are units ${regions.pair.join(" and ")} of ${UNITS}: the other units are projected away.` : "";
    return `A tile is a cell: unit ${regions.pair[0]} changes to the right, unit ${regions.pair[1]} downwards. A line is a wall, a crossing a corner; opposite sides are one and the same. The darker, the more is on.${projection}${copies}`;
  }
  if (regions.kind === "cycle") return "One unit's directions: an arc is a cell, a gap between arcs a wall. A mark is a unit of a marked component; where they are many, the length of a bar is their number, and only the chosen component's are marked.";
  if (regions.kind === "sphere") return "The sphere of one unit's directions (weight, bias), seen from both sides: a great circle is a data point's switch, a region between them a cell (small dot), an arc a wall. A mark is the direction of a living unit of a minimum.";
  return graphNote();
}

function graphNote() {
  if (regions.view === "parts") {
    const projection = partCount() > 2 ? " All other parts of the names are projected away: the darker a tile, the more cells it stands for; where there is no tile, there is no cell." : "";
    return `A tile is what two parts of a cell's name say. Signs are in an order in which neighbours differ little.${projection} A minimum stands on its tile, or between those that it touches; small and on each of them where they lie apart; in the strip at the edge where all signs of the part are 0.`;
  }
  const dots = "A dot is a cell, a line a wall; a minimum stands in its cell, on its wall, or amid the cells around its corner.";
  if (regions.view === "around") return `${dots} In the middle, the cells that the chosen minimum touches; each circle further out is one wall further away.${parts.cut ? ` The next circle would make more than ${MOST_NEAR} cells, and is left out.` : ""}`;
  return `${regions.one_unit ? "One unit's cells and walls; a mark is a unit of a minimum. " : ""}${dots}`;
}

// For a graph of nodes and edges: how to look at it, and which cells.
function graphControls(holder) {
  const several = partCount() > 1;
  const dots = regions.nodes[0].length > 1 ? [["dots", regions.one_unit ? "one unit: dots and lines" : "all: dots and lines"]] : [];
  const near = [["around", "near the chosen minimum"]];
  const views = several ? [["parts", "two parts of the names"], ...near, ...dots] : regions.nodes.length <= MOST_NAMED ? [...dots, ...near] : [...near, ...dots];
  regions.view = views[0][0];
  const labels = partLabels().map((label, k) => [k, label]);
  const axes = several ? [0, 1].map((side) => option(side ? "Down" : "Right", choice(labels, side, side ? "Part downwards" : "Part to the right", (value) => { parts.pair[side] = Number(value); drawRegions(); }))) : [];
  const steps = option("Walls away", choice(d3.range(1, 6).map((k) => [k, String(k)]), 1, "Walls away from the minimum, at most", (value) => { parts.steps = Number(value); drawRegions(); }));
  const shown = () => { axes.forEach((node) => { node.hidden = regions.view !== "parts"; }); steps.hidden = regions.view !== "around"; };
  const view = choice(views, regions.view, "View of the region graph", (value) => { regions.view = value; shown(); drawRegions(); });
  const pattern = el("input", { type: "search", size: "9", placeholder: "such as +?-", "aria-label": "Cells whose names contain", autocomplete: "off", spellcheck: false });
  pattern.addEventListener("input", () => { parts.pattern = pattern.value.trim(); drawRegions(); });
  shown();
  holder.append(option("View", view), ...axes, steps, option("Cells with", pattern));
}

function regionControls() {
  const holder = byId("regions-controls");
  if (regions.kind === "none") return;
  if (regions.kind === "graph") graphControls(holder);
  if (regions.kind === "cycle") {
    regions.view = UNITS > 1 ? "tiles" : "ring";
    if (UNITS > 1) {
      const change = (value) => { regions.view = value; regions.zoom = d3.zoomIdentity; drawRegions(); };
      holder.append(option("View", choice([["tiles", "two units: the product"], ["ring", "one unit: the factor"]], "tiles", "View of the region graph", change)));
    }
    if (UNITS > 2) {
      [0, 1].forEach((axis) => holder.append(option(axis ? "Down" : "Right", choice(d3.range(UNITS).map((u) => [u, `unit ${u}`]), axis, axis ? "Unit downwards" : "Unit to the right", (value) => {
        regions.pair[axis] = Number(value);
        drawRegions();
      }))));
    }
  }
  holder.append(option("Mark", choice([["filtered", "all filtered"], ["chosen", "the chosen one"]], "filtered", "Which minima are marked", (value) => { regions.what = value; drawRegions(); })));
  for (const [text, label, factor] of [["+", "Zoom in", 1.6], ["−", "Zoom out", 1 / 1.6], ["Reset", "Reset the zoom", 0]]) {
    holder.append(el("button", { type: "button", "aria-label": label, class: "zoom", onclick: () => zoomRegions(factor) }, text));
  }
}

function regionFacts() {
  const number = (text) => Number(text).toLocaleString("en");
  if (!regions.cells) return;
  const unknown = regions.unknown ? ` (${number(regions.unknown)} of them not proved to exist)` : "";
  const product = Number(regions.units) > 1 ? `; each of the ${regions.units} units has ${number(regions.unit_cells)}` : "";
  byId("regions-facts").textContent = `${number(regions.cells)} cells${unknown} of ${regions.patterns} patterns, ${number(regions.walls)} walls${product}.`;
}

on("choice", () => {
  if (regions.view === "tiles" && regions.what === "filtered" && tiles && visible().includes(chosen())) paintTiles(); else drawRegions();
});
on("filter", drawRegions);
on("resize", drawRegions);
