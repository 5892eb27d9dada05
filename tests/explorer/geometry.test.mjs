import assert from "node:assert/strict";
import { test } from "node:test";
import { Buckets, WHOLE, fit, frameOf, inner, insidePolygon, boxOf, outer, pan, zoomAt } from "../../cirkd/web/explorer/geometry.js";

let seed = 5;
const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;

/** The textbook's even-odd rule, edge by edge. */
function inside(x, y, polygon) {
  let odd = false;
  for (let i = 0, j = polygon.length - 2; i < polygon.length; j = i, i += 2) {
    const [xi, yi, xj, yj] = [polygon[i], polygon[i + 1], polygon[j], polygon[j + 1]];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) odd = !odd;
  }
  return odd;
}

test("what lies inside a lasso is what the even-odd rule says", () => {
  const points = Float32Array.from({ length: 2000 }, () => 100 * random());
  for (const corners of [3, 4, 7, 60, 400]) {
    const polygon = Array.from({ length: 2 * corners }, () => 120 * random() - 10);
    const found = insidePolygon(points, polygon);
    assert.ok(found.includes(1));
    for (let i = 0; i < 1000; i++) assert.equal(Boolean(found[i]), inside(points[2 * i], points[2 * i + 1], polygon));
  }
});

test("a lasso without extent holds nothing", () => {
  assert.ok(!insidePolygon(Float32Array.from([5, 5, 1, 1]), [5, 5]).includes(1));
  assert.ok(!insidePolygon(Float32Array.from([5, 5]), [0, 5, 10, 5]).includes(1));
});

test("zoom keeps what is under the pointer, and the panel stays covered", () => {
  const view = zoomAt(WHOLE, 3, 0.25, 0.5);
  const before = inner(WHOLE, 0.25, 0.5);
  inner(view, 0.25, 0.5).forEach((value, i) => assert.ok(Math.abs(value - before[i]) < 1e-12));
  assert.deepEqual(zoomAt(view, 0.001, 0.9, 0.9), { zoom: 1, x: 0, y: 0 });
  assert.equal(zoomAt(WHOLE, 1000, 0.5, 0.5, 40).zoom, 40);
  for (const moved of [pan(view, 5, 5), pan(view, -5, -5)]) {
    assert.ok(moved.x <= 0 && moved.x >= 1 - moved.zoom && moved.y <= 0 && moved.y >= 1 - moved.zoom);
  }
  outer(view, ...inner(view, 0.7, 0.1)).forEach((value, i) => assert.ok(Math.abs(value - [0.7, 0.1][i]) < 1e-12));
});

test("a map fits its panel with equal scales and y upwards", () => {
  const frame = frameOf([Float32Array.from([-2, 1, 4, 2]), Float32Array.from([0, -1, 1, 0])]);
  const { scale, x, y } = fit(frame, WHOLE, 300, 200, 10);
  const place = (a, b) => [a * scale + x, y - b * scale];
  for (const [a, b] of [[-2, 1], [4, 2], [0, -1]]) {
    const [left, top] = place(a, b);
    assert.ok(left >= 9.99 && left <= 290.01 && top >= 9.99 && top <= 190.01);
  }
  assert.ok(place(0, 2)[1] < place(0, -1)[1]);
  assert.ok(Math.abs(place(-2, 0)[0] - 10) < 1e-9 || Math.abs(place(0, 2)[1] - 10) < 1e-9);
});

test("the nearest dot is found within reach only", () => {
  const points = Float32Array.from({ length: 600 }, () => 200 * random());
  const buckets = new Buckets(points, 14);
  for (let n = 0; n < 200; n++) {
    const [x, y] = [220 * random() - 10, 220 * random() - 10];
    let best = -1;
    let least = 14 * 14;
    for (let i = 0; i < 300; i++) {
      const far = (points[2 * i] - x) ** 2 + (points[2 * i + 1] - y) ** 2;
      if (far < least) [best, least] = [i, far];
    }
    assert.equal(buckets.nearest(x, y, 14), best);
  }
});

test("a box in an image takes the positions whose centres lie in it", () => {
  const mask = boxOf({ grid: [4, 5], start: 3 }, 30, 0.25, 0.2, 0.75, 0.7);
  const chosen = [...mask.keys()].filter((i) => mask[i]);
  const wanted = [];
  for (let r = 0; r < 4; r++) for (let c = 0; c < 5; c++) {
    const [x, y] = [(c + 0.5) / 5, (r + 0.5) / 4];
    if (x >= 0.25 && x <= 0.75 && y >= 0.2 && y <= 0.7) wanted.push(3 + 5 * r + c);
  }
  assert.deepEqual(chosen, wanted);
});
