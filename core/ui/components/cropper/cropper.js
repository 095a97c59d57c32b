// A box on an image. It is kept as shares of the image's sides, so it means the same at any size.

const SMALLEST = 0.04; // side of the box
const KEY_STEP = 0.02;
const ARROWS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

class Cropper {
  constructor(parent) {
    this.frame = parent.querySelector(".frame");
    this.box = parent.querySelector(".box");
    this.image = this.frame.querySelector("img");
    this.sides = [0, 0, 1, 1]; // left, top, right, bottom
    this.drag = null;
    const on = (name, listener) => this.frame.addEventListener(name, listener);
    on("pointerdown", (event) => this.press(event));
    on("pointermove", (event) => this.move(event));
    on("pointerup", () => { this.drag = null; });
    on("pointercancel", () => { this.drag = null; });
    this.box.addEventListener("keydown", (event) => this.key(event));
    parent.querySelector(".go").addEventListener("click", () => this.send());
    parent.querySelector(".cancel").addEventListener("click", () => this.setTriggerValue("box", "0,0,1,1"));
  }

  /* A rerun with the same image and box leaves alone what a person drew. */
  update(data, setTriggerValue) {
    this.setTriggerValue = setTriggerValue;
    const start = JSON.stringify([data.src, data.box]);
    if (this.start === start) return;
    this.start = start;
    this.sides = data.box.slice();
    this.image.src = data.src;
    this.draw();
  }

  send() {
    this.setTriggerValue("box", this.sides.map((side) => side.toFixed(3)).join(","));
  }

  draw() {
    const [left, top, right, bottom] = this.sides, { style } = this.box;
    style.left = left * 100 + "%";
    style.top = top * 100 + "%";
    style.width = (right - left) * 100 + "%";
    style.height = (bottom - top) * 100 + "%";
  }

  /* The box between two opposite corners. */
  setCorners(x0, y0, x1, y1) {
    const left = Math.min(x0, x1), top = Math.min(y0, y1);
    const sides = [left, top, Math.max(x0, x1, left + SMALLEST), Math.max(y0, y1, top + SMALLEST)];
    this.sides = sides.map((side) => clamp(side, 0, 1));
    this.draw();
  }

  /* The box at another left top corner, inside the image. */
  moveTo(left, top) {
    const [oldLeft, oldTop, right, bottom] = this.sides, width = right - oldLeft, height = bottom - oldTop;
    const x = clamp(left, 0, 1 - width), y = clamp(top, 0, 1 - height);
    this.setCorners(x, y, x + width, y + height);
  }

  point(event) {
    const { left, top, width, height } = this.frame.getBoundingClientRect();
    return [clamp((event.clientX - left) / width, 0, 1), clamp((event.clientY - top) / height, 0, 1)];
  }

  press(event) {
    const [x, y] = this.point(event), [left, top, right, bottom] = this.sides, corner = event.target.closest(".corner");
    if (corner) {
      const isWest = corner.matches(".nw, .sw"), isNorth = corner.matches(".nw, .ne");
      this.drag = { kind: "draw", x: isWest ? right : left, y: isNorth ? bottom : top };
    } else if (event.target === this.box) this.drag = { kind: "move", x: x - left, y: y - top };
    else this.drag = { kind: "draw", x, y };
    this.frame.setPointerCapture(event.pointerId);
    event.preventDefault();
    this.box.focus({ preventScroll: true });
  }

  move(event) {
    const { drag } = this, [x, y] = this.point(event);
    if (!drag) return;
    if (drag.kind === "draw") this.setCorners(drag.x, drag.y, x, y);
    else this.moveTo(x - drag.x, y - drag.y);
  }

  /* Arrows move the box, with Shift its right and lower side. */
  key(event) {
    const arrow = ARROWS[event.key];
    if (!arrow && event.key !== "Enter") return;
    event.preventDefault();
    if (!arrow) {
      this.send();
      return;
    }
    const [left, top, right, bottom] = this.sides, [dx, dy] = arrow.map((step) => step * KEY_STEP);
    if (!event.shiftKey) this.moveTo(left + dx, top + dy);
    else this.setCorners(left, top, clamp(right + dx, left + SMALLEST, 1), clamp(bottom + dy, top + SMALLEST, 1));
  }
}

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const frame = parentElement.querySelector(".frame");
  const cropper = (frame.cropper ??= new Cropper(parentElement));
  cropper.update(data, setTriggerValue);
}
