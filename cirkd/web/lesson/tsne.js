// t-SNE of a few hundred rows, exact, so that seed and perplexity can be changed while one looks.
// van der Maaten and Hinton, 2008: affinities by perplexity, then gradient descent with momentum and exaggeration.

import { dice } from "./scene.js";

const EXAGGERATED = 80; // steps
const MOMENTUM = [0.5, 0.8];

/** Symmetric affinities that sum to 1, from squared distances [n * n]. */
export function affinities(distances, n, perplexity) {
  const out = new Float64Array(n * n);
  const wanted = Math.log(Math.min(perplexity, (n - 1) / 3));
  const row = new Float64Array(n);
  for (let a = 0; a < n; a++) {
    let [low, high, beta] = [0, Infinity, 1];
    for (let tried = 0; tried < 60; tried++) {
      const entropy = weigh(distances, a, n, beta, row);
      if (Math.abs(entropy - wanted) < 1e-6) break;
      if (entropy > wanted) [low, beta] = [beta, high === Infinity ? beta * 2 : (beta + high) / 2];
      else [high, beta] = [beta, (low + beta) / 2];
    }
    for (let b = 0; b < n; b++) {
      out[a * n + b] += row[b] / (2 * n);
      out[b * n + a] += row[b] / (2 * n);
    }
  }
  return out;
}

/** The conditional affinities of one row at a precision, and their entropy in nats. */
function weigh(distances, a, n, beta, row) {
  let least = Infinity;
  for (let b = 0; b < n; b++) if (b !== a) least = Math.min(least, distances[a * n + b]);
  let total = 0;
  let weighted = 0;
  for (let b = 0; b < n; b++) {
    row[b] = b === a ? 0 : Math.exp(-beta * (distances[a * n + b] - least));
    total += row[b];
    weighted += row[b] * beta * (distances[a * n + b] - least);
  }
  for (let b = 0; b < n; b++) row[b] /= total;
  return Math.log(total) + weighted / total;
}

export class Tsne {
  /** rows: unit rows whose products are given, [n * n]. */
  constructor(cosines, n, { perplexity = 30, seed = 0 } = {}) {
    this.n = n;
    this.p = affinities(cosines.map((value) => Math.max(2 - 2 * value, 0)), n, perplexity);
    const random = dice(seed);
    this.at = Float64Array.from({ length: 2 * n }, () => 1e-2 * (random() - 0.5));
    this.speed = new Float64Array(2 * n);
    this.gains = new Float64Array(2 * n).fill(1);
    this.steps = 0;
  }

  /** KL(P || Q) and its gradient by the places. */
  gradient(exaggeration = 1) {
    const { n, p, at } = this;
    const weights = new Float64Array(n * n);
    let total = 0;
    for (let a = 0; a < n; a++) {
      for (let b = a + 1; b < n; b++) {
        const w = 1 / (1 + (at[2 * a] - at[2 * b]) ** 2 + (at[2 * a + 1] - at[2 * b + 1]) ** 2);
        weights[a * n + b] = weights[b * n + a] = w;
        total += 2 * w;
      }
    }
    const gradient = new Float64Array(2 * n);
    let value = 0;
    for (let a = 0; a < n; a++) {
      for (let b = 0; b < n; b++) {
        if (a === b) continue;
        const w = weights[a * n + b];
        const pull = 4 * (exaggeration * p[a * n + b] - w / total) * w;
        gradient[2 * a] += pull * (at[2 * a] - at[2 * b]);
        gradient[2 * a + 1] += pull * (at[2 * a + 1] - at[2 * b + 1]);
        if (p[a * n + b] > 0) value += p[a * n + b] * Math.log((p[a * n + b] * total) / w);
      }
    }
    return { value, gradient };
  }

  step(count = 1) {
    for (let s = 0; s < count; s++) {
      const early = this.steps < EXAGGERATED;
      const { gradient } = this.gradient(early ? 6 : 1);
      for (let i = 0; i < this.at.length; i++) {
        const against = Math.sign(gradient[i]) !== Math.sign(this.speed[i]);
        this.gains[i] = Math.max(against ? this.gains[i] + 0.2 : this.gains[i] * 0.8, 0.01);
        this.speed[i] = MOMENTUM[Number(!early)] * this.speed[i] - 20 * this.gains[i] * gradient[i];
        this.at[i] += this.speed[i];
      }
      this.steps++;
    }
    return this.at;
  }
}
