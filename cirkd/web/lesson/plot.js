// Small charts on a canvas, in the page's colours.

import { css } from "../explorer/colors.js";
import { make, pen, resize } from "../explorer/dom.js";

export class Plot {
  /** shape: height over width; alt: what it shows, for those who cannot see it. */
  constructor(alt, shape = 0.5, q = "") {
    this.canvas = make("canvas", { class: "ls-canvas", role: "img", "aria-label": alt });
    this.element = make("div", { class: "ls-plot", style: `aspect-ratio:${1 / shape}`, "data-q": q || null }, this.canvas);
  }

  /** A blank context with this.width x this.height CSS pixels, or null while it is not on screen. */
  begin() {
    this.width = this.element.clientWidth;
    this.height = this.element.clientHeight;
    if (!this.width) return null;
    resize(this.canvas, this.width, this.height);
    const context = pen(this.canvas);
    context.clearRect(0, 0, this.width, this.height);
    context.font = "12px Inter, 'Segoe UI', sans-serif";
    return context;
  }
}

const LEFT = 46;
const BOTTOM = 34;

/** Lines over two axes. lines: [{ x, y, color, dash }]; x and y scale: { low, high, log, words }; marks: [x]. */
export function lines(plot, theme, all, across, up, marks = []) {
  const context = plot.begin();
  if (!context) return;
  const [w, h] = [plot.width - LEFT - 10, plot.height - BOTTOM - 10];
  const share = ({ low, high, log }, value) => (log ? Math.log(Math.max(value, 1e-300) / low) / Math.log(high / low) : (value - low) / (high - low || 1));
  const at = (x, y) => [LEFT + w * share(across, x), 10 + h * (1 - share(up, y))];
  context.fillStyle = mix(theme, 0.62);
  context.strokeStyle = mix(theme, 0.16);
  context.lineWidth = 1;
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const tick of ticks(up)) line(context, [at(across.low, tick), at(across.high, tick)], () => context.fillText(named(tick), LEFT - 6, at(across.low, tick)[1]));
  context.textAlign = "center";
  for (const tick of ticks(across)) context.fillText(named(tick), at(tick, up.low)[0], plot.height - BOTTOM + 10);
  context.fillText(across.words, LEFT + w / 2, plot.height - 8);
  context.textAlign = "left";
  context.fillText(up.words, LEFT + 4, 8, w);
  context.save();
  context.beginPath();
  context.rect(LEFT, 4, w + 6, h + 10);
  context.clip();
  for (const x of marks) {
    context.strokeStyle = css(theme.accent);
    line(context, [at(x, up.low), at(x, up.high)]);
  }
  for (const { x, y, color, dash = [] } of all) {
    context.strokeStyle = color;
    context.lineWidth = 2.2;
    context.setLineDash(dash);
    line(context, x.map((value, n) => at(value, y[n])));
  }
  context.restore();
}

function line(context, points, then) {
  context.beginPath();
  for (const [x, y] of points) context.lineTo(x, y);
  context.stroke();
  then?.();
}

function ticks({ low, high, log }) {
  if (log) {
    const [first, last] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)];
    const every = Math.ceil((last - first + 1) / 5);
    return Array.from({ length: Math.floor((last - first) / every) + 1 }, (_, n) => 10 ** (first + n * every));
  }
  const raw = (high - low) / 4 || 1;
  const unit = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((n) => n * unit).find((value) => value >= raw);
  const found = [];
  for (let t = Math.ceil(low / step) * step; t <= high + 1e-9; t += step) found.push(t);
  return found;
}

function named(value) {
  if (value !== 0 && (Math.abs(value) < 0.001 || Math.abs(value) >= 100000)) {
    const power = Math.round(Math.log10(Math.abs(value)));
    return `10${String(power).replace(/[-\d]/g, (c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]))}`;
  }
  return Number(value.toPrecision(3)).toLocaleString("en");
}

/** The ink, mixed with the paper. */
export function mix(theme, share) {
  return css(theme.ink.map((value, c) => Math.round(value * share + theme.paper[c] * (1 - share))));
}

/** Rows of bars: [{ head, value, text, color, mark }], all on one scale that ends at `most`. */
export function bars(rows, most) {
  const share = (value) => `${100 * Math.min(Math.max(value / (most || 1), 0), 1)}%`;
  return make("div", { class: "ls-bars" }, ...rows.flatMap(({ head, value, text, color, mark }) => [
    make("span", { class: "ls-bar-name" }, head),
    make("span", { class: "ls-bar-room" },
      make("span", { class: "ls-bar", style: `width:${share(value)};background:${color}` }),
      mark === undefined ? null : make("span", { class: "ls-bar-mark", style: `left:${share(mark)}` })),
    make("span", { class: "ls-bar-value" }, text),
  ]));
}

/** Dots on a plot: at [x, y, ...] in any units; colors [css] per dot. Returns the function from units to the canvas. */
export function dots(plot, context, at, colors, { radius = 3.2, rim, frame = at } = {}) {
  const xs = frame.filter((_, i) => i % 2 === 0);
  const ys = frame.filter((_, i) => i % 2 === 1);
  const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const scale = Math.min((plot.width - 24) / (right - left || 1), (plot.height - 24) / (high - low || 1));
  const place = (x, y) => [plot.width / 2 + (x - (left + right) / 2) * scale, plot.height / 2 - (y - (low + high) / 2) * scale];
  for (let a = 0; a < at.length / 2; a++) {
    context.beginPath();
    context.arc(...place(at[2 * a], at[2 * a + 1]), radius, 0, 2 * Math.PI);
    context.fillStyle = colors[a];
    context.fill();
    if (rim) {
      context.strokeStyle = rim;
      context.lineWidth = 0.7;
      context.stroke();
    }
  }
  return place;
}
