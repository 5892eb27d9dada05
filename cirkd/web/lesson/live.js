// One pixel's relations with the pixels of an image, worked out anew for every pixel that is pointed at.

import { similarities } from "../explorer/similarity.js";

export class Live {
  constructor(block) {
    this.block = block;
    this.rows = new Map(block.models.map(({ name }) => [name, new Float32Array(block.positions)]));
    this.shares = new Map(block.models.map(({ name }) => [name, new Float32Array(block.positions)]));
    this.parts = new Map(block.models.map(({ name }) => [name, new Float32Array(block.positions)]));
    this.known = block.images.map(() => -1); // whose cosines `rows` hold, image by image
  }

  /** name -> cosines of a position with all; those of one image are up to date. */
  relate(position, image) {
    if (this.known[image] === position) return this.rows;
    const { start, end } = this.block.images[image];
    for (const model of this.block.models) similarities(model, position, this.rows.get(model.name), start, end);
    this.known[image] = position;
    return this.rows;
  }

  /** name -> { low, high, top, spread, sum } of a position's row on an image; `shares` then holds the distributions. */
  distribute(position, image, tau) {
    this.relate(position, image);
    const { start, end } = this.block.images[image];
    return new Map(this.block.models.map(({ name }) => [name, distributed(this.rows.get(name), start, end, tau, this.shares.get(name))]));
  }

  /**
   * The divergence of a model's row from the reference's, in nats, and what every key adds to it: { value, largest },
   * and `parts` of the model. For rows that `distribute` has been called for.
   */
  diverge(name, image, tau, sums) {
    const { start, end } = this.block.images[image];
    const { reference } = this.block;
    const [t, s, q, out] = [this.rows.get(reference), this.rows.get(name), this.shares.get(reference), this.parts.get(name)];
    const shift = sums.get(name).sum - sums.get(reference).sum;
    let value = 0;
    let largest = 0;
    for (let b = start; b < end; b++) {
      const part = q[b] * ((t[b] - s[b]) / tau + shift);
      out[b] = part;
      value += part;
      largest = Math.max(largest, Math.abs(part));
    }
    return { value: Math.max(value, 0), largest };
  }

  /** A row's divergence over several images, one by one, and how the images share the joint distribution. */
  acrossImages(position, tau) {
    const { images, models, reference } = this.block;
    const sums = images.map((_, image) => this.distribute(position, image, tau));
    const shares = Object.fromEntries(models.map(({ name }) => [name, sharesOf(sums.map((sum) => sum.get(name).sum))]));
    const others = models.filter(({ name }) => name !== reference);
    const within = Object.fromEntries(others.map(({ name }) => [name, images.map((_, image) => this.diverge(name, image, tau, sums[image]).value)]));
    const between = Object.fromEntries(others.map(({ name }) => [name, divergence(shares[reference], shares[name])]));
    return { shares, within, between };
  }
}

/** Softmax of values[start..end) / tau into out, and what is said of it; `sum`: log of the sum of exp. */
export function distributed(values, start, end, tau, out) {
  let low = Infinity;
  let high = -Infinity;
  for (let i = start; i < end; i++) {
    if (values[i] > high) high = values[i];
    if (values[i] < low) low = values[i];
  }
  let total = 0;
  let weighted = 0;
  for (let i = start; i < end; i++) {
    const logit = (values[i] - high) / tau;
    const weight = Math.exp(logit);
    out[i] = weight;
    total += weight;
    weighted += weight * logit;
  }
  for (let i = start; i < end; i++) out[i] /= total;
  const entropy = Math.log(total) - weighted / total;
  return { low, high, top: 1 / total, spread: Math.exp(entropy), sum: high / tau + Math.log(total) };
}

function sharesOf(sums) {
  const top = Math.max(...sums);
  const weights = sums.map((sum) => Math.exp(sum - top));
  const total = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / total);
}

export function divergence(q, p) {
  return Math.max(q.reduce((sum, share, i) => sum + (share > 0 ? share * Math.log(share / Math.max(p[i], 1e-300)) : 0), 0), 0);
}
