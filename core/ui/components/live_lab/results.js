/* The results of the query: images that move to their new places while weights move. */

import { element, write } from "../shared/dom.js";
import { fillLarge, showBeside } from "../shared/large_card.js";
import { filled, number } from "./format.js";

const GAP = 8, CAPTION = 40, SMALLEST = 92;
const LEAVES = 180; // milliseconds in which an image fades
const MOST_KEPT = 160;
const FIRST_DELAY = 260; // milliseconds until the large card opens
const FRAMES = ["not", "relevant", "unknown"];
const MARKS = { 0: ["no", "✕"], 1: ["yes", "✓"], 2: ["unknown", ""] };

export class Results {
  /* item: position -> { src, name, label }; pick: called with the position of an image that was clicked; why: with that
     of a result whose "Why?" was pressed, may be left out. */
  constructor(item, pick, why) {
    this.item = item;
    this.pick = pick;
    this.why = why && ((id) => { this.hideLarge(); why(id); });
    this.root = element("div", "results");
    this.root.setAttribute("role", "group");
    this.large = element("div", "card-large");
    this.large.hidden = true;
    this.hideLarge = () => {
      clearTimeout(this.timer);
      this.large.hidden = true;
    };
    this.root.addEventListener("pointerleave", this.hideLarge);
    this.root.addEventListener("focusout", this.hideLarge);
    window.addEventListener("scroll", this.hideLarge, { capture: true, passive: true });
    this.cards = new Map(); // position -> card, those out of sight too, so that their images need not load again
    this.shown = [];
    this.watcher = new ResizeObserver(() => {
      this.width = this.root.clientWidth; // known from here on: reading it while things move costs a layout
      this.lay();
    });
    this.watcher.observe(this.root);
  }

  destroy() {
    this.watcher.disconnect();
    window.removeEventListener("scroll", this.hideLarge, { capture: true });
  }

  update({ backbones, words, stamp }) {
    const shape = JSON.stringify([stamp, backbones]);
    this.words = words;
    if (this.shape === shape) return;
    this.shape = shape;
    this.backbones = backbones;
    this.cards.clear();
    this.root.replaceChildren();
    this.shown = [];
  }

  /* before: position -> rank among the results of the baseline. */
  paint(answer, before) {
    this.answer = answer;
    if (!this.large.hidden) this.hideLarge();
    const ids = Array.from(answer.ids).filter((id) => id >= 0), shown = new Set(ids);
    for (const id of this.shown) if (!shown.has(id)) this.hide(this.cards.get(id));
    ids.forEach((id, rank) => {
      const card = this.cards.get(id) || this.card(id);
      this.fill(card, answer, rank, before);
      card.rank = rank;
      this.show(card);
    });
    this.shown = ids;
    this.lay();
    this.forget(shown);
  }

  card(id) {
    const item = this.item(id), root = element("button", "result hidden"), image = element("img");
    const picture = element("span", "image"), rank = element("span", "rank"), mark = element("span", "mark");
    const move = element("span", "move"), shares = element("span", "shares"), caption = element("span", "caption");
    const label = element("span", "label", item.label || item.name), score = element("span", "score");
    Object.assign(image, { alt: "", decoding: "async", draggable: false, src: item.src });
    picture.dataset.text = item.name;
    image.addEventListener("error", () => picture.classList.add("missing"), { once: true });
    root.type = "button";
    root.dataset.id = id;
    picture.append(image, rank, mark, move);
    shares.append(...this.backbones.map(({ colour }) => {
      const part = element("span");
      part.style.background = colour;
      return part;
    }));
    caption.append(label, score);
    root.append(picture, shares, caption);
    if (this.why) picture.append(element("span", "why", this.words.why));
    root.addEventListener("click", (event) => {
      if (event.target.closest(".why")) return this.why(id);
      this.hideLarge();
      this.pick(id);
    });
    root.addEventListener("keydown", ({ key, ctrlKey, metaKey, altKey }) => {
      if (this.why && key === "w" && !ctrlKey && !metaKey && !altKey) this.why(id);
    });
    root.addEventListener("pointerenter", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.showLarge(card), this.large.hidden ? FIRST_DELAY : 40);
    });
    root.addEventListener("focus", () => { if (root.matches(":focus-visible")) this.showLarge(card); });
    const card = { root, rank: 0, item, parts: { rank, mark, move, score, shares } };
    this.cards.set(id, card);
    return card;
  }

  fill(card, answer, rank, before) {
    const { root, item, parts } = card;
    const { words, backbones } = this, relevance = answer.relevance[rank], [kind, sign] = MARKS[relevance] || MARKS[2];
    const from = rank * backbones.length, own = Array.from(answer.shares.slice(from, from + backbones.length));
    write(parts.rank, rank + 1);
    write(parts.mark, sign);
    write(parts.score, number(answer.scores[rank]));
    for (const name of Object.values(MARKS)) root.classList.toggle(name[0], name[0] === kind);
    const percents = own.map((share) => (share > 0 ? Math.round(100 * share) : 0)); // of a bar of a hundred pixels
    percents.forEach((share, i) => {
      if (card.percents?.[i] !== share) parts.shares.children[i].style.flexGrow = share;
    });
    card.percents = percents;
    const known = own.every(Number.isFinite);
    parts.shares.classList.toggle("unknown", !known);
    const [move, direction] = before?.size ? moveText(before.get(answer.ids[rank]), rank, words) : ["", ""];
    write(parts.move, move);
    if (parts.move.className !== `move ${direction}`) parts.move.className = `move ${direction}`;
    const said = own.map((share, i) => `${backbones[i].label} ${Math.round(100 * share)} %`).join(", ");
    const values = { rank: rank + 1, name: item.label || item.name, score: parts.score.written };
    const sentence = filled(words.result, { ...values, relevance: words[`relevance_${kind}`] });
    const title = known ? `${item.name}\n${sentence}\n${said}` : `${item.name}\n${sentence}`;
    if (root.title === title) return;
    root.title = title;
    root.setAttribute("aria-label", this.why ? `${sentence}. W: ${words.why}` : sentence);
  }

  /* The larger image beside a card, and what each backbone said. */
  showLarge({ root, rank, item }) {
    const { answer, backbones, words } = this, n = backbones.length;
    const at = (array) => Array.from(array.slice(rank * n, rank * n + n), (value) => value ?? NaN);
    if (getComputedStyle(this.large).position !== "fixed") return; // this page did not bring shared/large_card.css
    if (!this.shown.includes(answer.ids[rank]) || !root.parentNode) return;
    const data = { large: item.large || item.src, title: item.name, facts: item.facts, rank: rank + 1 };
    data.frame = FRAMES[answer.relevance[rank]];
    data.score = number(answer.scores[rank]);
    if (answer.ranks) {
      const ranks = at(answer.ranks), cosines = at(answer.cosines), own = at(answer.shares);
      const used = backbones.map((backbone, i) => ({ ...backbone, i })).filter(({ i }) => Number.isFinite(cosines[i]));
      data.rows = used.map(({ label, i }) => [label, ranks[i] > 0 ? ranks[i] : null, number(cosines[i])]);
      const known = used.every(({ i }) => Number.isFinite(own[i]));
      data.shares = known ? used.map(({ label, colour, i }) => [label, own[i], colour]) : [];
    }
    fillLarge(this.large, data, words.pick);
    showBeside(this.large, root);
  }

  show(card) {
    clearTimeout(card.leaving);
    if (card.root.parentNode) {
      card.root.classList.remove("hidden");
      return;
    }
    card.isNew = true; // laid without a journey from where it stood long ago
    this.root.append(card.root);
  }

  hide(card) {
    if (!card) return;
    card.root.classList.add("hidden");
    card.leaving = setTimeout(() => card.root.remove(), LEAVES);
  }

  /* Every card to its place, by transform alone: the browser carries on from where it is. */
  lay() {
    const width = this.width ??= this.root.clientWidth;
    if (!width) return;
    const columns = Math.max(2, Math.floor((width + GAP) / (SMALLEST + GAP)));
    const side = Math.floor((width - GAP * (columns - 1)) / columns), rows = Math.ceil(this.shown.length / columns);
    const shape = `${side} ${rows}`;
    if (this.laid !== shape) {
      this.laid = shape;
      this.root.style.setProperty("--side", `${side}px`);
      this.root.style.height = `${rows * (side + CAPTION + GAP)}px`;
    }
    const fresh = [];
    for (const id of this.shown) {
      const card = this.cards.get(id), column = card.rank % columns, row = Math.floor(card.rank / columns);
      const place = `translate(${column * (side + GAP)}px, ${row * (side + CAPTION + GAP)}px)`;
      if (card.isNew) {
        card.isNew = false;
        card.root.classList.add("still");
        fresh.push(card.root);
      }
      if (card.place === place) continue;
      card.place = place;
      card.root.style.transform = place;
    }
    if (!fresh.length) return;
    this.root.offsetWidth; // new ones take their places before a journey is allowed
    for (const root of fresh) root.classList.remove("still", "hidden");
  }

  forget(shown) {
    for (const [id, card] of this.cards) {
      if (this.cards.size <= MOST_KEPT) return;
      if (!shown.has(id) && !card.root.parentNode) this.cards.delete(id);
    }
  }
}

/* Places won or lost against the baseline: text and class. */
function moveText(before, rank, words) {
  if (before === undefined) return [words.new_result, "up"];
  if (before > rank) return [`▲ ${before - rank}`, "up"];
  return before < rank ? [`▼ ${rank - before}`, "down"] : ["", ""];
}
