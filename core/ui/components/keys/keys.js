/* Keys of the whole page. Whoever types into a box types: no key of ours is taken from them. */

const TYPING = [
  "input:not([type=checkbox]):not([type=radio]):not([type=range])", "textarea", "select", "[contenteditable=true]",
].join();

/* The name of what a key asks for, or "". */
function actionOf(event) {
  const key = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) {
    if (key === "z") return event.shiftKey ? "redo" : "undo";
    return key === "y" ? "redo" : "";
  }
  if (event.altKey) return { pagedown: "next", pageup: "previous" }[key] ?? "";
  return { "?": "sheet", a: "story", p: "projector" }[key] ?? "";
}

export default function (component) {
  const { parentElement, setTriggerValue } = component;
  const anchor = parentElement.querySelector("span");
  anchor.press = (name) => setTriggerValue("pressed", name);
  anchor.ended ??= listening(anchor);
  // Streamlit calls what the last run of this returned, so that every run returns it.
  return () => {
    anchor.ended?.();
    anchor.ended = undefined;
  };
}

/* Listen until what is returned is called. */
function listening(anchor) {
  const listen = (event) => {
    const target = event.composedPath()[0];
    if (event.defaultPrevented || event.repeat || (target.matches && target.matches(TYPING))) return;
    const action = actionOf(event);
    if (!action) return;
    event.preventDefault();
    anchor.press(action);
  };
  document.addEventListener("keydown", listen);
  return () => document.removeEventListener("keydown", listen);
}
