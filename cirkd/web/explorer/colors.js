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

/** { codes, table, legend } of one model; legend entries are [words, css colour, code] or { low, high, words }. */
export function colorOf(block, by, model, look, dark) {
  const { codes, categories, scale } = block.colorings.find(({ name }) => name === by).models[model.name];
  if (scale) return { codes, table: ramp(look.sequential), legend: scale };
  const table = Array.from({ length: 256 }, () => [128, 128, 128]);
  const shown = categories.map(([code, name, light, night]) => [name, dark ? night : light, code]);
  for (const [, color, code] of shown) table[code] = rgb(color);
  return { codes, table, legend: shown.filter(([, , code]) => code !== NONE) };
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
