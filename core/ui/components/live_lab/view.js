/* The live lab as people see it: see main.js for what it is given. */

import { element } from "../shared/dom.js";
import { Bars } from "./bars.js";
import { Curve } from "./curve.js";
import { defined, filled } from "./format.js";
import { Results } from "./results.js";
import { alike, bestTwo, equal, moved } from "./shares.js";
import { Sliders } from "./sliders.js";
import { Tiles } from "./tiles.js";
import { announceWeights, onWantedWeights } from "./weights_event.js";
import { missingWords } from "./words.js";

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
    this.results = new Results((id) => engine.item(id), (id) => this.pick(id));
    this.build();
    this.stopListening = onWantedWeights((wish) => this.wanted(wish));
    this.watcher = new IntersectionObserver(([entry]) => this.dock(entry));
    this.watcher.observe(this.end);
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
    this.end = element("div", "end");
    this.voice.setAttribute("aria-live", "polite");
    this.query = element("div", "query");
    const figures = element("div", "figures"), charts = element("div", "charts"), list = element("div", "list");
    this.heading = element("h3", "heading");
    this.panel.append(this.sliders.root, this.brief);
    left.append(this.panel);
    charts.append(this.bars.root, this.curve.root);
    list.append(this.query, this.heading, this.results.root);
    figures.append(charts, list);
    right.append(this.verdict, this.voice, this.tiles.root, figures, this.note);
    root.replaceChildren(left, right, this.end);
    root.classList.add("fs-lab");
  }

  /* --- data ------------------------------------------------------------------------------------------------- */

  /* New data. What a person moves meanwhile stays with them; what stands already is not drawn again. */
  update(data) {
    const missing = missingWords(data.words);
    if (missing.length) throw new Error(`The live lab has no words for ${missing.join(", ")}.`);
    const isOther = this.data?.stamp !== data.stamp, queryBefore = this.request?.query;
    this.data = data;
    this.locked = data.backbones.map((_, i) => Boolean(data.locked?.[i]));
    if (isOther || data.metric !== undefined) this.metric = data.metric ?? 0;
    for (const part of [this.sliders, this.tiles, this.bars, this.curve, this.results]) part.update(data);
    this.before = new Map((data.baseline?.ids || []).map((id, rank) => [id, rank]));
    this.paintQuery(data.query);
    this.heading.textContent = data.words.results;
    this.paintNote();
    if (isOther) this.answer = null;
    const isOurs = data.echo === undefined || data.echo >= this.sent;
    if (!this.weights || (isOurs && !this.sliders.isMoving && !this.isDragged)) this.weights = data.weights.slice();
    if (data.answer && (isOther || !this.answer)) this.show(data.answer);
    this.paintSliders();
    const request = this.wish(), stale = !this.answer || !alike(this.answer.weights, this.weights);
    if (stale || queryBefore !== request.query || this.shownMetric !== request.metric) this.ask();
    else if (this.answer) this.paint();
  }

  wish() {
    return { weights: this.weights, query: this.data.query?.id ?? -1, metric: this.metric, k: this.data.k };
  }

  async ask() {
    this.request = this.wish();
    const { stamp } = this.data;
    let answer = null;
    try {
      answer = await this.engine.update(this.request);
    } catch (error) {
      this.paintNote(error.message);
    }
    if (answer && this.data.stamp === stamp) this.show(answer);
  }

  show(answer) {
    this.answer = answer;
    this.shownMetric = this.request?.metric ?? this.metric;
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
    if (this.data.live === false) this.ask();
    this.sent += 1;
    this.host.released?.(this.weights);
    this.start = this.weights;
  }

  /* New weights at once, as by a button. */
  put(weights) {
    this.start = this.weights;
    this.weights = weights;
    this.paintSliders();
    this.ask();
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
    const { answer, data, metric } = this;
    this.tiles.paint(answer, data.baseline, metric);
    this.bars.paint(answer, metric);
    this.curve.paint(answer);
    this.results.paint(answer, this.before);
    this.verdict.textContent = answer.verdict;
    this.root.classList.toggle("gain", Boolean(answer.gain));
    this.root.dataset.answered = Array.from(answer.weights, (weight) => weight.toFixed(4)).join(" ");
    const figure = defined(answer.means[metric]);
    this.brief.textContent = Number.isFinite(figure) ? `${data.metrics[metric].label} ${figure.toFixed(3)}` : "";
    clearTimeout(this.reading);
    this.reading = setTimeout(() => { this.voice.textContent = answer.verdict; }, REST);
  }

  paintNote(problem) {
    const { words, live } = this.data;
    this.note.textContent = problem || (live === false ? words.on_release : this.data.note || "");
    this.note.classList.toggle("problem", Boolean(problem));
  }

  paintQuery(query) {
    const text = JSON.stringify(query);
    if (this.queryText === text) return;
    this.queryText = text;
    this.query.replaceChildren();
    if (!query) return;
    const image = element("img");
    Object.assign(image, { src: query.src, alt: "", draggable: false });
    const label = element("span", "label", filled(this.data.words.query, { name: query.label || query.name }));
    label.title = query.name;
    this.query.append(image, label);
  }

  /* The sliders stay in sight: below the lab they stand at the foot of the window. */
  dock(entry) {
    const isAbove = !entry.isIntersecting && entry.boundingClientRect.bottom < (entry.rootBounds?.top ?? 0) + 1;
    if (isAbove === this.panel.classList.contains("docked")) return;
    this.panel.parentNode.style.minHeight = isAbove ? `${this.panel.offsetHeight}px` : "";
    this.panel.classList.toggle("docked", isAbove);
  }
}
