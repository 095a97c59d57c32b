/* One map of the component: a layout of the points, their way there from the last layout, and the camera. */

import {
  clamp, easeInOut, groupMedians, halfExtent, interpolate, inThreeDimensions, nearestPoint, projectPoints,
  rotationMatrix,
} from "./geometry.js";

export const TRAVEL_MS = 700;
const MAX_PITCH = 1.57; // radians: never over the top
const FLAT = [1, 0, 0, 0, 1, 0, 0, 0, 1];
const HEADING_SHIFT = 14; // pixels below the middle: the heading stands above
const NEVER = -1e9;

export class MapPane {
  /* rect: { x, y, w, h } of the pane on the stage, in CSS pixels. */
  constructor(rect) {
    this.rect = rect;
    this.isNarrow = false; // beside another map
    this.hash = ""; // of the layout that the page gave last
    this.dims = 2;
    this.before = null; // (count, 3) positions that the points come from, and go to
    this.after = null;
    this.version = 0; // of `after`
    this.movedAt = NEVER;
    this.travelMs = TRAVEL_MS;
    this.easing = easeInOut;
    this.centreX = 0; // what the middle of the pane shows, after the rotation
    this.centreY = 0;
    this.scale = 0; // CSS pixels per unit of the layout
    this.fitScale = 0; // the scale that shows everything
    this.yaw = 0.6;
    this.pitch = 0.4;
    this.isAuto = true; // follows the layout until a person moves the camera
    this.glide = null; // the camera's way to a new fit
    this.live = ""; // address of layouts that are being made, "" for none
    this.doneLive = ""; // the last such address from which all has come
    this.liveCount = 0; // layouts that came from `live`
    this.liveAt = 0;
    this.note = ""; // what is going on, in words
    this.thumbnails = []; // { i, x, y, size } of the images that are drawn
    this.screenMark = "";
    this.places = null;
    this.medians = null;
  }

  get isStreaming() { return Boolean(this.live) && this.doneLive !== this.live; }

  get isThreeDimensional() { return this.dims === 3; }

  /* --- the layout ------------------------------------------------------------------------------------------- */

  /* Let the points travel from where they are to (count, dims) positions. False where they are there already. */
  moveTo(xy, dims, travelMs, easing) {
    const after = inThreeDimensions(xy, dims);
    if (this.after && this.after.every((value, k) => value === after[k])) return false;
    const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const travels = Boolean(this.after) && !isStill;
    this.before = travels ? this.positions().slice() : after;
    Object.assign(this, { after, dims, travelMs, easing, medians: null });
    this.movedAt = travels ? performance.now() : NEVER;
    this.version++;
    if (this.isAuto) this.fit(travels);
    return true;
  }

  /* Time since the last layout as a share of the way, 0 to 1. */
  progress() {
    return clamp((performance.now() - this.movedAt) / this.travelMs, 0, 1);
  }

  /* (count, 3) positions now, on the way between two layouts. */
  positions() {
    const t = this.easing(this.progress());
    return t >= 1 ? this.after : interpolate(this.before, this.after, t);
  }

  classMedians(codes, classCount) {
    if (!this.medians) this.medians = groupMedians(this.after, codes, classCount);
    return this.medians;
  }

  /* --- the camera ------------------------------------------------------------------------------------------- */

  fit(smoothly) {
    this.isAuto = true;
    const [halfWidth, halfHeight] = halfExtent(this.after, this.dims), { w, h } = this.rect;
    const scale = Math.min((w - 48) / (2 * halfWidth), (h - 96) / (2 * halfHeight));
    const view = [0, HEADING_SHIFT / scale, scale];
    if (smoothly && this.scale) {
      const from = [this.centreX, this.centreY, this.scale];
      this.glide = { from, to: view, at: performance.now(), lasts: this.travelMs };
    } else {
      this.glide = null;
      [this.centreX, this.centreY, this.scale] = view;
    }
    this.fitScale = scale;
    this.screenMark = "";
  }

  /* Move the camera along its way to a new fit; whether it moved. */
  advanceGlide(now) {
    if (!this.glide) return false;
    const { from, to, at, lasts } = this.glide, t = Math.min(1, (now - at) / lasts), eased = easeInOut(t);
    this.centreX = from[0] + (to[0] - from[0]) * eased;
    this.centreY = from[1] + (to[1] - from[1]) * eased;
    this.scale = from[2] * (to[2] / from[2]) ** eased;
    if (t >= 1) this.glide = null;
    return true;
  }

  /* Move what is seen by pixels, right and down. */
  pan(dx, dy) {
    this.centreX -= dx / this.scale;
    this.centreY += dy / this.scale;
    this.isAuto = false;
  }

  turn(yaw, pitch) {
    this.yaw += yaw;
    this.pitch = clamp(this.pitch + pitch, -MAX_PITCH, MAX_PITCH);
  }

  /* Zoom by a factor; what stands at the screen position stays there. */
  zoomAt(factor, [x, y]) {
    const before = this.scale, after = clamp(before * factor, this.fitScale * 0.4, this.fitScale * 400);
    const right = x - this.rect.x - this.rect.w / 2, up = this.rect.y + this.rect.h / 2 - y;
    this.centreX += right / before - right / after;
    this.centreY += up / before - up / after;
    this.scale = after;
    this.isAuto = false;
    this.glide = null;
  }

  middle() {
    return [this.rect.x + this.rect.w / 2, this.rect.y + this.rect.h / 2];
  }

  rotation() {
    return this.isThreeDimensional ? rotationMatrix(this.yaw, this.pitch) : FLAT;
  }

  /* The position in the layout that stands in the middle of the pane. */
  centre() {
    const m = this.rotation(), x = this.centreX, y = this.centreY;
    return [m[0] * x + m[3] * y, m[1] * x + m[4] * y, m[2] * x + m[5] * y];
  }

  /* What `projectPoint` and the painters need of the camera. */
  camera() {
    return { rotation: this.rotation(), centre: this.centre(), scale: this.scale, rect: this.rect };
  }

  /* --- the screen ------------------------------------------------------------------------------------------- */

  /* (count, 2) places of all points on the stage: what hover, lasso, labels and images look at. */
  screen() {
    const { rect } = this, view = [this.centreX, this.centreY, this.scale, this.yaw, this.pitch];
    const mark = [this.version, this.progress(), ...view, rect.x, rect.w, rect.h].join();
    if (this.screenMark === mark) return this.places;
    const positions = this.positions(), size = (2 * positions.length) / 3;
    if (!this.places || this.places.length !== size) this.places = new Float32Array(size);
    projectPoints(positions, this.camera(), this.places);
    this.screenMark = mark;
    return this.places;
  }

  /* The diameter of a point in CSS pixels: smaller the more there are, larger when zoomed in. */
  pointSize() {
    const count = this.after.length / 3, zoom = clamp(this.scale / this.fitScale, 0.8, 2.2);
    const base = clamp(14.2 - 2.45 * Math.log10(Math.max(10, count)), 2.2, 9.5);
    return Math.min(15, base * zoom ** 0.45 * (this.isNarrow ? 0.9 : 1));
  }

  /* The shown points inside the pane, at most `limit`. */
  visiblePoints(points, limit) {
    const places = this.screen(), { x, y, w, h } = this.rect, visible = [];
    for (let i = 0; i < points.count && visible.length < limit; i++) {
      const px = places[2 * i], py = places[2 * i + 1];
      if (px >= x && px <= x + w && py >= y && py <= y + h && !points.isHidden(i)) visible.push(i);
    }
    return visible;
  }

  /* The point at a place on the stage, −1 for none: an image that is drawn there, else the nearest point. */
  pointAt(points, [x, y]) {
    const covers = (t) => Math.abs(t.x - x) <= t.size / 2 && Math.abs(t.y - y) <= t.size / 2;
    const thumbnail = this.thumbnails.find(covers);
    if (thumbnail) return thumbnail.i;
    return nearestPoint(this.screen(), [x, y], Math.max(9, this.pointSize() / 2 + 4), (i) => !points.isHidden(i));
  }
}
