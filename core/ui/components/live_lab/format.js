/* Numbers and sentences as people read them. */

const isNumber = (value) => value !== null && value !== undefined && !Number.isNaN(value);

/* "0.937" or "−0.012", "–" where it is undefined. */
export function number(value, digits = 3) {
  return isNumber(value) ? value.toFixed(digits).replace("-", "−") : "–";
}

/* "[0.923, 0.950]", "" where it is undefined. */
export function interval(low, high) {
  return isNumber(low) && isNumber(high) ? `[${number(low)}, ${number(high)}]` : "";
}

/* "+0.012" or "−0.012", "" where nothing can be told apart at four digits. */
export function signed(value) {
  if (!isNumber(value) || Math.abs(value) < 5e-5) return "";
  return (value > 0 ? "+" : "−") + Math.abs(value).toFixed(Math.abs(value) < 5e-4 ? 4 : 3);
}

/* A sentence with its {names} filled in. */
export function filled(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
}

/* A number where there is one. */
export function defined(value) {
  return isNumber(value) ? value : NaN;
}
