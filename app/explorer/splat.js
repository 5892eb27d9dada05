// Dots straight into the pixels of a canvas: a hundred thousand of them in a few milliseconds, without a GPU.

/** The pixels of a disc around (0, 0): [dx, dy, coverage 1..255, ...]. */
export function disc(radius) {
  const stamp = [];
  const reach = Math.ceil(radius);
  for (let dy = -reach; dy <= reach; dy++) {
    for (let dx = -reach; dx <= reach; dx++) {
      const coverage = Math.round(255 * Math.min(Math.max(radius + 0.5 - Math.hypot(dx, dy), 0), 1));
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
  return table.map((color) => (far(color, paper) < 45 ? faded([color], ink, 0.5)[0] : color));
}

/**
 * Draw dots into opaque pixels.
 *
 * target: { pixels: Uint32Array, width, height }; points: x0, y0, x1, y1, ... in pixels; order: which dots, in the
 * order to draw; codes: a colour number per dot; table: 256 colours [r, g, b]; rims: those of the dots' edges.
 */
export function splat(target, points, order, codes, table, stamp, rims = table) {
  const { pixels, width, height } = target;
  const reach = Math.max(...stamp.filter((_, i) => i % 3 === 0));
  for (let n = 0; n < order.length; n++) {
    const i = order[n];
    const x = Math.round(points[2 * i]);
    const y = Math.round(points[2 * i + 1]);
    if (x < reach || y < reach || x >= width - reach || y >= height - reach) continue;
    const [r, g, b] = rims[codes[i]];
    const [red, green, blue] = table[codes[i]];
    const full = ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
    const centre = y * width + x;
    for (let s = 0; s < stamp.length; s += 3) {
      const at = centre + stamp[s + 1] * width + stamp[s];
      const cover = stamp[s + 2];
      pixels[at] = cover >= 250 ? full : blend(pixels[at], r, g, b, cover);
    }
  }
}

function blend(below, r, g, b, cover) {
  const rest = 255 - cover;
  const red = ((below & 255) * rest + r * cover + 127) >> 8;
  const green = (((below >> 8) & 255) * rest + g * cover + 127) >> 8;
  const blue = (((below >> 16) & 255) * rest + b * cover + 127) >> 8;
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}
