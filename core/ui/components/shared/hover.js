/* Components of one group point at the same image: what is hovered in one is marked in the others. */

const HOVER_EVENT = "fusionscope-hover";

/* detail: { group, id of the image, on: hovered or left, map: true if a map says it }. */
export function announceHover(detail) {
  document.dispatchEvent(new CustomEvent(HOVER_EVENT, { detail }));
}

/* Call a listener with each such detail; what is returned ends that. */
export function onHover(listener) {
  const handler = (event) => listener(event.detail);
  document.addEventListener(HOVER_EVENT, handler);
  return () => document.removeEventListener(HOVER_EVENT, handler);
}
