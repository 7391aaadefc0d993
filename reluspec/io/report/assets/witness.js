// One component in full: its facts, one witness with all its digits, and that witness for other programs.

const entryOf = (value) => { const number = Number(value); return Object.is(number, -0) ? "0" : String(number); };
const bracket = (tensor) => (Array.isArray(tensor) ? `[${tensor.map(bracket).join(", ")}]` : tensor);

const WRITERS = {
  JSON: (entries) => `{${entries.map(([name, tensor]) => `${JSON.stringify(name)}: ${bracket(tensor)}`).join(",\n ")}}`,
  NumPy: (entries) => `import numpy as np\n\ntheta = {\n${entries.map(([name, tensor]) => `    ${JSON.stringify(name)}: np.array(${bracket(tensor)}, dtype=np.float64),`).join("\n")}\n}`,
  PyTorch: (entries) => `import torch\n\nstate_dict = {\n${entries.map(([name, tensor]) => `    ${JSON.stringify(name)}: torch.tensor(${bracket(tensor)}, dtype=torch.float64),`).join("\n")}\n}\n# model.double().load_state_dict(state_dict)`,
};

// Where the browser has no clipboard for pages from disk, the text is selected and copied the old way.
async function copy(text, done) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const range = document.createRange();
    range.selectNodeContents(byId("copied-text"));
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    if (!document.execCommand("copy")) { done("select the text below and copy it"); return; }
    selection.removeAllRanges();
  }
  done("copied");
}

function copyAs(format, theta) {
  const text = WRITERS[format](Object.entries(network.tensors(theta, entryOf)));
  byId("copied-text").textContent = text;
  byId("copied").hidden = false;
  copy(text, (outcome) => { byId("copy-outcome").textContent = `${format}: ${outcome}`; });
}

function witnessControls(component) {
  const holder = byId("witness-controls");
  const controls = [];
  if (component.pieces.length > 1) {
    const entries = component.pieces.map((piece, k) => [k, `${piece.stratum} (dimension ${piece.dimension})`]);
    controls.push(option("Piece", choice(entries, state.piece, "Piece of the component", (value) => choose(component.id, Number(value)))));
  }
  if (network) {
    for (const format of Object.keys(WRITERS)) {
      controls.push(el("button", { type: "button", class: "copy", "data-format": format, onclick: () => copyAs(format, copyTheta()) }, `Copy as ${format}`));
    }
    if (chosenPiece().family) {
      controls.push(el("label", {}, el("input", { type: "checkbox", id: "copy-moved" }), " the point under the sliders instead"));
    }
  }
  controls.push(el("span", { id: "copy-outcome", role: "status" }));
  holder.replaceChildren(...controls);
}

const copyTheta = () => (byId("copy-moved")?.checked ? state.theta : chosenPiece().theta);

function drawWitness() {
  const component = chosen();
  if (!component) return;
  witnessControls(component);
  const piece = chosenPiece();
  const facts = [
    ["Loss", `${component.loss[0]} ± ${component.loss[1]}`],
    ["Kind", `${kind(component.dimension)}${component.global ? `, ${data.star}` : ""}, ${component.status}`],
    ["Location", component.location === "interior" ? "interior: the loss is smooth at (some of) it" : "boundary: on kinks of the loss"],
    ["Orbit", `${plural(component.orbit, "copy").replace("copys", "copies")} under exchange of units`],
    ["Ends", component.closed ? "closed" : `open; missing: ${component.missing.join(", ") || "at infinity or on other strata"}`],
    ["Stratum", piece.stratum + (piece.dead ? ` (${plural(piece.dead, "dead unit")})` : "")],
  ];
  if (component.more) facts.push(["Pieces", `${component.more} more in the map's file`]);
  const list = el("dl", { class: "facts", id: "component-facts" });
  for (const [name, value] of facts) list.append(el("dt", {}, name), el("dd", {}, name === "Stratum" ? el("code", {}, value) : value));
  const rows = (data.problem ? data.problem.parameters : piece.theta.map((_, k) => `parameter ${k}`)).map((name, k) => el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, piece.theta[k])));
  byId("witness").replaceChildren(
    list,
    el("p", { class: "note" }, `A point of it; each number is within ${piece.radius} of the true one.`),
    el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Witness" }, el("table", { id: "witness-table" }, el("tbody", {}, ...rows))),
    el("div", { id: "copied", hidden: true }, el("pre", { id: "copied-text", tabindex: "0", "aria-label": "What was copied" })),
  );
}

on("choice", drawWitness);
