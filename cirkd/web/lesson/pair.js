// An evenly spread choice of the pixels of two images, few enough to take the whole loss and its gradient at once.

import { placeOf, positionAt } from "../explorer/block.js";
import { classCodes } from "../explorer/colors.js";
import { CrossImage, normalized, products, throughLength } from "./gradients.js";
import { dice } from "./scene.js";

const MOST = 96; // pixels of one image

/** What a student may be taught by: the teacher; what it makes of other images, or of other pixels; and noise. */
export const TARGETS = { teacher: "the teacher", images: "the teacher, each image taken for the next", pixels: "the teacher, its pixels shuffled", noise: "noise" };

/** Evenly spread positions of an image, at most `most`. */
export function spread(image, most = MOST) {
  const [rows, columns] = image.grid;
  let stride = 1;
  while (Math.ceil(rows / stride) * Math.ceil(columns / stride) > most) stride++;
  const found = [];
  for (let r = stride >> 1; r < rows; r += stride) {
    for (let c = stride >> 1; c < columns; c += stride) found.push(image.start + r * columns + c);
  }
  return found.length ? found : [image.start];
}

/** Positions' embeddings as unit rows [n * k]. */
export function rowsOf(model, positions) {
  const { embedding, dimensions: k } = model;
  const out = new Float64Array(positions.length * k);
  positions.forEach((p, a) => {
    for (let i = 0; i < k; i++) out[a * k + i] = embedding[p * k + i];
  });
  return normalized(out, k).unit;
}

/** Rows of random directions: a teacher that knows nothing. */
export function noise(count, width, seed = 7) {
  const random = dice(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return normalized(Float64Array.from({ length: count * width }, normal), width).unit;
}

export class Pair {
  /** target: one of TARGETS. */
  constructor(block, student, i, j, target = "teacher") {
    Object.assign(this, { block, student, i, j });
    const chosen = [...new Set([i, j])].map((n) => spread(block.images[n]));
    this.positions = chosen.flat();
    this.model = block.models.find((model) => model.name === student);
    this.width = this.model.dimensions;
    const reference = block.models.find((model) => model.name === block.reference);
    this.ranges = chosen.map((part, n) => [chosen.slice(0, n).flat().length, chosen.slice(0, n + 1).flat().length]);
    const codes = classCodes(block);
    this.codes = this.positions.map((p) => codes[p]);
    const rows = target === "noise" ? noise(this.positions.length, reference.dimensions) : rowsOf(reference, this.seenBy(target));
    this.target = new CrossImage(rows, reference.dimensions, this.ranges);
    this.reset();
  }

  /** Whether it is of these images and this student. */
  isOf({ i, j, student }) {
    return i === this.i && j === this.j && student === this.student;
  }

  /** The positions at which the teacher is asked, one for each of the student's. */
  seenBy(target) {
    if (target === "images") return this.positions.map((p) => onNextImage(this.block, p));
    if (target === "pixels") return this.ranges.flatMap(([from, to]) => shuffled(this.positions.slice(from, to)));
    return this.positions;
  }

  reset() {
    this.rows = rowsOf(this.model, this.positions);
    this.steps = 0;
    this.history = [];
    this.axes ??= principal(this.rows, this.width);
  }

  /** The loss and the gradient by the unit rows at tau. */
  loss(tau) {
    return this.target.loss(this.rows, this.width, tau);
  }

  /** Move every row against the gradient, the steepest by `far`, and back to length 1; the loss before. */
  step(tau, far = 0.05) {
    const { value, gradient } = this.loss(tau);
    this.history.push(value);
    const along = throughLength({ unit: this.rows, lengths: new Float64Array(this.positions.length).fill(1) }, gradient, this.width);
    const steepest = Math.max(...lengthsOf(along, this.width), 1e-12);
    this.rows = normalized(this.rows.map((value, i) => value - (far / steepest) * along[i]), this.width).unit;
    this.steps++;
    return value;
  }

  /** Rows or directions on the first two principal axes of the student's rows as they were: [x, y, ...]. */
  flat(rows, centred = true) {
    const { mean, vectors } = this.axes;
    return products(centred ? rows.map((value, i) => value - mean[i % this.width]) : rows, vectors, this.width);
  }

  /** Share of the pixels whose most similar other pixel is of their class; null where none has a class. */
  neighbourAccuracy() {
    const n = this.positions.length;
    const s = products(this.rows, this.rows, this.width);
    let [right, known] = [0, 0];
    for (let a = 0; a < n; a++) {
      if (this.codes[a] === 255) continue;
      let best = -1;
      for (let b = 0; b < n; b++) if (b !== a && this.codes[b] !== 255 && (best < 0 || s[a * n + b] > s[a * n + best])) best = b;
      if (best < 0) continue;
      known++;
      right += Number(this.codes[best] === this.codes[a]);
    }
    return known ? right / known : null;
  }
}

/** The same place on the image after a position's own; after the last comes the first. */
export function onNextImage(block, position) {
  const { image, row, column } = placeOf(block, position);
  const { grid } = block.images[image];
  const next = (image + 1) % block.images.length;
  return positionAt(block, next, (column + 0.5) / grid[1], (row + 0.5) / grid[0]);
}

function shuffled(positions, seed = 11) {
  const random = dice(seed);
  for (let n = positions.length - 1; n > 0; n--) {
    const m = Math.floor(random() * (n + 1));
    [positions[n], positions[m]] = [positions[m], positions[n]];
  }
  return positions;
}

export function lengthsOf(rows, d) {
  return Array.from({ length: rows.length / d }, (_, a) => Math.hypot(...rows.subarray(a * d, a * d + d)));
}

/** Mean and the two principal axes of rows, by orthogonal iteration. */
export function principal(rows, d) {
  const n = rows.length / d;
  const mean = new Float64Array(d);
  rows.forEach((value, i) => (mean[i % d] += value / n));
  const centred = rows.map((value, i) => value - mean[i % d]);
  let vectors = noise(2, d, 3);
  for (let round = 0; round < 60; round++) {
    const at = products(centred, vectors, d);
    const next = new Float64Array(2 * d);
    for (let a = 0; a < n; a++) {
      for (let k = 0; k < d; k++) {
        next[k] += at[2 * a] * centred[a * d + k];
        next[d + k] += at[2 * a + 1] * centred[a * d + k];
      }
    }
    vectors = orthogonal(next, d);
  }
  return { mean, vectors };
}

function orthogonal(two, d) {
  const first = normalized(two.slice(0, d), d).unit;
  const second = two.slice(d);
  const along = first.reduce((sum, value, k) => sum + value * second[k], 0);
  return Float64Array.from([...first, ...normalized(second.map((value, k) => value - along * first[k]), d).unit]);
}
