// What none of this shows: the usual mistakes, on the data in view.

import { css } from "../explorer/colors.js";
import { digits, make, percent } from "../explorer/dom.js";
import { similarities } from "../explorer/similarity.js";
import { products } from "./gradients.js";
import { distributed } from "./live.js";
import { Pair, TARGETS, rowsOf, spread } from "./pair.js";
import { each, nameOf } from "./picture.js";
import { Plot, dots, lines } from "./plot.js";
import { COUNT, Scene } from "./scene.js";
import { accuracyOf, playing, rimOf } from "./training.js";
import { b, button, choice, legend, p, quiet, row, slider } from "./text.js";
import { Tsne } from "./tsne.js";

const TAUS = Array.from({ length: 28 }, (_, n) => 0.005 * 1000 ** (n / 27));
const NEAR = 5;
const MAP_STEPS = 240; // of a t-SNE map
const LOSS_STEPS = 150;
const SCENE_STEPS = 600;
const DASHES = { teacher: [], images: [10, 4], pixels: [5, 4], noise: [2, 3] };

export function limits(ctx) {
  const two = ctx.students.length > 0;
  const parts = {
    maps: ["Maps", maps(ctx)],
    ...(two ? { tau: ["Temperature", temperatures(ctx)], noise: ["A wrong teacher", wrongTeachers(ctx)], loss: ["The loss itself", itsOwnLoss(ctx)] } : {}),
    twins: ["Equal mIoU", twins()],
  };
  let now = "maps";
  const place = make("div", { class: "ls-limit" });
  const tabs = choice("A mistake to make", Object.entries(parts).map(([key, [words]]) => [key, words]), now, (key) => {
    parts[now][1].stop?.();
    now = key;
    tabs.show(now);
    open();
    parts[now][1].draw();
  }, "limits");
  const open = () => place.replaceChildren(...parts[now][1].elements);
  open();
  return {
    title: "What this does not show",
    question: "Two maps of the same vectors look different. Which of them is right?",
    body: [p("Every picture here can mislead. These are the usual ways; try each.")],
    wide: [tabs, place],
    stop: () => parts[now][1].stop?.(),
    draw: () => parts[now][1].draw(),
  };
}

/** Two t-SNE maps of the same embeddings, with seeds and perplexity. */
function maps(ctx) {
  const plots = [1, 2].map((n) => new Plot(`A t-SNE map of the embeddings, number ${n}`, 0.7));
  const said = p();
  const set = { seeds: [1, 2], perplexities: [30, 30] };
  let made = { key: "" };
  const prepare = () => {
    const model = ctx.model(ctx.view.student ?? ctx.reference);
    const key = [ctx.view.i, ctx.view.j, model.name, ...set.seeds, ...set.perplexities].join();
    if (key === made.key) return;
    made = { key, ...twoMaps(ctx, model, set) };
    if (!player.timer) player.toggle();
  };
  const draw = () => {
    prepare();
    plots.forEach((plot, n) => {
      const context = plot.begin();
      if (context) dots(plot, context, made.maps[n].at, made.colors, { rim: rimOf(ctx) });
    });
    said.replaceChildren("Same vectors, two maps. Of a dot's five nearest in one, ", b(percent(sharedNear(...made.maps))), " are among its five nearest in the other. How far apart groups lie, how large they are and where, is not to be read off.");
  };
  const player = playing(ctx, () => {
    for (const map of made.maps) map.step(8);
    if (made.maps[0].steps >= MAP_STEPS) player.stop();
    draw();
  });
  const again = button("Other seeds", () => {
    set.seeds = set.seeds.map((seed) => seed + 2);
    draw();
  }, { "data-testid": "other-seeds" });
  const perplexity = slider("Perplexity of the right map", { low: 3, high: 60, step: 1, value: 30, told: (x) => x.toFixed(0), set: (x) => {
    set.perplexities = [30, x];
    draw();
  }, id: "perplexity" });
  return {
    elements: [
      row(perplexity, again), make("div", { class: "ls-pair" }, ...plots.map(({ element }) => element)), legend(ctx), said,
      quiet("t-SNE, exact, of an even choice of the pixels of images i and j, by cosine; computed in this page. In the Explorer's relation space all models share one map, and an arrow from before to after means something."),
    ],
    draw,
    stop: () => player.stop(),
  };
}

function twoMaps(ctx, model, { seeds, perplexities }) {
  const positions = [...new Set([ctx.view.i, ctx.view.j])].flatMap((n) => spread(ctx.block.images[n]));
  const rows = rowsOf(model, positions);
  const cosines = products(rows, rows, model.dimensions);
  return {
    colors: positions.map((position) => css(ctx.classColors[ctx.codes[position]] ?? [128, 128, 128])),
    maps: seeds.map((seed, n) => new Tsne(cosines, positions.length, { seed, perplexity: perplexities[n] })),
  };
}

/** Of the nearest dots in one map, the share that is among the nearest in the other. */
function sharedNear(...both) {
  const [one, two] = both.map(({ at }) => nearestIn(at));
  return one.reduce((sum, near, a) => sum + near.filter((other) => two[a].includes(other)).length, 0) / one.flat().length;
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
  const plot = new Plot("The pixel's relation divergence at every temperature, on logarithmic axes", 0.4, "tau D");
  const said = p();
  const draw = () => {
    const all = ctx.students.map((model) => ({ x: TAUS, y: overTau(ctx, model, TAUS), color: ctx.look.models[model].color }));
    const high = Math.max(...all.flatMap(({ y }) => y), 1e-6);
    const low = Math.max(Math.min(...all.flatMap(({ y }) => y)), high * 1e-7);
    lines(plot, ctx.theme, all, { low: TAUS[0], high: TAUS.at(-1), log: true, words: "temperature τ" }, { low, high: high * 1.5, log: true, words: "divergence of this pixel on image j, in nats" }, [ctx.view.tau]);
    const found = ctx.divergencesNow();
    said.replaceChildren(`At τ = ${digits(ctx.view.tau, 2)}: `, ...each(ctx, ctx.students, (model) => b(digits(found[model].value))),
      ". At a large τ every distribution is nearly even and every divergence nearly 0, for any student. At a tiny τ the most similar key has nearly all, and the number is about a single pixel. A divergence without its τ means nothing, and a small one need not be good.");
  };
  return { elements: [ctx.tauSlider(), plot.element, said], draw };
}

/** The divergence of a row from the reference's at many temperatures. */
function overTau(ctx, model, taus) {
  const { start, end } = ctx.block.images[ctx.view.j];
  const rows = [ctx.reference, model].map((name) => similarities(ctx.model(name), ctx.a, new Float32Array(end), start, end).subarray(start, end));
  const every = Math.max(1, Math.floor((end - start) / 1024)); // a coarser row has nearly the same divergence
  const [t, s] = rows.map((values) => Float64Array.from(values.filter((_, n) => n % every === 0)));
  const [q, room] = [new Float64Array(t.length), new Float64Array(t.length)];
  return taus.map((tau) => {
    const [a, c] = [distributed(t, 0, t.length, tau, q), distributed(s, 0, s.length, tau, room)];
    let value = c.sum - a.sum;
    for (let n = 0; n < t.length; n++) value += (q[n] * (t[n] - s[n])) / tau;
    return Math.max(value, 0);
  });
}

/** The loss falls towards any teacher. */
function wrongTeachers(ctx) {
  const plot = new Plot("The loss towards the teacher and three wrong ones, from step to step", 0.36, "L");
  const said = make("div", { class: "ls-scroll" });
  const targets = Object.keys(TARGETS).filter((target) => target !== "images" || ctx.block.images.length > 1);
  let pairs = null;
  const draw = () => {
    if (!pairs?.teacher.isOf(ctx.view)) {
      player.stop();
      pairs = Object.fromEntries(targets.map((target) => [target, new Pair(ctx.block, ctx.view.student, ctx.view.i, ctx.view.j, target)]));
      for (const pair of Object.values(pairs)) pair.history.push(pair.loss(ctx.view.tau).value);
    }
    drawTargets(ctx, plot, pairs);
    said.replaceChildren(targetTable(pairs));
  };
  const player = playing(ctx, () => {
    for (const pair of Object.values(pairs)) pair.step(ctx.view.tau);
    if (pairs.teacher.steps >= LOSS_STEPS) player.stop();
    draw();
  });
  const reset = () => {
    pairs = null;
    draw();
  };
  return {
    elements: [row(player.button, button("Reset", reset)), plot.element, said,
      p("A falling loss alone proves nothing, since it falls towards wrong teachers too: compare it with the last column. Only measures the loss does not optimise, such as whether a pixel's nearest neighbour has its class, tell a good teacher from a bad one.")],
    draw,
    stop: () => player.stop(),
  };
}

function drawTargets(ctx, plot, pairs) {
  const { color } = ctx.look.models[ctx.view.student];
  const all = Object.entries(pairs).map(([target, { history }]) => ({ x: history.map((_, n) => n), y: history, color, dash: DASHES[target] }));
  const steps = { low: 0, high: Math.max(pairs.teacher.steps, 20), words: "steps of descent" };
  lines(plot, ctx.theme, all, steps, { low: 0, high: Math.max(...all.flatMap(({ y }) => y)) * 1.05, words: "loss, in nats" });
}

function targetTable(pairs) {
  const line = (dash) => `<svg width="34" height="8" aria-hidden="true"><path d="M1 4H33" stroke="currentColor" stroke-width="2" stroke-dasharray="${dash.join(" ")}"/></svg>`;
  const head = ["", "taught by", "loss at first", "now", ""].map((word) => make("th", {}, word));
  return make("table", { class: "ls-table" }, make("tr", {}, ...head), ...Object.entries(pairs).map(([target, pair]) => {
    const drawn = make("td", {});
    drawn.innerHTML = line(DASHES[target]);
    return make("tr", {}, drawn, make("th", {}, TARGETS[target]), make("td", {}, digits(pair.history[0])), make("td", {}, digits(pair.history.at(-1))), make("td", {}, accuracyOf(pair)));
  }));
}

/** Relation divergence is the loss: what else moved? */
function itsOwnLoss(ctx) {
  const { rows, columns } = ctx.extra.table;
  const [before, after] = columns.filter((name) => name !== ctx.reference).slice(-2);
  const both = rows.filter(({ values }) => after && Number.isFinite(values[before]) && Number.isFinite(values[after]));
  const change = both.map(({ label, values, loss, percent: share, better }) => {
    const difference = values[after] - values[before];
    const improved = difference === 0 ? "the same" : difference > 0 === (better === "more") ? "better" : "worse";
    const told = share ? `${(100 * difference).toFixed(1)} points` : digits(difference, 2);
    return make("tr", {}, make("th", {}, label, loss ? " (CIRKD's own loss)" : ""), make("td", {}, told.replace("-", "−")), make("td", {}, improved));
  });
  const count = ctx.block.images.length;
  return {
    elements: [
      ...(change.length
        ? [p("From ", nameOf(ctx, before), " to ", nameOf(ctx, after), ":"), make("table", { class: "ls-table" }, make("tr", {}, ...["measure", "change", ""].map((word) => make("th", {}, word))), ...change)]
        : [p("This step needs two students, before and after.")]),
      p(`A student trained to have a small divergence can be expected to have a small one. Whether that was good for anything, the other lines say. And this is ${count === 1 ? "one image" : `${count} images`} and one run of each student; `, b("several seeds"), " say what of it is chance."),
    ],
    draw() {},
  };
}

/** The same classes, another geometry: the scene of "Play the loss", trained to its end. */
function twins() {
  const said = make("div", {});
  const draw = () => {
    if (said.firstChild) return;
    const scene = new Scene();
    scene.step(SCENE_STEPS);
    const lines_ = scene.students.filter(({ key }) => key === "kd" || key === "across").map((student) => {
      const { right, within, across } = scene.measures(student);
      return make("tr", {}, make("th", {}, student.key === "kd" ? "KD" : "CIRKD"), make("td", {}, `${right} of ${COUNT}`), make("td", {}, digits(within, 2)), make("td", {}, digits(across, 2)));
    });
    const head = [`in the scene of “Play the loss”, after ${SCENE_STEPS} steps`, "classes right", "cosines off, within images", "across"];
    said.append(make("div", { class: "ls-scroll" }, make("table", { class: "ls-table" }, make("tr", {}, ...head.map((word) => make("th", {}, word))), ...lines_)));
  };
  return {
    elements: [said, p("Both name every pixel right, so no score on predictions tells them apart, and one of them has the teacher's geometry and the other does not. The same can happen in networks: equal mIoU does not mean the same relations, and better relations do not promise a better mIoU. What relations are good for has to be measured by what uses them: transfer, retrieval, few labels.")],
    draw,
  };
}
