// The linked view: what is pointed at, pinned and chosen, and who has to draw what when that changes.

import { placeOf, runsOf } from "./block.js";
import { colorOf, css, ramp } from "./colors.js";
import { Controls, MAPS } from "./controls.js";
import { digits, make, measure, percent, themeOf } from "./dom.js";
import { WHOLE, frameOf } from "./geometry.js";
import { Heat } from "./heat.js";
import { exposed } from "./handle.js";
import { pressed } from "./keys.js";
import { markPanel, markTile } from "./marks.js";
import { neighboursOf, strip } from "./neighbours.js";
import { decode } from "./pictures.js";
import { connect } from "./pointing.js";
import { Panel } from "./panel.js";
import { Tile, veilOf } from "./tile.js";
import { HINT, describe, explain, legendOf, smallPrint } from "./words.js";

export class Board {
  /** block: from readBlock; remembered: what `memory()` gave when this block was last shown, or null. */
  constructor(parent, block, send, remembered) {
    this.started = performance.now();
    this.block = block;
    this.look = block.look;
    this.arrows = block.arrows;
    this.send = send;
    this.view = { overlay: "similarity", tau: 0.1, map: "pca", color: "class", tool: "point", opacity: 0.8, tile: 160, ...block.view, ...remembered?.view };
    this.pin = remembered?.pin ?? block.pin ?? -1;
    this.selection = remembered?.selection ?? null;
    this.hover = -1;
    this.zooms = block.images.map(() => WHOLE);
    this.mapZoom = WHOLE;
    this.drawing = null;
    this.heat = new Heat(block, this.look);
    this.gradient = ramp(this.look.sequential).filter((_, i) => i % 15 === 0).map(css).join(",");
    this.life = new AbortController();
    this.build(parent);
    this.useMap();
    this.theme = themeOf(this.root);
    this.watch = new ResizeObserver(() => this.resized());
    this.watch.observe(this.root);
    this.open();
  }

  async open() {
    this.pictures = await decode(this.block);
    if (this.life.signal.aborted) return;
    this.resized(true);
    this.repin();
    this.root.dataset.ready = "true";
    measure("explorer:ready", this.started);
  }

  build(parent) {
    this.panels = this.block.models.map((model) => new Panel(model, this.look.models[model.name]));
    this.tiles = this.block.models.flatMap((model) => this.block.images.map((image, i) => new Tile(image, model, this.look.models[model.name], i)));
    this.controls = new Controls(this.block, this.view, (change) => this.set(change), { clear: () => this.clear(), whole: () => this.whole() });
    this.readout = make("div", { class: "cx-readout", "aria-live": "polite" });
    this.legend = make("div", { class: "cx-legend" });
    this.explained = make("div", { class: "cx-explain" });
    this.bands = make("div", { class: "cx-bands" });
    this.rowNotes = {};
    this.near = make("div", { class: "cx-nears" });
    this.root = make(
      "div", { class: "cx", tabindex: "0", "data-testid": "explorer", role: "group", "aria-label": "Explorer: maps of pixel embeddings and the images they come from, linked. Arrow keys move the pinned pixel, 1 to 6 switch what images show, L draws a lasso, Escape clears." },
      this.controls.element, this.readout, this.legend,
      make("div", { class: "cx-scatters" }, ...this.panels.map((panel) => panel.element)),
      this.explained, this.bands, this.near, make("div", { class: "cx-small" }, smallPrint(this.block, this.look)),
    );
    this.root.explorer = exposed(this);
    parent.append(this.root);
    connect(this);
    document.addEventListener("keydown", (event) => pressed(this, event), { signal: this.life.signal });
  }

  /** The same study again: take over what is new in it (maps, divergence, the page's theme). */
  update(block, send) {
    this.send = send;
    const fresh = { maps: block.maps, divergence: block.divergence };
    const changed = Object.keys(block.maps).join() !== Object.keys(this.block.maps).join() || block.divergence?.temperature !== this.block.divergence?.temperature;
    this.theme = themeOf(this.root);
    if (changed) {
      Object.assign(this.block, fresh);
      this.heat.block = this.block;
      this.useMap();
    }
    this.resized(true);
  }

  destroy() {
    this.life.abort();
    this.watch.disconnect();
    clearTimeout(this.timer);
    this.root.remove();
  }

  memory() {
    return { view: this.view, pin: this.pin, selection: this.selection };
  }

  panelOf(name) {
    return this.panels.find((panel) => panel.model.name === name);
  }

  focus() {
    return this.hover >= 0 ? this.hover : this.pin;
  }

  chosen() {
    const found = [];
    if (this.selection) for (let i = 0; i < this.selection.length; i++) if (this.selection[i]) found.push(i);
    return found;
  }

  /** Change the view: { overlay, tau, map, color, tool, opacity, tile }. */
  set(change) {
    this.view = { ...this.view, ...change };
    if ("map" in change) this.useMap();
    this.controls.show(this.view);
    this.root.dataset.tool = this.view.tool;
    if ("tile" in change) this.resized(true);
    else this.drawAll();
    this.tell();
  }

  useMap() {
    const { maps } = this.block;
    this.mapName = maps[this.view.map] ? this.view.map : this.mapName ?? "pca";
    this.map = maps[this.mapName];
    const { coordinates, space } = this.map;
    // In relation space all models share one map; maps of their own spaces are turned alike, but each fills its panel.
    const common = space === "relation" ? frameOf(this.panels.map(({ model }) => coordinates[model.name])) : null;
    for (const panel of this.panels) panel.use(this.map, common ?? frameOf([coordinates[panel.model.name]]));
  }

  resized(force = false) {
    const width = this.root.clientWidth;
    if (!width || !this.pictures || (!force && width === this.lastWidth)) return;
    this.lastWidth = width;
    this.root.dataset.tool = this.view.tool;
    this.layBands(Math.max(1, Math.min(this.block.images.length, Math.floor((width + 6) / (this.view.tile + 6)))));
    for (const tile of this.tiles) tile.measure();
    for (const panel of this.panels) panel.measure();
    this.drawAll();
  }

  /** As many images side by side as fit; the rest goes into further bands, each with a row per model. */
  layBands(columns) {
    if (columns === this.columns) return;
    this.columns = columns;
    const { images, models } = this.block;
    const bands = [];
    for (let first = 0; first < images.length; first += columns) {
      const shown = images.slice(first, first + columns).map((_, i) => first + i);
      const band = make("div", { class: "cx-band", style: `grid-template-columns:repeat(${columns},minmax(0,1fr))` },
        ...shown.map((i) => make("div", { class: "cx-name", title: images[i].name, style: `grid-column:${i - first + 1}` }, images[i].name)));
      for (const model of models) band.append(this.rowHead(model, first === 0), ...shown.map((i, n) => this.placed(model, i, n)));
      bands.push(band);
    }
    this.bands.replaceChildren(...bands);
  }

  rowHead(model, first) {
    const { label, color, glyph } = this.look.models[model.name];
    const note = make("span", { class: "cx-quiet" });
    if (first) this.rowNotes[model.name] = note;
    return make("div", { class: "cx-head cx-whole" }, make("span", { class: "cx-model" }, make("i", { style: `color:${color}` }, glyph), label), note);
  }

  placed(model, image, column) {
    const tile = this.tiles.find((item) => item.model === model && item.index === image);
    tile.element.style.gridColumn = column + 1;
    return tile.element;
  }

  drawAll() {
    if (!this.pictures) return;
    this.drawMaps();
    this.drawTiles();
    this.drawHeat();
    this.drawVeils();
    this.drawMarks();
    this.say();
  }

  drawMaps() {
    for (const panel of this.panels) {
      panel.view = this.mapZoom;
      panel.place();
      this.paintDots(panel);
      panel.quality.textContent = this.qualityOf(panel.model.name);
    }
    const { legend } = this.coloring(this.panels[0].model);
    this.legend.replaceChildren(...legendOf(legend, this.gradient, (code, event) => this.chooseCode(code, event)));
  }

  coloring(model) {
    return colorOf(this.block, this.view.color, model, this.look, this.theme.dark);
  }

  paintDots(panel) {
    panel.draw(this.coloring(panel.model), this.selection, this.theme);
  }

  qualityOf(name) {
    const { map } = this;
    if (this.view.map !== this.mapName) return `working out ${MAPS.find(([value]) => value === this.view.map)[1]} …`;
    const parts = [];
    if (map.explained[name]) parts.push(`${percent(map.explained[name].reduce((a, b) => a + b, 0))} of variance`);
    if (name in map.residual && name !== this.block.reference) parts.push(`aligned, residual ${digits(map.residual[name], 2)}`);
    if (map.space === "relation" && this.arrows?.to === name) parts.push(`arrows: ${this.look.models[this.arrows.from].label} → ${this.look.models[name].label}`);
    if (map.positions) parts.push(`${map.positions.length.toLocaleString("en")} dots`);
    return parts.join(" · ");
  }

  layersOf(tile) {
    const { overlay, opacity } = this.view;
    const { photos, greys, labels, predictions } = this.pictures;
    const i = tile.index;
    if (overlay === "labels") return [[greys[i], 1], [labels[i], opacity]];
    if (overlay === "prediction") return [[greys[i], 1], [predictions[tile.model.name][i], opacity]];
    return [[overlay === "image" || !this.heated(tile) ? photos[i] : greys[i], 1]];
  }

  heated(tile) {
    if (this.view.overlay === "divergence") return Boolean(this.block.divergence?.values[tile.model.name]);
    return this.focus() >= 0;
  }

  drawTiles() {
    this.wasHeated = this.focus() >= 0;
    for (const tile of this.tiles) {
      tile.show(this.zooms[tile.index]);
      tile.drawBase(this.layersOf(tile));
      tile.heat.style.opacity = this.view.opacity;
    }
  }

  drawHeat() {
    if (this.wasHeated !== this.focus() >= 0) this.drawTiles();
    this.heat.paint(this.tiles, this.view.overlay, this.focus(), this.view.tau);
  }

  drawVeils() {
    const veils = this.block.images.map((image) => this.selection && veilOf(image, this.selection, this.theme.paper, this.theme.accent));
    for (const tile of this.tiles) tile.drawVeil(veils[tile.index]);
  }

  drawMarks() {
    for (const tile of this.tiles) markTile(tile, this);
    for (const panel of this.panels) markPanel(panel, this);
  }

  say() {
    const focus = this.focus();
    if (focus >= 0) this.seen = true;
    this.readout.replaceChildren(...(focus >= 0 ? describe(this.block, this.look, focus) : [this.seen ? "" : HINT]));
    this.readout.classList.toggle("cx-hint", focus < 0);
    const told = explain(this.block, this.view, this.hover < 0 && this.pin >= 0, this.gradient);
    this.explained.replaceChildren(make("span", {}, told[0]), ...told.slice(1));
    const live = focus >= 0 && ["relation", "divergence"].includes(this.view.overlay) && this.block.models.length > 1;
    const found = live ? this.heat.rowDivergences(focus, this.view.tau) : {};
    for (const [name, note] of Object.entries(this.rowNotes)) {
      note.textContent = name in found ? `this pixel's relation divergence at τ ${this.view.tau.toFixed(2)}: ${digits(found[name])} nats` : "";
    }
    const count = this.selection ? this.chosen().length : 0;
    this.controls.clear.textContent = count ? `Clear ${count.toLocaleString("en")}` : "Clear";
    this.controls.clear.disabled = !count && this.pin < 0;
  }

  /** Point at a position, or at none (-1). */
  point(position) {
    if (position === this.hover || !this.pictures) return;
    const start = performance.now();
    const before = this.focus();
    this.hover = position;
    if (before !== this.focus()) this.drawHeat();
    this.drawMarks();
    measure("explorer:hover", start);
    this.say();
  }

  pinAt(position) {
    if (position < 0) return;
    this.pin = position;
    this.hover = -1;
    this.drawHeat();
    this.repin();
    this.tell();
  }

  /** What follows from the pin: neighbours and their marks. */
  repin() {
    this.neighbours = this.pin < 0 ? null : neighboursOf(this.block, this.heat.relate(this.pin), this.pin);
    const on = { pin: (position) => this.pinAt(position), point: (position) => this.point(position) };
    const rows = this.neighbours ? strip(this.block, this.look, this.pictures, this.pin, this.neighbours, on) : [];
    const title = make("div", { class: "cx-title" }, "The pinned pixel and its nearest neighbours in each model");
    this.near.replaceChildren(...(rows.length ? [title, ...rows] : []));
    this.drawMarks();
    this.say();
  }

  /** Choose positions: a mask, or null to let go; `how` is "new", "add" or "remove". */
  choose(mask, how = "new", start = performance.now()) {
    if (mask && how !== "new" && this.selection) {
      for (let i = 0; i < mask.length; i++) mask[i] = how === "add" ? mask[i] | this.selection[i] : this.selection[i] & ~mask[i];
    }
    this.selection = mask && mask.includes(1) ? mask : null;
    for (const panel of this.panels) this.paintDots(panel);
    this.drawVeils();
    this.drawMarks();
    measure("explorer:select", start);
    this.say();
    this.tell();
  }

  chooseCode(code, event) {
    const { codes } = this.coloring(this.panels.at(-1).model);
    this.choose(Uint8Array.from(codes, (value) => Number(value === code)), event.shiftKey ? "add" : "new");
  }

  clear() {
    this.pin = this.hover = -1;
    this.drawing = null;
    this.view.tool = "point";
    this.controls.show(this.view);
    this.root.dataset.tool = "point";
    this.drawHeat();
    this.repin();
    this.choose(null);
  }

  whole() {
    this.zooms.fill(WHOLE);
    this.mapZoom = WHOLE;
    this.drawAll();
  }

  place() {
    return this.pin < 0 ? null : placeOf(this.block, this.pin);
  }

  /** Let Python know, once things have come to rest. */
  tell() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const { overlay, tau, map, color } = this.view;
      const state = { pin: this.pin < 0 ? null : this.pin, selection: this.selection ? runsOf(this.selection) : [], overlay, tau, map, color };
      const text = JSON.stringify(state);
      if (text !== this.told) this.send(state);
      this.told = text;
    }, 200);
  }
}
