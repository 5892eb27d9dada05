import assert from "node:assert/strict";
import { test } from "node:test";
import { arrivals } from "../../cirkd/web/lesson/arrivals.js";
import { products } from "../../cirkd/web/lesson/gradients.js";
import { Live, distributed, divergence } from "../../cirkd/web/lesson/live.js";
import { Pair, TARGETS, noise, onNextImage, principal, spread } from "../../cirkd/web/lesson/pair.js";
import { COUNT, Scene, dice, turnOf } from "../../cirkd/web/lesson/scene.js";
import { tellingPixel } from "../../cirkd/web/lesson/start.js";
import { Tsne, affinities } from "../../cirkd/web/lesson/tsne.js";

const close = (a, b, far = 1e-6) => assert.ok(Math.abs(a - b) <= far, `${a} is not ${b}`);

/** A block of two images of 4 x 6 positions, random embeddings. */
function block() {
  const random = dice(3);
  const positions = 48;
  const images = [0, 1].map((n) => ({ name: `image ${n}`, grid: [4, 6], start: 24 * n, end: 24 * n + 24 }));
  images[0].label = { bytes: 1 };
  const classes = { names: ["a", "b"], colors: [[1, 2, 3], [4, 5, 6]] };
  const model = (name, dimensions) => {
    const embedding = Int8Array.from({ length: positions * dimensions }, () => Math.round(254 * random() - 127));
    const row = (p) => Array.from(embedding.subarray(p * dimensions, (p + 1) * dimensions));
    const scale = Float32Array.from({ length: positions }, (_, p) => 1 / Math.hypot(...row(p)));
    return { name, dimensions, embedding, scale, classes, prediction: new Uint8Array(positions), row };
  };
  const models = [model("teacher", 6), model("before", 4), model("after", 5)];
  return { positions, images, classes, models, reference: "teacher", label: Uint8Array.from({ length: positions }, (_, p) => p % 2) };
}

const cosine = (model, p, o) => model.row(p).reduce((sum, value, k) => sum + value * model.row(o)[k], 0) / Math.hypot(...model.row(p)) / Math.hypot(...model.row(o));

function softmax(values, tau) {
  const weights = values.map((value) => Math.exp(value / tau));
  const total = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / total);
}

test("a row's distribution, spread and divergence, and its parts, by the formulas", () => {
  const made = block();
  const live = new Live(made);
  for (const tau of [0.05, 0.3]) {
    const sums = live.distribute(5, 1, tau);
    const found = live.diverge("after", 1, tau, sums);
    const [q, p] = ["teacher", "after"].map((name) => softmax(Array.from({ length: 24 }, (_, b) => cosine(made.models.find((m) => m.name === name), 5, 24 + b)), tau));
    const parts = q.map((share, b) => share * Math.log(share / p[b]));
    parts.forEach((part, b) => close(live.parts.get("after")[24 + b], part, 1e-5));
    close(found.value, parts.reduce((a, b) => a + b), 1e-5);
    close(sums.get("after").spread, Math.exp(-p.reduce((sum, share) => sum + share * Math.log(share), 0)), 1e-3);
  }
});

test("the joint divergence is the divergence within the images and that between them", () => {
  const made = block();
  const found = new Live(made).acrossImages(7, 0.2);
  const joint = ["teacher", "before"].map((name) => softmax(Array.from({ length: 48 }, (_, b) => cosine(made.models.find((m) => m.name === name), 7, b)), 0.2));
  const total = divergence(...joint);
  const within = found.within.before.reduce((sum, value, n) => sum + value * found.shares.teacher[n], 0);
  close(total, within + found.between.before, 1e-5);
});

test("shares of one row sum to 1 and the largest is told", () => {
  const out = new Float64Array(3);
  const { top, spread: over } = distributed(Float64Array.from([0, 0, 0]), 0, 3, 0.1, out);
  close(top, 1 / 3);
  close(over, 3);
});

test("a spread choice is even, small enough and within the image", () => {
  for (const [rows, columns] of [[64, 128], [16, 32], [1, 3], [3, 1000]]) {
    const found = spread({ grid: [rows, columns], start: 10 }, 96);
    assert.ok(found.length > 0 && found.length <= 96);
    assert.ok(found.every((p) => p >= 10 && p < 10 + rows * columns));
    assert.equal(new Set(found).size, found.length);
  }
});

test("descent on a pair of images makes the loss small, towards the teacher as towards noise", () => {
  for (const target of Object.keys(TARGETS)) {
    const pair = new Pair(block(), "after", 0, 1, target);
    const first = pair.loss(0.2).value;
    for (let n = 0; n < 40; n++) pair.step(0.2);
    assert.ok(pair.loss(0.2).value < 0.5 * first, target);
    assert.equal(pair.steps, 40);
    pair.reset();
    close(pair.loss(0.2).value, first, 1e-12);
  }
});

test("the same place on the next image", () => {
  const made = block();
  made.images[1].grid = [2, 12]; // as many positions, another shape
  assert.equal(onNextImage(made, 0), 25); // the middle of the first of six columns is the border of the first two of twelve
  assert.equal(onNextImage(made, 23), 24 + 12 + 11); // the lower right corner
  assert.equal(onNextImage(made, 47), 23);
});

test("a class has come apart from the step on from which its dots have each other nearest", () => {
  const groups = [{ name: "a", dots: [0, 1] }, { name: "b", dots: [2, 3] }, { name: "one", dots: [4] }];
  const mixed = [[0, 0], [5, 0], [0.1, 0], [5.1, 0], [9, 9]];
  const apart = [[0, 0], [0.1, 0], [5, 0], [5.1, 0], [9, 9]];
  const of = (...frames) => arrivals({ steps: frames.map((_, n) => 10 * n), frames, shape: [1, 1], groups }).map(({ step }) => step);
  assert.deepEqual(of(mixed, apart, apart), [10, 10]);
  assert.deepEqual(of(apart, mixed, apart), [20, 20]); // once is not enough
  assert.deepEqual(of(apart, mixed), [null, null]);
  const tall = [[0, 0], [1, 0], [0, 0.1], [1, 0.1], [9, 9]]; // units differ: 0.1 upwards is longer than 1 across
  assert.deepEqual(arrivals({ steps: [0], frames: [tall], shape: [1, 100], groups }).map(({ step }) => step), [0, 0]);
});

test("principal axes are those along which rows vary most", () => {
  const rows = noise(60, 3).map((value, i) => value * [1, 5, 3][i % 3]);
  const { mean, vectors } = principal(rows, 3);
  close(Math.abs(vectors[1]), 1, 0.1);
  close(Math.abs(vectors[5]), 1, 0.1);
  close(mean[0], rows.filter((_, i) => i % 3 === 0).reduce((a, b) => a + b) / 60, 1e-12);
});

test("what each objective leaves free is what the scene says", () => {
  const scene = new Scene(1);
  scene.step(600);
  const of = Object.fromEntries(scene.students.map((student) => [student.key, scene.measures(student)]));
  for (const { right } of Object.values(of)) assert.equal(right, COUNT);
  assert.ok(of.kd.within > 0.2 && of.task.within > 0.2); // predictions leave the geometry free
  assert.ok(of.within.within < 0.02 && of.within.across > 0.2); // each image turns by itself
  assert.ok(of.across.within < 0.02 && of.across.across < 0.02); // all turn together
  assert.ok(Math.abs(of.across.turns[0].angle) > 0.2);
  const apart = (one, two) => Math.abs(Math.sin((one.angle - two.angle) / 2));
  assert.ok(apart(of.across.turns[0], of.across.turns[2]) < 0.02 && apart(of.within.turns[0], of.within.turns[1]) > 0.2);
  assert.ok(of.memory.across < 0.02 && of.memory.turns.every(({ angle, mirrored }) => Math.abs(angle) < 0.02 && !mirrored)); // nothing is free
});

test("without the classes' weight only KD names them, and relations come out all the same", () => {
  const scene = new Scene(1);
  scene.settings.task = 0;
  scene.step(600);
  const of = Object.fromEntries(scene.students.map((student) => [student.key, scene.measures(student)]));
  assert.equal(of.kd.right, COUNT);
  for (const key of ["task", "within", "across", "memory"]) assert.ok(of[key].right < COUNT, key);
  assert.ok(of.within.within < 0.02 && of.across.across < 0.02 && of.memory.across < 0.02 && of.task.within > 0.5);
});

test("a point of the teacher that is dragged to the other class is followed by those that are told of the teacher", () => {
  const scene = new Scene(1);
  const moved = 1;
  scene.teacher[moved] += Math.PI;
  scene.step(800);
  for (const student of scene.students) {
    const others = [0, 2, 3].map((a) => Math.cos(student.angles[a] - student.angles[moved]));
    const cosine = others.reduce((sum, value) => sum + value) / 3;
    assert.ok(student.key === "task" ? cosine > 0.5 : cosine < 0, student.key);
    assert.equal(scene.measures(student).right, ["kd", "across", "memory"].includes(student.key) ? COUNT - 1 : COUNT, student.key);
  }
});

test("a turn is found, mirrored or not", () => {
  const teacher = Float64Array.from([0, 0.5, 1.7, 4]);
  close(turnOf(teacher.map((angle) => angle + 1), teacher).angle, 1);
  const mirrored = turnOf(teacher.map((angle) => 2 - angle), teacher);
  assert.ok(mirrored.mirrored);
  close(mirrored.angle, 2);
});

test("affinities have the perplexity asked for, and t-SNE's gradient is that of its divergence", () => {
  const rows = noise(30, 4, 5);
  const cosines = products(rows, rows, 4);
  const p = affinities(cosines.map((value) => 2 - 2 * value), 30, 5);
  close(p.reduce((a, b) => a + b), 1, 1e-9);
  const map = new Tsne(cosines, 30, { perplexity: 5, seed: 2 });
  map.step(30);
  const { gradient } = map.gradient();
  for (const i of [0, 7, 31]) {
    const at = map.at[i];
    const [ahead, behind] = [1e-5, -1e-5].map((far) => {
      map.at[i] = at + far;
      return map.gradient().value;
    });
    map.at[i] = at;
    close((ahead - behind) / 2e-5, gradient[i], 1e-6);
  }
  const before = map.gradient().value;
  map.step(200);
  assert.ok(map.gradient().value < before);
});

test("the lesson begins where all agree on the class and relations differ", () => {
  const made = block();
  made.models[2].prediction.fill(1, 0, 24);
  made.models[2].prediction[9] = 0; // the only pixel of image 0 that all call the same
  assert.equal(tellingPixel(made, 0, 1, ["before", "after"]), 9);
  assert.equal(tellingPixel(made, 0, 1, []) < 24, true);
});
