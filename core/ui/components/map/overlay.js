/* What is drawn over the points: images, class names, lines to neighbours, rings, and the lasso or box. */

import { NO_CODE, cssColour, parseColour } from "./colours.js";
import { boxPolygon, clamp, projectPoint } from "./geometry.js";

const MAX_IMAGES_SHOWN = 1200;
const IMAGES_FROM_ZOOM = 1.9; // times the scale that shows everything
const FEW_POINTS = 48; // images are shown at any zoom
const MAX_LABELLED_CLASSES = 80;
const MAX_LABEL_LENGTH = 26;
const LABEL_TOP = 52; // pixels that the heading takes
const LABEL_LINE = 17;
const CORNER_RADIUS = 5;
const CIRCLE = 6.2832;
const GRID_COLUMNS = 4096; // more than cells side by side

export class Overlay {
  constructor(view, canvas) {
    this.view = view;
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
  }

  begin() {
    const { width, height, pixelRatio } = this.view.renderer;
    this.pen.setTransform(pixelRatio, 0, 0, pixelRatio, 0, 0);
    this.pen.clearRect(0, 0, width, height);
  }

  /* isStill: the points of the pane are not on their way. */
  drawPane(pane, isStill) {
    const { pen, view } = this, { rect } = pane, { points, theme, toolbar } = view;
    pen.save();
    pen.beginPath();
    pen.rect(rect.x, rect.y, rect.w, rect.h);
    pen.clip();
    pane.thumbnails = [];
    if (rect.x > 0) {
      pen.fillStyle = cssColour(theme.text, 0.14);
      pen.fillRect(rect.x - 1, 12, 1, rect.h - 24);
    }
    const isNear = pane.scale > pane.fitScale * IMAGES_FROM_ZOOM || points.count <= FEW_POINTS;
    if (isStill && toolbar.showImages && view.data.image && isNear) this.drawImages(pane);
    if (view.focus) this.drawLines(pane);
    if (isStill && toolbar.showLabels && !pane.thumbnails.length && !points.anySelected) this.drawLabels(pane);
    for (const i of [view.hover, view.pointed]) {
      if (i >= 0 && i < points.count && !points.isHidden(i)) this.drawRing(pane, i, 3.5, 2);
    }
    pen.restore();
  }

  drawRing(pane, i, margin, width) {
    const { pen, view: { theme } } = this, places = pane.screen();
    pen.beginPath();
    pen.arc(places[2 * i], places[2 * i + 1], pane.pointSize() / 2 + margin, 0, CIRCLE);
    pen.lineWidth = width + 2;
    pen.strokeStyle = cssColour(theme.ground, 0.9);
    pen.stroke();
    pen.lineWidth = width;
    pen.strokeStyle = cssColour(theme.text);
    pen.stroke();
  }

  /* From the point in focus to its neighbours, fainter the farther they are. */
  drawLines(pane) {
    const { pen, view } = this, { position, neighbours } = view.focus, places = pane.screen();
    if (position >= view.points.count) return;
    neighbours.forEach((neighbour, rank) => {
      pen.beginPath();
      pen.moveTo(places[2 * position], places[2 * position + 1]);
      pen.lineTo(places[2 * neighbour], places[2 * neighbour + 1]);
      pen.lineWidth = 1.4;
      pen.strokeStyle = cssColour(view.theme.text, 0.85 - (0.5 * rank) / Math.max(1, neighbours.length));
      pen.stroke();
    });
    neighbours.forEach((neighbour) => this.drawRing(pane, neighbour, 1.5, 1.2));
    this.drawRing(pane, position, 4, 2.4);
  }

  /* --- class names ------------------------------------------------------------------------------------------ */

  /* The name of each class at the median of its points, the largest classes first, none over another. */
  drawLabels(pane) {
    const { pen, view: { colouring, theme } } = this, { entries, codes, hidden, totals } = colouring;
    if (!colouring.isCategory || entries.length > MAX_LABELLED_CLASSES) return;
    const medians = pane.classMedians(codes, entries.length), camera = pane.camera(), taken = [], { rect } = pane;
    const classes = entries.map((_, code) => code)
      .filter((code) => medians[code] && !entries[code].rest && !hidden.has(code))
      .sort((a, b) => totals[b] - totals[a]);
    pen.font = `600 ${pane.isNarrow ? 10.5 : 11.5}px ${theme.font}`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.lineJoin = "round";
    for (const code of classes) {
      const { name } = entries[code], [x, y] = projectPoint(medians[code], camera);
      const text = name.length > MAX_LABEL_LENGTH ? `${name.slice(0, MAX_LABEL_LENGTH - 1)}…` : name;
      const half = pen.measureText(text).width / 2 + 5;
      if (x - half < rect.x || x + half > rect.x + rect.w || y < LABEL_TOP || y > rect.h - 12) continue;
      const collides = (label) => Math.abs(label.x - x) < label.half + half && Math.abs(label.y - y) < LABEL_LINE;
      if (taken.some(collides)) continue;
      taken.push({ x, y, half });
      pen.lineWidth = 4;
      pen.strokeStyle = cssColour(theme.ground, 0.88);
      pen.strokeText(text, x, y);
      pen.fillStyle = cssColour(theme.text);
      pen.fillText(text, x, y);
    }
  }

  /* --- images ----------------------------------------------------------------------------------------------- */

  /* As many images as have room: the hovered point's first, then those of selected points. */
  drawImages(pane) {
    const { points, hover, thumbnails } = this.view;
    const visible = pane.visiblePoints(points, MAX_IMAGES_SHOWN + 1);
    if (!visible.length || visible.length > MAX_IMAGES_SHOWN) return;
    const room = Math.sqrt((pane.rect.w * pane.rect.h) / visible.length);
    const size = Math.round(clamp(room * 0.62, 34, 92)), grid = new ImageGrid(pane.screen(), size);
    const priority = (i) => (i === hover ? 2 : points.isSelected(i) ? 1 : 0);
    visible.sort((a, b) => priority(b) - priority(a) || a - b);
    for (const i of visible) {
      if (!grid.isFree(i)) continue;
      const image = thumbnails.get(i);
      if (!image) continue;
      grid.add(i);
      const [x, y] = grid.place(i);
      pane.thumbnails.push({ i, x, y, size });
      this.drawImage(image, x, y, size, i);
    }
  }

  /* The middle square of an image, framed in the point's colour. */
  drawImage(image, x, y, size, i) {
    const { pen, view: { points, theme, colouring } } = this, { naturalWidth: width, naturalHeight: height } = image;
    const side = Math.min(width, height), left = x - size / 2, top = y - size / 2, isSelected = points.isSelected(i);
    pen.save();
    pen.globalAlpha = points.anySelected && !isSelected ? 0.3 : 1;
    pen.beginPath();
    pen.roundRect(left, top, size, size, CORNER_RADIUS);
    pen.fillStyle = cssColour(theme.ground);
    pen.fill();
    pen.save();
    pen.clip();
    pen.drawImage(image, (width - side) / 2, (height - side) / 2, side, side, left, top, size, size);
    pen.restore();
    pen.lineWidth = isSelected ? 3 : 2;
    pen.strokeStyle = colouring.cssOf(i) || cssColour(theme.text, 0.3);
    pen.stroke();
    pen.restore();
  }

  /* --- lasso and box ---------------------------------------------------------------------------------------- */

  drawDrag(drag) {
    if (!drag || !drag.selects || drag.path.length < 2) return;
    const { pen, view: { theme } } = this;
    const corners = drag.kind === "box" ? boxPolygon(drag.path[0], drag.path.at(-1)) : drag.path;
    pen.beginPath();
    corners.forEach(([x, y], k) => (k ? pen.lineTo(x, y) : pen.moveTo(x, y)));
    if (drag.kind === "box") pen.closePath();
    pen.fillStyle = cssColour(parseColour(theme.primary), 0.12);
    pen.fill();
    pen.setLineDash([5, 4]);
    pen.lineWidth = 1.5;
    pen.strokeStyle = theme.primary;
    pen.stroke();
    pen.setLineDash([]);
  }
}

/* Finds room for images: cells as large as one, so that only the eight around a cell are looked at. */
class ImageGrid {
  constructor(places, size) {
    this.places = places;
    this.size = size;
    this.cells = new Map(); // cell -> point
  }

  place(i) { return [this.places[2 * i], this.places[2 * i + 1]]; }

  cellOf(i) { return this.place(i).map((v) => Math.floor(v / this.size)); }

  isFree(i) {
    const [column, row] = this.cellOf(i);
    for (let a = column - 1; a <= column + 1; a++) {
      for (let b = row - 1; b <= row + 1; b++) {
        const other = this.cells.get(a * GRID_COLUMNS + b);
        if (other !== undefined && this.overlaps(i, other)) return false;
      }
    }
    return true;
  }

  overlaps(i, other) {
    const [x, y] = this.place(i), [otherX, otherY] = this.place(other), reach = this.size + 2;
    return Math.abs(otherX - x) < reach && Math.abs(otherY - y) < reach;
  }

  add(i) {
    const [column, row] = this.cellOf(i);
    this.cells.set(column * GRID_COLUMNS + row, i);
  }
}
