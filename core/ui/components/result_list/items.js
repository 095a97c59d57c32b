// The result list of a catalogue. Called again with new data at every rerun; rows that did not change are kept.
// Everything that comes from data is set as text or as an attribute, never as HTML.

import { element } from "../shared/dom.js";

function pictureOf(item, pick) {
  const picture = element(pick && item.src ? "button" : "span", "picture");
  if (item.src) {
    const image = element("img");
    image.alt = "";
    image.loading = "lazy";
    image.decoding = "async";
    image.addEventListener("error", () => {
      image.remove();
      picture.dataset.text = "no image";
    });
    image.src = item.src;
    picture.append(image);
    if (pick) {
      picture.title = pick;
      picture.setAttribute("aria-label", pick + ": " + item.title);
    }
  } else {
    picture.dataset.text = "no image";
  }
  picture.append(element("span", "rank", item.rank));
  return picture;
}

function partRow(part) {
  const row = element("span", "part" + (part.fit === null ? " lacking" : ""));
  row.append(element("span", "name", part.name));
  const track = element("span", "track");
  if (part.weight !== null && part.fit !== null) {
    const fill = element("span", "fill");
    fill.style.width = Math.round(part.weight * 1000) / 10 + "%";
    fill.style.background = part.colour;
    track.append(fill);
  }
  const weight = part.weight === null ? "–" : Math.round(part.weight * 100) + " %";
  row.append(track, element("span", "weight", part.fit === null ? "" : weight));
  row.append(element("span", "fit", part.fit === null ? "none" : part.fit));
  row.title = part.fit === null ? "This item has no " + part.name + "."
    : part.name + ": weight " + weight + ", cosine with the query " + part.fit;
  return row;
}

function fill(row, item, pick) {
  row.replaceChildren(pictureOf(item, pick));
  row.dataset.id = item.id;
  const body = element("div", "body");
  const head = element("div", "head");
  const title = element("span", "title", item.title);
  title.title = item.text || item.title;
  head.append(title, element("span", "score", item.score));
  body.append(head);
  if (item.note) body.append(element("span", "note", item.note));
  const parts = element("div", "parts");
  for (const part of item.parts) parts.append(partRow(part));
  body.append(parts);
  if (item.why) body.append(element("span", "why", item.why));
  row.append(body);
}

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const list = parentElement.querySelector(".items");
  list.setAttribute("aria-label", data.name);
  list.picked = (id) => { if (data.pick) setTriggerValue("picked", id); };
  if (!list.ready) {
    list.ready = true;
    list.addEventListener("click", (event) => {
      const picture = event.target.closest("button.picture");
      if (picture) list.picked(picture.closest("li").dataset.id);
    });
  }
  const before = new Map([...list.children].map((row) => [row.dataset.id, row]));
  data.items.forEach((item, place) => {
    const row = before.get(item.id) || element("li");
    before.delete(item.id);
    const text = JSON.stringify(item);
    if (row.text !== text) { fill(row, item, data.pick); row.text = text; }
    if (list.children[place] !== row) list.insertBefore(row, list.children[place] || null);
  });
  for (const gone of before.values()) gone.remove();
}
