// The ladder of losses: components in order, each at the height of its loss.

const ladder = { logarithm: false, hover: null };

function ladderHeights(shown) {
  const losses = shown.map((component) => Number(component.loss[0]));
  const least = d3.min(components, (component) => Number(component.loss[0]));
  if (!ladder.logarithm) return { of: (c) => Number(c.loss[0]), domain: padded(d3.extent(losses)), scale: d3.scaleLinear };
  const above = losses.map((loss) => loss - least).filter((gap) => gap > 0);
  // Components at the least loss have no logarithm: they stand at the bottom.
  const bottom = above.length ? d3.min(above) / 4 : 1;
  return { of: (c) => Math.max(Number(c.loss[0]) - least, bottom), domain: [bottom / 1.5, (d3.max(above) || 1) * 1.5], scale: d3.scaleLog };
}

function padded([low, high], share = 0.06) {
  const gap = high > low ? (high - low) * share : Math.max(Math.abs(high), 1) * share;
  return [low - gap, high + gap];
}

function drawLadder() {
  const holder = byId("ladder");
  const shown = visible();
  if (!shown.length) {
    holder.replaceChildren(el("p", { class: "note" }, "No component passes the filters."));
    return;
  }
  const [width, height, left, bottom] = [widthOf(holder, 760), 260, 62, 30];
  const heights = ladderHeights(shown);
  const x = d3.scaleLinear().domain([-0.5, shown.length - 0.5]).range([left, width - 8]);
  const y = heights.scale().domain(heights.domain).range([height - bottom, 8]);
  const svg = d3.create("svg").attr("width", width).attr("viewBox", `0 0 ${width} ${height}`).attr("role", "group")
    .attr("aria-label", `Ladder of losses: ${plural(shown.length, "component")}, from ${few(shown[0].loss[0])} to ${few(shown.at(-1).loss[0])}. Arrow keys go from one to the next.`);
  svg.append("g").attr("class", "axis grid").attr("transform", `translate(${left} 0)`).call(d3.axisLeft(y).ticks(5, heights.scale === d3.scaleLog ? "~g" : undefined).tickSize(-(width - 8 - left)));
  svg.append("text").attr("class", "axis-title").attr("x", (left + width) / 2).attr("y", height - 6).attr("text-anchor", "middle").text(`${plural(shown.length, "component")} by loss`);
  const space = (width - 8 - left) / shown.length;
  if (space > 4) {
    svg.append("g").attr("class", "rungs").selectAll("line").data(shown).join("line")
      .attr("x1", (c, k) => x(k - 0.42)).attr("x2", (c, k) => x(k + 0.42)).attr("y1", (c) => y(heights.of(c))).attr("y2", (c) => y(heights.of(c)));
  }
  const size = Math.max(14, Math.min(90, space * space));
  svg.append("g").selectAll("path").data(shown).join("path").attr("class", (c) => `mark ${c.location}`).attr("data-id", (c) => c.id)
    .attr("d", (c) => d3.symbol(symbol(c.dimension), size)()).attr("transform", (c, k) => `translate(${x(k)} ${y(heights.of(c))})`)
    .append("title").text((c) => `${c.id}: loss ${short(c.loss[0])}, ${kind(c.dimension)}, ${c.location}`);
  svg.on("click", (event) => {
    // The nearest component by column: marks of hundreds are too small to be hit.
    const k = Math.round(x.invert(d3.pointer(event)[0]));
    if (k >= 0 && k < shown.length) choose(shown[k].id);
  });
  steppable(svg.node());
  holder.replaceChildren(svg.node());
  markRung();
}

function markRung() {
  d3.select("#ladder").selectAll(".mark").classed("chosen", (c) => c.id === state.component).filter((c) => c.id === state.component).raise();
}

byId("ladder-log").addEventListener("change", (event) => { ladder.logarithm = event.target.checked; drawLadder(); });
on("filter", drawLadder);
on("resize", drawLadder);
on("choice", markRung);
