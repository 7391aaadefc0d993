// Level sets of values on a grid, and pictures of such values: for the slice of the loss and for functions of two inputs.

// values[row * columns + column]; x and y give the coordinates of a column and a row. Marching squares; a saddle is split one way.
function isoline(values, columns, rows, level, x, y) {
  const segments = [];
  const places = new Map();
  // The edges of the grid are numbered: those to the right of a corner are even, those upwards odd.
  const crossing = (corner, other, edge) => {
    const [one, two] = [values[corner] - level, values[other] - level];
    if (one >= 0 === two >= 0) return null;
    if (!places.has(edge)) {
      const share = one / (one - two);
      const at = (index) => [index % columns, Math.floor(index / columns)];
      const [from, to] = [at(corner), at(other)];
      places.set(edge, `${x(from[0] + share * (to[0] - from[0])).toFixed(2)},${y(from[1] + share * (to[1] - from[1])).toFixed(2)}`);
    }
    return edge;
  };
  for (let row = 0; row + 1 < rows; row++) {
    for (let column = 0; column + 1 < columns; column++) {
      const c = row * columns + column;
      const found = [crossing(c, c + 1, 2 * c), crossing(c + 1, c + columns + 1, 2 * c + 3), crossing(c + columns, c + columns + 1, 2 * (c + columns)), crossing(c, c + columns, 2 * c + 1)]
        .filter((edge) => edge !== null);
      for (let k = 0; k + 1 < found.length; k += 2) segments.push([found[k], found[k + 1]]);
    }
  }
  return chains(segments).map((chain) => `M${chain.map((edge) => places.get(edge)).join("L")}`).join("");
}

// Segments joined end to end, so that dashes run on.
function chains(segments) {
  const touching = new Map();
  segments.forEach((segment, k) => segment.forEach((edge) => touching.set(edge, [...(touching.get(edge) || []), k])));
  const used = new Array(segments.length).fill(false);
  const grow = (chain) => {
    for (;;) {
      const end = chain.at(-1);
      const next = touching.get(end).find((k) => !used[k]);
      if (next === undefined) return chain;
      used[next] = true;
      chain.push(segments[next][0] === end ? segments[next][1] : segments[next][0]);
    }
  };
  const found = [];
  segments.forEach((segment, k) => {
    if (used[k]) return;
    used[k] = true;
    found.push(grow(grow(segment.slice()).reverse()));
  });
  return found;
}

// Cividis: the same to readers with and without colour vision, light for high values.
const heat = (share) => d3.interpolateCividis(Math.min(Math.max(share, 0), 1));

// An image of values, smoothly scaled to the given size; row 0 is at the bottom.
function heatImage(values, columns, rows, share, width, height) {
  const small = el("canvas", { width: columns, height: rows });
  const context = small.getContext("2d");
  const pixels = context.createImageData(columns, rows);
  const table = d3.range(256).map((k) => d3.rgb(heat(k / 255)));
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const value = table[Math.round(255 * Math.min(Math.max(share(values[row * columns + column]), 0), 1))];
      const at = 4 * ((rows - 1 - row) * columns + column);
      pixels.data.set([value.r, value.g, value.b, 255], at);
    }
  }
  context.putImageData(pixels, 0, 0);
  const { node, context: large } = canvas(width, height);
  large.imageSmoothingEnabled = true;
  large.drawImage(small, 0, 0, width, height);
  return node;
}

// An image under the axes of an SVG: in shares of it, so that both shrink together.
function layers(image, svg, left, top) {
  const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
  const percent = (part, whole) => `${(100 * part) / whole}%`;
  image.classList.add("under");
  Object.assign(image.style, {
    left: percent(left, width), top: percent(top, height), width: percent(parseFloat(image.style.width), width), height: percent(parseFloat(image.style.height), height),
  });
  const holder = el("div", { class: "layers" }, image, svg);
  holder.style.width = `${width}px`;
  return holder;
}

// A legend: a bar of colours with the values that they stand for.
function heatLegend(valueAt, width, label, left) {
  const height = 34;
  const svg = d3.create("svg").attr("class", "legend").attr("viewBox", `0 0 ${width} ${height}`).attr("width", width).attr("height", height).style("margin-left", `${left}px`).attr("role", "img").attr("aria-label", label);
  const stops = 48;
  svg.selectAll("rect").data(d3.range(stops)).join("rect").attr("x", (k) => (k * width) / stops).attr("width", width / stops + 1)
    .attr("height", 12).attr("fill", (k) => heat((k + 0.5) / stops));
  svg.selectAll("text").data([0, 0.25, 0.5, 0.75, 1]).join("text").attr("class", "tick-text").attr("x", (t) => t * width).attr("y", 26)
    .attr("text-anchor", (t) => (t === 0 ? "start" : t === 1 ? "end" : "middle")).text((t) => few(valueAt(t)));
  return svg.node();
}
