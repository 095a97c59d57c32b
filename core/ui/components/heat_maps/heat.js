// Heat over two images. Which layer, plain or above average, and the opacity are chosen here, without any rerun.
// data: { pair, images: [{src, title, width, height} | null, ...], layers: [{name, colour, badge, exact, sentence,
// plain: [side | null, side | null], above: the same}], words, colours }; side: {rows, columns, cells: base64 of one
// signed byte a cell, box: [left, top, right, bottom] in parts of the image, sentence, named: [[name, part], ...]}.

import { element } from "../shared/dom.js";
import { paint } from "./paint.js";

const HEIGHT = 340; // CSS pixels of an image, where its width allows it
const FADE = 0.75; // how much of an image's own colour goes under full opacity

class HeatMaps {
  constructor(root) {
    this.root = root;
    this.layer = 0;
    this.above = true;
    this.opacity = 0.75;
  }

  update(data, setTriggerValue) {
    const fresh = data.pair !== this.data?.pair;
    this.data = data;
    this.setTriggerValue = setTriggerValue;
    this.layer = Math.min(this.layer, data.layers.length - 1);
    this.build();
    this.draw();
    if (fresh) this.root.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }

  /* --- once for new data ------------------------------------------------------------------------------------ */

  build() {
    const { data } = this, { words } = data;
    this.buttons = data.layers.map((layer, number) => this.layerButton(layer, number));
    const top = element("div", "top"), close = element("button", "close", "✕ " + words.close);
    top.setAttribute("role", "group");
    top.setAttribute("aria-label", words.which);
    close.addEventListener("click", () => this.setTriggerValue("close", data.pair));
    top.append(...this.buttons, close);
    this.badge = element("span", "badge");
    this.sentence = element("span", "");
    const line = element("p", "line");
    line.append(this.badge, this.sentence);
    const sides = element("div", "sides");
    this.figures = data.images.map((image) => (image ? this.figure(image) : null));
    sides.classList.toggle("lone", this.figures.includes(null));
    sides.append(...this.figures.filter(Boolean).map((figure) => figure.root));
    const parts = [top, line, sides, this.controls()];
    if (!data.images[0]) parts.splice(2, 0, element("p", "side-sentence", words.no_query));
    this.root.replaceChildren(...parts);
  }

  layerButton(layer, number) {
    const button = element("button", "layer");
    if (layer.colour) {
      const dot = element("i");
      dot.style.background = layer.colour;
      button.append(dot);
    }
    button.append(layer.name);
    button.addEventListener("click", () => {
      this.layer = number;
      this.draw();
    });
    return button;
  }

  figure({ src, title, width, height }) {
    const root = element("figure"), frame = element("div", "frame");
    const image = element("img"), canvas = element("canvas");
    image.alt = title;
    image.src = src;
    frame.style.aspectRatio = `${width} / ${height}`;
    frame.style.width = `${Math.round(HEIGHT * Math.max(0.3, width / height))}px`;
    const scale = 768 / Math.max(width, height);
    canvas.width = Math.max(1, Math.round(width * scale));
    canvas.height = Math.max(1, Math.round(height * scale));
    frame.append(image, canvas);
    const sentence = element("p", "side-sentence"), named = element("dl", "named");
    root.append(element("figcaption", "", title), frame, sentence, named);
    return { root, image, canvas, sentence, named };
  }

  controls() {
    const { words, colours } = this.data, row = element("div", "controls");
    const above = element("label"), box = element("input");
    box.type = "checkbox";
    box.checked = this.above;
    box.addEventListener("change", () => {
      this.above = box.checked;
      this.draw();
    });
    above.title = words.above_help;
    above.append(box, words.above);
    const opacity = element("label", "", words.opacity), range = element("input");
    Object.assign(range, { type: "range", min: 0, max: 1, step: 0.05, value: this.opacity });
    range.addEventListener("input", () => {
      this.opacity = Number(range.value);
      this.draw();
    });
    opacity.append(range);
    row.append(above, opacity);
    const tints = [`rgb(${colours.warm})`, `rgb(${colours.cold})`, `rgba(0, 0, 0, ${colours.dark})`];
    [words.adds, words.takes, words.seen].forEach((word, at) => {
      const key = element("span", "key"), mark = element("i");
      mark.style.background = tints[at];
      key.append(mark, word);
      row.append(key);
    });
    return row;
  }

  /* --- whenever something was chosen ------------------------------------------------------------------------- */

  draw() {
    const layer = this.data.layers[this.layer];
    this.buttons.forEach((button, number) => button.setAttribute("aria-pressed", String(number === this.layer)));
    this.badge.textContent = layer.badge;
    this.badge.hidden = !layer.badge;
    this.badge.classList.toggle("near", !layer.exact);
    this.sentence.textContent = layer.sentence;
    const sides = this.above ? layer.above : layer.plain;
    this.figures.forEach((figure, number) => figure && this.drawSide(figure, sides[number]));
  }

  drawSide({ image, canvas, sentence, named }, side) {
    // so that the tints stand out from the image's own colours
    image.style.filter = `saturate(${1 - FADE * this.opacity})`;
    paint(canvas, side, this.opacity, this.data.colours);
    sentence.textContent = side?.sentence ?? "";
    const rows = (side?.named ?? []).map(([name, part]) => [element("dt", "", part), element("dd", "", name)]);
    named.replaceChildren(...rows.flat());
  }
}

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const root = parentElement.querySelector(".heat");
  root.maps ??= new HeatMaps(root);
  root.maps.update(data, setTriggerValue);
}
