// The first steps: why, embeddings, relations, distributions, divergence, pairs of images. All follow the pointer.

import { digits, make, percent } from "../explorer/dom.js";
import { big, formula, frac, v } from "./formula.js";
import { Picture, nameOf } from "./picture.js";
import { Plot, bars, lines } from "./plot.js";
import { b, number, p, quiet, row, scale } from "./text.js";

/** Why: the same predictions, another geometry. */
export function why(ctx) {
  const { students, reference, names } = ctx;
  const shown = students.length ? [reference, ...students.slice(-2)] : [reference];
  const predictions = shown.map((model) => new Picture(ctx, { which: "i", model, shows: "prediction" }));
  const heats = shown.map((model) => new Picture(ctx, { which: "j", model, q: "S" }));
  const said = p();
  const pair = shown.slice(1);
  const miou = (model) => ctx.extra.scores[model];
  const scores = shown.every((model) => miou(model) !== undefined)
    ? p("On these images ", ...shown.flatMap((model, n) => [n ? ", " : "", nameOf(ctx, model), ` has an mIoU of ${percent(miou(model))}`]), ".")
    : null;
  const agreement = pair.length === 2
    ? p("The two students call ", b(percent(ctx.agreement(...pair))), " of all pixels the same. Where they do, do they also take the same pixels to be alike?")
    : p("Predictions say what a pixel is. They do not say what else it is like.");
  return {
    title: "Why relations?",
    question: "All of these networks name this pixel. Do they also agree on which pixels of another image it is like?",
    body: [
      p(b("Predictions say what a network takes a pixel for; relations say what it takes the pixel to be like, in any image. "),
        "Two students can say the same and still see differently. Distilling relations across images, as CIRKD does, teaches the second as well."),
      agreement, scores, said,
      quiet("Left: what each network predicts on image i. Right: how similar every pixel of image j is to the one you point at, in that network's own feature space. Point at image i and move."),
    ],
    figure: [...shown.map((_, n) => row(predictions[n].element, heats[n].element)), scale(ctx, "cosine", digits(ctx.block.low, 2), "1")],
    pictures: [...predictions, ...heats],
    draw() {
      const rows = ctx.live.relate(ctx.a, ctx.view.j);
      for (const heat of heats) heat.heat(rows.get(heat.name), ctx.block.low, 1, ctx.sequential);
      const sums = ctx.live.distribute(ctx.a, ctx.view.j, ctx.view.tau);
      const parts = pair.flatMap((model) => {
        const { value } = ctx.live.diverge(model, ctx.view.j, ctx.view.tau, sums);
        return ["; ", nameOf(ctx, model), ` calls it ${ctx.className(model)}, its relations are `, b(digits(value)), ` nats from the ${names[reference]}'s`];
      });
      said.replaceChildren("This pixel: ", nameOf(ctx, reference), ` calls it ${ctx.className(reference)}`, ...parts, ".");
    },
  };
}

export function embeddings(ctx) {
  const photos = bothPhotos(ctx);
  const strips = ctx.shown().map((model) => ({ model, plot: new Plot(`The embedding of the pixel in ${model}, one bar for each number`, 0.16, "f") }));
  const size = number("size");
  return {
    title: "Images become embeddings",
    question: "Point at two pixels of the same road, then at one of a building. Which of the bars change?",
    body: [
      formula(v("F", "F", "n"), " ∈ ℝ", make("sup", {}, v("size", "A × d")), ",  ", v("f", "f", "a"), " ← ", frac(v("f", "f", "a"), ["‖", v("f", "f", "a"), "‖"])),
      p("A segmentation network turns an image into a map of vectors, one for every position, and only its last layer makes classes of them. This map has ", size, " positions. What a vector ", b("means"), " lies in its direction, so all are brought to length 1."),
      p("Teacher and student may have vectors of different lengths, and axes that mean different things. So their vectors can never be compared directly. What can be compared comes next."),
      quiet(`Bars: the numbers of this pixel's vector, ${ctx.shown().map((m) => `${ctx.names[m]} ${ctx.model(m).dimensions}`).join(", ")} of them, on axes turned so that 8 bits suffice; cosines stay as they were.`),
    ],
    figure: [row(...photos.map((photo) => photo.element)), ...strips.map(({ model, plot }) => make("figure", { class: "ls-figure" }, make("figcaption", { class: "cx-head" }, nameOf(ctx, model)), plot.element))],
    pictures: photos,
    draw() {
      const { grid } = ctx.block.images[ctx.view.i];
      size.textContent = `${grid[0]} × ${grid[1]} = ${(grid[0] * grid[1]).toLocaleString("en")}`;
      for (const { model, plot } of strips) strip(ctx, plot, model);
    },
  };
}

/** The two images as they are. */
function bothPhotos(ctx) {
  return ["i", "j"].map((which) => new Picture(ctx, { which, shows: "photo", q: which === "i" ? "f F" : "b F", words: make("b", {}, "Photo") }));
}

function strip(ctx, plot, name) {
  const context = plot.begin();
  if (!context) return;
  const { embedding, dimensions: k } = ctx.model(name);
  const at = ctx.a * k;
  const wide = plot.width / k;
  context.fillStyle = ctx.look.models[name].color;
  for (let n = 0; n < k; n++) {
    const tall = ((embedding[at + n] / 127) * plot.height) / 2;
    context.fillRect(n * wide + 0.5, plot.height / 2 - Math.max(tall, 0), Math.max(wide - 1, 1), Math.abs(tall));
  }
}

export function relations(ctx) {
  const heats = ctx.shown().map((model) => new Picture(ctx, { which: "j", model, q: "S" }));
  const photos = bothPhotos(ctx);
  const ends = p();
  const pointed = quiet();
  return {
    title: "Embeddings become relations",
    question: "Point at a car. Which pixels of the other image will light up: cars, everything on the road, everything dark?",
    body: [
      formula(v("S", "S", "ij"), "[a,:] = ", v("f", "f", "a"), " ", v("F", "F", "j", "⊤")),
      p("The cosine of this pixel's vector with that of every pixel of image j is one ", b("row of relations"), ". All rows together are the relation matrix of the two images. A row is as long for the teacher as for the student, and means the same: now they can be compared."),
      ends, pointed,
    ],
    figure: [row(...photos.map((photo) => photo.element)), row(...heats.map((heat) => heat.element)), scale(ctx, "cosine", digits(ctx.block.low, 2), "1")],
    pictures: [...photos, ...heats],
    draw() {
      const sums = ctx.live.distribute(ctx.a, ctx.view.j, ctx.view.tau);
      for (const heat of heats) heat.heat(ctx.live.rows.get(heat.name), ctx.block.low, 1, ctx.sequential);
      ends.replaceChildren("This row goes ", ...ctx.shown().flatMap((model, n) => [n ? "; in " : "in ", nameOf(ctx, model), ` from ${digits(sums.get(model).low, 2)} to ${digits(sums.get(model).high, 2)}`]), ".");
      pointed.replaceChildren(...ctx.atKey((model, key) => digits(ctx.live.rows.get(model)[key]), "cosine"));
    },
  };
}

export function distributions(ctx) {
  const heats = ctx.shown().map((model) => new Picture(ctx, { which: "j", model, q: model === ctx.reference ? "q" : "p" }));
  const curves = new Plot("The shares of all keys, each model's most similar first, on logarithmic axes", 0.42, "q p");
  const spread = p();
  const pointed = quiet();
  const largest = number();
  return {
    title: "A row becomes a distribution",
    question: "What happens to the lit area when τ is made ten times smaller? And ten times larger?",
    body: [
      formula("σ(", v("S", "S", "ij"), "[a,:] / ", v("tau", "τ"), ")", make("sub", {}, v("b", "b")), " = ", frac(["e", make("sup", {}, v("S", "S", "ij"), "[a,b]/", v("tau", "τ"))], [big("Σ", "c"), " e", make("sup", {}, v("S", "S", "ij"), "[a,c]/", v("tau", "τ"))])),
      p("Softmax makes shares of the cosines: they sum to 1. The ", b("temperature τ"), " says how much the most similar pixels count. Drag it and watch; the method uses 0.1."),
      ctx.tauSlider(), spread, pointed,
      quiet("Spread: over how many pixels the shares are spread, exp of the distribution's entropy."),
    ],
    figure: [row(...heats.map((heat) => heat.element)), scale(ctx, "share", "0", largest), curves.element],
    pictures: heats,
    draw() {
      const sums = ctx.live.distribute(ctx.a, ctx.view.j, ctx.view.tau);
      const { start, end } = ctx.block.images[ctx.view.j];
      const top = Math.max(...ctx.shown().map((model) => sums.get(model).top));
      for (const heat of heats) heat.heat(ctx.live.shares.get(heat.name), 0, top, ctx.sequential, true);
      largest.textContent = `${digits(100 * top, 2)} % (root scale)`;
      spread.replaceChildren(...ctx.shown().flatMap((model, n) => [n ? "; " : "", nameOf(ctx, model), " spreads over ", b(Math.round(sums.get(model).spread).toLocaleString("en")), ` of ${(end - start).toLocaleString("en")} pixels`]), ".");
      pointed.replaceChildren(...ctx.atKey((model, key) => `${digits(100 * ctx.live.shares.get(model)[key])} %`, "share"));
      sorted(ctx, curves, start, end, top);
    },
  };
}

/** Every model's shares, largest first, at some forty ranks spread over a logarithmic axis. */
function sorted(ctx, plot, start, end, top) {
  const count = end - start;
  const ranks = [...new Set(Array.from({ length: 40 }, (_, n) => Math.round(count ** (n / 39))))];
  const all = ctx.shown().map((model) => {
    const values = ctx.live.shares.get(model).slice(start, end).sort();
    return { x: ranks, y: ranks.map((rank) => values[count - rank]), color: ctx.look.models[model].color, dash: model === ctx.reference ? [2, 3] : [] };
  });
  const low = Math.max(Math.min(...all.map(({ y }) => y.at(-1))), top * 1e-8);
  lines(plot, ctx.theme, all, { low: 1, high: count, log: true, words: "pixels of j, most similar first" }, { low: low * 0.8, high: top * 1.3, log: true, words: "share" });
}

export function divergences(ctx) {
  const heats = ctx.compared().map((model) => new Picture(ctx, { which: "j", model, q: "D" }));
  const photos = bothPhotos(ctx);
  const values = make("div", { "data-q": "D" });
  const end = number();
  const start = number();
  const pointed = quiet();
  return {
    title: "Distributions are compared",
    question: "Where will the map be blue: where the student sees too much similarity, or too little?",
    body: [
      formula(v("D", "KL"), "(", v("q", "q"), " ‖ ", v("p", "p"), ") = ", big("Σ", "b"), " ", v("q", "q", "b"), " log ", frac(v("q", "q", "b"), v("p", "p", "b")), ",  ", v("q", "q"), ": teacher, ", v("p", "p"), ": student"),
      p("One number says how far the student's shares are from the teacher's: the ", b("relation divergence"), " of this pixel on image j, in nats. 0 means the same distribution."),
      values,
      p("The map shows what each pixel of j adds to it: blue, above 0, where the teacher finds it more alike than the student does; orange, below 0, where less. All together are never below 0."),
      ctx.tauSlider(), pointed,
    ],
    figure: [row(...photos.map((photo) => photo.element)), row(...heats.map((heat) => heat.element)), scale(ctx, "part of the divergence, in nats", start, end, true)],
    pictures: [...photos, ...heats],
    draw() {
      const found = ctx.divergencesNow();
      const largest = Math.max(...Object.values(found).map((item) => item.largest), 1e-12);
      for (const heat of heats) heat.heat(ctx.live.parts.get(heat.name), -largest, largest, ctx.signed);
      start.textContent = digits(-largest, 2);
      end.textContent = digits(largest, 2);
      const most = Math.max(...Object.values(found).map((item) => item.value), 1e-12);
      values.replaceChildren(bars(ctx.students.map((model) => ({ head: nameOf(ctx, model), value: found[model].value, text: `${digits(found[model].value)} nats`, color: ctx.look.models[model].color })), most));
      pointed.replaceChildren(...ctx.atKey((model, key) => (model === ctx.reference ? `q ${digits(100 * ctx.live.shares.get(model)[key])} %` : `p ${digits(100 * ctx.live.shares.get(model)[key])} %, adds ${digits(ctx.live.parts.get(model)[key])}`), "here"));
    },
  };
}

export function imagePairs(ctx) {
  const within = make("div", { "data-q": "D" });
  const shares = make("div", { "data-q": "shares" });
  const split = p();
  const photos = bothPhotos(ctx);
  const tones = ctx.block.images.map((_, n) => ctx.look.images[n % ctx.look.images.length]);
  return {
    title: "Each pair of images by itself",
    question: "The loss looks at one image at a time. What does it not see?",
    body: [
      formula(v("D", "KL"), "(Q ‖ P) = ", big("Σ", "j"), " ", v("shares", "Q", "j"), " ", v("D", "KL", "j"), " + ", v("D", "KL"), "(", v("shares", "Q"), " ‖ ", v("shares", "P"), ")"),
      p("A batch has several images, and a pixel is related with each of them. The softmax is taken over ", b("one image at a time"), ", and the divergences are averaged, all with the same weight."),
      p("One softmax over all images at once would see more: also how much of the whole each image gets. The formula splits it: divergences ", b("within"), " the images, plus one ", b("between"), " them. No term of the loss asks for the second; it is left free."),
      split,
    ],
    figure: [
      row(...photos.map((photo) => photo.element)), make("h4", {}, "Divergence on each image"), within,
      make("h4", {}, "How all its relations share themselves out among the images"), shares,
    ],
    pictures: photos,
    later: true, // all images at once take longer than one: drawn with the next frame, and only for the last pixel
    draw() {
      const found = ctx.live.acrossImages(ctx.a, ctx.view.tau);
      const model = ctx.view.student;
      const { images } = ctx.block;
      const most = Math.max(...ctx.compared().flatMap((name) => found.within[name]), 1e-12);
      within.replaceChildren(bars(images.flatMap((image, n) => ctx.compared().map((name) => ({
        head: make("span", {}, make("i", { style: `color:${ctx.look.models[name].color}` }, ctx.look.models[name].glyph), ` ${image.name}`),
        value: found.within[name][n], text: digits(found.within[name][n]), color: ctx.look.models[name].color,
      }))), most));
      shares.replaceChildren(...[ctx.reference, ...ctx.compared()].map((name) => make("div", { class: "ls-stack" },
        make("span", { class: "ls-bar-name" }, nameOf(ctx, name)),
        make("span", { class: "ls-stack-room" }, ...found.shares[name].map((share, n) => make("span", {
          style: `width:${100 * share}%;background:${tones[n]}`, title: `${images[n].name}: ${percent(share)}`,
        }, share > 0.12 ? percent(share) : ""))))),
        make("div", { class: "cx-legend" }, ...images.map((image, n) => make("span", { class: "cx-chip" }, make("i", { class: "cx-swatch", style: `background:${tones[n]}` }), image.name))));
      if (!model) return;
      const inner = found.within[model].reduce((sum, value, n) => sum + value * found.shares[ctx.reference][n], 0);
      split.replaceChildren("For this pixel and ", nameOf(ctx, model), ": ", b(digits(inner)), " nats within and ", b(digits(found.between[model])), " between the images.");
    },
  };
}
