// Puts the page together, and checks its own arithmetic before it draws anything.

// The page's loss at every witness must be the certified one: if it is not, the pictures would be wrong, and there are none.
function arithmeticTrouble() {
  if (!network) return data.no_pictures || "";
  for (const component of components) {
    const [own, certified] = [network.loss(thetaOf(component)), Number(component.loss[0])];
    if (!(Math.abs(own - certified) <= 1e-6 * Math.max(1, Math.abs(certified)))) {
      return `in double precision, the loss of component ${component.id} comes out as ${short(own)} instead of the certified ${short(certified)}`;
    }
  }
  return "";
}

function withoutPictures(reason) {
  pictures = false;
  byId("trouble").hidden = false;
  byId("trouble").textContent = `No functions, families and slices are drawn: ${reason}. The list, its numbers and witnesses are as certified.`;
  for (const id of ["function-section", "slice-section"]) byId(id).hidden = true;
}

function undecidedList() {
  if (!data.undecided_total) return;
  byId("undecided").hidden = false;
  const cut = data.undecided.length < data.undecided_total ? ` The first ${data.undecided.length} are listed; the map's file has all.` : "";
  byId("undecided-note").textContent = `Nothing is claimed about ${plural(data.undecided_total, "stratum").replace("stratums", "strata")}: local minima may lie there.${cut}`;
  byId("undecided-table").append(
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Stratum"), el("th", { scope: "col" }, "Why"))),
    el("tbody", {}, ...data.undecided.map((entry) => el("tr", {}, el("td", {}, el("code", {}, entry.stratum)), el("td", {}, entry.reason)))),
  );
}

function chooser() {
  const select = byId("chosen");
  for (const component of components) {
    select.append(el("option", { value: String(component.id) }, `${component.id}${component.global ? "*" : ""}: ${short(component.loss[0])}`));
  }
  select.addEventListener("change", () => choose(Number(select.value)));
  byId("previous").addEventListener("click", () => step(-1));
  byId("next").addEventListener("click", () => step(1));
  on("choice", () => {
    const component = chosen();
    select.value = String(component.id);
    byId("chosen-facts").textContent = `${shape(component.dimension)} ${kind(component.dimension)}, ${component.location}, ${component.closed ? "closed" : "open"}`;
  });
}

const THEMES = [["", "◐", "as the system"], ["light", "○", "light"], ["dark", "●", "dark"]];

function themeButton() {
  let theme = 0;
  byId("theme").addEventListener("click", () => {
    theme = (theme + 1) % THEMES.length;
    document.documentElement.dataset.theme = THEMES[theme][0];
    byId("theme").textContent = THEMES[theme][1];
    byId("theme").setAttribute("aria-label", `Colours: ${THEMES[theme][2]}`);
    drawRegions();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawRegions);
}

function resizing() {
  let width = document.documentElement.clientWidth;
  let timer = null;
  addEventListener("resize", () => {
    if (document.documentElement.clientWidth === width) return;
    clearTimeout(timer);
    timer = setTimeout(() => { width = document.documentElement.clientWidth; emit("resize"); }, 120);
  });
}

function start() {
  const trouble = arithmeticTrouble();
  if (trouble) withoutPictures(trouble);
  undecidedList();
  themeButton();
  chooser();
  regionFacts();
  regionControls();
  if (!components.length) {
    byId("chooser").hidden = true;
    for (const id of ["ladder-section", "function-section", "witness-section", "slice-section", "filters"]) byId(id).hidden = true;
    byId("shown-count").textContent = "No local minimum is listed.";
    drawRegions();
    return;
  }
  functionControls();
  sliceControls();
  choose(components[0].id);
  filterControls();
  drawSlice();
  resizing();
}

start();
