/* Mean AP over all weights: a curve for two backbones, a triangle for three. The present point moves with the sliders
 * of the live lab, and moves them when it is dragged (weights_event.js).
 *
 * data {
 *   names, labels    of the backbones
 *   points           [[share of each]], values: [mAP], good: [not shown to be worse than the best], best: index
 *   pair             [first, second] positions: the curve moves share from one to the other; null for a triangle
 *   marks            [{ label, weights, colour }] that stand still: equal weights, tuned ones
 *   weights          now; colour: of the fusion
 *   words            { axis, value, now } with {first} {second}
 * }
 */

import { element } from "../shared/dom.js";
import { filled, number } from "./format.js";
import { shape } from "./svg.js";
import { onWeights, wantWeights } from "./weights_event.js";

const [LEFT, TOP, WIDTH, HEIGHT] = [62, 24, 640, 300];
const SIDE = 380, RISE = SIDE * Math.sqrt(3) / 2;
const CORNERS = [[LEFT + 130, TOP + RISE], [LEFT + 130 + SIDE, TOP + RISE], [LEFT + 130 + SIDE / 2, TOP]];
const COLOURS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]]; // Viridis
const SNAP = 0.02; // a click this near to a point is meant for it

/* The colour of a value between 0 and 1. */
function colourOf(share) {
  const at = Math.min(Math.max(share, 0), 1) * (COLOURS.length - 1), low = Math.min(Math.floor(at), COLOURS.length - 2);
  return `rgb(${COLOURS[low].map((from, i) => Math.round(from + (COLOURS[low + 1][i] - from) * (at - low)))})`;
}

class Landscape {
  constructor(root) {
    this.root = root;
    this.svg = shape("svg", { role: "img" });
    this.now = shape("g", { class: "now" });
    root.replaceChildren(this.svg);
    this.svg.addEventListener("pointerdown", (event) => this.press(event));
    this.svg.addEventListener("pointermove", (event) => { if (this.isHeld) this.drag(event, false); });
    for (const name of ["pointerup", "pointercancel"]) {
      this.svg.addEventListener(name, (event) => { if (this.isHeld) this.release(event); });
    }
    this.stopListening = onWeights(({ names, weights }) => {
      if (names.join() === this.data.names.join()) this.place(weights);
    });
  }

  update(data) {
    const { weights, ...still } = data, text = JSON.stringify(still);
    this.data = data;
    if (this.text !== text) {
      this.text = text;
      this.draw();
    }
    if (!this.isHeld) this.place(weights);
  }

  /* --- where weights are ------------------------------------------------------------------------------------ */

  get range() {
    const { values } = this.data, low = Math.min(...values), high = Math.max(...values);
    return [low, high > low ? high : low + 1e-6];
  }

  /* The place of weights; on a curve at a height, or at its own. */
  at(weights, value) {
    const { pair } = this.data;
    if (!pair) return [0, 1].map((axis) => weights.reduce((sum, weight, i) => sum + weight * CORNERS[i][axis], 0));
    const [low, high] = this.range, both = weights[pair[0]] + weights[pair[1]];
    const share = both > 0 ? weights[pair[0]] / both : 0.5;
    return [LEFT + share * WIDTH, TOP + HEIGHT * (1 - ((value ?? low) - low) / (high - low))];
  }

  /* The weights at a place of the drawing. */
  weightsAt(x, y) {
    const { pair, points } = this.data;
    let weights;
    if (pair) {
      weights = this.weights.slice();
      const both = weights[pair[0]] + weights[pair[1]], share = Math.min(Math.max((x - LEFT) / WIDTH, 0), 1);
      [weights[pair[0]], weights[pair[1]]] = [both * share, both * (1 - share)];
      return weights;
    }
    const [[x0, y0], [x1, y1], [x2, y2]] = CORNERS, area = (y1 - y2) * (x0 - x2) + (x2 - x1) * (y0 - y2);
    const first = ((y1 - y2) * (x - x2) + (x2 - x1) * (y - y2)) / area;
    const second = ((y2 - y0) * (x - x2) + (x0 - x2) * (y - y2)) / area;
    weights = [first, second, 1 - first - second].map((weight) => Math.max(weight, 0));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    weights = weights.map((weight) => weight / total);
    const near = points.find((point) => point.every((share, i) => Math.abs(share - weights[i]) < SNAP));
    return near ? near.slice() : weights;
  }

  place(weights) {
    this.weights = weights;
    const [x, y] = this.at(weights).map((place) => place.toFixed(1));
    this.now.setAttribute("transform", this.data.pair ? `translate(${x} 0)` : `translate(${x} ${y})`);
  }

  /* --- the hand --------------------------------------------------------------------------------------------- */

  press(event) {
    this.isHeld = true;
    this.svg.setPointerCapture(event.pointerId);
    this.drag(event, false);
  }

  drag(event, isReleased) {
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse());
    const weights = this.weightsAt(x, y);
    this.place(weights);
    wantWeights({ names: this.data.names, weights, isReleased });
  }

  release(event) {
    this.isHeld = false;
    this.drag(event, true);
  }

  /* --- what is seen ----------------------------------------------------------------------------------------- */

  draw() {
    const { pair, labels, words, colour } = this.data;
    this.root.style.setProperty("--fusion", colour);
    const size = pair ? [LEFT + WIDTH + 20, TOP + HEIGHT + 46] : [LEFT + 260 + SIDE, TOP + RISE + 44];
    this.svg.setAttribute("viewBox", `0 0 ${size.join(" ")}`);
    this.svg.setAttribute("aria-label", words.value);
    const mark = pair
      ? [shape("line", { class: "mark", y1: TOP - 8, y2: TOP + HEIGHT }), shape("circle", { r: 8, cy: TOP - 8 })]
      : [shape("circle", { r: 9 })];
    this.now.replaceChildren(...mark);
    const drawn = pair ? this.drawCurve(pair, labels, words) : this.drawTriangle(labels);
    this.svg.replaceChildren(...drawn, ...this.drawMarks(pair), this.now);
  }

  drawCurve([first, second], labels, words) {
    const { points, values, good, best } = this.data, [low, high] = this.range;
    const places = points.map((point, i) => this.at(point, values[i]));
    const order = points.map((_, i) => i).sort((a, b) => places[a][0] - places[b][0]);
    const path = shape("path", { class: "line", d: "M" + order.map((i) => places[i].join(" ")).join("L") });
    const dots = order.map((i) => {
      const dot = shape("circle", { class: good[i] ? "dot good" : "dot", cx: places[i][0], cy: places[i][1] });
      dot.setAttribute("r", i === best ? 6 : good[i] ? 4.5 : 3);
      dot.append(shape("title", {}, this.sentence(i)));
      return dot;
    });
    const ticks = [low, (low + high) / 2, high].map((value) => {
      const y = TOP + HEIGHT * (1 - (value - low) / (high - low));
      return shape("text", { class: "tick", x: LEFT - 8, y: y + 4, "text-anchor": "end" }, number(value));
    });
    const shares = [0, 0.25, 0.5, 0.75, 1].map((share) => shape("text", {
      class: "tick", x: LEFT + share * WIDTH, y: TOP + HEIGHT + 18, "text-anchor": "middle",
    }, `${100 * share} %`));
    const axis = filled(words.axis, { first: labels[first], second: labels[second] });
    const title = { class: "axis", x: LEFT + WIDTH / 2, y: TOP + HEIGHT + 38, "text-anchor": "middle" };
    return [path, ...dots, ...ticks, ...shares, shape("text", title, axis)];
  }

  drawTriangle(labels) {
    const { points, values, good, best } = this.data, [low, high] = this.range;
    const order = points.map((_, i) => i).sort((a, b) => good[a] - good[b] || (a === best) - (b === best));
    const cells = order.map((i) => {
      const [cx, cy] = this.at(points[i]), kind = i === best ? "cell good best" : good[i] ? "cell good" : "cell";
      const cell = shape("circle", { class: kind, cx, cy, r: 9.2, fill: colourOf((values[i] - low) / (high - low)) });
      cell.append(shape("title", {}, this.sentence(i)));
      return cell;
    });
    const turn = [[-14, 22, "middle"], [14, 22, "middle"], [0, -14, "middle"]];
    const names = labels.map((label, i) => shape("text", {
      class: "corner", x: CORNERS[i][0] + turn[i][0], y: CORNERS[i][1] + turn[i][1], "text-anchor": turn[i][2],
    }, label));
    const legend = [0, 1, 2, 3, 4].flatMap((step) => {
      const y = TOP + 20 + (4 - step) * 30, x = CORNERS[1][0] + 46;
      const value = number(low + (high - low) * step / 4);
      return [
        shape("circle", { cx: x, cy: y, r: 8, fill: colourOf(step / 4) }),
        shape("text", { class: "tick", x: x + 16, y: y + 4 }, value),
      ];
    });
    return [...cells, ...names, ...legend];
  }

  drawMarks(pair) {
    return this.data.marks.map(({ label, weights, colour }) => {
      const [x, y] = this.at(weights), group = shape("g", { class: "still" });
      if (pair) group.append(shape("line", { x1: x, x2: x, y1: TOP, y2: TOP + HEIGHT, stroke: colour }));
      else group.append(shape("circle", { cx: x, cy: y, r: 5, fill: colour }));
      group.append(shape("text", { x: x + 8, y: pair ? TOP + 12 : y - 7, fill: colour }, label));
      return group;
    });
  }

  sentence(index) {
    const { points, values, labels } = this.data;
    const shares = points[index].map((share, i) => `${labels[i]} ${Math.round(100 * share)} %`).join(", ");
    return `${number(values[index], 4)}: ${shares}`;
  }
}

export default function (component) {
  const { parentElement, data } = component;
  const root = parentElement.querySelector(".landscape") || parentElement.appendChild(element("div", "landscape"));
  root.view ??= new Landscape(root);
  root.view.update(data);
  return () => {
    root.view.stopListening();
    delete root.view;
  };
}
