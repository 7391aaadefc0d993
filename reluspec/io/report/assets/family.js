// Moving along a family: sliders for its coordinates, the weights on the move, and what of the function changes (nothing, as a rule).

const family = { shares: [], amounts: [], turns: [], frame: null, before: null };
const STEPS = 1000;

// Families are relatively open: a slider stops a little short of the ends.
const inside = (value) => 0.001 + 0.998 * (value / STEPS);

function mixture() {
  const count = chosenPiece().family.vertices.length;
  if (count === 1) return [1];
  if (count === 2 || isArc(chosenPiece().family)) return between(count, inside(family.shares[0]));
  const shares = family.shares.map(inside);
  return shares.map((share) => share / d3.sum(shares));
}

// The shares of the first and of the last vertex; what lies between on an arc, familyPoint knows.
const between = (count, share) => d3.range(count).map((k) => (k === 0 ? 1 - share : k === count - 1 ? share : 0));

const rayAmounts = () => family.amounts.map((value) => inside(value) / (1 - inside(value)));

const wholeCircle = (form) => form.kind === "chart" && form.pairs.length > 0 && form.vertices.length === 1;

const angle = () => (family.turns.length ? (2 * Math.PI * family.turns[0]) / STEPS : 0);

const pointOnFamily = () => familyPoint(chosenPiece().family, thetaOf(chosen(), state.piece), mixture(), rayAmounts(), angle());

function sliders() {
  const { vertices, rays } = chosenPiece().family;
  const single = vertices.length === 2 || isArc(chosenPiece().family);
  const count = vertices.length === 1 ? 0 : single ? 1 : vertices.length;
  family.shares = d3.range(count).map(() => STEPS / 2);
  family.amounts = rays.map(() => STEPS / 2);
  family.turns = wholeCircle(chosenPiece().family) ? [0] : [];
  const slider = (values, k, label) => el("label", { class: "wide" }, `${label} `, el("input", {
    type: "range", min: "0", max: String(STEPS), value: String(values[k]), class: "family-slider", "aria-label": label,
    oninput: (event) => { stop(); values[k] = Number(event.target.value); setTheta(pointOnFamily()); },
  }));
  return [
    ...family.shares.map((_, k) => slider(family.shares, k, single ? "Along the curve" : `Share of corner ${k + 1}`)),
    ...family.turns.map((_, k) => slider(family.turns, k, "Around the circle")),
    ...family.amounts.map((_, k) => slider(family.amounts, k, rays.length === 1 ? "Outwards, without end" : `Outwards along ray ${k + 1}`)),
  ];
}

function stop() {
  if (family.frame !== null) cancelAnimationFrame(family.frame);
  family.frame = null;
  const button = byId("family-play");
  if (button) button.textContent = "Play";
}

function play() {
  if (family.frame !== null) { stop(); return; }
  byId("family-play").textContent = "Stop";
  const all = [...family.shares.map((_, k) => [family.shares, k]), ...family.turns.map((_, k) => [family.turns, k]), ...family.amounts.map((_, k) => [family.amounts, k])];
  const inputs = document.querySelectorAll(".family-slider");
  const start = performance.now();
  const phases = all.map(([values, k]) => Math.asin((2 * values[k]) / STEPS - 1));
  const tick = (now) => {
    all.forEach(([values, k], place) => {
      values[k] = Math.round((STEPS * (1 + Math.sin(phases[place] + ((now - start) / 2500) * (1 + 0.3 * place)))) / 2);
      inputs[place].value = String(values[k]);
    });
    setTheta(pointOnFamily());
    family.frame = requestAnimationFrame(tick);
  };
  family.frame = requestAnimationFrame(tick);
}

function drawFamily() {
  stop();
  const component = chosen();
  const section = byId("family-section");
  section.hidden = !pictures || !component || component.dimension === 0;
  if (section.hidden) return;
  const piece = chosenPiece();
  if (!piece.family) {
    byId("family").replaceChildren(el("p", { class: "note" }, piece.dimension === 0
      ? "This piece is a single point: choose one of larger dimension under Witness."
      : "The map does not say how to move along this piece."));
    return;
  }
  const ends = component.closed ? "It is closed: its ends belong to it." : `It is open${component.missing.length ? `: it ends before ${component.missing.join(" and ")}, which ${component.missing.length === 1 ? "is no minimum" : "are no minima"}` : ""}.`;
  byId("family").replaceChildren(
    el("p", { class: "note" }, `${capital(kind(piece.dimension))} of minima in the stratum ${piece.stratum}. ${ends}`),
    el("div", { class: "controls" }, ...sliders(), el("button", { type: "button", id: "family-play", onclick: play }, "Play")),
    el("div", { id: "family-weights" }),
    el("p", { id: "family-facts", class: "note" }),
  );
  family.before = network.x.map((x) => network.forward(thetaOf(component, state.piece), x));
  state.theta = pointOnFamily();
  drawMoving();
}

const capital = (text) => text[0].toUpperCase() + text.slice(1);

// One row per parameter: a bar from 0 to its value, and a thin line for all the values that the family gives it.
function drawMoving() {
  const holder = byId("family-weights");
  if (byId("family-section").hidden || !holder) return;
  const names = network.parameters;
  const witness = thetaOf(chosen(), state.piece);
  const [width, step] = [widthOf(holder, 640), 20];
  const left = Math.min(150, width * 0.36);
  const largest = Math.max(...spans().flat().map(Math.abs), ...state.theta.map(Math.abs), ...witness.map(Math.abs), 1e-9);
  const x = d3.scaleLinear([-largest, largest], [left, width - 70]);
  const svg = d3.create("svg").attr("width", width).attr("viewBox", `0 0 ${width} ${names.length * step + 4}`).attr("role", "img").attr("aria-label", "Parameters at this point of the family");
  const rows = svg.selectAll("g").data(names).join("g").attr("transform", (_, k) => `translate(0 ${k * step + 2})`);
  rows.append("text").attr("class", "tick-text").attr("x", left - 6).attr("y", 14).attr("text-anchor", "end").text((name) => name);
  rows.append("line").attr("class", "span").attr("x1", (_, k) => x(spans()[k][0])).attr("x2", (_, k) => x(spans()[k][1])).attr("y1", 10).attr("y2", 10);
  rows.append("rect").attr("class", (_, k) => (state.theta[k] < 0 ? "bar negative" : "bar")).attr("y", 5).attr("height", 10)
    .attr("x", (_, k) => Math.min(x(0), x(state.theta[k]))).attr("width", (_, k) => Math.abs(x(state.theta[k]) - x(0)));
  rows.append("text").attr("class", "tick-text value").attr("x", width - 64).attr("y", 14).text((_, k) => few(Math.abs(state.theta[k]) < 1e-12 * largest ? 0 : state.theta[k]));
  svg.append("line").attr("class", "zero").attr("x1", x(0)).attr("x2", x(0)).attr("y1", 0).attr("y2", names.length * step + 4);
  holder.replaceChildren(svg.node());
  familyFacts();
}

let spanCache = { key: "", spans: [] };
function spans() {
  const key = `${state.component}/${state.piece}`;
  if (spanCache.key === key) return spanCache.spans;
  const { vertices, rays } = chosenPiece().family;
  const theta = thetaOf(chosen(), state.piece);
  const corners = vertices.map((_, j) => vertices.map((_, k) => (vertices.length === 1 ? 1 : k === j ? 0.999 : 0.001 / (vertices.length - 1))));
  const far = rays.flatMap((_, j) => [0, 3].map((amount) => rays.map((_, k) => (k === j ? amount : 0.5))));
  const turns = wholeCircle(chosenPiece().family) ? d3.range(72).map((k) => (Math.PI * k) / 36) : [0];
  const along = isArc(chosenPiece().family) ? d3.range(1, 40).map((k) => between(vertices.length, k / 40)) : [];
  const points = [...corners, ...along].flatMap((shares) => (rays.length ? far : [[]]).flatMap((amounts) => turns.map((turn) => familyPoint(chosenPiece().family, theta, shares, amounts, turn))));
  spanCache = { key, spans: theta.map((_, k) => d3.extent(points, (point) => point[k])) };
  return spanCache.spans;
}

function familyFacts() {
  const now = network.x.map((x) => network.forward(state.theta, x));
  const change = d3.max(now.flatMap((outputs, i) => outputs.map((value, k) => Math.abs(value - family.before[i][k]))));
  const size = Math.max(1, d3.max(network.y.flat(), Math.abs));
  const stays = change <= 1e-9 * size ? "the function stays at the data: no prediction there has moved" : `predictions at the data have moved by up to ${few(change)}`;
  byId("family-facts").textContent = `Loss here ${short(network.loss(state.theta))}, as everywhere on it (certified ${short(chosen().loss[0])}); ${stays}.`;
}

on("choice", drawFamily);
on("theta", drawMoving);
on("resize", drawMoving);
