// Metrics of one list, from the ranks of its relevant images (rising, from 1). Definitions:
// core/metrics/DEFINITIONS.md, section 3. Every image of the gallery is in the list, so that each relevant one has a
// rank.

const DISCOUNTS = [0];

function discount(rank) {
  while (DISCOUNTS.length <= rank) DISCOUNTS.push(1 / Math.log2(DISCOUNTS.length + 1));
  return DISCOUNTS[rank];
}

function hits(ranks, n, k) {
  let low = 0;
  let high = n;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ranks[middle] <= k) low = middle + 1;
    else high = middle;
  }
  return low;
}

function precisions(ranks, n) {
  let sum = 0;
  for (let c = 0; c < n; c++) sum += (c + 1) / ranks[c];
  return sum;
}

function gain(ranks, n, gains, ideal, depth) {
  let sum = 0;
  let best = 0;
  for (let c = 0; c < n; c++) sum += (gains ? gains[c] : 1) * discount(ranks[c]);
  for (let c = 0; c < depth; c++) best += (ideal ? ideal[c] : 1) * discount(c + 1);
  return sum / best;
}

// Each takes (ranks, R, k, gains in the order of the ranks, gains falling); gains are null where each is 1.
const LIST_METRICS = {
  map: (ranks, n) => precisions(ranks, n) / n,
  "map_cut@": (ranks, n, k) => precisions(ranks, hits(ranks, n, k)) / n,
  "map_min@": (ranks, n, k) => precisions(ranks, hits(ranks, n, k)) / Math.min(k, n),
  "map@r": (ranks, n) => precisions(ranks, hits(ranks, n, n)) / n,
  "p@": (ranks, n, k) => hits(ranks, n, k) / k,
  "recall@": (ranks, n, k) => hits(ranks, n, k) / n,
  "hit@": (ranks, n, k) => (ranks[0] <= k ? 1 : 0),
  mrr: (ranks) => 1 / ranks[0],
  rprec: (ranks, n) => hits(ranks, n, n) / n,
  "ndcg@": (ranks, n, k, gains, ideal) => gain(ranks, hits(ranks, n, k), gains, ideal, Math.min(k, n)),
  ndcg: (ranks, n, k, gains, ideal) => gain(ranks, n, gains, ideal, n),
  ap11: (ranks, n) => levels(ranks, n, new Float64Array(11)).reduce((a, b) => a + b) / 11,
};

// Interpolated precision at recall 0, 0.1 ... 1, thresholds in whole images (DEFINITIONS.md, section 4).
export function levels(ranks, n, out) {
  let best = 0;
  let c = n;
  for (let level = 10; level >= 0; level--) {
    const needed = Math.max(1, Math.floor((level * n + 9) / 10));
    for (; c >= needed; c--) best = Math.max(best, c / ranks[c - 1]);
    out[level] = best;
  }
  return out;
}

// The function behind a key such as "map" or "p@10".
export function metricOf(key) {
  const [, stem, k] = /^(.*?@)(\d+)$/.exec(key) || [null, key, "0"];
  const metric = LIST_METRICS[stem];
  if (!metric) throw new Error("No metric " + key);
  return (ranks, n, gains, ideal) => metric(ranks, n, Number(k), gains, ideal);
}
