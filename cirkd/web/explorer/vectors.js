// Cosines by WebAssembly's vector instructions, eight products at a time; assembled here, so that there is no build step.

const PAGE = 65536;

/**
 * A function (position, out) that writes a position's cosines with all positions into `out`, for a model's rows of
 * 8-bit numbers; null where the browser has no vector instructions.
 */
export function vectorised({ embedding, scale, dimensions }) {
  const count = scale.length;
  const width = Math.ceil(dimensions / 8) * 8; // rows are filled up with zeros
  const [scales, results] = [count * width, count * (width + 4)];
  let memory;
  let cosines;
  try {
    memory = new WebAssembly.Memory({ initial: Math.ceil((results + 4 * count) / PAGE) });
    ({ cosines } = new WebAssembly.Instance(new WebAssembly.Module(program()), { of: { memory } }).exports);
  } catch {
    return null; // an old browser, or a page that forbids it
  }
  const rows = new Int8Array(memory.buffer, 0, scales);
  if (width === dimensions) rows.set(embedding);
  else for (let i = 0; i < count; i++) rows.set(embedding.subarray(i * dimensions, (i + 1) * dimensions), i * width);
  new Float32Array(memory.buffer, scales, count).set(scale);
  const found = new Float32Array(memory.buffer, results, count);
  return (position, out) => {
    const row = position * width;
    cosines(0, scales, row, row + width, scales, scale[position], results);
    out.set(found);
    return out;
  };
}

// Instructions and types of WebAssembly by their numbers in its specification.
const [I32, F32, V128] = [0x7f, 0x7d, 0x7b];
const get = (local) => [0x20, local];
const set = (local) => [0x21, local];
const number = (value) => [0x41, value]; // 0..63
const [ADD, BELOW, MULTIPLY, TO_FLOAT, END] = [[0x6a], [0x49], [0x94], [0xb2], [0x0b]];
const [LOOP, AGAIN] = [[0x03, 0x40], [0x0d, 0]];
const [LOAD, STORE] = [[0x2a, 2, 0], [0x38, 2, 0]]; // a float of 32 bits
const WIDE = [0xfd, 0x01, 0, 0]; // eight numbers of 8 bits, as numbers of 16
const DOT = [0xfd, 0xba, 0x01]; // their products, added in pairs: four numbers of 32 bits
const SUM = [0xfd, 0xae, 0x01];
const ZERO = [0xfd, 0x0c, ...new Array(16).fill(0)];
const lane = (n) => [0xfd, 0x1b, n];

/** cosines(at, end, row, row's end, scale, own scale, out): places in memory, but for the own scale. */
function program() {
  const [at, end, row, rowEnd, scale, own, out, j, sum] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
  const onward = (local, by) => [get(local), number(by), ADD, set(local)];
  const body = [
    LOOP,
    ZERO, set(sum), get(row), set(j),
    LOOP,
    get(sum), get(at), WIDE, get(j), WIDE, DOT, SUM, set(sum),
    onward(at, 8), onward(j, 8),
    get(j), get(rowEnd), BELOW, AGAIN, END,
    get(out),
    get(sum), lane(0), get(sum), lane(1), ADD, get(sum), lane(2), ADD, get(sum), lane(3), ADD, TO_FLOAT,
    get(scale), LOAD, MULTIPLY, get(own), MULTIPLY,
    STORE,
    onward(scale, 4), onward(out, 4),
    get(at), get(end), BELOW, AGAIN, END,
    END,
  ].flat(2);
  const code = [2, 1, I32, 1, V128, ...body]; // two kinds of locals beside the parameters
  const name = (text) => [text.length, ...new TextEncoder().encode(text)];
  const section = (id, bytes) => [id, ...long(bytes.length), ...bytes];
  return Uint8Array.from([
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, [1, 0x60, 7, I32, I32, I32, I32, I32, F32, I32, 0]), // the function's type
    ...section(2, [1, ...name("of"), ...name("memory"), 2, 0, 1]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...name("cosines"), 0, 0]),
    ...section(10, [1, ...long(code.length), ...code]),
  ]);
}

/** A length below 16384, as WebAssembly writes it. */
const long = (value) => [(value & 0x7f) | 0x80, value >> 7];
