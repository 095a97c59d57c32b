// Ranks some rows of queries under any weights. Scores are whole numbers ("codes"), linear in the cosine, a scale per
// backbone; the fused score becomes a whole number too (a "key"), so that the order is exact and equal keys keep the
// order of the gallery. `core/export/report/live/mirror.py` does the same, to the last bit.

import { levels, metricOf } from "./metrics.js";

const DIGIT = 9;
const MOST_KEY_BITS = 18;

// Sizes become the places where each digit begins.
function begins(counts) {
  for (let digit = 0, before = 0; digit < counts.length; digit++) {
    const size = counts[digit];
    counts[digit] = before;
    before += size;
  }
}

export class Kernel {
  // shape: of the file; tables: typed arrays of the relevance, of junk and of missing vectors; codes: per backbone the
  // rows first ... stop - 1.
  constructor(shape, tables, codes, first, stop) {
    Object.assign(this, { shape, tables, codes, first, stop });
    const n = shape.nGallery;
    const positionBits = Math.max(1, Math.ceil(Math.log2(n)));
    this.positionBits = positionBits;
    this.keyBits = Math.min(MOST_KEY_BITS, 32 - positionBits);
    this.mask = 2 ** positionBits - 1;
    this.fused = new Float64Array(n);
    this.keys = new Int32Array(n);
    this.marks = new Int32Array(n);
    this.packed = new Uint32Array(n);
    this.sorted = new Uint32Array(n);
    this.lower = new Int32Array(1 << DIGIT);
    this.upper = new Int32Array(1 << DIGIT);
    this.ranks = new Int32Array(n);
    this.gains = tables.gains ? new Float64Array(n) : null;
    this.metrics = shape.metrics.map(metricOf);
    this.turn = 0;
  }

  // What turns codes into keys under these weights (they sum to 1).
  setWeights(weights) {
    const { backbones } = this.shape;
    const used = weights.map((weight, m) => m).filter((m) => weights[m] > 0);
    const factors = used.map((m) => weights[m] * backbones[m].step);
    const top = (1 << this.shape.bits) - 1;
    let span = 0;
    let base = 0;
    used.forEach((m, at) => {
      span += factors[at] * top;
      base += weights[m] * backbones[m].low;
    });
    const missing = this.missing(weights, used);
    let low = 0;
    if (missing) {
      // Each row is divided by the norm of what is there, so that zero must stay where it is.
      low = Math.min(base, 0) * missing.most;
      span = Math.max(base + span, 0) * missing.most - low;
    }
    const scale = span > 0 ? (2 ** this.keyBits - 1) / span : 0;
    this.now = { weights, used, factors, base: missing ? base : 0, low, scale, missing };
  }

  // 1 / norm of what each gallery image has of the weighted vectors; null where nothing is missing.
  missing(weights, used) {
    const { present } = this.tables;
    if (!used.some((m) => present[m])) return null;
    const inverse = new Float64Array(this.shape.nGallery);
    let most = 0;
    for (let j = 0; j < inverse.length; j++) {
      let total = 0;
      for (const m of used) total += weights[m] * (present[m] ? present[m].gallery[j] : 1);
      inverse[j] = total > 0 ? 1 / Math.sqrt(total) : 0;
      most = Math.max(most, inverse[j]);
    }
    return { inverse, most };
  }

  // Keys of one row; the query itself and its junk get -1.
  fuse(row) {
    const n = this.shape.nGallery;
    const { fused, keys } = this;
    const { low, scale, missing } = this.now;
    const query = row + this.first;
    const { self, junkStarts, junkItems } = this.tables;
    if (missing) {
      this.sum(row * n);
      for (let j = 0; j < n; j++) keys[j] = (fused[j] * missing.inverse[j] - low) * scale + 0.5;
    } else if (this.now.used.length <= 4) this.sumOfFour(row * n);
    else {
      this.sum(row * n);
      for (let j = 0; j < n; j++) keys[j] = fused[j] * scale + 0.5;
    }
    if (self[query] >= 0) keys[self[query]] = -1;
    if (junkStarts) for (let t = junkStarts[query]; t < junkStarts[query + 1]; t++) keys[junkItems[t]] = -1;
  }

  // Fused scores of any number of backbones.
  sum(at) {
    const { used, factors, base } = this.now;
    const { fused } = this;
    fused.fill(base);
    used.forEach((m, number) => {
      const [codes, factor] = [this.codes[m], factors[number]];
      for (let j = 0; j < fused.length; j++) fused[j] += factor * codes[at + j];
    });
  }

  // Keys of up to four in one pass, added in the same order; one that is lacking counts nothing.
  sumOfFour(at) {
    const { used, factors, scale } = this.now;
    const { keys } = this;
    const [a, b, c, d] = [0, 1, 2, 3].map((number) => this.codes[used[Math.min(number, used.length - 1)]]);
    const [fa, fb, fc, fd] = [0, 1, 2, 3].map((number) => factors[number] || 0);
    for (let j = 0, i = at; j < keys.length; j++, i++) {
      keys[j] = (fa * a[i] + fb * b[i] + fc * c[i] + fd * d[i]) * scale + 0.5;
    }
  }

  // Stable radix sort of what is at least `lowest`, the highest key first: how many there are; `sorted` holds them.
  order(lowest) {
    const { keys, positionBits, keyBits, lower, upper, packed, sorted } = this;
    const n = keys.length;
    const top = 2 ** keyBits - 1;
    const unit = 2 ** positionBits;
    const mask = (1 << DIGIT) - 1;
    let count = 0;
    lower.fill(0);
    upper.fill(0);
    for (let j = 0; j < n; j++) {
      if (keys[j] < lowest) continue;
      const down = top - keys[j];
      packed[count++] = down * unit + j;
      lower[down & mask]++;
      upper[down >> DIGIT]++;
    }
    begins(lower);
    begins(upper);
    for (let t = 0; t < count; t++) sorted[lower[(packed[t] >>> positionBits) & mask]++] = packed[t];
    for (let t = 0; t < count; t++) packed[upper[sorted[t] >>> (positionBits + DIGIT)]++] = sorted[t];
    [this.sorted, this.packed] = [packed, sorted];
    return count;
  }

  // Ranks of the relevant images of one row: how many; `ranks` (and `gains`) hold them, rising.
  rank(row) {
    const query = row + this.first;
    const { starts, ends, items, gains } = this.tables;
    const turn = ++this.turn;
    this.fuse(row);
    const { keys, marks, ranks } = this;
    let lowest = Infinity;
    for (let t = starts[query]; t < ends[query]; t++) {
      const key = keys[items[t]];
      if (key < 0) continue;
      marks[items[t]] = turn;
      if (gains) this.gains[items[t]] = gains[t];
      if (key < lowest) lowest = key;
    }
    if (lowest === Infinity) return 0;
    const count = this.order(lowest);
    const { sorted, mask } = this;
    let c = 0;
    for (let t = 0; t < count; t++) if (marks[sorted[t] & mask] === turn) ranks[c++] = t + 1;
    return c;
  }

  // Gains in the order of the ranks, and falling.
  gainsOf(count) {
    if (!this.gains) return [null, null];
    const ordered = Array.from({ length: count }, (_, c) => this.gains[this.sorted[this.ranks[c] - 1] & this.mask]);
    return [ordered, [...ordered].sort((a, b) => b - a)];
  }

  // All rows: values (a row of metrics per query, NaN where nothing is relevant), and the sums of the 11 levels.
  run(weights) {
    this.setWeights(weights);
    const nMetrics = this.metrics.length;
    const values = new Float64Array((this.stop - this.first) * nMetrics).fill(NaN);
    const curve = new Float64Array(11);
    const level = new Float64Array(11);
    let valid = 0;
    for (let row = 0; row < this.stop - this.first; row++) {
      const n = this.rank(row);
      if (!n) continue;
      valid++;
      const [gains, ideal] = this.gainsOf(n);
      for (let m = 0; m < nMetrics; m++) values[row * nMetrics + m] = this.metrics[m](this.ranks, n, gains, ideal);
      levels(this.ranks, n, level);
      for (let i = 0; i < 11; i++) curve[i] += level[i];
    }
    return { values, curve, valid };
  }

  // The first k results of a query that lies in these rows, with what each backbone adds to each score.
  list(weights, query, k) {
    this.setWeights(weights);
    const row = query - this.first;
    const { backbones, nGallery } = this.shape;
    const n = this.rank(row);
    const turn = this.turn;
    const [gains, ideal] = this.gainsOf(n);
    const metrics = this.metrics.map((metric) => (n ? metric(this.ranks, n, gains, ideal) : NaN));
    const curve = n ? [...levels(this.ranks, n, new Float64Array(11))] : null;
    const count = this.order(0);
    const norm = this.queryNorm(weights, query);
    const results = [];
    for (let t = 0; t < Math.min(k, count); t++) {
      const item = this.sorted[t] & this.mask;
      const inverse = norm * (this.now.missing ? this.now.missing.inverse[item] : 1);
      const parts = backbones.map((backbone, m) => {
        const cosine = backbone.low + backbone.step * this.codes[m][row * nGallery + item];
        return weights[m] * cosine * inverse;
      });
      const shown = parts.reduce((sum, part) => sum + Math.max(part, 0), 0);
      results.push({
        item,
        score: parts.reduce((sum, part) => sum + part, 0),
        relevant: n > 0 && this.marks[item] === turn,
        shares: parts.map((part) => (shown > 0 ? Math.max(part, 0) / shown : 0)),
      });
    }
    return { query, results, metrics, curve, nRelevant: n };
  }

  queryNorm(weights, query) {
    if (!this.now.missing) return 1;
    const { present } = this.tables;
    const total = this.now.used.reduce((sum, m) => sum + weights[m] * (present[m] ? present[m].query[query] : 1), 0);
    return total > 0 ? 1 / Math.sqrt(total) : 0;
  }
}
