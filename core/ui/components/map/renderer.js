/* Draws a map: sizes its canvases, chooses a painter, and draws once a frame at most, when something changed. */

import { element } from "../shared/dom.js";
import { CanvasPainter } from "./canvas_painter.js";
import { Overlay } from "./overlay.js";
import { WebGLPainter } from "./webgl_painter.js";

const DENSE_FROM = 50000; // points; above, densities are drawn, and coarsely while the map moves
const AT_REST_MS = 180;
const FRAMES_TIMED = 240;

export class Renderer {
  constructor(view) {
    this.view = view;
    this.painter = null; // a WebGLPainter or a CanvasPainter
    this.width = 0; // of the stage, in CSS pixels
    this.height = 0;
    this.pixelRatio = 1; // device pixels per CSS pixel
    this.coarseUntil = 0;
    this.frameRequest = 0;
    this.frameTimes = []; // milliseconds
    this.overlay = new Overlay(view, element("canvas", "overlay"));
    this.canvas = element("canvas", "points");
    this.canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    this.canvas.addEventListener("webglcontextrestored", () => {
      this.painter = null;
      this.preparePainter();
    });
    this.resizeObserver = new ResizeObserver(() => this.resize());
    this.resizeObserver.observe(view.stage);
    view.stage.append(this.canvas, this.overlay.canvas);
  }

  destroy() {
    this.isDestroyed = true;
    this.resizeObserver.disconnect();
    clearTimeout(this.restTimer);
    cancelAnimationFrame(this.frameRequest);
    if (this.painter) this.painter.destroy();
  }

  preparePainter() {
    if (this.painter) return;
    const isFlat = this.view.data.renderer === "canvas2d";
    try {
      if (isFlat) throw new Error("a flat canvas is wanted");
      this.painter = new WebGLPainter(this.canvas);
    } catch (error) {
      if (!isFlat) console.warn("The map is drawn without WebGL2:", error.message);
      if (this.canvas.getContext("2d") === null) { // a canvas that had a WebGL context has no other
        const canvas = element("canvas", "points");
        this.canvas.replaceWith(canvas);
        this.canvas = canvas;
      }
      this.painter = new CanvasPainter(this.canvas);
    }
    const { root, panes, colouring, points } = this.view;
    root.dataset.renderer = this.painter.name;
    panes.forEach((pane, i) => this.painter.setPositions(i, pane.before, pane.after));
    if (colouring) {
      this.painter.setCodes(colouring.codes);
      this.painter.setPalette(colouring.palette);
    }
    this.painter.setFlags(points.flags);
    this.resize();
  }

  resize() {
    const { root, panes, stage } = this.view, width = stage.clientWidth, height = stage.clientHeight;
    if (!width || !height) return;
    const pixelRatio = Math.min(2, window.devicePixelRatio || 1);
    const changed = width !== this.width || height !== this.height || pixelRatio !== this.pixelRatio;
    Object.assign(this, { width, height, pixelRatio });
    const pixels = [Math.round(width * pixelRatio), Math.round(height * pixelRatio)];
    for (const canvas of [this.canvas, this.overlay.canvas]) {
      if (canvas.width !== pixels[0] || canvas.height !== pixels[1]) [canvas.width, canvas.height] = pixels;
    }
    const count = Math.max(1, panes.length), gap = count > 1 ? 1 : 0, w = (width - gap * (count - 1)) / count;
    root.dataset.panels = String(count);
    panes.forEach((pane, i) => {
      pane.rect = { x: i * (w + gap), y: 0, w, h: height };
      pane.isNarrow = count > 1;
      if (changed && pane.isAuto) pane.fit(false);
    });
    this.requestDraw();
  }

  requestDraw() {
    if (this.isDestroyed || this.frameRequest) return;
    this.frameRequest = requestAnimationFrame(() => {
      this.frameRequest = 0;
      this.draw();
    });
  }

  draw() {
    if (this.isDestroyed || !this.view.isReady || !this.width) return;
    const start = performance.now();
    let isMoving = false;
    this.painter.begin(this.canvas.width, this.canvas.height);
    this.overlay.begin();
    this.view.panes.forEach((pane, i) => {
      if (pane.advanceGlide(start)) isMoving = true;
      const progress = pane.progress();
      if (progress < 1) isMoving = true;
      this.painter.draw(i, this.scene(pane, progress));
      this.overlay.drawPane(pane, progress >= 1);
    });
    this.overlay.drawDrag(this.view.pointer.drag);
    this.frameTimes.push(performance.now() - start);
    if (this.frameTimes.length > FRAMES_TIMED) this.frameTimes.shift();
    if (isMoving) this.requestDraw();
  }

  /* What a painter needs to draw a pane: the camera, sizes in CSS pixels, colours, and how many points are in view. */
  scene(pane, progress) {
    const { width, height, pixelRatio, view: { theme, points } } = this, { count, anySelected } = points;
    const scene = {
      ...pane.camera(), width, height, ratio: pixelRatio, count, anySelected,
      t: pane.easing(progress), depth: pane.isThreeDimensional ? 0.4 : 0, pointSize: pane.pointSize(),
      fade: anySelected ? 0.16 : 1, opacity: count > 20000 ? 0.7 : count > 4000 ? 0.82 : 0.92,
      ground: theme.ground, missing: theme.dark ? [78, 82, 90] : [205, 208, 213],
      visibleCount: count, isDense: false, isCoarse: false,
    };
    if (this.painter.name === "canvas2d") scene.screen = pane.screen();
    else if (count > DENSE_FROM) {
      const enough = DENSE_FROM / 2, isNear = pane.scale > pane.fitScale * 1.5;
      if (isNear) scene.visibleCount = pane.visiblePoints(points, enough).length;
      scene.isDense = scene.visibleCount >= enough;
      scene.isCoarse = scene.isDense && performance.now() < this.coarseUntil;
    }
    return scene;
  }

  /* Median milliseconds per frame while the map is panned for `count` frames: what the tests and the bench print. */
  async measureFrames(count) {
    const times = [], [pane] = this.view.panes, { centreX } = pane;
    let last = performance.now();
    for (let k = 0; k < count; k++) {
      pane.centreX = centreX + 0.002 * (k % 10);
      this.cameraMoved();
      await new Promise((resolve) => requestAnimationFrame(resolve));
      const now = performance.now();
      times.push(now - last);
      last = now;
    }
    pane.centreX = centreX;
    times.sort((a, b) => a - b);
    return times[count >> 1];
  }

  /* The map is being moved: very many points are drawn coarsely until it rests. */
  cameraMoved() {
    if (this.view.points.count > DENSE_FROM) {
      this.coarseUntil = performance.now() + AT_REST_MS;
      clearTimeout(this.restTimer);
      this.restTimer = setTimeout(() => this.requestDraw(), AT_REST_MS + 10);
    }
    this.requestDraw();
  }
}
