// Level sets of values on a grid, and pictures of such values: for the slice of the loss and for functions of two inputs.

// values[row * columns + column]; x and y give the coordinates of a column and a row. Marching squares; a saddle is split one way.
function isoline(values, columns, rows, level, x, y) {
  const path = [];
  for (let row = 0; row + 1 < rows; row++) {
    for (let column = 0; column + 1 < columns; column++) {
      const corner = row * columns + column;
      const heights = [values[corner], values[corner + 1], values[corner + columns + 1], values[corner + columns]];
      const places = [[column, row], [column + 1, row], [column + 1, row + 1], [column, row + 1]];
      const crossings = [];
      for (let side = 0; side < 4; side++) {
        const [one, other] = [heights[side] - level, heights[(side + 1) % 4] - level];
        if (one >= 0 === other >= 0) continue;
        const share = one / (one - other);
        const [from, to] = [places[side], places[(side + 1) % 4]];
        crossings.push([x(from[0] + share * (to[0] - from[0])), y(from[1] + share * (to[1] - from[1]))]);
      }
      for (let k = 0; k + 1 < crossings.length; k += 2) {
        path.push(`M${crossings[k].map((c) => c.toFixed(2))}L${crossings[k + 1].map((c) => c.toFixed(2))}`);
      }
    }
  }
  return path.join("");
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

// A legend: a bar of colours with the values that they stand for.
function heatLegend(valueAt, width, label) {
  const height = 34;
  const svg = d3.create("svg").attr("viewBox", `0 0 ${width} ${height}`).attr("width", width).attr("height", height).attr("role", "img").attr("aria-label", label);
  const stops = 48;
  svg.selectAll("rect").data(d3.range(stops)).join("rect").attr("x", (k) => (k * width) / stops).attr("width", width / stops + 1)
    .attr("height", 12).attr("fill", (k) => heat((k + 0.5) / stops));
  svg.selectAll("text").data([0, 0.25, 0.5, 0.75, 1]).join("text").attr("class", "tick-text").attr("x", (t) => t * width).attr("y", 26)
    .attr("text-anchor", (t) => (t === 0 ? "start" : t === 1 ? "end" : "middle")).text((t) => few(valueAt(t)));
  return svg.node();
}
