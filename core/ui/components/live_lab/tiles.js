/* The figures: a tile for each metric, with its interval and the change against the baseline. */

import { element, write } from "../shared/dom.js";
import { defined, filled, interval, number, signed } from "./format.js";

export class Tiles {
  /* choose: called with the position of the metric whose tile was clicked. */
  constructor(choose) {
    this.choose = choose;
    this.root = element("div", "tiles");
    this.tiles = [];
  }

  update({ metrics, words }) {
    const shape = JSON.stringify(metrics);
    if (this.shape === shape) return;
    this.shape = shape;
    this.words = words;
    this.tiles = metrics.map((metric, index) => this.tile(metric, index));
    this.root.replaceChildren(...this.tiles.map((tile) => tile.root));
  }

  tile({ label, help }, index) {
    const root = element("button", "tile"), value = element("span", "value"), range = element("span", "range");
    const change = element("span", "change");
    root.type = "button";
    root.title = help;
    root.append(element("span", "label", label), value, range, change);
    root.addEventListener("click", () => this.choose(index));
    return { root, value, range, change };
  }

  paint({ means, lows, highs, changes }, baseline, chosen) {
    this.tiles.forEach(({ root, value, range, change }, i) => {
      write(value, number(means[i]));
      write(range, interval(lows[i], highs[i]));
      root.setAttribute("aria-pressed", i === chosen);
      const difference = changes ? defined(changes[i]) : defined(means[i]) - defined(baseline?.means?.[i]);
      const text = signed(difference);
      write(change, !baseline ? "" : text ? `${difference > 0 ? "▲" : "▼"} ${text}` : this.words.no_change);
      change.classList.toggle("up", difference >= 5e-5);
      change.classList.toggle("down", difference <= -5e-5);
      const title = baseline ? filled(this.words.change_help, { baseline: baseline.label }) : "";
      if (change.title !== title) change.title = title;
    });
  }
}
