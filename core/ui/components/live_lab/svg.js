/* SVG elements. */

const SPACE = "http://www.w3.org/2000/svg";

/* A new element with attributes; its text is set as text. */
export function shape(name, attributes, text) {
  const node = document.createElementNS(SPACE, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}
