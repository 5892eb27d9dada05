// The keyboard: arrows move the pin, 1 to 6 switch what images show, L, B, M and P are tools, Escape clears.

import { placeOf, step } from "./block.js";
import { boxOf } from "./geometry.js";
import { OVERLAYS } from "./heat.js";

const TOOL_KEYS = { l: "lasso", b: "box", m: "move", p: "point" };
const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

export function pressed(board, event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const inside = board.root.contains(event.target);
  if (!inside && event.target !== document.body) return; // somebody is typing elsewhere
  const typing = event.target.matches("input, select, textarea, [contenteditable]");
  if (event.key === "Escape") board.clear();
  else if (typing) return;
  else if (STEPS[event.key] && inside) movePin(board, event);
  else if (event.key === "Enter" && event.target === board.root) corner(board, event);
  else if (TOOL_KEYS[event.key.toLowerCase()]) board.set({ tool: TOOL_KEYS[event.key.toLowerCase()] });
  else if (event.key >= "1" && event.key <= String(OVERLAYS.length)) showOverlay(board, OVERLAYS[Number(event.key) - 1].value);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function showOverlay(board, value) {
  if (board.layout.controls.allows(board.block, value)) board.set({ overlay: value });
}

/** The near edge of the next image (-1: of the one before), at the same height; itself where there is none. */
export function across(block, position, direction) {
  const { image, row } = placeOf(block, position);
  const next = block.images[image + direction];
  if (!next) return position;
  const [h, w] = next.grid;
  const line = Math.min(Math.floor((row * h) / block.images[image].grid[0]), h - 1);
  return next.start + line * w + (direction > 0 ? 0 : w - 1);
}

/** Enter marks the pin as one corner of a box, and again as the other: what lies between is chosen. */
function corner(board, event) {
  if (board.pin < 0) return;
  const [from, to] = [board.corner, board.pin].map((position) => position !== undefined && placeOf(board.block, position));
  if (!from || from.image !== to.image) {
    board.corner = board.pin;
    board.layout.told.textContent = "corner set: move the pin and press Enter again";
    return;
  }
  const image = board.block.images[to.image];
  const [h, w] = image.grid;
  const [top, bottom] = [Math.min(from.row, to.row) / h, (Math.max(from.row, to.row) + 1) / h];
  const [left, right] = [Math.min(from.column, to.column) / w, (Math.max(from.column, to.column) + 1) / w];
  board.corner = undefined;
  board.choose(boxOf(image, board.block.positions, left, top, right, bottom), event.shiftKey ? "add" : "new");
}

function movePin(board, event) {
  const [rows, columns] = STEPS[event.key];
  const far = event.shiftKey ? 5 : 1;
  if (board.pin >= 0) {
    const next = step(board.block, board.pin, rows * far, columns * far);
    return board.pinAt(next === board.pin && columns ? across(board.block, board.pin, Math.sign(columns)) : next);
  }
  const [h, w] = board.block.images[0].grid;
  board.pinAt(Math.floor(h / 2) * w + Math.floor(w / 2)); // the middle of the first image, to start from
}
