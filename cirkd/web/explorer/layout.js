// The elements of the view and their arrangement: controls, maps, images in bands, neighbours, small print.

import { Controls } from "./controls.js";
import { make } from "./dom.js";
import { Panel } from "./panel.js";
import { Tile } from "./tile.js";
import { smallPrint } from "./words.js";

const GAP = 6; // CSS pixels between images

const LABEL =
  "Explorer: maps of pixel embeddings and the images they come from, linked. Arrow keys move the pinned pixel, " +
  "1 to 6 switch what the images show, L draws a lasso, Escape clears.";

export class Layout {
  constructor(block, look, view, change, act) {
    this.block = block;
    this.look = look;
    const { models, images } = block;
    this.panels = models.map((model) => new Panel(model, look.models[model.name]));
    this.tiles = models.flatMap((model) => images.map((image, i) => new Tile(image, model, look.models[model.name], i)));
    this.controls = new Controls(block, view, change, act);
    this.readout = make("div", { class: "cx-readout", "data-testid": "readout" });
    this.legend = make("div", { class: "cx-legend" });
    this.explained = make("div", { class: "cx-explain" });
    this.bands = make("div", { class: "cx-bands" });
    this.near = make("div", { class: "cx-nears" });
    this.told = make("div", { class: "cx-told", "aria-live": "polite" });
    this.rowNotes = {};
    this.root = make(
      "div", { class: "cx", tabindex: "0", "data-testid": "explorer", role: "group", "aria-label": LABEL },
      this.controls.element, this.readout, this.legend,
      make("div", { class: "cx-scatters" }, ...this.panels.map((panel) => panel.element)),
      this.explained, this.bands, this.near,
      make("div", { class: "cx-small" }, smallPrint(block, look)), this.told,
    );
  }

  /** Take the width on screen; false if there is none or it is the same as before. */
  fit(tileWidth, force) {
    const width = this.root.clientWidth;
    if (!width || (!force && width === this.width)) return false;
    this.width = width;
    const most = Math.floor((width + GAP) / (tileWidth + GAP));
    this.arrange(Math.max(1, Math.min(this.block.images.length, most)));
    for (const tile of this.tiles) tile.measure();
    for (const panel of this.panels) panel.measure();
    return true;
  }

  /** As many images side by side as fit; the rest goes into further bands, each with a row per model. */
  arrange(columns) {
    if (columns === this.columns) return;
    this.columns = columns;
    const { images, models } = this.block;
    const bands = [];
    for (let first = 0; first < images.length; first += columns) {
      const shown = images.slice(first, first + columns).map((_, i) => first + i);
      const names = shown.map((i) => make("div", { class: "cx-name", title: images[i].name }, images[i].name));
      const band = make("div", { class: "cx-band", style: `grid-template-columns:repeat(${columns},minmax(0,1fr))` }, ...names);
      for (const model of models) {
        const tiles = shown.map((i, n) => this.placed(model, i, n));
        band.append(this.rowHead(model, first === 0), ...tiles);
      }
      bands.push(band);
    }
    this.bands.replaceChildren(...bands);
  }

  rowHead(model, first) {
    const { label, color, glyph } = this.look.models[model.name];
    const note = make("span", { class: "cx-quiet" });
    if (first) this.rowNotes[model.name] = note;
    const name = make("span", { class: "cx-model" }, make("i", { style: `color:${color}` }, glyph), label);
    return make("div", { class: "cx-head cx-whole" }, name, note);
  }

  placed(model, image, column) {
    const tile = this.tiles.find((item) => item.model === model && item.index === image);
    tile.element.style.gridColumn = column + 1;
    return tile.element;
  }
}
