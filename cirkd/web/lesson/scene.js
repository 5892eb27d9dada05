// A scene small enough to train while one looks: pixels of three images on a circle, a teacher, and one student for
// each objective. A pixel is an angle, so only its direction counts, as in the method.

import { CrossImage, classification, normalized, probabilities, withinImage, withKeys } from "./gradients.js";

export const IMAGES = 3;
const PER_IMAGE = 8;
export const COUNT = IMAGES * PER_IMAGE;
const SHARPNESS = 3; // how much longer than 1 a classifier's weights are at the start
const RATE = 0.35; // radians for a gradient of 1 by an angle, per pixel
const MOMENTUM = 0.8;

/** What each student is taught by, beside the classes; in this order on screen. */
export const OBJECTIVES = [
  { key: "task", label: "Cross-entropy", free: "everything but the side a pixel lies on" },
  { key: "kd", label: "KD", free: "all may turn with the classifier, and each pixel may lie on either side of its class's axis" },
  { key: "within", label: "SKD (within)", free: "each image may turn, or be mirrored, by itself" },
  { key: "across", label: "CIRKD (across)", free: "all images may turn together, or be mirrored together" },
  { key: "memory", label: "CIRKD + memory", free: "nothing: the keys stand still" },
];

export const PLAIN = { task: 0.2, method: 1, tau: 0.2 };
export const ranges = Array.from({ length: IMAGES }, (_, i) => [i * PER_IMAGE, (i + 1) * PER_IMAGE]);
export const classOf = (a) => Math.floor((a % PER_IMAGE) / (PER_IMAGE / 2));
export const imageOfPoint = (a) => Math.floor(a / PER_IMAGE);

/** Random numbers 0..1 that are the same for the same seed. */
export function dice(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const targets = () => Float64Array.from({ length: 2 * COUNT }, (_, i) => Number(classOf(i >> 1) === i % 2));

/** Points on the circle: [cos, sin] of every angle. */
function onCircle(angles) {
  const out = new Float64Array(2 * angles.length);
  angles.forEach((angle, a) => ([out[2 * a], out[2 * a + 1]] = [Math.cos(angle), Math.sin(angle)]));
  return out;
}

/** Where the teacher has the pixels: two classes on opposite sides, spread out, every image a little otherwise. */
function teacherAngles(seed = 1) {
  const random = dice(seed);
  return Float64Array.from({ length: COUNT }, (_, a) => {
    const place = (a % (PER_IMAGE / 2)) / (PER_IMAGE / 2 - 1) - 0.5;
    return Math.PI * (0.5 + classOf(a)) + 1.9 * place + 0.35 * (random() - 0.5);
  });
}

export class Scene {
  constructor(seed = 1) {
    this.seed = seed;
    this.teacher = teacherAngles();
    this.settings = { ...PLAIN };
    this.reset();
  }

  /** All students begin alike: pixels anywhere, a classifier that is turned. */
  reset() {
    const random = dice(this.seed + 100);
    const angles = Float64Array.from({ length: COUNT }, () => 2 * Math.PI * random());
    const turn = 2 * Math.PI * random();
    const weights = Float64Array.from([turn, turn + Math.PI].flatMap((at) => [SHARPNESS * Math.cos(at), SHARPNESS * Math.sin(at)]));
    this.students = OBJECTIVES.map(({ key }) => ({
      key, angles: angles.slice(), weights: weights.slice(), speed: new Float64Array(COUNT), weightSpeed: new Float64Array(weights.length), losses: [],
    }));
    this.steps = 0;
  }

  /** What a student's objective is now, and its gradient by its points and its classifier. */
  objective(student) {
    const { task, method, tau } = this.settings;
    const points = onCircle(student.angles);
    const teacher = onCircle(this.teacher);
    const taught = classification(points, student.weights, 2, targets());
    const parts = [[task, taught]];
    if (student.key === "kd") {
      const axes = Float64Array.from([0, SHARPNESS, 0, -SHARPNESS]);
      parts.push([method, classification(points, student.weights, 2, probabilities(teacher, axes, 2))]);
    }
    if (student.key === "within") parts.push([method, withinImage(points, 2, teacher, 2, ranges)]);
    if (student.key === "across" || student.key === "memory") parts.push([method, new CrossImage(teacher, 2, ranges).loss(points, 2, tau)]);
    if (student.key === "memory") parts.push([method, withKeys(points, teacher, this.keys(), 2, tau)]);
    const gradient = new Float64Array(points.length);
    const weightGradient = new Float64Array(student.weights.length);
    let value = 0;
    for (const [weight, part] of parts) {
      value += weight * part.value;
      part.gradient.forEach((g, i) => (gradient[i] += weight * g));
      part.weightGradient?.forEach((g, i) => (weightGradient[i] += weight * g));
    }
    return { value, gradient, weightGradient };
  }

  /** The memory: the mean direction of each half of each class, over all images; they belong to the teacher. */
  keys() {
    const half = PER_IMAGE / 4;
    const sums = new Float64Array(8);
    onCircle(this.teacher).forEach((value, i) => (sums[2 * Math.floor(((i >> 1) % PER_IMAGE) / half) + (i % 2)] += value));
    return normalized(sums, 2).unit;
  }

  step(count = 1) {
    for (let n = 0; n < count; n++) {
      for (const student of this.students) this.move(student);
      this.steps++;
    }
  }

  /** One step of gradient descent with momentum. */
  move(student) {
    const { value, gradient, weightGradient } = this.objective(student);
    student.losses.push(value);
    student.angles.forEach((angle, a) => {
      const slope = -Math.sin(angle) * gradient[2 * a] + Math.cos(angle) * gradient[2 * a + 1];
      student.speed[a] = MOMENTUM * student.speed[a] - RATE * COUNT * 0.1 * slope;
      student.angles[a] = angle + student.speed[a];
    });
    weightGradient.forEach((g, i) => {
      student.weightSpeed[i] = MOMENTUM * student.weightSpeed[i] - RATE * g;
      student.weights[i] += student.weightSpeed[i];
    });
  }

  /** How a student compares with the teacher; see the keys. */
  measures(student) {
    const [s, t] = [onCircle(student.angles), onCircle(this.teacher)];
    const sums = { within: [0, 0], across: [0, 0] };
    for (let a = 0; a < COUNT; a++) {
      for (let b = 0; b < COUNT; b++) {
        if (a === b) continue;
        const sum = sums[imageOfPoint(a) === imageOfPoint(b) ? "within" : "across"];
        sum[0] += Math.abs(s[2 * a] * s[2 * b] + s[2 * a + 1] * s[2 * b + 1] - t[2 * a] * t[2 * b] - t[2 * a + 1] * t[2 * b + 1]);
        sum[1] += 1;
      }
    }
    const p = probabilities(s, student.weights, 2);
    const right = Array.from({ length: COUNT }, (_, a) => Number(p[2 * a + classOf(a)] > 0.5)).reduce((x, y) => x + y, 0);
    return {
      right, // pixels whose class it gets right
      within: sums.within[0] / sums.within[1], // mean difference of cosines from the teacher's, within images
      across: sums.across[0] / sums.across[1], // and across images
      turns: ranges.map(([from, to]) => turnOf(student.angles.subarray(from, to), this.teacher.subarray(from, to))),
    };
  }
}

/** The turn that brings the teacher's angles best onto the student's, and whether mirrored first; fit: 1 = exactly. */
export function turnOf(student, teacher) {
  const best = [1, -1].map((sign) => {
    let [x, y] = [0, 0];
    student.forEach((angle, a) => {
      x += Math.cos(angle - sign * teacher[a]);
      y += Math.sin(angle - sign * teacher[a]);
    });
    return { angle: Math.atan2(y, x), mirrored: sign < 0, fit: Math.hypot(x, y) / student.length };
  });
  return best[0].fit >= best[1].fit ? best[0] : best[1];
}
