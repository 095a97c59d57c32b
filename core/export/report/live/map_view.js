// The images of the gallery as points, coloured by class; a point shows its image, and a click makes it the query.

import { element } from "../../../ui/components/shared/dom.js";
import { filled } from "../../../ui/components/live_lab/format.js";

const HEIGHT = 420;
const MARGIN = 14;
const NEAR = 14;
const STEPS = 8;

export class MapView {
  constructor(root, reportEngine, axes, pick) {
    Object.assign(this, { root, reportEngine, axes, pick });
    this.canvas = element("canvas", "map");
    this.canvas.setAttribute("role", "img");
    this.note = element("p", "caption");
    this.card = element("div", "map-card");
    this.card.hidden = true;
    this.frame = element("div", "map-frame");
    this.frame.append(this.canvas, this.card);
    this.legend = element("div", "legend");
    root.append(this.frame, this.legend, this.note);
    this.xy = null;
    this.chosen = -1;
    this.single = -1;
    this.buildLegend();
    new ResizeObserver(() => this.draw()).observe(this.frame);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    this.canvas.addEventListener("pointermove", (event) => this.hover(event));
    this.canvas.addEventListener("pointerleave", () => this.show(-1));
    this.canvas.addEventListener("click", () => { if (this.shown >= 0) this.pick(this.shown); });
  }

  buildLegend() {
    const { colours, images } = this.reportEngine.page;
    images.labelNames.forEach((name, code) => {
      const entry = element("button", "entry");
      const dot = element("span", "dot");
      dot.style.background = colours[code];
      entry.type = "button";
      entry.append(dot, element("span", "", name));
      entry.addEventListener("click", () => {
        this.single = this.single === code ? -1 : code;
        const isFaded = (at) => this.single >= 0 && at !== this.single;
        [...this.legend.children].forEach((other, at) => other.classList.toggle("faded", isFaded(at)));
        this.draw();
      });
      this.legend.append(entry);
    });
  }

  paint({ weights }) {
    const { xy, share } = this.axes.layout(weights);
    const { words } = this.reportEngine.page;
    this.note.textContent = filled(words.map_note, { share: Math.round(100 * share) });
    const from = this.xy;
    cancelAnimationFrame(this.frameRequest);
    if (!from || matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.xy = xy;
      this.draw();
      return;
    }
    let step = 0;
    const travel = () => {
      step++;
      this.xy = xy.map((value, at) => from[at] + ((value - from[at]) * step) / STEPS);
      this.draw();
      if (step < STEPS) this.frameRequest = requestAnimationFrame(travel);
    };
    this.frameRequest = requestAnimationFrame(travel);
  }

  // The query image stands out.
  choose(image) {
    this.chosen = image;
    this.draw();
  }

  draw() {
    const width = this.frame.clientWidth;
    if (!width || !this.xy) return;
    const ratio = devicePixelRatio || 1;
    const { canvas, xy } = this;
    if (canvas.width !== Math.round(width * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(HEIGHT * ratio);
      canvas.style.width = width + "px";
      canvas.style.height = HEIGHT + "px";
    }
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, HEIGHT);
    this.places = this.placed(width);
    const { colours, images } = this.reportEngine.page;
    for (let i = 0; i < xy.length / 2; i++) {
      const code = images.labels[i];
      pen.globalAlpha = this.single < 0 || code === this.single ? 0.85 : 0.1;
      pen.fillStyle = code < 0 ? "#9aa3b2" : colours[code];
      pen.beginPath();
      pen.arc(this.places[2 * i], this.places[2 * i + 1], 3.4, 0, 7);
      pen.fill();
    }
    pen.globalAlpha = 1;
    for (const [image, line] of [[this.chosen, 3], [this.shown, 1.5]]) {
      if (!(image >= 0 && image < xy.length / 2)) continue;
      pen.strokeStyle = getComputedStyle(this.root).color;
      pen.lineWidth = line;
      pen.beginPath();
      pen.arc(this.places[2 * image], this.places[2 * image + 1], 7, 0, 7);
      pen.stroke();
    }
  }

  placed(width) {
    const { xy } = this;
    const ends = [Infinity, -Infinity, Infinity, -Infinity];
    for (let i = 0; i < xy.length; i += 2) {
      ends[0] = Math.min(ends[0], xy[i]);
      ends[1] = Math.max(ends[1], xy[i]);
      ends[2] = Math.min(ends[2], xy[i + 1]);
      ends[3] = Math.max(ends[3], xy[i + 1]);
    }
    const places = new Float32Array(xy.length);
    for (let i = 0; i < xy.length; i += 2) {
      places[i] = MARGIN + ((xy[i] - ends[0]) / (ends[1] - ends[0] || 1)) * (width - 2 * MARGIN);
      places[i + 1] = HEIGHT - MARGIN - ((xy[i + 1] - ends[2]) / (ends[3] - ends[2] || 1)) * (HEIGHT - 2 * MARGIN);
    }
    return places;
  }

  hover({ offsetX, offsetY }) {
    if (!this.places) return;
    let nearest = -1;
    let least = NEAR ** 2;
    for (let i = 0; i < this.places.length / 2; i++) {
      const far = (this.places[2 * i] - offsetX) ** 2 + (this.places[2 * i + 1] - offsetY) ** 2;
      if (far < least) [nearest, least] = [i, far];
    }
    this.show(nearest);
  }

  show(image) {
    if (image === this.shown) return;
    this.shown = image;
    this.canvas.style.cursor = image >= 0 ? "pointer" : "";
    this.card.hidden = image < 0;
    if (image >= 0) {
      const item = this.reportEngine.item(image);
      const picture = element("img");
      picture.alt = "";
      if (item.src) picture.src = item.src;
      this.card.replaceChildren(picture, element("span", "", item.label || item.name));
      const right = this.places[2 * image] > this.frame.clientWidth / 2;
      this.card.style.left = right ? "" : this.places[2 * image] + 14 + "px";
      this.card.style.right = right ? this.frame.clientWidth - this.places[2 * image] + 14 + "px" : "";
      this.card.style.top = Math.min(this.places[2 * image + 1], HEIGHT - 130) + "px";
    }
    this.draw();
  }
}
