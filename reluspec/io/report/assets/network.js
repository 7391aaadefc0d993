// The network and its loss in double precision, from the programs of reluspec/io/report/programs.py.

function compiled(program, index) {
  if (typeof program === "number") return () => program;
  if (typeof program === "string") {
    const place = index.get(program);
    if (place === undefined) throw new Error(`no variable ${program}`);
    return (values) => values[place];
  }
  const [operation, ...rest] = program;
  if (operation === "^") {
    const base = compiled(rest[0], index);
    const exponent = rest[1];
    if (exponent === 2) return (values) => { const b = base(values); return b * b; };
    return (values) => base(values) ** exponent;
  }
  if (operation === "k") {
    const [argument, below, above] = [compiled(rest[0], index), rest[1], rest[2]];
    return (values) => { const t = argument(values); return (t >= 0 ? above : below) * t; };
  }
  const parts = rest.map((part) => compiled(part, index));
  if (operation === "+") return (values) => { let sum = 0; for (const part of parts) sum += part(values); return sum; };
  if (operation === "*") return (values) => { let product = 1; for (const part of parts) product *= part(values); return product; };
  throw new Error(`no operation ${operation}`);
}

// The arguments of a program's kinks: the switches of theory.md section 1.
function switchesOf(program) {
  if (!Array.isArray(program)) return [];
  const inner = program.slice(1).flatMap(switchesOf);
  return program[0] === "k" ? [...inner, program[1]] : inner;
}

function networkOf(problem) {
  const place = new Map(problem.parameters.map((name, position) => [name, position]));
  const layers = problem.layers.map((layer) => {
    const z = new Map([["z", 0]]);
    const cell = [0];
    const activation = compiled(layer.activation, z);
    const arguments_ = switchesOf(layer.activation).map((program) => compiled(program, z));
    const weights = [];
    const biases = [];
    for (let unit = 0; unit < layer.units; unit++) {
      weights.push(d3.range(layer.inputs).map((k) => place.get(`${layer.name}.weight[${unit},${k}]`) ?? null));
      biases.push(place.get(`${layer.name}.bias[${unit}]`) ?? null);
    }
    return {
      ...layer, weights, biases,
      at: (value) => { cell[0] = value; return activation(cell); },
      switchesAt: (value) => { cell[0] = value; return arguments_.map((argument) => argument(cell)); },
    };
  });
  const outputs = problem.y[0].length;
  const indexed = new Map();
  for (let k = 0; k < outputs; k++) { indexed.set(`y[${k}]`, k); indexed.set(`f[${k}]`, outputs + k); }
  const objective = compiled(problem.loss, indexed);
  const penalties = problem.penalties.map((penalty) => compiled(penalty, place));

  const weight = (layer, theta, unit, k) => (layer.weights[unit][k] === null ? layer.fixed_weight[unit][k] : theta[layer.weights[unit][k]]);
  const bias = (layer, theta, unit) => {
    if (!layer.bias) return 0;
    return layer.biases[unit] === null ? layer.fixed_bias[unit] : theta[layer.biases[unit]];
  };

  function forward(theta, x, seen = null) {
    let signal = x;
    for (const layer of layers) {
      const following = new Array(layer.units);
      for (let unit = 0; unit < layer.units; unit++) {
        let z = bias(layer, theta, unit);
        for (let k = 0; k < layer.inputs; k++) z += weight(layer, theta, unit, k) * signal[k];
        if (seen !== null) seen.push(...layer.switchesAt(z));
        following[unit] = layer.at(z);
      }
      signal = following;
    }
    return signal;
  }

  function loss(theta) {
    let total = 0;
    for (let i = 0; i < problem.x.length; i++) {
      total += problem.weight[i] * objective([...problem.y[i], ...forward(theta, problem.x[i])]);
    }
    if (problem.mean) total /= problem.x.length;
    for (const penalty of penalties) total += penalty(theta);
    return total;
  }

  // Where the network bends: values of all switches of all units at x, layer by layer.
  function switches(theta, x) {
    const seen = [];
    forward(theta, x, seen);
    return seen;
  }

  // A theta in PyTorch's form; `number` writes each entry.
  function tensors(theta, number) {
    const found = {};
    for (const layer of layers) {
      found[`${layer.name}.weight`] = layer.weights.map((row, unit) => row.map((_, k) => number(weight(layer, theta, unit, k))));
      if (layer.bias) found[`${layer.name}.bias`] = layer.biases.map((_, unit) => number(bias(layer, theta, unit)));
    }
    return found;
  }

  return { ...problem, layers, outputs, inputs: problem.x[0].length, forward, loss, switches, tensors };
}

// A point of the chord moves onto its arc; the only point of a whole circle is turned.
function ontoCircle(point, family, turn) {
  if (family.vertices.length === 1) {
    for (const [p, q] of family.pairs) {
      const [first, second] = [point[p], point[q]];
      point[p] = Math.cos(turn) * first + Math.sin(turn) * second;
      point[q] = Math.cos(turn) * second - Math.sin(turn) * first;
    }
    return;
  }
  const places = family.pairs.flat();
  const size = (values) => Math.hypot(...places.map((k) => values[k]));
  const factor = size(family.vertices[0]) / size(point);
  for (const k of places) point[k] *= factor;
}

// An arc of half a circle or more has vertices between its ends: the shares tell a place between two neighbours.
const isArc = (family) => family.kind === "chart" && family.pairs.length > 0 && family.pairs[0].length === 2 && family.vertices.length > 1;

function onPath(shares) {
  const last = shares.length - 1;
  const place = d3.sum(shares, (share, k) => share * k);
  const k = Math.min(Math.floor(place), last - 1);
  return shares.map((_, j) => (j === k ? k + 1 - place : j === k + 1 ? place - k : 0));
}

// A point of a family: convex combination of vertices plus amounts of rays, then out of the chart (reluspec/minima/families.py).
function familyPoint(family, theta, mixture, amounts, turn = 0) {
  const combine = (rows, shares, length) => d3.range(length).map((k) => d3.sum(rows, (row, j) => shares[j] * row[k]));
  if (family.kind === "chart") {
    const point = combine(family.vertices, isArc(family) ? onPath(mixture) : mixture, theta.length);
    family.rays.forEach((ray, j) => ray.forEach((entry, k) => { point[k] += amounts[j] * entry; }));
    if (family.pairs.length) ontoCircle(point, family, turn);
    for (const unit of family.units) {
      if (!unit.plain) point[unit.output] = unit.sign * Math.sqrt(point[unit.output]);
      for (const k of unit.directions) point[k] *= point[unit.output];
      for (const k of unit.products) point[k] /= point[unit.output];
    }
    return point;
  }
  const point = theta.slice();
  const squares = combine(family.vertices, mixture, family.units.length);
  family.units.forEach((unit, position) => {
    const a = unit.sign * Math.sqrt(squares[position]);
    if (unit.output !== null) point[unit.output] = a;
    for (const [k, entry] of unit.direction) point[k] = a * entry;
  });
  if (family.bias_at !== null) point[family.bias_at] = d3.sum(family.bias, (entry, j) => mixture[j] * entry);
  return point;
}
