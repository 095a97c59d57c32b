/* What the components share about the page they draw on. */

/* A new element. Its text is set as text, never as HTML: names and titles come from data. */
export function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined && text !== null) node.textContent = text;
  return node;
}
