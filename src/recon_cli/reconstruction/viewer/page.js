// Shows one splat. Own code; nothing is loaded. `reconReady` turns true when a picture is up, `reconError` says why none is.
// Axes as in COLMAP: x right, y down, z ahead. A view is rotation (world to camera, row by row), place, focal, middle, size.
"use strict";

const ROW = 1024, FAR_BITS = 18;

const VERTEX = `#version 300 es
precision highp float;
precision highp int;
uniform highp sampler2D shapes;
uniform highp sampler2D tints;
uniform mat3 turn;
uniform vec3 place;
uniform vec2 focal, middle, size;
uniform int degree, count;
uniform float near;
layout(location = 0) in uint which;
out vec2 at;
out vec4 tint;
out float cut;

vec4 shape(int k) {
  int texel = (int(which) % ${ROW}) * 3 + k;
  return texelFetch(shapes, ivec2(texel, int(which) / ${ROW}), 0);
}

vec3 harmonic(int k) {
  int row = int(which) / 256, column = (int(which) % 256) * count + k;
  return texelFetch(tints, ivec2(column, row), 0).rgb;
}

vec3 rest(int k) { return (harmonic(k) * 255.0 - 128.0) / 128.0; }

vec3 colour(vec3 d) {
  vec3 c = 0.5 + 0.28209479177387814 * (harmonic(0) - 0.5) / 0.15;
  float x = d.x, y = d.y, z = d.z;
  if (degree > 0) c += 0.4886025119029199 * (-y * rest(1) + z * rest(2) - x * rest(3));
  if (degree > 1) {
    c += 1.0925484305920792 * (x * y * rest(4) - y * z * rest(5) - x * z * rest(7));
    c += 0.31539156525252005 * (2.0 * z * z - x * x - y * y) * rest(6) + 0.5462742152960396 * (x * x - y * y) * rest(8);
  }
  if (degree > 2) {
    c -= 0.5900435899266435 * (y * (3.0 * x * x - y * y) * rest(9) + x * (x * x - 3.0 * y * y) * rest(15));
    c += 2.890611442640554 * x * y * z * rest(10) + 1.445305721320277 * z * (x * x - y * y) * rest(14);
    c -= 0.4570457994644658 * (4.0 * z * z - x * x - y * y) * (y * rest(11) + x * rest(13));
    c += 0.3731763325901154 * z * (2.0 * z * z - 3.0 * x * x - 3.0 * y * y) * rest(12);
  }
  return max(c, 0.0);
}

void main() {
  vec4 a = shape(0), b = shape(1), c = shape(2);
  vec3 way = a.xyz - place, p = turn * way;
  float opacity = a.w;
  gl_Position = vec4(0.0, 0.0, 2.0, 1.0);
  if (p.z <= near || opacity <= 1.0 / 255.0) return;
  vec2 limit = 0.65 * size / focal;
  vec2 slant = clamp(p.xy / p.z, -limit, limit);
  mat3 view = transpose(turn);
  vec3 jx = focal.x / p.z * (view[0] - slant.x * view[2]);
  vec3 jy = focal.y / p.z * (view[1] - slant.y * view[2]);
  mat3 cov = mat3(b.x, b.y, b.z, b.y, b.w, c.x, b.z, c.x, c.y);
  float xx = dot(jx, cov * jx) + 0.3, xy = dot(jx, cov * jy), yy = dot(jy, cov * jy) + 0.3;
  float mean = 0.5 * (xx + yy), gap = length(vec2(0.5 * (xx - yy), xy));
  float large = mean + gap, small = max(mean - gap, 0.05);
  vec2 axis = gap < 1e-6 ? vec2(1.0, 0.0) : normalize(abs(xy) > 1e-6 ? vec2(xy, large - xx) : (xx >= yy ? vec2(1.0, 0.0) : vec2(0.0, 1.0)));
  cut = log(255.0 * opacity);
  vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 2.0 - 1.0;
  at = corner * sqrt(2.0 * cut);
  vec2 pixel = focal * p.xy / p.z + middle;
  pixel += at.x * sqrt(large) * axis + at.y * sqrt(small) * vec2(-axis.y, axis.x);
  gl_Position = vec4(2.0 * pixel.x / size.x - 1.0, 1.0 - 2.0 * pixel.y / size.y, 0.0, 1.0);
  tint = vec4(colour(normalize(way)), opacity);
}`;

const FRAGMENT = `#version 300 es
precision highp float;
in vec2 at;
in vec4 tint;
in float cut;
out vec4 result;
void main() {
  float x = 0.5 * dot(at, at);
  if (x > cut) discard;
  float alpha = min(0.99, tint.a * exp(-x));
  result = vec4(tint.rgb * alpha, alpha);
}`;

const COPY_VERTEX = `#version 300 es
void main() { gl_Position = vec4(vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0, 0.0, 1.0); }`;

const COPY_FRAGMENT = `#version 300 es
precision highp float;
uniform sampler2D drawn;
out vec4 result;
void main() { result = vec4(texelFetch(drawn, ivec2(gl_FragCoord.xy), 0).rgb, 1.0); }`;

// --- unpacking ---------------------------------------------------------------------------------------------------

async function unpacked(text) {
  const packed = Uint8Array.from(atob(text.trim()), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function parse(raw) {
  const view = new DataView(raw.buffer);
  const n = view.getUint32(8, true), degree = raw[12], unit = 2 ** -raw[13], coefficients = (degree + 1) ** 2;
  let from = 16;
  const part = (width) => raw.subarray(from, (from += width * n));
  const fixed = part(9), alphas = part(1), colours = part(3), sizes = part(3), turns = part(4), rest = part(3 * (coefficients - 1));
  const rows = Math.ceil(n / ROW), shapes = new Float32Array(rows * ROW * 12), xyz = new Float32Array(3 * n);
  const tintRows = Math.ceil(n / 256), tints = new Uint8Array(tintRows * 256 * coefficients * 4);
  const sign = [1, -1, -1, 1, -1, 1, 1, -1, 1, -1, 1, -1, -1, 1, -1, 1];
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < 3; k++) {
      const at = 9 * i + 3 * k, whole = ((fixed[at] | (fixed[at + 1] << 8) | (fixed[at + 2] << 16)) << 8) >> 8;
      xyz[3 * i + k] = whole * unit * (k ? -1 : 1);
    }
    const s = [0, 1, 2].map((k) => Math.exp(sizes[3 * i + k] / 16 - 10));
    const to = 12 * i;
    shapes.set([xyz[3 * i], xyz[3 * i + 1], xyz[3 * i + 2], alphas[i] / 255], to);
    shapes.set(covariance(rotation(turns, 4 * i), s), to + 4);
    const t = 4 * (Math.floor(i / 256) * 256 + (i % 256)) * coefficients;
    for (let k = 0; k < coefficients; k++)
      for (let c = 0; c < 3; c++) {
        const value = k ? rest[3 * (i * (coefficients - 1) + k - 1) + c] : colours[3 * i + c];
        tints[t + 4 * k + c] = k && sign[k] < 0 ? Math.min(255, 256 - value) : value;
      }
  }
  return { n, degree, coefficients, xyz, shapes, rows, tints, tintRows };
}

function rotation(raw, at) {
  let word = (raw[at] | (raw[at + 1] << 8) | (raw[at + 2] << 16) | (raw[at + 3] << 24)) >>> 0;
  const largest = word >>> 30, q = [0, 0, 0, 0];
  let sum = 0;
  for (let k = 3; k >= 0; k--)
    if (k !== largest) {
      const size = (Math.SQRT1_2 * (word & 511)) / 511;
      q[k] = word & 512 ? -size : size;
      sum += size * size;
      word >>>= 10;
    }
  q[largest] = Math.sqrt(Math.max(0, 1 - sum));
  return [q[3], q[0], -q[1], -q[2]];
}

function covariance([w, x, y, z], s) {
  const m = [
    (1 - 2 * (y * y + z * z)) * s[0], 2 * (x * y - w * z) * s[1], 2 * (x * z + w * y) * s[2],
    2 * (x * y + w * z) * s[0], (1 - 2 * (x * x + z * z)) * s[1], 2 * (y * z - w * x) * s[2],
    2 * (x * z - w * y) * s[0], 2 * (y * z + w * x) * s[1], (1 - 2 * (x * x + y * y)) * s[2],
  ];
  const dot = (i, j) => m[3 * i] * m[3 * j] + m[3 * i + 1] * m[3 * j + 1] + m[3 * i + 2] * m[3 * j + 2];
  return [dot(0, 0), dot(0, 1), dot(0, 2), dot(1, 1), dot(1, 2), dot(2, 2), 0, 0];
}

// --- drawing -----------------------------------------------------------------------------------------------------

function program(gl, vertex, fragment) {
  const made = gl.createProgram();
  for (const [kind, text] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(made, shader);
  }
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(made) || "no program");
  const places = {};
  for (let k = 0; k < gl.getProgramParameter(made, gl.ACTIVE_UNIFORMS); k++) {
    const { name } = gl.getActiveUniform(made, k);
    places[name] = gl.getUniformLocation(made, name);
  }
  return { made, places };
}

function texture(gl, unit, format, width, height, layout, kind, data) {
  const made = gl.createTexture();
  gl.activeTexture(gl.TEXTURE0 + unit);
  gl.bindTexture(gl.TEXTURE_2D, made);
  gl.texImage2D(gl.TEXTURE_2D, 0, format, width, height, 0, layout, kind, data);
  for (const side of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, side, gl.NEAREST);
  return made;
}

class Painter {
  constructor(canvas, splat) {
    const gl = canvas.getContext("webgl2", { antialias: false, alpha: false, preserveDrawingBuffer: true });
    if (!gl) throw new Error("this browser has no WebGL 2");
    this.gl = gl;
    this.splat = splat;
    this.splats = program(gl, VERTEX, FRAGMENT);
    this.copy = program(gl, COPY_VERTEX, COPY_FRAGMENT);
    this.deep = gl.getExtension("EXT_color_buffer_float") || gl.getExtension("EXT_color_buffer_half_float");
    texture(gl, 0, gl.RGBA32F, ROW * 3, splat.rows, gl.RGBA, gl.FLOAT, splat.shapes);
    texture(gl, 1, gl.RGBA8, 256 * splat.coefficients, splat.tintRows, gl.RGBA, gl.UNSIGNED_BYTE, splat.tints);
    this.order = new Uint32Array(splat.n);
    this.depths = new Uint32Array(splat.n);
    this.counts = new Uint32Array(1 << FAR_BITS);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, 4 * splat.n, gl.DYNAMIC_DRAW);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribIPointer(0, 1, gl.UNSIGNED_INT, 0, 0);
    gl.vertexAttribDivisor(0, 1);
  }

  // Farthest first: counting sort by depth.
  sort(camera) {
    const { xyz, n } = this.splat, [rx, ry, rz] = camera.turn.slice(6), last = (1 << FAR_BITS) - 1;
    const shift = rx * camera.place[0] + ry * camera.place[1] + rz * camera.place[2];
    const z = new Float32Array(n);
    let least = Infinity, most = -Infinity, ahead = 0;
    for (let i = 0; i < n; i++) {
      z[i] = rx * xyz[3 * i] + ry * xyz[3 * i + 1] + rz * xyz[3 * i + 2] - shift;
      if (z[i] > camera.near) {
        if (z[i] < least) least = z[i];
        if (z[i] > most) most = z[i];
        ahead++;
      }
    }
    // by the logarithm: near ones are told apart more finely
    const scale = last / Math.max(1e-9, Math.log(most / least));
    this.counts.fill(0);
    for (let i = 0; i < n; i++)
      if (z[i] > camera.near) this.counts[(this.depths[i] = (Math.log(most / z[i]) * scale) | 0)]++;
    let sum = 0;
    for (let k = 0; k <= last; k++) [this.counts[k], sum] = [sum, sum + this.counts[k]];
    for (let i = 0; i < n; i++) if (z[i] > camera.near) this.order[this.counts[this.depths[i]]++] = i;
    this.gl.bufferSubData(this.gl.ARRAY_BUFFER, 0, this.order, 0, ahead);
    return ahead;
  }

  resize(width, height) {
    const { gl } = this;
    if (gl.canvas.width === width && gl.canvas.height === height && this.buffer !== undefined) return;
    gl.canvas.width = width;
    gl.canvas.height = height;
    this.buffer = null;
    if (!this.deep) return;
    // Eight bits would round after each of hundreds of layers.
    gl.deleteTexture(this.layer);
    this.layer = texture(gl, 2, gl.RGBA16F, width, height, gl.RGBA, gl.HALF_FLOAT, null);
    this.buffer = gl.createFramebuffer();
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.buffer);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, this.layer, 0);
    if (gl.checkFramebufferStatus(gl.FRAMEBUFFER) !== gl.FRAMEBUFFER_COMPLETE) this.buffer = null;
  }

  paint(camera, width, height) {
    const { gl, splat } = this, at = this.splats.places;
    this.resize(width, height);
    const ahead = this.sort(camera);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.buffer);
    gl.viewport(0, 0, width, height);
    gl.clearColor(0, 0, 0, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.useProgram(this.splats.made);
    gl.uniform1i(at.shapes, 0);
    gl.uniform1i(at.tints, 1);
    gl.uniformMatrix3fv(at.turn, true, camera.turn);
    gl.uniform3fv(at.place, camera.place);
    const scale = Math.min(width / camera.size[0], height / camera.size[1]);
    gl.uniform2f(at.focal, camera.focal[0] * scale, camera.focal[1] * scale);
    const middle = [0, 1].map((k) => (camera.middle[k] - camera.size[k] / 2) * scale + [width, height][k] / 2);
    gl.uniform2f(at.middle, middle[0], middle[1]);
    gl.uniform2f(at.size, width, height);
    gl.uniform1i(at.degree, splat.degree);
    gl.uniform1i(at.count, splat.coefficients);
    gl.uniform1f(at.near, camera.near);
    if (ahead) gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, ahead);
    if (!this.buffer) return;
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.disable(gl.BLEND);
    gl.useProgram(this.copy.made);
    gl.uniform1i(this.copy.places.drawn, 2);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }
}

// --- the camera --------------------------------------------------------------------------------------------------

const add = (a, b, f = 1) => a.map((value, k) => value + f * b[k]);
const dot = (a, b) => a.reduce((sum, value, k) => sum + value * b[k], 0);
const row = (turn, k) => turn.slice(3 * k, 3 * k + 3);

// The vector turned by an angle round a unit axis (Rodrigues).
function turned(v, axis, angle) {
  const c = Math.cos(angle), s = Math.sin(angle), d = dot(axis, v) * (1 - c);
  const cross = [axis[1] * v[2] - axis[2] * v[1], axis[2] * v[0] - axis[0] * v[2], axis[0] * v[1] - axis[1] * v[0]];
  return v.map((value, k) => value * c + cross[k] * s + axis[k] * d);
}

class Camera {
  constructor(views, near, distance) {
    Object.assign(this, { views, near, start: distance });
    const up = views.reduce((sum, view) => add(sum, row(view.turn, 1), -1), [0, 0, 0]);
    const length = Math.hypot(...up);
    this.up = length > 1e-3 ? up.map((value) => value / length) : row(views[0].turn, 1).map((value) => -value);
    this.go(0);
  }

  go(number) {
    this.number = (number + this.views.length) % this.views.length;
    const view = this.views[this.number];
    Object.assign(this, view, { turn: [...view.turn], place: [...view.place], distance: this.start });
  }

  round(axis, angle, fixed) {
    this.turn = [0, 1, 2].flatMap((k) => turned(row(this.turn, k), axis, angle));
    if (fixed) this.place = add(fixed, row(this.turn, 2), -this.distance);
  }

  orbit(x, y) {
    const target = add(this.place, row(this.turn, 2), this.distance);
    this.round(this.up, x, target);
    this.round(row(this.turn, 0), y, target);
  }

  look(x, y) {
    this.round(this.up, x);
    this.round(row(this.turn, 0), y);
  }

  pan(x, y) {
    this.place = add(add(this.place, row(this.turn, 0), x * this.distance), row(this.turn, 1), y * this.distance);
  }

  zoom(factor) {
    const next = Math.max(this.near * 2, this.distance * factor);
    this.place = add(this.place, row(this.turn, 2), this.distance - next);
    this.distance = next;
  }

  fly(right, down, ahead) {
    [right, down, ahead].forEach((step, k) => (this.place = add(this.place, row(this.turn, k), step * this.start * 0.015)));
  }
}

// --- hands -------------------------------------------------------------------------------------------------------

function hands(canvas, camera, changed) {
  const fingers = new Map(), keys = new Set();
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => fingers.delete(event.pointerId));
  canvas.addEventListener("pointermove", (event) => {
    const old = fingers.get(event.pointerId);
    if (!old) return;
    const now = [event.clientX, event.clientY], unit = Math.min(innerWidth, innerHeight);
    const [x, y] = [(now[0] - old[0]) / unit, (now[1] - old[1]) / unit];
    if (fingers.size === 2) {
      const other = [...fingers].find(([id]) => id !== event.pointerId)[1];
      const gap = (a) => Math.max(1, Math.hypot(a[0] - other[0], a[1] - other[1]));
      camera.zoom(gap(old) / gap(now));
      camera.pan(-x / 2, -y / 2);
    } else if (event.buttons & 6 || event.shiftKey) camera.pan(-x, -y);
    else if (event.ctrlKey || event.altKey) camera.look(2 * x, -2 * y);
    else camera.orbit(-3 * x, 3 * y);
    fingers.set(event.pointerId, now);
    changed();
  });
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    camera.zoom(Math.exp(event.deltaY * 0.001));
    changed();
  }, { passive: false });
  const go = (step) => (camera.go(camera.number + step), changed());
  document.getElementById("back").onclick = () => go(-1);
  document.getElementById("on").onclick = () => go(1);
  const axes = { KeyD: [1, 0, 0], KeyA: [-1, 0, 0], KeyE: [0, -1, 0], KeyQ: [0, 1, 0], KeyW: [0, 0, 1], KeyS: [0, 0, -1] };
  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  const held = () => {
    for (const key of keys) {
      if (axes[key]) camera.fly(...axes[key]);
      if (arrows[key]) camera.look(...arrows[key].map((value) => value * 0.02));
    }
    if (!keys.size) return;
    changed();
    requestAnimationFrame(held);
  };
  addEventListener("keydown", (event) => {
    if (event.code === "BracketLeft") go(-1);
    if (event.code === "BracketRight") go(1);
    if (event.code === "Home") go(-camera.number);
    if (!axes[event.code] && !arrows[event.code]) return;
    const first = !keys.size;
    keys.add(event.code);
    if (first) held();
  });
  addEventListener("keyup", (event) => keys.delete(event.code));
  addEventListener("blur", () => keys.clear());
}

// --- all together ------------------------------------------------------------------------------------------------

async function begin() {
  const words = document.getElementById("words"), canvas = document.getElementById("canvas");
  const { views, near, distance } = JSON.parse(document.getElementById("views").textContent);
  const splat = parse(await unpacked(document.getElementById("splat").textContent));
  const painter = new Painter(canvas, splat), camera = new Camera(views, near, distance);
  const asked = new URLSearchParams(location.hash.slice(1));
  if (asked.has("bare")) document.body.className = "bare";
  if (asked.has("view")) camera.go(Number(asked.get("view")) || 0);
  let waiting = false;
  const paint = () => {
    waiting = false;
    const ratio = window.devicePixelRatio || 1;
    painter.paint(camera, Math.max(1, Math.round(innerWidth * ratio)), Math.max(1, Math.round(innerHeight * ratio)));
    document.getElementById("where").textContent = `${camera.number + 1} / ${views.length}`;
    words.textContent = "";
    window.reconReady = true;
  };
  const changed = () => {
    if (!waiting) requestAnimationFrame(paint);
    waiting = true;
  };
  hands(canvas, camera, changed);
  addEventListener("resize", changed);
  window.recon = { camera, changed, gaussians: splat.n };
  changed();
}

begin().catch((error) => {
  window.reconError = String(error.message || error);
  document.getElementById("words").textContent = `cannot show this splat: ${window.reconError}`;
});
