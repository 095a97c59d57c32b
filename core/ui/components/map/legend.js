/* The legend beside the map: what the colours mean, how many points each class has, and which are shown. */

import { element } from "../shared/dom.js";
import { NO_CODE, cssColour } from "./colours.js";
import { formatCount, formatNumber } from "./format.js";

const SEARCH_FROM = 15; // classes

export class Legend {
  constructor(view) {
    this.view = view;
    this.root = element("aside", "legend");
    this.rows = []; // { row, count, name } of each class
    this.showAll = null;
    this.summary = null;
  }

  /* Build it anew for other colours. */
  build() {
    const { colouring } = this.view, head = element("div", "legend-head");
    head.append(element("b", "", colouring.title));
    this.rows = [];
    this.showAll = null;
    this.summary = element("div", "summary");
    this.root.replaceChildren(head, ...(colouring.isCategory ? this.classList(head) : this.scale()), this.summary);
    this.root.dataset.kind = colouring.isCategory ? "list" : "scale";
    this.paint();
  }

  scale() {
    const { kind, stops, low, high } = this.view.colouring, bar = element("div", "bar"), ends = element("div", "ends");
    bar.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
    ends.append(element("span", "", formatNumber(low)));
    if (kind === "diverging") ends.append(element("span", "", "0"));
    ends.append(element("span", "", formatNumber(high)));
    return [bar, ends];
  }

  classList(head) {
    const { view } = this, { colouring } = view, list = element("div", "rows");
    this.showAll = element("button", "all", "Show all");
    this.showAll.type = "button";
    this.showAll.onclick = () => {
      colouring.hidden.clear();
      view.applyHidden();
    };
    head.append(this.showAll);
    colouring.entries.forEach((entry, code) => list.append(this.classRow(entry, code)));
    return colouring.entries.length >= SEARCH_FROM ? [this.search(), list] : [list];
  }

  classRow({ name }, code) {
    const { view } = this, { colouring } = view;
    const row = element("button", "row"), dot = element("i"), count = element("span", "count");
    row.type = "button";
    row.title = `${name}: click hides or shows, double click shows it alone`;
    dot.style.background = cssColour(colouring.palette[code]);
    row.append(dot, element("span", "name", name), count);
    row.onclick = (event) => {
      if (event.shiftKey) colouring.isolate(code);
      else colouring.toggle(code);
      view.applyHidden();
    };
    row.ondblclick = () => {
      colouring.isolate(code);
      view.applyHidden();
    };
    this.rows.push({ row, count, name });
    return row;
  }

  search() {
    const input = element("input");
    input.type = "search";
    input.placeholder = `Find in ${this.view.colouring.entries.length}`;
    input.setAttribute("aria-label", "Find in the legend");
    input.oninput = () => {
      const text = input.value.toLowerCase();
      for (const { row, name } of this.rows) row.hidden = !name.toLowerCase().includes(text);
    };
    return input;
  }

  /* Bring counts, hidden classes and the summary up to date. */
  paint() {
    const { view: { points, colouring } } = this;
    if (!colouring || !this.summary) return;
    const { selected, classCounts, mean } = this.countSelected();
    this.rows.forEach(({ row, count }, code) => {
      const total = formatCount(colouring.totals[code]);
      row.setAttribute("aria-pressed", String(!colouring.hidden.has(code)));
      row.classList.toggle("none", selected > 0 && !classCounts[code]);
      count.textContent = selected ? `${formatCount(classCounts[code])} / ${total}` : total;
    });
    if (this.showAll) this.showAll.hidden = !colouring.hidden.size;
    const average = Number.isNaN(mean) ? "" : `, mean ${formatNumber(mean)}`;
    this.summary.textContent = selected
      ? `${formatCount(selected)} of ${formatCount(points.count)} selected${average}`
      : `${formatCount(points.count)} points`;
  }

  /* Selected points, in all and by class; the mean of their values on a scale, NaN where there is none. */
  countSelected() {
    const { view: { points, colouring } } = this, { codes, values, isCategory, totals } = colouring;
    const classCounts = new Uint32Array(totals.length);
    let selected = 0, sum = 0, valued = 0;
    for (let i = 0; i < points.count; i++) {
      if (!points.isSelected(i)) continue;
      selected++;
      if (isCategory) {
        if (codes[i] !== NO_CODE) classCounts[codes[i]]++;
      } else if (Number.isFinite(values[i])) {
        sum += values[i];
        valued++;
      }
    }
    return { selected, classCounts, mean: valued ? sum / valued : NaN };
  }
}
