/* The points of a map: what they are, which are hidden by the legend and which are selected. */

export const HIDDEN = 1; // bits of a point's flags, read by the shaders too
export const SELECTED = 2;

export class Points {
  /* items: { ids, names or null, keys or null: 32 bytes of content hash for each point }. */
  constructor(items, fingerprint) {
    this.items = items;
    this.ids = items.ids;
    this.names = items.names;
    this.keys = items.keys;
    this.fingerprint = fingerprint;
    this.count = items.ids.length;
    this.flags = new Uint8Array(this.count);
    this.anySelected = false;
  }

  isHidden(i) { return Boolean(this.flags[i] & HIDDEN); }

  isSelected(i) { return Boolean(this.flags[i] & SELECTED); }

  /* mode: "replace" the selection by these points, "add" them, or "remove" them. */
  select(positions, mode) {
    if (mode === "replace") for (let i = 0; i < this.count; i++) this.flags[i] &= ~SELECTED;
    for (const i of positions) {
      if (i >= this.count) continue;
      if (mode === "remove") this.flags[i] &= ~SELECTED;
      else this.flags[i] |= SELECTED;
    }
    this.anySelected = this.flags.some((flag) => flag & SELECTED);
  }

  selectedPositions() {
    const positions = [];
    for (let i = 0; i < this.count; i++) if (this.flags[i] & SELECTED) positions.push(i);
    return positions;
  }

  /* Hide exactly the points for which `isHidden(i)` holds. */
  hideWhere(isHidden) {
    for (let i = 0; i < this.count; i++) {
      this.flags[i] = isHidden(i) ? this.flags[i] | HIDDEN : this.flags[i] & ~HIDDEN;
    }
  }

  /* The content hash of a point's image in hexadecimal, "" where there is none. */
  contentKey(i) {
    if (!this.keys) return "";
    return Array.from(this.keys.subarray(32 * i, 32 * i + 32), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }
}
