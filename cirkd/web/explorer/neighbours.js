// The pinned pixel's nearest neighbours in each model, side by side.

import { placeOf } from "./block.js";
import { make, pen, resize } from "./dom.js";
import { nearest } from "./similarity.js";

export const COUNT = 10;
const SIDE = 42; // CSS pixels of a crop
const SPAN = 0.16; // share of the image's height that a crop shows

/** name -> the nearest positions of a position. */
export function neighboursOf(block, rows, position) {
  return Object.fromEntries(block.models.map(({ name }) => [name, nearest(rows.get(name), position, COUNT)]));
}

/** A row of crops for each model; those that the reference has too are framed. point(position) on hover, pin(position). */
export function strip(board, neighbours, on) {
  const { block, look, pictures, pin: position } = board;
  const reference = new Set(neighbours[block.reference]);
  return block.models.map(({ name }) => {
    const { label, color, glyph } = look.models[name];
    const shared = neighbours[name].filter((other) => reference.has(other)).length;
    const told = name === block.reference ? "" : `${shared} of ${neighbours[name].length} shared with ${look.models[block.reference].label}`;
    const crops = neighbours[name].map((other) => crop(block, pictures, other, name !== block.reference && reference.has(other), on));
    return make("div", { class: "cx-near", "data-testid": `neighbours-${name}` },
      make("div", { class: "cx-head" }, make("span", { class: "cx-model" }, make("i", { style: `color:${color}` }, glyph), label), make("span", { class: "cx-quiet" }, told)),
      make("div", { class: "cx-crops" }, crop(block, pictures, position, false, on, true), ...crops));
  });
}

function crop(block, pictures, position, shared, on, own = false) {
  const { image, row, column } = placeOf(block, position);
  const [rows, columns] = block.images[image].grid;
  const canvas = make("canvas", {});
  const words = `${block.images[image].name}, row ${row * block.stride}, column ${column * block.stride}`;
  const button = make(
    "button",
    { type: "button", class: `cx-crop${shared ? " cx-shared" : ""}${own ? " cx-own" : ""}`, title: own ? `the pinned pixel: ${words}` : `${words}; click to pin`,
      "aria-label": words, onclick: () => on.pin(position), onpointerenter: () => on.point(position), onpointerleave: () => on.point(-1) },
    canvas,
  );
  canvas.style.width = canvas.style.height = `${SIDE}px`;
  resize(canvas, SIDE, SIDE);
  const photo = pictures.photos[image];
  const side = photo.height * SPAN;
  const [x, y] = [((column + 0.5) / columns) * photo.width, ((row + 0.5) / rows) * photo.height];
  const context = pen(canvas);
  context.drawImage(photo, x - side / 2, y - side / 2, side, side, 0, 0, SIDE, SIDE);
  for (const [width, stroke] of [[3, "#000"], [1.5, "#fff"]]) {
    context.lineWidth = width;
    context.strokeStyle = stroke;
    context.strokeRect(SIDE / 2 - 4, SIDE / 2 - 4, 8, 8);
  }
  return button;
}
