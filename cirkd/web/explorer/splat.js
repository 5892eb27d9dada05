// Dots straight into the pixels of a canvas: a hundred thousand of them in a few milliseconds, without a GPU.

/** The pixels of a disc around (0, 0): [dx, dy, coverage 1..255, ...]. */
export const disc = (radius) => shape(radius, Math.hypot);

/** The same of a diamond, from its middle to a corner. */
export const diamond = (radius) => shape(radius, (dx, dy) => Math.abs(dx) + Math.abs(dy));

function shape(radius, far) {
  const stamp = [];
  const reach = Math.ceil(radius);
  for (let dy = -reach; dy <= reach; dy++) {
    for (let dx = -reach; dx <= reach; dx++) {
      const coverage = Math.round(255 * Math.min(Math.max(radius + 0.5 - far(dx, dy), 0), 1));
      if (coverage > 8) stamp.push(dx, dy, coverage);
    }
  }
  return Int16Array.from(stamp);
}

/** A fixed shuffle of 0..count-1, so that no class lies on top of the others. */
export function shuffled(count) {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  let seed = 12345;
  for (let i = count - 1; i > 0; i--) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    const j = seed % (i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/** The same colours, mixed with the background: what is not chosen recedes. */
export function faded(table, background, share) {
  return table.map((color) => color.map((value, c) => Math.round(value * share + background[c] * (1 - share))));
}

/** Colours of the dots' rims: a colour that the page's own would swallow gets a rim mixed with that of the text. */
export function rimmed(table, paper, ink) {
  const far = (a, b) => 0.3 * Math.abs(a[0] - b[0]) + 0.59 * Math.abs(a[1] - b[1]) + 0.11 * Math.abs(a[2] - b[2]);
  return table.map((color) => (far(color, paper) < 45 ? faded([color], ink, 0.65)[0] : color));
}

/**
 * Draw dots into opaque pixels.
 *
 * target: { pixels: Uint32Array, width, height }; points: x0, y0, x1, y1, ... in pixels; order: which dots, in the
 * order to draw; codes: a colour number per dot; table: 256 colours [r, g, b]; rims: those of the dots' edges.
 */
export function splat(target, points, order, codes, table, stamp, rims = table) {
  const { pixels, width, height } = target;
  const [inner, edge] = [Int32Array.from(table, (color) => solid(color)), Int32Array.from(rims, (color) => solid(color))];
  const { full, soft, covers, reach } = offsets(stamp, width);
  for (let n = 0; n < order.length; n++) {
    const i = order[n];
    const x = Math.round(points[2 * i]);
    const y = Math.round(points[2 * i + 1]);
    if (x < reach || y < reach || x >= width - reach || y >= height - reach) continue;
    const centre = y * width + x;
    const color = inner[codes[i]];
    for (let s = 0; s < full.length; s++) pixels[centre + full[s]] = color;
    const rim = edge[codes[i]];
    for (let s = 0; s < soft.length; s++) {
      const at = centre + soft[s];
      pixels[at] = blend(pixels[at], rim, covers[s]);
    }
  }
}

const solid = ([r, g, b]) => (255 << 24) | (b << 16) | (g << 8) | r;

/** A stamp as distances in the pixels of a picture: those it covers in full, and those it covers in part. */
function offsets(stamp, width) {
  const [full, soft, covers] = [[], [], []];
  let reach = 0;
  for (let s = 0; s < stamp.length; s += 3) {
    const at = stamp[s + 1] * width + stamp[s];
    reach = Math.max(reach, Math.abs(stamp[s]), Math.abs(stamp[s + 1]));
    if (stamp[s + 2] >= 250) full.push(at);
    else [soft[soft.length], covers[covers.length]] = [at, stamp[s + 2]];
  }
  return { full: Int32Array.from(full), soft: Int32Array.from(soft), covers: Int32Array.from(covers), reach };
}

/** A colour over another; red and blue are mixed at once, in one number. */
function blend(below, above, cover) {
  const rest = 256 - cover;
  const redBlue = (((below & 0xff00ff) * rest + (above & 0xff00ff) * cover) >>> 8) & 0xff00ff;
  const green = (((below & 0xff00) * rest + (above & 0xff00) * cover) >>> 8) & 0xff00;
  return -16777216 | redBlue | green;
}
