/* What the components share about the page they draw on. */

/* A new element. Its text is set as text, never as HTML: names and titles come from data. */
export function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined && text !== null) node.textContent = text;
  return node;
}

/* Text that changes often. The page lays itself out anew for what is written, so only what differs is. */
export function write(node, text) {
  const line = String(text ?? "");
  if (node.written === line) return;
  node.written = line;
  if (node.firstChild) node.firstChild.data = line;
  else node.textContent = line;
}
