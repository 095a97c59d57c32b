/* Draws the points with WebGL2: as discs, or, where there are very many, as a density of averaged colours.
 *
 * A painter is given arrays (positions of a pane, codes, flags, palette) when they change, and a scene for each pane
 * and frame (`Renderer.scene` describes it).
 */

import { DENSITY_FRAGMENT, DENSITY_VERTEX, POINT_FRAGMENT, POINT_VERTEX } from "./shaders.js";

export const COARSE = 4; // while a map of very many points moves, every fourth is drawn
const PALETTE_WIDTH = 256;

export class WebGLPainter {
  constructor(canvas) {
    const gl = canvas.getContext("webgl2", { antialias: false, premultipliedAlpha: true, preserveDrawingBuffer: true });
    if (!gl) throw new Error("no WebGL2");
    this.gl = gl;
    this.name = "webgl2";
    const floats = ["EXT_color_buffer_float", "EXT_color_buffer_half_float"];
    this.canSumColours = floats.some((name) => gl.getExtension(name));
    this.points = this.compile(POINT_VERTEX, POINT_FRAGMENT);
    this.density = this.compile(DENSITY_VERTEX, DENSITY_FRAGMENT);
    this.codes = gl.createBuffer();
    this.flags = gl.createBuffer();
    this.palette = gl.createTexture();
    this.panes = []; // { before, after, all, coarse }: buffers and vertex arrays
    this.noVertices = gl.createVertexArray();
  }

  compile(vertexSource, fragmentSource) {
    const gl = this.gl, program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, vertexSource], [gl.FRAGMENT_SHADER, fragmentSource]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost()) {
        throw new Error(gl.getShaderInfoLog(shader));
      }
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    const uniforms = {};
    for (let i = 0; i < (gl.getProgramParameter(program, gl.ACTIVE_UNIFORMS) || 0); i++) {
      const { name } = gl.getActiveUniform(program, i);
      uniforms[name] = gl.getUniformLocation(program, name);
    }
    return { program, uniforms };
  }

  /* --- arrays ----------------------------------------------------------------------------------------------- */

  upload(buffer, array) {
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, buffer);
    this.gl.bufferData(this.gl.ARRAY_BUFFER, array, this.gl.DYNAMIC_DRAW);
  }

  pane(index) {
    if (!this.panes[index]) {
      const buffers = { before: this.gl.createBuffer(), after: this.gl.createBuffer() };
      this.panes[index] = { ...buffers, all: this.vertexArray(buffers, 1), coarse: this.vertexArray(buffers, COARSE) };
    }
    return this.panes[index];
  }

  /* All points, or every so many of them. */
  vertexArray({ before, after }, every) {
    const gl = this.gl, array = gl.createVertexArray();
    gl.bindVertexArray(array);
    for (const [location, buffer] of [[0, before], [1, after]]) {
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.enableVertexAttribArray(location);
      gl.vertexAttribPointer(location, 3, gl.FLOAT, false, 12 * every, 0);
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
    const pane = this.pane(index);
    this.upload(pane.before, before);
    this.upload(pane.after, after);
  }

  setCodes(codes) { this.upload(this.codes, codes); }

  setFlags(flags) { this.upload(this.flags, flags); }

  setPalette(palette) {
    const gl = this.gl, rows = Math.max(1, Math.ceil(palette.length / PALETTE_WIDTH));
    const pixels = new Uint8Array(rows * PALETTE_WIDTH * 4);
    palette.forEach((colour, i) => pixels.set([...colour, 255], i * 4));
    gl.bindTexture(gl.TEXTURE_2D, this.palette);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, PALETTE_WIDTH, rows, 0, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
    this.readTexelsExactly();
  }

  readTexelsExactly() {
    const gl = this.gl;
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
  }

  /* A texture of half floats, as large as the canvas, that colours are summed in. */
  sumTarget(width, height) {
    const gl = this.gl;
    if (this.sums && this.sums.width === width && this.sums.height === height) return this.sums;
    if (this.sums) {
      gl.deleteTexture(this.sums.texture);
      gl.deleteFramebuffer(this.sums.framebuffer);
    }
    const texture = gl.createTexture(), framebuffer = gl.createFramebuffer();
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA16F, width, height, 0, gl.RGBA, gl.HALF_FLOAT, null);
    this.readTexelsExactly();
    gl.bindFramebuffer(gl.FRAMEBUFFER, framebuffer);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
    this.canSumColours = gl.checkFramebufferStatus(gl.FRAMEBUFFER) === gl.FRAMEBUFFER_COMPLETE;
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    this.sums = { texture, framebuffer, width, height };
    return this.sums;
  }

  /* --- a frame ---------------------------------------------------------------------------------------------- */

  begin(width, height) {
    const gl = this.gl;
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.disable(gl.SCISSOR_TEST);
    gl.viewport(0, 0, width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.enable(gl.BLEND);
  }

  draw(index, scene) {
    const gl = this.gl, { rect, ratio, fade, opacity, pointSize } = scene;
    const viewport = [rect.x, scene.height - rect.y - rect.h, rect.w, rect.h].map((v) => Math.round(v * ratio));
    gl.enable(gl.SCISSOR_TEST);
    gl.scissor(...viewport);
    if (scene.isDense && this.canSumColours) this.drawDensity(index, scene, viewport);
    else this.drawDiscs(index, scene, viewport, { pass: 0, size: pointSize * ratio, fade: fade * opacity });
    if (scene.anySelected) {
      this.drawDiscs(index, scene, viewport, { pass: 1, size: Math.max(4, pointSize * 1.2) * ratio, fade: 1 });
    }
  }

  drawDiscs(index, scene, viewport, style) {
    const gl = this.gl;
    gl.viewport(...viewport);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    this.drawPoints(index, scene, { ...style, soft: 0 });
  }

  drawDensity(index, scene, viewport) {
    const gl = this.gl, { rect, ratio } = scene, { program, uniforms } = this.density;
    const whole = [Math.round(scene.width * ratio), Math.round(scene.height * ratio)];
    const sums = this.sumTarget(...whole);
    gl.bindFramebuffer(gl.FRAMEBUFFER, sums.framebuffer);
    gl.viewport(...viewport);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.blendFunc(gl.ONE, gl.ONE);
    this.drawPoints(index, scene, { pass: 0, soft: 1, size: 4 * ratio, fade: 1 });
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.viewport(0, 0, ...whole);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.useProgram(program);
    gl.bindVertexArray(this.noVertices);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, sums.texture);
    gl.uniform1i(uniforms.sums, 0);
    const level = Math.max(1, (scene.visibleCount * 30) / (rect.w * rect.h)) / (scene.isCoarse ? COARSE : 1);
    gl.uniform1f(uniforms.level, level);
    gl.uniform1f(uniforms.fade, scene.fade < 1 ? 0.35 : 1);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  /* style: { pass 0 unselected or 1 selected, soft 0 or 1, size in device pixels, fade }. */
  drawPoints(index, scene, style) {
    const gl = this.gl, { program, uniforms } = this.points, { rect, scale } = scene;
    gl.useProgram(program);
    gl.bindVertexArray(scene.isCoarse ? this.pane(index).coarse : this.pane(index).all);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, this.palette);
    gl.uniform1i(uniforms.palette, 0);
    gl.uniform1f(uniforms.t, scene.t);
    gl.uniform2f(uniforms.scale, (2 * scale) / rect.w, (2 * scale) / rect.h);
    gl.uniform3f(uniforms.centre, ...scene.centre);
    gl.uniformMatrix3fv(uniforms.rotation, true, scene.rotation);
    gl.uniform1f(uniforms.size, style.size);
    gl.uniform1f(uniforms.depth, scene.depth);
    gl.uniform1i(uniforms.pass, style.pass);
    gl.uniform1f(uniforms.fade, style.fade);
    // Where colours are averaged, points without one must not drown the others.
    gl.uniform1f(uniforms.faint, style.soft ? 0.05 : 1);
    gl.uniform3f(uniforms.missing, ...scene.missing.map((channel) => channel / 255));
    gl.uniform1f(uniforms.edge, scene.pointSize > 5 ? 0.85 : 0);
    gl.uniform3f(uniforms.ground, ...scene.ground.map((channel) => channel / 255));
    gl.uniform1i(uniforms.soft, style.soft);
    gl.drawArrays(gl.POINTS, 0, scene.isCoarse ? Math.floor(scene.count / COARSE) : scene.count);
  }

  destroy() {
    const lose = this.gl.getExtension("WEBGL_lose_context");
    if (lose) lose.loseContext();
  }
}
