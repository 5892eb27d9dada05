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
    this.pair = block.arrows; // { from, to }: the students that can be wiped over each other, or null
    this.root = make(
      "div", { class: "cx", tabindex: "0", "data-testid": "explorer", role: "group", "aria-label": LABEL },
      this.controls.element, this.readout, this.legend, this.explained,
      make("div", { class: "cx-work", style: `--models:${models.length}` },
        make("div", { class: "cx-scatters" }, ...this.panels.map((panel) => panel.element)), this.bands),
      this.near,
      make("div", { class: "cx-small" }, smallPrint(block, look)), this.told,
    );
  }

  /** Take the width on screen; false if there is none or it is the same as before. */
  fit({ tile, wipe }, force) {
    const width = this.bands.clientWidth;
    if (!width || (!force && width === this.width)) return false;
    this.width = width;
    const count = this.block.images.length;
    const most = Math.max(1, Math.min(count, Math.floor((width + GAP) / (tile + GAP))));
    this.arrange(Math.ceil(count / Math.ceil(count / most)), wipe !== null); // bands of one length
    for (const tile of this.tiles) tile.measure();
    for (const panel of this.panels) panel.measure();
    return true;
  }

  /**
   * As many images side by side as fit; the rest goes into further bands, each with a row per model. With a wipe the
   * rows of before and after are one: each image of before lies over the same of after, and shows its left part.
   */
  arrange(columns, wipes) {
    if (columns === this.columns && wipes === this.wipes) return;
    [this.columns, this.wipes] = [columns, wipes];
    const { images, models } = this.block;
    const under = wipes && this.pair;
    this.bands.classList.toggle("cx-wiping", Boolean(under));
    const bands = [];
    for (let first = 0; first < images.length; first += columns) {
      const shown = images.slice(first, first + columns).map((_, i) => first + i);
      const names = shown.map((i) => make("div", { class: "cx-name", title: images[i].name }, images[i].name));
      const band = make("div", { class: "cx-band", style: `grid-template-columns:repeat(${columns},minmax(0,1fr))` }, ...names);
      models.forEach((model, m) => {
        const below = under && model.name === under.from ? models.findIndex(({ name }) => name === under.to) : m;
        const head = this.rowHead(model, first === 0);
        head.style.gridRow = 2 + 2 * m;
        head.hidden = below !== m;
        band.append(head, ...shown.map((i, n) => this.placed(model, i, n, 3 + 2 * below)));
      });
      bands.push(band);
    }
    this.bands.replaceChildren(...bands);
  }

  rowHead(model, first) {
    const { label, color, glyph } = this.look.models[model.name];
    const note = make("span", { class: "cx-quiet" });
    if (first) this.rowNotes[model.name] = note;
    const from = this.wipes && this.pair?.to === model.name ? this.look.models[this.pair.from] : null;
    const left = from && make("span", { class: "cx-model" }, make("i", { style: `color:${from.color}` }, from.glyph), `${from.label} |`);
    const name = make("span", { class: "cx-model" }, make("i", { style: `color:${color}` }, glyph), label);
    return make("div", { class: "cx-head cx-whole" }, left, name, note);
  }

  placed(model, image, column, row) {
    const { element } = this.tiles.find((item) => item.model === model && item.index === image);
    [element.style.gridColumn, element.style.gridRow] = [column + 1, row];
    element.classList.toggle("cx-over", row !== 3 + 2 * this.block.models.indexOf(model));
    return element;
  }
}
