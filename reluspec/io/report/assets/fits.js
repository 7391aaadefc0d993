// The function of the chosen parameters over the data: curves (one input), heat map (two), predicted against true (more).

const fits = { everything: false, output: 0 };
const MOST_CURVES = 150;
const SAMPLES = 240;
const HEAT_GRID = 90;

function range1(entries) {
  return padded(d3.extent(entries), 0.15);
}

// Zeros of the switches along one input: where the function bends. Between samples by bisection.
function kinksOf(theta, low, high) {
  const xs = d3.range(SAMPLES + 1).map((k) => low + ((high - low) * k) / SAMPLES);
  const rows = xs.map((x) => network.switches(theta, [x]));
  const found = [];
  for (let j = 0; j < rows[0].length; j++) {
    const size = d3.max(rows, (row) => Math.abs(row[j]));
    if (size < 1e-12) continue; // a dead unit
    for (let k = 0; k < SAMPLES; k++) {
      if (rows[k][j] >= 0 === rows[k + 1][j] >= 0) continue;
      let [left, right] = [xs[k], xs[k + 1]];
      const side = rows[k][j] >= 0;
      for (let halving = 0; halving < 48; halving++) {
        const middle = (left + right) / 2;
        if (network.switches(theta, [middle])[j] >= 0 === side) left = middle;
        else right = middle;
      }
      const zero = (left + right) / 2;
      found.push(Math.abs(zero) < 1e-9 * (high - low) ? 0 : zero);
    }
  }
  return found;
}

function curve(theta, low, high, kinks, output, samples = SAMPLES) {
  const xs = [...d3.range(samples + 1).map((k) => low + ((high - low) * k) / samples), ...kinks].sort(d3.ascending);
  return xs.map((x) => [x, network.forward(theta, [x])[output]]);
}

// Equal entries once, with their number: two units may bend at one point.
const counted = (texts) => d3.rollups(texts, (same) => same.length, (text) => text).map(([text, count]) => (count > 1 ? `${text} (${count} units)` : text));

function drawCurves(holder) {
  const [width, height, left, bottom] = [widthOf(holder, 760), 340, 50, 36];
  const [low, high] = range1(network.x.map((x) => x[0]));
  const kinks = kinksOf(state.theta, low, high);
  const outputs = d3.range(network.outputs);
  const curves = outputs.map((k) => curve(state.theta, low, high, kinks, k));
  const heights = [...network.y.flat(), ...curves.flat().map((point) => point[1])];
  const x = d3.scaleLinear().domain([low, high]).range([left, width - 8]);
  const y = d3.scaleLinear().domain(padded(d3.extent(heights), 0.08)).range([height - bottom, 8]);
  const svg = d3.create("svg").attr("width", width).attr("viewBox", `0 0 ${width} ${height}`).attr("role", "group")
    .attr("aria-label", `Function of component ${state.component} over the data; ${kinks.length ? `kinks at ${kinks.map(few).join(", ")}` : "no kinks in sight"}. Arrow keys go to other components.`);
  svg.append("clipPath").attr("id", "frame").append("rect").attr("x", left).attr("y", 8).attr("width", width - 8 - left).attr("height", height - bottom - 8);
  svg.append("g").attr("class", "axis grid").attr("transform", `translate(${left} 0)`).call(d3.axisLeft(y).ticks(6).tickSize(-(width - 8 - left)));
  svg.append("g").attr("class", "axis").attr("transform", `translate(0 ${height - bottom})`).call(d3.axisBottom(x).ticks(width / 80));
  svg.append("text").attr("class", "axis-title").attr("x", (left + width) / 2).attr("y", height - 2).attr("text-anchor", "middle").text("x");
  const body = svg.append("g").attr("clip-path", "url(#frame)");
  const path = d3.line((p) => x(p[0]), (p) => y(p[1]));
  if (fits.everything) {
    for (const other of visible().slice(0, MOST_CURVES)) {
      for (const k of outputs) body.append("path").attr("class", "other-curve").attr("d", path(curve(thetaOf(other), low, high, [], k, 80)));
    }
  }
  body.append("g").attr("class", "kink-lines").selectAll("line").data(kinks).join("line").attr("x1", x).attr("x2", x).attr("y1", 8).attr("y2", height - bottom);
  outputs.forEach((k) => {
    body.append("path").attr("class", "curve").attr("data-output", k).style("stroke", series(k)).attr("stroke-dasharray", dashes(k)).attr("d", path(curves[k]));
    body.append("g").selectAll("path").data(kinks).join("path").attr("class", "kink").attr("d", d3.symbol(d3.symbolDiamond, 60)()).style("fill", series(k))
      .attr("transform", (kink) => `translate(${x(kink)} ${y(network.forward(state.theta, [kink])[k])})`).append("title").text((kink) => `kink at x = ${few(kink)}`);
    body.append("g").selectAll("path").data(network.x).join("path").attr("class", "datum").attr("d", d3.symbol(DATA_SYMBOLS[k % 4], 46)())
      .style("stroke", outputs.length > 1 ? series(k) : null).attr("transform", (point, i) => `translate(${x(point[0])} ${y(network.y[i][k])})`)
      .append("title").text((point, i) => `point ${i}: x = ${few(point[0])}, y = ${few(network.y[i][k])}`);
  });
  steppable(svg.node());
  holder.replaceChildren(svg.node());
  const named = outputs.length > 1 ? ` ${outputs.map((k) => `Output ${k}: ${["solid", "long dashes", "dotted", "dash and dot"][k % 4]}.`).join(" ")}` : "";
  const cut = fits.everything && visible().length > MOST_CURVES ? ` Grey: the ${MOST_CURVES} of least loss.` : "";
  return `○ data, ◆ kinks${kinks.length ? ` at x = ${counted(kinks.map(few)).join(", ")}` : ": none in sight"}.${named}${cut}`;
}

const DATA_SYMBOLS = [d3.symbolCircle, d3.symbolSquare, d3.symbolTriangle, d3.symbolWye];

function drawHeat(holder) {
  const width = widthOf(holder, 520);
  const [left, bottom] = [44, 42];
  const [xs, ys] = [0, 1].map((k) => range1(network.x.map((x) => x[k])));
  const size = width - left - 8;
  const at = (range, k) => range[0] + ((range[1] - range[0]) * k) / (HEAT_GRID - 1);
  const values = new Float64Array(HEAT_GRID * HEAT_GRID);
  const switches = [];
  for (let row = 0; row < HEAT_GRID; row++) {
    for (let column = 0; column < HEAT_GRID; column++) {
      const seen = [];
      values[row * HEAT_GRID + column] = network.forward(state.theta, [at(xs, column), at(ys, row)], seen)[fits.output];
      seen.forEach((value, j) => { (switches[j] ??= new Float64Array(values.length))[row * HEAT_GRID + column] = value; });
    }
  }
  const [low, high] = d3.extent([...values, ...network.y.map((y) => y[fits.output])]);
  const share = (value) => (high > low ? (value - low) / (high - low) : 0.5);
  const [x, y] = [d3.scaleLinear(xs, [left, left + size]), d3.scaleLinear(ys, [8 + size, 8])];
  const svg = d3.create("svg").attr("width", width).attr("viewBox", `0 0 ${width} ${size + 8 + bottom}`).attr("role", "group").attr("class", "over")
    .attr("aria-label", `Heat map of the function of component ${state.component} with its kink lines. Arrow keys go to other components.`);
  svg.append("g").attr("class", "axis").attr("transform", `translate(${left} 0)`).call(d3.axisLeft(y).ticks(5));
  svg.append("g").attr("class", "axis").attr("transform", `translate(0 ${8 + size})`).call(d3.axisBottom(x).ticks(5));
  svg.append("text").attr("class", "axis-title").attr("x", left + size / 2).attr("y", size + 8 + bottom - 2).attr("text-anchor", "middle").text("x[0] → right, x[1] → up");
  const column = (k) => left + (size * k) / (HEAT_GRID - 1);
  const row = (k) => 8 + size - (size * k) / (HEAT_GRID - 1);
  for (const heights of switches) {
    if (d3.max(heights, Math.abs) < 1e-12) continue;
    const line = isoline(heights, HEAT_GRID, HEAT_GRID, 0, column, row);
    svg.append("path").attr("class", "kink-line-under").attr("d", line);
    svg.append("path").attr("class", "kink-line").attr("d", line);
  }
  svg.append("g").selectAll("circle").data(network.x).join("circle").attr("class", "heat-datum").attr("r", 7).attr("cx", (p) => x(p[0])).attr("cy", (p) => y(p[1]))
    .style("fill", (p, i) => heat(share(network.y[i][fits.output]))).append("title").text((p, i) => `point ${i}: x = (${p.map(few).join(", ")}), y = ${few(network.y[i][fits.output])}`);
  steppable(svg.node());
  const image = heatImage(values, HEAT_GRID, HEAT_GRID, share, size, size);
  const legend = heatLegend((t) => low + t * (high - low), Math.min(size, 360), `Colours from ${few(low)} to ${few(high)}`, left);
  holder.replaceChildren(layers(image, svg.node(), left, 8), legend);
  return "Dashed: kink lines. A disc is a data point, filled with the colour of its y: where it blends in, the fit is good.";
}

function drawScatter(holder) {
  const [width, left, bottom] = [widthOf(holder, 460), 50, 40];
  const predicted = network.x.map((x) => network.forward(state.theta, x));
  const both = padded(d3.extent([...network.y.flat(), ...predicted.flat()]));
  const x = d3.scaleLinear(both, [left, width - 8]);
  const y = d3.scaleLinear(both, [width - 8 - left + 8, 8]);
  const svg = d3.create("svg").attr("width", width).attr("viewBox", `0 0 ${width} ${width - left + bottom}`).attr("role", "group")
    .attr("aria-label", `Predicted against true values for component ${state.component}. Arrow keys go to other components.`);
  svg.append("g").attr("class", "axis grid").attr("transform", `translate(${left} 0)`).call(d3.axisLeft(y).ticks(6).tickSize(-(width - 8 - left)));
  svg.append("g").attr("class", "axis").attr("transform", `translate(0 ${width - left})`).call(d3.axisBottom(x).ticks(6));
  svg.append("text").attr("class", "axis-title").attr("x", (left + width) / 2).attr("y", width - left + bottom - 4).attr("text-anchor", "middle").text("true y → right, predicted → up");
  svg.append("line").attr("class", "kink-line").attr("x1", x(both[0])).attr("x2", x(both[1])).attr("y1", y(both[0])).attr("y2", y(both[1]));
  d3.range(network.outputs).forEach((k) => {
    svg.append("g").selectAll("path").data(predicted).join("path").attr("class", "datum").style("stroke", series(k)).attr("d", d3.symbol(DATA_SYMBOLS[k % 4], 60)())
      .attr("transform", (f, i) => `translate(${x(network.y[i][k])} ${y(f[k])})`).append("title").text((f, i) => `point ${i}, output ${k}: true ${few(network.y[i][k])}, predicted ${few(f[k])}`);
  });
  steppable(svg.node());
  holder.replaceChildren(svg.node());
  const shapes = network.outputs > 1 ? ` ${d3.range(network.outputs).map((k) => `Output ${k}: ${["circles", "squares", "triangles", "stars"][k % 4]}.`).join(" ")}` : "";
  return `On the dashed line, prediction and truth agree.${shapes}`;
}

function drawResiduals() {
  const head = el("tr", {}, ...["point", "x", "output", "y", "f(x)", "y − f(x)"].map((text) => el("th", { scope: "col" }, text)));
  const rows = network.x.slice(0, 200).flatMap((x, i) => network.forward(state.theta, x).map((f, k) => el("tr", {},
    ...[String(i), x.map(few).join(", "), String(k), few(network.y[i][k]), few(f), few(network.y[i][k] - f)].map((text) => el("td", {}, text)))));
  byId("residuals").replaceChildren(el("thead", {}, head), el("tbody", {}, ...rows));
}

function drawFunction() {
  if (!pictures || !chosen()) return;
  const draw = network.inputs === 1 ? drawCurves : network.inputs === 2 ? drawHeat : drawScatter;
  byId("function-note").textContent = draw(byId("function"));
  drawResiduals();
}

function functionControls() {
  if (!network) return;
  const holder = byId("function-controls");
  if (network.inputs === 1 && components.length > 1) {
    const box = el("input", { type: "checkbox", id: "everything", onchange: (event) => { fits.everything = event.target.checked; drawFunction(); } });
    holder.append(el("label", {}, box, " all filtered components behind it"));
  }
  if (network.inputs === 2 && network.outputs > 1) {
    holder.append(option("Output", choice(d3.range(network.outputs).map((k) => [k, String(k)]), 0, "Output", (value) => { fits.output = Number(value); drawFunction(); })));
  }
}

on("choice", drawFunction);
on("theta", drawFunction);
on("resize", drawFunction);
on("filter", () => { if (fits.everything) drawFunction(); });
