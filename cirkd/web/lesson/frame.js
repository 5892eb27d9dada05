// The lesson on the page: the bar above, a section for every step, and what a presenter sees.

import { make } from "../explorer/dom.js";
import { Picture } from "./picture.js";
import { button, choice } from "./text.js";

export class Frame {
  constructor(ctx) {
    this.ctx = ctx;
    const { block, look, students, view } = ctx;
    const images = block.images.map(({ name }, n) => [n, name]);
    this.i = select("Image i", images, (i) => ctx.set({ i }), "image-i");
    this.j = select("Image j", images, (j) => ctx.set({ j }), "image-j");
    this.student = students.length > 1 ? choice("Student", students.map((name) => [name, look.models[name].label]), view.student, (student) => ctx.set({ student }), "student") : null;
    this.present = button("Present", () => ctx.set({ present: true, shown: false }), { title: "One step a screen (P)", "data-testid": "present" });
    this.name = make("b", { class: "ls-name" });
    this.told = make("div", { class: "ls-told", "aria-live": "polite" });
    this.chips = ctx.steps.map((step, n) => button(`${n}`, () => this.go(step.key), { title: step.title, class: "ls-chip" }));
    const bar = make("div", { class: "ls-bar-top" }, make("nav", { class: "ls-nav", "aria-label": "Steps" }, ...this.chips, this.name),
      make("div", { class: "ls-controls" }, this.i, this.j, this.student, ctx.tauSlider(), this.present), this.told);
    this.stage = ["i", "j"].map((which) => new Picture(ctx, { which, shows: "photo", words: make("b", {}, "Photo") }));
    const stage = make("div", { class: "ls-stage ls-row" }, ...this.stage.map((picture) => picture.element));
    this.count = make("output", {});
    const foot = make("div", { class: "ls-foot" }, button("←", () => back(ctx), { title: "Back (left arrow)" }), this.count,
      button("→", () => forward(ctx), { title: "Reveal, then on (right arrow)", "data-testid": "forward" }), button("Leave", () => ctx.set({ present: false }), { title: "Leave (Esc)" }));
    for (const [n, step] of ctx.steps.entries()) step.element = section(step, n);
    this.root = make("div", { class: "cx ls", tabindex: -1, "data-testid": "lesson", "data-heated": "true" }, bar, ...ctx.steps.map((step) => step.element), stage, foot);
  }

  go(key) {
    const { ctx } = this;
    ctx.set({ step: key, shown: false });
    if (!ctx.view.present) ctx.stepOf(key).element.scrollIntoView({ behavior: "smooth" });
  }

  /** Follow the view. */
  show() {
    const { ctx, root } = this;
    const { view } = ctx;
    root.classList.toggle("ls-present", view.present);
    root.classList.toggle("ls-shown", view.present && view.shown);
    document.documentElement.classList.toggle("ls-presenting", view.present);
    const shapes = [view.i, view.j].map((n) => ctx.block.images[n].size);
    root.style.setProperty("--wide", Math.min(...shapes.map(([height, width]) => width / height)));
    this.i.show(view.i);
    this.j.show(view.j);
    this.student?.show(view.student);
    ctx.steps.forEach((step, n) => {
      step.element.classList.toggle("ls-current", step.key === view.step);
      this.chips[n].setAttribute("aria-current", step.key === view.step ? "step" : "false");
    });
    const at = ctx.steps.findIndex((step) => step.key === view.step);
    this.name.textContent = ctx.steps[at].title;
    this.count.textContent = `${at} of ${ctx.steps.length - 1}${view.shown ? "" : ": first a question"}`;
  }
}

function section({ key, title, question, body, figure = [], wide = [] }, n) {
  return make("section", { class: "ls-step", id: `lesson-${key}`, "data-testid": `step-${key}` },
    make("h3", {}, make("span", { class: "ls-count" }, String(n)), title),
    make("p", { class: "ls-question" }, question),
    make("div", { class: "ls-columns" }, make("div", { class: "ls-words" }, ...body.filter(Boolean)), figure.length ? make("div", { class: "ls-figures" }, ...figure) : null),
    wide.length ? make("div", { class: "ls-wide" }, ...wide) : null);
}

function select(words, choices, set, id) {
  const input = make("select", { class: "cx-select", "data-testid": id, onchange: () => set(Number(input.value)) }, ...choices.map(([value, text]) => make("option", { value }, text)));
  const element = make("label", { class: "cx-field" }, make("span", { class: "cx-label" }, words), input);
  element.show = (value) => (input.value = value);
  return element;
}

/** On: reveal what is hidden, or the next step's question. */
export function forward(ctx) {
  const at = ctx.steps.findIndex((step) => step.key === ctx.view.step);
  if (!ctx.view.shown) ctx.set({ shown: true });
  else if (at < ctx.steps.length - 1) ctx.set({ step: ctx.steps[at + 1].key, shown: false });
  ctx.root.scrollTo?.(0, 0);
}

export function back(ctx) {
  const at = ctx.steps.findIndex((step) => step.key === ctx.view.step);
  if (ctx.view.shown) ctx.set({ shown: false });
  else if (at > 0) ctx.set({ step: ctx.steps[at - 1].key, shown: true });
  ctx.root.scrollTo?.(0, 0);
}
