/* Numbers as people read them. */

export function formatCount(count) {
  return count.toLocaleString("en");
}

export function formatNumber(number) {
  if (!Number.isFinite(number)) return "–";
  const text = Math.abs(number) >= 1000 || Number.isInteger(number) ? number.toLocaleString("en") : number.toFixed(3);
  return text.replace("-", "−");
}
