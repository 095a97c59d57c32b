// Copies the address of the page. Browsers refuse the clipboard on plain http: then the link is shown, selected.

export default function (component) {
  const { parentElement, data } = component;
  const button = parentElement.querySelector(".copy"), fallback = parentElement.querySelector(".fallback");
  const state = (button.fusionscope ??= {});
  state.query = data.query;
  if (!state.busy) button.textContent = data.label;
  if (state.ready) return;
  state.ready = true;
  const say = (text) => {
    state.busy = true;
    button.textContent = text;
    setTimeout(() => { state.busy = false; button.textContent = data.label; }, 1800);
  };
  button.addEventListener("click", async () => {
    const link = window.location.origin + window.location.pathname + (state.query ? "?" + state.query : "");
    button.dataset.link = link;
    try {
      await navigator.clipboard.writeText(link);
      fallback.hidden = true;
      say("Copied");
    } catch {
      fallback.value = link;
      fallback.hidden = false;
      fallback.select();
      say(document.execCommand("copy") ? "Copied" : "Press Ctrl+C to copy");
    }
  });
}
