// One image as one model sees it: photo and class maps below, a heatmap, the chosen positions, marks on top.

import { make, pen, resize } from "./dom.js";
import { WHOLE, inner, outer } from "./geometry.js";
import { spread } from "./smooth.js";

const FINE = 4; // pixels of the veil per grid cell, so that the outline of what is chosen is thin

export class Tile {
  constructor(image, model, look, index) {
    this.image = image;
    this.model = model;
    this.index = index;
    this.view = WHOLE;
    this.values = null; // what the heatmap shows now, one number per position of the image
    this.base = make("canvas", { class: "cx-layer", "aria-hidden": "true" });
    this.grey = make("canvas", { class: "cx-layer cx-grey", "aria-hidden": "true" }); // the ground of a heatmap
    this.heat = make("canvas", { class: "cx-layer cx-grid", "aria-hidden": "true" });
    this.veil = make("canvas", { class: "cx-layer cx-grid", "aria-hidden": "true" });
    this.marks = make("canvas", { class: "cx-layer", "aria-hidden": "true" });
    const [rows, columns] = image.grid;
    this.places = new Uint8Array(rows * columns); // of the cells in the table of colours
    [this.veil.width, this.veil.height] = [columns * FINE, rows * FINE];
    this.element = make(
      "div",
      {
        class: "cx-tile cx-pad",
        "data-testid": `tile-${model.name}-${index}`,
        role: "img",
        "aria-label": `${look.label}, image ${image.name}`,
        style: `aspect-ratio:${image.size[1]}/${image.size[0]}`,
      },
      this.base,
      this.grey,
      this.heat,
      this.veil,
      this.marks,
    );
    this.follow(null, 1);
  }

  /** Draw heatmaps `factor` times finer than the grid, along the image's edges; by a guide, or null for raw cells. */
  follow(guide, factor) {
    const [rows, columns] = this.image.grid;
    this.guide = guide;
    this.pixels = new ImageData(columns * factor, rows * factor);
    [this.heat.width, this.heat.height] = [this.pixels.width, this.pixels.height];
    this.heat.classList.toggle("cx-smooth", guide !== null);
  }

  /** Take the size on screen. */
  measure() {
    this.marked = true; // a canvas of a new size is blank, one of the same size may have marks
    this.width = this.element.clientWidth;
    this.height = this.element.clientHeight;
    for (const canvas of [this.base, this.grey, this.marks]) resize(canvas, this.width, this.height);
  }

  show(view) {
    this.view = view;
    const move = `translate(${view.x * this.width}px, ${view.y * this.height}px) scale(${view.zoom})`;
    this.heat.style.transform = this.veil.style.transform = move;
  }

  /** Draw pictures over each other: [picture, opacity], the first at the bottom; and the grey photo for heatmaps. */
  drawBase(layers, grey) {
    this.drawLayers(this.base, layers);
    this.drawLayers(this.grey, [[grey, 1]]);
  }

  drawLayers(canvas, layers) {
    const context = pen(canvas);
    const { x, y, zoom } = this.view;
    context.clearRect(0, 0, this.width, this.height);
    for (const [picture, opacity] of layers) {
      if (!picture) continue;
      context.globalAlpha = opacity;
      // Class maps and photos alike are smooth when small; enlarged beyond their own pixels they stay sharp.
      context.imageSmoothingEnabled = picture.width > this.width * zoom;
      context.drawImage(picture, x * this.width, y * this.height, this.width * zoom, this.height * zoom);
    }
    context.globalAlpha = 1;
  }

  /** Paint `values[start..end)` in the 256 packed colours of `table`; null takes the heatmap away. */
  drawHeat(values, low, high, table, root = false) {
    const context = this.heat.getContext("2d");
    const { start, end } = this.image;
    this.grey.classList.toggle("cx-no-heat", !values);
    if (!values) {
      if (this.values) context.clearRect(0, 0, this.heat.width, this.heat.height);
      this.values = null;
      return;
    }
    const out = new Uint32Array(this.pixels.data.buffer);
    const scale = 1 / (high - low || 1);
    for (let i = start; i < end; i++) {
      let share = (values[i] - low) * scale;
      share = share > 0 ? (share < 1 ? share : 1) : 0;
      this.places[i - start] = (root ? Math.sqrt(share) : share) * 255;
    }
    if (this.guide) spread(this.places, this.guide, table, out);
    else for (let i = 0; i < out.length; i++) out[i] = table[this.places[i]];
    this.values = values.subarray(start, end);
    context.putImageData(this.pixels, 0, 0);
  }

  /** Lay a veil over what is not chosen, made by `veilOf`; null lifts it. */
  drawVeil(pixels) {
    const context = this.veil.getContext("2d");
    if (pixels) context.putImageData(pixels, 0, 0);
    else context.clearRect(0, 0, this.veil.width, this.veil.height);
  }

  /** Where a position's centre lies on the tile, in CSS pixels. */
  placeOf(position) {
    const [rows, columns] = this.image.grid;
    const offset = position - this.image.start;
    const [x, y] = outer(this.view, ((offset % columns) + 0.5) / columns, (Math.floor(offset / columns) + 0.5) / rows);
    return [x * this.width, y * this.height];
  }

  /** Shares of the image at a place on the tile. */
  shareAt(x, y) {
    return inner(this.view, x / this.width, y / this.height);
  }

  holds(position) {
    return position >= this.image.start && position < this.image.end;
  }
}

/** The veil of one image: clear where `mask` is set, with an outline; the rest is dimmed, in any theme. */
export function veilOf(image, mask) {
  const [rows, columns] = image.grid;
  const made = new ImageData(columns * FINE, rows * FINE);
  const out = new Uint32Array(made.data.buffer);
  const veil = ((185 << 24) | 0x120c0a) >>> 0; // near black, as alpha, blue, green, red
  const edge = 0xffffffff;
  const chosen = (r, c) => r >= 0 && c >= 0 && r < rows && c < columns && mask[image.start + r * columns + c];
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const inside = chosen(r, c);
      const [up, down, left, right] = inside
        ? [!chosen(r - 1, c), !chosen(r + 1, c), !chosen(r, c - 1), !chosen(r, c + 1)]
        : [false, false, false, false];
      for (let y = 0; y < FINE; y++) {
        const at = (r * FINE + y) * columns * FINE + c * FINE;
        for (let x = 0; x < FINE; x++) {
          const rim = (up && !y) || (down && y === FINE - 1) || (left && !x) || (right && x === FINE - 1);
          out[at + x] = inside ? (rim ? edge : 0) : veil;
        }
      }
    }
  }
  return made;
}
