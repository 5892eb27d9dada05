// Words with numbers in them that change while one looks.

import { classCodes, classesOf, css, ramp } from "../explorer/colors.js";
import { make } from "../explorer/dom.js";

export const p = (...children) => make("p", {}, ...children);
export const quiet = (...children) => make("p", { class: "cx-quiet" }, ...children);
export const b = (words) => make("b", {}, words);
export const code = (words) => make("code", {}, words);

/** A number that is set later: `number("q")`, then `.textContent`; it lights up with its quantity. */
export const number = (quantity) => make("output", { class: "ls-number", "data-q": quantity ?? null });

/** The scale of a heatmap. */
export function scale(ctx, words, low, high, signed = false) {
  const stops = ramp(signed ? ctx.look.diverging[ctx.theme.dark ? "dark" : "light"] : ctx.look.sequential).filter((_, n) => n % 15 === 0).map(css);
  const [from, to] = [low, high].map((end) => (typeof end === "string" ? document.createTextNode(end) : end));
  return make("div", { class: "cx-scale ls-scale" }, words, make("span", { class: "cx-quiet" }, from),
    make("i", { class: "cx-ramp", style: `background:linear-gradient(to right,${stops.join(",")})` }), make("span", { class: "cx-quiet" }, to));
}

/** Which class has which colour: those that occur in the images. */
export function legend(ctx) {
  const { names, colors } = classesOf(ctx.block);
  const there = new Set(classCodes(ctx.block));
  const shown = names.map((name, code) => [name, code]).filter(([, code]) => there.has(code));
  return make("div", { class: "cx-legend ls-legend" }, ...shown.map(([name, code]) => chip(name, css(colors[code]))));
}

export const chip = (name, color) => make("span", { class: "cx-chip" }, make("i", { class: "cx-swatch", style: `background:${color}` }), name);

export const row = (...children) => make("div", { class: "ls-row" }, ...children);

export function button(words, act, properties = {}) {
  return make("button", { type: "button", class: "cx-button", onclick: act, ...properties }, words);
}

/** A slider with its words and what it is set to. */
export function slider(words, { low, high, step, value, told, set, log = false, q = null, id = null }) {
  const [to, from] = log ? [Math.log10, (x) => 10 ** x] : [(x) => x, (x) => x];
  const shown = make("output", { class: "cx-number" });
  const input = make("input", {
    type: "range", min: to(low), max: to(high), step: log ? "any" : step, "aria-label": words, "data-testid": id,
    oninput: () => {
      const found = from(Number(input.value));
      shown.textContent = told(found);
      set(found);
    },
  });
  const element = make("label", { class: "cx-field", "data-q": q }, make("span", { class: "cx-label" }, words), make("span", { class: "cx-row" }, input, shown));
  element.show = (now) => {
    if (Math.abs(Number(input.value) - to(now)) > 1e-9) input.value = to(now);
    shown.textContent = told(now);
  };
  element.show(value);
  return element;
}

/** Buttons of which one is pressed: choices [[value, words], ...]; `.show(value)` presses one. */
export function choice(words, choices, value, set, id = null) {
  const buttons = choices.map(([key, text]) => make("button", { type: "button", role: "radio", "data-value": key, onclick: () => set(key) }, text));
  const group = make("span", { class: "cx-segments", role: "radiogroup", "aria-label": words, "data-testid": id }, ...buttons);
  const element = make("div", { class: "cx-field" }, make("span", { class: "cx-label" }, words), group);
  element.show = (now) => buttons.forEach((item) => item.setAttribute("aria-checked", String(item.dataset.value === String(now))));
  element.show(value);
  return element;
}
