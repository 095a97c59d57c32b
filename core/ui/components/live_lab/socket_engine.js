/* The engine behind the live lab in the app: a WebSocket beside Streamlit, POST where there is none.
 *
 * A request is JSON { names, weights, query, metric, k }; an answer is one binary message: 4 bytes, the length of a
 * head in JSON, the head, then the arrays that it names, little-endian and aligned (`fuse_route.py`).
 */

import { latestWins } from "./latest_wins.js";

const TYPES = { f8: Float64Array, f4: Float32Array, i4: Int32Array, u1: Uint8Array };
const PATIENCE = 20_000; // milliseconds until an answer counts as lost

/* { head, and each array by its name } of a message. */
export function unpacked(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const arrays = {}, body = 4 + length;
  for (const [name, type, start, count] of head.arrays) arrays[name] = new TYPES[type](buffer, body + start, count);
  return { ...head, ...arrays };
}

export class SocketEngine {
  constructor() {
    this.items = new Map();
    this.update = latestWins((request) => this.ask(request));
  }

  /* Where it asks from now on, and the items of the answer that the page brought along. */
  connect({ address, items, words }) {
    this.lost = words.lost;
    if (address !== this.address) {
      this.close();
      this.items.clear();
      this.address = address;
      this.isWithoutSocket = false;
    }
    this.keep(items);
  }

  keep(items) {
    for (const [id, src, large, name, label, facts] of items) this.items.set(id, { src, large, name, label, facts });
  }

  item(id) {
    return this.items.get(id) || { src: "", name: "", label: "" };
  }

  destroy() {
    this.address = null;
    this.close();
  }

  /* Leave the socket; whoever still waits for an answer of it gets none. */
  close() {
    const { socket } = this;
    this.socket = null;
    if (!socket) return;
    socket.onclose = null;
    socket.close();
    this.giveUp?.();
  }

  async ask(request) {
    if (!this.address) return null;
    const message = JSON.stringify(request);
    const buffer = this.isWithoutSocket ? await this.post(message) : await this.send(message);
    if (!buffer) return null;
    const answer = unpacked(buffer);
    if (answer.problem) throw new Error(answer.problem);
    this.keep(answer.items);
    return answer;
  }

  async send(message) {
    let socket;
    try {
      socket = await this.open();
    } catch {
      this.isWithoutSocket = true; // a proxy that lets no socket pass
      return this.post(message);
    }
    if (!socket) return null;
    return new Promise((resolve, reject) => {
      const fail = () => reject(new Error(this.lost));
      const timer = setTimeout(() => { fail(); this.close(); }, PATIENCE); // an answer that still comes is no other's
      this.giveUp = () => { clearTimeout(timer); resolve(null); };
      socket.onmessage = (event) => { clearTimeout(timer); resolve(event.data); };
      socket.onclose = () => { clearTimeout(timer); this.socket = null; fail(); };
      socket.send(message);
    });
  }

  open() {
    if (this.socket && this.socket.readyState === WebSocket.OPEN) return Promise.resolve(this.socket);
    const url = new URL(this.address, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url), { address } = this;
      socket.binaryType = "arraybuffer";
      socket.onopen = () => {
        if (address === this.address) this.socket = socket;
        else socket.close(); // it was left while it opened
        resolve(address === this.address ? socket : null);
      };
      socket.onerror = () => reject(new Error("no socket"));
    });
  }

  async post(message) {
    const headers = { "Content-Type": "application/json" };
    const response = await fetch(this.address, { method: "POST", body: message, headers }).catch(() => null);
    if (!response?.ok) throw new Error(this.lost);
    return response.arrayBuffer();
  }
}
