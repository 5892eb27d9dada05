import assert from "node:assert/strict";
import { test } from "node:test";
import { classCodes, colorOf, packed, ramp, rgb } from "../../cirkd/web/explorer/colors.js";
import { disc, faded, shuffled, splat } from "../../cirkd/web/explorer/splat.js";

const look = { sequential: ["#000000", "#ffffff"] };
const model = { name: "after" };
const categories = [[0, "road", "#010203", "#010203"], [1, "wrong in both", "#4a4a4a", "#a3a9b3"], [255, "unlabelled", "#808080", "#808080"]];
const scale = { low: "0", high: "2.00", words: "nats" };
const block = {
  positions: 4, reference: "after", models: [{ ...model, prediction: Uint8Array.from([0, 1, 1, 0]), classes: { colors: [[1, 2, 3]] } }], images: [{ label: null }],
  label: Uint8Array.from([0, 0, 1, 255]), classes: { colors: [[4, 5, 6]] },
  colorings: [
    { name: "mood", label: "Mood", models: { after: { codes: Uint8Array.from([0, 1, 255, 7]), categories } } },
    { name: "heat", label: "Heat", models: { after: { codes: Uint8Array.from([0, 127, 255, 255]), scale } } },
  ],
};

test("a colouring of any name gives each position its colour, and a legend without what has no category", () => {
  const shown = (by, dark) => {
    const { codes, table } = colorOf(block, by, model, look, dark);
    return [...codes].map((code) => table[code]);
  };
  assert.deepEqual(shown("mood", false), ["#010203", "#4a4a4a", "#808080", "#808080"].map(rgb));
  assert.deepEqual(shown("mood", true), ["#010203", "#a3a9b3", "#808080", "#808080"].map(rgb));
  assert.deepEqual(shown("heat", false).map(([red]) => red), [0, 127, 255, 255]);
  assert.deepEqual(colorOf(block, "mood", model, look, true).legend, [["road", "#010203", 0], ["wrong in both", "#a3a9b3", 1]]);
  assert.equal(colorOf(block, "heat", model, look, true).legend, scale);
});

test("positions count as their labels, or as the reference's predictions where there are none", () => {
  assert.equal(classCodes(block), block.models[0].prediction);
  assert.equal(classCodes({ ...block, images: [{ label: {} }] }), block.label);
});

test("a ramp runs evenly through its stops", () => {
  const table = ramp(["#000000", "#ff0000", "#ffffff"]);
  assert.deepEqual([table[0], table[255]], [[0, 0, 0], [255, 255, 255]]);
  assert.ok(Math.abs(table[64][0] - 128) <= 1 && table[64][1] === 0);
  assert.equal(packed([1, 2, 3]), 0xff030201);
});

test("dots are drawn where they are, the last on top, none over the edge", () => {
  const target = { pixels: new Uint32Array(400).fill(packed([9, 9, 9])), width: 20, height: 20 };
  const table = [[255, 0, 0], [0, 255, 0]];
  splat(target, Float32Array.from([10, 10, 10, 10, 0, 0]), Uint32Array.from([0, 1, 2]), Uint8Array.from([0, 1, 0]), table, disc(1.5));
  assert.equal(target.pixels[10 * 20 + 10], packed([0, 255, 0]));
  assert.equal(target.pixels[10 * 20 + 13], packed([9, 9, 9]));
  assert.equal(target.pixels[0], packed([9, 9, 9]));
});

test("an order names every dot once, and fading mixes with the page", () => {
  assert.deepEqual([...shuffled(1000)].sort((a, b) => a - b), Array.from({ length: 1000 }, (_, i) => i));
  assert.deepEqual(faded([[100, 0, 200]], [0, 100, 200], 0.5), [[50, 50, 200]]);
});
