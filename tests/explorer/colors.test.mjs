import assert from "node:assert/strict";
import { test } from "node:test";
import { classCodes, colorOf, colorings, packed, ramp, rgb } from "../../cirkd/web/explorer/colors.js";
import { disc, faded, shuffled, splat } from "../../cirkd/web/explorer/splat.js";

const states = { right: "#c9ced7", wrong: "#4a4a4a", fixed: "#0072b2", broken: "#d55e00", none: "#808080" };
const look = { light: states, dark: { ...states, wrong: "#a3a9b3" }, sequential: ["#000000", "#ffffff"], images: ["#e69f00", "#56b4e9"] };
const classes = { names: ["road", "sky"], colors: [[1, 2, 3], [4, 5, 6]] };
const model = { name: "after", classes, comparable: true, prediction: Uint8Array.from([0, 1, 1, 0]), confidence: Float32Array.from([0, 0.5, 1, 1]) };
const block = {
  positions: 4, reference: "after", groupedBy: "label", classes, models: [model, { ...model, name: "b" }], label: Uint8Array.from([0, 0, 1, 255]), change: Uint8Array.from([0, 3, 2, 255]),
  images: [{ name: "x", label: {}, start: 0, end: 2 }, { name: "y", label: {}, start: 2, end: 4 }],
  divergence: { largest: 2, values: { b: Float32Array.from([0, 1, 2, 9]) } },
};

test("every colouring gives each position its colour", () => {
  const shown = (by, which = model, dark = false) => {
    const { codes, table } = colorOf(block, by, which, look, dark);
    return [...codes].map((code) => table[code]);
  };
  assert.deepEqual(shown("class"), [[1, 2, 3], [1, 2, 3], [4, 5, 6], rgb("#808080")]);
  assert.deepEqual(shown("prediction"), [[1, 2, 3], [4, 5, 6], [4, 5, 6], [1, 2, 3]]);
  assert.deepEqual(shown("image"), ["#e69f00", "#e69f00", "#56b4e9", "#56b4e9"].map(rgb));
  assert.deepEqual(shown("error"), [states.right, states.broken, states.right, states.none].map(rgb));
  assert.deepEqual(shown("change"), [states.right, states.broken, states.fixed, states.none].map(rgb));
  assert.deepEqual(shown("confidence").map(([red]) => red), [0, 127, 255, 255]);
  assert.deepEqual(shown("divergence", block.models[1]).map(([red]) => red), [0, 127, 255, 255]);
  assert.deepEqual(shown("divergence", model).map(([red]) => red), [0, 0, 0, 0]); // the reference diverges nowhere
  assert.deepEqual(colorOf(block, "change", model, look, true).table[1], rgb("#a3a9b3"));
});

test("only what can be told is offered", () => {
  const names = (of) => colorings(of).map(([value]) => value);
  assert.deepEqual(names(block), ["class", "prediction", "image", "error", "confidence", "divergence", "change"]);
  const bare = { ...block, images: block.images.map((image) => ({ ...image, label: null })), models: [model], change: null };
  assert.deepEqual(names(bare), ["class", "prediction", "image", "confidence"]);
  assert.equal(classCodes(bare), model.prediction);
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
