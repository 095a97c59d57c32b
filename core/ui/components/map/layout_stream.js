/* Layouts that are being made come by a way of their own, so that no page runs again for each of them. */

import { element } from "../shared/dom.js";

/* Ask an address for newer layouts until it has no more, or until `isWanted()` no longer holds.
 *
 * onAnswer gets { note, dims, body }: what is going on, and an ArrayBuffer of (count, dims) float32, or of nothing.
 */
export async function readLayouts(address, isWanted, onAnswer) {
  let after = 0, state = "running";
  while (isWanted() && state === "running") {
    let response, body;
    try {
      response = await fetch(`${address}?after=${after}`, { cache: "no-store" });
      if (!response.ok) return;
      body = await response.arrayBuffer();
    } catch (error) {
      console.warn("The map waits for the whole layout:", error.message);
      return;
    }
    if (!isWanted()) return;
    const { headers } = response;
    state = headers.get("X-State");
    after = Number(headers.get("X-Number"));
    onAnswer({ note: decodeURIComponent(headers.get("X-Note") || ""), dims: Number(headers.get("X-Dims")), body });
  }
}

/* What is going on with each pane's layout, and the button that ends it. */
export class StatusBar {
  constructor(view) {
    this.view = view;
    this.root = element("div", "statuses");
  }

  /* Elements live on while only the words change. */
  paint() {
    const { root, view: { panes } } = this;
    while (root.children.length > panes.length) root.lastChild.remove();
    panes.forEach((pane, i) => {
      const status = root.children[i] || this.addStatus(i);
      status.classList.toggle("idle", !pane.isStreaming);
      status.firstChild.textContent = pane.note || "A better layout is on its way";
    });
  }

  addStatus(i) {
    const status = element("div", "status"), stop = element("button", "stop", "Stop");
    stop.type = "button";
    stop.title = "Stop here: what is shown stays";
    stop.onclick = () => this.view.send("stopped", { panel: i });
    status.append(element("span"), stop);
    this.root.append(status);
    return status;
  }
}
