/* The shaders of the WebGL2 painter. Flags are those of points.js: 1 hidden, 2 selected. */

export const POINT_VERTEX = `#version 300 es
precision highp float;
layout(location=0) in vec3 before; layout(location=1) in vec3 after;
layout(location=2) in uint code; layout(location=3) in uint flag;
uniform float t; uniform vec2 scale; uniform vec3 centre; uniform mat3 rotation;
uniform float size; uniform float depth;
uniform int pass; uniform float fade; uniform float faint; uniform sampler2D palette; uniform vec3 missing;
out vec4 tint;
void main() {
  bool hidden = (flag & 1u) != 0u, selected = (flag & 2u) != 0u;
  if (hidden || selected != (pass == 1)) { gl_Position = vec4(9.0, 9.0, 9.0, 1.0); gl_PointSize = 0.0; return; }
  vec3 p = rotation * (mix(before, after, t) - centre);
  gl_Position = vec4(p.xy * scale, 0.0, 1.0);
  float near = 1.0 + depth * clamp(p.z, -1.0, 1.0);
  gl_PointSize = size * near;
  bool uncoded = code == 65535u;
  vec3 colour = uncoded ? missing : texelFetch(palette, ivec2(int(code) & 255, int(code) >> 8), 0).rgb;
  float shade = min(1.0, mix(1.0, near, depth > 0.0 ? 0.9 : 0.0));
  tint = vec4(colour, (pass == 1 ? 1.0 : fade) * shade * (uncoded ? faint : 1.0));
}`;

/* A disc with a darker edge, or, where soft is 1, a cone of colour to be summed. */
export const POINT_FRAGMENT = `#version 300 es
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

export const DENSITY_VERTEX = `#version 300 es
void main() {
  vec2 p = vec2(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0);
  gl_Position = vec4(p, 0.0, 1.0);
}`;

/* The mean colour of the summed points of a pixel, more opaque the more there are. */
export const DENSITY_FRAGMENT = `#version 300 es
precision highp float;
uniform sampler2D sums; uniform float level; uniform float fade; out vec4 colour;
void main() {
  vec4 s = texelFetch(sums, ivec2(gl_FragCoord.xy), 0);
  if (s.a < 0.01) { colour = vec4(0.0); return; }
  float alpha = (0.18 + 0.82 * (1.0 - exp(-s.a / level))) * min(1.0, s.a * 2.0) * fade;
  colour = vec4(s.rgb / s.a * alpha, alpha);
}`;
