/* The live lab as people see it: see main.js for what it is given. */

import { element, write } from "../shared/dom.js";
import { Bars } from "./bars.js";
import { Curve } from "./curve.js";
import { defined, filled, number } from "./format.js";
import { Results } from "./results.js";
import { alike, asKept, bestTwo, equal, moved } from "./shares.js";
import { Sliders } from "./sliders.js";
import { Tiles } from "./tiles.js";
import { announceWeights, onWantedWeights } from "./weights_event.js";
import { missingWords } from "./words.js";

const IN_SIGHT = 0.4; // of the sliders' height
const REST = 700; // milliseconds without a change until the verdict is read out

export class LabView {
  constructor(root, { engine, host = {} }) {
    Object.assign(this, { root, engine, host, data: null, answer: null, sent: 0, past: [], future: [] });
    this.sliders = new Sliders({
      start: () => { this.start = this.weights; },
      moved: (index, share) => this.move(moved(this.start, index, share, this.locked)),
      released: () => this.release(),
      lock: (index) => this.lock(index),
      act: (name) => this.act(name),
    });
    this.tiles = new Tiles((metric) => this.choose(metric));
    this.bars = new Bars();
    this.curve = new Curve();
    this.results = new Results((id) => engine.item(id), (id) => this.pick(id), host?.why && ((id) => host.why(id)));
    this.build();
    this.stopListening = onWantedWeights((wish) => this.wanted(wish));
    this.watcher = new IntersectionObserver((entries) => this.dock(entries.at(-1)), { threshold: [0, IN_SIGHT, 1] });
    this.watcher.observe(this.holder);
  }

  destroy() {
    this.sliders.finish();
    this.stopListening();
    this.watcher.disconnect();
    this.results.destroy();
    this.engine.destroy();
  }

  build() {
    const { root } = this, left = element("div", "left"), right = element("div", "right");
    this.panel = element("div", "panel");
    this.verdict = element("p", "verdict");
    this.voice = element("p", "voice");
    this.note = element("p", "note");
    this.brief = element("p", "brief");
    this.voice.setAttribute("aria-live", "polite");
    this.query = element("div", "query");
    const figures = element("div", "figures"), list = element("div", "list"), stay = element("div", "stay");
    this.heading = element("h3", "heading");
    this.holder = element("div", "holder"); // keeps the place of the sliders while they are docked
    this.holder.append(this.panel);
    this.panel.append(this.sliders.root, this.brief);
    stay.append(this.holder, this.query);
    left.append(stay);
    const charts = element("div", "charts");
    charts.append(this.bars.root, this.curve.root);
    list.append(this.heading, this.results.root);
    figures.append(charts, list);
    this.baseline = element("details", "baseline");
    this.baseline.open = window.matchMedia("(min-width: 1151px)").matches; // one column: what moves comes first
    stay.append(this.note, this.baseline);
    right.append(this.verdict, this.voice, this.tiles.root, figures);
    root.replaceChildren(left, right, this.results.large);
    root.classList.add("fs-lab");
  }

  /* --- data ------------------------------------------------------------------------------------------------- */

  /* New data. What a person moves meanwhile stays with them; what stands already is not drawn again. */
  update(data) {
    if (data.colour) this.root.style.setProperty("--fusion", data.colour);
    const missing = missingWords(data.words);
    if (missing.length) throw new Error(`The live lab has no words for ${missing.join(", ")}.`);
    const isOther = this.data?.stamp !== data.stamp;
    this.data = data;
    this.locked = data.backbones.map((_, i) => Boolean(data.locked?.[i]));
    if (isOther || data.metric !== undefined) this.metric = data.metric ?? 0;
    for (const part of [this.sliders, this.tiles, this.bars, this.curve, this.results]) part.update(data);
    this.before = new Map((data.baseline?.ids || []).map((id, rank) => [id, rank]));
    this.paintQuery(data.query);
    this.heading.textContent = data.words.results;
    if (isOther) this.answer = null;
    const isOurs = data.echo === undefined || data.echo >= this.sent;
    if (!this.weights || (isOurs && !this.sliders.isMoving && !this.isDragged)) this.weights = data.weights.slice();
    this.paintSliders();
    this.paintBaseline(data.baseline);
    if (data.answer && alike(data.answer.weights, this.weights)) this.brought(data.answer);
    else this.ask();
  }

  wish() {
    const names = this.data.backbones.map(({ name }) => name);
    const query = this.data.query?.id ?? -1;
    return { names, weights: asKept(this.weights), query, metric: this.metric, k: this.data.k };
  }

  /* The page's own answer for the weights that stand now. It came before whatever is asked next. */
  brought(answer) {
    this.request = this.wish();
    this.show(answer);
  }

  async ask() {
    const request = this.request = this.wish(), { stamp } = this.data;
    let answer = null;
    try {
      answer = await this.engine.update(request);
    } catch (error) {
      this.paintNote(error.message);
    }
    if (answer && this.data.stamp === stamp && this.isWanted(request)) this.show(answer);
  }

  /* An answer that came when the page had brought its own, or when something else was asked in between, is late. */
  isWanted(request) {
    return this.sliders.isMoving || this.isDragged || this.request === request;
  }

  show(answer) {
    this.answer = answer;
    if (answer.live === false) this.data.live = false;
    this.paintNote();
    this.paint();
  }

  /* --- the hand --------------------------------------------------------------------------------------------- */

  move(weights) {
    if (alike(weights, this.weights)) return;
    this.weights = weights;
    this.paintSliders();
    this.say(true);
    if (this.data.live !== false) this.ask();
  }

  release() {
    const before = this.start || this.weights;
    if (alike(before, this.weights)) return;
    this.remember(before);
    this.say(false);
    if (this.data.live === false && !this.host.released) this.ask(); // a host brings the answer itself
    this.sent += 1;
    this.host.released?.(asKept(this.weights));
    this.start = this.weights;
  }

  /* New weights at once, as by a button. */
  put(weights) {
    this.start = this.weights;
    this.move(weights);
    this.release();
  }

  remember(before) {
    this.past.push(before);
    this.future = [];
    this.paintSliders();
  }

  lock(index) {
    this.locked = this.locked.map((value, i) => (i === index ? !value : value));
    this.paintSliders();
    this.host.locked?.(this.data.backbones.filter((_, i) => this.locked[i]).map(({ name }) => name));
  }

  act(name) {
    const { backbones, systems } = this.data;
    if (name === "equal") this.put(equal(backbones.length));
    else if (this.host.act) this.host.act(name);
    else if (name === "two") {
      const alone = systems.filter(({ role }) => role === "backbone");
      this.put(bestTwo(alone.map(({ means }) => means[this.metric])));
    } else if (name === "reset") this.put(equal(backbones.length));
    else this.step(name === "undo" ? [this.past, this.future] : [this.future, this.past]);
  }

  /* Undo and redo by oneself, where there is no host. */
  step([from, to]) {
    if (!from.length) return;
    to.push(this.weights);
    this.weights = from.pop();
    this.paintSliders();
    this.say(false);
    this.ask();
  }

  pick(id) {
    this.host.picked?.(id);
    if (this.host.picked) return;
    const item = this.engine.item(id);
    this.data = { ...this.data, query: { id, ...item } };
    this.paintQuery(this.data.query);
    this.ask();
  }

  choose(metric) {
    this.metric = metric;
    this.ask();
    if (this.answer) this.paint();
    this.host.chose?.(metric);
  }

  /* A landscape beside it wants weights. */
  wanted({ names, weights, isReleased }) {
    if (names.join() !== this.data?.backbones.map(({ name }) => name).join()) return;
    if (!this.isDragged) this.start = this.weights;
    this.isDragged = !isReleased;
    this.move(weights);
    if (isReleased) this.release();
  }

  say(isDragged) {
    announceWeights({ names: this.data.backbones.map(({ name }) => name), weights: this.weights, isDragged });
  }

  /* --- what is seen ----------------------------------------------------------------------------------------- */

  paintSliders() {
    const { data, weights, locked } = this;
    const canUndo = this.host.act ? data.canUndo : this.past.length > 0;
    const canRedo = this.host.act ? data.canRedo : this.future.length > 0;
    this.sliders.paint({ weights, locked, canUndo, canRedo });
  }

  paint() {
    const { answer, data } = this;
    this.root.classList.toggle("bare", !data.metrics.length);
    if (data.metrics.length) this.paintFigures(answer, data, this.metric);
    this.results.paint(answer, this.before);
    this.root.dataset.answered = Array.from(answer.weights, (weight) => weight.toFixed(4)).join(" ");
  }

  paintFigures(answer, data, metric) {
    this.tiles.paint(answer, data.baseline, metric);
    this.bars.paint(answer, metric);
    this.curve.paint(answer);
    write(this.verdict, answer.verdict);
    this.root.classList.toggle("gain", Boolean(answer.gain));
    const figure = defined(answer.means[metric]);
    write(this.brief, Number.isFinite(figure) ? `${data.metrics[metric].label} ${number(figure)}` : "");
    clearTimeout(this.reading);
    this.reading = setTimeout(() => { this.voice.textContent = answer.verdict; }, REST);
  }

  paintNote(problem) {
    const { words, live } = this.data;
    const rest = [this.answer?.note, live === false ? words.on_release : ""].filter(Boolean).join(" ");
    write(this.note, problem || rest);
    this.note.classList.toggle("problem", Boolean(problem));
  }

  paintQuery(query) {
    const text = JSON.stringify(query);
    if (this.queryText === text) return;
    this.queryText = text;
    this.query.replaceChildren();
    if (!query) return;
    const image = element("img");
    if (query.src) Object.assign(image, { src: query.src, alt: "", draggable: false });
    const label = element("span", "label", filled(this.data.words.query, { name: query.label || query.name }));
    label.title = query.name;
    this.query.append(...(query.src ? [image] : []), label);
  }

  /* The results of the baseline, which do not move: small. */
  paintBaseline(baseline) {
    const text = JSON.stringify([baseline, this.data.stamp]);
    if (this.baselineText === text) return;
    this.baselineText = text;
    this.baseline.hidden = !baseline?.ids?.length;
    if (this.baseline.hidden) return;
    const strip = element("div", "strip");
    strip.append(...baseline.ids.map((id, rank) => {
      const item = this.engine.item(id), button = element("button", ["no", "yes", "unknown"][baseline.relevance[rank]]);
      const image = element("img");
      if (item.src) Object.assign(image, { src: item.src, alt: "", loading: "lazy" });
      button.type = "button";
      button.title = `${rank + 1}: ${item.label || item.name}`;
      button.setAttribute("aria-label", button.title);
      button.addEventListener("click", () => this.pick(id));
      button.append(item.src ? image : element("span", "name", item.name));
      return button;
    }));
    const summary = element("summary", "", filled(this.data.words.before, { baseline: baseline.label }));
    this.baseline.replaceChildren(summary, strip);
  }

  /* The sliders stay in sight: once scrolled away they stand at the foot of the window. */
  dock(entry) {
    const isAbove = entry.intersectionRatio < IN_SIGHT && entry.boundingClientRect.top < (entry.rootBounds?.top ?? 0);
    if (isAbove === this.panel.classList.contains("docked")) return;
    this.holder.style.height = isAbove ? `${this.panel.offsetHeight}px` : "";
    this.panel.classList.toggle("docked", isAbove);
    if (!this.panel.showPopover) return;
    this.panel.popover = isAbove ? "manual" : null; // above everything else on the page, whatever holds this element
    if (isAbove) this.panel.showPopover();
  }
}
