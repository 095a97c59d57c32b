/* Draws the points on a 2-D canvas, where there is no WebGL2. The same calls as WebGLPainter. */

import { NO_CODE, cssColour } from "./colours.js";
import { HIDDEN, SELECTED } from "./points.js";

const ROUND_UP_TO = 20000; // points; above, squares are faster

export class CanvasPainter {
  constructor(canvas) {
    this.context = canvas.getContext("2d");
    this.name = "canvas2d";
  }

  setPositions() {}

  setCodes(codes) { this.codes = codes; }

  setFlags(flags) { this.flags = flags; }

  setPalette(palette) { this.palette = palette.map((colour) => cssColour(colour)); }

  begin(width, height) {
    this.context.setTransform(1, 0, 0, 1, 0, 0);
    this.context.clearRect(0, 0, width, height);
  }

  draw(index, scene) {
    const { context } = this, { rect, ratio } = scene;
    context.save();
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.beginPath();
    context.rect(rect.x, rect.y, rect.w, rect.h);
    context.clip();
    context.globalAlpha = scene.fade * scene.opacity;
    this.drawPoints(scene, 0, scene.pointSize);
    if (scene.anySelected) {
      context.globalAlpha = 1;
      this.drawPoints(scene, SELECTED, Math.max(4, scene.pointSize * 1.2));
    }
    context.restore();
  }

  /* The shown points whose flag says SELECTED, or 0 for the others. */
  drawPoints(scene, selected, size) {
    const { context } = this, { rect, screen } = scene, missing = cssColour(scene.missing);
    for (let i = 0; i < scene.count; i++) {
      if (this.flags[i] & HIDDEN || (this.flags[i] & SELECTED) !== selected) continue;
      const x = screen[2 * i], y = screen[2 * i + 1];
      if (x < rect.x - size || y < rect.y - size || x > rect.x + rect.w + size || y > rect.y + rect.h + size) continue;
      context.fillStyle = this.codes[i] === NO_CODE ? missing : this.palette[this.codes[i]];
      if (scene.count <= ROUND_UP_TO) {
        context.beginPath();
        context.arc(x, y, size / 2, 0, 6.2832);
        context.fill();
      } else context.fillRect(x - size / 2, y - size / 2, size, size);
    }
  }

  destroy() {}
}
