/* Colours: of classes, of scales, of the theme. A colour is [red, green, blue] of 0 to 255, unless it is CSS text. */

export const NO_CODE = 65535; // the code of a point without a class or a value

const CATEGORY_COLOURS = [
  "#4269d0", "#e8871e", "#2a9d6f", "#c2527f", "#7f62c9", "#2f9fb8", "#a5853b", "#d64545", "#7aa63a", "#6b7686",
];
const SCALES = {
  light: {
    number: ["#3b2f63", "#3f5687", "#2f7f8e", "#35a583", "#7fbc57", "#e6c229"],
    diverging: ["#1f5aa6", "#7aa6cf", "#c3c7ce", "#e39a78", "#b5402f"],
  },
  dark: { // no end of a scale may sink into the ground
    number: ["#8272d8", "#6c93d6", "#4fb0b9", "#56c193", "#a4d268", "#f6e05e"],
    diverging: ["#5aa2f0", "#5f86b4", "#646973", "#b9745c", "#f58a6a"],
  },
};
const SCALE_STEPS = 256;
const GOLDEN_ANGLE = 2.399963; // radians: neighbouring hues of many classes stay far apart

const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

/* Any CSS colour as [red, green, blue]; grey where the browser does not know it. */
export function parseColour(css) {
  probe.clearRect(0, 0, 1, 1);
  probe.fillStyle = "#888";
  probe.fillStyle = css;
  probe.fillRect(0, 0, 1, 1);
  return Array.from(probe.getImageData(0, 0, 1, 1).data).slice(0, 3);
}

export function cssColour(colour, alpha = 1) {
  return alpha === 1 ? `rgb(${colour[0]},${colour[1]},${colour[2]})` : `rgba(${colour},${alpha})`;
}

/* OKLCH to sRGB, hue in radians. Source: Björn Ottosson, A perceptual color space for image processing, 2020. */
function oklch(lightness, chroma, hue) {
  const a = chroma * Math.cos(hue), b = chroma * Math.sin(hue);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  return linear.map((channel) => {
    const x = Math.min(1, Math.max(0, channel));
    return Math.round(255 * (x <= 0.0031308 ? 12.92 * x : 1.055 * x ** (1 / 2.4) - 0.055));
  });
}

/* `count` colours from the first stop to the last, evenly spaced. */
function interpolateStops(stops, count) {
  const colours = stops.map(parseColour), last = colours.length - 1;
  return Array.from({ length: count }, (_, i) => {
    const at = (i / (count - 1)) * last, k = Math.min(last - 1, Math.floor(at));
    return colours[k].map((channel, j) => Math.round(channel + (colours[k + 1][j] - channel) * (at - k)));
  });
}

function categoryColour(entry, i, dark) {
  if (entry.tint) return parseColour(entry.tint);
  if (entry.rest) return dark ? [112, 116, 124] : [176, 180, 188];
  if (i < CATEGORY_COLOURS.length) {
    const colour = parseColour(CATEGORY_COLOURS[i]);
    return dark ? colour.map((channel) => Math.round(channel + (255 - channel) * 0.16)) : colour;
  }
  const lightness = (dark ? 0.74 : 0.6) + [0, 0.09, -0.09][i % 3];
  return oklch(lightness, [0.13, 0.09, 0.16][(i >> 1) % 3], i * GOLDEN_ANGLE);
}

/* What the points are coloured by: classes, or values on a scale.
 *
 * kind is "category", "number" or "diverging". codes (count,) index the palette: the entry of a class, or the step of
 * a scale. values (count,), low and high are there for scales only.
 */
export class Colouring {
  constructor(part, theme) {
    this.part = part;
    this.kind = part.kind;
    this.title = part.title;
    this.entries = part.entries;
    this.codes = part.codes;
    this.values = part.values;
    this.low = part.low;
    this.high = part.high;
    this.hidden = new Set(); // codes of the classes that the legend hides
    this.totals = new Uint32Array(this.isCategory ? part.entries.length : 0); // points of each class
    if (this.totals.length) for (const code of part.codes) if (code !== NO_CODE) this.totals[code]++;
    this.setTheme(theme);
  }

  get isCategory() { return this.kind === "category"; }

  setTheme(theme) {
    this.stops = this.isCategory ? [] : SCALES[theme.dark ? "dark" : "light"][this.kind];
    this.palette = this.isCategory
      ? this.entries.map((entry, i) => categoryColour(entry, i, theme.dark))
      : interpolateStops(this.stops, SCALE_STEPS);
  }

  /* The colour of a point as CSS, or null where it has no class or value. */
  cssOf(i) {
    const code = this.codes[i];
    return code === NO_CODE ? null : cssColour(this.palette[code]);
  }

  get isIsolated() { return this.hidden.size > 0 && this.hidden.size === this.entries.length - 1; }

  toggle(code) {
    if (!this.hidden.delete(code)) this.hidden.add(code);
  }

  /* Show one class alone, or all again where it is alone already. */
  isolate(code) {
    const isAlone = this.hidden.size === this.entries.length - 1 && !this.hidden.has(code);
    const others = this.entries.map((_, other) => other).filter((other) => other !== code);
    this.hidden = new Set(isAlone ? [] : others);
  }

  /* Whether the legend hides a point; points without a class go when one class stands alone. */
  hides(i) {
    if (!this.hidden.size) return false;
    return this.codes[i] === NO_CODE ? this.isIsolated : this.hidden.has(this.codes[i]);
  }
}

/* The colours and the font of the page around an element; `known` itself where no colour has changed since. */
export function readTheme(node, known) {
  const style = getComputedStyle(node);
  const property = (name, fallback) => style.getPropertyValue(name).trim() || fallback;
  const ground = property("--st-background-color", "#ffffff"), text = property("--st-text-color", "#31333f");
  const primary = property("--st-primary-color", "#4e79a7"), mark = `${ground} ${text} ${primary}`;
  if (known && known.mark === mark) return known;
  const groundColour = parseColour(ground);
  return {
    mark,
    ground: groundColour,
    text: parseColour(text),
    primary,
    dark: groundColour[0] * 0.3 + groundColour[1] * 0.59 + groundColour[2] * 0.11 < 128,
    font: property("--st-font", "system-ui, sans-serif"),
  };
}
