// The keyboard: arrows move the pin, 1 to 6 switch what images show, L, B, M and P are tools, Escape clears.

import { step } from "./block.js";
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
  else if (TOOL_KEYS[event.key.toLowerCase()]) board.set({ tool: TOOL_KEYS[event.key.toLowerCase()] });
  else if (event.key >= "1" && event.key <= String(OVERLAYS.length)) showOverlay(board, OVERLAYS[Number(event.key) - 1].value);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function showOverlay(board, value) {
  if (board.layout.controls.allows(board.block, value)) board.set({ overlay: value });
}

function movePin(board, event) {
  const [rows, columns] = STEPS[event.key];
  const far = event.shiftKey ? 5 : 1;
  if (board.pin >= 0) return board.pinAt(step(board.block, board.pin, rows * far, columns * far));
  const [h, w] = board.block.images[0].grid;
  board.pinAt(Math.floor(h / 2) * w + Math.floor(w / 2)); // the middle of the first image, to start from
}
