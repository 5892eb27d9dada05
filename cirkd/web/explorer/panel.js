// One model's map: every position is a dot.

import { make, pen, resize } from "./dom.js";
import { Buckets, WHOLE, fit } from "./geometry.js";
import { packed } from "./colors.js";
import { diamond, disc, faded, rimmed, shuffled, splat } from "./splat.js";

const REACH = 14; // pixels from which a dot can be pointed at

export class Panel {
  constructor(model, look) {
    this.model = model;
    this.look = look;
    this.view = WHOLE;
    this.base = make("canvas", { class: "cx-layer", "aria-hidden": "true" });
    this.marks = make("canvas", { class: "cx-layer", "aria-hidden": "true" });
    this.quality = make("span", { class: "cx-quiet" });
    this.pad = make(
      "div",
      {
        class: "cx-map cx-pad",
        "data-testid": `scatter-${model.name}`,
        role: "img",
        "aria-label": `Map of the pixel embeddings of ${look.label}`,
      },
      this.base,
      this.marks,
    );
    const name = make("span", { class: "cx-model" }, make("i", { style: `color:${look.color}` }, look.glyph), look.label);
    this.element = make("div", { class: "cx-scatter" }, make("div", { class: "cx-head" }, name, this.quality), this.pad);
  }

  /** Show a map within a frame; of a map of all positions only those of `drawn` are drawn, where there is that. */
  use(map, frame, drawn) {
    this.at = map.coordinates[this.model.name];
    this.positions = map.positions;
    this.frame = frame;
    this.count = this.at.length / 2;
    this.order = shuffled(this.count);
    if (drawn && !map.positions) {
      const some = new Uint8Array(this.count);
      for (const position of drawn) some[position] = 1;
      this.order = this.order.filter((dot) => some[dot]);
    }
    this.dots = null;
    if (map.positions) {
      const count = this.model.scale.length;
      this.dotOfPosition = new Int32Array(count).fill(-1);
      map.positions.forEach((position, dot) => (this.dotOfPosition[position] = dot));
    }
  }

  /** Position <-> dot: where the map shows all positions they are the same number. */
  positionOf(dot) {
    return this.positions ? this.positions[dot] : dot;
  }

  dotOf(position) {
    return this.positions ? this.dotOfPosition[position] : position;
  }

  measure() {
    this.width = this.pad.clientWidth;
    this.height = this.pad.clientHeight;
    resize(this.marks, this.width, this.height);
    return resize(this.base, this.width, this.height);
  }

  /** Lay the dots out for the current view; in CSS pixels. */
  place() {
    const { scale, x, y } = fit(this.frame, this.view, this.width, this.height);
    const dots = (this.dots = new Float32Array(this.at.length));
    for (let i = 0; i < dots.length; i += 2) {
      dots[i] = this.at[i] * scale + x;
      dots[i + 1] = y - this.at[i + 1] * scale;
    }
    this.buckets = null;
  }

  /** coloring: { codes, table }; mask: chosen positions or null; theme: { paper, ink }; shaped(position): as a diamond. */
  draw(coloring, mask, theme, shaped = null) {
    const ratio = window.devicePixelRatio || 1;
    const context = this.base.getContext("2d");
    const image = context.createImageData(this.base.width, this.base.height);
    const target = { pixels: new Uint32Array(image.data.buffer), width: image.width, height: image.height };
    target.pixels.fill(packed(theme.paper));
    const scaled = this.dots.map((value) => value * ratio);
    const codes = this.positions ? Uint8Array.from(this.positions, (p) => coloring.codes[p]) : coloring.codes;
    const radius = (this.order.length > 25000 ? 1.1 : this.order.length > 4000 ? 1.5 : 2.4) * ratio * Math.min(this.view.zoom ** 0.3, 2);
    const { table } = coloring;
    const rims = rimmed(table, theme.paper, theme.ink);
    const other = shaped ? (dot) => shaped(this.positionOf(dot)) : () => false;
    const stamp = (order, colors, size, edges) => {
      splat(target, scaled, shaped ? order.filter((dot) => !other(dot)) : order, codes, colors, disc(size), edges);
      if (shaped) splat(target, scaled, order.filter(other), codes, colors, diamond(1.4 * size + 0.8 * ratio), edges);
    };
    if (!mask) {
      stamp(this.order, table, radius, rims);
    } else {
      const chosen = (dot) => mask[this.positionOf(dot)];
      stamp(this.order.filter((dot) => !chosen(dot)), faded(table, theme.paper, 0.13), radius);
      stamp(this.order.filter(chosen), table, radius + 0.4 * ratio, rims);
    }
    context.putImageData(image, 0, 0);
  }

  /** The position under a place on the panel, or -1. */
  pick(x, y) {
    this.buckets ??= new Buckets(this.dots, REACH, this.order);
    const dot = this.buckets.nearest(x, y, REACH);
    return dot < 0 ? -1 : this.positionOf(dot);
  }

  /** Where a position's dot is, or null if the map leaves it out. */
  placeOf(position) {
    const dot = this.dotOf(position);
    return dot < 0 ? null : [this.dots[2 * dot], this.dots[2 * dot + 1]];
  }

  clearMarks() {
    const context = pen(this.marks);
    context.clearRect(0, 0, this.width, this.height);
    return context;
  }
}

/** A ring that can be seen on any colour; filled in the middle if it is pinned. */
export function ring(context, [x, y], radius, theme, { pinned = false, dashed = false, color = null } = {}) {
  const halo = color ? 3.5 : 4.5;
  context.setLineDash(dashed ? [3, 3] : []);
  for (const [width, stroke] of [[halo, theme.dark ? "#000" : "#fff"], [2, color ?? (theme.dark ? "#fff" : "#111")]]) {
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.lineWidth = width;
    context.strokeStyle = stroke;
    context.stroke();
  }
  context.setLineDash([]);
  if (!pinned) return;
  context.beginPath();
  context.arc(x, y, 2, 0, 2 * Math.PI);
  context.fillStyle = color ?? (theme.dark ? "#fff" : "#111");
  context.fill();
}

/** An arrow from one place to another, in a colour with a rim of the page's. */
export function arrow(context, [x0, y0], [x1, y1], color, width, rim) {
  const length = Math.hypot(x1 - x0, y1 - y0);
  if (length < 3) return;
  const [ux, uy] = [(x1 - x0) / length, (y1 - y0) / length];
  const head = Math.min(3 + 2.2 * width, length * 0.6);
  const trace = () => {
    context.beginPath();
    context.moveTo(x0, y0);
    context.lineTo(x1 - ux * head * 0.6, y1 - uy * head * 0.6);
    context.stroke();
    context.beginPath();
    context.moveTo(x1, y1);
    context.lineTo(x1 - ux * head - uy * head * 0.5, y1 - uy * head + ux * head * 0.5);
    context.lineTo(x1 - ux * head + uy * head * 0.5, y1 - uy * head - ux * head * 0.5);
    context.closePath();
  };
  if (rim) {
    [context.strokeStyle, context.fillStyle, context.lineWidth] = [rim, rim, width + 2.5];
    trace();
    context.stroke();
  }
  [context.strokeStyle, context.fillStyle, context.lineWidth] = [color, color, width];
  trace();
  context.fill();
}
