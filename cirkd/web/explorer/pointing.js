// What mouse, pen and fingers do on tiles and maps.

import { positionAt } from "./block.js";
import { measure } from "./dom.js";
import { drawDots, drawTile } from "./drawing.js";
import { WHOLE, boxOf, insidePolygon, pan, zoomAt } from "./geometry.js";
import { listen } from "./gestures.js";
import { markPanel, markTile } from "./marks.js";

/** Connect all tiles and maps of a board. */
export function connect(board) {
  for (const tile of board.tiles) listen(tile.element, onTile(board, tile), board.life.signal);
  for (const panel of board.panels) listen(panel.pad, onPanel(board, panel), board.life.signal);
}

function onTile(board, tile) {
  const at = (x, y) => {
    const [u, v] = tile.shareAt(x, y);
    return u < 0 || v < 0 || u >= 1 || v >= 1 ? -1 : positionAt(board.block, tile.index, u, v);
  };
  return {
    ...shared(board, tile, at, () => markTile(tile, board)),
    draw: (x, y) => {
      board.drawing.path = rectangle(board.drawing.from, [x, y]);
      markTile(tile, board);
    },
    finish: (event) => {
      const start = performance.now();
      const { path } = board.drawing;
      const [left, top] = tile.shareAt(Math.min(path[0], path[4]), Math.min(path[1], path[5]));
      const [right, bottom] = tile.shareAt(Math.max(path[0], path[4]), Math.max(path[1], path[5]));
      ended(board, boxOf(tile.image, board.block.positions, left, top, right, bottom), event, start);
    },
    move: (dx, dy) => zoomTiles(board, tile, pan(board.zooms[tile.index], dx / tile.width, dy / tile.height)),
    zoom: (factor, x, y) => zoomTiles(board, tile, zoomAt(board.zooms[tile.index], factor, x / tile.width, y / tile.height, 16)),
    reset: () => zoomTiles(board, tile, WHOLE),
  };
}

function zoomTiles(board, tile, view) {
  board.zooms[tile.index] = view;
  board.soon(() => {
    for (const other of board.tiles) {
      if (other.index !== tile.index) continue;
      drawTile(board, other);
      other.marked = true;
      markTile(other, board);
    }
  });
}

function onPanel(board, panel) {
  return {
    ...shared(board, panel, (x, y) => panel.pick(x, y), () => markPanel(panel, board)),
    draw: (x, y) => {
      const { drawing } = board;
      if (drawing.box) drawing.path = rectangle(drawing.from, [x, y]);
      else drawing.path.push(x, y);
      markPanel(panel, board);
    },
    finish: (event) => {
      const start = performance.now();
      const inside = insidePolygon(panel.dots, board.drawing.path);
      let mask = inside;
      if (panel.positions) {
        mask = new Uint8Array(board.block.positions);
        panel.positions.forEach((position, dot) => (mask[position] = inside[dot]));
      }
      ended(board, mask, event, start);
    },
    move: (dx, dy) => zoomMaps(board, pan(board.mapZoom, dx / panel.width, dy / panel.height)),
    zoom: (factor, x, y) => zoomMaps(board, zoomAt(board.mapZoom, factor, x / panel.width, y / panel.height)),
    reset: () => zoomMaps(board, WHOLE),
  };
}

/** All maps move together. */
function zoomMaps(board, view) {
  board.mapZoom = view;
  board.soon(() => {
    const start = performance.now();
    for (const panel of board.panels) {
      panel.view = view;
      panel.place();
    }
    drawDots(board);
    for (const panel of board.panels) markPanel(panel, board);
    measure("explorer:zoom", start);
  });
}

function shared(board, target, at, redraw) {
  return {
    hover: (x, y) => board.point(at(x, y)),
    leave: () => board.point(-1),
    click: (x, y) => {
      board.root.focus({ preventScroll: true });
      board.pinAt(at(x, y));
    },
    begin: (x, y, event) => {
      const { tool } = board.view;
      board.root.focus({ preventScroll: true });
      if (tool === "move") return "move";
      if (event.pointerType === "touch" && tool === "point") return "none"; // a finger scrolls the page
      board.drawing = { target, from: [x, y], path: [x, y], box: tool === "box" };
      board.point(-1);
      return "draw";
    },
    abort: () => {
      board.drawing = null;
      redraw();
    },
  };
}

function ended(board, mask, event, start) {
  board.drawing = null;
  board.choose(mask, event.shiftKey ? "add" : event.altKey ? "remove" : "new", start);
}

function rectangle([x0, y0], [x1, y1]) {
  return [x0, y0, x1, y0, x1, y1, x0, y1];
}
