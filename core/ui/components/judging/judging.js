// A judging session in the browser. The question that a person sees is answered at once; answers are sent one after the
// other and stay here until the server has them on its disk, also over a restart of the server.
// Everything that comes from data is set as text or as an attribute, never as HTML.

import { drawBars } from "./bars.js";
import { element } from "../shared/dom.js";

const KEYS = {
  ArrowLeft: "left", ArrowRight: "right", ArrowUp: "both", ArrowDown: "neither", " ": "neither",
  1: "left", 2: "right", 3: "both", 0: "neither", 4: "neither", s: "skip", u: "undo", Backspace: "undo",
};
const RETRY = 1500; // milliseconds
const TYPING = [
  "input", "textarea", "select", "[contenteditable=true]", "[role=slider]", "[role=option]", "[role=combobox]",
  "[role=radio]", "[role=radiogroup]", "[role=tab]",
].join();

class Judging {
  constructor(root) {
    this.root = root;
    this.unsent = [];
    this.questions = [];
    this.images = new Map();
    this.sending = false;
    this.watch = new AbortController();
    const { signal } = this.watch;
    root.addEventListener("click", (event) => {
      const button = event.target.closest("[data-click]");
      if (button && !button.disabled) this.act(button.dataset.click);
    }, { signal });
    document.addEventListener("keydown", (event) => this.key(event), { signal });
  }

  part(name) { return this.root.querySelector(name); }

  /* A rerun of the page with the same session changes nothing but the address. */
  update(data, setTriggerValue) {
    this.setTriggerValue = setTriggerValue;
    this.url = data.url;
    if (this.session === data.session) {
      if (this.unsent.length) this.send();
      return;
    }
    this.session = data.session;
    this.labels = data.labels;
    this.rows = data.way === "rows";
    this.root.classList.toggle("rows", this.rows);
    this.unsent = this.remembered();
    this.name();
    this.take(data, true);
    this.send();
  }

  /* Answers that a server did not take before it ended; it takes each once, whoever sends it again. */
  remembered() {
    try {
      return JSON.parse(localStorage.getItem("judging " + this.session)) || [];
    } catch {
      return [];
    }
  }

  remember() {
    const answers = this.unsent.filter((message) => message.id);
    try {
      if (answers.length) localStorage.setItem("judging " + this.session, JSON.stringify(answers));
      else localStorage.removeItem("judging " + this.session);
    } catch { /* a browser that keeps nothing keeps them until the tab is closed */ }
  }

  name() {
    const { labels } = this;
    for (const button of this.root.querySelectorAll(".buttons [data-click]")) {
      button.textContent = labels[button.dataset.click];
    }
    this.part(".buttons [data-click=neither]").hidden = this.rows;
    this.part(".keys").textContent = labels.keys;
    this.part(".scope").textContent = labels.scope;
    this.part(".query figcaption").textContent = labels.query;
  }

  /* What the server knows. The question on the screen stays unless `fresh`: it may be answered in any case. */
  take(reply, fresh) {
    const answered = new Set(this.unsent.map((message) => message.id));
    const next = reply.questions.filter((question) => !answered.has(question.id));
    const shown = fresh ? null : this.questions[0];
    const others = next.filter((question) => question.id !== shown?.id);
    this.questions = shown && !reply.state.done ? [shown, ...others] : next;
    this.state = reply.state;
    for (const question of this.questions) this.load(question);
    this.draw();
  }

  load(question) {
    for (const source of [question.query, ...question.left, ...question.right]) {
      if (!source || this.images.has(source)) continue;
      const image = new Image();
      image.src = source;
      image.decode?.().catch(() => {});
      this.images.set(source, image);
      if (this.images.size > 400) this.images.delete(this.images.keys().next().value);
    }
  }

  key(event) {
    const target = event.composedPath()[0];
    // What is behind an open dialog is not meant.
    const typing = target.matches?.(TYPING) || document.querySelector("[role=dialog]");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || !this.root.isConnected) return;
    if (event.key === "Enter" && this.state.done && !target.matches?.("button, a")) {
      this.act("stop");
      return;
    }
    let click = KEYS[event.key] || KEYS[event.key.toLowerCase()];
    if (!click || (event.key === " " && target.matches?.("button, a, summary") && !this.root.contains(target))) return;
    event.preventDefault();
    if (event.repeat) return;
    if (this.rows && click === "neither") click = "both";
    this.act(click);
  }

  act(click) {
    if (click === "stop") {
      if (!this.unsent.length) this.setTriggerValue("stop", Date.now());
      return;
    }
    if (click === "undo") {
      if (!this.state.undo && !this.unsent.length) return;
      this.unsent.push({ undo: `${Date.now()}-${Math.random()}` }); // a name, so that one sent twice undoes one click
    } else {
      const question = this.questions.shift();
      if (!question) return;
      this.unsent.push({ id: question.id, click });
      this.state = { ...this.state, undo: true };
    }
    this.remember();
    this.draw();
    this.send();
  }

  async send() {
    if (this.sending || !this.unsent.length) return;
    this.sending = true;
    const message = this.unsent[0], session = this.session;
    try {
      const response = await fetch(this.url, { method: "POST", body: JSON.stringify(message) });
      if (session !== this.session) return;
      if (response.status === 409) {
        this.unsent.shift();
        this.remember();
        this.part(".sentence").textContent = (await response.json()).error;
      } else if (!response.ok) throw new Error(String(response.status));
      else {
        const reply = await response.json();
        this.unsent.shift();
        this.remember();
        this.late = false;
        this.take(reply, Boolean(message.undo));
      }
    } catch {
      this.late = true;
      this.draw();
      await new Promise((resolve) => setTimeout(resolve, RETRY));
    } finally {
      this.sending = false;
    }
    if (this.root.isConnected) this.send();
  }

  imageOf(source) {
    const frame = element("span", "frame");
    if (!source) {
      frame.dataset.text = this.labels.nothing;
      return frame;
    }
    const image = element("img");
    image.alt = "";
    image.draggable = false;
    image.addEventListener("error", () => {
      if (image.src.includes("/large/")) image.src = source.replace("/large/", "/small/");
      else {
        image.remove();
        frame.dataset.text = this.labels.missing;
      }
    });
    image.src = source;
    frame.append(image);
    return frame;
  }

  drawQuestion(question) {
    const query = this.part(".query .frame");
    query.replaceChildren(question.text ? element("q", "words", question.text) : this.imageOf(question.query));
    const single = !question.left.length || !question.right.length;
    this.part(".question").textContent = single && !this.rows ? this.labels.single : this.labels.ask;
    for (const side of ["left", "right"]) {
      const button = this.part(".side." + side), other = new Set(question[side === "left" ? "right" : "left"]);
      button.setAttribute("aria-label", this.labels[side]);
      const sources = question[side].length ? question[side] : [""];
      button.replaceChildren(...sources.map((source) => {
        const frame = this.imageOf(source);
        if (this.rows && other.has(source)) frame.classList.add("shared");
        return frame;
      }));
    }
  }

  draw() {
    const [question] = this.questions, { state } = this;
    const waits = !question, over = waits && state.done && !this.unsent.length;
    this.root.classList.toggle("over", over);
    this.root.classList.toggle("waits", waits && !over); // the server is slower than the judge: what was there stays
    if (question && this.drawn !== question.id) this.drawQuestion(question);
    this.drawn = question ? question.id : "";
    for (const button of this.root.querySelectorAll("[data-click]")) {
      const { click } = button.dataset;
      button.disabled = click === "undo" ? !state.undo : click === "stop" ? false : waits;
    }
    this.part(".sentence").textContent = state.sentence;
    this.root.dataset.answers = state.answers;
    this.root.dataset.question = this.drawn;
    this.part(".more").replaceChildren(...state.more.map((line) => element("p", "", line)));
    const stop = this.part(".stop");
    stop.textContent = state.done ? this.labels.reveal : this.labels.stop;
    stop.classList.toggle("ready", state.done);
    const unsaved = this.part(".unsaved");
    unsaved.hidden = !this.late || !this.unsent.length;
    unsaved.textContent = this.labels.unsaved.replace("{count}", this.unsent.length);
    drawBars(this.part(".bars"), state);
  }
}

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const root = parentElement.querySelector(".judge");
  root.judging ??= new Judging(root);
  root.judging.update(data, setTriggerValue);
  return () => { root.judging?.watch.abort(); root.judging = undefined; };
}
