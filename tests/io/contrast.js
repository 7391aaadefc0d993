// Texts whose contrast with what they stand on is less than 4.5 to 1 (WCAG 2.2, 1.4.3). Marks on pictures, which bring their own ground, are left out.
const channel = (v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const parse = (text) => {
  if (text.startsWith("color(srgb")) { const p = text.match(/[\d.]+/g).map(Number); return [p[0]*255,p[1]*255,p[2]*255,p[3] ?? 1]; }
  const p = (text.match(/[\d.]+/g) || [0,0,0,0]).map(Number); return [p[0], p[1], p[2], p[3] ?? 1]; };
const over = (top, under) => [0, 1, 2].map((k) => top[k] * top[3] + under[k] * (1 - top[3]));
const ground = (node) => { if (!node || node === document) return [255, 255, 255]; const colour = parse(getComputedStyle(node).backgroundColor); if (colour[3] === 0) return ground(node.parentElement); return over(colour, colour[3] < 1 ? ground(node.parentElement) : [0, 0, 0]); };
const poor = [];
for (const node of document.querySelectorAll("body *")) {
  if (!node.checkVisibility() || ["SCRIPT", "STYLE", "OPTION"].includes(node.tagName) || node.closest(".slice-mark, .slice-name")) continue;
  const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
  if (!own && !node.matches("select, input[type=search]")) continue;
  if (node.namespaceURI.includes("svg") && node.tagName === "title") continue;
  const style = getComputedStyle(node);
  const back = ground(node);
  const ink = over(parse(node.namespaceURI.includes("svg") ? style.fill : style.color), back);
  const [a, b] = [luminance(ink), luminance(back)].sort((x, y) => y - x);
  const ratio = (a + 0.05) / (b + 0.05);
  if (ratio < 4.5) poor.push(`${node.tagName}.${node.getAttribute("class")} ${node.textContent.slice(0, 30)}: ${ratio.toFixed(2)}`);
}
return poor;
