// A plane through two minima and a third point, with the loss on it: computed here, from the problem itself.

const slice = { a: null, b: null, third: "origin", seed: 1, reach: 1.6, align: true, run: 0 };
const [COARSE, FINE] = [31, 101];
const MOST_SWITCHES = 90;

// A repeatable random direction: a linear congruential generator and Box and Muller's method.
function randomDirection(length, seed) {
  let word = (seed * 2654435761) % 4294967296;
  const next = () => { word = (word * 1664525 + 1013904223) % 4294967296; return (word + 1) / 4294967297; };
  return d3.range(length).map(() => Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next()));
}

const minus = (one, other) => one.map((entry, k) => entry - other[k]);
const dot = (one, other) => d3.sum(one, (entry, k) => entry * other[k]);
const norm = (vector) => Math.hypot(...vector);

// The copy of `theta` under exchange of units that is nearest to another point.
function nearestCopy(theta, to) {
  let best = theta;
  for (const exchange of data.exchanges) {
    const moved = exchange.parameters.map((from) => theta[from]);
    if (norm(minus(moved, to)) < norm(minus(best, to)) - 1e-12) best = moved;
  }
  return best;
}

// The plane in orthonormal coordinates around A, or why there is none.
function plane() {
  const a = thetaOf(components[position.get(slice.a)]);
  const listed = thetaOf(components[position.get(slice.b)]);
  const b = slice.align ? nearestCopy(listed, a) : listed;
  const across = minus(b, a);
  const same = norm(across) < 1e-9;
  const way = same ? randomDirection(a.length, slice.seed + 1000) : across;
  const distance = same ? Math.max(norm(a), 1) / 2 : norm(across);
  const e1 = way.map((entry) => entry / norm(way));
  const wanted = slice.third === "origin" ? a.map(() => 0) : slice.third === "random" ? null : thetaOf(components[position.get(Number(slice.third))]);
  const orthogonal = (vector) => { const along = dot(vector, e1); return vector.map((entry, k) => entry - along * e1[k]); };
  let [up, note, c] = [wanted ? orthogonal(minus(wanted, a)) : null, same ? "A and B are the same point: the plane goes on in a random direction. " : "", wanted];
  if (!up || norm(up) < 1e-6 * Math.max(1, distance)) {
    if (wanted) note += "The third point lies on the line through the two: a random direction is taken instead. ";
    up = orthogonal(randomDirection(a.length, slice.seed));
    c = null;
  }
  if (norm(up) < 1e-9) return { reason: "There is only one parameter: the loss has no two-dimensional slice." };
  const e2 = up.map((entry) => entry / norm(up));
  const places = same ? [["A", 0, 0]] : [["A", 0, 0], ["B", distance, 0]];
  if (c) places.push([slice.third === "origin" ? "0" : "C", dot(minus(c, a), e1), dot(minus(c, a), e2)]);
  const [sx, sy] = [d3.extent(places, (p) => p[1]), d3.extent(places, (p) => p[2])];
  const half = (Math.max(sx[1] - sx[0], sy[1] - sy[0], distance * 0.8) / 2) * slice.reach;
  // Near by, the two minima are in the middle; from afar, the third point is in sight, too.
  const center = slice.reach < 1 ? [places.length > 1 ? places[1][1] / 2 : 0, 0] : [(sx[0] + sx[1]) / 2, (sy[0] + sy[1]) / 2];
  return { a, b, e1, e2, places, note, distance: norm(across), xs: [center[0] - half, center[0] + half], ys: [center[1] - half, center[1] + half] };
}

const pointIn = (p, s, t) => p.a.map((entry, k) => entry + s * p.e1[k] + t * p.e2[k]);

// Losses on a grid, a few rows at a time so that clicks are answered meanwhile; `done` gets them, `null` if a newer slice has begun.
function sample(p, count, run, done) {
  const values = new Float64Array(count * count);
  const at = (range, k) => range[0] + ((range[1] - range[0]) * k) / (count - 1);
  let row = 0;
  const work = () => {
    if (run !== slice.run) return;
    const until = performance.now() + 24;
    while (row < count && performance.now() < until) {
      for (let column = 0; column < count; column++) values[row * count + column] = network.loss(pointIn(p, at(p.xs, column), at(p.ys, row)));
      row++;
    }
    if (row < count) setTimeout(work, 0);
    else done(values);
  };
  work();
}

function drawSlice() {
  if (!pictures || slice.a === null) return;
  const run = ++slice.run;
  const p = plane();
  if (p.reason) {
    byId("slice").replaceChildren(el("p", { class: "note" }, p.reason));
    byId("slice-note").textContent = "";
    return;
  }
  byId("slice").setAttribute("aria-busy", "true");
  sample(p, COARSE, run, (coarse) => {
    paintSlice(p, coarse, COARSE);
    sample(p, FINE, run, (fine) => { paintSlice(p, fine, FINE); byId("slice").setAttribute("aria-busy", "false"); });
  });
}

// Colours by the logarithm of the height above the lowest of A and B, so that valleys show.
function sliceScale(p, values) {
  const ends = [network.loss(p.a), network.loss(p.b)];
  const [low, high] = d3.extent([...values, ...ends]);
  const soft = Math.max((d3.quantile(values, 0.25) - low) / 3, (high - low) * 1e-6, 1e-12);
  const top = Math.log1p((high - low) / soft);
  return { share: (value) => Math.log1p((value - low) / soft) / top, value: (share) => low + soft * Math.expm1(share * top) };
}

function switchLines(p, x, y) {
  const count = 61;
  const at = (range, k) => range[0] + ((range[1] - range[0]) * k) / (count - 1);
  const total = network.layers.reduce((sum, layer) => sum + layer.units * layer.switchesAt(0).length, 0) * network.x.length;
  if (total > MOST_SWITCHES) return null;
  const heights = d3.range(total).map(() => new Float64Array(count * count));
  for (let row = 0; row < count; row++) {
    for (let column = 0; column < count; column++) {
      const theta = pointIn(p, at(p.xs, column), at(p.ys, row));
      network.x.flatMap((point) => network.switches(theta, point)).forEach((value, j) => { heights[j][row * count + column] = value; });
    }
  }
  const [column, row] = [(k) => x(at(p.xs, k)), (k) => y(at(p.ys, k))];
  return heights.map((values) => isoline(values, count, count, 0, column, row)).join("");
}

function paintSlice(p, values, count) {
  const holder = byId("slice");
  const width = widthOf(holder, 560);
  const size = width - 16;
  const scale = sliceScale(p, values);
  const [x, y] = [d3.scaleLinear(p.xs, [8, 8 + size]), d3.scaleLinear(p.ys, [8 + size, 8])];
  const svg = d3.create("svg").attr("width", width).attr("viewBox", `0 0 ${width} ${width}`).attr("class", "over").attr("role", "img")
    .attr("aria-label", `Loss on the plane through components ${slice.a} (A) and ${slice.b} (B).`);
  const [column, row] = [(k) => 8 + (size * k) / (count - 1), (k) => 8 + size - (size * k) / (count - 1)];
  for (const share of d3.range(1, 12).map((k) => k / 12)) svg.append("path").attr("class", "isoline").attr("d", isoline(values, count, count, scale.value(share), column, row));
  const lines = count === FINE ? switchLines(p, x, y) : "";
  if (lines) for (const name of ["kink-line-under", "kink-line"]) svg.append("path").attr("class", name).attr("d", lines);
  svg.append("g").selectAll("g").data(p.places).join("g").attr("transform", ([, s, t]) => `translate(${x(s)} ${y(t)})`).call((marks) => {
    marks.append("circle").attr("class", "slice-mark").attr("r", 9);
    marks.append("text").attr("class", "slice-name").attr("text-anchor", "middle").attr("dy", 4).text(([name]) => name);
  });
  const cross = svg.append("path").attr("class", "cross").attr("d", "M-7 0H7M0-7V7").attr("visibility", "hidden");
  const read = (s, t) => {
    cross.attr("visibility", "visible").attr("transform", `translate(${x(s)} ${y(t)})`);
    byId("slice-readout").textContent = `Loss ${short(network.loss(pointIn(p, s, t)), 7)} at ${few(s)} along A to B, ${few(t)} across`;
  };
  svg.on("mousemove", (event) => { const [px, py] = d3.pointer(event); read(x.invert(px), y.invert(py)); });
  crosshair(svg.node(), p, read);
  const image = heatImage(values, count, count, scale.share, size, size);
  const legend = heatLegend(scale.value, Math.min(size, 400), "Colours of the loss, logarithmic above the lowest", 8);
  holder.replaceChildren(layers(image, svg.node(), 8, 8), legend);
  const kinks = lines === null ? "Its kinks are too many to be drawn." : "Dashed: kinks of the units, where the loss bends.";
  const apart = p.distance < 1e-9 ? "" : `A and B are ${few(p.distance)} apart${slice.align && data.exchanges.length > 1 ? ", B being the nearest of its copies under exchange of units" : ""}. `;
  byId("slice-note").textContent = `${p.note}${apart}${kinks} As minima of the whole loss, A and B are minima on this plane.`;
}

function crosshair(node, p, read) {
  let [s, t] = [0, 0];
  node.setAttribute("tabindex", "0");
  node.addEventListener("keydown", (event) => {
    const by = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!by) return;
    event.preventDefault();
    const move = (p.xs[1] - p.xs[0]) / 50;
    [s, t] = [s + move * by[0], t + move * by[1]];
    read(s, t);
    announce(byId("slice-readout").textContent);
  });
}

function sliceControls() {
  const holder = byId("slice-controls");
  if (!network || !components.length) {
    byId("slice-section").hidden = true;
    return;
  }
  const entries = components.map((component) => [component.id, `${component.id}: ${short(component.loss[0], 6)}`]);
  slice.a = components[0].id;
  slice.b = components[Math.min(1, components.length - 1)].id;
  if (components.length === 1) slice.align = false;
  const pick = (key, text, label, more = []) => option(text, choice([...more, ...entries], slice[key] ?? "", label, (value) => { slice[key] = key === "third" ? value : Number(value); drawSlice(); }));
  holder.append(
    pick("a", "A", "First minimum, A"),
    pick("b", "B", "Second minimum, B"),
    pick("third", "Third point", "Third point of the plane", [["origin", "0: all parameters zero"], ["random", "a random direction"]]),
    el("button", { type: "button", id: "slice-random", onclick: () => { slice.seed++; slice.third = "random"; holder.querySelectorAll("select")[2].value = "random"; drawSlice(); } }, "Another direction"),
    el("button", { type: "button", "aria-label": "Slice: nearer", onclick: () => { slice.reach /= 1.5; drawSlice(); } }, "+"),
    el("button", { type: "button", "aria-label": "Slice: farther", onclick: () => { slice.reach *= 1.5; drawSlice(); } }, "−"),
  );
  if (data.exchanges.length > 1) {
    holder.append(el("label", {}, el("input", { type: "checkbox", id: "slice-align", checked: slice.align, onchange: (event) => { slice.align = event.target.checked; drawSlice(); } }), " nearest copy of B"));
  }
}

on("resize", drawSlice);
