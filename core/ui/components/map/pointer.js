/* Mouse, pen and finger: pan, turn, zoom, lasso, box, hover and click. */

import { boxPolygon, pointsInPolygon } from "./geometry.js";

const CLICK_REACH = 4; // pixels that a press may wander and still be a click
const TURN_PER_PIXEL = 0.008; // radians
const ZOOM_PER_PIXEL = 0.0016;
const ZOOM_PER_LINE = 0.05;

/* From pressing to letting go. kind: "pan", "turn", "lasso" or "box"; mode: what is done to the selection. */
class Drag {
  constructor(kind, pane, start, mode) {
    this.kind = kind;
    this.pane = pane;
    this.path = [start]; // places on the stage
    this.mode = mode; // "replace", "add" or "remove"
    this.distance = 0; // the farthest from the start so far
  }

  get isClick() { return this.distance < CLICK_REACH; }

  get selects() { return this.kind === "lasso" || this.kind === "box"; }

  /* One step on; the way [dx, dy] from the step before. */
  extend([x, y]) {
    const [startX, startY] = this.path[0], [lastX, lastY] = this.path.at(-1);
    this.distance = Math.max(this.distance, Math.hypot(x - startX, y - startY));
    this.path.push([x, y]);
    return [x - lastX, y - lastY];
  }

  polygon() { return this.kind === "box" ? boxPolygon(this.path[0], this.path.at(-1)) : this.path; }
}

export class Pointer {
  constructor(view) {
    this.view = view;
    this.drag = null;
    const on = (name, listener, options) => view.stage.addEventListener(name, listener, options);
    on("pointerdown", (event) => this.press(event));
    on("pointermove", (event) => this.move(event));
    on("pointerup", (event) => this.release(event));
    on("pointercancel", () => this.cancel());
    on("pointerleave", () => view.setHover(-1));
    on("wheel", (event) => this.wheel(event), { passive: false });
    on("dblclick", (event) => this.doubleClick(event));
    on("contextmenu", (event) => { if (event.ctrlKey) event.preventDefault(); });
  }

  /* Where an event happened on the stage, in CSS pixels. */
  place(event) {
    const box = this.view.stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  paneAt([x]) {
    const { panes } = this.view;
    return panes.find(({ rect }) => x < rect.x + rect.w) || panes.at(-1);
  }

  isOnMap(event) { return this.view.isReady && event.target === this.view.renderer.overlay.canvas; }

  press(event) {
    const { view } = this;
    if (event.button > 0 || !this.isOnMap(event)) return;
    view.stage.focus({ preventScroll: true });
    view.stage.setPointerCapture(event.pointerId);
    const place = this.place(event), pane = this.paneAt(place), removes = event.ctrlKey || event.metaKey;
    const mode = event.shiftKey ? "add" : removes ? "remove" : "replace";
    this.drag = new Drag(this.dragKind(event, pane, mode), pane, place, mode);
    pane.glide = null;
  }

  dragKind(event, pane, mode) {
    const { toolbar } = this.view;
    if (toolbar.mode !== "pan") return toolbar.mode;
    if (mode !== "replace") return "lasso";
    return pane.isThreeDimensional && !event.altKey ? "turn" : "pan";
  }

  move(event) {
    const { view, drag } = this, place = this.place(event);
    if (!drag) {
      view.setHover(this.isOnMap(event) ? this.paneAt(place).pointAt(view.points, place) : -1, event);
      return;
    }
    const [dx, dy] = drag.extend(place);
    if (drag.isClick) return;
    view.setHover(-1);
    if (drag.kind === "pan") drag.pane.pan(dx, dy);
    else if (drag.kind === "turn") drag.pane.turn(dx * TURN_PER_PIXEL, dy * TURN_PER_PIXEL);
    if (drag.selects) view.renderer.requestDraw();
    else view.renderer.cameraMoved();
  }

  release(event) {
    const { view, drag } = this;
    this.drag = null;
    if (!drag) return;
    if (drag.isClick) this.click(drag, this.place(event));
    else if (drag.selects) view.select(this.pointsInside(drag), drag.mode);
    view.renderer.requestDraw();
  }

  click(drag, place) {
    const { view } = this, i = drag.pane.pointAt(view.points, place);
    if (i >= 0 && drag.mode !== "replace") view.select([i], drag.mode);
    else if (i >= 0) view.open(i);
    else if (view.focus) view.send("clicked", { position: -1 });
  }

  pointsInside(drag) {
    const { points } = this.view;
    return pointsInPolygon(drag.pane.screen(), drag.polygon(), drag.pane.rect, (i) => !points.isHidden(i));
  }

  cancel() {
    this.drag = null;
    this.view.renderer.requestDraw();
  }

  wheel(event) {
    if (!this.isOnMap(event)) return;
    event.preventDefault();
    this.zoomTo(event, Math.exp(-event.deltaY * (event.deltaMode ? ZOOM_PER_LINE : ZOOM_PER_PIXEL)));
  }

  doubleClick(event) {
    if (this.isOnMap(event) && this.view.toolbar.mode === "pan") this.zoomTo(event, 2);
  }

  zoomTo(event, factor) {
    const place = this.place(event);
    this.paneAt(place).zoomAt(factor, place);
    this.view.setHover(-1);
    this.view.renderer.cameraMoved();
  }
}
