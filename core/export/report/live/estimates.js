// Means over valid queries and their 95 % intervals over whole classes: Student's, shifted for skewed values (Johnson
// 1978), and Wilson's where a value is 0 or 1 and one of them is rare. The report's own figures also draw 10,000 times
// and take the widest of the three (core/metrics/DEFINITIONS.md, section 7), so that these are never wider.

const NORMAL = 1.959963984540054;
const RARE = 10;

// Sums and sizes per unit of the values at valid queries; without units each query is one.
function bySum(values, units, nUnits) {
  const sums = new Float64Array(nUnits);
  const sizes = new Float64Array(nUnits);
  for (let q = 0; q < values.length; q++) {
    if (units[q] < 0) continue;
    sums[units[q]] += values[q];
    sizes[units[q]]++;
  }
  return { sums, sizes };
}

function wilson(share, n, grouped, quantile) {
  const { sums, sizes } = grouped;
  const nUnits = sums.length;
  let squares = 0;
  let variance = 0;
  for (let u = 0; u < nUnits; u++) {
    squares += sizes[u] ** 2;
    variance += (sums[u] - sizes[u] * share) ** 2;
  }
  const most = squares / n;
  let effect = 1;
  let z = NORMAL;
  if (most > 1) {
    const binomial = (share * (1 - share)) / n;
    variance *= nUnits / Math.max(nUnits - 1, 1) / n ** 2;
    effect = Math.min(Math.max(binomial > 0 ? variance / binomial : Math.sqrt(most), 1), most);
    z += ((quantile - NORMAL) * Math.log(effect)) / Math.log(most);
  }
  const squared = z ** 2;
  const effective = n / effect;
  const whole = 1 + squared / effective;
  const centre = (share + squared / (2 * effective)) / whole;
  const half = (z * Math.sqrt((share * (1 - share)) / effective + squared / (4 * effective ** 2))) / whole;
  return [share === 0 ? 0 : centre - half, share === 1 ? 1 : centre + half];
}

// { mean, low, high } of one value per query.
// unit: { codes, n, quantile }; codes are -1 for queries that do not count. bounded: values are shares of something.
export function estimate(values, unit, bounded) {
  const nUnits = unit.n;
  const grouped = bySum(values, unit.codes, nUnits);
  const { sums, sizes } = grouped;
  let n = 0;
  let total = 0;
  for (let u = 0; u < nUnits; u++) {
    n += sizes[u];
    total += sums[u];
  }
  if (!n) return { mean: NaN, low: NaN, high: NaN };
  const mean = total / n;
  let binary = bounded;
  let constant = true;
  let first = NaN;
  for (let q = 0; q < values.length; q++) {
    if (unit.codes[q] < 0) continue;
    const value = values[q];
    if (Number.isNaN(first)) first = value;
    if (value !== first) constant = false;
    if (value !== 0 && value !== 1) binary = false;
  }
  if (binary && Math.min(total, n - total) < RARE) {
    const [low, high] = wilson(mean, n, grouped, unit.quantile);
    return { mean, low: Math.max(low, 0), high: Math.min(high, 1) };
  }
  if (constant) return { mean: first, low: first, high: first };
  if (nUnits < 3) return { mean, low: NaN, high: NaN };
  let variance = 0;
  let third = 0;
  for (let u = 0; u < nUnits; u++) {
    const deviation = ((sums[u] - sizes[u] * mean) * nUnits) / n;
    variance += deviation ** 2;
    third += deviation ** 3;
  }
  variance /= nUnits - 1;
  third *= nUnits / (nUnits - 1) / (nUnits - 2);
  const half = unit.quantile * Math.sqrt(variance / nUnits);
  const skewed = variance > 0 ? (third / (6 * nUnits * variance)) * (1 + 2 * unit.quantile ** 2) : 0;
  const low = mean - half + Math.min(skewed, 0);
  const high = mean + half + Math.max(skewed, 0);
  return bounded ? { mean, low: Math.max(low, 0), high: Math.min(high, 1) } : { mean, low, high };
}
