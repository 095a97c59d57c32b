// One worker: the kernel of some of the queries.

import { kernelOf } from "./tables.js";

let kernel = null;

self.onmessage = async ({ data }) => {
  const { turn, task } = data;
  try {
    if (task === "open") kernel = await kernelOf(data.record, data.first, data.stop);
    const answer = task === "run" ? kernel.run(data.weights) : {};
    if (task === "run" && data.query >= kernel.first && data.query < kernel.stop) {
      answer.list = kernel.list(data.weights, data.query, data.k);
    }
    if (task === "lists") {
      const mine = data.queries.filter((query) => query >= kernel.first && query < kernel.stop);
      answer.lists = mine.map((query) => kernel.list(data.weights, query, data.k));
    }
    self.postMessage({ turn, answer }, answer.values ? [answer.values.buffer] : []);
  } catch (error) {
    self.postMessage({ turn, error: String(error) });
  }
};
