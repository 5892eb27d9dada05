// What the page says: hint, the pixel pointed at, what the tiles show, what the colours mean.

import { NONE, css } from "./colors.js";
import { placeOf } from "./block.js";
import { digits, make, percent } from "./dom.js";

export const HINT =
  "Point at any pixel in an image, or any dot in a map: every image of every model shows what is similar to it. " +
  "Click to pin it. Draw around dots, or a box in an image, to choose many.";

export const KEYS =
  "Arrow keys move the pin, from image to image too · Enter twice chooses a box · 1 to 6 switch what the images show · L lasso, B box, M move, P point · Shift adds, Alt " +
  "takes away · Esc clears";

/** The position in words: where, its class, and what each model predicts. */
export function describe(block, look, position) {
  const { image, row, column } = placeOf(block, position);
  const where = make("span", {}, make("b", {}, block.images[image].name), ` row ${row * block.stride}, column ${column * block.stride}`);
  const label = block.label[position];
  const parts = [where];
  if (label !== NONE) parts.push(make("span", {}, "label ", chip(block.classes, label)));
  for (const model of block.models) {
    const { label: name, color, glyph } = look.models[model.name];
    const wrong = label !== NONE && model.comparable && model.prediction[position] !== label;
    parts.push(
      make("span", { title: name }, make("i", { style: `color:${color}` }, glyph), " ", chip(model.classes, model.prediction[position]),
        ` ${percent(model.confidence[position])}`, wrong ? make("b", { class: "cx-wrong" }, " wrong") : null),
    );
  }
  return parts;
}

function chip(classes, code) {
  const color = classes.colors[code] ?? [128, 128, 128];
  return make("span", { class: "cx-chip" }, make("i", { class: "cx-swatch", style: `background:${css(color)}` }), classes.names[code] ?? "none");
}

/** What another shape of dots means: the class of the pinned pixel. */
export function shapeOf(name) {
  return name ? [make("span", { class: "cx-chip cx-quiet" }, make("i", { class: "cx-diamond" }), `${name}, as the pinned pixel`)] : [];
}

/** The legend of a colouring; clicking a category calls choose(code, event). */
export function legendOf(legend, gradient, choose) {
  if (legend.words) return [scale(legend.words, legend.low, legend.high, gradient)];
  return legend.map(([words, color, code]) =>
    make(
      "button",
      { type: "button", class: "cx-chip cx-choose", title: `Choose all pixels: ${words} (with Shift: add them)`, onclick: (event) => choose(code, event) },
      make("i", { class: "cx-swatch", style: `background:${color}` }), words,
    ),
  );
}

function scale(words, low, high, gradient) {
  return make("span", { class: "cx-scale" }, words, make("span", { class: "cx-quiet" }, low),
    make("i", { class: "cx-ramp", style: `background:linear-gradient(to right,${gradient})` }), make("span", { class: "cx-quiet" }, high));
}

/** What the tiles show, in a sentence, and its scale. */
export function explain(block, look, view, gradient) {
  // One text whether a pixel is pointed at or pinned: a line that breaks anew would move what is pointed at.
  const whose = "the pixel you point at, or have pinned";
  const reference = look.models[block.reference].label.toLowerCase();
  if (view.overlay === "image") return ["The images."];
  if (view.overlay === "labels") return ["What each pixel is: the labels, the same for every model."];
  if (view.overlay === "prediction") return ["What each model takes each pixel for."];
  if (view.overlay === "similarity") {
    return [`How similar each position is to ${whose}, in each model's own feature space.`,
      scale("cosine", digits(block.low, 2), "1", gradient)];
  }
  if (view.overlay === "relation") {
    return [
      `Relation distribution of ${whose}: softmax of its cosines with an image's positions at τ = ${view.tau.toFixed(2)}, ` +
      `for each image by itself, as in the loss. One scale per image.`,
      scale("share", "0", "largest (root scale)", gradient),
    ];
  }
  const known = block.divergence;
  const waiting = !block.still && (!known || Math.abs(known.temperature - view.tau) > 1e-9) ? ` Not worked out at τ = ${view.tau.toFixed(2)}.` : "";
  if (!known) return [`How far each position's relations are from the ${reference}'s.${waiting}`];
  return [
    `How far each position's own relations are from the ${reference}'s: KL(${reference} row ‖ student row) at ` +
    `τ = ${known.temperature.toFixed(2)}, mean over the images. The ${reference} is what is compared with and has none.${waiting}`,
    scale("nats", "0", digits(known.largest, 2), gradient),
  ];
}

/** What thinning and 8 bits cost, and how to zoom. */
export function smallPrint(block, look) {
  const errors = block.models.map((model) => `${look.models[model.name].label} ${ceiled(model.error)}`).join(", ");
  const all = block.models.every((model) => model.pairs === block.positions ** 2);
  const thinned = block.stride > 1
    ? `Every ${ordinal(block.stride)} row and column of the grids: ${block.positions.toLocaleString("en")} of ${block.of.toLocaleString("en")} positions. `
    : `All ${block.positions.toLocaleString("en")} positions of ${block.images.length} images. `;
  const widest = Math.max(...block.models.map((model) => model.dimensions));
  const sampled = block.dots
    ? ` Maps draw ${block.dots.length.toLocaleString("en")} of them, class-balanced, or fewer where it says so; images show ` +
      "all. A lasso in PCA or relation space takes what lies in it, drawn or not. In UMAP and t-SNE a dashed ring is " +
      "around the dot most similar to a pixel that is left out."
    : "";
  return (
    thinned + `Cosines come from 8-bit embeddings of at most ${widest} dimensions; the largest error ` +
    `${all ? "over all pairs" : "found"}: ${errors}. Heatmaps are drawn along the images' edges, for the eye; ` +
    `“Raw cells” shows them as they are. Ctrl and wheel, or two fingers, zoom; a double click shows all again.${sampled}`
  );
}

const ceiled = (error) => (Math.ceil(error * 1000) / 1000).toFixed(3);
const ordinal = (n) => ({ 2: "second", 3: "third" })[n] ?? `${n}th`;
