// Reading the bytes that Python sends: see cirkd/analysis/explorer_encode.py for their layout.

const KINDS = { int8: Int8Array, uint8: Uint8Array, int16: Int16Array, int32: Int32Array, float32: Float32Array };

/** The header alone, to see whether anything is new; `bytes` is a Uint8Array at any offset of its buffer. */
export function readHeader(bytes) {
  const length = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  return { header: JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length))), body: 4 + length };
}

/** The header with every array in the place of its ref; pictures become { bytes, type }. */
export function readBlock(bytes) {
  const { header, body } = readHeader(bytes);
  const copy = bytes.slice(body); // arrays of floats must start at multiples of 4 of their buffer
  const open = (ref) => {
    if (!ref) return null;
    const Kind = KINDS[ref.type];
    if (!Kind) return { bytes: copy.subarray(ref.at, ref.at + ref.length), type: ref.type };
    return new Kind(copy.buffer, ref.at, ref.length / Kind.BYTES_PER_ELEMENT);
  };
  let start = 0;
  const images = header.images.map((image) => {
    const count = image.grid[0] * image.grid[1];
    const opened = { ...image, start, end: start + count, photo: open(image.photo), label: open(image.label) };
    start += count;
    return opened;
  });
  const models = header.models.map((model) => ({
    ...model,
    embedding: open(model.embedding),
    scale: open(model.scale),
    prediction: open(model.prediction),
    confidence: open(model.confidence),
    pictures: model.pictures.map(open),
  }));
  const maps = {};
  for (const [name, map] of Object.entries(header.maps)) maps[name] = readMap(map, open);
  const divergence = header.divergence && {
    ...header.divergence,
    values: Object.fromEntries(Object.entries(header.divergence.values).map(([name, ref]) => [name, open(ref)])),
  };
  const arrays = { label: open(header.label), change: open(header.change), dots: open(header.dots), index: open(header.index) };
  return { ...header, ...arrays, lesson: opened(header.lesson, open), colorings: opened(header.colorings, open), images, models, maps, divergence };
}

/** Anything of the header with every ref in it opened. */
function opened(item, open) {
  if (item === null || typeof item !== "object") return item;
  if (Array.isArray(item)) return item.map((part) => opened(part, open));
  if ("at" in item && "type" in item) return open(item);
  return Object.fromEntries(Object.entries(item).map(([name, part]) => [name, opened(part, open)]));
}

function readMap(map, open) {
  const coordinates = Object.fromEntries(Object.entries(map.coordinates).map(([name, ref]) => [name, open(ref)]));
  return { ...map, positions: open(map.positions), coordinates };
}

/** Which image a position lies in. */
export function imageOf(block, position) {
  return block.images.findIndex((image) => position >= image.start && position < image.end);
}

/** { image, row, column } of a position on the thinned grid. */
export function placeOf(block, position) {
  const image = imageOf(block, position);
  const { start, grid } = block.images[image];
  return { image, row: Math.floor((position - start) / grid[1]), column: (position - start) % grid[1] };
}

/** The position whose cell holds a point; x and y are shares of the image's width and height, 0..1. */
export function positionAt(block, image, x, y) {
  const { start, grid } = block.images[image];
  const row = Math.min(Math.max(Math.floor(y * grid[0]), 0), grid[0] - 1);
  const column = Math.min(Math.max(Math.floor(x * grid[1]), 0), grid[1] - 1);
  return start + row * grid[1] + column;
}

/** The position a step away on the same image, or itself at the edge. */
export function step(block, position, rows, columns) {
  const place = placeOf(block, position);
  const { start, grid } = block.images[place.image];
  const row = Math.min(Math.max(place.row + rows, 0), grid[0] - 1);
  const column = Math.min(Math.max(place.column + columns, 0), grid[1] - 1);
  return start + row * grid[1] + column;
}

/** Chosen positions as runs [first, length, first, length, ...], which is short for what a lasso takes. */
export function runsOf(mask) {
  const runs = [];
  for (let i = 0; i < mask.length; i++) {
    if (!mask[i]) continue;
    const first = i;
    while (i < mask.length && mask[i]) i++;
    runs.push(first, i - first);
  }
  return runs;
}

/** The mask that `runsOf` describes. */
export function maskOf(runs, length) {
  const mask = new Uint8Array(length);
  for (let i = 0; i + 1 < runs.length; i += 2) mask.fill(1, runs[i], runs[i] + runs[i + 1]);
  return mask;
}
