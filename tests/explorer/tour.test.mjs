// Places worth a look are where most of a kind is, by counting every square the slow way.

import assert from "node:assert/strict";
import { test } from "node:test";

import { across } from "../../cirkd/web/explorer/keys.js";
import { Tour, densest } from "../../cirkd/web/explorer/tour.js";

const images = [{ start: 0, end: 128, grid: [8, 16] }, { start: 128, end: 176, grid: [6, 8] }];

function dice(seed) {
  let state = seed;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

test("the first place lies in the fullest square of any image", () => {
  for (let seed = 1; seed < 20; seed++) {
    const random = dice(seed);
    const weights = Float32Array.from({ length: 176 }, () => Number(random() < 0.2));
    const [first] = densest(weights, images, 3);
    let most = 0;
    const full = [];
    for (const { start, grid: [h, w] } of images) {
      const half = Math.max(1, Math.round(h / 8));
      for (let r = 0; r < h; r++) {
        for (let c = 0; c < w; c++) {
          let sum = 0;
          const inside = [];
          for (let y = Math.max(r - half, 0); y <= Math.min(r + half, h - 1); y++) {
            for (let x = Math.max(c - half, 0); x <= Math.min(c + half, w - 1); x++) {
              sum += weights[start + y * w + x];
              inside.push(start + y * w + x);
            }
          }
          const share = sum / (2 * half + 1) ** 2;
          if (share > most) [most, full.length] = [share, 0];
          if (share === most) full.push(inside);
        }
      }
    }
    assert.equal(weights[first], 1);
    assert.ok(full.some((inside) => inside.includes(first)), `seed ${seed}`);
  }
});

test("a tour goes round, and says where there is nothing", () => {
  const change = new Uint8Array(176);
  change[20] = change[21] = change[150] = 2;
  const tour = new Tour({ images, change, divergence: null, models: [] });
  const seen = [tour.next("fixed"), tour.next("fixed"), tour.next("fixed")];
  assert.deepEqual(seen, [tour.arrival(), 150, tour.arrival()]);
  assert.ok([20, 21].includes(seen[0]));
  assert.equal(tour.next("broken"), -1);
  assert.equal(tour.next("diverged"), -1);
  assert.equal(new Tour({ images, change: null, divergence: null, models: [] }).arrival(), 4 * 16 + 8);
});

test("where most diverged is looked for again at another temperature", () => {
  const at = (temperature, ...hot) => {
    const values = new Float32Array(176);
    hot.forEach((position, i) => (values[position] = 1 + 1 / (i + 1)));
    return { temperature, values: { after: values } };
  };
  const block = { images, change: null, divergence: at(0.1, 17, 150), models: [{ name: "teacher" }, { name: "after" }] };
  const tour = new Tour(block);
  const first = [tour.next("diverged"), tour.next("diverged")];
  assert.deepEqual([...first].sort((a, b) => a - b), [17, 150]);
  block.divergence = at(0.5, 100);
  assert.equal(tour.next("diverged"), 100);
  block.divergence = at(0.1, 17, 150); // read anew, as when another map came
  assert.equal(tour.next("diverged"), first[0]);
});

test("arrow keys go from image to image", () => {
  assert.equal(across({ images }, 4 * 16 + 15, 1), 128 + 3 * 8);
  assert.equal(across({ images }, 128 + 3 * 8, -1), 4 * 16 + 15);
  assert.equal(across({ images }, 128 + 7, 1), 128 + 7);
});
