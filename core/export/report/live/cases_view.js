// The best and the worst queries of the present mix, each with its first results.

import { element } from "../../../ui/components/shared/dom.js";
import { filled, number } from "../../../ui/components/live_lab/format.js";

const SHOWN = 5;
const RESULTS = 7;
const KINDS = ["not", "relevant", "unknown"];

export class CasesView {
  constructor(root, reportEngine, pick) {
    Object.assign(this, { root, reportEngine, pick });
    const { words } = reportEngine.page;
    this.lists = {};
    for (const kind of ["worst", "best"]) {
      const part = element("div", "cases");
      this.lists[kind] = element("div", "rows");
      part.append(element("h3", "", words[kind]), this.lists[kind]);
      root.append(part);
    }
  }

  async paint({ weights, columns }) {
    const values = columns[0];
    const known = Array.from(values.keys()).filter((q) => !Number.isNaN(values[q]));
    const order = known.sort((a, b) => values[a] - values[b] || a - b);
    const chosen = { worst: order.slice(0, SHOWN), best: order.slice(-SHOWN).reverse() };
    const turn = (this.turn = (this.turn || 0) + 1);
    const lists = await this.reportEngine.engine.lists(weights, [...chosen.worst, ...chosen.best], RESULTS);
    if (turn !== this.turn) return;
    const byQuery = new Map(lists.map((list) => [list.query, list]));
    for (const kind of ["worst", "best"]) {
      this.lists[kind].replaceChildren(...chosen[kind].map((query) => this.row(byQuery.get(query), values[query])));
    }
  }

  row({ query, results, nRelevant }, value) {
    const { page } = this.reportEngine;
    const row = element("div", "case-row");
    const image = page.queries[query];
    const button = this.image(image, "query");
    button.addEventListener("click", () => this.pick(image));
    const item = this.reportEngine.item(image);
    const words = filled(page.words.case, { ap: number(value), label: item.label || item.name });
    const name = element("span", "name", words);
    const strip = element("div", "strip");
    const kind = (result) => KINDS[this.reportEngine.relevance(result, nRelevant > 0)];
    strip.append(button, ...results.map((result) => this.image(result.item, kind(result))));
    row.append(name, strip);
    return row;
  }

  image(id, kind) {
    const item = this.reportEngine.item(id);
    const { words } = this.reportEngine.page;
    const frame = element(kind === "query" ? "button" : "span", "thumb " + kind);
    const image = element("img");
    image.alt = "";
    if (item.src) image.src = item.src;
    frame.title = [words[`mark_${kind}`], item.label, item.name].filter(Boolean).join(" · ");
    if (kind === "query") frame.setAttribute("aria-label", frame.title);
    frame.append(image, element("span", "mark", kind === "relevant" ? "✓" : kind === "not" ? "✕" : ""));
    return frame;
  }
}
