// The lesson: what is pointed at and set, which steps are in view, and who has to draw what when that changes.

import { classCodes, classesOf, packed, ramp } from "../explorer/colors.js";
import { measure, themeOf } from "../explorer/dom.js";
import { decode } from "../explorer/pictures.js";
import { read, write } from "./address.js";
import { QUANTITIES } from "./formula.js";
import { Frame } from "./frame.js";
import { exposed } from "./handle.js";
import { limits } from "./limits.js";
import { Live } from "./live.js";
import { each } from "./picture.js";
import { playground } from "./playground.js";
import { pressed } from "./keys.js";
import { tellingPixel } from "./start.js";
import { distributions, divergences, embeddings, imagePairs, relations, why } from "./relations.js";
import { gains, gradient, memory, trajectory } from "./training.js";
import { slider } from "./text.js";

const STEPS = {
  why, embeddings, relations, distributions, divergence: divergences, pairs: imagePairs, gradient, play: playground, memory,
  training: trajectory, gains, limits,
};
const OF_TWO = ["divergence", "pairs", "gradient"]; // steps that compare two models
const REST = 300; // milliseconds without a change before the address follows

export class Lesson {
  /** block: from readBlock, with the lesson's own parts under `lesson`; again(): builds it anew as the address says. */
  constructor(parent, block, again) {
    Object.assign(this, { block, rebuild: again, look: block.look, extra: block.lesson, reference: block.reference });
    this.students = block.models.map(({ name }) => name).filter((name) => name !== block.reference);
    this.names = Object.fromEntries(block.models.map(({ name }) => [name, this.look.models[name].label.toLowerCase()]));
    this.codes = classCodes(block);
    this.classColors = classesOf(block).colors;
    this.live = new Live(block);
    this.life = new AbortController();
    this.sequential = Uint32Array.from(ramp(this.look.sequential), (color) => packed(color));
    this.view = { step: "why", i: 0, j: Math.min(1, block.images.length - 1), tau: 0.1, student: this.students.at(-1) ?? null, present: false, shown: false };
    const { pixel, ...asked } = read(block, Object.keys(STEPS));
    Object.assign(this.view, asked);
    this.view.pixel = this.holds(pixel) ? pixel : tellingPixel(block, this.view.i, this.view.j, this.students);
    this.hover = this.b = -1;
    this.lit = []; // quantities
    this.sliders = [];
    this.build(parent);
    this.open(performance.now());
  }

  build(parent) {
    this.theme = themeOf(parent);
    this.retint();
    const useful = Object.keys(STEPS).filter((key) => this.students.length || !OF_TWO.includes(key));
    this.steps = useful.map((key) => ({ key, ...STEPS[key](this) }));
    if (!useful.includes(this.view.step)) this.view.step = "why";
    this.frame = new Frame(this);
    this.root = this.frame.root;
    this.root.lesson = exposed(this);
    parent.append(this.root);
    const { signal } = this.life;
    this.root.addEventListener("pointerover", (event) => this.light(event.target.closest?.("[data-q]")?.dataset.q), { signal });
    this.root.addEventListener("pointerleave", () => this.light(), { signal });
    this.root.addEventListener("focusin", (event) => this.light(event.target.dataset?.q), { signal });
    document.addEventListener("keydown", (event) => pressed(this, event), { signal });
    this.watch = new ResizeObserver(() => this.resized());
    this.watch.observe(this.root);
    this.seen = new IntersectionObserver((found) => this.scrolled(found), { rootMargin: "200px" });
    this.line = new IntersectionObserver((found) => this.passed(found), { rootMargin: "-35% 0px -65% 0px" }); // a line across the window
    for (const step of this.steps) for (const watch of [this.seen, this.line]) watch.observe(step.element);
  }

  async open(started) {
    this.pictures = await decode(this.block);
    if (this.life.signal.aborted) return;
    this.frame.show();
    this.fill();
    this.root.dataset.measured = String(Boolean(this.block.measured));
    this.root.dataset.ready = "true";
    measure("lesson:ready", started);
    if (this.view.step !== "why" && !this.view.present) this.stepOf(this.view.step)?.element.scrollIntoView();
  }

  destroy() {
    this.life.abort();
    this.watch.disconnect();
    this.seen.disconnect();
    this.line.disconnect();
    clearTimeout(this.timer);
    document.documentElement.classList.remove("ls-presenting");
    this.root.remove();
  }

  /** Whether the page's colours have changed. */
  rethemed() {
    return JSON.stringify(themeOf(this.root)) !== JSON.stringify(this.theme);
  }

  /** Put all that is shown into the address, from where the next lesson takes it. */
  keep() {
    write(this.view);
  }

  /** Build it anew. */
  again() {
    this.keep();
    this.rebuild();
  }

  retint() {
    this.signed = Uint32Array.from(ramp(this.look.diverging[this.theme.dark ? "dark" : "light"]), (color) => packed(color));
  }

  /** The pixel of image i in focus: pointed at, or else pinned. */
  get a() {
    return this.hover >= 0 ? this.hover : this.view.pixel;
  }

  model(name) {
    return this.block.models.find((item) => item.name === name);
  }

  /** The reference and the student looked at. */
  shown() {
    return this.view.student ? [this.reference, this.view.student] : [this.reference];
  }

  /** The students that are shown side by side: the last two. */
  compared() {
    return this.students.slice(-2);
  }

  stepOf(key) {
    return this.steps.find((step) => step.key === key);
  }

  holds(position) {
    const { start, end } = this.block.images[this.view.i];
    return position >= start && position < end;
  }

  /** What a model calls the pixel in focus. */
  className(model) {
    const { prediction, classes } = this.model(model);
    return classes.names[prediction[this.a]] ?? "nothing";
  }

  /** Share of all positions that two models call the same. */
  agreement(one, two) {
    const [a, c] = [this.model(one), this.model(two)];
    let same = 0;
    for (let n = 0; n < this.block.positions; n++) same += Number(a.classes.names[a.prediction[n]] === c.classes.names[c.prediction[n]]);
    return same / this.block.positions;
  }

  /** student -> { value, largest } of the pixel in focus on image j; the live parts then hold what each key adds. */
  divergencesNow() {
    const sums = this.live.distribute(this.a, this.view.j, this.view.tau);
    return Object.fromEntries(this.students.map((model) => [model, this.live.diverge(model, this.view.j, this.view.tau, sums)]));
  }

  /** What is said of the key pointed at, if there is one: told(model, key) for every model shown. */
  atKey(told) {
    if (this.b < 0) return ["Point at a pixel of image j to read its numbers."];
    return ["The pixel of j you point at: ", ...each(this, this.shown(), (model) => told(model, this.b)), "."];
  }

  tauSlider() {
    const made = slider("Temperature τ", { low: 0.005, high: 5, log: true, value: this.view.tau, told: (x) => String(Number(x.toPrecision(2))), set: (tau) => this.set({ tau }), q: "tau" });
    made.querySelector("input").dataset.testid = "lesson-tau";
    this.sliders.push(made);
    return made;
  }

  /** Point at a position of image i ("i") or of image j ("j"), or at none (-1). */
  point(which, position) {
    if (!this.pictures) return;
    const start = performance.now();
    if (which === "i") {
      if (position === this.hover) return;
      this.hover = position;
    } else {
      if (position === this.b) return;
      this.b = position;
    }
    this.draw();
    measure("lesson:point", start);
  }

  pin(which, position) {
    if (which === "i") this.set({ pixel: position });
    else this.point("j", position);
  }

  /** Change the view: { step, i, j, pixel, tau, student, present, shown }. */
  set(change) {
    const start = performance.now();
    const before = this.view;
    this.view = { ...before, ...change };
    if ("i" in change && !this.holds(this.view.pixel)) this.view.pixel = tellingPixel(this.block, this.view.i, this.view.j, this.students);
    if ("i" in change || "j" in change) this.hover = this.b = -1;
    if ("student" in change) return this.again();
    for (const made of this.sliders) made.show(this.view.tau);
    if ("step" in change && change.step !== before.step) this.stepOf(before.step)?.stop?.();
    this.frame.show();
    this.draw(Boolean(["i", "j", "step", "present", "shown"].find((key) => key in change)));
    measure("lesson:set", start);
    this.tell();
  }

  tell() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => write(this.view), REST);
  }

  /** Light up quantities ("q b") wherever they stand. */
  light(quantities = "") {
    if (quantities === this.lit.join(" ")) return;
    this.lit = quantities.split(" ").filter(Boolean);
    for (const item of this.root.querySelectorAll("[data-q]")) item.classList.toggle("ls-lit", item.dataset.q.split(" ").some((name) => this.lit.includes(name)));
    this.frame.told.textContent = QUANTITIES[this.lit[0]] ?? "";
    for (const step of this.steps) if (this.drawn(step)) for (const picture of step.pictures ?? []) picture.marks();
    if (this.drawn(this.stepOf("gradient"))) this.drawStep("gradient");
  }

  /** Whether a step is on screen. */
  drawn(step) {
    if (!step || !this.pictures) return false;
    return this.view.present ? step.key === this.view.step && this.view.shown : step.near;
  }

  scrolled(found) {
    for (const { target, isIntersecting } of found) {
      const step = this.steps.find(({ element }) => element === target);
      step.near = isIntersecting;
      if (isIntersecting) this.drawOne(step, true);
      else if (!this.view.present) step.stop?.();
    }
  }

  /** Follow whoever scrolls: the step that lies on the line is the one looked at. */
  passed(found) {
    const [first] = this.steps;
    const above = first.element.getBoundingClientRect().top > 0;
    const reached = found.find(({ isIntersecting }) => isIntersecting)?.target ?? (above ? first.element : null);
    if (!reached || !this.pictures || this.view.present) return;
    this.view.step = this.steps.find(({ element }) => element === reached).key;
    this.frame.show();
    this.tell();
  }

  resized() {
    const width = this.root.clientWidth;
    if (!this.pictures || !width || width === this.width) return;
    this.width = width;
    this.fill();
  }

  /** Draw what is on screen; `fit`: sizes or images have changed. */
  draw(fit = false) {
    for (const step of this.steps) this.drawOne(step, fit);
    if (this.view.present && !this.view.shown) for (const picture of this.frame.stage) this.drawPicture(picture, true);
  }

  /** Draw every step once, those below the window as well: nothing jumps when they are reached, nor is blank on paper. */
  fill() {
    const below = this.steps.filter(({ near }) => !near);
    for (const step of below) step.near = true;
    this.draw(true);
    for (const step of below) step.near = false;
  }

  drawStep(key) {
    this.drawOne(this.stepOf(key), false);
  }

  drawOne(step, fit) {
    if (!this.drawn(step)) return;
    for (const picture of step.pictures ?? []) this.drawPicture(picture, fit);
    if (fit || !step.later) return step.draw();
    cancelAnimationFrame(step.frame);
    step.frame = requestAnimationFrame(() => this.drawn(step) && step.draw());
  }

  drawPicture(picture, fit) {
    if (fit || !picture.tile) picture.fit();
    picture.marks();
  }
}
