/* Pure geometry: layouts, projection to the screen, polygons, easing. No document, no state.
 *
 * Layout positions are Float32Arrays of (count, 3), screen positions of (count, 2) in CSS pixels from the top left
 * corner of the stage. A rotation is a 3 × 3 matrix, row by row.
 */

export function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}

export function easeOut(t) {
  return 1 - (1 - t) * (1 - t);
}

export function easeInOut(t) {
  return t < 0.5 ? 4 * t * t * t : 1 - (-2 * t + 2) ** 3 / 2;
}

/* (count, dims) positions, dims 2 or 3, as (count, 3). */
export function inThreeDimensions(xy, dims) {
  const count = xy.length / dims, positions = new Float32Array(3 * count);
  for (let i = 0; i < count; i++) for (let d = 0; d < dims; d++) positions[3 * i + d] = xy[dims * i + d];
  return positions;
}

export function interpolate(before, after, t) {
  const positions = new Float32Array(after.length);
  for (let i = 0; i < positions.length; i++) positions[i] = before[i] + (after[i] - before[i]) * t;
  return positions;
}

/* A turn by yaw around the vertical axis, then by pitch, in radians. */
export function rotationMatrix(yaw, pitch) {
  const [cy, sy, cp, sp] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
  return [cy, 0, sy, sy * sp, cp, -cy * sp, -sy * cp, sp, cy * cp];
}

/* Half the width and height that a layout takes, within bounds that one far point cannot break. */
export function halfExtent(positions, dims) {
  if (dims === 3) return [1.15, 1.15];
  let halfWidth = 0.2, halfHeight = 0.2;
  for (let i = 0; i < positions.length; i += 3) {
    const x = Math.abs(positions[i]), y = Math.abs(positions[i + 1]);
    if (x > halfWidth) halfWidth = Math.min(x, 1.25);
    if (y > halfHeight) halfHeight = Math.min(y, 1.25);
  }
  return [halfWidth, halfHeight];
}

/* Where a camera { rotation, centre, scale, rect } shows one position. */
export function projectPoint([x, y, z], { rotation: m, centre: c, scale, rect }) {
  const [dx, dy, dz] = [x - c[0], y - c[1], z - c[2]];
  return [
    rect.x + rect.w / 2 + (m[0] * dx + m[1] * dy + m[2] * dz) * scale,
    rect.y + rect.h / 2 - (m[3] * dx + m[4] * dy + m[5] * dz) * scale,
  ];
}

/* Where a camera shows all positions, written into `places` (count, 2). */
export function projectPoints(positions, { rotation: m, centre: c, scale, rect }, places) {
  const middleX = rect.x + rect.w / 2, middleY = rect.y + rect.h / 2;
  for (let i = 0, j = 0; i < positions.length; i += 3, j += 2) {
    const x = positions[i] - c[0], y = positions[i + 1] - c[1], z = positions[i + 2] - c[2];
    places[j] = middleX + (m[0] * x + m[1] * y + m[2] * z) * scale;
    places[j + 1] = middleY - (m[3] * x + m[4] * y + m[5] * z) * scale;
  }
}

/* The point nearest to (x, y) within `reach` pixels for which `accepts(i)` holds, −1 for none. */
export function nearestPoint(places, [x, y], reach, accepts) {
  let nearest = -1, least = reach * reach;
  for (let i = 0; 2 * i < places.length; i++) {
    const dx = places[2 * i] - x, dy = places[2 * i + 1] - y, squared = dx * dx + dy * dy;
    if (squared < least && accepts(i)) {
      least = squared;
      nearest = i;
    }
  }
  return nearest;
}

/* Even-odd rule; polygon is a list of [x, y], closed by itself. */
export function isInsidePolygon(polygon, x, y) {
  let inside = false;
  for (let a = 0, b = polygon.length - 1; a < polygon.length; b = a++) {
    const [ax, ay] = polygon[a], [bx, by] = polygon[b];
    if ((ay > y) !== (by > y) && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}

/* The corners of the box from one corner to the opposite one. */
export function boxPolygon([x0, y0], [x1, y1]) {
  return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
}

/* The points inside a polygon and between the left and right side of `rect` for which `accepts(i)` holds. */
export function pointsInPolygon(places, polygon, rect, accepts) {
  const xs = polygon.map((corner) => corner[0]), ys = polygon.map((corner) => corner[1]);
  const left = Math.max(rect.x, Math.min(...xs)), right = Math.min(rect.x + rect.w, Math.max(...xs));
  const top = Math.min(...ys), bottom = Math.max(...ys), inside = [];
  for (let i = 0; 2 * i < places.length; i++) {
    const x = places[2 * i], y = places[2 * i + 1];
    if (x < left || x > right || y < top || y > bottom || !accepts(i)) continue;
    if (isInsidePolygon(polygon, x, y)) inside.push(i);
  }
  return inside;
}

/* The median position [x, y, z] of each group, null for an empty one; codes (count,) that are no group are left out. */
export function groupMedians(positions, codes, groupCount) {
  const groups = Array.from({ length: groupCount }, () => [[], [], []]);
  codes.forEach((code, i) => {
    if (code < groupCount) for (let d = 0; d < 3; d++) groups[code][d].push(positions[3 * i + d]);
  });
  const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
  return groups.map((axes) => (axes[0].length ? axes.map(median) : null));
}
