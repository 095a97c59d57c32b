/* What Python sends: the large parts of a map (items, layouts, colours), each under the hash of its content.
 *
 * A part comes once and is kept decoded for all maps of this browser tab. Arrays travel as base64 of little-endian
 * numbers.
 */

const MAX_PARTS = 48;
const decodedParts = new Map(); // hash -> decoded part, least recently used first

export function decodeBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const raw = atob(text), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

export function encodeBase64(bytes) {
  let raw = "";
  for (let i = 0; i < bytes.length; i += 32768) raw += String.fromCharCode.apply(null, bytes.subarray(i, i + 32768));
  return btoa(raw);
}

/* Positions of points as Python sends and receives them: base64 of uint32, "" for none. */
export function encodePositions(positions) {
  return positions.length ? encodeBase64(new Uint8Array(Uint32Array.from(positions).buffer)) : "";
}

export function decodePositions(text) {
  return text ? new Uint32Array(decodeBase64(text).buffer) : new Uint32Array();
}

function decodePart(part) {
  const decoded = { ...part };
  if (part.xy) decoded.xy = new Float32Array(decodeBase64(part.xy).buffer);
  if (part.codes) decoded.codes = new Uint16Array(decodeBase64(part.codes).buffer);
  if (part.values) decoded.values = new Float32Array(decodeBase64(part.values).buffer);
  if (part.keys) decoded.keys = decodeBase64(part.keys);
  return decoded;
}

function keepPart(hash, part) {
  decodedParts.delete(hash);
  decodedParts.set(hash, part);
  while (decodedParts.size > MAX_PARTS) decodedParts.delete(decodedParts.keys().next().value);
}

export function storeParts(parts) {
  for (const [hash, part] of Object.entries(parts)) if (!decodedParts.has(hash)) keepPart(hash, decodePart(part));
}

export function missingParts(hashes) {
  return hashes.filter((hash) => !decodedParts.has(hash));
}

/* Parts that are drawn now are the last to be dropped. */
export function markPartsUsed(hashes) {
  for (const hash of hashes) keepPart(hash, decodedParts.get(hash));
}

export function getPart(hash) {
  return decodedParts.get(hash);
}
