import assert from "node:assert/strict";
import { test } from "node:test";
import { distribution, meanRowDivergence, mostSimilar, nearest, rowDivergence, similarities } from "../../cirkd/web/explorer/similarity.js";

let seed = 1;
const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
const close = (a, b, far = 1e-6) => assert.ok(Math.abs(a - b) <= far, `${a} is not ${b}`);

/** A model with random 8-bit rows; the oracle takes cosines from the rows as they are. */
function model(count, dimensions) {
  const embedding = Int8Array.from({ length: count * dimensions }, () => Math.round(254 * random() - 127));
  const row = (i) => Array.from(embedding.subarray(i * dimensions, (i + 1) * dimensions));
  const scale = Float32Array.from({ length: count }, (_, i) => 1 / Math.hypot(...row(i)));
  return { embedding, scale, dimensions, row };
}

test("similarities are cosines, for every number of dimensions", () => {
  for (const dimensions of [1, 2, 3, 4, 5, 7, 8, 63, 64]) {
    const made = model(20, dimensions);
    const out = similarities(made, 3, new Float32Array(20));
    for (let i = 0; i < 20; i++) {
      const dot = made.row(i).reduce((sum, value, j) => sum + value * made.row(3)[j], 0);
      close(out[i], dot / Math.hypot(...made.row(i)) / Math.hypot(...made.row(3)), 1e-5);
    }
    close(out[3], 1, 1e-5);
  }
});

const softmax = (values, tau) => {
  const weights = values.map((value) => Math.exp(value / tau));
  const sum = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / sum);
};

test("a distribution is the softmax of its image alone", () => {
  const values = Float32Array.from({ length: 12 }, () => 2 * random() - 1);
  for (const tau of [0.02, 0.1, 1]) {
    const out = new Float32Array(12).fill(-1);
    const top = distribution(values, 4, 9, tau, out);
    const wanted = softmax([...values.subarray(4, 9)], tau);
    wanted.forEach((share, i) => close(out[4 + i], share));
    close(top, Math.max(...wanted));
    assert.deepEqual([...out.subarray(0, 4), ...out.subarray(9)], Array(7).fill(-1));
  }
});

test("a row's divergence is KL(teacher || student), its mean that over the images", () => {
  const [teacher, student] = [0, 1].map(() => Float32Array.from({ length: 10 }, () => 2 * random() - 1));
  const kl = (start, end, tau) => {
    const [q, p] = [teacher, student].map((row) => softmax([...row.subarray(start, end)], tau));
    return q.reduce((sum, share, i) => sum + share * Math.log(share / p[i]), 0);
  };
  close(rowDivergence(teacher, student, 2, 8, 0.1), kl(2, 8, 0.1));
  const images = [{ start: 0, end: 4 }, { start: 4, end: 10 }];
  close(meanRowDivergence(teacher, student, images, 0.3), (kl(0, 4, 0.3) + kl(4, 10, 0.3)) / 2);
  assert.equal(rowDivergence(teacher, teacher, 0, 10, 0.05), 0);
});

test("nearest are the largest but the position itself, the first of equals", () => {
  for (let n = 1; n < 30; n++) {
    const values = Float32Array.from({ length: n }, () => Math.round(random() * 8));
    const position = Math.floor(random() * n);
    const wanted = [...values.keys()].filter((i) => i !== position).sort((a, b) => values[b] - values[a] || a - b).slice(0, 5);
    assert.deepEqual(nearest(values, position, 5), wanted);
  }
  assert.equal(mostSimilar([0, 5, 9, 7], [0, 1, 3]), 3);
});
