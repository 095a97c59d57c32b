/* The buttons on the map: what dragging does, zoom, what is shown. */

import { element } from "../shared/dom.js";

const ICONS = { // paths on a square of 16
  pan: "M8 1v14M1 8h14M8 1 6 3M8 1l2 2M8 15l-2-2M8 15l2-2M1 8l2-2M1 8l2 2M15 8l-2-2M15 8l-2 2",
  lasso: "M8 2.5c3.6 0 6.2 1.8 6.2 4.2S11.6 11 8 11c-1 0-2-.2-2.800-.5M5.200 10.500C3 9.800 1.800 8.400 1.800 6.700 "
    + "1.800 4.300 4.400 2.500 8 2.500M5.200 10.500c-1.600.2-1.900 1.900-.6 2.300 1 .3.900 1.400 0 1.900",
  box: "M2.500 5V2.500H5M11 2.500h2.500V5M13.500 11v2.500H11M5 13.500H2.500V11M7 2.500h2M7 13.500h2M2.500 7v2"
    + "M13.500 7v2",
  fit: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4M6.500 8a1.500 1.500 0 1 0 3 0 1.500 1.500 0 1 0-3 0",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  images: "M2 3h12v10H2zM2 11l3.500-3.500L8.500 10.500l2-2L14 12M10.500 5.800a.7.7 0 1 0 1.400 0 .7.7 0 1 0-1.400 0",
  labels: "M3 4V2.800h10V4M8 2.800v10.400M6 13.200h4",
  clear: "M4 4l8 8M12 4l-8 8",
};
const SVG = "http://www.w3.org/2000/svg";
const MODES = ["pan", "lasso", "box"];

export class Toolbar {
  constructor(view) {
    this.view = view;
    this.root = element("div", "toolbar");
    this.buttons = {};
    this.mode = "pan"; // what dragging does: one of MODES
    this.showLabels = true;
    this.showImages = true;
    this.addButton("pan", "Move the map (H)", () => this.setMode("pan"));
    this.addButton("lasso", "Lasso (L). Shift adds, Ctrl removes", () => this.setMode("lasso"));
    this.addButton("box", "Box (B). Shift adds, Ctrl removes", () => this.setMode("box"));
    this.root.append(element("span", "gap"));
    this.addButton("plus", "Zoom in (+)", () => view.zoomAll(1.6));
    this.addButton("minus", "Zoom out (−)", () => view.zoomAll(1 / 1.6));
    this.addButton("fit", "Show everything (0)", () => view.fitAll());
    this.root.append(element("span", "gap"));
    this.addButton("labels", "Names on the map", () => this.toggle("showLabels"));
    this.addButton("images", "Images when zoomed in", () => this.toggle("showImages"));
    this.addButton("clear", "Clear the selection (X)", () => view.select([], "replace"));
  }

  addButton(name, title, onClick) {
    const button = element("button", "tool");
    button.type = "button";
    button.title = title;
    button.setAttribute("aria-label", title);
    button.append(icon(ICONS[name]));
    button.onclick = onClick;
    this.root.append(button);
    this.buttons[name] = button;
  }

  setMode(mode) {
    this.mode = mode;
    this.paint();
  }

  toggle(setting) {
    this[setting] = !this[setting];
    this.paint();
    this.view.renderer.requestDraw();
  }

  paint() {
    const press = (name, isPressed) => this.buttons[name].setAttribute("aria-pressed", String(isPressed));
    for (const mode of MODES) press(mode, this.mode === mode);
    press("labels", this.showLabels);
    press("images", this.showImages);
    this.buttons.clear.hidden = !this.view.points.anySelected;
    this.view.stage.dataset.mode = this.mode;
  }
}

function icon(d) {
  const svg = document.createElementNS(SVG, "svg"), path = document.createElementNS(SVG, "path");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", d);
  svg.append(path);
  return svg;
}
