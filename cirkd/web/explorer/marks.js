// Rings, neighbours, arrows and what is being drawn, on top of maps and images.

import { arrow, ring } from "./panel.js";
import { pen } from "./dom.js";
import { classCodes, classesOf, css } from "./colors.js";
import { mostSimilar } from "./similarity.js";

const MOST_ARROWS = 200;

/** Rings on a tile: the neighbours of the pin, the pin, the position pointed at. */
export function markTile(tile, board) {
  const { hover, pin, theme, neighbours, look } = board;
  const near = (neighbours?.[tile.model.name] ?? []).filter((position) => tile.holds(position));
  const marked = near.length || tile.holds(pin) || tile.holds(hover) || board.drawing?.target === tile;
  if (!marked && !tile.marked) return; // most tiles have no marks, and had none
  tile.marked = marked;
  const context = pen(tile.marks);
  context.clearRect(0, 0, tile.width, tile.height);
  for (const position of near) {
    ring(context, tile.placeOf(position), 3.5, theme, { color: look.models[tile.model.name].color });
  }
  if (tile.holds(pin)) ring(context, tile.placeOf(pin), 6, theme, { pinned: true });
  if (hover !== pin && tile.holds(hover)) ring(context, tile.placeOf(hover), 5, theme);
  if (board.drawing?.target === tile) trace(context, board.drawing.path, theme);
}

/** Rings and arrows on a map. */
export function markPanel(panel, board) {
  const context = panel.clearMarks();
  const { hover, pin, theme, neighbours, look } = board;
  if (board.map.space === "relation" && board.arrows?.to === panel.model.name) drawArrows(context, panel, board);
  for (const position of neighbours?.[panel.model.name] ?? []) {
    const place = panel.placeOf(position);
    if (place) ring(context, place, 4, theme, { color: look.models[panel.model.name].color });
  }
  if (pin >= 0) markPosition(context, panel, board, pin, 7, true);
  if (hover >= 0 && hover !== pin) markPosition(context, panel, board, hover, 6, false);
  if (board.drawing?.target === panel) trace(context, board.drawing.path, theme);
}

/** A position's ring; dashed around the most similar dot where the map leaves the position out. */
function markPosition(context, panel, board, position, radius, pinned) {
  const place = panel.placeOf(position);
  if (place) return ring(context, place, radius, board.theme, { pinned });
  const rows = board.heat.relate(position).get(panel.model.name);
  ring(context, panel.placeOf(mostSimilar(rows, panel.positions)), radius, board.theme, { dashed: true });
}

function trace(context, path, theme) {
  context.beginPath();
  for (let i = 0; i < path.length; i += 2) context.lineTo(path[i], path[i + 1]);
  context.closePath();
  context.fillStyle = `rgba(${theme.accent.join(",")},0.12)`;
  context.strokeStyle = css(theme.accent);
  context.lineWidth = 1.5;
  context.fill();
  context.stroke();
}

/** From where a pixel was before to where it is after: of the chosen pixels, or the mean of each class. */
function drawArrows(context, panel, board) {
  const { from, to } = board.arrows;
  const start = board.panelOf(from);
  const codes = classCodes(board.block);
  const { colors } = classesOf(board.block);
  const rim = css(board.theme.paper);
  if (!board.selection) {
    for (const [code, [x0, y0, x1, y1]] of classMeans(start.dots, panel.dots, panel, codes)) {
      if (colors[code]) arrow(context, [x0, y0], [x1, y1], css(colors[code]), 2.5, rim);
    }
  } else {
    const chosen = board.chosen();
    const every = Math.ceil(chosen.length / MOST_ARROWS);
    for (let i = 0; i < chosen.length; i += every) {
      const [a, b] = [start.placeOf(chosen[i]), panel.placeOf(chosen[i])];
      if (a && b) arrow(context, a, b, css(colors[codes[chosen[i]]] ?? [128, 128, 128]), 1, null);
    }
  }
  const focus = board.focus();
  if (focus < 0) return;
  const [a, b] = [start.placeOf(focus), panel.placeOf(focus)];
  if (a && b) arrow(context, a, b, css(board.theme.ink), 2.5, rim);
}

/** class -> mean place before and after, of classes with at least three dots. */
function classMeans(before, after, panel, codes) {
  const sums = new Map();
  for (let dot = 0; dot < panel.count; dot++) {
    const code = codes[panel.positionOf(dot)];
    const sum = sums.get(code) ?? sums.set(code, [0, 0, 0, 0, 0]).get(code);
    sum[0] += before[2 * dot];
    sum[1] += before[2 * dot + 1];
    sum[2] += after[2 * dot];
    sum[3] += after[2 * dot + 1];
    sum[4] += 1;
  }
  return [...sums].filter(([, sum]) => sum[4] > 2).map(([code, sum]) => [code, sum.slice(0, 4).map((value) => value / sum[4])]);
}
