// What is chosen and what is filtered; every view subscribes to what it shows.

const network = data.problem ? networkOf(data.problem) : null;
const components = data.components;
let pictures = network !== null; // whether the page's arithmetic is good enough to draw from: see main.js
const position = new Map(components.map((component, k) => [component.id, k]));

const state = {
  component: components.length ? components[0].id : null,
  piece: 0,
  theta: null, // of the chosen piece, or of the point that the family's sliders stand on
  filters: { dimension: "", location: "", text: "", loss: Infinity },
};

const listeners = { choice: [], theta: [], filter: [], resize: [] };
const on = (event, listener) => listeners[event].push(listener);
const emit = (event) => listeners[event].forEach((listener) => listener());

const chosen = () => (state.component === null ? null : components[position.get(state.component)]);
const chosenPiece = () => chosen().pieces[state.piece];
const thetaOf = (component, piece = 0) => component.pieces[piece].theta.map(Number);

function choose(id, piece = null) {
  if (!position.has(id)) return;
  state.component = id;
  const component = chosen();
  const widest = component.pieces.findIndex((entry) => entry.dimension === component.dimension && entry.family);
  state.piece = piece === null ? Math.max(widest, 0) : piece;
  state.theta = thetaOf(component, state.piece);
  emit("choice");
  announce(`Component ${id}: ${kind(component.dimension)}, loss ${short(component.loss[0])}, ${component.location}`);
}

function setTheta(theta) {
  state.theta = theta;
  emit("theta");
}

function passes(component) {
  const { dimension, location, text, loss } = state.filters;
  if (dimension !== "" && Math.min(component.dimension, 1) !== Number(dimension)) return false;
  if (location !== "" && component.location !== location) return false;
  if (Number(component.loss[0]) > loss) return false;
  return text === "" || component.pieces.some((piece) => piece.stratum.includes(text));
}

let visibleCache = components;
const visible = () => visibleCache;
on("filter", () => { visibleCache = components.filter(passes); });

function step(by) {
  const among = visible();
  if (!among.length) return;
  const here = among.findIndex((component) => component.id === state.component);
  const next = here < 0 ? 0 : Math.min(Math.max(here + by, 0), among.length - 1);
  choose(among[next].id);
}

// Arrow keys on a picture go to the next component.
function steppable(node) {
  node.setAttribute("tabindex", "0");
  node.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    step(by);
  });
}
