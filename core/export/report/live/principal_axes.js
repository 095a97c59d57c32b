// The map of a mix: principal components of the weighted concatenation, from leading components of each backbone.

import { inflated } from "./unpack.js";

const TURNS = 12;

export class PrincipalAxes {
  // record: { dims, parts: [{ components, scale, variance }] }; n: images.
  static async open(record, n) {
    const axes = new PrincipalAxes();
    const { dims } = record;
    const width = dims * record.parts.length;
    axes.rows = new Float32Array(n * width);
    for (let m = 0; m < record.parts.length; m++) {
      const codes = new Int8Array((await inflated(record.parts[m].components)).buffer);
      for (let i = 0; i < n; i++) {
        const to = i * width + m * dims, { scale } = record.parts[m];
        for (let d = 0; d < dims; d++) axes.rows[to + d] = codes[i * dims + d] * scale;
      }
    }
    Object.assign(axes, { n, dims, width, variances: record.parts.map((part) => part.variance) });
    axes.covariance = axes.products();
    const wave = (axis) => Float64Array.from({ length: width }, (_, d) => Math.cos((d + 1) * (axis + 1)));
    axes.basis = [wave(0), wave(1)];
    return axes;
  }

  products() {
    const { n, width, rows } = this;
    const sums = new Float64Array(width * width);
    for (let i = 0; i < n; i++) {
      for (let a = 0; a < width; a++) {
        const value = rows[i * width + a];
        for (let b = a; b < width; b++) sums[a * width + b] += value * rows[i * width + b];
      }
    }
    for (let a = 0; a < width; a++) for (let b = 0; b < a; b++) sums[a * width + b] = sums[b * width + a];
    return sums.map((value) => value / n);
  }

  // { xy: (n, 2) Float32Array, share: of the variance that the two axes hold }. The axes go on from where they were, so
  // that points travel and do not jump.
  layout(weights) {
    const { n, width, dims, rows, covariance, basis } = this;
    const root = Float64Array.from({ length: width }, (_, d) => Math.sqrt(weights[Math.floor(d / dims)]));
    const times = (vector) => Float64Array.from({ length: width }, (_, a) => {
      let sum = 0;
      for (let b = 0; b < width; b++) sum += covariance[a * width + b] * root[b] * vector[b];
      return sum * root[a];
    });
    const dot = (a, b) => a.reduce((sum, value, d) => sum + value * b[d], 0);
    let [first, second] = basis;
    let spread = [0, 0];
    for (let turn = 0; turn < TURNS; turn++) {
      [first, spread[0]] = unit(times(first));
      const rest = times(second);
      const along = dot(rest, first);
      [second, spread[1]] = unit(rest.map((value, d) => value - along * first[d]));
    }
    this.basis = [first, second];
    const xy = new Float32Array(2 * n);
    const [a, b] = [first, second].map((axis) => axis.map((value, d) => value * root[d]));
    for (let i = 0; i < n; i++) {
      let x = 0;
      let y = 0;
      for (let d = 0; d < width; d++) {
        x += rows[i * width + d] * a[d];
        y += rows[i * width + d] * b[d];
      }
      xy[2 * i] = x;
      xy[2 * i + 1] = y;
    }
    const total = weights.reduce((sum, weight, m) => sum + weight * this.variances[m], 0);
    return { xy, share: total > 0 ? (spread[0] + spread[1]) / total : 0 };
  }
}

function unit(vector) {
  const length = Math.hypot(...vector);
  return [length > 1e-12 ? vector.map((value) => value / length) : vector, length];
}
