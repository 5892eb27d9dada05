// Relations in the browser: cosines from the 8-bit embeddings, distributions, divergences, neighbours.

/** Cosine of one position with those of start..end; `out` is a Float32Array of all positions. */
export function similarities(model, position, out, start = 0, end = out.length) {
  const { embedding, scale, dimensions: k } = model;
  const row = Int32Array.from(embedding.subarray(position * k, position * k + k));
  const whole = k - (k % 4);
  const own = scale[position];
  for (let i = start, at = start * k; i < end; i++, at += k) {
    let sum = 0;
    let more = 0;
    let j = 0;
    // Whole numbers of 32 bits throughout (`imul`, `| 0`), in two sums: about a fifth less time than plain products.
    for (; j < whole; j += 4) {
      sum = (sum + Math.imul(embedding[at + j], row[j]) + Math.imul(embedding[at + j + 1], row[j + 1])) | 0;
      more = (more + Math.imul(embedding[at + j + 2], row[j + 2]) + Math.imul(embedding[at + j + 3], row[j + 3])) | 0;
    }
    for (; j < k; j++) sum += embedding[at + j] * row[j];
    out[i] = (sum + more) * scale[i] * own;
  }
  return out;
}

/** Softmax at temperature tau of `values[start..end)`, into the same places of `out`; returns the largest. */
export function distribution(values, start, end, tau, out) {
  let top = -Infinity;
  for (let i = start; i < end; i++) if (values[i] > top) top = values[i];
  let total = 0;
  for (let i = start; i < end; i++) {
    out[i] = Math.exp((values[i] - top) / tau);
    total += out[i];
  }
  for (let i = start; i < end; i++) out[i] /= total;
  return end > start ? 1 / total : 0;
}

/** KL(teacher || student) in nats of two relation rows over the positions start..end. */
export function rowDivergence(teacher, student, start, end, tau) {
  const q = new Float64Array(end);
  const p = new Float64Array(end);
  distribution(teacher, start, end, tau, q);
  distribution(student, start, end, tau, p);
  let sum = 0;
  for (let i = start; i < end; i++) if (q[i] > 0) sum += q[i] * Math.log(q[i] / Math.max(p[i], 1e-300));
  return Math.max(sum, 0);
}

/** The mean over the images of a row's divergence, as in the loss. */
export function meanRowDivergence(teacher, student, images, tau) {
  let sum = 0;
  for (const { start, end } of images) sum += rowDivergence(teacher, student, start, end, tau);
  return sum / images.length;
}

/** The `count` positions with the largest values, largest first, without `position` itself; the first of equals. */
export function nearest(values, position, count) {
  const found = [];
  for (let i = 0; i < values.length; i++) {
    if (i === position || (found.length === count && values[i] <= values[found[count - 1]])) continue;
    let at = found.length;
    while (at > 0 && values[found[at - 1]] < values[i]) at--;
    found.splice(at, 0, i);
    if (found.length > count) found.pop();
  }
  return found;
}

/** Of some positions, the one with the largest value. */
export function mostSimilar(values, positions) {
  let best = positions[0];
  for (const i of positions) if (values[i] > values[best]) best = i;
  return best;
}
