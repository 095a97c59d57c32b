/* Weights on their way between the live lab and a landscape beside it, on one page. */

const MOVED = "fusionscope-weights", WANTED = "fusionscope-weights-wanted";

const announce = (name) => (detail) => document.dispatchEvent(new CustomEvent(name, { detail }));

function listen(name, listener) {
  const handler = (event) => listener(event.detail);
  document.addEventListener(name, handler);
  return () => document.removeEventListener(name, handler);
}

/* The lab's weights are these now. detail: { names of backbones, weights, isDragged } */
export function announceWeights(detail) {
  announce(MOVED)(detail);
}

/* Someone wants these weights. detail: { names of backbones, weights, isReleased } */
export function wantWeights(detail) {
  announce(WANTED)(detail);
}

/* Call a listener with each such detail; what is returned ends that. */
export function onWeights(listener) {
  return listen(MOVED, listener);
}

/* Call a listener with each wish; what is returned ends that. */
export function onWantedWeights(listener) {
  return listen(WANTED, listener);
}
