// The loss to play with: one teacher and five students on circles, trained while one looks.

import { digits, make } from "../explorer/dom.js";
import { arrow } from "../explorer/panel.js";
import { Plot, lines, mix } from "./plot.js";
import { COUNT, OBJECTIVES, PLAIN, Scene, classOf, imageOfPoint } from "./scene.js";
import { playing } from "./training.js";
import { b, button, p, quiet, row, slider } from "./text.js";

const SHADES = { task: "#8a8f98", kd: "#c28a00", within: "#d0578e", across: "#009e8e", memory: "#5b7fff" };
const RINGS = [1, 0.84, 0.68]; // one for each image
const LONG = 1500; // steps after which nothing moves any more
const AT_ONCE = 4;

export function playground(ctx) {
  const scene = new Scene();
  ctx.scene = scene;
  const palette = () => (ctx.theme.dark ? ["#f2b04b", "#63b3ff"] : ["#b8660a", "#1f6fc4"]);
  const panels = [{ key: "teacher", label: "Teacher", free: "drag its points" }, ...OBJECTIVES].map((item) => {
    const plot = new Plot(`${item.label}: pixels of three images on a circle`, 1);
    const note = quiet("");
    const element = make("figure", { class: "ls-figure ls-circle", "data-testid": `circle-${item.key}` }, make("figcaption", {}, SHADES[item.key] ? make("i", { class: "cx-swatch", style: `background:${SHADES[item.key]}` }) : null, make("b", {}, ` ${item.label}`)), plot.element, note);
    return { ...item, plot, note, element };
  });
  const course = new Plot("The five objectives from step to step", 0.22);
  const draw = () => {
    for (const panel of panels) drawCircle(ctx, scene, panel, palette());
    drawLosses(ctx, scene, course);
    said.textContent = `${scene.steps} steps`;
  };
  const said = make("output", { class: "cx-quiet", "data-testid": "scene-steps" });
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
  const set = (name) => (value) => {
    scene.settings[name] = value;
  };
  const sliders = [
    slider("Temperature τ", { low: 0.05, high: 2, log: true, value: PLAIN.tau, told: (x) => x.toFixed(2), set: set("tau"), id: "scene-tau" }),
    slider("Weight of the classes", { low: 0, high: 1, step: 0.05, value: PLAIN.task, told: (x) => x.toFixed(2), set: set("task"), id: "scene-task" }),
    slider("Weight of what the teacher adds", { low: 0, high: 2, step: 0.05, value: PLAIN.method, told: (x) => x.toFixed(2), set: set("method"), id: "scene-method" }),
  ];
  dragTeacher(ctx, scene, panels[0].plot, draw);
  return {
    title: "Play the loss",
    question: "All five students start alike. Which of them will look like the teacher, and up to what?",
    body: [
      p("A scene small enough to see all of it: eight pixels of each of three images (", b("three rings"), "), in two classes (two colours). An embedding is a point on a circle; gradient descent moves it, under one objective for each student. All are taught the classes too."),
      p("The arrow of a ring shows where the teacher's ", b("up"), " has gone in that image. Three arrows that point apart: the images do not fit together. A dashed arrow: mirrored."),
      row(player.button, button("Step", () => advance(1)), button("Reset", () => begin(scene.seed)), button("Other start", () => begin(scene.seed + 1)), said),
      row(...sliders),
      quiet("The real method has hundreds of dimensions and a network in between, and there the memory goes through a projection head; here a pixel moves freely, and keys are the means of each half class. In the plane a descent can also get stuck with points in each other's way: try another start. Momentum 0.8, every gradient by hand."),
    ],
    wide: [make("div", { class: "ls-circles" }, ...panels.map((panel) => panel.element)), course.element],
    stop: () => player.stop(),
    draw,
  };
}

function drawCircle(ctx, scene, { key, plot, note, free }, palette) {
  const context = plot.begin();
  if (!context) return;
  const student = scene.students.find((item) => item.key === key);
  const angles = student ? student.angles : scene.teacher;
  const size = Math.min(plot.width, plot.height) / 2;
  const place = (angle, radius) => [plot.width / 2 + Math.cos(angle) * radius * (size - 8), plot.height / 2 - Math.sin(angle) * radius * (size - 8)];
  context.strokeStyle = mix(ctx.theme, 0.18);
  context.lineWidth = 1;
  for (const radius of RINGS) {
    context.beginPath();
    context.arc(plot.width / 2, plot.height / 2, radius * (size - 8), 0, 2 * Math.PI);
    context.stroke();
  }
  const measured = student && scene.measures(student);
  RINGS.forEach((radius, image) => {
    const turn = measured?.turns[image] ?? { angle: 0, mirrored: false, fit: 1 };
    // The teacher's up, pi / 2, lies at angle + pi / 2, or mirrored at angle - pi / 2.
    const up = turn.angle + (turn.mirrored ? -1 : 1) * (Math.PI / 2);
    context.globalAlpha = turn.fit > 0.97 ? 1 : 0.25;
    context.setLineDash(turn.mirrored ? [3, 3] : []);
    arrow(context, place(up + 0.09 * (image - 1), 0.05), place(up + 0.09 * (image - 1), radius * 0.55), mix(ctx.theme, 0.75), 1.5, null);
    context.setLineDash([]);
    context.globalAlpha = 1;
  });
  for (let a = 0; a < COUNT; a++) {
    context.beginPath();
    context.arc(...place(angles[a], RINGS[imageOfPoint(a)]), Math.max(size / 26, 3.2), 0, 2 * Math.PI);
    context.fillStyle = palette[classOf(a)];
    context.fill();
  }
  if (!measured) return void (note.textContent = free);
  note.replaceChildren(`${measured.right} of ${COUNT} classes right; cosines off by `, make("b", {}, digits(measured.within, 2)), " within, ", make("b", {}, digits(measured.across, 2)), ` across images. Left free: ${free}.`);
}

function drawLosses(ctx, scene, plot) {
  const all = scene.students.map(({ key, losses }) => {
    const every = Math.max(1, Math.floor(losses.length / 300));
    const x = losses.map((_, i) => i).filter((i) => i % every === 0);
    return { x, y: x.map((i) => losses[i]), color: SHADES[key] };
  });
  lines(plot, ctx.theme, all, { low: 0, high: Math.max(scene.steps, 100), words: "steps" }, { low: 1e-3, high: 10, log: true, words: "each student's own objective: not to be compared with each other" });
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
