/* The large card beside a hovered or focused one: a larger image, and what each backbone said. */

import { element } from "./dom.js";

const FRAMES = { relevant: "relevant", not: "not relevant", unknown: "no label to judge by", query: "the query" };
const GAP = 10; // pixels between the cards
const EDGE = 8; // pixels to the sides of the window

export function fillLarge(large, data, pick) {
  const image = element("img");
  image.alt = "";
  if (data.large) image.src = data.large;
  image.addEventListener("error", () => image.remove());
  large.replaceChildren(...(data.large ? [image] : []), element("strong", "", data.title || data.label || data.id));
  const rank = data.rank !== undefined ? "rank " + data.rank : "";
  const score = data.score !== undefined ? "score " + data.score : "";
  const line = [rank, score, FRAMES[data.frame] || ""].filter(Boolean).join(" · ");
  if (line) large.append(element("span", "line", line));
  if (data.note) large.append(element("span", "line", data.note));
  if (data.rows) large.append(backboneTable(data.rows, data.shares || []));
  for (const [name, value] of data.facts || []) {
    const fact = element("span", "fact");
    fact.append(element("span", "fact-name", name), element("span", "", value));
    large.append(fact);
  }
  if (pick) large.append(element("span", "pick", pick));
}

/* rows: [name, rank, score] of each backbone; shares: [name, share, colour], empty where there are none. */
function backboneTable(rows, shares) {
  const table = element("table"), head = element("tr");
  const byName = new Map(shares.map(([name, share, colour]) => [name, { share, colour }]));
  for (const text of ["backbone", "rank", "score"]) head.append(element("th", "", text));
  if (byName.size) head.append(element("th", "", "share"));
  table.append(head);
  for (const [name, rank, score] of rows) {
    const row = element("tr"), cell = element("td"), part = byName.get(name);
    if (part) {
      const dot = element("i");
      dot.style.background = part.colour;
      cell.append(dot);
    }
    cell.append(name);
    row.append(cell, element("td", "number", rank ?? "–"), element("td", "number", score ?? "–"));
    if (byName.size) row.append(element("td", "number", part ? Math.round(part.share * 100) + " %" : "–"));
    table.append(row);
  }
  return table;
}

/* Show it beside a card, inside the window. */
export function showBeside(large, card) {
  const around = card.getBoundingClientRect();
  large.hidden = false;
  const width = large.offsetWidth, height = large.offsetHeight;
  let left = around.right + GAP;
  if (left + width > window.innerWidth - EDGE) left = Math.max(EDGE, around.left - GAP - width);
  const top = Math.min(Math.max(EDGE, around.top - 20), Math.max(EDGE, window.innerHeight - height - EDGE));
  large.style.left = left + "px";
  large.style.top = top + "px";
}
