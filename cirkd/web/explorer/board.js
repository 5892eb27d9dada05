// The linked view: what is pointed at, pinned and chosen, and who has to draw what when that changes.

import { imageOf, maskOf, runsOf } from "./block.js";
import { css, ramp } from "./colors.js";
import { make, measure, themeOf } from "./dom.js";
import { coloring, drawAll, drawDots, drawHeat, drawMarks, drawShapes, drawTiles, drawVeils, drawWords, followEdges } from "./drawing.js";
import { WHOLE, frameOf } from "./geometry.js";
import { exposed } from "./handle.js";
import { Heat } from "./heat.js";
import { pressed } from "./keys.js";
import { Layout } from "./layout.js";
import { neighboursOf, strip } from "./neighbours.js";
import { decode } from "./pictures.js";
import { connect } from "./pointing.js";
import { Rest } from "./rest.js";
import { Tour } from "./tour.js";

const VIEW = { overlay: "similarity", tau: 0.1, map: "pca", color: "class", tool: "point", opacity: 0.8, tile: 160, wipe: null, raw: false };

export class Board {
  /**
   * block: from readBlock; send(state): tells Python; keep(memory): is told at once of every change; remembered: the
   * memory of this study that was kept last, or null; started: when its data came.
   */
  constructor(parent, block, { send, keep }, remembered, started) {
    this.block = block;
    this.look = block.look;
    this.arrows = block.arrows; // { from, to }: the models between which arrows of relation space lead, or null
    this.send = send;
    this.keep = keep;
    const { pin = -1, selection, ...view } = block.first ?? {}; // what the address asked for
    this.view = { ...VIEW, ...view, ...remembered?.view };
    if (!block.colorings.some(({ name }) => name === this.view.color)) this.view.color = VIEW.color;
    this.tour = new Tour(block);
    // On arrival a place that says something is pinned, so that heatmaps are the first thing seen.
    this.arrival = this.tour.arrival();
    this.pin = remembered?.pin ?? (pin >= 0 && pin < block.positions ? pin : this.arrival);
    const asked = selection ? maskOf(selection, block.positions) : null;
    this.selection = remembered ? (remembered.selection ?? null) : asked; // a mask of all positions, or null
    this.hover = -1;
    this.drawing = null; // { target, path, from, box } while a lasso or a box is drawn
    this.zooms = block.images.map(() => WHOLE);
    this.mapZoom = WHOLE;
    this.heat = new Heat(block, this.look);
    this.gradient = ramp(this.look.sequential).filter((_, i) => i % 15 === 0).map(css).join(",");
    this.life = new AbortController();
    this.build(parent);
    this.open(started);
  }

  build(parent) {
    const act = { clear: () => this.clear(), whole: () => this.whole(), visit: (kind) => this.visit(kind) };
    this.layout = new Layout(this.block, this.look, this.view, (change) => this.set(change), act);
    this.root = this.layout.root;
    this.panels = this.layout.panels;
    this.tiles = this.layout.tiles;
    this.root.explorer = exposed(this);
    parent.append(this.root);
    this.theme = themeOf(this.root);
    this.useMap();
    connect(this);
    document.addEventListener("keydown", (event) => pressed(this, event), { signal: this.life.signal });
    this.rest = new Rest(() => this.report(), this.life.signal);
    this.watch = new ResizeObserver(() => this.resized());
    this.watch.observe(this.root);
  }

  async open(started) {
    this.pictures = await decode(this.block);
    for (let i = 0; i < 3; i++) this.heat.relate(i); // compiled by now, so that the first pixel pointed at is as fast
    if (this.life.signal.aborted) return;
    followEdges(this);
    this.resized(true);
    this.repin();
    this.root.dataset.ready = "true";
    measure("explorer:ready", started);
    this.arrive();
    this.tell();
  }

  /** Arrow keys work at once, if nothing else has the focus; its ring shows from the first key on. */
  arrive() {
    if (document.activeElement !== document.body) return;
    this.root.classList.add("cx-arrived");
    this.root.focus({ preventScroll: true });
    this.root.addEventListener("keydown", () => this.root.classList.remove("cx-arrived"), { once: true });
  }

  /** The same pixels again, maybe as another study's: take over what is new (maps, divergence, the page's theme). */
  update(block, { send, keep }) {
    Object.assign(this, { send, keep });
    this.block.study = block.study; // Python listens to what is told of the study on screen alone
    this.tell();
    const known = (item) => [Object.keys(item.maps).join(), item.divergence?.temperature].join();
    const theme = themeOf(this.root);
    const same = known(block) === known(this.block) && JSON.stringify(theme) === JSON.stringify(this.theme);
    this.theme = theme;
    if (same) return;
    Object.assign(this.block, { maps: block.maps, divergence: block.divergence, colorings: block.colorings });
    this.useMap();
    this.resized(true);
    if (this.waiting) this.visit(this.waiting);
  }

  /** Pin the next place where something of a kind ("fixed", "broken", "diverged") is most. */
  visit(kind) {
    const asked = kind === "diverged" && !this.block.divergence;
    this.waiting = asked ? kind : null;
    if (asked) return this.set({ overlay: "divergence" }); // Python works it out; then the visit goes on
    const found = this.tour.next(kind);
    this.pinAt(found);
    this.tiles.findLast((tile) => tile.index === imageOf(this.block, found))?.element.scrollIntoView({ block: "nearest" });
    this.layout.told.textContent = found < 0 ? `nothing is ${kind} here` : `pinned where most is ${kind}`;
  }

  destroy() {
    this.life.abort();
    this.watch.disconnect();
    cancelAnimationFrame(this.frame);
    this.root.remove();
  }

  panelOf(name) {
    return this.panels.find((panel) => panel.model.name === name);
  }

  /** The position that heatmaps are about: pointed at, or else pinned; -1 = none. */
  focus() {
    return this.hover >= 0 ? this.hover : this.pin;
  }

  /** The chosen positions, ascending. */
  chosen() {
    const found = [];
    if (this.selection) for (let i = 0; i < this.selection.length; i++) if (this.selection[i]) found.push(i);
    return found;
  }

  get count() {
    let sum = 0;
    if (this.selection) for (const value of this.selection) sum += value;
    return sum;
  }

  /** Change the view: { overlay, tau, map, color, tool, opacity, tile }. */
  set(change) {
    this.view = { ...this.view, ...change };
    if ("map" in change) this.useMap();
    this.layout.controls.show(this.view);
    if ("wipe" in change) this.layout.bands.style.setProperty("--wipe", String(change.wipe));
    if ("raw" in change && this.pictures) followEdges(this);
    if ("tile" in change || "wipe" in change) this.resized(true);
    else if ("map" in change || "color" in change) this.draw();
    else this.drawImages();
    this.tell();
  }

  useMap() {
    const { maps } = this.block;
    this.mapName = maps[this.view.map] ? this.view.map : (this.mapName ?? "pca");
    this.map = maps[this.mapName];
    const { coordinates, space } = this.map;
    // In relation space all models share one map; maps of their own spaces are turned alike, but each fills its panel.
    const common = space === "relation" ? frameOf(this.panels.map(({ model }) => coordinates[model.name])) : null;
    for (const panel of this.panels) panel.use(this.map, common ?? frameOf([coordinates[panel.model.name]]), this.block.dots);
  }

  resized(force = false) {
    if (this.pictures && this.layout.fit(this.view, force)) this.draw();
  }

  draw() {
    if (!this.pictures || !this.layout.width) return;
    this.mood();
    drawAll(this);
  }

  /** Draw what a change of overlay, temperature or opacity changes; the maps stay. */
  drawImages() {
    if (!this.pictures || !this.layout.width) return;
    this.mood();
    drawTiles(this);
    drawHeat(this);
    drawWords(this);
  }

  /** What the style sheet has to know. */
  mood() {
    const live = { similarity: this.focus() >= 0, relation: this.focus() >= 0, divergence: Boolean(this.block.divergence) };
    this.root.dataset.heated = String(live[this.view.overlay] ?? false);
    this.root.dataset.tool = this.view.tool;
  }

  /** Point at a position, or at none (-1). */
  point(position) {
    if (position === this.hover || !this.pictures) return;
    const start = performance.now();
    const before = this.focus();
    this.hover = position;
    if (before !== this.focus()) {
      this.mood();
      drawHeat(this);
    }
    drawMarks(this);
    measure("explorer:hover", start);
    drawWords(this);
  }

  pinAt(position) {
    if (position < 0 || !this.pictures) return;
    this.pin = position;
    this.hover = -1;
    this.repin();
    this.tell();
  }

  /** What follows from the pin: heatmaps, neighbours, marks. */
  repin() {
    this.mood();
    drawHeat(this);
    drawShapes(this);
    this.neighbours = this.pin < 0 ? null : neighboursOf(this.block, this.heat.relate(this.pin), this.pin);
    const on = { pin: (position) => this.pinAt(position), point: (position) => this.point(position) };
    const title = make("div", { class: "cx-title" }, "The pinned pixel and what is nearest to it in each model");
    const rows = this.neighbours ? [title, ...strip(this, this.neighbours, on)] : [];
    this.layout.near.replaceChildren(...rows);
    drawMarks(this);
    drawWords(this);
  }

  /** Choose positions: a mask, or null to let go; `how` is "new", "add" or "remove". */
  choose(mask, how = "new", start = performance.now()) {
    if (mask && how !== "new" && this.selection) {
      const old = this.selection;
      mask = mask.map((value, i) => (how === "add" ? value | old[i] : old[i] & ~value));
    }
    this.selection = mask && mask.includes(1) ? mask : null;
    drawDots(this);
    drawVeils(this);
    drawMarks(this);
    measure("explorer:select", start);
    drawWords(this);
    const { count } = this;
    this.layout.told.textContent = count ? `${count} pixels chosen` : "nothing chosen";
    this.tell();
  }

  /** Choose all positions of one colour of the legend. */
  chooseCode(code, event) {
    const { codes } = coloring(this, this.panels.at(-1).model);
    this.choose(Uint8Array.from(codes, (value) => Number(value === code)), event.shiftKey ? "add" : "new");
  }

  /** Let go of everything. */
  clear() {
    if (!this.pictures) return;
    this.pin = this.hover = -1;
    this.drawing = null;
    this.view = { ...this.view, tool: "point" };
    this.layout.controls.show(this.view);
    this.repin();
    this.choose(null);
  }

  /** Show maps and images whole again. */
  whole() {
    this.zooms.fill(WHOLE);
    this.mapZoom = WHOLE;
    this.draw();
  }

  /** Draw with the next frame; of several requests before it, only the last is done. */
  soon(draw) {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(draw);
  }

  /** Whether there is nothing that Python does not take for granted. */
  untouched() {
    const plain = ["overlay", "map", "color", "tau"].every((name) => this.view[name] === VIEW[name]);
    return plain && this.pin === this.arrival && !this.selection;
  }

  /** Remember what is shown, and let Python know once things have come to rest. */
  tell() {
    this.keep({ view: this.view, pin: this.pin, selection: this.selection });
    this.rest.changed();
  }

  /** Let Python know what is shown, if it does not know yet. */
  report() {
    const { overlay, tau, map, color } = this.view;
    const chosen = { pin: this.pin < 0 ? null : this.pin, selection: this.selection ? runsOf(this.selection) : [] };
    const state = { study: this.block.study, ...chosen, overlay, tau, map, color };
    const text = JSON.stringify(state);
    if (text !== this.lastTold && !(this.lastTold === undefined && this.untouched())) this.send(state);
    this.lastTold = text;
  }
}
