/* Interpolated precision at eleven recall levels: the fusion and its baseline. */

import { element } from "../shared/dom.js";
import { shape } from "./svg.js";

const [LEFT, TOP, WIDTH, HEIGHT] = [34, 8, 270, 225];

const x = (recall) => LEFT + recall * WIDTH;
const y = (precision) => TOP + (1 - precision) * HEIGHT;

/* The path of (11,) precisions; "" where there are none. */
export function curvePath(levels) {
  if (!levels || !Number.isFinite(levels[0])) return "";
  return "M" + Array.from(levels, (level, i) => `${x(i / 10).toFixed(1)} ${y(level).toFixed(1)}`).join("L");
}

export class Curve {
  constructor() {
    this.root = element("figure", "curve");
    this.svg = shape("svg", { viewBox: `0 0 ${LEFT + WIDTH + 10} ${TOP + HEIGHT + 34}`, role: "img" });
    this.before = shape("path", { class: "line before" });
    this.now = shape("path", { class: "line now" });
    this.root.append(this.svg);
  }

  update({ words, baseline }) {
    this.before.setAttribute("d", curvePath(baseline?.curve));
    if (this.words === words.curve) return;
    this.words = words.curve;
    const grid = [0, 0.5, 1].flatMap((level) => [
      shape("line", { class: "grid", x1: x(0), x2: x(1), y1: y(level), y2: y(level) }),
      shape("text", { class: "tick", x: x(0) - 6, y: y(level) + 4, "text-anchor": "end" }, level),
      shape("text", { class: "tick", x: x(level), y: y(0) + 15, "text-anchor": "middle" }, level),
    ]);
    const title = shape("text", { class: "axis", x: x(0.5), y: y(0) + 30, "text-anchor": "middle" }, words.recall);
    const side = shape("text", { class: "axis", "text-anchor": "middle" }, words.precision);
    side.setAttribute("transform", `translate(9 ${y(0.5)}) rotate(-90)`);
    this.svg.replaceChildren(...grid, title, side, this.before, this.now);
    this.svg.setAttribute("aria-label", words.curve);
  }

  paint({ curve }) {
    this.now.setAttribute("d", curvePath(curve));
  }
}
