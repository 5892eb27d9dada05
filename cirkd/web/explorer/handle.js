// What tests and benchmarks may read from the element with data-testid="explorer": `element.explorer`. It only reads.

import { outer } from "./geometry.js";

export function exposed(board) {
  const tileOf = (model, image) => board.tiles.find((tile) => tile.model.name === model && tile.index === image);
  return Object.freeze({
    /** Counts, images with their grids and first positions, and the stated error of each model's cosines. */
    get block() {
      const { positions, of, stride, id, images, models, low } = board.block;
      return {
        positions, of, stride, id, low, maps: Object.keys(board.block.maps),
        images: images.map(({ name, grid, start }) => ({ name, grid, start })),
        errors: Object.fromEntries(models.map(({ name, error }) => [name, error])),
        divergence: board.block.divergence?.temperature ?? null,
      };
    },
    get view() {
      return { ...board.view, shownMap: board.mapName, zoom: board.mapZoom.zoom, zooms: board.zooms.map(({ zoom }) => zoom) };
    },
    get hover() {
      return board.hover;
    },
    get pin() {
      return board.pin;
    },
    /** The chosen positions, ascending. */
    get selection() {
      return board.chosen();
    },
    /** name -> the pinned pixel's nearest positions. */
    get neighbours() {
      return board.neighbours ? structuredClone(board.neighbours) : null;
    },
    /** The numbers that the heatmap of a tile draws now, row after row; null where it draws none. */
    drawn(model, image) {
      const { values } = tileOf(model, image);
      return values && Array.from(values);
    },
    /** The colour [r, g, b, a] of a cell of that heatmap, read from its canvas. */
    color(model, image, row, column) {
      return Array.from(tileOf(model, image).heat.getContext("2d").getImageData(column, row, 1, 1).data);
    },
    /** Where a position lies on a tile or a map: x and y in the window; null where a map leaves it out. */
    tilePlace(model, position) {
      const tile = board.tiles.find((item) => item.model.name === model && item.holds(position));
      return inWindow(tile.element, tile.placeOf(position));
    },
    mapPlace(model, position) {
      const panel = board.panelOf(model);
      const place = panel.placeOf(position);
      return place && inWindow(panel.pad, place);
    },
    /** The coordinates of a position on the map that is shown, as Python gave them. */
    coordinates(model, position) {
      const panel = board.panelOf(model);
      const dot = panel.dotOf(position);
      return dot < 0 ? null : [panel.at[2 * dot], panel.at[2 * dot + 1]];
    },
    /** Where a share of the image (0..1) lies on a tile, in the window. */
    imagePlace(model, image, x, y) {
      const tile = tileOf(model, image);
      const [u, v] = outer(tile.view, x, y);
      return inWindow(tile.element, [u * tile.width, v * tile.height]);
    },
  });
}

function inWindow(element, [x, y]) {
  const box = element.getBoundingClientRect();
  return [box.left + x, box.top + y];
}
