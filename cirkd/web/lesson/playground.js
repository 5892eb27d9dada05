// The loss to play with: one teacher and five students on circles, trained while one looks.

import { digits, make } from "../explorer/dom.js";
import { arrow } from "../explorer/panel.js";
import { Plot, lines, mix } from "./plot.js";
import { COUNT, OBJECTIVES, PLAIN, Scene, classOf, imageOfPoint } from "./scene.js";
import { playing } from "./training.js";
import { b, button, p, quiet, slider } from "./text.js";

const SHADES = { task: "#8a8f98", kd: "#c28a00", within: "#d0578e", across: "#009e8e", memory: "#5b7fff" };
const RINGS = [1, 0.84, 0.68]; // one for each image
const TWO = { light: ["#b8660a", "#1f6fc4"], dark: ["#f2b04b", "#63b3ff"] }; // the two classes
const LONG = 1500; // steps after which nothing moves any more
const AT_ONCE = 4;

export function playground(ctx) {
  const scene = new Scene();
  ctx.scene = scene;
  const panels = [{ key: "teacher", label: "Teacher", free: "Drag its points." }, ...OBJECTIVES].map(panel);
  const course = new Plot("The five objectives from step to step", 0.18);
  const said = make("output", { class: "cx-quiet", "data-testid": "scene-steps" });
  const draw = () => {
    for (const item of panels) drawCircle(ctx, scene, item);
    drawLosses(ctx, scene, course);
    said.textContent = `${scene.steps} steps`;
  };
  const advance = (count) => {
    scene.step(count);
    if (scene.steps >= LONG) player.stop();
    draw();
  };
  const player = playing(ctx, () => advance(AT_ONCE));
  const begin = (seed) => {
    player.stop();
    scene.seed = seed;
    scene.reset();
    draw();
  };
  dragTeacher(ctx, scene, panels[0].plot, draw);
  return {
    title: "Play the loss",
    question: "All five students start alike. Which of them will look like the teacher, and up to what?",
    body: [
      p("A scene small enough to see all of it: three images (", b("rings"), ") of eight pixels in two classes (", b("colours"), "). An embedding is a point on a circle, and gradient descent moves it. Each student has another objective; all are taught the classes too."),
      p("The arrow of a ring shows where the teacher's ", b("up"), " has gone in that image; dashed: mirrored; pale: nothing like the teacher. Arrows that point apart: the images do not fit together."),
    ],
    figure: [
      make("div", { class: "ls-buttons" }, player.button, button("Step", () => advance(1)), button("Reset", () => begin(scene.seed)), button("Other start", () => begin(scene.seed + 1)), said),
      make("div", { class: "ls-buttons" }, ...settings(scene)),
      quiet("The real method has hundreds of dimensions and a network in between, and its memory goes through a projection head. Here a pixel moves freely, and the keys are the means of each half of a class. A descent can get stuck with points in each other's way: try another start. Momentum 0.8, every gradient by hand."),
    ],
    wide: [make("div", { class: "ls-circles" }, ...panels.map(({ element }) => element)), course.element],
    stop: () => player.stop(),
    draw,
  };
}

function panel(item) {
  const plot = new Plot(`${item.label}: pixels of three images on a circle`, 1);
  const note = quiet("");
  const color = SHADES[item.key] ? make("i", { class: "cx-swatch", style: `background:${SHADES[item.key]}` }) : null;
  const head = make("figcaption", {}, color, make("b", {}, ` ${item.label}`));
  return { ...item, plot, note, element: make("figure", { class: "ls-figure ls-circle", "data-testid": `circle-${item.key}` }, head, plot.element, note) };
}

function settings(scene) {
  const set = (name) => (value) => (scene.settings[name] = value);
  const told = (x) => x.toFixed(2);
  return [
    slider("Temperature τ", { low: 0.05, high: 2, log: true, value: PLAIN.tau, told, set: set("tau"), id: "scene-tau" }),
    slider("Weight of the classes", { low: 0, high: 1, step: 0.05, value: PLAIN.task, told, set: set("task"), id: "scene-task" }),
    slider("Weight of what the teacher adds", { low: 0, high: 2, step: 0.05, value: PLAIN.method, told, set: set("method"), id: "scene-method" }),
  ];
}

function drawCircle(ctx, scene, { key, plot, note, free }) {
  const context = plot.begin();
  if (!context) return;
  const student = scene.students.find((item) => item.key === key);
  const measured = student && scene.measures(student);
  const size = Math.min(plot.width, plot.height) / 2;
  const place = (angle, radius) => [plot.width / 2 + Math.cos(angle) * radius * (size - 8), plot.height / 2 - Math.sin(angle) * radius * (size - 8)];
  drawRings(ctx, context, place, size - 8, measured?.turns);
  const angles = student ? student.angles : scene.teacher;
  for (let a = 0; a < COUNT; a++) {
    context.beginPath();
    context.arc(...place(angles[a], RINGS[imageOfPoint(a)]), Math.max(size / 26, 3.2), 0, 2 * Math.PI);
    context.fillStyle = TWO[ctx.theme.dark ? "dark" : "light"][classOf(a)];
    context.fill();
  }
  if (!measured) return note.replaceChildren(free);
  note.replaceChildren(`${measured.right} of ${COUNT} right; cosines off by `, make("b", {}, digits(measured.within, 2)), " within, ", make("b", {}, digits(measured.across, 2)), ` across images. Left free: ${free}.`);
}

/** A ring for each image, and on it where the teacher's up, pi / 2, has gone: to angle + pi / 2, mirrored angle - pi / 2. */
function drawRings(ctx, context, place, size, turns) {
  RINGS.forEach((radius, image) => {
    context.strokeStyle = mix(ctx.theme, 0.18);
    context.lineWidth = 1;
    context.beginPath();
    context.arc(...place(0, 0), radius * size, 0, 2 * Math.PI);
    context.stroke();
    const { angle, mirrored, fit } = turns?.[image] ?? { angle: 0, mirrored: false, fit: 1 };
    const up = angle + (mirrored ? -1 : 1) * (Math.PI / 2) + 0.09 * (image - 1);
    context.globalAlpha = fit > 0.97 ? 1 : 0.25;
    context.setLineDash(mirrored ? [3, 3] : []);
    arrow(context, place(up, 0.05), place(up, radius * 0.55), mix(ctx.theme, 0.75), 1.5, null);
    context.setLineDash([]);
    context.globalAlpha = 1;
  });
}

function drawLosses(ctx, scene, plot) {
  const all = scene.students.map(({ key, losses }) => {
    const every = Math.max(1, Math.floor(losses.length / 300));
    const x = losses.map((_, i) => i).filter((i) => i % every === 0);
    return { x, y: x.map((i) => losses[i]), color: SHADES[key] };
  });
  lines(plot, ctx.theme, all, { low: 0, high: Math.max(scene.steps, 100), words: "steps" }, { low: 1e-4, high: 10, log: true, words: "each student's own objective: not to be compared with each other" });
}

/** The teacher's points can be dragged along their rings. */
function dragTeacher(ctx, scene, plot, draw) {
  let held = -1;
  const { element } = plot;
  const options = { signal: ctx.life.signal };
  const angleOf = (event) => {
    const box = element.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left - box.width / 2, box.height / 2 - event.clientY + box.top];
    return { angle: Math.atan2(y, x), radius: Math.hypot(x, y) / (Math.min(box.width, box.height) / 2 - 8) };
  };
  element.style.touchAction = "none";
  element.style.cursor = "grab";
  element.addEventListener("pointerdown", (event) => {
    const { angle, radius } = angleOf(event);
    const far = (a) => (RINGS[imageOfPoint(a)] - radius) ** 2 + (2 * Math.sin((scene.teacher[a] - angle) / 2)) ** 2;
    held = Array.from({ length: COUNT }, (_, a) => a).reduce((best, a) => (far(a) < far(best) ? a : best), 0);
    element.setPointerCapture(event.pointerId);
  }, options);
  element.addEventListener("pointermove", (event) => {
    if (held < 0) return;
    scene.teacher[held] = angleOf(event).angle;
    draw();
  }, options);
  for (const type of ["pointerup", "pointercancel"]) element.addEventListener(type, () => (held = -1), options);
}
