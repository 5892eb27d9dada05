// Places on screen: frames of maps, zoom and pan, what lies inside a lasso.

export const WHOLE = Object.freeze({ zoom: 1, x: 0, y: 0 });

/** Zoom about a point (in shares of the panel, 0..1) by a factor, between 1 and `most`. */
export function zoomAt(view, factor, x, y, most = 40) {
  const zoom = Math.min(Math.max(view.zoom * factor, 1), most);
  return held({ zoom, x: x - ((x - view.x) * zoom) / view.zoom, y: y - ((y - view.y) * zoom) / view.zoom });
}

/** Move by shares of the panel. */
export function pan(view, dx, dy) {
  return held({ zoom: view.zoom, x: view.x + dx, y: view.y + dy });
}

/** The content always covers the panel: x, y in 1 - zoom .. 0. */
function held(view) {
  const low = 1 - view.zoom;
  return { zoom: view.zoom, x: Math.min(Math.max(view.x, low), 0), y: Math.min(Math.max(view.y, low), 0) };
}

/** Share of the panel -> share of the content, and back. */
export const inner = (view, x, y) => [(x - view.x) / view.zoom, (y - view.y) / view.zoom];
export const outer = (view, x, y) => [x * view.zoom + view.x, y * view.zoom + view.y];

/** The frame that holds all dots of all maps: centre and half the side. Arrays hold x0, y0, x1, y1, ... */
export function frameOf(arrays) {
  let left = Infinity;
  let right = -Infinity;
  let top = Infinity;
  let bottom = -Infinity;
  for (const at of arrays) {
    for (let i = 0; i < at.length; i += 2) {
      if (at[i] < left) left = at[i];
      if (at[i] > right) right = at[i];
      if (at[i + 1] < top) top = at[i + 1];
      if (at[i + 1] > bottom) bottom = at[i + 1];
    }
  }
  const half = Math.max(right - left, bottom - top, 1e-9) / 2;
  return { x: (left + right) / 2, y: (top + bottom) / 2, width: (right - left) / 2, height: (bottom - top) / 2, half };
}

/** Map -> panel of width x height pixels: { scale, x, y } with screen = scale * map + x (and y downwards). */
export function fit(frame, view, width, height, margin = 10) {
  const wide = Math.max(frame.width, 1e-9);
  const tall = Math.max(frame.height, 1e-9);
  const scale = Math.min((width - 2 * margin) / (2 * wide), (height - 2 * margin) / (2 * tall)) * view.zoom;
  return {
    scale,
    x: (width / 2) * view.zoom + view.x * width - frame.x * scale,
    y: (height / 2) * view.zoom + view.y * height + frame.y * scale,
  };
}

/** Which points lie inside a polygon (even-odd); points and polygon hold x0, y0, x1, y1, ... in one system. */
export function insidePolygon(points, polygon) {
  const count = points.length / 2;
  const inside = new Uint8Array(count);
  const box = boundsOf(polygon);
  const slabs = edgesBySlab(polygon, box, 128);
  for (let i = 0; i < count; i++) {
    const x = points[2 * i];
    const y = points[2 * i + 1];
    if (x < box.left || x > box.right || y < box.top || y > box.bottom) continue;
    const edges = slabs[Math.min(Math.floor(((y - box.top) / box.height) * 128), 127)];
    let odd = 0;
    for (let e = 0; e < edges.length; e += 4) {
      const y0 = edges[e + 1];
      const y1 = edges[e + 3];
      if (y0 > y !== y1 > y && x < ((edges[e + 2] - edges[e]) * (y - y0)) / (y1 - y0) + edges[e]) odd ^= 1;
    }
    inside[i] = odd;
  }
  return inside;
}

/** Only the edges that cross a point's slab have to be looked at, however long the lasso is. */
function edgesBySlab(polygon, box, slabs) {
  const found = Array.from({ length: slabs }, () => []);
  const slabOf = (y) => Math.min(Math.max(Math.floor(((y - box.top) / box.height) * slabs), 0), slabs - 1);
  for (let i = 0, j = polygon.length - 2; i < polygon.length; j = i, i += 2) {
    const [x0, y0, x1, y1] = [polygon[j], polygon[j + 1], polygon[i], polygon[i + 1]];
    for (let s = slabOf(Math.min(y0, y1)); s <= slabOf(Math.max(y0, y1)); s++) found[s].push(x0, y0, x1, y1);
  }
  return found;
}

function boundsOf(polygon) {
  const box = { left: Infinity, right: -Infinity, top: Infinity, bottom: -Infinity, height: 0 };
  for (let i = 0; i < polygon.length; i += 2) {
    box.left = Math.min(box.left, polygon[i]);
    box.right = Math.max(box.right, polygon[i]);
    box.top = Math.min(box.top, polygon[i + 1]);
    box.bottom = Math.max(box.bottom, polygon[i + 1]);
  }
  box.height = Math.max(box.bottom - box.top, 1e-12);
  return box;
}

/** The positions whose cell's centre lies in a box; in shares of the image. */
export function boxOf(image, count, left, top, right, bottom) {
  const [rows, columns] = image.grid;
  const mask = new Uint8Array(count);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const [x, y] = [(c + 0.5) / columns, (r + 0.5) / rows];
      if (x >= left && x <= right && y >= top && y <= bottom) mask[image.start + r * columns + c] = 1;
    }
  }
  return mask;
}

/** Dots in square buckets, to find the nearest to the pointer. */
export class Buckets {
  /** members: the numbers of the points that can be found. */
  constructor(points, size = 16, members = Int32Array.from({ length: points.length / 2 }, (_, i) => i)) {
    this.points = points;
    this.size = size;
    this.cells = new Map();
    for (const i of members) {
      const key = this.key(points[2 * i], points[2 * i + 1]);
      const cell = this.cells.get(key);
      if (cell) cell.push(i);
      else this.cells.set(key, [i]);
    }
  }

  key(x, y) {
    return Math.floor(x / this.size) * 65536 + Math.floor(y / this.size);
  }

  /** The number of the nearest dot within `reach` (at most the buckets' size), or -1. */
  nearest(x, y, reach) {
    let best = -1;
    let least = reach * reach;
    for (let dx = -1; dx <= 1; dx++) {
      for (let dy = -1; dy <= 1; dy++) {
        for (const i of this.cells.get(this.key(x + dx * this.size, y + dy * this.size)) || []) {
          const far = (this.points[2 * i] - x) ** 2 + (this.points[2 * i + 1] - y) ** 2;
          if (far < least) [best, least] = [i, far];
        }
      }
    }
    return best;
  }
}
