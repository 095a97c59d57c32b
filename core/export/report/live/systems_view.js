// Every system of the report: its figure as the report has it, and as the file computes it now.

import { element } from "../../../ui/components/shared/dom.js";
import { interval, number } from "../../../ui/components/live_lab/format.js";

function figure(exact, here) {
  const cell = element("td", "number");
  cell.append(element("span", "exact", number(exact)));
  if (here !== undefined) cell.append(element("small", "here", number(here)));
  return cell;
}

export class SystemsView {
  // page.systems: [{ label, weights (null: not a weighted sum), means }]; use: called with the weights of a row.
  constructor(root, page, use) {
    const { words } = page;
    const table = element("table", "systems");
    const head = element("tr");
    head.append(element("th", "", words.system), ...page.metrics.map(({ label }) => element("th", "number", label)));
    const body = element("tbody");
    this.mix = element("tr", "mix");
    this.figures = new Map();
    this.rows = page.systems.map((system) => {
      const row = element("tr");
      const name = element("td");
      if (system.weights) {
        const button = element("button", "use", system.label);
        button.type = "button";
        button.title = words.use_weights;
        button.addEventListener("click", () => use(system.weights));
        name.append(button);
      } else name.append(element("span", "", system.label), element("small", "", words.not_a_sum));
      row.append(name);
      body.append(row);
      return { row, system };
    });
    body.prepend(this.mix);
    const top = element("thead");
    top.append(head);
    table.append(top, body);
    root.replaceChildren(table);
    this.words = words;
  }

  // figures: per system the means that the engine gives, null where it cannot.
  fill(figures) {
    this.rows.forEach(({ row, system }, at) => {
      row.replaceChildren(row.firstChild, ...system.means.map((exact, m) => figure(exact, figures[at]?.[m])));
    });
  }

  paint({ means, lows, highs }) {
    const cells = means.map((mean, m) => {
      const cell = element("td", "number", number(mean));
      cell.append(element("small", "", interval(lows[m], highs[m])));
      return cell;
    });
    this.mix.replaceChildren(element("td", "", this.words.this_fusion), ...cells);
  }
}
