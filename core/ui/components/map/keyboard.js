/* All that the map can do, for those who use no mouse. */

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const PAN_STEP = 60; // pixels
const TURN_STEP = 0.12; // radians
const ZOOM_STEP = 1.4;

export class Keyboard {
  constructor(view) {
    this.view = view;
    view.stage.addEventListener("keydown", (event) => this.press(event));
    this.actions = {
      "+": () => view.zoomAll(ZOOM_STEP),
      "=": () => view.zoomAll(ZOOM_STEP),
      "-": () => view.zoomAll(1 / ZOOM_STEP),
      0: () => view.fitAll(),
      f: () => view.fitAll(),
      l: () => view.toolbar.setMode("lasso"),
      b: () => view.toolbar.setMode("box"),
      h: () => view.toolbar.setMode("pan"),
      x: () => view.select([], "replace"),
      ".": () => this.hoverNext(1),
      ",": () => this.hoverNext(-1),
      " ": () => this.toggleHovered(),
      Enter: () => { if (view.hover >= 0) view.open(view.hover); },
      Escape: () => this.escape(),
    };
  }

  press(event) {
    const { view } = this;
    if (!view.isReady || event.target !== view.stage || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const arrow = ARROWS[key], action = this.actions[key];
    if (arrow) this.moveCamera(arrow);
    else if (action) action();
    else return;
    event.preventDefault();
    event.stopPropagation();
    view.renderer.requestDraw();
  }

  moveCamera([right, up]) {
    for (const pane of this.view.panes) {
      if (pane.isThreeDimensional) pane.turn(right * TURN_STEP, -up * TURN_STEP);
      else pane.pan(-right * PAN_STEP, up * PAN_STEP);
    }
    this.view.card.placeAtHovered();
  }

  /* Hover the next point in view, or the one before. */
  hoverNext(direction) {
    const { view } = this, visible = view.panes[0].visiblePoints(view.points, view.points.count);
    if (!visible.length) return;
    const at = visible.indexOf(view.hover);
    view.setHover(visible[(at + direction + visible.length) % visible.length]);
    view.card.placeAtHovered();
    view.announce(view.card.text.textContent);
  }

  toggleHovered() {
    const { hover, points } = this.view;
    if (hover >= 0) this.view.select([hover], points.isSelected(hover) ? "remove" : "add");
  }

  escape() {
    this.view.pointer.drag = null;
    this.view.setHover(-1);
  }
}
