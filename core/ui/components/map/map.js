/* The map: points that can be panned, zoomed, hovered, lassoed and that travel when their positions change.
 *
 * Plain JavaScript, WebGL2 where there is one, a 2-D canvas where there is none. Streamlit calls the default export
 * again whenever the data changes; the view of one element lives on between the calls. Large parts (ids, positions,
 * colours) come once, under a hash; a part that is asked for and not here is requested with the trigger "missing".
 */

const PARTS = new Map(); // hash -> decoded part, shared by all maps of this tab
const KEPT_PARTS = 48;
const VIEWS = new WeakMap();
const NONE = 65535;
const TRAVEL_MS = 700;
const LIVE_MS = 260; // the longest way to a layout that came while it is being made
const MOST_TRAVELLING = 20000;
const DENSE = 50000;
const COARSE = 4; // while a map of more points than DENSE moves, every fourth is drawn
const AT_REST_MS = 180;
const HIDDEN = 1, CHOSEN = 2;

const COLOURS = ["#4269d0", "#e8871e", "#2a9d6f", "#c2527f", "#7f62c9", "#2f9fb8", "#a5853b", "#d64545", "#7aa63a", "#6b7686"];
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

const ICONS = {
  pan: "M8 1v14M1 8h14M8 1 6 3M8 1l2 2M8 15l-2-2M8 15l2-2M1 8l2-2M1 8l2 2M15 8l-2-2M15 8l-2 2",
  lasso: "M8 2.5c3.6 0 6.2 1.8 6.2 4.2S11.6 11 8 11c-1 0-2-.2-2.800-.5M5.200 10.500C3 9.800 1.800 8.400 1.800 6.700 1.800 4.300 4.400 2.500 8 2.500M5.200 10.500c-1.600.2-1.900 1.900-.6 2.300 1 .3.900 1.400 0 1.900",
  box: "M2.500 5V2.500H5M11 2.500h2.500V5M13.500 11v2.500H11M5 13.500H2.500V11M7 2.500h2M7 13.500h2M2.500 7v2M13.500 7v2",
  fit: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4M6.500 8a1.500 1.500 0 1 0 3 0 1.500 1.500 0 1 0-3 0",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  pictures: "M2 3h12v10H2zM2 11l3.500-3.500L8.500 10.500l2-2L14 12M10.500 5.800a.7.7 0 1 0 1.400 0 .7.7 0 1 0-1.400 0",
  labels: "M3 4V2.800h10V4M8 2.800v10.400M6 13.200h4",
  clear: "M4 4l8 8M12 4l-8 8",
};

function bytes(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const raw = atob(text), out = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
  return out;
}

function base64(array) {
  let raw = "";
  for (let i = 0; i < array.length; i += 32768) raw += String.fromCharCode.apply(null, array.subarray(i, i + 32768));
  return btoa(raw);
}

function decode(part) {
  const out = { ...part };
  if (part.xy) out.xy = new Float32Array(bytes(part.xy).buffer);
  if (part.codes) out.codes = new Uint16Array(bytes(part.codes).buffer);
  if (part.values) out.values = new Float32Array(bytes(part.values).buffer);
  if (part.keys) out.keys = bytes(part.keys);
  return out;
}

function remember(hash, part) {
  PARTS.delete(hash);
  PARTS.set(hash, part);
  while (PARTS.size > KEPT_PARTS) PARTS.delete(PARTS.keys().next().value);
}

function element(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
function rgb(css) {
  probe.clearRect(0, 0, 1, 1);
  probe.fillStyle = "#888";
  probe.fillStyle = css;
  probe.fillRect(0, 0, 1, 1);
  return Array.from(probe.getImageData(0, 0, 1, 1).data).slice(0, 3);
}

function oklch(light, chroma, hue) {
  const a = chroma * Math.cos(hue), b = chroma * Math.sin(hue);
  const l = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (light - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s, -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s].map((c) => {
    const x = Math.min(1, Math.max(0, c));
    return Math.round(255 * (x <= 0.0031308 ? 12.92 * x : 1.055 * x ** (1 / 2.4) - 0.055));
  });
}

function stops(colours, count) {
  const given = colours.map(rgb), out = [];
  for (let i = 0; i < count; i++) {
    const at = (i / (count - 1)) * (given.length - 1), k = Math.min(given.length - 2, Math.floor(at)), t = at - k;
    out.push(given[k].map((c, j) => Math.round(c + (given[k + 1][j] - c) * t)));
  }
  return out;
}

const scaleOf = (colours, theme) => SCALES[theme.dark ? "dark" : "light"][colours.kind];

function paletteOf(colours, theme) {
  if (colours.kind !== "category") return stops(scaleOf(colours, theme), 256);
  return colours.entries.map((entry, i) => {
    if (entry.tint) return rgb(entry.tint);
    if (entry.rest) return theme.dark ? [112, 116, 124] : [176, 180, 188];
    if (i < COLOURS.length) return theme.dark ? rgb(COLOURS[i]).map((c) => Math.round(c + (255 - c) * 0.16)) : rgb(COLOURS[i]);
    const light = (theme.dark ? 0.74 : 0.6) + [0, 0.09, -0.09][i % 3];
    return oklch(light, [0.13, 0.09, 0.16][(i >> 1) % 3], i * 2.399963);
  });
}

const hex = (colour) => `rgb(${colour[0]},${colour[1]},${colour[2]})`;
const easeOut = (t) => 1 - (1 - t) * (1 - t);
const ease = (t) => (t < 0.5 ? 4 * t * t * t : 1 - (-2 * t + 2) ** 3 / 2);
const figure = (x) => (!Number.isFinite(x) ? "–" : Math.abs(x) >= 1000 || Number.isInteger(x) ? x.toLocaleString("en") : x.toFixed(3));

/* --- drawing points ------------------------------------------------------------------------------------------- */

const POINT_VERTEX = `#version 300 es
precision highp float;
layout(location=0) in vec3 before; layout(location=1) in vec3 after;
layout(location=2) in uint code; layout(location=3) in uint flag;
uniform float t; uniform vec2 scale; uniform vec3 centre; uniform mat3 turn; uniform float size; uniform float depth;
uniform int pass; uniform float fade; uniform float faint; uniform sampler2D palette; uniform vec3 missing;
out vec4 tint;
void main() {
  bool hidden = (flag & 1u) != 0u, chosen = (flag & 2u) != 0u;
  if (hidden || chosen != (pass == 1)) { gl_Position = vec4(9.0, 9.0, 9.0, 1.0); gl_PointSize = 0.0; return; }
  vec3 p = turn * (mix(before, after, t) - centre);
  gl_Position = vec4(p.xy * scale, 0.0, 1.0);
  float near = 1.0 + depth * clamp(p.z, -1.0, 1.0);
  gl_PointSize = size * near;
  vec3 colour = code == 65535u ? missing : texelFetch(palette, ivec2(int(code) & 255, int(code) >> 8), 0).rgb;
  tint = vec4(colour, (pass == 1 ? 1.0 : fade) * min(1.0, mix(1.0, near, depth > 0.0 ? 0.9 : 0.0)) * (code == 65535u ? faint : 1.0));
}`;

const POINT_FRAGMENT = `#version 300 es
precision highp float;
in vec4 tint; uniform float edge; uniform vec3 ground; uniform int soft; out vec4 colour;
void main() {
  float r = length(gl_PointCoord * 2.0 - 1.0);
  if (soft == 1) { float w = max(0.0, 1.0 - r) * tint.a; colour = vec4(tint.rgb * w, w); return; }
  float aa = fwidth(r);
  float alpha = (1.0 - smoothstep(1.0 - aa, 1.0 + 0.001, r)) * tint.a;
  vec3 body = mix(tint.rgb, ground, edge * smoothstep(0.70, 0.92, r));
  colour = vec4(body * alpha, alpha);
}`;

const DENSITY_VERTEX = `#version 300 es
void main() { vec2 p = vec2(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0); gl_Position = vec4(p, 0.0, 1.0); }`;

const DENSITY_FRAGMENT = `#version 300 es
precision highp float;
uniform sampler2D sums; uniform float level; uniform float fade; out vec4 colour;
void main() {
  vec4 s = texelFetch(sums, ivec2(gl_FragCoord.xy), 0);
  if (s.a < 0.01) { colour = vec4(0.0); return; }
  float alpha = (0.18 + 0.82 * (1.0 - exp(-s.a / level))) * min(1.0, s.a * 2.0) * fade;
  colour = vec4(s.rgb / s.a * alpha, alpha);
}`;

class GlPainter {
  constructor(canvas) {
    const gl = canvas.getContext("webgl2", { antialias: false, premultipliedAlpha: true, preserveDrawingBuffer: true });
    if (!gl) throw new Error("no WebGL2");
    this.gl = gl;
    this.name = "webgl2";
    this.canBlendHalf = Boolean(gl.getExtension("EXT_color_buffer_float") || gl.getExtension("EXT_color_buffer_half_float"));
    this.points = this.program(POINT_VERTEX, POINT_FRAGMENT);
    this.density = this.program(DENSITY_VERTEX, DENSITY_FRAGMENT);
    this.codes = gl.createBuffer();
    this.flags = gl.createBuffer();
    this.texture = gl.createTexture();
    this.panels = [];
    this.empty = gl.createVertexArray();
  }

  program(vertex, fragment) {
    const gl = this.gl, made = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost()) throw new Error(gl.getShaderInfoLog(shader));
      gl.attachShader(made, shader);
    }
    gl.linkProgram(made);
    const names = {};
    for (let i = 0; i < (gl.getProgramParameter(made, gl.ACTIVE_UNIFORMS) || 0); i++) {
      const { name } = gl.getActiveUniform(made, i);
      names[name] = gl.getUniformLocation(made, name);
    }
    return { made, names };
  }

  fill(buffer, array) {
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, buffer);
    this.gl.bufferData(this.gl.ARRAY_BUFFER, array, this.gl.DYNAMIC_DRAW);
  }

  panel(index) {
    const gl = this.gl;
    if (!this.panels[index]) {
      const made = { before: gl.createBuffer(), after: gl.createBuffer() };
      made.array = this.array(made, 1);
      made.coarse = this.array(made, COARSE);
      this.panels[index] = made;
    }
    return this.panels[index];
  }

  /* All points, or every so many of them. */
  array(made, every) {
    const gl = this.gl, array = gl.createVertexArray();
    gl.bindVertexArray(array);
    for (const [place, buffer] of [[0, made.before], [1, made.after]]) {
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.enableVertexAttribArray(place);
      gl.vertexAttribPointer(place, 3, gl.FLOAT, false, 12 * every, 0);
    }
    gl.bindBuffer(gl.ARRAY_BUFFER, this.codes);
    gl.enableVertexAttribArray(2);
    gl.vertexAttribIPointer(2, 1, gl.UNSIGNED_SHORT, 2 * every, 0);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.flags);
    gl.enableVertexAttribArray(3);
    gl.vertexAttribIPointer(3, 1, gl.UNSIGNED_BYTE, every, 0);
    gl.bindVertexArray(null);
    return array;
  }

  setPositions(index, before, after) {
    const panel = this.panel(index);
    this.fill(panel.before, before);
    this.fill(panel.after, after);
  }

  setCodes(codes) { this.fill(this.codes, codes); }

  setFlags(flags) { this.fill(this.flags, flags); }

  setPalette(palette) {
    const gl = this.gl, rows = Math.max(1, Math.ceil(palette.length / 256)), pixels = new Uint8Array(rows * 256 * 4);
    palette.forEach((c, i) => pixels.set([c[0], c[1], c[2], 255], i * 4));
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, 256, rows, 0, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
    for (const side of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, side, gl.NEAREST);
  }

  target(width, height) {
    const gl = this.gl;
    if (this.sums && this.sums.width === width && this.sums.height === height) return this.sums;
    if (this.sums) { gl.deleteTexture(this.sums.texture); gl.deleteFramebuffer(this.sums.frame); }
    const texture = gl.createTexture(), frame = gl.createFramebuffer();
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA16F, width, height, 0, gl.RGBA, gl.HALF_FLOAT, null);
    for (const side of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, side, gl.NEAREST);
    gl.bindFramebuffer(gl.FRAMEBUFFER, frame);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
    this.canBlendHalf = gl.checkFramebufferStatus(gl.FRAMEBUFFER) === gl.FRAMEBUFFER_COMPLETE;
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    this.sums = { texture, frame, width, height };
    return this.sums;
  }

  begin(width, height) {
    const gl = this.gl;
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.disable(gl.SCISSOR_TEST);
    gl.viewport(0, 0, width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.enable(gl.BLEND);
  }

  draw(index, look) {
    const gl = this.gl, { rect } = look;
    const place = [rect.x, look.height - rect.y - rect.h, rect.w, rect.h].map((v) => Math.round(v * look.ratio));
    gl.enable(gl.SCISSOR_TEST);
    gl.scissor(...place);
    if (look.dense && this.canBlendHalf) {
      const full = [Math.round(look.width * look.ratio), Math.round(look.height * look.ratio)];
      const sums = this.target(...full);
      gl.bindFramebuffer(gl.FRAMEBUFFER, sums.frame);
      gl.viewport(...place);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      gl.blendFunc(gl.ONE, gl.ONE);
      this.drawPoints(index, look, 0, { soft: 1, size: 4 * look.ratio, fade: 1 });
      gl.bindFramebuffer(gl.FRAMEBUFFER, null);
      gl.viewport(0, 0, ...full);
      gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
      gl.useProgram(this.density.made);
      gl.bindVertexArray(this.empty);
      gl.activeTexture(gl.TEXTURE0);
      gl.bindTexture(gl.TEXTURE_2D, sums.texture);
      gl.uniform1i(this.density.names.sums, 0);
      gl.uniform1f(this.density.names.level, Math.max(1, (look.count * 30) / (rect.w * rect.h)) / (look.coarse ? COARSE : 1));
      gl.uniform1f(this.density.names.fade, look.fade < 1 ? 0.35 : 1);
      gl.drawArrays(gl.TRIANGLES, 0, 3);
    } else {
      gl.viewport(...place);
      gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
      this.drawPoints(index, look, 0, { soft: 0, size: look.size * look.ratio, fade: look.fade * look.opacity });
    }
    if (look.anyChosen) {
      gl.viewport(...place);
      gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
      this.drawPoints(index, look, 1, { soft: 0, size: Math.max(4, look.size * 1.2) * look.ratio, fade: 1 });
    }
  }

  drawPoints(index, look, pass, how) {
    const gl = this.gl, { names } = this.points;
    gl.useProgram(this.points.made);
    gl.bindVertexArray(look.coarse ? this.panel(index).coarse : this.panel(index).array);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.uniform1i(names.palette, 0);
    gl.uniform1f(names.t, look.t);
    gl.uniform2f(names.scale, (2 * look.scale) / look.rect.w, (2 * look.scale) / look.rect.h);
    gl.uniform3f(names.centre, ...look.centre);
    gl.uniformMatrix3fv(names.turn, true, look.turn);
    gl.uniform1f(names.size, how.size);
    gl.uniform1f(names.depth, look.depth);
    gl.uniform1i(names.pass, pass);
    gl.uniform1f(names.fade, how.fade);
    gl.uniform1f(names.faint, how.soft ? 0.05 : 1); // where colours are averaged, points without one must not drown the others
    gl.uniform3f(names.missing, ...look.missing.map((c) => c / 255));
    gl.uniform1f(names.edge, look.size > 5 ? 0.85 : 0);
    gl.uniform3f(names.ground, ...look.ground.map((c) => c / 255));
    gl.uniform1i(names.soft, how.soft);
    gl.drawArrays(gl.POINTS, 0, look.coarse ? Math.floor(look.n / COARSE) : look.n);
  }

  destroy() {
    const lose = this.gl.getExtension("WEBGL_lose_context");
    if (lose) lose.loseContext();
  }
}

class FlatPainter {
  constructor(canvas) {
    this.context = canvas.getContext("2d");
    this.name = "canvas2d";
  }

  setPositions() {}

  setCodes(codes) { this.codes = codes; }

  setFlags(flags) { this.flags = flags; }

  setPalette(palette) { this.palette = palette.map(hex); }

  begin(width, height) {
    this.context.setTransform(1, 0, 0, 1, 0, 0);
    this.context.clearRect(0, 0, width, height);
  }

  draw(index, look) {
    const c = this.context, { rect, screen } = look;
    c.save();
    c.setTransform(look.ratio, 0, 0, look.ratio, 0, 0);
    c.beginPath();
    c.rect(rect.x, rect.y, rect.w, rect.h);
    c.clip();
    const missing = hex(look.missing), round = look.n <= 20000;
    for (const pass of look.anyChosen ? [0, 1] : [0]) {
      const size = pass ? Math.max(4, look.size * 1.2) : look.size;
      c.globalAlpha = pass ? 1 : look.fade * look.opacity;
      for (let i = 0; i < look.n; i++) {
        const flag = this.flags[i];
        if (flag & HIDDEN || Boolean(flag & CHOSEN) !== Boolean(pass)) continue;
        const x = screen[2 * i], y = screen[2 * i + 1];
        if (x < rect.x - size || y < rect.y - size || x > rect.x + rect.w + size || y > rect.y + rect.h + size) continue;
        c.fillStyle = this.codes[i] === NONE ? missing : this.palette[this.codes[i]];
        if (round) { c.beginPath(); c.arc(x, y, size / 2, 0, 6.2832); c.fill(); } else c.fillRect(x - size / 2, y - size / 2, size, size);
      }
    }
    c.restore();
  }

  destroy() {}
}

/* --- one map (or two, side by side) -----------------------------------------------------------------------------*/

class MapView {
  constructor(parent) {
    this.parent = parent;
    this.panels = [];
    this.n = 0;
    this.mode = "pan";
    this.hidden = new Set();
    this.stamp = 0;
    this.appliedSelection = "";
    this.hover = -1;
    this.pointed = -1;
    this.images = new Map();
    this.loading = 0;
    this.asked = "";
    this.showPictures = true;
    this.showLabels = true;
    this.frames = [];
    this.build();
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(this.stage);
    this.themeTimer = setInterval(() => this.readTheme(), 1000);
    this.hear = (event) => this.hearGrid(event.detail);
    document.addEventListener("fusionscope-hover", this.hear);
  }

  build() {
    const root = (this.root = element("div", "fs-map"));
    root.view = this;
    this.stage = element("div", "stage");
    this.stage.tabIndex = 0;
    this.stage.setAttribute("role", "application");
    this.stage.setAttribute("aria-label", "Map of the pictures. Arrows move, plus and minus zoom, comma and full stop step "
      + "through the points, Enter opens one, L lasso, B box, H hand, 0 fits, X clears the selection.");
    this.canvas = element("canvas", "points");
    this.overlay = element("canvas", "overlay");
    this.headings = element("div", "headings");
    this.toolbar = element("div", "toolbar");
    this.statuses = element("div", "statuses");
    this.live = element("div", "live");
    this.live.setAttribute("aria-live", "polite");
    this.card = element("div", "card");
    this.picture = element("img");
    this.picture.alt = "";
    this.cardText = element("div", "text");
    this.card.append(this.picture, this.cardText);
    this.stage.append(this.canvas, this.overlay, this.headings, this.statuses, this.toolbar, this.live);
    this.legend = element("aside", "legend");
    root.append(this.stage, this.legend, this.card);
    this.buttons = {};
    const tool = (name, title, act) => {
      const button = element("button", "tool");
      button.type = "button";
      button.title = title;
      button.setAttribute("aria-label", title);
      button.append(icon(name));
      button.onclick = act;
      this.toolbar.append(button);
      this.buttons[name] = button;
    };
    tool("pan", "Move the map (H)", () => this.setMode("pan"));
    tool("lasso", "Lasso (L). Shift adds, Ctrl removes", () => this.setMode("lasso"));
    tool("box", "Box (B). Shift adds, Ctrl removes", () => this.setMode("box"));
    this.toolbar.append(element("span", "gap"));
    tool("plus", "Zoom in (+)", () => this.zoomAll(1.6));
    tool("minus", "Zoom out (−)", () => this.zoomAll(1 / 1.6));
    tool("fit", "Show everything (0)", () => this.fitAll());
    this.toolbar.append(element("span", "gap"));
    tool("labels", "Names on the map", () => { this.showLabels = !this.showLabels; this.paintTools(); this.dirty(); });
    tool("pictures", "Pictures when zoomed in", () => { this.showPictures = !this.showPictures; this.paintTools(); this.dirty(); });
    tool("clear", "Clear the selection (X)", () => this.choose([], "replace"));
    this.setMode("pan");
    const on = (name, act, options) => this.stage.addEventListener(name, act, options);
    on("pointerdown", (e) => this.press(e));
    on("pointermove", (e) => this.move(e));
    on("pointerup", (e) => this.release(e));
    on("pointercancel", () => { this.drag = null; this.dirty(); });
    on("pointerleave", () => this.setHover(-1));
    on("wheel", (e) => this.wheel(e), { passive: false });
    on("dblclick", (e) => { if (e.target === this.overlay && this.mode === "pan") this.zoomAt(this.panelAt(e), 2, e); });
    on("keydown", (e) => this.key(e));
    on("contextmenu", (e) => { if (e.ctrlKey) e.preventDefault(); });
    this.canvas.addEventListener("webglcontextlost", (e) => e.preventDefault());
    this.canvas.addEventListener("webglcontextrestored", () => { this.painter = null; this.prepare(); });
    this.parent.append(root);
  }

  destroy() {
    this.dead = true;
    this.watcher.disconnect();
    clearInterval(this.themeTimer);
    clearTimeout(this.restTimer);
    document.removeEventListener("fusionscope-hover", this.hear);
    cancelAnimationFrame(this.request);
    if (this.painter) this.painter.destroy();
    this.root.remove();
  }

  /* --- data in ---------------------------------------------------------------------------------------------- */

  update(component) {
    this.component = component;
    const data = component.data;
    if (!data) return;
    this.data = data;
    for (const [hash, part] of Object.entries(data.parts || {})) if (!PARTS.has(hash)) remember(hash, decode(part));
    const wanted = [data.items, data.colours, ...data.panels.map((panel) => panel.xy)];
    const missing = wanted.filter((hash) => !PARTS.has(hash));
    if (missing.length) {
      if (this.asked !== missing.join()) {
        this.asked = missing.join();
        component.setTriggerValue("missing", missing);
      }
      return;
    }
    this.asked = "";
    for (const hash of wanted) remember(hash, PARTS.get(hash));
    this.stage.style.height = `${data.height}px`;
    this.readTheme(true);
    const items = PARTS.get(data.items);
    if (this.items !== items) {
      this.items = items;
      this.images.clear();
      if (this.n !== data.n || this.fingerprint !== data.fingerprint) this.panels = [];
      this.n = data.n;
      this.fingerprint = data.fingerprint;
      this.flags = new Uint8Array(this.n);
      this.stamp = 0;
      this.appliedSelection = "";
      this.hover = -1;
    }
    this.prepare();
    this.setPanels(data.panels);
    this.setColours(PARTS.get(data.colours));
    this.takeSelection(data.selection);
    this.focus = data.focus;
    data.panels.forEach((want, i) => this.listen(this.panels[i], want.live || ""));
    this.paintStatus();
    this.dirty();
  }

  /* Layouts that are being made come by a way of their own, so that no page runs again for each of them. */
  listen(panel, address) {
    if (panel.live === address) return;
    panel.live = address;
    panel.note = "";
    panel.came = 0;
    if (address) this.receive(panel, address);
  }

  async receive(panel, address) {
    const mine = () => !this.dead && panel.live === address && this.panels.includes(panel);
    let after = 0, state = "running";
    while (mine() && state === "running") {
      let answer, body;
      try {
        answer = await fetch(`${address}?after=${after}`, { cache: "no-store" });
        if (!answer.ok) break;
        body = await answer.arrayBuffer();
      } catch (error) {
        console.warn("The map waits for the whole layout:", error.message);
        break;
      }
      if (!mine()) return;
      state = answer.headers.get("X-State");
      after = Number(answer.headers.get("X-Number"));
      panel.note = decodeURIComponent(answer.headers.get("X-Note") || "");
      const dims = Number(answer.headers.get("X-Dims"));
      if (body.byteLength === 4 * dims * this.n) this.take(panel, new Float32Array(body), dims);
      this.paintStatus();
    }
    if (mine()) { panel.note = ""; panel.done = address; this.paintStatus(); }
  }

  take(panel, xy, dims) {
    const now = performance.now(), apart = panel.lastCame ? now - panel.lastCame : LIVE_MS;
    panel.lastCame = now;
    panel.came++;
    // Drawing many points takes as long as laying them out: those jump.
    this.moveTo(panel, xy, dims, this.n > MOST_TRAVELLING ? 1 : Math.min(LIVE_MS, Math.max(90, 1.3 * apart)), easeOut);
    this.dirty();
  }

  busy(panel) { return Boolean(panel.live) && panel.done !== panel.live; }

  /* What is going on, and the button that ends it; elements live on while only the words change. */
  paintStatus() {
    while (this.statuses.children.length > this.panels.length) this.statuses.lastChild.remove();
    this.panels.forEach((panel, i) => {
      let box = this.statuses.children[i];
      if (!box) {
        box = element("div", "status");
        const stop = element("button", "stop", "Stop");
        stop.type = "button";
        stop.title = "Stop here: what is shown stays";
        stop.onclick = () => this.component.setTriggerValue("stopped", { panel: i });
        box.append(element("span"), stop);
        this.statuses.append(box);
      }
      box.classList.toggle("idle", !this.busy(panel));
      box.firstChild.textContent = panel.note || "A better layout is on its way";
    });
  }

  prepare() {
    if (this.painter) return;
    try {
      if (this.data.renderer === "canvas2d") throw new Error("asked for a flat canvas");
      this.painter = new GlPainter(this.canvas);
    } catch (error) {
      if (this.data.renderer !== "canvas2d") console.warn("The map is drawn without WebGL2:", error.message);
      if (this.canvas.getContext("2d") === null) {
        const fresh = element("canvas", "points");
        this.canvas.replaceWith(fresh);
        this.canvas = fresh;
        this.resize();
      }
      this.painter = new FlatPainter(this.canvas);
    }
    this.root.dataset.renderer = this.painter.name;
    this.panels.forEach((panel, i) => this.painter.setPositions(i, panel.before, panel.after));
    if (this.colours) {
      this.painter.setCodes(this.colours.codes);
      this.painter.setPalette(this.palette);
    }
    if (this.flags) this.painter.setFlags(this.flags);
    this.resize();
  }

  /* Let the points travel to (n, dims) positions from where they are. */
  moveTo(panel, xy, dims, lasts, pace) {
    const after = new Float32Array(3 * this.n);
    for (let k = 0; k < this.n; k++) for (let d = 0; d < dims; d++) after[3 * k + d] = xy[dims * k + d];
    if (panel.after && panel.after.every((value, k) => value === after[k])) return;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    panel.before = panel.after && !still ? this.positions(panel).slice() : after;
    const travels = panel.before !== after;
    Object.assign(panel, { after, dims, lasts, pace, middles: null, moved: travels ? performance.now() : -1e9 });
    panel.version = (panel.version || 0) + 1;
    this.painter.setPositions(this.panels.indexOf(panel), panel.before, panel.after);
    if (panel.auto) this.fit(panel, travels);
  }

  setPanels(wanted) {
    const refit = this.panels.length !== wanted.length;
    this.panels.length = Math.min(this.panels.length, wanted.length);
    wanted.forEach((want, i) => {
      const part = PARTS.get(want.xy);
      let panel = this.panels[i];
      if (!panel) panel = this.panels[i] = { yaw: 0.6, pitch: 0.4, auto: true, moved: -1e9, lasts: TRAVEL_MS, pace: ease, live: "" };
      if (panel.hash === want.xy) return;
      panel.hash = want.xy;
      // What came by the layout's own way is newer than what the page knew when it ran.
      if (want.live && want.live === panel.live && panel.came) return;
      this.moveTo(panel, part.xy, part.dims, TRAVEL_MS, ease);
    });
    this.headings.replaceChildren(...wanted.map((want) => {
      const heading = element("div", "heading");
      heading.append(element("b", "", want.title || ""), element("span", "", want.note || ""));
      return heading;
    }));
    if (refit) { this.resize(); this.panels.forEach((panel) => this.fit(panel, false)); }
  }

  setColours(colours) {
    const same = this.colours === colours;
    if (!same) {
      this.colours = colours;
      this.hidden.clear();
      this.palette = paletteOf(colours, this.theme);
      this.painter.setCodes(colours.codes);
      this.painter.setPalette(this.palette);
      this.totals = new Uint32Array(colours.kind === "category" ? colours.entries.length : 0);
      if (this.totals.length) for (const code of colours.codes) if (code !== NONE) this.totals[code]++;
      this.panels.forEach((panel) => { panel.middles = null; });
      this.buildLegend(); // before hiding: the old rows do not belong to the new colours
      this.applyHidden();
    }
  }

  takeSelection(given) {
    if (!given || given.stamp < this.stamp) return;
    const mark = `${given.positions}`;
    if (given.stamp === this.stamp && mark === this.appliedSelection) return;
    this.stamp = given.stamp;
    this.appliedSelection = mark;
    for (let i = 0; i < this.n; i++) this.flags[i] &= ~CHOSEN;
    if (given.positions) for (const i of new Uint32Array(bytes(given.positions).buffer)) if (i < this.n) this.flags[i] |= CHOSEN;
    this.selectionChanged();
  }

  readTheme(quiet) {
    const style = getComputedStyle(this.root);
    const value = (name, other) => style.getPropertyValue(name).trim() || other;
    const ground = value("--st-background-color", "#ffffff"), text = value("--st-text-color", "#31333f");
    const primary = value("--st-primary-color", "#4e79a7");
    const mark = `${ground} ${text} ${primary}`;
    if (this.theme && this.theme.mark === mark) return;
    const back = rgb(ground);
    this.theme = { mark, ground: back, text: rgb(text), primary, dark: back[0] * 0.3 + back[1] * 0.59 + back[2] * 0.11 < 128 };
    this.theme.font = value("--st-font", "system-ui, sans-serif");
    this.root.dataset.theme = this.theme.dark ? "dark" : "light";
    if (this.colours && !quiet) {
      this.palette = paletteOf(this.colours, this.theme);
      this.painter.setPalette(this.palette);
      this.buildLegend();
    }
    if (this.colours) this.dirty();
  }

  /* --- geometry --------------------------------------------------------------------------------------------- */

  resize() {
    const width = this.stage.clientWidth, height = this.stage.clientHeight;
    if (!width || !height) return;
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    const changed = width !== this.width || height !== this.height || ratio !== this.ratio;
    Object.assign(this, { width, height, ratio });
    for (const canvas of [this.canvas, this.overlay]) {
      const size = [Math.round(width * ratio), Math.round(height * ratio)];
      if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
    }
    const count = Math.max(1, this.panels.length), gap = count > 1 ? 1 : 0, w = (width - gap * (count - 1)) / count;
    this.panels.forEach((panel, i) => { panel.rect = { x: i * (w + gap), y: 0, w, h: height }; });
    this.root.dataset.panels = String(count);
    if (changed) this.panels.forEach((panel) => { if (panel.auto) this.fit(panel, false); panel.screenMark = ""; });
    this.dirty();
  }

  progress(panel) {
    return Math.min(1, Math.max(0, (performance.now() - panel.moved) / panel.lasts));
  }

  positions(panel) {
    const t = panel.pace(this.progress(panel));
    if (t >= 1) return panel.after;
    const out = new Float32Array(panel.after.length);
    for (let i = 0; i < out.length; i++) out[i] = panel.before[i] + (panel.after[i] - panel.before[i]) * t;
    return out;
  }

  fitted(panel) {
    let hx = 0.2, hy = 0.2;
    if (panel.dims === 3) hx = hy = 1.15;
    else for (let i = 0; i < panel.after.length; i += 3) {
      const x = Math.abs(panel.after[i]), y = Math.abs(panel.after[i + 1]);
      if (x > hx) hx = Math.min(x, 1.25);
      if (y > hy) hy = Math.min(y, 1.25);
    }
    const room = panel.rect || { w: this.width || 600, h: this.height || 500 };
    return Math.min((room.w - 48) / (2 * hx), (room.h - 96) / (2 * hy));
  }

  fit(panel, smoothly) {
    panel.auto = true;
    const scale = this.fitted(panel);
    const offset = -14 / scale; // a little lower than the middle: the heading stands above
    if (smoothly && panel.scale) {
      panel.glide = { from: [panel.cx, panel.cy, panel.scale], to: [0, -offset, scale], at: performance.now(), lasts: panel.lasts || TRAVEL_MS };
    } else {
      panel.glide = null;
      [panel.cx, panel.cy, panel.scale] = [0, -offset, scale];
    }
    panel.fitScale = scale;
    panel.screenMark = "";
  }

  turn(panel) {
    if (panel.dims !== 3) return [1, 0, 0, 0, 1, 0, 0, 0, 1];
    const [cy, sy, cp, sp] = [Math.cos(panel.yaw), Math.sin(panel.yaw), Math.cos(panel.pitch), Math.sin(panel.pitch)];
    return [cy, 0, sy, sy * sp, cp, -cy * sp, -sy * cp, sp, cy * cp];
  }

  centre(panel) {
    if (panel.dims !== 3) return [panel.cx, panel.cy, 0];
    const m = this.turn(panel);
    return [m[0] * panel.cx + m[3] * panel.cy, m[1] * panel.cx + m[4] * panel.cy, m[2] * panel.cx + m[5] * panel.cy];
  }

  /* Screen places of all points of a panel, in CSS pixels: what hover, lasso, labels and pictures look at. */
  screen(panel) {
    const t = this.progress(panel);
    const mark = [panel.version, t < 1 ? t : 1, panel.cx, panel.cy, panel.scale, panel.yaw, panel.pitch, panel.rect.x, panel.rect.w, this.height].join();
    if (panel.screenMark === mark) return panel.places;
    const from = this.positions(panel), m = this.turn(panel), c = this.centre(panel);
    const out = panel.places && panel.places.length === 2 * this.n ? panel.places : new Float32Array(2 * this.n);
    const mx = panel.rect.x + panel.rect.w / 2, my = panel.rect.y + panel.rect.h / 2;
    for (let i = 0, j = 0; i < from.length; i += 3, j += 2) {
      const x = from[i] - c[0], y = from[i + 1] - c[1], z = from[i + 2] - c[2];
      out[j] = mx + (m[0] * x + m[1] * y + m[2] * z) * panel.scale;
      out[j + 1] = my - (m[3] * x + m[4] * y + m[5] * z) * panel.scale;
    }
    panel.places = out;
    panel.screenMark = mark;
    return out;
  }

  pointSize(panel) {
    const base = Math.min(9.5, Math.max(2.2, 14.2 - 2.45 * Math.log10(Math.max(10, this.n))));
    return Math.min(15, base * Math.min(2.2, Math.max(0.8, panel.scale / panel.fitScale)) ** 0.45 * (this.panels.length > 1 ? 0.9 : 1));
  }

  panelAt(event) {
    const x = this.at(event)[0];
    return this.panels.find((panel) => x < panel.rect.x + panel.rect.w) || this.panels[this.panels.length - 1];
  }

  at(event) {
    const box = this.stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  /* --- drawing ---------------------------------------------------------------------------------------------- */

  /* The map is being moved: many points are drawn coarsely until it rests. */
  moving() {
    if (this.n > DENSE) {
      this.coarseUntil = performance.now() + AT_REST_MS;
      clearTimeout(this.restTimer);
      this.restTimer = setTimeout(() => this.dirty(), AT_REST_MS + 10);
    }
    this.dirty();
  }

  dirty() {
    if (this.dead || this.request) return;
    this.request = requestAnimationFrame(() => {
      this.request = 0;
      this.draw();
    });
  }

  draw() {
    if (this.dead || !this.painter || !this.width || !this.panels.length || !this.colours || !this.panels[0].rect) return;
    const start = performance.now();
    let again = false;
    this.painter.begin(this.canvas.width, this.canvas.height);
    const pen = this.overlay.getContext("2d");
    pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    pen.clearRect(0, 0, this.width, this.height);
    this.panels.forEach((panel, i) => {
      if (panel.glide) {
        const g = panel.glide, t = Math.min(1, (start - g.at) / g.lasts), e = ease(t);
        [panel.cx, panel.cy] = [0, 1].map((k) => g.from[k] + (g.to[k] - g.from[k]) * e);
        panel.scale = g.from[2] * (g.to[2] / g.from[2]) ** e;
        if (t >= 1) panel.glide = null;
        again = true;
      }
      const t = this.progress(panel);
      if (t < 1) again = true;
      this.painter.draw(i, this.look(panel, t));
      this.drawOver(pen, panel, t >= 1);
    });
    this.drawDrag(pen);
    this.frames.push(performance.now() - start);
    if (this.frames.length > 240) this.frames.shift();
    if (again) this.dirty();
  }

  look(panel, t) {
    const flat = this.painter.name === "canvas2d";
    const look = {
      n: this.n, t: panel.pace(t), rect: panel.rect, width: this.width, height: this.height, ratio: this.ratio, scale: panel.scale,
      centre: this.centre(panel), turn: this.turn(panel), depth: panel.dims === 3 ? 0.4 : 0, size: this.pointSize(panel),
      anyChosen: this.anyChosen, fade: this.anyChosen ? 0.16 : 1, opacity: this.n > 20000 ? 0.7 : this.n > 4000 ? 0.82 : 0.92,
      ground: this.theme.ground, missing: this.theme.dark ? [78, 82, 90] : [205, 208, 213], count: this.n, dense: false,
    };
    if (flat) look.screen = this.screen(panel);
    else if (this.n > DENSE) {
      look.count = panel.scale > panel.fitScale * 1.5 ? this.inView(panel, DENSE / 2).length : this.n;
      look.dense = look.count >= DENSE / 2;
      look.coarse = look.dense && performance.now() < (this.coarseUntil || 0);
    }
    return look;
  }

  /* Numbers of the visible points inside a panel's rectangle, at most `limit`. */
  inView(panel, limit) {
    const places = this.screen(panel), { x, y, w, h } = panel.rect, out = [];
    for (let i = 0; i < this.n && out.length < limit; i++) {
      const px = places[2 * i], py = places[2 * i + 1];
      if (px >= x && px <= x + w && py >= y && py <= y + h && !(this.flags[i] & HIDDEN)) out.push(i);
    }
    return out;
  }

  drawOver(pen, panel, still) {
    pen.save();
    pen.beginPath();
    pen.rect(panel.rect.x, panel.rect.y, panel.rect.w, panel.rect.h);
    pen.clip();
    panel.thumbs = [];
    if (panel.rect.x > 0) {
      pen.fillStyle = `rgba(${this.theme.text},0.14)`;
      pen.fillRect(panel.rect.x - 1, 12, 1, panel.rect.h - 24);
    }
    if (still && this.showPictures && this.data.image && (panel.scale > panel.fitScale * 1.9 || this.n <= 48)) this.drawPictures(pen, panel);
    if (this.focus) this.drawLines(pen, panel);
    if (still && this.showLabels && !panel.thumbs.length && !this.anyChosen) this.drawLabels(pen, panel);
    for (const i of [this.hover, this.pointed]) if (i >= 0 && i < this.n && !(this.flags[i] & HIDDEN)) this.ring(pen, panel, i, 3.5, 2);
    pen.restore();
  }

  ring(pen, panel, i, more, width) {
    const places = this.screen(panel), size = this.pointSize(panel) / 2 + more;
    pen.beginPath();
    pen.arc(places[2 * i], places[2 * i + 1], size, 0, 6.2832);
    pen.lineWidth = width + 2;
    pen.strokeStyle = `rgba(${this.theme.ground},0.9)`;
    pen.stroke();
    pen.lineWidth = width;
    pen.strokeStyle = hex(this.theme.text);
    pen.stroke();
  }

  drawLines(pen, panel) {
    const { position, neighbours } = this.focus, places = this.screen(panel);
    if (position >= this.n) return;
    const x = places[2 * position], y = places[2 * position + 1];
    neighbours.forEach((other, rank) => {
      const strength = 0.85 - (0.5 * rank) / Math.max(1, neighbours.length);
      pen.beginPath();
      pen.moveTo(x, y);
      pen.lineTo(places[2 * other], places[2 * other + 1]);
      pen.lineWidth = 1.4;
      pen.strokeStyle = `rgba(${this.theme.text},${strength})`;
      pen.stroke();
    });
    neighbours.forEach((other) => this.ring(pen, panel, other, 1.5, 1.2));
    this.ring(pen, panel, position, 4, 2.4);
  }

  middles(panel) {
    if (panel.middles) return panel.middles;
    const groups = this.colours.entries.map(() => [[], [], []]);
    for (let i = 0; i < this.n; i++) {
      const code = this.colours.codes[i];
      if (code !== NONE) for (let d = 0; d < 3; d++) groups[code][d].push(panel.after[3 * i + d]);
    }
    const middle = (list) => list.sort((a, b) => a - b)[list.length >> 1];
    panel.middles = groups.map((group) => (group[0].length ? group.map(middle) : null));
    return panel.middles;
  }

  drawLabels(pen, panel) {
    const { kind, entries } = this.colours;
    if (kind !== "category" || entries.length > 80) return;
    const m = this.turn(panel), c = this.centre(panel), taken = [], middles = this.middles(panel);
    const order = entries.map((_, k) => k).filter((k) => middles[k] && !entries[k].rest && !this.hidden.has(k)).sort((a, b) => this.totals[b] - this.totals[a]);
    pen.font = `600 ${this.panels.length > 1 ? 10.5 : 11.5}px ${this.theme.font}`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.lineJoin = "round";
    for (const k of order) {
      const [x, y, z] = middles[k].map((v, d) => v - c[d]);
      const px = panel.rect.x + panel.rect.w / 2 + (m[0] * x + m[1] * y + m[2] * z) * panel.scale;
      const py = panel.rect.y + panel.rect.h / 2 - (m[3] * x + m[4] * y + m[5] * z) * panel.scale;
      const text = entries[k].name.length > 26 ? `${entries[k].name.slice(0, 25)}…` : entries[k].name;
      const half = pen.measureText(text).width / 2 + 5;
      if (px - half < panel.rect.x || px + half > panel.rect.x + panel.rect.w || py < 52 || py > panel.rect.h - 12) continue;
      if (taken.some((t) => Math.abs(t[0] - px) < t[2] + half && Math.abs(t[1] - py) < 17)) continue;
      taken.push([px, py, half]);
      pen.lineWidth = 4;
      pen.strokeStyle = `rgba(${this.theme.ground},0.88)`;
      pen.strokeText(text, px, py);
      pen.fillStyle = hex(this.theme.text);
      pen.fillText(text, px, py);
    }
  }

  drawPictures(pen, panel) {
    const visible = this.inView(panel, 1201);
    if (!visible.length || visible.length > 1200) return;
    const room = Math.sqrt((panel.rect.w * panel.rect.h) / visible.length);
    const size = Math.round(Math.min(92, Math.max(34, room * 0.62)));
    const places = this.screen(panel), cells = new Map(), first = (i) => (i === this.hover ? 2 : this.flags[i] & CHOSEN ? 1 : 0);
    visible.sort((a, b) => first(b) - first(a) || a - b);
    for (const i of visible) {
      const x = places[2 * i], y = places[2 * i + 1], gx = Math.floor(x / size), gy = Math.floor(y / size);
      let free = true;
      for (let a = gx - 1; a <= gx + 1 && free; a++) for (let b = gy - 1; b <= gy + 1 && free; b++) {
        const other = cells.get(a * 4096 + b);
        if (other !== undefined && Math.abs(places[2 * other] - x) < size + 2 && Math.abs(places[2 * other + 1] - y) < size + 2) free = false;
      }
      if (!free) continue;
      const image = this.image(i);
      if (!image) continue;
      cells.set(gx * 4096 + gy, i);
      panel.thumbs.push({ i, x, y, size });
      this.drawPicture(pen, image, x, y, size, i);
    }
  }

  drawPicture(pen, image, x, y, size, i) {
    const chosen = this.flags[i] & CHOSEN, code = this.colours.codes[i], radius = 5;
    const side = Math.min(image.naturalWidth, image.naturalHeight);
    pen.save();
    pen.globalAlpha = this.anyChosen && !chosen ? 0.3 : 1;
    pen.beginPath();
    pen.roundRect(x - size / 2, y - size / 2, size, size, radius);
    pen.fillStyle = hex(this.theme.ground);
    pen.fill();
    pen.save();
    pen.clip();
    pen.drawImage(image, (image.naturalWidth - side) / 2, (image.naturalHeight - side) / 2, side, side, x - size / 2, y - size / 2, size, size);
    pen.restore();
    pen.lineWidth = chosen ? 3 : 2;
    pen.strokeStyle = code === NONE ? `rgba(${this.theme.text},0.3)` : hex(this.palette[code]);
    pen.stroke();
    pen.restore();
  }

  address(i) {
    const { keys } = this.items;
    let key = "";
    if (keys) for (let k = 32 * i; k < 32 * i + 32; k++) key += keys[k].toString(16).padStart(2, "0");
    return this.data.image.replace("{key}", key).replace("{position}", String(i)).replace("{id}", encodeURIComponent(this.items.ids[i]));
  }

  image(i) {
    const known = this.images.get(i);
    if (known) return known.ready ? known.image : null;
    if (this.loading >= 16) return null;
    this.loading++;
    const image = new Image(), entry = { image, ready: false };
    this.images.set(i, entry);
    if (this.images.size > 1500) this.images.delete(this.images.keys().next().value);
    const done = (ready) => { entry.ready = ready; this.loading--; this.dirty(); };
    image.onload = () => done(true);
    image.onerror = () => done(false);
    image.src = this.address(i);
    return null;
  }

  drawDrag(pen) {
    const d = this.drag;
    if (!d || d.kind === "pan" || d.kind === "turn" || d.path.length < 2) return;
    pen.beginPath();
    if (d.kind === "box") {
      const [a, b] = [d.path[0], d.path[d.path.length - 1]];
      pen.rect(a[0], a[1], b[0] - a[0], b[1] - a[1]);
    } else d.path.forEach(([x, y], i) => (i ? pen.lineTo(x, y) : pen.moveTo(x, y)));
    pen.fillStyle = `rgba(${rgb(this.theme.primary)},0.12)`;
    pen.fill();
    pen.setLineDash([5, 4]);
    pen.lineWidth = 1.5;
    pen.strokeStyle = this.theme.primary;
    pen.stroke();
    pen.setLineDash([]);
  }

  /* --- the hand --------------------------------------------------------------------------------------------- */

  setMode(mode) {
    this.mode = mode;
    this.paintTools();
  }

  paintTools() {
    for (const name of ["pan", "lasso", "box"]) this.buttons[name].setAttribute("aria-pressed", String(this.mode === name));
    this.buttons.labels.setAttribute("aria-pressed", String(this.showLabels));
    this.buttons.pictures.setAttribute("aria-pressed", String(this.showPictures));
    this.buttons.clear.hidden = !this.anyChosen;
    this.stage.dataset.mode = this.mode;
  }

  press(event) {
    if (event.button > 0 || event.target !== this.overlay) return;
    this.stage.focus({ preventScroll: true });
    this.stage.setPointerCapture(event.pointerId);
    const panel = this.panelAt(event), at = this.at(event);
    const changing = event.shiftKey || event.ctrlKey || event.metaKey;
    const kind = this.mode === "pan" ? (changing ? "lasso" : panel.dims === 3 && !event.altKey ? "turn" : "pan") : this.mode;
    this.drag = { kind, panel, path: [at], how: event.shiftKey ? "add" : event.ctrlKey || event.metaKey ? "remove" : "replace", far: 0 };
    panel.glide = null;
  }

  move(event) {
    const at = this.at(event), d = this.drag;
    if (!d) {
      this.setHover(event.target === this.overlay ? this.pick(this.panelAt(event), at) : -1, event);
      return;
    }
    const last = d.path[d.path.length - 1], dx = at[0] - last[0], dy = at[1] - last[1];
    d.far = Math.max(d.far, Math.hypot(at[0] - d.path[0][0], at[1] - d.path[0][1]));
    d.path.push(at);
    if (d.far < 4) return;
    this.setHover(-1);
    if (d.kind === "pan") {
      d.panel.cx -= dx / d.panel.scale;
      d.panel.cy += dy / d.panel.scale;
      d.panel.auto = false;
    } else if (d.kind === "turn") {
      d.panel.yaw += dx * 0.008;
      d.panel.pitch = Math.min(1.57, Math.max(-1.57, d.panel.pitch + dy * 0.008));
    }
    if (d.kind === "pan" || d.kind === "turn") this.moving();
    else this.dirty();
  }

  release(event) {
    const d = this.drag;
    this.drag = null;
    if (!d) return;
    if (d.far < 4) {
      const i = this.pick(d.panel, this.at(event));
      if (i >= 0 && d.how !== "replace") this.choose([i], d.how);
      else if (i >= 0) this.open(i);
      else if (this.focus) this.component.setTriggerValue("clicked", { position: -1 });
    } else if (d.kind === "lasso" || d.kind === "box") this.choose(this.caught(d), d.how);
    this.dirty();
  }

  wheel(event) {
    if (event.target !== this.overlay) return;
    event.preventDefault();
    this.zoomAt(this.panelAt(event), Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)), event);
  }

  zoomAt(panel, factor, event) {
    const [x, y] = event ? this.at(event) : [panel.rect.x + panel.rect.w / 2, panel.rect.y + panel.rect.h / 2];
    const before = panel.scale, after = Math.min(panel.fitScale * 400, Math.max(panel.fitScale * 0.4, before * factor));
    const ox = x - panel.rect.x - panel.rect.w / 2, oy = panel.rect.y + panel.rect.h / 2 - y;
    panel.cx += ox / before - ox / after;
    panel.cy += oy / before - oy / after;
    panel.scale = after;
    panel.auto = false;
    panel.glide = null;
    if (event) this.setHover(-1);
    else this.follow();
    this.moving();
  }

  zoomAll(factor) { this.panels.forEach((panel) => this.zoomAt(panel, factor)); }

  fitAll() {
    this.panels.forEach((panel) => this.fit(panel, true));
    this.dirty();
  }

  pick(panel, [x, y]) {
    for (const thumb of panel.thumbs || []) if (Math.abs(thumb.x - x) <= thumb.size / 2 && Math.abs(thumb.y - y) <= thumb.size / 2) return thumb.i;
    const places = this.screen(panel), reach = Math.max(9, this.pointSize(panel) / 2 + 4);
    let best = -1, nearest = reach * reach;
    for (let i = 0; i < this.n; i++) {
      const dx = places[2 * i] - x, dy = places[2 * i + 1] - y, far = dx * dx + dy * dy;
      if (far < nearest && !(this.flags[i] & HIDDEN)) { nearest = far; best = i; }
    }
    return best;
  }

  caught({ kind, panel, path }) {
    let polygon = path;
    if (kind === "box") {
      const [a, b] = [path[0], path[path.length - 1]];
      polygon = [a, [b[0], a[1]], b, [a[0], b[1]]];
    }
    const xs = polygon.map((p) => p[0]), ys = polygon.map((p) => p[1]);
    const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const places = this.screen(panel), { rect } = panel, out = [];
    for (let i = 0; i < this.n; i++) {
      const x = places[2 * i], y = places[2 * i + 1];
      if (x < x0 || x > x1 || y < y0 || y > y1 || x < rect.x || x > rect.x + rect.w || this.flags[i] & HIDDEN) continue;
      let inside = false;
      for (let a = 0, b = polygon.length - 1; a < polygon.length; b = a++) {
        if ((ys[a] > y) !== (ys[b] > y) && x < ((xs[b] - xs[a]) * (y - ys[a])) / (ys[b] - ys[a]) + xs[a]) inside = !inside;
      }
      if (inside) out.push(i);
    }
    return out;
  }

  choose(points, how) {
    if (how === "replace") for (let i = 0; i < this.n; i++) this.flags[i] &= ~CHOSEN;
    for (const i of points) {
      if (how === "remove") this.flags[i] &= ~CHOSEN;
      else this.flags[i] |= CHOSEN;
    }
    this.selectionChanged();
    const chosen = [];
    for (let i = 0; i < this.n; i++) if (this.flags[i] & CHOSEN) chosen.push(i);
    const positions = chosen.length ? base64(new Uint8Array(Uint32Array.from(chosen).buffer)) : "";
    this.stamp = Math.max(Date.now(), this.stamp + 1);
    this.appliedSelection = positions;
    this.live.textContent = `${chosen.length} selected`;
    this.component.setStateValue("selection", { stamp: this.stamp, positions, fingerprint: this.data.fingerprint });
  }

  selectionChanged() {
    this.anyChosen = false;
    for (let i = 0; i < this.n && !this.anyChosen; i++) if (this.flags[i] & CHOSEN) this.anyChosen = true;
    this.painter.setFlags(this.flags);
    this.paintTools();
    this.paintLegend();
    this.dirty();
  }

  open(i) {
    this.component.setTriggerValue("clicked", { position: i, fingerprint: this.data.fingerprint });
  }

  key(event) {
    if (event.target !== this.stage || event.ctrlKey || event.metaKey || event.altKey) return;
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const acts = {
      "+": () => this.zoomAll(1.4), "=": () => this.zoomAll(1.4), "-": () => this.zoomAll(1 / 1.4), 0: () => this.fitAll(), f: () => this.fitAll(),
      l: () => this.setMode("lasso"), b: () => this.setMode("box"), h: () => this.setMode("pan"), x: () => this.choose([], "replace"),
      ".": () => this.step(1), ",": () => this.step(-1), Enter: () => this.hover >= 0 && this.open(this.hover),
      " ": () => this.hover >= 0 && this.choose([this.hover], this.flags[this.hover] & CHOSEN ? "remove" : "add"),
      Escape: () => { this.drag = null; this.setHover(-1); },
    };
    const step = steps[event.key], act = acts[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (step) {
      for (const panel of this.panels) {
        if (panel.dims === 3) { panel.yaw += step[0] * 0.12; panel.pitch = Math.min(1.57, Math.max(-1.57, panel.pitch - step[1] * 0.12)); continue; }
        panel.cx += (step[0] * 60) / panel.scale;
        panel.cy += (step[1] * 60) / panel.scale;
        panel.auto = false;
      }
      this.follow();
    } else if (act) act();
    else return;
    event.preventDefault();
    event.stopPropagation();
    this.dirty();
  }

  /* The next point in view, for those who use no mouse. */
  step(direction) {
    const visible = this.inView(this.panels[0], this.n);
    if (!visible.length) return;
    const at = visible.indexOf(this.hover), next = visible[(at + direction + visible.length) % visible.length];
    this.setHover(next);
    this.follow();
    this.live.textContent = this.cardText.textContent;
  }

  /* The card beside its point, where no pointer says where it should stand. */
  follow() {
    if (this.hover < 0) return;
    const box = this.stage.getBoundingClientRect(), places = this.screen(this.panels[0]);
    this.placeCard(box.left + places[2 * this.hover], box.top + places[2 * this.hover + 1]);
  }

  /* --- the card --------------------------------------------------------------------------------------------- */

  setHover(i, event) {
    if (i !== this.hover) {
      this.tellGrid(this.hover, false);
      this.hover = i;
      this.tellGrid(i, true);
      this.stage.classList.toggle("over", i >= 0);
      this.card.classList.toggle("open", i >= 0);
      if (i >= 0) this.fillCard(i);
      this.dirty();
    }
    if (i >= 0 && event) this.placeCard(event.clientX, event.clientY);
  }

  /* The picture grid of the same group and the map point at the same picture. */
  tellGrid(i, on) {
    if (i >= 0 && this.data && this.data.group) {
      document.dispatchEvent(new CustomEvent("fusionscope-hover", { detail: { group: this.data.group, id: this.items.ids[i], on, map: true } }));
    }
  }

  hearGrid({ group, id, on, map }) {
    if (map || !this.data || !group || group !== this.data.group) return;
    this.pointed = on ? this.items.ids.indexOf(id) : -1;
    this.dirty();
  }

  fillCard(i) {
    this.card.dataset.position = String(i);
    this.picture.removeAttribute("src");
    this.picture.hidden = !this.data.image;
    if (this.data.image) {
      this.picture.onload = () => { this.picture.dataset.ready = String(i); };
      this.picture.onerror = () => { this.picture.hidden = true; };
      this.picture.src = this.address(i);
    }
    const { kind, title, entries, codes, values } = this.colours, code = codes[i], lines = [];
    if (this.items.names && this.items.names[i]) lines.push(element("b", "", this.items.names[i]));
    if (kind !== "category" && values) {
      const row = element("span", "value");
      const dot = element("i");
      if (code !== NONE) dot.style.background = hex(this.palette[code]);
      row.append(dot, `${title} ${figure(values[i])}`);
      lines.push(row);
    } else if (code !== NONE && entries[code].name !== (this.items.names || [])[i]) {
      const row = element("span", "value");
      const dot = element("i");
      dot.style.background = hex(this.palette[code]);
      row.append(dot, entries[code].name);
      lines.push(row);
    }
    lines.push(element("small", "", this.items.ids[i]));
    this.cardText.replaceChildren(...lines);
  }

  placeCard(x, y) {
    const width = 172, height = Math.max(this.card.offsetHeight, this.data.image ? 232 : 84), box = this.stage.getBoundingClientRect();
    const inside = (left, top) => [Math.min(Math.max(8, left), innerWidth - width - 8), Math.min(Math.max(8, top), innerHeight - height - 8)];
    const spots = [[x + 18, y - height / 3], [x - 18 - width, y - height / 3]].map(([left, top]) => inside(left, top));
    if (this.focus) {
      // Lines run from one point to its nearest: the card may not lie on what it is looked at beside.
      for (const away of [60, 140, 240, 360]) for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [-1, 1], [1, -1], [-1, -1]]) {
        spots.push(inside(x + dx * away - (dx < 0 ? width : dx ? 0 : width / 2), y + dy * away - (dy < 0 ? height : dy ? 0 : height / 2)));
      }
    }
    const lines = this.linePlaces(box);
    let best = spots[0], least = Infinity;
    spots.forEach(([left, top], k) => {
      const within = ([px, py], room) => px > left - room && px < left + width + room && py > top - room && py < top + height + room;
      const cost = k * 0.01 + (within([x, y], 6) ? 1000 : 0) + lines.filter((place) => within(place, 4)).length;
      if (cost < least) { least = cost; best = [left, top]; }
    });
    this.card.style.transform = `translate(${Math.round(best[0])}px, ${Math.round(best[1])}px)`;
  }

  /* Places in the window along the lines of the focus. */
  linePlaces(box) {
    const out = [];
    if (!this.focus || this.focus.position >= this.n) return out;
    for (const panel of this.panels) {
      const places = this.screen(panel), at = (i) => [places[2 * i], places[2 * i + 1]], [x0, y0] = at(this.focus.position);
      for (const other of this.focus.neighbours) {
        const [x1, y1] = at(other);
        for (let k = 0; k <= 8; k++) out.push([box.left + x0 + ((x1 - x0) * k) / 8, box.top + y0 + ((y1 - y0) * k) / 8]);
      }
    }
    return out;
  }

  /* --- the legend ------------------------------------------------------------------------------------------- */

  buildLegend() {
    const { kind, title, entries, low, high } = this.colours;
    const head = element("div", "legend-head");
    head.append(element("b", "", title));
    this.rows = [];
    if (kind !== "category") {
      const bar = element("div", "bar"), ends = element("div", "ends");
      bar.style.background = `linear-gradient(to right, ${scaleOf(this.colours, this.theme).join(", ")})`;
      ends.append(element("span", "", figure(low)));
      if (kind === "diverging") ends.append(element("span", "", "0"));
      ends.append(element("span", "", figure(high)));
      this.summary = element("div", "summary");
      this.legend.replaceChildren(head, bar, ends, this.summary);
      this.legend.dataset.kind = "scale";
      this.paintLegend();
      return;
    }
    this.everything = element("button", "all", "Show all");
    this.everything.type = "button";
    this.everything.onclick = () => { this.hidden.clear(); this.applyHidden(); };
    head.append(this.everything);
    const list = element("div", "rows"), parts = [head];
    if (entries.length > 14) {
      const search = element("input");
      search.type = "search";
      search.placeholder = `Find in ${entries.length}`;
      search.setAttribute("aria-label", "Find in the legend");
      search.oninput = () => this.rows.forEach(({ row, name }) => { row.hidden = !name.toLowerCase().includes(search.value.toLowerCase()); });
      parts.push(search);
    }
    entries.forEach((entry, code) => {
      const row = element("button", "row"), dot = element("i"), count = element("span", "count");
      row.type = "button";
      row.title = `${entry.name}: click hides or shows, double click shows it alone`;
      dot.style.background = hex(this.palette[code]);
      row.append(dot, element("span", "name", entry.name), count);
      row.onclick = (e) => (e.shiftKey ? this.isolate(code) : this.toggle(code));
      row.ondblclick = () => this.isolate(code);
      list.append(row);
      this.rows.push({ row, count, name: entry.name });
    });
    parts.push(list);
    this.summary = element("div", "summary");
    parts.push(this.summary);
    this.legend.replaceChildren(...parts);
    this.legend.dataset.kind = "list";
    this.paintLegend();
  }

  toggle(code) {
    if (!this.hidden.delete(code)) this.hidden.add(code);
    this.applyHidden();
  }

  isolate(code) {
    const alone = this.hidden.size === this.colours.entries.length - 1 && !this.hidden.has(code);
    this.hidden = new Set(alone ? [] : this.colours.entries.map((_, k) => k).filter((k) => k !== code));
    this.applyHidden();
  }

  applyHidden() {
    const { codes } = this.colours, any = this.hidden.size > 0;
    const alone = any && this.hidden.size === this.colours.entries.length - 1;
    for (let i = 0; i < this.n; i++) {
      const hide = any && (codes[i] === NONE ? alone : this.hidden.has(codes[i]));
      this.flags[i] = hide ? this.flags[i] | HIDDEN : this.flags[i] & ~HIDDEN;
    }
    this.painter.setFlags(this.flags);
    this.setHover(-1);
    this.paintLegend();
    this.dirty();
  }

  paintLegend() {
    if (!this.colours || !this.summary) return;
    const { kind, codes, values } = this.colours;
    let chosen = 0, sum = 0, counted = 0;
    const counts = new Uint32Array(this.totals.length);
    for (let i = 0; i < this.n; i++) {
      if (!(this.flags[i] & CHOSEN)) continue;
      chosen++;
      if (kind === "category") { if (codes[i] !== NONE) counts[codes[i]]++; } else if (Number.isFinite(values[i])) { sum += values[i]; counted++; }
    }
    this.rows.forEach(({ row, count }, code) => {
      const off = this.hidden.has(code);
      row.setAttribute("aria-pressed", String(!off));
      row.classList.toggle("none", chosen > 0 && !counts[code]);
      count.textContent = chosen ? `${counts[code].toLocaleString("en")} / ${this.totals[code].toLocaleString("en")}` : this.totals[code].toLocaleString("en");
    });
    if (this.everything) this.everything.hidden = !this.hidden.size;
    const mean = kind !== "category" && counted ? `, mean ${figure(sum / counted)}` : "";
    this.summary.textContent = chosen ? `${chosen.toLocaleString("en")} of ${this.n.toLocaleString("en")} selected${mean}` : `${this.n.toLocaleString("en")} points`;
  }

  /* Milliseconds per frame while the map is being panned for `count` frames: what the tests and the bench print. */
  async measure(count) {
    const times = [], { cx } = this.panels[0];
    let last = performance.now();
    for (let k = 0; k < count; k++) {
      this.panels[0].cx = cx + 0.002 * (k % 10);
      this.moving();
      await new Promise((resolve) => requestAnimationFrame(resolve));
      const now = performance.now();
      times.push(now - last);
      last = now;
    }
    this.panels[0].cx = cx;
    times.sort((a, b) => a - b);
    return times[count >> 1];
  }
}

export default function (component) {
  const { parentElement } = component;
  let view = VIEWS.get(parentElement);
  if (!view) VIEWS.set(parentElement, (view = new MapView(parentElement)));
  view.update(component);
  return () => {
    view.destroy();
    VIEWS.delete(parentElement);
  };
}
