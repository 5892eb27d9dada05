// The later steps: the loss and its gradient, the memory bank, what training did, and what it gained.

import { css } from "../explorer/colors.js";
import { digits, make, measure, percent } from "../explorer/dom.js";
import { arrow } from "../explorer/panel.js";
import { Player } from "../player/player.js";
import { distributed, divergence } from "./live.js";
import { big, formula, frac, v } from "./formula.js";
import { Pair, lengthsOf } from "./pair.js";
import { Picture, nameOf } from "./picture.js";
import { Plot, bars, dots, lines } from "./plot.js";
import { arrivals } from "./arrivals.js";
import { b, button, chip, code, legend, number, p, quiet, row } from "./text.js";

const MOST_CLASSES = 5; // that have bars: those with the largest shares
const FRAME = 60; // milliseconds between steps of descent
const LONG = 400; // steps of descent after which little moves

/** Plays something step by step until it is told to stop; its button follows. */
export function playing(ctx, act) {
  const player = { timer: null };
  player.stop = () => {
    clearInterval(player.timer);
    player.timer = null;
    player.button.textContent = "▶ Play";
  };
  player.toggle = () => {
    if (player.timer) return player.stop();
    player.button.textContent = "❚❚ Pause";
    player.timer = setInterval(act, FRAME);
  };
  player.button = button("▶ Play", () => player.toggle());
  ctx.life.signal.addEventListener("abort", () => clearInterval(player.timer));
  return player;
}

export function gradient(ctx) {
  const map = new Plot("The student's embeddings of both images on two axes, with arrows to where the gradient drives them", 0.56, "g");
  const course = new Plot("The loss from step to step", 0.28, "L");
  const value = number("L");
  const table = make("div", { "data-q": "D size images" });
  const told = quiet();
  const player = playing(ctx, () => advance(1));
  const advance = (count) => {
    for (let n = 0; n < count; n++) ctx.pair.step(ctx.view.tau);
    if (ctx.pair.steps >= LONG) player.stop();
    ctx.drawStep("gradient");
  };
  const reset = () => {
    player.stop();
    ctx.pair.reset();
    ctx.drawStep("gradient");
  };
  return {
    title: "The loss moves the student",
    question: "Which way would this loss alone move each pixel? Will like classes be drawn together?",
    body: [...gradientWords(value), row(player.button, button("Step", () => advance(1)), button("Reset", reset)), table, told],
    figure: [map.element, legend(ctx), course.element],
    stop: () => player.stop(),
    draw() {
      if (!ctx.pair?.isOf(ctx.view)) {
        player.stop();
        ctx.pair = new Pair(ctx.block, ctx.view.student, ctx.view.i, ctx.view.j);
      }
      const start = performance.now();
      const found = ctx.pair.loss(ctx.view.tau);
      value.textContent = `${digits(found.value, 3)} nats`;
      drawArrows(ctx, map, ctx.pair, found.gradient);
      drawCourse(ctx, course, [...ctx.pair.history, found.value]);
      pairTable(ctx, table, found.pairs);
      told.textContent = `${ctx.pair.positions.length} pixels, spread evenly over both images, stand for all: the value is that of a coarser map. Axes: the student's two principal axes; the longest arrow is always as long. After ${ctx.pair.steps} steps, ${accuracyOf(ctx.pair)}.`;
      measure("lesson:gradient", start);
    },
  };
}

function gradientWords(value) {
  return [
    formula(v("L", "L"), " = ", frac("1", [v("images", "N", "", "2")]), " ", big("Σ", "i, j"), " ", frac("1", v("size", "A")), " ", big("Σ", "a"), " ", v("D", "KL", "ij,a"), ",  ", v("g", "−∂L/∂f")),
    p("The mean of the divergences over all pixels a and all ordered pairs of the two images is the loss: ", value, ". The arrows go against its gradient. A key whose teacher's share q is above the student's p pulls the pixel, by (q − p) / τ; one with less pushes it away. Every pixel is a key of others, too."),
    p(b("Press Play"), ": the student's embeddings of these two images move against their gradient, with no network in between. A network cannot move each pixel as it likes; training moves its weights instead."),
  ];
}

export function accuracyOf(pair) {
  const share = pair.neighbourAccuracy();
  return share === null ? "nothing is labelled" : `${percent(share)} of the pixels have a nearest neighbour of their own class`;
}

/** What is drawn around dots, so that pale and dark ones can be seen. */
export const rimOf = (ctx) => (ctx.theme.dark ? "rgba(220,228,240,.5)" : "rgba(40,50,65,.45)");

function drawArrows(ctx, plot, pair, gradient) {
  const context = plot.begin();
  if (!context) return;
  const at = pair.flat(pair.rows);
  const down = pair.flat(gradient, false);
  const colors = pair.codes.map((code) => css(ctx.classColors[code] ?? [128, 128, 128]));
  pair.frame ??= at;
  const all = Float64Array.from([...pair.frame, ...at]); // what moved out of the frame widens it
  const place = dots(plot, context, at, colors, { rim: rimOf(ctx), frame: all });
  const [x0] = place(0, 0);
  const unit = place(1, 0)[0] - x0;
  const longest = Math.max(...lengthsOf(down, 2), 1e-30);
  const stretch = 0.12 * Math.min(plot.width, plot.height) / (longest * unit);
  for (let a = 0; a < colors.length; a++) {
    const [x, y] = [at[2 * a], at[2 * a + 1]];
    arrow(context, place(x, y), place(x - down[2 * a] * stretch, y - down[2 * a + 1] * stretch), colors[a], ctx.lit.includes("g") ? 2.2 : 1.3, null);
  }
}

function drawCourse(ctx, plot, losses) {
  const color = ctx.look.models[ctx.view.student].color;
  lines(plot, ctx.theme, [{ x: losses.map((_, n) => n), y: losses, color }], { low: 0, high: Math.max(losses.length - 1, 20), words: "steps of descent" }, { low: 0, high: Math.max(...losses) * 1.05, words: "loss, in nats" });
}

function pairTable(ctx, place, pairs) {
  const names = [ctx.view.i, ctx.view.j].slice(0, pairs.length).map((n) => ctx.block.images[n].name);
  place.replaceChildren(make("table", { class: "ls-table" },
    make("tr", {}, make("th", {}, "pixels of"), ...names.map((name) => make("th", {}, `related to ${name}`))),
    ...pairs.map((line, n) => make("tr", {}, make("th", {}, names[n]), ...line.map((value) => make("td", {}, digits(value)))))));
}

export function memory(ctx) {
  const found = ctx.extra.memory;
  const photo = new Picture(ctx, { which: "i", shows: "photo", q: "f", words: make("b", {}, "Photo") });
  const live = make("div", { "data-q": "V q p" });
  const value = number("D");
  const most = found?.classes.names.length > MOST_CLASSES ? `: the ${MOST_CLASSES} largest` : "";
  return {
    title: "Keys from a memory bank",
    question: "Which classes' keys is this pixel close to, for the teacher and for the student?",
    body: [
      formula(v("q", "q"), " = σ(", v("f", "f", "a", "t"), " ", v("V", "V", "", "⊤"), " / ", v("tau", "τ"), "),  ", v("p", "p"), " = σ(", v("f", "f", "a", "s"), " ", v("V", "V", "", "⊤"), " / ", v("tau", "τ"), ")"),
      p("A batch holds few images. So the teacher's embeddings of past batches are kept as keys V, in a queue for each class: single pixels, and ", b("regions"), ", the mean of a class in one image. Both networks are related to the ", b("same keys"), "; a projection head gives the student's vectors the teacher's number of dimensions."),
      p("Relations within a batch do not change when the projected space is rotated. Fixed keys determine that rotation. The student's own embeddings may still be rotated, because the head can undo it."),
      ...(found ? [ctx.tauSlider(), memoryWords(ctx, found, value), row(photo.element)] : [p(make("em", {}, ctx.extra.noMemory))]),
    ],
    figure: found ? [make("h4", {}, `This pixel's shares over one key for each class, the mean of its regions${most}`), live, ...keyLosses(ctx, found)] : [],
    pictures: found ? [photo] : [],
    draw: () => found && drawShares(ctx, found, live, value),
  };
}

const memoryWords = (ctx, found, value) => p(v("D", "KL"), "(", v("q", "q"), " ‖ ", v("p", "p"), ") of this pixel over one key for each class, for ", nameOf(ctx, found.model), ": ", value, ".");

/** The pixel's shares over the classes' keys, teacher and student in turn, and their divergence. */
function drawShares(ctx, found, live, value) {
  const { names, colors } = found.classes;
  const count = names.length;
  const [q, s] = [found.teacher, found.student].map((all) => {
    const cosines = Float64Array.from(all.subarray(ctx.a * count, ctx.a * count + count), (value) => value / 32767);
    const out = new Float64Array(count);
    distributed(cosines, 0, count, ctx.view.tau, out);
    return out;
  });
  const { models } = ctx.look;
  const sign = (model) => make("i", { style: `color:${models[model].color}` }, models[model].glyph);
  const largest = names.map((_, n) => n).sort((m, n) => Math.max(q[n], s[n]) - Math.max(q[m], s[m])).slice(0, MOST_CLASSES);
  live.replaceChildren(bars(largest.flatMap((n) => [[ctx.reference, q], [found.model, s]].map(([model, shares], second) => ({
    head: second ? sign(model) : make("span", {}, chip(names[n], css(colors[n])), " ", sign(model)),
    value: shares[n], text: `${digits(100 * shares[n], 2)} %`, color: models[model].color,
  }))), Math.max(...q, ...s)));
  value.textContent = `${digits(divergence(Array.from(q), Array.from(s)))} nats`;
}

function keyLosses(ctx, { losses, model, temperature, rows }) {
  const most = Math.max(...losses.flatMap(({ loss, ceiling }) => [loss, ceiling]));
  const shown = losses.map(({ label, loss, ceiling }) => ({ head: label, value: loss, text: digits(loss), color: ctx.look.models[model].color, mark: ceiling }));
  return [
    make("h4", {}, "The memory loss over all pixels, against these and other keys"), bars(shown, most),
    quiet(`Bar: the loss at τ = ${temperature}, mean over ${rows.toLocaleString("en")} pixels, in nats. Mark: the loss of a student for which all keys are equally similar. Where the mark is low, the keys carry little information and a small loss means little.`),
  ];
}

export function trajectory(ctx) {
  const found = ctx.extra.trajectory;
  const place = make("div", {});
  let player = null;
  const none = p(make("em", {}, "This study brings no record of its training. The Training page keeps one for every run that is started there."));
  return {
    title: "What training did with it",
    question: "Before the first step nothing has been learned of these classes. Which of them will come apart first?",
    body: [
      p("While a student trains, the embeddings of a few fixed images, the ", b("probe"), ", are kept every so many steps. Here they are, in one map for all steps: what moves here has moved in the network."),
      ...(found ? [p("Run: ", code(found.run), ". Press Play, or drag the slider."), arrived(found), quiet(found.about)] : [none]),
    ],
    figure: found ? [place, make("div", { class: "cx-legend" }, ...found.groups.map(({ name, color }) => chip(name, color)))] : [],
    draw() {
      if (!found) return;
      if (player) return player.draw();
      player = new Player(place);
      player.show(found);
      ctx.life.signal.addEventListener("abort", () => player.destroy());
    },
  };
}

/** Which classes have come apart in the map, and when. */
function arrived(found) {
  const at = arrivals(found);
  const apart = at.filter(({ step }) => step !== null).sort((one, two) => one.step - two.step);
  const never = at.filter(({ step }) => step === null).map(({ name }) => name);
  const listed = apart.map(({ name, step }) => `${name} (step ${step.toLocaleString("en")})`).join(", ");
  return p(
    apart.length ? `Come apart in this map, and stay so, in this order: ${listed}. ` : "No class comes apart in this map. ",
    never.length && apart.length ? `Not by the last step: ${never.join(", ")}. ` : "",
    quietly("Apart: for at least half of a class's dots the nearest other dot is of the class."),
  );
}

const quietly = (words) => make("span", { class: "cx-quiet" }, words);

export function gains(ctx) {
  const { columns, rows, about, sentences } = ctx.extra.table;
  const cell = (value, share) => (value === null || value === undefined ? "–" : share ? `${(100 * value).toFixed(1)} %` : digits(value));
  const head = make("tr", {}, make("th", {}, ""), ...columns.map((model) => make("th", {}, nameOf(ctx, model))));
  const body = rows.map(({ label, values, percent: share }) => make("tr", {}, make("th", {}, label), ...columns.map((model) => make("td", {}, cell(values[model], share)))));
  return {
    title: "What it gained, and what not",
    question: "Distillation asks for the teacher's relations. Did the student get them, and did its predictions get better?",
    body: sentences.map((line) => p(line)),
    figure: [
      make("div", { class: "ls-scroll" }, make("table", { class: "ls-table" }, head, ...body)), quiet(about),
      p("The relation divergence is CIRKD's own loss: a fall of it is no success by itself. Look at the lines that are ", b("no loss"), ": mIoU, nearest neighbours, classes by their centroid."),
    ],
    draw() {},
  };
}
