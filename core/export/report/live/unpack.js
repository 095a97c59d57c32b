// What the file holds, as typed arrays. Arrays travel as zlib streams in base64, little-endian.

function bytesOf(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = letters.charCodeAt(at);
  return bytes;
}

// The bytes behind a base64 zlib stream.
export async function inflated(text) {
  const stream = new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

export async function integers(text) {
  return new Int32Array((await inflated(text)).buffer);
}

export async function doubles(text) {
  return new Float64Array((await inflated(text)).buffer);
}

// The code at a place of the stored order: eight bits of it in one plane, the finer ones packed in another.
function reader(high, low, fineBits) {
  if (!fineBits) return (at) => high[at];
  const perByte = 8 / fineBits;
  const mask = (1 << fineBits) - 1;
  return (at) => (high[at] << fineBits) | ((low[Math.floor(at / perByte)] >> (fineBits * (at % perByte))) & mask);
}

// The rows first ... stop - 1 of one backbone's (nQueries, nGallery) codes, row after row.
export async function rowsOf(backbone, shape, first, stop) {
  const high = await inflated(backbone.high);
  const low = shape.bits > 8 ? await inflated(backbone.fine) : null;
  const n = shape.nGallery;
  const rows = shape.bits > 8 ? new Uint16Array((stop - first) * n) : new Uint8Array((stop - first) * n);
  const code = reader(high, low, shape.bits - 8);
  if (!shape.triangle) {
    for (let at = 0; at < rows.length; at++) rows[at] = code(first * n + at);
    return rows;
  }
  // Upper triangle, row after row: pair (i, j) with i < j stands at start(i) + j.
  for (let i = 0; i < stop; i++) {
    const start = i * n - (i * (i + 1)) / 2 - i - 1;
    const mine = i >= first;
    for (let j = Math.max(i + 1, mine ? 0 : first); j < n; j++) {
      const value = code(start + j);
      if (mine) rows[(i - first) * n + j] = value;
      if (j >= first && j < stop) rows[(j - first) * n + i] = value;
    }
  }
  return rows;
}
