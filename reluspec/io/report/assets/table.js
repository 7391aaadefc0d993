// The list of components: sortable, filtered, a page of rows at a time.

const ROWS = 60;
const table = { key: "id", descending: false, rows: ROWS };

const COLUMNS = [
  ["id", "#", (c) => c.id, (c) => `${c.id}${c.global ? "*" : ""}`],
  ["loss", "Loss", (c) => Number(c.loss[0]), (c) => short(c.loss[0])],
  ["dimension", "Dim.", (c) => c.dimension, (c) => `${shape(c.dimension)} ${c.dimension}`],
  ["location", "Location", (c) => c.location, (c) => c.location],
  ["orbit", "Orbit", (c) => c.orbit, (c) => String(c.orbit)],
  ["ends", "Ends", (c) => (c.closed ? 0 : 1), (c) => (c.closed ? "closed" : "open")],
  ["stratum", "Strata", (c) => c.pieces[0].stratum, (c) => brief(c.pieces[0].stratum) + (c.pieces.length + c.more > 1 ? ` +${c.pieces.length + c.more - 1}` : "")],
];

function sorted() {
  const [, , value] = COLUMNS.find(([key]) => key === table.key);
  const ascending = visible().slice().sort((a, b) => {
    const [one, other] = [value(a), value(b)];
    return (one < other ? -1 : one > other ? 1 : 0) || a.id - b.id;
  });
  return table.descending ? ascending.reverse() : ascending;
}

function drawHead() {
  const row = el("tr");
  for (const [key, text] of COLUMNS) {
    const active = key === table.key;
    const button = el("button", { type: "button", onclick: () => sortBy(key) }, text, active ? (table.descending ? " ▾" : " ▴") : "");
    row.append(el("th", { scope: "col", "aria-sort": active ? (table.descending ? "descending" : "ascending") : "none", "data-key": key }, button));
  }
  byId("table").tHead.replaceChildren(row);
}

function sortBy(key) {
  table.descending = key === table.key ? !table.descending : false;
  table.key = key;
  drawTable();
  byId("table").tHead.querySelector(`[data-key="${key}"] button`).focus();
}

function drawRow(component) {
  const row = el("tr", { "data-id": String(component.id), onclick: () => choose(component.id) });
  for (const [key, , , text] of COLUMNS) {
    const content = key === "id"
      ? el("button", { type: "button", "aria-label": `Show component ${component.id}${component.global ? `, ${data.star}` : ""}` }, text(component))
      : key === "stratum" ? el("code", { title: component.pieces[0].stratum }, text(component)) : text(component);
    row.append(el("td", { class: key }, content));
  }
  return row;
}

function drawTable() {
  drawHead();
  const all = sorted();
  byId("table").tBodies[0].replaceChildren(...all.slice(0, table.rows).map(drawRow));
  const rest = all.length - table.rows;
  byId("more-rows").hidden = rest <= 0;
  byId("more-rows").textContent = `Show the other ${rest.toLocaleString("en")}`;
  const best = components.some((component) => component.global);
  const star = best ? ` * ${data.star}.` : "";
  byId("shown-count").textContent = `${all.length.toLocaleString("en")} of ${plural(components.length, "component")} shown.${star}`;
  markRow();
}

function markRow() {
  for (const row of byId("table").tBodies[0].rows) {
    const here = Number(row.dataset.id) === state.component;
    row.classList.toggle("chosen", here);
    if (here) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
}

function filterControls() {
  const losses = components.map((component) => Number(component.loss[0]));
  // The slider goes by rank, so that crowded losses can be told apart.
  const ranked = losses.slice().sort(d3.ascending);
  const read = () => {
    const share = Number(byId("filter-loss").value) / 1000;
    const least = ranked[Math.round(share * (ranked.length - 1))];
    state.filters = {
      dimension: byId("filter-dimension").value,
      location: byId("filter-location").value,
      text: byId("filter-text").value.trim(),
      loss: share >= 1 || !ranked.length ? Infinity : least,
    };
    byId("filter-loss-shown").textContent = Number.isFinite(state.filters.loss) ? few(least) : "any";
    emit("filter");
  };
  byId("filters").addEventListener("input", read);
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("more-rows").addEventListener("click", () => { table.rows = Infinity; drawTable(); });
  read();
}

on("filter", () => { table.rows = ROWS; drawTable(); });
on("choice", markRow);
