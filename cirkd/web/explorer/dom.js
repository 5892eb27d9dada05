// Small helpers around the document.

/** make("button", { class: "x", onclick: f, "aria-label": "y" }, child, "text", ...) */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") element.style.cssText = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Make a canvas as large as its place on screen, in device pixels; whether that changed it. */
export function resize(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.max(Math.round(width * ratio), 1), Math.max(Math.round(height * ratio), 1)];
  if (canvas.width === w && canvas.height === h) return false;
  canvas.width = w;
  canvas.height = h;
  return true;
}

/** A context that counts CSS pixels. */
export function pen(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

/** The colours of the page's theme, and whether it is dark. */
export function themeOf(element) {
  const style = getComputedStyle(element);
  const read = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
  const paper = colorOfCss(read("--st-background-color", "#ffffff"));
  return {
    paper,
    ink: colorOfCss(read("--st-text-color", "#1c2430")),
    accent: colorOfCss(read("--st-primary-color", "#5b45d6")),
    dark: paper[0] * 0.3 + paper[1] * 0.59 + paper[2] * 0.11 < 128,
  };
}

function colorOfCss(text) {
  const hex = /^#([0-9a-f]{3,8})$/i.exec(text);
  if (hex) {
    const digits = hex[1].length < 6 ? [...hex[1]].map((d) => d + d).join("") : hex[1];
    return [0, 2, 4].map((i) => parseInt(digits.slice(i, i + 2), 16));
  }
  const parts = text.match(/[\d.]+/g);
  return parts && parts.length >= 3 ? parts.slice(0, 3).map(Number) : [255, 255, 255];
}

const measured = {};

/** Keep one measure of a stretch of work, under a name that benchmarks read; the latest two thousand. */
export function measure(name, start) {
  measured[name] = (measured[name] ?? 0) + 1;
  if (measured[name] % 2000 === 0) performance.clearMeasures(name);
  performance.measure(name, { start, end: performance.now() });
}

/** A share as "87 %". */
export const percent = (share) => `${Math.round(100 * share)} %`;

/** A number with three significant digits and a true minus. */
export function digits(value, count = 3) {
  if (!Number.isFinite(value)) return "–";
  return Number(value.toPrecision(count)).toString().replace("-", "−");
}
