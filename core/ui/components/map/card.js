/* The card of the point under the pointer: its image, its name and its value. */

import { element } from "../shared/dom.js";
import { formatNumber } from "./format.js";

const WIDTH = 172; // as in map.css
const HEIGHT_WITH_IMAGE = 232; // before the image has come
const HEIGHT_OF_TEXT = 84;
const EDGE = 8; // pixels to the sides of the window
const GAP = 18; // between the pointer and the card
const FARTHER = [60, 140, 240, 360];
const DIRECTIONS = [[1, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [-1, 1], [1, -1], [-1, -1]];
const LINE_STEPS = 8;

export class Card {
  constructor(view) {
    this.view = view;
    this.root = element("div", "card");
    this.image = element("img");
    this.image.alt = "";
    this.text = element("div", "text");
    this.root.append(this.image, this.text);
  }

  close() { this.root.classList.remove("open"); }

  open(i) {
    this.root.classList.add("open");
    this.root.dataset.position = String(i);
    this.showImage(i);
    this.text.replaceChildren(...this.lines(i));
  }

  showImage(i) {
    const { image, view } = this;
    image.removeAttribute("src");
    image.hidden = !view.data.image;
    if (image.hidden) return;
    image.onload = () => { image.dataset.ready = String(i); };
    image.onerror = () => { image.hidden = true; };
    image.src = view.imageAddress(i);
  }

  lines(i) {
    const { view: { points, colouring } } = this, { isCategory, title, entries, codes, values } = colouring;
    const name = points.names ? points.names[i] : "", lines = [], colour = colouring.cssOf(i);
    if (name) lines.push(element("b", "", name));
    if (!isCategory && values) lines.push(valueLine(colour, `${title} ${formatNumber(values[i])}`));
    else if (colour && entries[codes[i]].name !== name) lines.push(valueLine(colour, entries[codes[i]].name));
    lines.push(element("small", "", points.ids[i]));
    return lines;
  }

  /* Stand beside the hovered point, where no pointer says where. */
  placeAtHovered() {
    const { view } = this, i = view.hover;
    if (i < 0) return;
    const box = view.stage.getBoundingClientRect(), places = view.panes[0].screen();
    this.placeAt(box.left + places[2 * i], box.top + places[2 * i + 1]);
  }

  /* Stand beside (x, y) of the window, where it covers least of the lines to neighbours. */
  placeAt(x, y) {
    const height = Math.max(this.root.offsetHeight, this.view.data.image ? HEIGHT_WITH_IMAGE : HEIGHT_OF_TEXT);
    const obstacles = this.linePoints(this.view.stage.getBoundingClientRect());
    let best = null, least = Infinity;
    this.spots(x, y, height).forEach(([left, top], k) => {
      const covers = ([px, py], margin) => px > left - margin && px < left + WIDTH + margin
        && py > top - margin && py < top + height + margin;
      const cost = k * 0.01 + (covers([x, y], 6) ? 1000 : 0) + obstacles.filter((place) => covers(place, 4)).length;
      if (cost < least) {
        least = cost;
        best = [left, top];
      }
    });
    this.root.style.transform = `translate(${Math.round(best[0])}px, ${Math.round(best[1])}px)`;
  }

  /* Left top corners where the card may stand, the nearest to (x, y) first. */
  spots(x, y, height) {
    const spots = [[x + GAP, y - height / 3], [x - GAP - WIDTH, y - height / 3]];
    if (this.view.focus) {
      // Lines run from one point to its nearest: the card may not lie on what it is looked at beside.
      for (const distance of FARTHER) {
        for (const [dx, dy] of DIRECTIONS) {
          const left = x + dx * distance - (dx < 0 ? WIDTH : dx ? 0 : WIDTH / 2);
          spots.push([left, y + dy * distance - (dy < 0 ? height : dy ? 0 : height / 2)]);
        }
      }
    }
    const inWindow = (start, size, room) => Math.min(Math.max(EDGE, start), room - size - EDGE);
    return spots.map(([left, top]) => [inWindow(left, WIDTH, innerWidth), inWindow(top, height, innerHeight)]);
  }

  /* Places in the window along the lines of the focus; box: where the stage stands in the window. */
  linePoints(box) {
    const { focus, points, panes } = this.view, places = [];
    if (!focus || focus.position >= points.count) return places;
    for (const pane of panes) {
      const screen = pane.screen(), at = (i) => [box.left + screen[2 * i], box.top + screen[2 * i + 1]];
      const [x0, y0] = at(focus.position);
      for (const neighbour of focus.neighbours) {
        const [x1, y1] = at(neighbour);
        for (let k = 0; k <= LINE_STEPS; k++) {
          places.push([x0 + ((x1 - x0) * k) / LINE_STEPS, y0 + ((y1 - y0) * k) / LINE_STEPS]);
        }
      }
    }
    return places;
  }
}

function valueLine(colour, text) {
  const line = element("span", "value"), dot = element("i");
  if (colour) dot.style.background = colour;
  line.append(dot, text);
  return line;
}
