import assert from "node:assert/strict";
import { test } from "node:test";
import { similarities } from "../../cirkd/web/explorer/similarity.js";
import { finer, guide, spread } from "../../cirkd/web/explorer/smooth.js";
import { vectorised } from "../../cirkd/web/explorer/vectors.js";

let seed = 1;
const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
const grey = Uint32Array.from({ length: 256 }, (_, i) => i);

/** Pixels [r, g, b, a] of a picture given by a function of row and column. */
function picture(height, width, colour) {
  const bytes = new Uint8ClampedArray(4 * height * width).fill(255);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) bytes.set(colour(y, x), 4 * (y * width + x));
  return bytes;
}

test("weights sum to 256, of cells that touch the pixel's own", () => {
  const [rows, columns, factor] = [5, 7, 3];
  const made = guide(picture(15, 21, () => [0, 0, 0].map(() => 255 * random())), rows, columns, factor);
  for (let y = 0; y < 15; y++) {
    for (let x = 0; x < 21; x++) {
      const at = 4 * (y * 21 + x);
      let sum = 0;
      for (let n = 0; n < 4; n++) {
        sum += made.weights[at + n];
        const [r, c] = [Math.floor(made.cells[at + n] / columns), made.cells[at + n] % columns];
        assert.ok(Math.abs(r - Math.floor(y / factor)) <= 1 && Math.abs(c - Math.floor(x / factor)) <= 1);
      }
      assert.equal(sum, 256);
    }
  }
});

test("one value everywhere stays that value; grids of one cell, too", () => {
  for (const [rows, columns] of [[4, 6], [1, 1], [1, 3]]) {
    const made = guide(picture(2 * rows, 2 * columns, (y, x) => [40 * y, 30 * x, 9]), rows, columns, 2);
    const out = new Uint32Array(4 * rows * columns);
    spread(new Uint8Array(rows * columns).fill(127), made, grey, out);
    assert.ok(out.every((value) => value === 127));
  }
});

test("an edge of the image within a cell becomes the heatmap's", () => {
  // Black left of pixel 10, white from there on: cell 2 of 4 pixels lies across. Cells 0, 1 are cold, 3, 4 hot.
  const made = guide(picture(12, 20, (y, x) => (x < 10 ? [0, 0, 0] : [255, 255, 255])), 3, 5, 4);
  const out = new Uint32Array(12 * 20);
  spread(Uint8Array.from([0, 0, 127, 255, 255, 0, 0, 127, 255, 255, 0, 0, 127, 255, 255]), made, grey, out);
  const row = [...out.subarray(6 * 20, 7 * 20)];
  assert.ok(row[9] < 60 && row[10] > 195, `${row}`);
  assert.equal(row[0], 0);
  assert.equal(row[19], 255);
});

test("heatmaps are finer where there are few cells", () => {
  assert.deepEqual([100, 50_000, 200_000, 1_000_000].map(finer), [8, 4, 2, 1]);
});

test("vector instructions give the cosines of plain products", () => {
  for (const dimensions of [1, 4, 8, 19, 40, 64]) {
    const embedding = Int8Array.from({ length: 50 * dimensions }, () => Math.round(254 * random() - 127));
    const model = { embedding, dimensions, scale: Float32Array.from({ length: 50 }, () => random() / 100) };
    const cosines = vectorised(model);
    assert.ok(cosines, "Node has them");
    for (const position of [0, 17, 49]) {
      const [found, wanted] = [cosines(position, new Float32Array(50)), similarities(model, position, new Float32Array(50))];
      for (let i = 0; i < 50; i++) assert.ok(Math.abs(found[i] - wanted[i]) <= 1e-6 * Math.max(Math.abs(wanted[i]), 1));
    }
  }
});
