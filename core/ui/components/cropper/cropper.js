// A box on a picture. Its place is kept in parts of the picture's sides, so it means the same at any size.

const SMALLEST = 0.04;
const within = (value, low, high) => Math.min(Math.max(value, low), high);

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const frame = parentElement.querySelector(".frame"), box = parentElement.querySelector(".box");
  const image = frame.querySelector("img");
  const start = JSON.stringify([data.src, data.box]);
  const state = (frame.fusionscope ??= {});
  state.send = () => setTriggerValue("box", state.at.map((number) => number.toFixed(3)).join(","));
  state.whole = () => setTriggerValue("box", "0,0,1,1");
  const draw = () => {
    const [left, top, right, bottom] = state.at;
    box.style.left = left * 100 + "%";
    box.style.top = top * 100 + "%";
    box.style.width = (right - left) * 100 + "%";
    box.style.height = (bottom - top) * 100 + "%";
  };
  if (state.start !== start) {
    state.start = start;
    state.at = data.box.slice();
    image.src = data.src;
    draw();
  }
  if (state.ready) return;
  state.ready = true;

  const point = (event) => {
    const around = frame.getBoundingClientRect();
    return [within((event.clientX - around.left) / around.width, 0, 1), within((event.clientY - around.top) / around.height, 0, 1)];
  };
  const set = (x0, y0, x1, y1) => {
    const left = Math.min(x0, x1), top = Math.min(y0, y1);
    state.at = [left, top, Math.max(x0, x1, left + SMALLEST), Math.max(y0, y1, top + SMALLEST)].map((v) => within(v, 0, 1));
    draw();
  };
  let drag = null;
  frame.addEventListener("pointerdown", (event) => {
    const [x, y] = point(event), [left, top, right, bottom] = state.at;
    const corner = event.target.closest(".corner");
    if (corner) {
      const west = corner.matches(".nw, .sw"), north = corner.matches(".nw, .ne");
      drag = { kind: "draw", x: west ? right : left, y: north ? bottom : top };
    } else if (event.target === box) drag = { kind: "move", x: x - left, y: y - top, w: right - left, h: bottom - top };
    else drag = { kind: "draw", x, y };
    frame.setPointerCapture(event.pointerId);
    event.preventDefault();
    box.focus({ preventScroll: true });
  });
  frame.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const [x, y] = point(event);
    if (drag.kind === "draw") set(drag.x, drag.y, x, y);
    else {
      const left = within(x - drag.x, 0, 1 - drag.w), top = within(y - drag.y, 0, 1 - drag.h);
      set(left, top, left + drag.w, top + drag.h);
    }
  });
  const end = () => { drag = null; };
  frame.addEventListener("pointerup", end);
  frame.addEventListener("pointercancel", end);
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter") { state.send(); event.preventDefault(); return; }
    const step = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
    if (!step) return;
    event.preventDefault();
    const [left, top, right, bottom] = state.at, dx = step[0] * 0.02, dy = step[1] * 0.02;
    if (event.shiftKey) set(left, top, within(right + dx, left + SMALLEST, 1), within(bottom + dy, top + SMALLEST, 1));
    else {
      const x = within(left + dx, 0, 1 - (right - left)), y = within(top + dy, 0, 1 - (bottom - top));
      set(x, y, x + right - left, y + bottom - top);
    }
  });
  parentElement.querySelector(".go").addEventListener("click", () => state.send());
  parentElement.querySelector(".cancel").addEventListener("click", () => state.whole());
}
