// What dots and heatmaps are coloured by. A colouring is a number per position and a table of at most 256 colours.

export const NONE = 255;

export function rgb(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

/** 256 colours [r, g, b] along stops of "#rrggbb". */
export function ramp(stops) {
  const known = stops.map(rgb);
  return Array.from({ length: 256 }, (_, i) => {
    const place = (i / 255) * (known.length - 1);
    const low = Math.min(Math.floor(place), known.length - 2);
    return known[low].map((value, c) => Math.round(value + (known[low + 1][c] - value) * (place - low)));
  });
}

/** [r, g, b] as the 32 bits of an opaque pixel on a little-endian machine, which all browsers run on. */
export function packed([r, g, b], alpha = 255) {
  return ((alpha << 24) | (b << 16) | (g << 8) | r) >>> 0;
}

export function css([r, g, b]) {
  return `rgb(${r},${g},${b})`;
}

/** The colourings that this block allows, as [value, words]. */
export function colorings(block) {
  const labelled = Boolean(block.images.some((image) => image.label));
  return [
    ["class", labelled ? "Class" : `Class (${block.groupedBy})`],
    ["prediction", "Prediction"],
    ["image", "Image"],
    ...(labelled ? [["error", "Right or wrong"]] : []),
    ["confidence", "Confidence"],
    ...(block.models.length > 1 && (!block.still || block.divergence) ? [["divergence", "Relation divergence"]] : []),
    ...(block.change ? [["change", "Fixed or broken"]] : []),
  ];
}

/** { codes, table, legend } of one model; legend entries are [words, css colour, code] or { low, high, words }. */
export function colorOf(block, by, model, look, dark) {
  const states = dark ? look.dark : look.light;
  if (by === "class") return byClass(classCodes(block), classesOf(block), states.none);
  if (by === "prediction") return byClass(model.prediction, model.classes, states.none);
  if (by === "image") return byImage(block, look);
  if (by === "error") return byError(block, model, states);
  if (by === "change") return byChange(block.change, states);
  if (by === "confidence") return byScale(model.confidence, 1, look, "confidence: probability of the predicted class");
  const values = block.divergence?.values[model.name];
  const high = block.divergence?.largest ?? 1;
  return byScale(values ?? new Float32Array(block.positions), high, look, "relation divergence, in nats", 2);
}

/** The class that each position counts as: its label, or the reference's prediction where nothing is labelled. */
export function classCodes(block) {
  if (block.images.some((image) => image.label)) return block.label;
  return block.models.find((model) => model.name === block.reference).prediction;
}

export function classesOf(block) {
  if (block.images.some((image) => image.label)) return block.classes;
  return block.models.find((model) => model.name === block.reference).classes;
}

function filled(color) {
  return Array.from({ length: 256 }, () => color);
}

function byClass(codes, classes, none) {
  const table = filled(rgb(none));
  classes.colors.forEach((color, c) => (table[c] = color));
  const counts = new Uint32Array(256);
  for (const code of codes) counts[code]++;
  const legend = classes.names.map((name, c) => [name, css(table[c]), c]).filter(([, , c]) => counts[c]);
  return { codes, table, legend };
}

function byImage(block, look) {
  const codes = new Uint8Array(block.positions);
  const table = filled([128, 128, 128]);
  const legend = block.images.map((image, i) => {
    codes.fill(i, image.start, image.end);
    table[i] = rgb(look.images[i % look.images.length]);
    return [image.name, css(table[i]), i];
  });
  return { codes, table, legend };
}

function byError(block, model, states) {
  const codes = new Uint8Array(block.positions);
  for (let i = 0; i < codes.length; i++) {
    const known = block.label[i] !== NONE && model.comparable;
    codes[i] = known ? Number(model.prediction[i] !== block.label[i]) : NONE;
  }
  return byState(codes, [["right", states.right], ["wrong", states.broken]], states.none);
}

function byChange(codes, states) {
  const names = [["right in both", states.right], ["wrong in both", states.wrong]];
  return byState(codes, [...names, ["fixed", states.fixed], ["broken", states.broken]], states.none);
}

function byState(codes, names, none) {
  const table = filled(rgb(none));
  const legend = names.map(([name, color], code) => {
    table[code] = rgb(color);
    return [name, color, code];
  });
  return { codes, table, legend };
}

function byScale(values, high, look, words, digits = 0) {
  const codes = new Uint8Array(values.length);
  for (let i = 0; i < codes.length; i++) codes[i] = Math.min(Math.max(values[i] / high, 0), 1) * 255;
  const ends = digits ? ["0", high.toFixed(digits)] : ["0 %", "100 %"];
  return { codes, table: ramp(look.sequential), legend: { low: ends[0], high: ends[1], words } };
}
