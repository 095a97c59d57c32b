// The picture grid. Called again with new data at every rerun; cards are kept and changed in place, so pictures that
// stay do not flicker. Everything that comes from data is set as text or as an attribute, never as HTML.

import { element } from "../shared/dom.js";

function moveText(move) {
  if (move === "new") return ["new", "new in this list"];
  if (move > 0) return ["▲ " + move, "up " + move + " places"];
  if (move < 0) return ["▼ " + -move, "down " + -move + " places"];
  return ["=", "same place"];
}

function fillCard(card, data, pick) {
  card.replaceChildren();
  card.className = "card frame-" + (data.frame || "none");
  card.dataset.id = data.id;
  card.setAttribute("aria-label", describe(data) + (pick ? ". " + pick : ""));
  const picture = element("span", "picture");
  const image = element("img");
  image.alt = "";
  image.loading = "lazy";
  image.decoding = "async";
  image.draggable = false;
  image.addEventListener("error", () => { picture.classList.add("missing"); picture.dataset.text = "no picture"; });
  image.src = data.src;
  picture.append(image);
  if (data.rank !== undefined) picture.append(element("span", "rank", data.rank));
  if (data.move !== undefined) {
    const [text, title] = moveText(data.move);
    const badge = element("span", "move " + (data.move === "new" || data.move > 0 ? "up" : data.move < 0 ? "down" : ""), text);
    badge.title = title;
    picture.append(badge);
  }
  card.append(picture);
  if (data.shares) card.append(shareBar(data.shares));
  if (data.label || data.score !== undefined) {
    const caption = element("span", "caption");
    caption.append(element("span", "label", data.label || ""));
    if (data.score !== undefined) caption.append(element("span", "score", data.score));
    card.append(caption);
  }
  if (data.note) card.append(element("span", "note", data.note));
}

function describe(data) {
  const frame = { relevant: "relevant", not: "not relevant", unknown: "relevance unknown", query: "the query" }[data.frame];
  return [data.rank !== undefined ? "rank " + data.rank : "", data.label || data.title || data.id, frame || "",
    data.score !== undefined ? "score " + data.score : "", data.note || ""].filter(Boolean).join(", ");
}

function shareBar(shares) {
  const bar = element("span", "shares");
  for (const [name, share, colour] of shares) {
    const part = element("span");
    part.style.flexGrow = Math.max(share, 0);
    part.style.background = colour;
    part.title = name + " " + Math.round(share * 100) + " %";
    bar.append(part);
  }
  return bar;
}

function fillLarge(large, data, pick) {
  large.replaceChildren();
  const image = element("img");
  image.alt = "";
  image.src = data.large;
  image.addEventListener("error", () => image.remove());
  large.append(image, element("strong", "", data.title || data.label || data.id));
  const frame = { relevant: "relevant", not: "not relevant", unknown: "no label to judge by", query: "the query" }[data.frame];
  const line = [data.rank !== undefined ? "rank " + data.rank : "", data.score !== undefined ? "score " + data.score : "", frame || ""];
  if (line.some(Boolean)) large.append(element("span", "line", line.filter(Boolean).join(" · ")));
  if (data.note) large.append(element("span", "line", data.note));
  if (data.rows) {
    const table = element("table");
    const head = element("tr");
    for (const text of ["backbone", "rank", "score"]) head.append(element("th", "", text));
    table.append(head);
    const colours = new Map((data.shares || []).map(([name, , colour]) => [name, colour]));
    const parts = new Map((data.shares || []).map(([name, share]) => [name, share]));
    if (parts.size) head.append(element("th", "", "share"));
    for (const [name, rank, score] of data.rows) {
      const row = element("tr");
      const cell = element("td");
      if (colours.has(name)) { const dot = element("i"); dot.style.background = colours.get(name); cell.append(dot); }
      cell.append(name);
      row.append(cell, element("td", "number", rank ?? "–"), element("td", "number", score ?? "–"));
      if (parts.size) row.append(element("td", "number", parts.has(name) ? Math.round(parts.get(name) * 100) + " %" : "–"));
      table.append(row);
    }
    large.append(table);
  }
  for (const [name, value] of data.facts || []) {
    const fact = element("span", "fact");
    fact.append(element("span", "fact-name", name), element("span", "", value));
    large.append(fact);
  }
  if (pick) large.append(element("span", "pick", pick));
}

function place(large, card) {
  const around = card.getBoundingClientRect();
  large.hidden = false;
  const width = large.offsetWidth, height = large.offsetHeight, gap = 10;
  let left = around.right + gap;
  if (left + width > window.innerWidth - 8) left = Math.max(8, around.left - gap - width);
  const top = Math.min(Math.max(8, around.top - 20), Math.max(8, window.innerHeight - height - 8));
  large.style.left = left + "px";
  large.style.top = top + "px";
}

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const grid = parentElement.querySelector(".grid"), large = parentElement.querySelector(".card-large");
  const state = (grid.fusionscope ??= { cards: new Map() });
  state.data = data;
  state.pick = (id) => { if (state.data.pick) { hide(); setTriggerValue("picked", id); } };
  grid.setAttribute("aria-label", data.name);
  grid.style.setProperty("--size", data.size + "px");
  grid.style.setProperty("--beside", data.beside);

  const hide = () => { clearTimeout(state.timer); large.hidden = true; };
  const show = (card) => { fillLarge(large, card.fusionscope, state.data.pick); place(large, card); };
  const together = (id, on) => {
    if (state.data.group) document.dispatchEvent(new CustomEvent("fusionscope-hover", { detail: { group: state.data.group, id, on } }));
  };

  if (!state.ready) {
    state.ready = true;
    const cardOf = (event) => event.target.closest(".card");
    grid.addEventListener("pointerover", (event) => {
      const card = cardOf(event);
      if (!card || card === state.over) return;
      if (state.over) together(state.over.dataset.id, false);
      state.over = card;
      together(card.dataset.id, true);
      clearTimeout(state.timer);
      state.timer = setTimeout(() => show(card), large.hidden ? 220 : 40);
    });
    grid.addEventListener("pointerleave", () => {
      if (state.over) together(state.over.dataset.id, false);
      state.over = null;
      hide();
    });
    grid.addEventListener("focusin", (event) => { const card = cardOf(event); if (card && card.matches(":focus-visible")) show(card); });
    grid.addEventListener("focusout", hide);
    grid.addEventListener("click", (event) => { const card = cardOf(event); if (card) state.pick(card.dataset.id); });
    grid.addEventListener("keydown", (event) => {
      const card = cardOf(event), all = [...grid.children];
      if (!card) return;
      const columns = Math.max(1, all.filter((c) => c.offsetTop === all[0].offsetTop).length);
      const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
      if (event.key === "Escape") hide();
      if (event.key === "Home") { all[0].focus(); event.preventDefault(); }
      if (event.key === "End") { all.at(-1).focus(); event.preventDefault(); }
      if (step === undefined) return;
      event.preventDefault();
      all[Math.min(Math.max(all.indexOf(card) + step, 0), all.length - 1)].focus();
    });
    state.follow = (event) => {
      if (!state.data.group || event.detail.group !== state.data.group) return;
      for (const card of grid.children) card.classList.toggle("together", event.detail.on && card.dataset.id === event.detail.id);
    };
    document.addEventListener("fusionscope-hover", state.follow);
    window.addEventListener("scroll", hide, { capture: true, passive: true });
    state.hide = hide;
  }

  const held = grid.contains(grid.getRootNode().activeElement);
  const before = new Map([...grid.children].map((card) => [card.dataset.id, card]));
  const next = data.cards.map((item) => {
    const card = before.get(item.id) || element(data.pick ? "button" : "div");
    before.delete(item.id);
    const text = JSON.stringify(item);
    if (card.text !== text) { fillCard(card, item, data.pick); card.text = text; }
    card.fusionscope = item;
    card.tabIndex = 0;
    card.setAttribute("role", data.pick ? "button" : "listitem");
    return card;
  });
  for (const gone of before.values()) gone.remove();
  next.forEach((card, place) => { if (grid.children[place] !== card) grid.insertBefore(card, grid.children[place] || null); });
  if (state.seek !== undefined && state.seek !== data.seek) grid.scrollIntoView({ block: "center", behavior: "smooth" });
  state.seek = data.seek;
  // Whoever walks by keyboard stays in the grid when the card that was chosen is gone.
  if (held && next.length && !grid.contains(grid.getRootNode().activeElement)) next[0].focus();

  return () => {
    document.removeEventListener("fusionscope-hover", state.follow);
    window.removeEventListener("scroll", state.hide, { capture: true });
    state.ready = false;
    delete grid.fusionscope;
  };
}
