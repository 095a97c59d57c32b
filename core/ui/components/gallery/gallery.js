// The image grid. Called again with new data at every rerun; cards are kept and changed in place, so images that
// stay do not flicker. Everything that comes from data is set as text or as an attribute, never as HTML.

import { element } from "../shared/dom.js";
import { announceHover, onHover } from "../shared/hover.js";
import { fillLarge, showBeside } from "../shared/large_card.js";
import { fillCard } from "./card.js";

const FIRST_DELAY = 220; // milliseconds until the large card opens
const NEXT_DELAY = 40; // while one is open

const cardOf = (event) => event.target.closest(".card");

class Gallery {
  constructor(grid, large) {
    this.grid = grid;
    this.large = large;
    this.data = null;
    this.hovered = null;
    this.hide = () => {
      clearTimeout(this.timer);
      large.hidden = true;
    };
    const onCard = (name, act) => grid.addEventListener(name, (event) => {
      const card = cardOf(event);
      if (card) act(card, event);
    });
    onCard("pointerover", (card) => this.hover(card));
    onCard("focusin", (card) => { if (card.matches(":focus-visible")) this.show(card); });
    onCard("click", (card, event) => (event.target.closest(".why") ? this.why(card) : this.pick(card.dataset.id)));
    onCard("keydown", (card, event) => this.press(card, event));
    grid.addEventListener("pointerleave", () => this.leave());
    grid.addEventListener("focusout", this.hide);
    this.stopFollowing = onHover((detail) => this.follow(detail));
    window.addEventListener("scroll", this.hide, { capture: true, passive: true });
  }

  destroy() {
    this.stopFollowing();
    window.removeEventListener("scroll", this.hide, { capture: true });
  }

  /* --- data ------------------------------------------------------------------------------------------------- */

  update(data, setTriggerValue) {
    const { grid } = this;
    const { seek } = this.data || {}, seeks = seek !== undefined && seek !== data.seek;
    this.data = data;
    this.setTriggerValue = setTriggerValue;
    grid.setAttribute("role", data.pick ? "group" : "list");  // a list holds no buttons
    grid.setAttribute("aria-label", data.name);
    grid.style.setProperty("--size", data.size + "px");
    grid.style.setProperty("--beside", data.beside);
    grid.classList.toggle("paired", data.paired);
    this.layCards();
    if (seeks) grid.scrollIntoView({ block: "center", behavior: "smooth" });
  }

  /* Cards by their id: those that stay are moved, those that are gone removed. Whoever walks by keyboard stays in the
     grid when the card that was picked is gone. */
  layCards(items = this.data.cards) {
    const { grid, data } = this, hasFocus = () => grid.contains(grid.getRootNode().activeElement);
    const hadFocus = hasFocus();
    const before = new Map([...grid.children].map((card) => [card.dataset.id, card]));
    const cards = items.map((item) => {
      const card = before.get(item.id) || element(data.pick ? "button" : "div");
      before.delete(item.id);
      this.fill(card, item);
      return card;
    });
    for (const card of before.values()) card.remove();
    cards.forEach((card, i) => {
      if (grid.children[i] !== card) grid.insertBefore(card, grid.children[i] || null);
    });
    if (hadFocus && cards.length && !hasFocus()) cards[0].focus();
  }

  fill(card, item) {
    const { pick, why } = this.data, text = JSON.stringify([item, why]);
    if (card.text !== text) fillCard(card, item, pick, why);
    card.text = text;
    card.item = item;
    card.tabIndex = 0;
    card.setAttribute("role", pick ? "button" : "listitem");
  }

  /* --- the hand --------------------------------------------------------------------------------------------- */

  pick(id) {
    if (!this.data.pick) return;
    this.hide();
    if (this.data.ahead) this.lookAhead(id);
    this.setTriggerValue("picked", id);
  }

  /* The cards that the page is about to bring, from beside it; whatever the page brings counts. */
  async lookAhead(id) {
    const { data } = this, headers = { "Content-Type": "application/json" };
    const asked = this.asked = { method: "POST", headers, body: JSON.stringify({ id }) };
    const answer = await fetch(data.ahead, asked).then((response) => response.json()).catch(() => null);
    if (answer?.cards?.length && this.data === data && this.asked === asked) this.layCards(answer.cards);
  }

  why(card) {
    if (!this.data.why) return;
    this.hide();
    this.setTriggerValue("why", card.dataset.id);
  }

  show(card) {
    fillLarge(this.large, card.item, this.data.pick);
    showBeside(this.large, card);
  }

  hover(card) {
    if (card === this.hovered) return;
    if (this.hovered) this.announce(this.hovered, false);
    this.hovered = card;
    this.announce(card, true);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.show(card), this.large.hidden ? FIRST_DELAY : NEXT_DELAY);
  }

  leave() {
    if (this.hovered) this.announce(this.hovered, false);
    this.hovered = null;
    this.hide();
  }

  announce(card, on) {
    const { group } = this.data;
    if (group) announceHover({ group, id: card.dataset.id, on });
  }

  follow({ group, id, on }) {
    if (!this.data.group || group !== this.data.group) return;
    for (const card of this.grid.children) card.classList.toggle("together", on && card.dataset.id === id);
  }

  press(card, event) {
    const cards = [...this.grid.children], last = cards.length - 1, at = cards.indexOf(card);
    const columns = Math.max(1, cards.filter((other) => other.offsetTop === cards[0].offsetTop).length);
    const steps = { ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + columns, ArrowUp: at - columns };
    const target = { ...steps, Home: 0, End: last }[event.key];
    if (event.key === "Escape") this.hide();
    if (event.key === "w" && !event.ctrlKey && !event.metaKey && !event.altKey) this.why(card);
    if (target === undefined) return;
    event.preventDefault();
    cards[Math.min(Math.max(target, 0), last)].focus();
  }
}

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const grid = parentElement.querySelector(".grid");
  const gallery = (grid.gallery ??= new Gallery(grid, parentElement.querySelector(".card-large")));
  gallery.update(data, setTriggerValue);
  return () => {
    gallery.destroy();
    delete grid.gallery;
  };
}
