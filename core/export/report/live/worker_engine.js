// The engine of a file: figures of all its queries under any weights, in workers where the browser lets them start,
// else in this thread. The same face as the engine behind a server: `update(weights, query)` promises an answer.

import { estimate } from "./estimates.js";
import { kernelOf } from "./tables.js";
import { integers } from "./unpack.js";

const MOST_WORKERS = 4;
const PATIENCE = 20000;

// Workers that share the queries, each with its rows.
class Crew {
  constructor(text, count) {
    const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    this.waiting = new Map();
    this.turn = 0;
    this.workers = Array.from({ length: count }, () => new Worker(address));
    for (const worker of this.workers) worker.onmessage = ({ data }) => this.settle(data);
  }

  settle({ turn, answer, error }) {
    const { resolve, reject } = this.waiting.get(turn);
    this.waiting.delete(turn);
    if (error) reject(new Error(error));
    else resolve(answer);
  }

  send(worker, message) {
    const turn = ++this.turn;
    return new Promise((resolve, reject) => {
      this.waiting.set(turn, { resolve, reject });
      worker.postMessage({ ...message, turn });
    });
  }

  async open(record) {
    const bounds = this.workers.map((_, at) => Math.floor((at * record.nQueries) / this.workers.length));
    bounds.push(record.nQueries);
    const refused = new Promise((_, reject) => {
      for (const worker of this.workers) worker.onerror = () => reject(new Error("no worker may start here"));
      setTimeout(() => reject(new Error("no worker answered")), PATIENCE);
    });
    const opened = this.workers.map((worker, at) =>
      this.send(worker, { task: "open", record, first: bounds[at], stop: bounds[at + 1] }));
    await Promise.race([Promise.all(opened), refused]);
  }

  ask(message) {
    return Promise.all(this.workers.map((worker) => this.send(worker, message)));
  }

  close() {
    for (const worker of this.workers) worker.terminate();
  }
}

// The same in this thread: between two answers the page may draw.
class Alone {
  async open(record) {
    this.kernel = await kernelOf(record, 0, record.nQueries);
  }

  async ask({ task, weights, query, queries, k }) {
    await new Promise((resolve) => setTimeout(resolve));
    if (task === "lists") return [{ lists: queries.map((one) => this.kernel.list(weights, one, k)) }];
    const answer = this.kernel.run(weights);
    if (query >= 0) answer.list = this.kernel.list(weights, query, k);
    return [answer];
  }

  close() {}
}

async function staffed(record, text) {
  const processors = Math.max(1, navigator.hardwareConcurrency || 1);
  const count = Math.min(MOST_WORKERS, processors, Math.ceil(record.nQueries / 50));
  let crew = null;
  try {
    crew = new Crew(text, count);
    await crew.open(record);
    return { staff: crew, where: count === 1 ? "1 worker" : count + " workers" };
  } catch {
    if (crew) crew.close();
  }
  const staff = new Alone();
  await staff.open(record);
  return { staff, where: "this page's own thread" };
}

// Weights as the kernel takes them: they sum to 1.
export function shared(weights) {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return total > 0 ? weights.map((weight) => weight / total) : weights.map(() => 1 / weights.length);
}

export class WorkerEngine {
  // record: what `core/export/report/live/contents.py` writes; text: of the worker's script.
  static async open(record, text) {
    const engine = new WorkerEngine();
    const { staff, where } = await staffed(record, text);
    Object.assign(engine, { record, staff, where, busy: false, next: null, singles: [] });
    engine.unit = { codes: await integers(record.unit.codes), n: record.unit.n, quantile: record.unit.quantile };
    for (let m = 0; m < record.backbones.length; m++) {
      engine.singles.push(await engine.figures(record.backbones.map((_, at) => (at === m ? 1 : 0)), -1, 0));
    }
    const means = engine.singles.map((single) => single.means[0]);
    engine.bestSingle = means.indexOf(Math.max(...means));
    return engine;
  }

  // The newest question is answered; one that was overtaken before it began is answered with null.
  update(weights, query = -1, k = 15) {
    return new Promise((resolve, reject) => {
      if (this.next) this.next.resolve(null);
      this.next = { weights, query, k, resolve, reject };
      if (!this.busy) this.work();
    });
  }

  async work() {
    this.busy = true;
    while (this.next) {
      const { weights, query, k, resolve, reject } = this.next;
      this.next = null;
      try {
        resolve(await this.figures(shared(weights), query, k));
      } catch (error) {
        reject(error);
      }
    }
    this.busy = false;
  }

  // Means, intervals and curve under weights that sum to 1, and the first results of one query.
  async figures(weights, query, k) {
    const began = performance.now();
    const { metrics, nQueries } = this.record;
    const parts = await this.staff.ask({ task: "run", weights, query, k });
    const columns = metrics.map(() => new Float64Array(nQueries));
    let start = 0;
    for (const { values } of parts) {
      const rows = values.length / metrics.length;
      for (let row = 0; row < rows; row++) {
        for (let m = 0; m < metrics.length; m++) columns[m][start + row] = values[row * metrics.length + m];
      }
      start += rows;
    }
    const estimates = columns.map((column) => estimate(column, this.unit, true));
    const valid = parts.reduce((sum, part) => sum + part.valid, 0);
    const curve = Array.from({ length: 11 }, (_, i) => parts.reduce((sum, part) => sum + part.curve[i], 0) / valid);
    const best = this.singles[this.bestSingle];
    return {
      weights,
      means: estimates.map((one) => one.mean),
      lows: estimates.map((one) => one.low),
      highs: estimates.map((one) => one.high),
      changes: best ? columns.map((column, m) => this.change(column, best.columns[m])) : null,
      curve,
      columns,
      nQueries: valid,
      list: parts.map((part) => part.list).find(Boolean) || null,
      milliseconds: performance.now() - began,
    };
  }

  // How much higher the mean is than the best single backbone's, over the same queries.
  change(column, single) {
    return estimate(column.map((value, q) => value - single[q]), this.unit, false);
  }

  // First results of several queries.
  async lists(weights, queries, k) {
    const parts = await this.staff.ask({ task: "lists", weights: shared(weights), queries, k });
    const all = new Map(parts.flatMap((part) => part.lists).map((list) => [list.query, list]));
    return queries.map((query) => all.get(query));
  }

  close() {
    this.staff.close();
  }
}
