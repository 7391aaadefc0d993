// Making elements, numbers as text, colours. All text reaches the page as text nodes: nothing here ever parses HTML.

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in node && typeof value !== "string") node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

const plural = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

// Ten significant digits, as the terminal prints them.
function short(value, digits = 10) {
  const number = Number(value);
  if (number === 0) return "0";
  const text = number.toPrecision(digits);
  return text.includes("e") ? String(Number(text)) : text.replace(/\.?0+$/, "");
}

// A stratum's name with its long runs of one sign counted: `-----------0+` as `-{11}0+`.
const brief = (stratum) => (stratum.length <= 24 ? stratum : stratum.replace(/([-+0])\1{5,}/g, (run, sign) => `${sign}{${run.length}}`));

const few = (value) => short(value, 4).replace("-", "−");

const SHAPES = ["●", "◆", "■"];
const shape = (dimension) => SHAPES[Math.min(dimension, 2)];
const kind = (dimension) => ["isolated point", "curve", "sheet"][dimension] || `family of dimension ${dimension}`;
const SYMBOLS = [d3.symbolCircle, d3.symbolDiamond, d3.symbolSquare];
const symbol = (dimension) => SYMBOLS[Math.min(dimension, 2)];

// The colours stand in style.css, so that light and dark have their own.
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const SERIES = ["series-0", "series-1", "series-2", "series-3", "series-4", "series-5"];
const series = (position) => `var(--${SERIES[position % SERIES.length]})`;
const DASHES = ["", "8 4", "2 3", "10 3 2 3", "5 5", "1 4"];
const dashes = (position) => DASHES[position % DASHES.length] || null;

const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

// Canvas pixels match the screen's; drawing is in CSS pixels.
function canvas(width, height) {
  const ratio = window.devicePixelRatio || 1;
  const node = el("canvas", { width: Math.round(width * ratio), height: Math.round(height * ratio) });
  node.style.width = `${width}px`;
  node.style.height = `${height}px`;
  const context = node.getContext("2d");
  context.scale(ratio, ratio);
  return { node, context };
}

const widthOf = (node, most) => Math.max(260, Math.min(most, node.clientWidth || most));

// A control with a label, and what it does.
function option(text, control) {
  return el("label", {}, `${text} `, control);
}

function choice(entries, value, label, change) {
  const node = el("select", { "aria-label": label });
  for (const [key, text] of entries) node.append(el("option", { value: String(key) }, text));
  node.value = String(value);
  node.addEventListener("change", () => change(node.value));
  return node;
}

function announce(text) {
  byId("announcer").textContent = text;
}
