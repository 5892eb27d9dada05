// What a board takes over when its data come again.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Board } from "../../cirkd/web/explorer/board.js";

globalThis.getComputedStyle = () => ({ getPropertyValue: () => "" });

/** A board without a page: what it tells stands in `told` at once. */
function bare(block) {
  const told = [];
  const board = Object.assign(Object.create(Board.prototype), { block, view: {}, pin: 5, selection: null, root: {} });
  board.rest = { changed: () => board.report() };
  return { board, told, links: { send: (state) => told.push(state.study), keep: () => {} } };
}

const block = (study) => ({ study, maps: { pca: {} }, divergence: null, colorings: [] });

test("the same pixels as another study's are told of under its name", () => {
  const { board, told, links } = bare(block("auto"));
  board.useMap = board.resized = () => {};
  board.send = links.send;
  board.report();
  board.update(block("auto"), links);
  assert.deepEqual(told, ["auto"]);
  board.update(block("cpu"), links);
  board.pin = 7;
  board.report();
  board.update(block("auto"), links);
  assert.deepEqual(told, ["auto", "cpu", "cpu", "auto"]);
});
