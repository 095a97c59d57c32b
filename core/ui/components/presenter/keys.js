/* What a key does while a story is presented; the keys of a clicker are among them. */

const KEYS = {
  PageDown: "next", ArrowRight: "next", ArrowDown: "next", " ": "next", Enter: "next",
  PageUp: "previous", ArrowLeft: "previous", ArrowUp: "previous", Backspace: "previous",
  Home: "first", End: "last", Escape: "close",
  n: "notes", f: "screen", b: "blank", ".": "blank",
};
/* Of a clicker: they turn the steps wherever the focus is. */
const ALWAYS = new Set(["PageDown", "PageUp"]);
/* Whoever has one of these in hand moves it: a slider, a map, a box to type in. */
const IN_HAND =
  "input, textarea, select, button, a, canvas, [contenteditable=true], [role=slider], [role=radio], [tabindex='0']";

/* The name of what a key asks for, or "". */
export function actionOf(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return "";
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (!(key in KEYS)) return "";
  if (ALWAYS.has(key)) return KEYS[key];
  const target = event.composedPath()[0], page = target.ownerDocument ?? document;
  if (key === "Escape") return page.querySelector("[role=dialog], .large-card:not([hidden])") ? "" : "close";
  if (page === document && target.tagName === "BUTTON") return key === " " || key === "Enter" ? "" : KEYS[key];
  return target.matches && target.matches(IN_HAND) ? "" : KEYS[key];
}
