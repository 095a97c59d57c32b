/* How sliders share one whole: the rule of core/ui/widgets/weight_shares.py, to the same digits. */

const rounded = (share) => Math.round(share * 1e6) / 1e6;

/* Set one share; the others that are not locked take or give the rest in their present proportions.
 *
 * The share is held back where locked ones leave no room, and where nobody is free to take the rest.
 */
export function moved(shares, index, share, locked) {
  const isFree = (_, i) => i !== index && !locked[i];
  const taken = shares.reduce((sum, value, i) => sum + (locked[i] && i !== index ? value : 0), 0);
  const free = shares.filter(isFree), room = Math.max(0, 1 - taken);
  const mine = free.length ? Math.min(Math.max(share, 0), room) : room;
  const rest = room - mine, before = free.reduce((sum, value) => sum + value, 0);
  return shares.map((value, i) => {
    if (i === index) return rounded(mine);
    if (!isFree(value, i)) return value;
    return rounded(rest * (before > 0 ? value / before : 1 / free.length));
  });
}

/* As a link holds them: what is asked while a thumb is dragged is then what stands when it was let go. */
export function asKept(shares) {
  return shares.map((share) => Math.round(share * 1e4) / 1e4);
}

/* The same share for everyone. */
export function equal(count) {
  return Array(count).fill(1 / count);
}

/* Half each for the two largest of some values, nothing for the others; undefined values are never chosen first. */
export function bestTwo(values) {
  const order = values.map((_, i) => i).sort((a, b) => (values[b] ?? -Infinity) - (values[a] ?? -Infinity));
  const chosen = order.slice(0, 2);
  return values.map((_, i) => (chosen.includes(i) ? 1 / chosen.length : 0));
}

/* Whether two lists of shares are the same for people. */
export function alike(a, b) {
  return a.length === b.length && a.every((share, i) => Math.abs(share - b[i]) < 5e-5);
}

/* Whole percents of shares, as sliders show them. */
export function percent(share) {
  return Math.round(share * 100);
}
