// Drawing a board: each function redraws one kind of thing from the board's state.

import { NONE, classCodes, classesOf, colorOf } from "./colors.js";
import { MAPS } from "./controls.js";
import { digits, percent } from "./dom.js";
import { overlayOf } from "./heat.js";
import { guides } from "./pictures.js";
import { markPanel, markTile } from "./marks.js";
import { veilOf } from "./tile.js";
import { HINT, KEYS, describe, explain, legendOf, shapeOf } from "./words.js";

export function drawAll(board) {
  drawMaps(board);
  drawTiles(board);
  drawHeat(board);
  drawVeils(board);
  drawMarks(board);
  drawWords(board);
}

/** What a model's dots are coloured by now; worked out once. */
export function coloring(board, model) {
  const key = [board.view.color, board.theme.dark, board.block.divergence?.temperature].join();
  if (board.colorsOf !== key) board.colors = new Map();
  board.colorsOf = key;
  if (!board.colors.has(model)) board.colors.set(model, colorOf(board.block, board.view.color, model, board.look, board.theme.dark));
  return board.colors.get(model);
}

function drawMaps(board) {
  for (const panel of board.panels) {
    panel.view = board.mapZoom;
    panel.place();
    panel.quality.textContent = panel.quality.title = qualityOf(board, panel.model.name);
  }
  drawDots(board);
  const legend = legendOfAll(board.panels.map(({ model }) => coloring(board, model).legend));
  const shaped = board.marked === NONE ? "" : (classesOf(board.block).names[board.marked] ?? "");
  board.layout.legend.replaceChildren(...shapeOf(shaped), ...legendOf(legend, board.gradient, (code, event) => board.chooseCode(code, event)));
}

/** One legend for all models: what any of them shows, in the order of the codes. */
function legendOfAll(legends) {
  if (legends[0].words) return legends[0];
  const entries = new Map(legends.flat().map((entry) => [entry[0], entry]));
  return [...entries.values()].sort((a, b) => a[2] - b[2]);
}

export function drawDots(board) {
  const classes = classCodes(board.block);
  const pinned = board.pin >= 0 ? classes[board.pin] : NONE;
  board.marked = pinned;
  const shaped = pinned === NONE ? null : (position) => classes[position] === pinned;
  for (const panel of board.panels) panel.draw(coloring(board, panel.model), board.selection, board.theme, shaped);
}

/** The maps again where the pin has come to another class, whose dots have a shape of their own. */
export function drawShapes(board) {
  const pinned = board.pin >= 0 ? classCodes(board.block)[board.pin] : NONE;
  if (pinned !== board.marked && board.layout.width) drawMaps(board);
}

/** How far to trust a map, in a few words. */
function qualityOf(board, name) {
  const { map, mapName, view, block, look, arrows } = board;
  if (view.map !== mapName) return `${MAPS.find(([value]) => value === mapName)[1]}, as ${MAPS.find(([value]) => value === view.map)[1]} is not worked out`;
  const parts = [];
  if (map.explained[name]) parts.push(`${percent(map.explained[name].reduce((a, b) => a + b, 0))} of variance`);
  if (name in map.residual && name !== block.reference) parts.push(`aligned, residual ${digits(map.residual[name], 2)}`);
  if (map.space === "relation" && arrows?.to === name) parts.push(`arrows: ${look.models[arrows.from].label} → ${look.models[name].label}`);
  const drawn = map.positions ?? block.dots;
  if (drawn) parts.push(`${drawn.length.toLocaleString("en")} of ${block.positions.toLocaleString("en")} dots`);
  return parts.join(" · ");
}

function layersOf(board, tile) {
  const { overlay, opacity } = board.view;
  const { photos, greys, labels, predictions } = board.pictures;
  if (overlay === "labels") return [[greys[tile.index], 1], [labels[tile.index], opacity]];
  if (overlay === "prediction") return [[greys[tile.index], 1], [predictions[tile.model.name][tile.index], opacity]];
  return [[photos[tile.index], 1]];
}

export function drawTile(board, tile) {
  tile.show(board.zooms[tile.index]);
  tile.drawBase(layersOf(board, tile), board.pictures.greys[tile.index]);
  tile.heat.style.opacity = board.view.opacity;
}

export function drawTiles(board) {
  for (const tile of board.tiles) drawTile(board, tile);
}

/** Heatmaps along the images' edges, or as raw cells. */
export function followEdges(board) {
  board.guides ??= guides(board.block, board.pictures.photos);
  const { factor, guides: made } = board.guides;
  for (const tile of board.tiles) {
    const guide = board.view.raw ? null : made[tile.index];
    tile.follow(guide, guide ? factor : 1);
  }
}

export function drawHeat(board) {
  board.heat.paint(board.tiles, board.view.overlay, board.focus(), board.view.tau);
}

export function drawVeils(board) {
  const { images } = board.block;
  const veils = images.map((image) => board.selection && veilOf(image, board.selection));
  for (const tile of board.tiles) tile.drawVeil(veils[tile.index]);
}

export function drawMarks(board) {
  for (const tile of board.tiles) markTile(tile, board);
  for (const panel of board.panels) markPanel(panel, board);
}

export function drawWords(board) {
  const { block, look, view, layout } = board;
  const focus = board.focus();
  if (focus >= 0) board.seen = true;
  layout.readout.replaceChildren(...(focus >= 0 ? describe(block, look, focus) : [board.seen ? KEYS : HINT]));
  layout.readout.classList.toggle("cx-hint", focus < 0);
  const told = explain(block, look, view, board.gradient);
  layout.explained.replaceChildren(...told);
  const live = focus >= 0 && overlayOf(view.overlay).relations && block.models.length > 1;
  const found = live ? board.heat.rowDivergences(focus, view.tau) : {};
  for (const [name, note] of Object.entries(layout.rowNotes)) {
    const words = `this pixel's relation divergence at τ = ${view.tau.toFixed(2)}: ${digits(found[name] ?? NaN)} nats`;
    note.textContent = name in found ? words : "";
  }
  layout.controls.count(board.count, board.pin >= 0);
}
