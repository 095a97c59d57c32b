/* The weights: a real range input for each backbone, its lock, and the buttons for all of them at once. */

import { element, write } from "../shared/dom.js";
import { filled } from "./format.js";
import { percent } from "./shares.js";

const REST = 450; // milliseconds after the last key press that count as letting go

export class Sliders {
  /* on: { start(), moved(index, share), released(), lock(index), act(name) } */
  constructor(on) {
    this.on = on;
    this.root = element("div", "weights");
    this.list = element("div", "sliders");
    this.buttons = element("div", "buttons");
    this.root.append(this.list, this.buttons);
    this.rows = [];
    this.isHeld = false;
  }

  /* A drag, or a run of key presses, goes on. */
  get isMoving() {
    return this.isHeld || this.timer !== undefined;
  }

  update({ backbones, words, canPickTwo }) {
    const shape = JSON.stringify([backbones, words, canPickTwo]);
    if (this.shape === shape) return;
    this.shape = shape;
    this.words = words;
    this.rows = backbones.map((backbone, index) => this.row(backbone, index));
    this.list.replaceChildren(...this.rows.map((row) => row.root));
    this.actions = Object.fromEntries(
      ["equal", "two", "reset", "undo", "redo"].map((name) => [name, this.action(name)]),
    );
    const steps = element("span", "steps"), { undo, redo, ...others } = this.actions;
    steps.append(undo, redo);
    this.buttons.replaceChildren(...Object.values(others), steps);
    this.actions.two.hidden = canPickTwo === false;
  }

  action(name) {
    const button = element("button", `action ${name}`, this.words[name]);
    button.type = "button";
    button.title = this.words[`${name}_help`] || this.words[name];
    button.setAttribute("aria-label", button.title);
    button.addEventListener("click", () => this.on.act(name));
    return button;
  }

  row({ label, colour }, index) {
    const root = element("div", "slider"), name = element("label", "name"), dot = element("span", "dot");
    const input = element("input"), share = element("output", "share"), lock = element("button", "lock");
    dot.style.background = colour;
    root.style.setProperty("--colour", colour);
    name.append(dot, element("span", "text", label));
    Object.assign(input, { type: "range", min: 0, max: 100, step: 1, id: `weight-${index}` });
    name.htmlFor = input.id;
    name.title = label;
    lock.type = "button";
    lock.addEventListener("click", () => this.on.lock(index));
    root.append(name, input, share, lock);
    this.listen(input, index);
    return { root, input, share, lock, label };
  }

  listen(input, index) {
    input.addEventListener("pointerdown", () => { this.finish(); this.isHeld = true; this.on.start(); });
    input.addEventListener("input", () => {
      if (!this.isHeld) this.keyed();
      this.on.moved(index, Number(input.value) / 100);
    });
    input.addEventListener("change", () => { if (this.isHeld) this.letGo(); });
    for (const name of ["pointerup", "pointercancel"]) {
      input.addEventListener(name, () => setTimeout(() => { if (this.isHeld) this.letGo(); }));
    }
    input.addEventListener("blur", () => this.finish());
  }

  /* Key presses that follow each other closely are one move. */
  keyed() {
    if (this.timer === undefined) this.on.start();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.finish(), REST);
  }

  finish() {
    if (this.timer === undefined) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.on.released();
  }

  letGo() {
    this.isHeld = false;
    this.on.released();
  }

  paint({ weights, locked, canUndo, canRedo }) {
    const alone = this.rows.length < 2;
    this.rows.forEach(({ root, input, share, lock, label }, i) => {
      const value = percent(weights[i]);
      if (Number(input.value) !== value) input.value = value;
      input.disabled = locked[i] || alone;
      const text = `${value} %`;
      if (share.written !== text) {
        write(share, text);
        input.setAttribute("aria-valuetext", text);
        root.style.setProperty("--share", `${value}%`);
      }
      const title = filled(locked[i] ? this.words.unlock : this.words.lock, { name: label });
      if (lock.title === title && lock.hidden === alone) return;
      lock.hidden = alone;
      lock.classList.toggle("on", locked[i]);
      lock.setAttribute("aria-pressed", locked[i]);
      lock.title = title;
      lock.setAttribute("aria-label", title);
    });
    this.actions.undo.disabled = !canUndo;
    this.actions.redo.disabled = !canRedo;
    this.actions.equal.disabled = this.actions.two.disabled = alone;
  }
}
