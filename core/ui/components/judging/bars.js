// The bars of a judging session: an interval that shrinks around its estimate, 0 in the middle of all of them.

import { element } from "../shared/dom.js";

const FEWEST = 0.05; // half of what a bar spans, at least

function barOf(bar, same, reach) {
  const row = element("div", "bar");
  const share = (value) => 50 + 50 * Math.max(-1, Math.min(1, value / reach));
  row.append(element("span", "name", bar.label), element("span", "figure", bar.text));
  const track = element("div", "track");
  const part = (name, low, high) => {
    const node = element("i", name);
    node.style.left = share(low) + "%";
    node.style.width = Math.max(0, share(high) - share(low)) + "%";
    track.append(node);
  };
  part("same", -same, same);
  const side = bar.low >= 0 && bar.high > 0 ? " first" : bar.high <= 0 && bar.low < 0 ? " second" : "";
  part("interval" + side, bar.low, bar.high);
  part("zero", 0, 0);
  part("estimate", bar.difference, bar.difference);
  row.append(track);
  return row;
}

/* Draws all bars on one scale; a bar that is there already changes its width instead of being made anew. */
export function drawBars(place, state) {
  const widest = Math.max(FEWEST, ...state.bars.map((bar) => Math.max(Math.abs(bar.low), Math.abs(bar.high))));
  const rows = state.bars.map((bar) => barOf(bar, state.same, widest));
  const before = [...place.children];
  const isSame = (row, at) => row.querySelector(".name").textContent === state.bars[at].label;
  if (before.length === rows.length && before.every(isSame)) {
    before.forEach((row, at) => {
      row.querySelector(".figure").textContent = state.bars[at].text;
      const fresh = [...rows[at].querySelectorAll("i")];
      [...row.querySelectorAll("i")].forEach((node, number) => {
        node.className = fresh[number].className;
        node.style.left = fresh[number].style.left;
        node.style.width = fresh[number].style.width;
      });
    });
  } else place.replaceChildren(...rows);
}
