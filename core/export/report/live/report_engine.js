// The engine of the live lab's view in a report: images by number, answers as the view takes them
// (core/ui/components/live_lab/main.js).

import { filled, signed, interval, number } from "../../../ui/components/live_lab/format.js";

const FLIPS = 5000;
const MOST_FLIPPED = 2e6;

// Two-sided p of a mean difference when the signs of whole units flip at random, a seeded draw.
// Source: Smucker, Allan and Carterette 2007, doi:10.1145/1321440.1321528.
export function flipped(differences, unit) {
  const sums = new Float64Array(unit.n);
  differences.forEach((value, q) => { if (unit.codes[q] >= 0) sums[unit.codes[q]] += value; });
  const observed = Math.abs(sums.reduce((a, b) => a + b, 0)) - 1e-9;
  const draws = Math.max(1000, Math.min(FLIPS, Math.floor(MOST_FLIPPED / unit.n)));
  let state = 88675123;
  let reached = 0;
  for (let draw = 0; draw < draws; draw++) {
    let total = 0;
    for (let u = 0; u < unit.n; u++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      total += state & 64 ? sums[u] : -sums[u];
    }
    if (Math.abs(total) >= observed) reached++;
  }
  return (1 + reached) / (1 + draws);
}

export class ReportEngine {
  // page: what `core/export/report/live/page.py` writes beside the scores; sources: address of each image, by number.
  constructor(engine, page, sources) {
    Object.assign(this, { engine, page, sources, listeners: [] });
    this.queryOf = new Map(page.queries.map((image, query) => [image, query]));
    this.unknown = new Set(page.images.unknown);
  }

  // 1 relevant, 0 not, 2 where nobody knows: what a result is to its query.
  relevance({ item, relevant }, counts) {
    if (!counts) return 2;
    return relevant ? 1 : this.unknown.has(item) ? 2 : 0;
  }

  item(id) {
    const { names, labels, labelNames } = this.page.images;
    return { src: this.sources.get(id) || "", name: names[id], label: labels[id] < 0 ? "" : labelNames[labels[id]] };
  }

  // Called with every answer, as the engine gave it.
  onAnswer(listener) {
    this.listeners.push(listener);
  }

  async update({ weights, query, metric, k }) {
    const asked = this.queryOf.has(query) ? this.queryOf.get(query) : -1;
    const answer = await this.engine.update(weights, asked, k);
    if (!answer) return null;
    for (const listener of this.listeners) listener(answer);
    return this.shown(answer, metric);
  }

  shown(answer, metric) {
    const { engine } = this;
    const results = answer.list ? answer.list.results : [], counts = answer.list?.nRelevant > 0;
    const best = engine.singles[engine.bestSingle];
    const alone = answer.weights[engine.bestSingle] > 0.9999;
    const { mean, low, high } = answer.changes[metric];
    const column = answer.columns[metric].map((value, q) => value - best.columns[metric][q]);
    const change = alone ? null : { mean, low, high, p: flipped(column, engine.unit) };
    const gain = Boolean(change) && change.p < 0.05 && low > 0;
    return {
      ...answer,
      change,
      changes: answer.changes.map((one) => one.mean),
      note: this.page.note,
      gain,
      verdict: this.verdict(answer, change, gain, metric),
      ids: results.map(({ item }) => item),
      scores: results.map(({ score }) => score),
      relevance: results.map((result) => this.relevance(result, counts)),
      shares: results.flatMap(({ shares }) => shares),
    };
  }

  verdict({ means, lows, highs }, change, gain, metric) {
    const { words, metrics } = this.page;
    const best = this.engine.record.backbones[this.engine.bestSingle].label;
    const values = {
      metric: metrics[metric].label,
      figure: `${number(means[metric])} ${interval(lows[metric], highs[metric])}`,
      single: best,
    };
    if (!change) return filled(words.verdict_single, values);
    const loss = change.p < 0.05 && change.high < 0;
    const p = change.p < 0.001 ? "< 0.001" : `= ${number(change.p)}`;
    const said = { change: signed(change.mean) || "0.000", p };
    return filled(gain ? words.verdict_gain : loss ? words.verdict_loss : words.verdict_open, { ...values, ...said });
  }

  destroy() {
    this.engine.close();
  }
}
