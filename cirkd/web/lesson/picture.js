// One image of the lesson: photo, prediction or heatmap, with the pixel pointed at ringed; it can be pointed at.

import { positionAt } from "../explorer/block.js";
import { WHOLE } from "../explorer/geometry.js";
import { ring } from "../explorer/panel.js";
import { make, pen } from "../explorer/dom.js";
import { Tile } from "../explorer/tile.js";

const OPACITY = 0.82; // of a heatmap over the grey photo

/** "◆ Teacher" in its colour. */
export function nameOf(ctx, model) {
  const { label, color, glyph } = ctx.look.models[model];
  return make("span", { class: "cx-model" }, make("i", { style: `color:${color}` }, glyph), label);
}

/** For each of some models its name and what is told of it: "◆ Teacher 3; ▲ After 4" for a paragraph. */
export function each(ctx, models, told) {
  return models.flatMap((model, n) => [n ? "; " : "", nameOf(ctx, model), " ", ...[].concat(told(model))]);
}

export class Picture {
  /**
   * which: "i" or "j"; model: its name, null = the reference; shows: "photo", "prediction" or "heat";
   * q: the quantities it shows; words: what stands above it; tag: what the heatmap is of, where a step has several.
   */
  constructor(ctx, { which, model = null, shows = "heat", q = "", words = null, tag = "" }) {
    Object.assign(this, { ctx, which, shows, name: model ?? ctx.block.reference, tag });
    this.model = ctx.block.models.find((item) => item.name === this.name);
    this.place = make("div", { class: "ls-place" });
    const of = make("span", { class: "cx-quiet ls-of" }, tag ? `${tag}, image ` : "image ", make("i", { class: "ls-letter" }, which));
    const head = make("figcaption", { class: "cx-head" }, words ?? nameOf(ctx, this.name), of);
    this.element = make("figure", { class: "ls-figure", "data-q": q || null }, head, this.place);
    const listen = (type, act) => this.place.addEventListener(type, act, { signal: ctx.life.signal });
    listen("pointermove", (event) => event.pointerType !== "touch" && ctx.point(which, this.positionOf(event)));
    listen("pointerleave", () => ctx.point(which, -1));
    listen("click", (event) => ctx.pin(which, this.positionOf(event)));
  }

  get index() {
    return this.ctx.view[this.which];
  }

  positionOf(event) {
    const box = this.place.getBoundingClientRect();
    return positionAt(this.ctx.block, this.index, (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  }

  /** Take image and size on screen; afterwards only numbers and marks change. */
  fit() {
    const { ctx } = this;
    const image = ctx.block.images[this.index];
    if (this.tile?.image !== image) {
      this.tile = new Tile(image, this.model, { label: ctx.look.models[this.name].label }, this.index);
      this.place.replaceChildren(this.tile.element);
      this.tile.element.dataset.testid = `picture-${this.tag || this.shows}-${this.which}-${this.name}`;
    }
    this.tile.measure();
    if (!this.tile.width) return;
    this.tile.show(WHOLE);
    this.tile.heat.style.opacity = OPACITY;
    const { photos, greys, predictions } = ctx.pictures;
    const photo = [[photos[this.index], 1]];
    const layers = this.shows === "prediction" ? [[greys[this.index], 1], [predictions[this.name][this.index], 0.8]] : photo;
    this.tile.drawBase(layers, greys[this.index]);
    if (this.shows !== "heat") this.tile.drawHeat(null);
  }

  heat(values, low, high, table, root = false) {
    this.tile.drawHeat(values, low, high, table, root);
  }

  marks() {
    const { ctx, tile } = this;
    if (!tile?.width) return;
    const context = pen(tile.marks);
    context.clearRect(0, 0, tile.width, tile.height);
    const { a, b } = ctx;
    const lit = ctx.lit.includes("f") || ctx.lit.includes("F");
    if (this.which === "i" || ctx.view.i === ctx.view.j) ring(context, tile.placeOf(a), lit ? 9 : 6, ctx.theme, { pinned: true });
    if (this.which === "j" && b >= 0) ring(context, tile.placeOf(b), ctx.lit.includes("b") ? 8 : 5, ctx.theme);
  }
}
