// The later steps: the loss and its gradient, the memory bank, what training did, and what it gained.

import { css } from "../explorer/colors.js";
import { digits, make, measure, percent } from "../explorer/dom.js";
import { arrow } from "../explorer/panel.js";
import { similarities } from "../explorer/similarity.js";
import { Player } from "../player/player.js";
import { distributed, divergence } from "./live.js";
import { big, formula, frac, v } from "./formula.js";
import { Pair, lengthsOf } from "./pair.js";
import { Picture, nameOf } from "./picture.js";
import { Plot, bars, dots, lines } from "./plot.js";
import { b, button, code, number, p, quiet, row } from "./text.js";

const MOST_CLASSES = 8; // that have bars: those with the largest shares
const FRAME = 60; // milliseconds between steps of descent

/** Plays something step by step until it is told to stop; `label` follows. */
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
  const map = new Plot("The student's embeddings of both images on two axes, with arrows to where the gradient drives them", 0.62, "g f");
  const course = new Plot("The loss from step to step", 0.3, "L");
  const value = number("L");
  const table = make("div", {});
  const told = quiet();
  let key = "";
  const player = playing(ctx, () => advance(1));
  const advance = (count) => {
    for (let n = 0; n < count; n++) ctx.pair.step(ctx.view.tau);
    if (ctx.pair.steps >= 400) player.stop();
    ctx.drawStep("gradient");
  };
  const reset = () => {
    player.stop();
    ctx.pair.reset();
    ctx.drawStep("gradient");
  };
  return {
    title: "The loss moves the student",
    question: "Each arrow shows where training would move a pixel. Will like classes be drawn together?",
    body: [
      formula(v("L", "L"), " = ", frac("1", [v("images", "N", "", "2")]), " ", big("Σ", "i,j"), " ", frac("1", v("size", "A")), " ", big("Σ", "a"), " ", v("D", "KL"), "(σ(", v("S", "S", "ij", "t"), "[a,:]/", v("tau", "τ"), ") ‖ σ(", v("S", "S", "ij", "s"), "[a,:]/", v("tau", "τ"), "))"),
      p("The mean over all pixels and all ordered pairs of the two images is the loss: ", value, ". Its gradient ", v("g", "∂L/∂f"), " says how it changes with every embedding. An embedding follows it downhill: the teacher's shares less the student's, over τ, pull it towards some keys and push it from others."),
      p(b("Press Play"), ": the student's embeddings of these two images move against their gradient, with no network in between. A network cannot move each pixel as it likes; training moves its weights instead."),
      row(player.button, button("Step", () => advance(1)), button("Reset", reset)),
      table, told,
    ],
    figure: [map.element, course.element],
    draw() {
      const wanted = [ctx.view.i, ctx.view.j, ctx.view.student].join();
      if (key !== wanted) {
        player.stop();
        ctx.pair = new Pair(ctx.block, ctx.view.student, ctx.view.i, ctx.view.j);
        key = wanted;
      }
      const start = performance.now();
      const found = ctx.pair.loss(ctx.view.tau);
      value.textContent = `${digits(found.value, 4)} nats`;
      drawArrows(ctx, map, ctx.pair, found.gradient);
      drawCourse(ctx, course, [...ctx.pair.history, found.value]);
      pairTable(ctx, table, found.pairs);
      told.textContent = `${ctx.pair.positions.length} pixels, spread evenly over both images: every key that the loss relates them with is among them, so the value is that of a coarser map. Map: the student's two principal axes; arrows are drawn so that the longest is always as long. After ${ctx.pair.steps} steps, ${accuracyOf(ctx.pair)}.`;
      measure("lesson:gradient", start);
    },
  };
}

export function accuracyOf(pair) {
  const share = pair.neighbourAccuracy();
  return share === null ? "nothing is labelled" : `${percent(share)} of the pixels have a nearest neighbour of their own class`;
}

export function drawArrows(ctx, plot, pair, gradient) {
  const context = plot.begin();
  if (!context) return;
  const at = pair.flat(pair.rows);
  const down = pair.flat(gradient, false);
  const colors = pair.codes.map((code) => css(ctx.classColors[code] ?? [128, 128, 128]));
  pair.frame ??= at;
  const all = Float64Array.from([...pair.frame, ...at]); // what moved out of the frame widens it
  const place = dots(plot, context, at, colors, { rim: ctx.theme.dark ? "rgba(220,228,240,.5)" : "rgba(40,50,65,.45)", frame: all });
  const [x0] = place(0, 0);
  const unit = place(1, 0)[0] - x0;
  const longest = Math.max(...lengthsOf(down, 2), 1e-30);
  const stretch = 0.12 * Math.min(plot.width, plot.height) / (longest * unit);
  for (let a = 0; a < colors.length; a++) {
    const [x, y] = [at[2 * a], at[2 * a + 1]];
    arrow(context, place(x, y), place(x - down[2 * a] * stretch, y - down[2 * a + 1] * stretch), colors[a], ctx.lit === "g" ? 2.2 : 1.3, null);
  }
}

export function drawCourse(ctx, plot, losses, words = "steps of descent") {
  const color = ctx.look.models[ctx.view.student].color;
  lines(plot, ctx.theme, [{ x: losses.map((_, n) => n), y: losses, color }], { low: 0, high: Math.max(losses.length - 1, 20), words }, { low: 0, high: Math.max(...losses) * 1.05, words: "loss, in nats" });
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
  const said = p();
  const body = [
    formula(v("", "P", "", "s"), " = ", v("F", "F", "", "s"), " ", v("V", "V", "", "⊤"), ",  ", v("", "P", "", "t"), " = ", v("F", "F", "", "t"), " ", v("V", "V", "", "⊤"), ",  ", v("V", "V"), ": keys of earlier batches"),
    p("A batch holds few images. So the teacher's embeddings of past batches are kept, in a queue for every class: single pixels, and ", b("regions"), ", the mean of a class in one image. Teacher and student are related to the ", b("same keys"), "; a projection head brings the student's vectors to the teacher's length."),
    p("Keys that stand still pin down what relations within a batch leave free: how the whole space is turned."),
  ];
  if (!found) body.push(p(make("em", {}, ctx.extra.noMemory)));
  return {
    title: "Keys from a memory bank",
    question: "Point at a car. To which class's keys is it close, for the teacher and for the student?",
    body: found ? [...body, ctx.tauSlider(), said, row(photo.element)] : body,
    figure: found ? [make("h4", {}, `This pixel's shares over one key for each class, the mean of its regions${found.classes.names.length > MOST_CLASSES ? `: the ${MOST_CLASSES} largest` : ""}`), live, ...keyLosses(ctx, found)] : [],
    pictures: found ? [photo] : [],
    draw() {
      if (!found) return;
      const count = found.classes.names.length;
      const [q, s] = [found.teacher, found.student].map((all) => {
        const cosines = Float64Array.from(all.subarray(ctx.a * count, ctx.a * count + count), (value) => value / 32767);
        const out = new Float64Array(count);
        distributed(cosines, 0, count, ctx.view.tau, out);
        return out;
      });
      const most = Math.max(...q, ...s);
      const { models } = ctx.look;
      const first = q.reduce((order, _, n) => [...order, n], []).sort((m, n) => Math.max(q[n], s[n]) - Math.max(q[m], s[m])).slice(0, MOST_CLASSES);
      live.replaceChildren(bars(first.flatMap((n) => [[ctx.reference, q], [found.model, s]].map(([model, shares], row) => ({
        head: row ? make("i", { style: `color:${models[model].color}` }, models[model].glyph) : make("span", {}, make("i", { class: "cx-swatch", style: `background:${css(found.classes.colors[n])}` }), ` ${found.classes.names[n]} `, make("i", { style: `color:${models[model].color}` }, models[model].glyph)),
        value: shares[n], text: `${digits(100 * shares[n], 2)} %`, color: models[model].color,
      }))), most));
      said.replaceChildren("This pixel's divergence over these keys: ", b(`${digits(divergence(Array.from(q), Array.from(s)))} nats`), ".");
    },
  };
}

function keyLosses(ctx, { losses, model, temperature, rows }) {
  const most = Math.max(...losses.flatMap(({ loss, ceiling }) => [loss, ceiling]));
  const shown = losses.map(({ label, loss, ceiling }) => ({ head: label, value: loss, text: digits(loss), color: ctx.look.models[model].color, mark: ceiling }));
  return [
    make("h4", {}, "What the loss is against other keys, and what it could be"), bars(shown, most),
    quiet(`Bar: the memory loss at τ = ${temperature}, mean over ${rows.toLocaleString("en")} pixels, in nats. Mark: what a student would pay that tells no key from another. Where the mark is low, the keys have little to teach, and a small loss says little.`),
  ];
}

export function trajectory(ctx) {
  const found = ctx.extra.trajectory;
  const place = make("div", {});
  let player = null;
  return {
    title: "What training did with it",
    question: "At step 0 the student knows nothing. Which classes will come apart first?",
    body: [
      p("While a student trains, the embeddings of a few fixed images, the ", b("probe"), ", are kept every so many steps. Here they are, in one map for all steps: what moves has moved in the network."),
      found ? p("Run: ", code(found.run), ". Press Play, or drag the slider.") : p(make("em", {}, "This study brings no record of its training. The Training page keeps one for every run that is started there.")),
      found ? quiet(found.about) : null,
    ],
    figure: found ? [place, make("div", { class: "cx-legend" }, ...found.groups.map(({ name, color }) => make("span", { class: "cx-chip" }, make("i", { class: "cx-swatch", style: `background:${color}` }), name)))] : [],
    draw() {
      if (!found) return;
      if (!player) {
        player = new Player(place);
        player.show(found);
        ctx.life.signal.addEventListener("abort", () => player.destroy());
      } else player.draw();
    },
  };
}

export function gains(ctx) {
  const { columns, rows, about, sentences } = ctx.extra.table;
  const head = make("tr", {}, make("th", {}, ""), ...columns.map((model) => make("th", {}, nameOf(ctx, model))));
  const lines_ = rows.map(({ label, values, percent: share, title }) => make("tr", { title }, make("th", {}, label),
    ...columns.map((model) => make("td", {}, values[model] === null || values[model] === undefined ? "–" : share ? `${(100 * values[model]).toFixed(1)} %` : digits(values[model])))));
  return {
    title: "What it gained, and what not",
    question: "The loss pulled the relations to the teacher's. Did the predictions get better by it?",
    body: [
      ...sentences.map((line) => p(line)),
      p("The relation divergence is what CIRKD's loss makes small, so that it fell is no success by itself. Look at the lines that ", b("no loss asked for"), ": mIoU, nearest neighbours, classes by their centroid."),
      quiet(about),
    ],
    figure: [make("div", { class: "ls-scroll" }, make("table", { class: "ls-table" }, head, ...lines_))],
    draw() {},
  };
}

/** The divergence of a row from the reference's at many temperatures: for the curve over tau. */
export function overTau(ctx, model, taus) {
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
