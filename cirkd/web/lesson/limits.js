// What none of this shows: the usual mistakes, on the data in view.

import { css } from "../explorer/colors.js";
import { digits, make } from "../explorer/dom.js";
import { products } from "./gradients.js";
import { Pair, rowsOf, spread } from "./pair.js";
import { nameOf } from "./picture.js";
import { Plot, dots, lines } from "./plot.js";
import { Scene } from "./scene.js";
import { accuracyOf, overTau, playing } from "./training.js";
import { b, button, choice, p, quiet, row, slider } from "./text.js";
import { Tsne } from "./tsne.js";

const TAUS = Array.from({ length: 28 }, (_, n) => 0.005 * 1000 ** (n / 27));
const NEAR = 5;
const STEPS = 240; // of a t-SNE map
const TARGETS = [["teacher", "the teacher"], ["shuffled", "its pixels shuffled"], ["noise", "noise"]];

export function limits(ctx) {
  const parts = { maps: maps(ctx), tau: temperatures(ctx), ...(ctx.students.length ? { noise: wrongTeachers(ctx), loss: itsOwnLoss(ctx) } : {}), twins: twins(ctx) };
  const words = { maps: "Maps", tau: "Temperature", noise: "Noise for a teacher", loss: "The loss itself", twins: "Equal mIoU" };
  let now = "maps";
  const place = make("div", { class: "ls-limit" });
  const tabs = choice("A mistake to make", Object.keys(parts).map((key) => [key, words[key]]), now, (key) => {
    parts[now].stop?.();
    now = key;
    show();
  }, "limits");
  const show = () => {
    tabs.show(now);
    place.replaceChildren(...parts[now].elements);
    parts[now].draw();
  };
  place.replaceChildren(...parts[now].elements);
  return {
    title: "What this does not show",
    question: "Two maps of the same vectors look different. Which of them is right?",
    body: [p("Every picture here can mislead. These are the usual ways; try each.")],
    wide: [tabs, place],
    stop: () => parts[now].stop?.(),
    draw: () => parts[now].draw(),
  };
}

/** Two t-SNE maps of the same embeddings, with seeds and perplexity. */
function maps(ctx) {
  const plots = [0, 1].map((n) => new Plot(`A t-SNE map of the student's embeddings, number ${n + 1}`, 0.8));
  const said = p();
  let perplexities = [30, 30];
  let seeds = [1, 2];
  let made = null;
  let key = "";
  const name = () => ctx.view.student ?? ctx.reference;
  const prepare = () => {
    const wanted = [ctx.view.i, ctx.view.j, name(), ...seeds, ...perplexities].join();
    if (wanted === key) return;
    key = wanted;
    const positions = [...new Set([ctx.view.i, ctx.view.j])].flatMap((n) => spread(ctx.block.images[n]));
    const rows = rowsOf(ctx.model(name()), positions);
    const cosines = products(rows, rows, ctx.model(name()).dimensions);
    const colors = positions.map((position) => css(ctx.classColors[ctx.codes[position]] ?? [128, 128, 128]));
    made = { cosines, colors, maps: seeds.map((seed, n) => new Tsne(cosines, positions.length, { seed, perplexity: perplexities[n] })) };
    if (!player.timer) player.toggle();
  };
  const draw = () => {
    prepare();
    plots.forEach((plot, n) => {
      const context = plot.begin();
      if (context) dots(plot, context, made.maps[n].at, made.colors, { rim: ctx.theme.dark ? "rgba(220,228,240,.5)" : "rgba(40,50,65,.45)" });
    });
    const [one, two] = made.maps.map((map) => nearestIn(map.at));
    const shared = one.reduce((sum, near, a) => sum + near.filter((other) => two[a].includes(other)).length, 0) / (NEAR * one.length);
    said.replaceChildren("Same vectors, two maps. Of a dot's five nearest in one, ", b(`${Math.round(100 * shared)} %`), " are among its five nearest in the other. How far apart groups lie, how large they are and where, says nothing.");
  };
  const player = playing(ctx, () => {
    for (const map of made.maps) map.step(8);
    if (made.maps[0].steps >= STEPS) player.stop();
    draw();
  });
  const again = () => {
    seeds = seeds.map((seed) => seed + 2);
    draw();
  };
  const perplexity = slider("Perplexity of the right map", { low: 3, high: 60, step: 1, value: 30, told: (x) => x.toFixed(0), set: (x) => {
    perplexities = [30, x];
    draw();
  }, id: "perplexity" });
  const elements = [row(button("Other seeds", again, { "data-testid": "other-seeds" }), perplexity), row(...plots.map((plot) => make("figure", { class: "ls-figure" }, plot.element))), said,
    quiet("t-SNE, exact, of an even choice of the pixels of images i and j, by cosine; computed in this page. The Explorer's relation space has one map for all models, on which an arrow means something.")];
  return { elements, draw, stop: () => player.stop() };
}

function nearestIn(at) {
  const n = at.length / 2;
  return Array.from({ length: n }, (_, a) => {
    const far = Array.from({ length: n }, (_, c) => (c === a ? Infinity : (at[2 * a] - at[2 * c]) ** 2 + (at[2 * a + 1] - at[2 * c + 1]) ** 2));
    return far.map((_, c) => c).sort((x, y) => far[x] - far[y]).slice(0, NEAR);
  });
}

/** A pixel's divergence at all temperatures. */
function temperatures(ctx) {
  const plot = new Plot("The pixel's relation divergence at every temperature, on logarithmic axes", 0.45, "tau D");
  const said = p();
  const draw = () => {
    if (!ctx.students.length) return said.replaceChildren("One model has nothing to be compared with.");
    const all = ctx.students.map((model) => ({ model, y: overTau(ctx, model, TAUS) }));
    const high = Math.max(...all.flatMap(({ y }) => y), 1e-6);
    const low = Math.max(Math.min(...all.flatMap(({ y }) => y)), high * 1e-7);
    const curves = all.map(({ model, y }) => ({ x: TAUS, y, color: ctx.look.models[model].color }));
    lines(plot, ctx.theme, curves, { low: TAUS[0], high: TAUS.at(-1), log: true, words: "temperature τ" }, { low, high: high * 1.5, log: true, words: "divergence of this pixel on image j, in nats" }, [ctx.view.tau]);
    const found = ctx.divergencesNow();
    said.replaceChildren(`At τ = ${digits(ctx.view.tau, 2)}: `, ...ctx.students.flatMap((model, n) => [n ? ", " : "", nameOf(ctx, model), " ", b(digits(found[model].value))]),
      ". At a large τ every distribution is nearly even and every divergence nearly 0, for any student. At a tiny τ one key has it all, and the number is about a single pixel. A divergence without its τ means nothing, and a small one need not be good.");
  };
  return { elements: [ctx.tauSlider(), plot.element, said], draw };
}

/** The loss falls towards any teacher. */
function wrongTeachers(ctx) {
  const plot = new Plot("The loss towards the teacher, a shuffled teacher and noise, from step to step", 0.42, "L");
  const said = make("div", {});
  let pairs = null;
  let key = "";
  const draw = () => {
    const wanted = [ctx.view.i, ctx.view.j, ctx.view.student].join();
    if (wanted !== key) {
      player.stop();
      key = wanted;
      pairs = TARGETS.map(([target, words], n) => ({ words, pair: new Pair(ctx.block, ctx.view.student, ctx.view.i, ctx.view.j, target), dash: [[], [6, 4], [2, 3]][n] }));
      for (const item of pairs) item.pair.history.push(item.pair.loss(ctx.view.tau).value);
      for (const item of pairs) item.start = accuracyOf(item.pair);
    }
    const color = ctx.look.models[ctx.view.student].color;
    const all = pairs.map(({ pair, dash }) => ({ x: pair.history.map((_, n) => n), y: pair.history, color, dash }));
    lines(plot, ctx.theme, all, { low: 0, high: Math.max(pairs[0].pair.steps, 20), words: "steps of descent" }, { low: 0, high: Math.max(...all.flatMap(({ y }) => y)) * 1.05, words: "loss, in nats: solid the teacher, dashed shuffled, dotted noise" });
    said.replaceChildren(make("table", { class: "ls-table" }, make("tr", {}, ...["taught by", "loss at first", "now", "pixels"].map((word) => make("th", {}, word))),
      ...pairs.map(({ words, pair }) => make("tr", {}, make("th", {}, words), make("td", {}, digits(pair.history[0])), make("td", {}, digits(pair.history.at(-1))), make("td", {}, accuracyOf(pair))))));
  };
  const player = playing(ctx, () => {
    for (const { pair } of pairs) pair.step(ctx.view.tau);
    if (pairs[0].pair.steps >= 150) player.stop();
    draw();
  });
  const reset = () => {
    key = "";
    draw();
  };
  const elements = [row(player.button, button("Reset", reset)), plot.element, said,
    p("The loss falls whatever the teacher is: it says that relations are being copied, not that they are worth it. With shuffled pixels the pairs of images no longer belong together, with noise there is nothing to learn; only what no loss asked for, such as a pixel's neighbours being of its class, tells them apart.")];
  return { elements, draw, stop: () => player.stop() };
}

/** Relation divergence is the loss: what else moved? */
function itsOwnLoss(ctx) {
  const { rows, columns } = ctx.extra.table;
  const [before, after] = columns.filter((name) => name !== ctx.reference).slice(-2);
  const change = rows.filter(({ values }) => after && Number.isFinite(values[before]) && Number.isFinite(values[after])).map(({ label, values, loss, percent: share, better }) => {
    const difference = values[after] - values[before];
    const improved = difference === 0 ? "the same" : difference > 0 === (better === "more") ? "better" : "worse";
    const told = share ? `${(100 * difference).toFixed(1)} points` : digits(difference, 2);
    return make("tr", {}, make("th", {}, label, loss ? " (the loss itself)" : ""), make("td", {}, told.replace("-", "−")), make("td", {}, improved));
  });
  const table = change.length ? make("table", { class: "ls-table" }, make("tr", {}, make("th", {}, "measure"), make("th", {}, "change"), make("th", {}, "")), ...change) : p("This takes two students: one before, one after.");
  const words = change.length ? p("From ", nameOf(ctx, before), " to ", nameOf(ctx, after), ", on these images:") : null;
  return { elements: [words, table, p("A student trained to have small divergence has small divergence: of course. Whether that was good for anything, the other lines say. And these are six images and one run; ", b("a study over several seeds"), " says what of it is chance.")].filter(Boolean), draw() {} };
}

/** The same classes, another geometry. */
function twins(ctx) {
  const scene = new Scene();
  const said = make("div", {});
  let done = false;
  const draw = () => {
    if (done) return;
    done = true;
    scene.step(600);
    const lines_ = scene.students.filter(({ key }) => key === "kd" || key === "across").map((student) => {
      const { right, within, across } = scene.measures(student);
      return make("tr", {}, make("th", {}, student.key === "kd" ? "KD" : "CIRKD"), make("td", {}, `${right} of 24`), make("td", {}, digits(within, 2)), make("td", {}, digits(across, 2)));
    });
    said.replaceChildren(make("table", { class: "ls-table" }, make("tr", {}, ...["in the scene, after 600 steps", "classes right", "cosines off, within images", "across"].map((word) => make("th", {}, word))), ...lines_));
  };
  return {
    elements: [said, p("Both name every pixel right, so no score on predictions tells them apart, and one of them has the teacher's geometry and the other does not. It is so in networks too: equal mIoU does not mean the same relations, and better relations do not promise a better mIoU. What relations are good for has to be measured by what uses them: transfer, retrieval, few labels.")],
    draw,
  };
}
