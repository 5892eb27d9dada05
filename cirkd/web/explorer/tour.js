// Places worth a look: where most was fixed, broken, or has left the teacher's relations, one after the other.

const SHARE = 1 / 8; // of an image's height: half the side of the square in which something is counted
const MOST = 12; // places of a kind, before the first comes again
const CODES = { fixed: 2, broken: 3 }; // of block.change

export class Tour {
  constructor(block) {
    this.block = block;
    this.places = new Map(); // kept(kind) -> positions, the most telling first
    this.turn = new Map(); // kept(kind) -> which comes next
  }

  /** The position to begin with: where most was fixed, or broken; the middle of the first image where neither is. */
  arrival() {
    const [h, w] = this.block.images[0].grid;
    return this.find("fixed")[0] ?? this.find("broken")[0] ?? Math.floor(h / 2) * w + Math.floor(w / 2);
  }

  /** The next place of a kind; -1 where there is none. */
  next(kind) {
    const places = this.find(kind);
    if (!places.length) return -1;
    const turn = this.turn.get(this.kept(kind)) ?? 0;
    this.turn.set(this.kept(kind), (turn + 1) % places.length);
    return places[turn];
  }

  /** Under what the places of a kind are kept: where most diverged depends on the temperature. */
  kept(kind) {
    return kind === "diverged" ? `${kind} ${this.block.divergence?.temperature}` : kind;
  }

  find(kind) {
    if (!this.places.has(this.kept(kind))) {
      const weights = this.weights(kind);
      if (!weights) return [];
      this.places.set(this.kept(kind), densest(weights, this.block.images, MOST));
    }
    return this.places.get(this.kept(kind));
  }

  /** How much each position counts; null where that is not known. */
  weights(kind) {
    const { change, divergence, models } = this.block;
    if (kind !== "diverged") return change && Float32Array.from(change, (code) => Number(code === CODES[kind]));
    const last = divergence && [...models].reverse().find(({ name }) => divergence.values[name]);
    return last ? divergence.values[last.name] : null;
  }
}

/**
 * Centres of the squares that hold most, the fullest first, none within another; each is moved to the nearest
 * position that counts itself.
 */
export function densest(weights, images, count) {
  const found = [];
  for (const image of images) {
    const half = Math.max(1, Math.round(image.grid[0] * SHARE));
    const sums = squares(weights, image, half);
    for (let n = 0; n < count; n++) {
      let best = 0;
      for (let i = 1; i < sums.length; i++) if (sums[i] > sums[best]) best = i;
      if (!(sums[best] > 0)) break;
      found.push([sums[best] / (2 * half + 1) ** 2, heaviest(weights, image, best, half)]);
      clear(sums, image, best, 2 * half);
    }
  }
  return found.sort((a, b) => b[0] - a[0]).slice(0, count).map(([, position]) => position);
}

/** The sum of the weights in the square around each position of an image. */
function squares(weights, { start, grid: [h, w] }, half) {
  const whole = new Float64Array((h + 1) * (w + 1)); // sums of all above and to the left
  for (let r = 0; r < h; r++) {
    for (let c = 0; c < w; c++) {
      whole[(r + 1) * (w + 1) + c + 1] =
        weights[start + r * w + c] + whole[r * (w + 1) + c + 1] + whole[(r + 1) * (w + 1) + c] - whole[r * (w + 1) + c];
    }
  }
  return Float64Array.from({ length: h * w }, (_, i) => {
    const [top, left, bottom, right] = edges(i, h, w, half);
    return whole[bottom * (w + 1) + right] - whole[top * (w + 1) + right] - whole[bottom * (w + 1) + left] + whole[top * (w + 1) + left];
  });
}

/** Of the positions in a square, the one with the largest weight; the nearest to the middle of equals. */
function heaviest(weights, { start, grid: [h, w] }, middle, half) {
  const [row, column] = [Math.floor(middle / w), middle % w];
  const [top, left, bottom, right] = edges(middle, h, w, half);
  let best = middle;
  let far = Infinity;
  for (let r = top; r < bottom; r++) {
    for (let c = left; c < right; c++) {
      const [value, most] = [weights[start + r * w + c], weights[start + best]];
      const distance = (r - row) ** 2 + (c - column) ** 2;
      if (value > most || (value === most && distance < far)) [best, far] = [r * w + c, distance];
    }
  }
  return start + best;
}

function clear(sums, { grid: [h, w] }, middle, half) {
  const [top, left, bottom, right] = edges(middle, h, w, half);
  for (let r = top; r < bottom; r++) sums.fill(0, r * w + left, r * w + right);
}

function edges(middle, h, w, half) {
  const [row, column] = [Math.floor(middle / w), middle % w];
  return [Math.max(row - half, 0), Math.max(column - half, 0), Math.min(row + half + 1, h), Math.min(column + half + 1, w)];
}
