// Heatmaps in which edges follow objects: joint bilateral upsampling (Kopf et al., 2007), by weights worked out once.

const DRAWN = 900_000; // pixels of all heatmaps together: what is painted in some milliseconds
const FINEST = 8;
const TAKEN = 4; // cells that a pixel is made of
const REACH = 0.8; // of a cell's weight, in cells
const ALIKE = 22; // difference of a pixel's colour from a cell's, of 255, at which its weight has fallen by a third

/** How many times finer than the grids heatmaps are drawn, with so many cells in all of them; 1 = as they are. */
export function finer(cells) {
  return Math.min(Math.max(Math.floor(Math.sqrt(DRAWN / Math.max(cells, 1))), 1), FINEST);
}

/**
 * For each pixel of a picture that is `factor` times finer than its grid: which cells it takes its value from, those
 * next to it that look most like it, and with which weights. { cells: Uint16Array, weights: Uint16Array }, TAKEN
 * for each pixel, of a sum of 256; or null for a grid too large for it.
 *
 * colours: bytes red, green, blue, alpha of every pixel, rows * factor by columns * factor of them.
 */
export function guide(colours, rows, columns, factor) {
  if (rows * columns > 65_536) return null;
  const [height, width] = [rows * factor, columns * factor];
  const means = cellMeans(colours, rows, columns, factor);
  const cells = new Uint16Array(TAKEN * width * height);
  const weights = new Uint16Array(TAKEN * width * height);
  const [near, weight, taken] = [new Int32Array(9), new Float32Array(9), new Float32Array(TAKEN)];
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += TAKEN) {
      const count = neighbours(y, x);
      let total = 0;
      for (let n = 0; n < TAKEN; n++) {
        let best = 0;
        for (let i = 1; i < count; i++) if (weight[i] > weight[best]) best = i;
        cells[to + n] = near[best];
        total += taken[n] = Math.max(weight[best], 0);
        weight[best] = -1; // where there are fewer than four, the rest weigh nothing
      }
      weights[to] = 256;
      for (let n = 1; n < TAKEN; n++) {
        weights[to + n] = (256 * taken[n]) / total;
        weights[to] -= weights[to + n];
      }
    }
  }
  return { cells, weights };

  /** The cells around a pixel and their weights, into `near` and `weight`; returns how many. */
  function neighbours(y, x) {
    const at = 4 * (y * width + x);
    const [v, u] = [(y + 0.5) / factor - 0.5, (x + 0.5) / factor - 0.5];
    const [middle, centre] = [Math.floor(y / factor), Math.floor(x / factor)];
    let count = 0;
    for (let r = Math.max(middle - 1, 0); r <= Math.min(middle + 1, rows - 1); r++) {
      for (let c = Math.max(centre - 1, 0); c <= Math.min(centre + 1, columns - 1); c++) {
        const cell = r * columns + c;
        let colour = 0;
        for (let k = 0; k < 3; k++) colour += (colours[at + k] - means[3 * cell + k]) ** 2;
        const far = ((r - v) ** 2 + (c - u) ** 2) / (2 * REACH * REACH);
        near[count] = cell;
        weight[count++] = Math.exp(-far - colour / (2 * ALIKE * ALIKE)) + 1e-6 * Math.exp(-far); // all are unlike: the near
      }
    }
    return count;
  }
}

/** Each cell's mean colour. */
function cellMeans(colours, rows, columns, factor) {
  const means = new Float32Array(3 * rows * columns);
  for (let y = 0, at = 0; y < rows * factor; y++) {
    for (let x = 0; x < columns * factor; x++, at += 4) {
      const cell = 3 * (Math.floor(y / factor) * columns + Math.floor(x / factor));
      for (let k = 0; k < 3; k++) means[cell + k] += colours[at + k] / (factor * factor);
    }
  }
  return means;
}

/** Each pixel's colour of a table of 256, for the cells' places in it, spread as a guide says; into `out`. */
export function spread(places, { cells, weights }, table, out) {
  for (let i = 0, at = 0; i < out.length; i++, at += 4) {
    const place = // in whole numbers, which takes about half the time
      Math.imul(places[cells[at]], weights[at]) + Math.imul(places[cells[at + 1]], weights[at + 1]) +
      Math.imul(places[cells[at + 2]], weights[at + 2]) + Math.imul(places[cells[at + 3]], weights[at + 3]);
    out[i] = table[place >> 8];
  }
}
