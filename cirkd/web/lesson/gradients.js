// The losses and their gradients, by hand. Rows lie one after the other in a Float64Array: [n * d].
//
// Every function returns { value, gradient, ... } with the gradient of the value by the student's rows as they are
// given. tests/web/test_gradients.py holds all of them against PyTorch's autograd.

/** Rows of length 1, and the lengths they had. */
export function normalized(rows, d) {
  const unit = new Float64Array(rows.length);
  const lengths = new Float64Array(rows.length / d);
  for (let a = 0; a < lengths.length; a++) {
    let sum = 0;
    for (let k = a * d; k < (a + 1) * d; k++) sum += rows[k] * rows[k];
    lengths[a] = Math.max(Math.sqrt(sum), 1e-12);
    for (let k = a * d; k < (a + 1) * d; k++) unit[k] = rows[k] / lengths[a];
  }
  return { unit, lengths };
}

/** A gradient by unit rows -> the gradient by the rows before they were normalised: (g - (g.u) u) / length. */
export function throughLength({ unit, lengths }, gradient, d) {
  const out = new Float64Array(unit.length);
  for (let a = 0; a < lengths.length; a++) {
    let along = 0;
    for (let k = a * d; k < (a + 1) * d; k++) along += gradient[k] * unit[k];
    for (let k = a * d; k < (a + 1) * d; k++) out[k] = (gradient[k] - along * unit[k]) / lengths[a];
  }
  return out;
}

/** All dot products of rows with keys: [n * m]. */
export function products(rows, keys, d) {
  const [n, m] = [rows.length / d, keys.length / d];
  const out = new Float64Array(n * m);
  for (let a = 0; a < n; a++) {
    for (let b = 0; b < m; b++) {
      let sum = 0;
      for (let k = 0, i = a * d, j = b * d; k < d; k++) sum += rows[i + k] * keys[j + k];
      out[a * m + b] = sum;
    }
  }
  return out;
}

/** Softmax of values[from..to) / tau into out, and log(sum of exp). */
export function softmax(values, from, to, tau, out) {
  let top = -Infinity;
  for (let i = from; i < to; i++) if (values[i] > top) top = values[i];
  let total = 0;
  for (let i = from; i < to; i++) total += out[i] = Math.exp((values[i] - top) / tau);
  for (let i = from; i < to; i++) out[i] /= total;
  return top / tau + Math.log(total);
}

/**
 * KL(teacher || student) of two rows of cosines at tau over from..to; adds scale * its gradient by the student's
 * cosines, (p - q) / tau, to `by`. q and p are room for the distributions.
 */
function rowLoss(teacher, student, from, to, tau, scale, by, q, p) {
  const sumT = softmax(teacher, from, to, tau, q);
  const sumS = softmax(student, from, to, tau, p);
  let value = sumS - sumT;
  for (let b = from; b < to; b++) {
    value += (q[b] * (teacher[b] - student[b])) / tau;
    if (by) by[b] += (scale * (p[b] - q[b])) / tau;
  }
  return Math.max(value, 0);
}

/**
 * Relations between the pixels of all images, as in CIRKD: the mean over the ordered pairs of images (i, j), i = j
 * included, and over the pixels a of i, of KL(teacher || student) of the softmax of their cosines with j's pixels.
 */
export class CrossImage {
  /** teacher: unit rows; images: [[first row, last row + 1], ...]. */
  constructor(teacher, width, images) {
    this.images = images;
    this.teacher = products(teacher, teacher, width);
  }

  /** student: unit rows; pairs: the mean divergence of each ordered pair of images. */
  loss(student, d, tau, wanted = true) {
    const n = student.length / d;
    const cosines = products(student, student, d);
    const by = wanted ? new Float64Array(n * n) : null;
    const [q, p] = [new Float64Array(n * n), new Float64Array(n * n)];
    const count = this.images.length;
    const pairs = this.images.map(([from, to]) =>
      this.images.map(([first, last]) => {
        const scale = 1 / (count * count * (to - from));
        let sum = 0;
        for (let a = from; a < to; a++) sum += rowLoss(this.teacher, cosines, a * n + first, a * n + last, tau, scale, by, q, p);
        return sum / (to - from);
      }),
    );
    const value = pairs.flat().reduce((sum, part) => sum + part, 0) / (count * count);
    return { value, pairs, gradient: wanted ? bothSides(by, student, d) : null };
  }
}

/** The gradient by the rows from that by their matrix of products: (G + G') F. */
function bothSides(by, rows, d) {
  const n = rows.length / d;
  const out = new Float64Array(rows.length);
  for (let a = 0; a < n; a++) {
    for (let b = 0; b < n; b++) {
      const g = by[a * n + b] + by[b * n + a];
      if (g === 0) continue;
      for (let k = 0; k < d; k++) out[a * d + k] += g * rows[b * d + k];
    }
  }
  return out;
}

/** Relations within each image alone (SKD): the mean squared difference of the cosine matrices; no pooling. */
export function withinImage(student, d, teacher, width, images) {
  const n = student.length / d;
  const by = new Float64Array(n * n);
  const [s, t] = [products(student, student, d), products(teacher, teacher, width)];
  let value = 0;
  for (const [from, to] of images) {
    const scale = 1 / (images.length * (to - from) ** 2);
    for (let a = from; a < to; a++) {
      for (let b = from; b < to; b++) {
        const difference = s[a * n + b] - t[a * n + b];
        value += scale * difference * difference;
        by[a * n + b] = 2 * scale * difference;
      }
    }
  }
  return { value, gradient: bothSides(by, student, d) };
}

/** Relations with keys that teacher and student share: the mean over the rows of KL(teacher || student). */
export function withKeys(student, teacher, keys, d, tau) {
  const [n, m] = [student.length / d, keys.length / d];
  const [s, t] = [products(student, keys, d), products(teacher, keys, d)];
  const by = new Float64Array(n * m);
  const [q, p] = [new Float64Array(n * m), new Float64Array(n * m)];
  let value = 0;
  for (let a = 0; a < n; a++) value += rowLoss(t, s, a * m, (a + 1) * m, tau, 1 / n, by, q, p);
  return { value: value / n, gradient: rowsTimes(by, keys, n, m, d) };
}

function rowsTimes(by, keys, n, m, d) {
  const out = new Float64Array(n * d);
  for (let a = 0; a < n; a++) {
    for (let b = 0; b < m; b++) for (let k = 0; k < d; k++) out[a * d + k] += by[a * m + b] * keys[b * d + k];
  }
  return out;
}

/** A linear classifier's logits: rows [n * d], weights [classes * d]. */
export const logits = (rows, weights, d) => products(rows, weights, d);

/** The class probabilities of every row. */
export function probabilities(rows, weights, d) {
  const all = logits(rows, weights, d);
  const count = weights.length / d;
  const out = new Float64Array(all.length);
  for (let a = 0; a < all.length; a += count) softmax(all, a, a + count, 1, out);
  return out;
}

/**
 * The mean over the rows of the cross-entropy with `targets`, probabilities [n * classes], less the targets' own
 * entropy: with targets of 0 and 1 that is the cross-entropy, with a teacher's probabilities KD's divergence.
 */
export function classification(rows, weights, d, targets) {
  const all = logits(rows, weights, d);
  const [n, count] = [rows.length / d, weights.length / d];
  const p = new Float64Array(all.length);
  const by = new Float64Array(all.length);
  let value = 0;
  for (let a = 0; a < n; a++) {
    const sum = softmax(all, a * count, (a + 1) * count, 1, p);
    for (let i = a * count; i < (a + 1) * count; i++) {
      if (targets[i] > 0) value += (targets[i] * (Math.log(targets[i]) - all[i] + sum)) / n;
      by[i] = (p[i] - targets[i]) / n;
    }
  }
  const weightGradient = new Float64Array(weights.length);
  for (let a = 0; a < n; a++) {
    for (let c = 0; c < count; c++) {
      for (let k = 0; k < d; k++) weightGradient[c * d + k] += by[a * count + c] * rows[a * d + k];
    }
  }
  return { value, gradient: rowsTimes(by, weights, n, count, d), weightGradient };
}
