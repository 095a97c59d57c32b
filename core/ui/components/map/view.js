/* The whole map of one Streamlit element: it takes data from Python, holds the state, and joins the parts.
 *
 * The parts (renderer, toolbar, legend, card, pointer, keyboard, status bar) read the state from here and change it by
 * the methods of this class.
 */

import { element } from "../shared/dom.js";
import { announceHover, onHover } from "../shared/hover.js";
import { Card } from "./card.js";
import { Colouring, readTheme } from "./colours.js";
import { decodePositions, encodePositions, getPart, markPartsUsed, missingParts, storeParts } from "./data.js";
import { clamp, easeInOut, easeOut } from "./geometry.js";
import { Keyboard } from "./keyboard.js";
import { Legend } from "./legend.js";
import { StatusBar, readLayouts } from "./layout_stream.js";
import { MapPane, TRAVEL_MS } from "./pane.js";
import { Pointer } from "./pointer.js";
import { Points } from "./points.js";
import { Renderer } from "./renderer.js";
import { Thumbnails, imageAddress } from "./thumbnails.js";
import { Toolbar } from "./toolbar.js";

const LIVE_TRAVEL_MS = 260; // the longest way to a layout that came while it is being made
const MAX_TRAVELLING = 20000; // drawing more points takes as long as laying them out: those jump
const THEME_CHECK_MS = 1000;
const HELP = "Map of the images. Arrows move, plus and minus zoom, comma and full stop step through the points, "
  + "Enter opens one, L lasso, B box, H hand, 0 fits, X clears the selection.";

export class MapView {
  constructor(parent) {
    this.component = null; // what Streamlit gave last: data, setStateValue, setTriggerValue
    this.data = null;
    this.points = new Points({ ids: [], names: null, keys: null }, "");
    this.colouring = null;
    this.theme = null;
    this.panes = [];
    this.hover = -1; // the point under the pointer, −1 for none
    this.pointed = -1; // the point whose image is hovered in a grid of the same group
    this.focus = null; // { position, neighbours }: a point that is joined to others
    this.selectionStamp = 0; // later selections win, whether made here or in the page
    this.appliedSelection = "";
    this.requested = ""; // parts that Python was asked for
    this.thumbnails = new Thumbnails((i) => this.imageAddress(i), () => this.renderer.requestDraw());
    this.build(parent);
    this.themeTimer = setInterval(() => this.readTheme(), THEME_CHECK_MS);
    this.stopFollowing = onHover((detail) => this.followGrid(detail));
  }

  build(parent) {
    this.root = element("div", "fs-map");
    this.root.view = this;
    this.stage = element("div", "stage");
    this.stage.tabIndex = 0;
    this.stage.setAttribute("role", "application");
    this.stage.setAttribute("aria-label", HELP);
    this.headings = element("div", "headings");
    this.announcer = element("div", "live");
    this.announcer.setAttribute("aria-live", "polite");
    this.renderer = new Renderer(this);
    this.toolbar = new Toolbar(this);
    this.statusBar = new StatusBar(this);
    this.card = new Card(this);
    this.legend = new Legend(this);
    this.pointer = new Pointer(this);
    this.keyboard = new Keyboard(this);
    this.stage.append(this.headings, this.statusBar.root, this.toolbar.root, this.announcer);
    this.root.append(this.stage, this.legend.root, this.card.root);
    this.toolbar.paint();
    parent.append(this.root);
  }

  destroy() {
    this.isDestroyed = true;
    clearInterval(this.themeTimer);
    this.stopFollowing();
    this.renderer.destroy();
    this.root.remove();
  }

  get isReady() { return Boolean(this.renderer.painter && this.colouring && this.panes.length); }

  /* --- from Python ------------------------------------------------------------------------------------------ */

  /* Streamlit's call on every run of the page, with the same or other data. */
  update(component) {
    this.component = component;
    const { data } = component;
    if (!data) return;
    this.data = data;
    storeParts(data.parts || {});
    const hashes = [data.items, data.colours, ...data.panels.map((panel) => panel.xy)];
    if (this.requestParts(missingParts(hashes))) return;
    markPartsUsed(hashes);
    this.stage.style.height = `${data.height}px`;
    this.readTheme();
    this.setItems(getPart(data.items), data.fingerprint);
    this.renderer.preparePainter();
    this.setLayouts(data.panels);
    this.setColours(getPart(data.colours));
    this.applySelection(data.selection);
    this.focus = data.focus;
    data.panels.forEach((panel, i) => this.followLive(this.panes[i], panel.live || ""));
    this.statusBar.paint();
    this.renderer.requestDraw();
  }

  /* Ask Python once for parts that this browser does not have; whether any is missing. */
  requestParts(missing) {
    const request = missing.join();
    if (request && request !== this.requested) this.send("missing", missing);
    this.requested = request;
    return Boolean(request);
  }

  setItems(items, fingerprint) {
    if (this.points.items === items) return;
    this.setHover(-1);
    const points = new Points(items, fingerprint);
    if (points.count !== this.points.count || fingerprint !== this.points.fingerprint) this.panes = [];
    this.points = points;
    this.colouring = null; // its hidden classes are not those of the new points
    this.thumbnails.clear();
    this.selectionStamp = 0;
    this.appliedSelection = "";
    this.toolbar.paint();
  }

  setLayouts(panels) {
    const countChanged = this.panes.length !== panels.length, { width, height } = this.renderer;
    this.panes.length = Math.min(this.panes.length, panels.length);
    panels.forEach((panel, i) => {
      if (!this.panes[i]) this.panes[i] = new MapPane({ x: 0, y: 0, w: width || 600, h: height || 500 });
      const pane = this.panes[i];
      if (pane.hash === panel.xy) return;
      pane.hash = panel.xy;
      // What came by the layout's own way is newer than what the page knew when it ran.
      if (panel.live && panel.live === pane.live && pane.liveCount) return;
      const { xy, dims } = getPart(panel.xy);
      this.moveTo(pane, xy, dims, TRAVEL_MS, easeInOut);
    });
    this.headings.replaceChildren(...panels.map(heading));
    if (countChanged) {
      this.renderer.resize();
      for (const pane of this.panes) pane.fit(false);
    }
  }

  moveTo(pane, xy, dims, travelMs, easing) {
    if (!pane.moveTo(xy, dims, travelMs, easing)) return;
    this.renderer.painter.setPositions(this.panes.indexOf(pane), pane.before, pane.after);
  }

  setColours(part) {
    if (this.colouring && this.colouring.part === part) return;
    this.colouring = new Colouring(part, this.theme);
    this.renderer.painter.setCodes(part.codes);
    this.renderer.painter.setPalette(this.colouring.palette);
    for (const pane of this.panes) pane.medians = null;
    this.legend.build(); // before hiding: the old rows do not belong to the new colours
    this.applyHidden();
  }

  /* A selection that the page holds, unless a later one was made here. */
  applySelection(selection) {
    if (!selection || selection.stamp < this.selectionStamp) return;
    if (selection.stamp === this.selectionStamp && selection.positions === this.appliedSelection) return;
    this.selectionStamp = selection.stamp;
    this.appliedSelection = selection.positions;
    this.points.select(decodePositions(selection.positions), "replace");
    this.selectionChanged();
  }

  /* Listen to the address of layouts that are being made; "" listens to none. */
  async followLive(pane, address) {
    if (pane.live === address) return;
    pane.live = address;
    pane.note = "";
    pane.liveCount = 0;
    if (!address) return;
    const isCurrent = () => !this.isDestroyed && pane.live === address && this.panes.includes(pane);
    await readLayouts(address, isCurrent, ({ note, dims, body }) => {
      pane.note = note;
      if (body.byteLength === 4 * dims * this.points.count) this.receiveLayout(pane, new Float32Array(body), dims);
      this.statusBar.paint();
    });
    if (!isCurrent()) return;
    pane.note = "";
    pane.doneLive = address;
    this.statusBar.paint();
  }

  receiveLayout(pane, xy, dims) {
    const now = performance.now(), interval = pane.liveAt ? now - pane.liveAt : LIVE_TRAVEL_MS;
    pane.liveAt = now;
    pane.liveCount++;
    const travelMs = this.points.count > MAX_TRAVELLING ? 1 : clamp(1.3 * interval, 90, LIVE_TRAVEL_MS);
    this.moveTo(pane, xy, dims, travelMs, easeOut);
    this.renderer.requestDraw();
  }

  readTheme() {
    const theme = readTheme(this.root, this.theme);
    if (this.theme === theme) return;
    this.theme = theme;
    this.root.dataset.theme = theme.dark ? "dark" : "light";
    if (!this.isReady) return;
    this.colouring.setTheme(theme);
    this.renderer.painter.setPalette(this.colouring.palette);
    this.legend.build();
    this.renderer.requestDraw();
  }

  /* --- to Python and to the image grid ---------------------------------------------------------------------- */

  send(trigger, value) {
    this.component.setTriggerValue(trigger, value);
  }

  open(i) {
    this.send("clicked", { position: i, fingerprint: this.data.fingerprint });
  }

  /* A person's selection; mode: "replace", "add" or "remove". */
  select(positions, mode) {
    this.points.select(positions, mode);
    this.selectionChanged();
    const selected = this.points.selectedPositions();
    this.selectionStamp = Math.max(Date.now(), this.selectionStamp + 1);
    this.appliedSelection = encodePositions(selected);
    this.announce(`${selected.length} selected`);
    const { selectionStamp: stamp, appliedSelection: text, data: { fingerprint } } = this;
    this.component.setStateValue("selection", { stamp, positions: text, fingerprint });
  }

  selectionChanged() {
    this.renderer.painter.setFlags(this.points.flags);
    this.toolbar.paint();
    this.legend.paint();
    this.renderer.requestDraw();
  }

  applyHidden() {
    this.points.hideWhere((i) => this.colouring.hides(i));
    this.renderer.painter.setFlags(this.points.flags);
    this.setHover(-1);
    this.legend.paint();
    this.renderer.requestDraw();
  }

  /* For screen readers. */
  announce(text) {
    this.announcer.textContent = text;
  }

  /* Point at a point, −1 at none; event: the pointer's, where there is one. */
  setHover(i, event) {
    if (i !== this.hover) {
      this.tellGrid(this.hover, false);
      this.hover = i;
      this.tellGrid(i, true);
      this.stage.classList.toggle("over", i >= 0);
      if (i >= 0) this.card.open(i);
      else this.card.close();
      this.renderer.requestDraw();
    }
    if (i >= 0 && event) this.card.placeAt(event.clientX, event.clientY);
  }

  /* The image grid of the same group and the map point at the same image. */
  tellGrid(i, on) {
    if (i < 0 || !this.data || !this.data.group) return;
    announceHover({ group: this.data.group, id: this.points.ids[i], on, map: true });
  }

  followGrid({ group, id, on, map }) {
    if (map || !this.data || !group || group !== this.data.group) return;
    this.pointed = on ? this.points.ids.indexOf(id) : -1;
    this.renderer.requestDraw();
  }

  imageAddress(i) {
    return imageAddress(this.data.image, this.points, i);
  }

  /* --- the camera ------------------------------------------------------------------------------------------- */

  zoomAll(factor) {
    for (const pane of this.panes) pane.zoomAt(factor, pane.middle());
    this.card.placeAtHovered();
    this.renderer.cameraMoved();
  }

  fitAll() {
    for (const pane of this.panes) pane.fit(true);
    this.renderer.requestDraw();
  }
}

function heading({ title, note }) {
  const node = element("div", "heading");
  node.append(element("b", "", title || ""), element("span", "", note || ""));
  return node;
}
