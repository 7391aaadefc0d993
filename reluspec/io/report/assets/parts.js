// Region graphs of nodes and edges, by the parts of their cells' names: two parts against each other as a matrix, or the cells near one minimum.

const parts = { pair: [0, 1], pattern: "", steps: 1, axes: [], neighbours: null, cut: false };
const MOST_ORDERED = 800;
const MOST_NEAR = 80;
const MOST_NAMED = 40;
const DEAD_STRIP = 26;

const partsOf = (name) => name.split(/[|/;]/);
const partCount = () => (regions.one_unit ? UNITS : partsOf(regions.nodes[0][0]).length);

// What the parts are called: units of the layers that have kinks, then the switches of the loss and the penalties.
function partLabels() {
  if (regions.one_unit) return d3.range(UNITS).map((unit) => `unit ${unit}`);
  const [layers, rest] = regions.nodes[0][0].split(";");
  const deep = layers.includes("/");
  const units = layers.split("/").flatMap((layer, depth) => layer.split("|").map((_, unit) => `${deep ? `layer ${depth} ` : ""}unit ${unit}`));
  return rest === undefined ? units : [...units, "loss and penalties"];
}

const differing = (one, other) => { let count = 0; for (let k = 0; k < one.length; k++) if (one[k] !== other[k]) count++; return count; };

// An order in which neighbours differ in few signs: always on to the nearest of what is left. Where cells form a cycle, it is the cycle's.
function neighbourly(names) {
  const left = names.slice().sort();
  if (left.length > MOST_ORDERED) return left;
  const order = [left.pop()];
  while (left.length) {
    const nearest = d3.minIndex(left, (name) => differing(name, order.at(-1)));
    order.push(left.splice(nearest, 1)[0]);
  }
  return order;
}

function axis(part) {
  const names = () => (regions.one_unit ? regions.nodes.map(([name]) => name) : [...new Set(regions.nodes.map(([name]) => partsOf(name)[part]))]);
  const key = regions.one_unit ? 0 : part;
  if (!parts.axes[key]) {
    const order = neighbourly(names());
    parts.axes[key] = { order, place: new Map(order.map((name, k) => [name, k])), round: order.length > 2 && differing(order[0], order.at(-1)) === 1 };
  }
  return parts.axes[key];
}

const around = (stratum, cell) => { for (let k = 0; k < stratum.length; k++) if (stratum[k] !== "0" && stratum[k] !== cell[k]) return false; return true; };

// A `?` stands for any sign.
function patternTest() {
  if (!parts.pattern) return () => true;
  const escaped = [...parts.pattern].map((sign) => (sign === "?" ? "[-+]" : sign.replace(/[.*+?^${}()|[\]\\]/, "\\$&"))).join("");
  const expression = new RegExp(escaped);
  return (name) => expression.test(name);
}

// How many cells each tile stands for.
function tileCounts() {
  const [columns, rows] = parts.pair.map(axis);
  const fits = patternTest();
  const counts = new Map();
  const add = (column, row) => counts.set(column * rows.order.length + row, (counts.get(column * rows.order.length + row) || 0) + 1);
  if (regions.one_unit) {
    columns.order.forEach((one, column) => rows.order.forEach((other, row) => { if (fits(`${one}|${other}`)) add(column, row); }));
  } else {
    for (const [name] of regions.nodes) {
      if (!fits(name)) continue;
      const names = partsOf(name);
      add(columns.place.get(names[parts.pair[0]]), rows.place.get(names[parts.pair[1]]));
    }
  }
  return counts;
}

// Where a stratum's part stands on an axis: between its cells if they follow each other, else on each of them; `null` is the strip of the dead.
function placesOn({ order, round }, name) {
  if (isDead(name)) return [null];
  const found = d3.range(order.length).filter((k) => around(name, order[k]));
  if (found.length && found.at(-1) - found[0] === found.length - 1) return [d3.mean(found) + 0.5];
  if (round && found.length === 2 && found[0] === 0) return [0, order.length];
  return found.map((k) => k + 0.5);
}

function partsFrame(width) {
  const [columns, rows] = parts.pair.map(axis);
  const room = (names) => 6.7 * d3.max(names, (name) => name.length) + 10;
  const named = (names, pixels) => pixels >= 12 && room(names) < width / 4;
  const inside = width - DEAD_STRIP - 14;
  const across = named(columns.order, (inside * 0.8) / columns.order.length);
  const left = named(rows.order, (inside * 0.7) / rows.order.length) ? room(rows.order) : 4;
  const top = across ? room(columns.order) : 4;
  const tile = (inside - left) / columns.order.length;
  const height = Math.min(Math.max(tile * rows.order.length, 120), width);
  return { columns, rows, left, top, tile, tall: height / rows.order.length, right: inside, bottom: top + height, across, down: left > 4 };
}

function drawParts() {
  const width = widthOf(byId("regions"), 640);
  const frame = partsFrame(width);
  const height = frame.bottom + DEAD_STRIP + 14;
  const labels = partLabels();
  const { svg, inner } = zoomable(width, height, `Cells as tiles: ${labels[parts.pair[0]]} to the right, ${labels[parts.pair[1]]} downwards.`);
  const counts = tileCounts();
  const most = d3.max(counts.values()) || 1;
  const shades = d3.rollup(counts, (tiles) => tiles.map(([key]) => {
    const [column, row] = [Math.floor(key / frame.rows.order.length), key % frame.rows.order.length];
    return `M${(frame.left + column * frame.tile).toFixed(2)} ${(frame.top + row * frame.tall).toFixed(2)}h${frame.tile.toFixed(2)}v${frame.tall.toFixed(2)}h${(-frame.tile).toFixed(2)}z`;
  }).join(""), ([, count]) => Math.ceil((4 * count) / most));
  for (const [level, path] of shades) inner.append("path").attr("class", "part-tile").attr("fill-opacity", 0.06 + 0.09 * level).attr("d", path);
  deadStrips(inner, frame);
  partNames(inner, frame);
  partMarks(inner, frame);
  svg.on("mousemove", (event) => readPart(d3.pointer(event, inner.node()), frame, counts));
  svg.on("click", null);
}

function deadStrips(inner, { left, top, right, bottom }) {
  const [x, y] = [right + 8, bottom + 8];
  for (const [sx, sy, w, h] of [[x, top, DEAD_STRIP, bottom - top], [left, y, right - left, DEAD_STRIP], [x, y, DEAD_STRIP, DEAD_STRIP]]) {
    inner.append("rect").attr("class", "dead-strip").attr("x", sx).attr("y", sy).attr("width", w).attr("height", h);
  }
  inner.append("text").attr("class", "tick-text").attr("text-anchor", "middle").attr("x", left + 24).attr("y", y + DEAD_STRIP / 2 + 4).text("all 0");
}

function partNames(inner, { columns, rows, left, top, tile, tall, across, down }) {
  if (across) inner.append("g").selectAll("text").data(columns.order).join("text").attr("class", "sign-name").attr("transform", (_, k) => `translate(${left + (k + 0.5) * tile + 4} ${top - 5}) rotate(-90)`).text((name) => name);
  if (down) inner.append("g").selectAll("text").data(rows.order).join("text").attr("class", "sign-name").attr("text-anchor", "end").attr("x", left - 5).attr("y", (_, k) => top + (k + 0.5) * tall + 4).text((name) => name);
}

function partMarks(inner, { columns, rows, left, top, tile, tall, right, bottom }) {
  const x = (place) => (place === null ? right + 8 + DEAD_STRIP / 2 : left + place * tile);
  const y = (place) => (place === null ? bottom + 8 + DEAD_STRIP / 2 : top + place * tall);
  for (const component of inOrder()) {
    for (const piece of component.pieces) {
      const names = partsOf(piece.stratum);
      const [across, down] = [placesOn(columns, names[parts.pair[0]]), placesOn(rows, names[parts.pair[1]])];
      const size = across.length * down.length > 1 ? 34 : 70;
      for (const column of across) for (const row of down) placeMark(inner, x(column), y(row), component, `component ${component.id}, loss ${short(component.loss[0])}: ${brief(piece.stratum)}`, size);
    }
  }
}

function readPart([px, py], { columns, rows, left, top, tile, tall }, counts) {
  const [column, row] = [Math.floor((px - left) / tile), Math.floor((py - top) / tall)];
  const [one, other] = [columns.order[column], rows.order[row]];
  if (one === undefined || other === undefined) return;
  const labels = partLabels();
  const count = counts.get(column * rows.order.length + row) || 0;
  const cells = regions.one_unit ? "" : `: ${count ? plural(count, "cell") : "no cell"}`;
  show(`${labels[parts.pair[0]]}: ${one}, ${labels[parts.pair[1]]}: ${other}${cells}`);
}

// The cells beyond one wall of a cell, by name.
function beyond(name) {
  if (!parts.neighbours) {
    parts.neighbours = new Map(regions.nodes.map(([cell]) => [cell, []]));
    for (const [one, other] of regions.edges) {
      const [a, b] = [regions.nodes[one][0], regions.nodes[other][0]];
      parts.neighbours.get(a).push(b);
      parts.neighbours.get(b).push(a);
    }
  }
  if (!regions.one_unit) return parts.neighbours.get(name);
  const units = name.split("|");
  return units.flatMap((unit, k) => parts.neighbours.get(unit).map((next) => units.map((old, j) => (j === k ? next : old)).join("|")));
}

function cellsAround(stratum) {
  if (!regions.one_unit) return regions.nodes.map(([name]) => name).filter((name) => around(stratum, name));
  const choices = unitNames(stratum).map((unit) => regions.nodes.map(([name]) => name).filter((name) => around(unit, name)));
  if (choices.reduce((product, names) => product * names.length, 1) > MOST_NEAR) return [];
  return d3.cross(...(choices.length > 1 ? choices : [choices[0], [null]]), (...units) => units.filter((unit) => unit !== null).join("|"));
}

// Cells by how many walls away they are; levels that would be too many are left out.
function levelsAround(stratum) {
  const levels = [neighbourly(cellsAround(stratum))];
  parts.cut = false;
  const seen = new Set(levels[0]);
  while (levels.length <= parts.steps) {
    const next = [...new Set(levels.at(-1).flatMap(beyond))].filter((name) => !seen.has(name));
    parts.cut = seen.size + next.length > MOST_NEAR;
    if (!next.length || parts.cut) break;
    next.forEach((name) => seen.add(name));
    levels.push(next);
  }
  return levels;
}

// Each level on a circle of its own, near its neighbours one level further in.
function circles(levels, width) {
  const spots = new Map();
  const inner = levels[0].length === 1 ? 0 : 0.12;
  levels.forEach((level, depth) => {
    const radius = width * (levels.length === 1 ? inner * 2 : inner + ((0.36 - inner) * depth) / (levels.length - 1));
    const direction = (name) => {
      const before = beyond(name).map((next) => spots.get(next)).filter((spot) => spot && spot.depth === depth - 1);
      return Math.atan2(d3.sum(before, (spot) => spot.dx), d3.sum(before, (spot) => spot.dy));
    };
    const order = depth ? d3.sort(level.map((name) => [direction(name), name]), ([angle]) => angle) : level.map((name, k) => [(2 * Math.PI * k) / level.length, name]);
    const turn = depth ? d3.mean(order, ([angle], k) => angle - (2 * Math.PI * k) / order.length) : 0;
    order.forEach(([, name], k) => {
      const angle = turn + (2 * Math.PI * k) / order.length;
      spots.set(name, { depth, angle, dx: Math.sin(angle), dy: Math.cos(angle), x: width / 2 + radius * Math.sin(angle), y: width * 0.42 - radius * Math.cos(angle) });
    });
  });
  return spots;
}

function drawAround() {
  const width = widthOf(byId("regions"), 640);
  const height = width * 0.84;
  const stratum = chosen() ? chosenPiece().stratum : null;
  const levels = stratum === null ? [[]] : levelsAround(stratum);
  if (!levels[0].length || levels[0].length > MOST_NEAR) {
    byId("regions").replaceChildren(el("p", { class: "note" }, stratum === null ? "No minimum is chosen." : `The cells around ${brief(stratum)} are too many to be drawn.`));
    return;
  }
  const spots = circles(levels, width);
  const { inner } = zoomable(width, height, `The ${spots.size} cells within ${plural(levels.length - 1, "wall")} of component ${state.component}.`);
  const walls = [...spots.keys()].flatMap((name) => beyond(name).filter((next) => name < next && spots.has(next)).map((next) => [name, next]));
  inner.append("g").selectAll("line").data(walls).join("line").attr("class", "wall-line")
    .attr("x1", ([a]) => spots.get(a).x).attr("y1", ([a]) => spots.get(a).y).attr("x2", ([, b]) => spots.get(b).x).attr("y2", ([, b]) => spots.get(b).y)
    .on("mouseenter", (_, [a, b]) => show(`wall ${[...a].map((sign, k) => (sign === b[k] ? sign : "0")).join("")}`));
  const fits = patternTest();
  inner.append("g").selectAll("circle").data([...spots]).join("circle").attr("class", ([name]) => (fits(name) ? "cell-dot" : "cell-dot faint")).attr("r", 4)
    .attr("cx", ([, spot]) => spot.x).attr("cy", ([, spot]) => spot.y).on("mouseenter", (_, [name, spot]) => show(`cell ${name}, ${plural(spot.depth, "wall")} away`)).append("title").text(([name]) => name);
  cellNames(inner, [...spots].map(([name, spot]) => [name, spot.x, spot.y, spot.dx]));
  for (const component of inOrder()) {
    for (const piece of component.pieces) {
      const cells = cellsAround(piece.stratum);
      if (!cells.length || cells.some((name) => !spots.has(name))) continue;
      placeMark(inner, d3.mean(cells, (name) => spots.get(name).x), d3.mean(cells, (name) => spots.get(name).y), component, `component ${component.id}, loss ${short(component.loss[0])}: ${brief(piece.stratum)}`);
    }
  }
}

// Names beside dots, where dots are few and names short; to the left of dots on the left.
function cellNames(inner, named) {
  if (named.length > MOST_NAMED || named[0][0].length > 14) return;
  inner.append("g").selectAll("text").data(named).join("text").attr("class", "sign-name").attr("text-anchor", ([, , , side]) => (side < -0.01 ? "end" : "start"))
    .attr("x", ([, x, , side]) => x + (side < -0.01 ? -7 : 7)).attr("y", ([, , y]) => y + 4).text(([name]) => name);
}
