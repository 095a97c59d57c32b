// A kernel from what the file holds.

import { Kernel } from "./kernel.js";
import { doubles, inflated, integers, rowsOf } from "./unpack.js";

// Which gallery images are relevant to each query, as slices of one array; single labels need no list per query.
async function relevance(record) {
  const { lists } = record;
  if (lists) {
    const bounds = await integers(lists.starts);
    const gains = lists.gains ? await doubles(lists.gains) : null;
    return { starts: bounds.subarray(0, -1), ends: bounds.subarray(1), items: await integers(lists.items), gains };
  }
  const queries = await integers(record.queryClasses);
  const gallery = await integers(record.galleryClasses);
  const order = Int32Array.from(gallery.keys()).sort((a, b) => gallery[a] - gallery[b] || a - b);
  const begin = new Map();
  const end = new Map();
  order.forEach((position, at) => {
    if (!begin.has(gallery[position])) begin.set(gallery[position], at);
    end.set(gallery[position], at + 1);
  });
  const bound = (map) => queries.map((label) => (label < 0 ? 0 : map.get(label) || 0));
  return { starts: bound(begin), ends: bound(end), items: order, gains: null };
}

// The kernel of the queries first ... stop - 1.
export async function kernelOf(record, first, stop) {
  const codes = [];
  const present = [];
  for (const backbone of record.backbones) {
    codes.push(await rowsOf(backbone, record, first, stop));
    const gaps = backbone.present;
    present.push(gaps ? { query: await inflated(gaps.query), gallery: await inflated(gaps.gallery) } : null);
  }
  const junkStarts = record.junk ? await integers(record.junk.starts) : null;
  const junkItems = record.junk ? await integers(record.junk.items) : null;
  const self = await integers(record.self);
  const tables = { ...(await relevance(record)), self, present, junkStarts, junkItems };
  return new Kernel(record, tables, codes, first, stop);
}
