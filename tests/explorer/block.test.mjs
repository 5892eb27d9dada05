import assert from "node:assert/strict";
import { test } from "node:test";
import { imageOf, maskOf, placeOf, positionAt, readBlock, readHeader, runsOf, step } from "../../cirkd/web/explorer/block.js";

/** A block as Python writes it: header, then parts at multiples of 8. */
function written(header, parts) {
  let text = JSON.stringify(header);
  text += " ".repeat((8 - ((4 + text.length) % 8)) % 8);
  const bytes = new Uint8Array(3 + 4 + text.length + parts.length); // 3: not aligned, as messages come
  new DataView(bytes.buffer, 3).setUint32(0, text.length, true);
  bytes.set(new TextEncoder().encode(text), 7);
  bytes.set(parts, 7 + text.length);
  return bytes.subarray(3);
}

const body = new Uint8Array(32);
body.set([1, 2, 255, 4, 5, 6], 0);
new Float32Array(body.buffer, 8, 6).set([0.5, -1, 2, 3, 4, 5]);
const model = {
  name: "after", dimensions: 1, embedding: { at: 0, length: 6, type: "int8" }, scale: { at: 8, length: 24, type: "float32" },
  prediction: { at: 0, length: 6, type: "uint8" }, confidence: { at: 8, length: 24, type: "float32" },
  pictures: [{ at: 0, length: 2, type: "image/png" }],
};
const image = (grid) => ({ name: "x", grid, photo: { at: 1, length: 3, type: "image/webp" }, label: null });
const header = {
  id: "a", positions: 6, images: [image([1, 2]), image([2, 2])], models: [model], label: { at: 0, length: 6, type: "uint8" },
  change: null, divergence: { temperature: 0.1, values: { after: { at: 8, length: 24, type: "float32" } } },
  maps: { pca: { positions: null, coordinates: { after: { at: 8, length: 16, type: "float32" } } } },
};

test("every array comes out of the bytes with its type", () => {
  const bytes = written(header, body);
  assert.equal(readHeader(bytes).header.id, "a");
  const block = readBlock(bytes);
  assert.deepEqual([...block.models[0].embedding], [1, 2, -1, 4, 5, 6]);
  assert.deepEqual([...block.label], [1, 2, 255, 4, 5, 6]);
  assert.deepEqual([...block.models[0].scale], [0.5, -1, 2, 3, 4, 5]);
  assert.deepEqual([...block.maps.pca.coordinates.after], [0.5, -1, 2, 3]);
  assert.deepEqual([...block.divergence.values.after], [0.5, -1, 2, 3, 4, 5]);
  assert.deepEqual([...block.images[0].photo.bytes], [2, 255, 4]);
  assert.equal(block.images[0].photo.type, "image/webp");
  assert.equal(block.change, null);
  assert.deepEqual(block.images.map(({ start, end }) => [start, end]), [[0, 2], [2, 6]]);
});

test("places and positions are each other's inverse", () => {
  const block = readBlock(written(header, body));
  for (let position = 0; position < 6; position++) {
    const { image: i, row, column } = placeOf(block, position);
    const [rows, columns] = block.images[i].grid;
    assert.equal(i, imageOf(block, position));
    assert.equal(positionAt(block, i, (column + 0.5) / columns, (row + 0.5) / rows), position);
  }
  assert.equal(positionAt(block, 1, 1, 1), 5);
  assert.equal(positionAt(block, 1, -3, 0.1), 2);
});

test("a step stays on its image", () => {
  const block = readBlock(written(header, body));
  assert.equal(step(block, 2, 1, 0), 4);
  assert.equal(step(block, 2, -1, -1), 2);
  assert.equal(step(block, 5, 9, 9), 5);
  assert.equal(step(block, 1, 1, 1), 1);
});

test("runs of chosen positions come back as the same mask", () => {
  let seed = 7;
  for (let n = 0; n < 50; n++) {
    const mask = Uint8Array.from({ length: n }, () => ((seed = (seed * 48271) % 2147483647) >> 8) & 1);
    assert.deepEqual(maskOf(runsOf(mask), n), mask);
  }
  assert.deepEqual(runsOf(Uint8Array.from([1, 1, 0, 1])), [0, 2, 3, 1]);
});
