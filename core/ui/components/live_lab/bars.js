/* Every system beside the fusion, in one metric: bars with their intervals. */

import { element, write } from "../shared/dom.js";
import { defined, interval, number } from "./format.js";

const FUSION = "var(--fusion)";

export class Bars {
  constructor() {
    this.root = element("div", "bars");
    this.root.setAttribute("role", "list");
    this.rows = [];
  }

  update({ systems, words }) {
    const shape = JSON.stringify(systems.map(({ label, colour, role }) => [label, colour, role]));
    this.systems = systems;
    if (this.shape === shape) return;
    this.shape = shape;
    const last = systems.findIndex(({ role }) => role === "oracle"), at = last < 0 ? systems.length : last;
    this.rows = systems.map((system) => this.row(system.label, system.colour, system.role));
    this.fusion = this.row(words.this_fusion, FUSION, "fusion");
    const roots = this.rows.map((row) => row.root);
    roots.splice(at, 0, this.fusion.root);
    this.root.replaceChildren(...roots);
  }

  row(label, colour, role) {
    const root = element("div", `bar ${role}`), name = element("span", "name", label), track = element("span", "track");
    const fill = element("span", "fill"), whisker = element("span", "whisker"), value = element("span", "value");
    root.setAttribute("role", "listitem");
    name.title = label;
    fill.style.background = colour;
    track.append(fill, whisker);
    root.append(name, track, value);
    return { root, fill, whisker, value };
  }

  paint(answer, metric) {
    const at = (system) => [system.means[metric], system.lows[metric], system.highs[metric]].map(defined);
    const { systems } = answer, beside = (_, i) => Array.from(systems.slice(3 * i, 3 * i + 3), defined);
    const figures = this.systems.map(systems ? beside : at), own = at(answer);
    const known = [...figures, own].flat().filter(Number.isFinite);
    const end = Math.min(1, 1.06 * Math.max(1e-6, ...known));
    this.rows.forEach((row, i) => paintRow(row, figures[i], end));
    paintRow(this.fusion, own, end);
  }
}

function paintRow(row, [mean, low, high], end) {
  const { root, fill, whisker, value } = row, places = [mean, low, high, end].join();
  if (row.places === places) return; // most of them stand still while a weight moves
  row.places = places;
  const share = (number) => (Number.isFinite(number) ? Math.min(number / end, 1) : 0);
  fill.style.transform = `scaleX(${share(mean)})`;
  whisker.style.left = `${100 * share(low)}%`;
  whisker.style.width = `${100 * Math.max(share(high) - share(low), 0)}%`;
  whisker.hidden = !Number.isFinite(low);
  write(value, number(mean));
  root.title = `${number(mean)} ${interval(low, high)}`;
}
