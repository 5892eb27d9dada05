// The first steps: why, embeddings, relations, distributions, divergence, pairs of images. All follow the pointer.

import { digits, make, percent } from "../explorer/dom.js";
import { big, formula, frac, v } from "./formula.js";
import { Picture, each, nameOf } from "./picture.js";
import { Plot, bars, lines } from "./plot.js";
import { b, chip, legend, number, p, quiet, row, scale } from "./text.js";

/** Why: the same predictions, another geometry. */
export function why(ctx) {
  const shown = [ctx.reference, ...ctx.compared()];
  const predictions = shown.map((model) => new Picture(ctx, { which: "i", model, shows: "prediction" }));
  const heats = shown.map((model) => new Picture(ctx, { which: "j", model, q: "S" }));
  const said = p();
  return {
    title: "Why relations?",
    question: "What does each network call the ringed pixel, and which pixels of another image does it find alike?",
    body: [
      p(b("Logits say which class a pixel is; relations say which pixels it is like, in any image. "),
        "Logits compare a pixel with classes, never with another pixel. So two students can predict the same and still see differently. CIRKD asks the student to relate pixels across images as its teacher does."),
      ...agreement(ctx, shown), said,
      quiet("Above: what each network predicts on image i. Below: how similar every pixel of image j is to the ringed one, in that network's own feature space. Nats tell how far its relations are from the teacher's; step 4 says how they are measured. Point at image i and move."),
    ],
    figure: [row(...predictions.map(({ element }) => element)), row(...heats.map(({ element }) => element)), scale(ctx, "cosine", digits(ctx.block.low, 2), "1"), legend(ctx)],
    pictures: [...predictions, ...heats],
    draw() {
      const rows = ctx.live.relate(ctx.a, ctx.view.j);
      for (const heat of heats) heat.heat(rows.get(heat.name), ctx.block.low, 1, ctx.sequential);
      said.replaceChildren(...thisPixel(ctx, shown));
    },
  };
}

/** How alike the students' predictions are, and how good. */
function agreement(ctx, shown) {
  const [one, two] = ctx.compared();
  const scores = ctx.extra.scores;
  return [
    two ? p("The two students call ", b(percent(ctx.agreement(one, two))), " of all pixels the same. Where they do, do they also find the same pixels alike?") : null,
    shown.every((model) => scores[model] !== undefined) ? p("mIoU on these images: ", ...each(ctx, shown, (model) => percent(scores[model])), ".") : null,
  ];
}

/** What every network makes of the pixel in focus, and whose relations are the closest to the reference's. */
function thisPixel(ctx, shown) {
  const found = ctx.divergencesNow();
  const words = (model) => [ctx.className(model), ...(model in found ? [", ", b(digits(found[model].value)), " nats away"] : [])];
  const said = ["This pixel: ", ...each(ctx, shown, words), ". "];
  const [one, two] = ctx.compared();
  if (!two || found[one].value === found[two].value) return said;
  const same = new Set(shown.map((model) => ctx.className(model))).size === 1;
  const closer = found[one].value < found[two].value ? one : two;
  return [...said, `${same ? "All call it the same" : "They do not all call it the same"}; the relations of `, nameOf(ctx, closer), ` are closer to the ${ctx.names[ctx.reference]}'s.`];
}

export function embeddings(ctx) {
  const photos = bothPhotos(ctx, "f F", "F");
  const strips = ctx.shown().map((model) => ({ model, plot: new Plot(`The embedding of the pixel in ${model}, one bar for each number`, 0.16, "f") }));
  const size = number("size");
  const wide = each(ctx, ctx.shown(), (model) => [make("output", { class: "ls-number", "data-q": "size" }, String(ctx.model(model).width)), " dimensions"]);
  const drawn = each(ctx, ctx.shown(), (model) => `${ctx.model(model).dimensions} of them, cosines to within ${digits(ctx.model(model).error, 1)}`);
  return {
    title: "Images become embeddings",
    question: "Take two pixels of one thing, and one of another. Whose vectors will be alike?",
    body: [
      formula(v("F", "F", "i"), " ∈ ℝ", make("sup", {}, v("size", "A × d")), ",  ", v("f", "f", "a"), " ← ", frac(v("f", "f", "a"), ["‖", v("f", "f", "a"), "‖"])),
      p("A segmentation network turns an image into a map of vectors, one for every position, and only its last layer makes classes of them. This map has ", size, " positions; ", ...wide, ". Relations use only a vector's ", b("direction"), ", so all are brought to length 1."),
      p("Teacher and student may differ in the number of dimensions, and their axes mean different things. So their vectors cannot be compared directly. What can be compared comes next."),
      quiet("Bars: the numbers of the ringed pixel's vector, on axes turned so that few and short numbers suffice; ", ...drawn, "."),
    ],
    figure: [row(...photos.map(({ element }) => element)), ...strips.map(({ model, plot }) => make("figure", { class: "ls-figure" }, make("figcaption", { class: "cx-head" }, nameOf(ctx, model)), plot.element))],
    pictures: photos,
    draw() {
      const { grid } = ctx.block.images[ctx.view.i];
      size.textContent = `${grid[0]} × ${grid[1]} = ${(grid[0] * grid[1]).toLocaleString("en")}`;
      for (const { model, plot } of strips) strip(ctx, plot, model);
    },
  };
}

/** The two images as they are; the quantities that each shows. */
function bothPhotos(ctx, ofI, ofJ) {
  return [["i", ofI], ["j", ofJ]].map(([which, q]) => new Picture(ctx, { which, shows: "photo", q, words: make("b", {}, "Photo") }));
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
  const heats = ctx.shown().map((model) => new Picture(ctx, { which: "j", model, q: "S b" }));
  const photos = bothPhotos(ctx, "f F", "b F");
  const ends = p();
  const pointed = quiet();
  return {
    title: "Embeddings become relations",
    question: "Which pixels of the other image will light up: those of the same class, those that look alike, those at the same height?",
    body: [
      formula(v("S", "S", "ij"), "[a, b] = ", v("f", "f", "a"), " · ", v("b", "f", "b"), ",  ", v("S", "S", "ij"), " = ", v("F", "F", "i"), " ", v("F", "F", "j", "⊤")),
      p("The cosine of this pixel's vector with that of every pixel of image j is one ", b("row of relations"), ". All rows together are the relation matrix of the two images. On the same grid a row is as long for the teacher as for the student, and its numbers mean the same: now they can be compared."),
      ends, pointed,
    ],
    figure: [row(...photos.map(({ element }) => element)), row(...heats.map(({ element }) => element)), scale(ctx, "cosine", digits(ctx.block.low, 2), "1")],
    pictures: [...photos, ...heats],
    draw() {
      const sums = ctx.live.distribute(ctx.a, ctx.view.j, ctx.view.tau);
      for (const heat of heats) heat.heat(ctx.live.rows.get(heat.name), ctx.block.low, 1, ctx.sequential);
      ends.replaceChildren("This row: ", ...each(ctx, ctx.shown(), (model) => `from ${digits(sums.get(model).low, 2)} to ${digits(sums.get(model).high, 2)}`), ".");
      pointed.replaceChildren(...ctx.atKey((model, key) => `cosine ${digits(ctx.live.rows.get(model)[key])}`));
    },
  };
}

export function distributions(ctx) {
  const heats = ctx.shown().map((model) => new Picture(ctx, { which: "j", model, q: model === ctx.reference ? "q b" : "p b" }));
  const curves = new Plot("The shares of all keys, each model's most similar first, on logarithmic axes", 0.42, "q p");
  const spread = make("p", { "data-q": "S" });
  const pointed = quiet();
  const largest = number();
  const power = () => ["e", make("sup", {}, v("S", "S", "ij"), "[a, b] / ", v("tau", "τ"))];
  return {
    title: "A row becomes a distribution",
    question: "What happens to the lit area when τ is made ten times smaller? And ten times larger?",
    body: [
      formula(v("q", "q", "b"), ", ", v("p", "p", "b"), " = ", frac(power(), [big("Σ", v("b", "b")), " ", ...power()])),
      p("Softmax makes shares of the cosines: they sum to 1. The teacher's are called q, the student's p. The ", b("temperature τ"), " says how much the most similar pixels count. Drag it and watch; the method uses 0.1."),
      ctx.tauSlider(), spread, pointed,
      quiet("Spread: over how many pixels the shares are spread, exp of the distribution's entropy. Curves: all shares, each network's largest first."),
    ],
    figure: [row(...heats.map(({ element }) => element)), scale(ctx, "share", "0", largest), curves.element],
    pictures: heats,
    draw() {
      const sums = ctx.live.distribute(ctx.a, ctx.view.j, ctx.view.tau);
      const { start, end } = ctx.block.images[ctx.view.j];
      const top = Math.max(...ctx.shown().map((model) => sums.get(model).top));
      for (const heat of heats) heat.heat(ctx.live.shares.get(heat.name), 0, top, ctx.sequential, true);
      largest.textContent = `${digits(100 * top, 2)} % (root scale)`;
      spread.replaceChildren(...each(ctx, ctx.shown(), (model) => {
        const { low, high, spread: over } = sums.get(model);
        return [`cosines of ${digits(low, 2)} to ${digits(high, 2)} spread over `, b(Math.round(over).toLocaleString("en"))];
      }), ` of ${(end - start).toLocaleString("en")} pixels.`);
      pointed.replaceChildren(...ctx.atKey((model, key) => `cosine ${digits(ctx.live.rows.get(model)[key])}, share ${digits(100 * ctx.live.shares.get(model)[key])} %`));
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
  const photo = new Picture(ctx, { which: "i", shows: "photo", words: make("b", {}, "Photo") });
  const shares = [ctx.reference, ...ctx.compared()].map((model) => new Picture(ctx, { which: "j", model, q: model === ctx.reference ? "q b" : "p b", tag: "share" }));
  const parts = ctx.compared().map((model) => new Picture(ctx, { which: "j", model, q: "D b", tag: "part" }));
  const values = make("div", { "data-q": "D" });
  const [most, start, end] = [number(), number(), number()];
  const pointed = quiet();
  return {
    title: "Distributions are compared",
    question: "How far is a student from its teacher, and at which pixels of image j?",
    body: [
      formula(v("D", "KL"), "(", v("q", "q"), " ‖ ", v("p", "p"), ") = ", big("Σ", v("b", "b")), " ", v("q", "q", "b"), " log ", frac(v("q", "q", "b"), v("p", "p", "b"))),
      p("One number says how far the student's shares p are from the teacher's q: the ", b("relation divergence"), " of this pixel on image j, in nats. 0 means the same distribution."),
      values,
      p("The lower maps show what each pixel of j adds to it: blue, above 0, where the teacher gives it the larger share; orange, below 0, where the student does. All together are never below 0."),
      ctx.tauSlider(), pointed,
    ],
    figure: [
      row(...shares.map(({ element }) => element)), scale(ctx, "share", "0", most),
      row(photo.element, ...parts.map(({ element }) => element)), scale(ctx, "part of the divergence, in nats", start, end, true),
    ],
    pictures: [photo, ...shares, ...parts],
    draw() {
      const sums = ctx.live.distribute(ctx.a, ctx.view.j, ctx.view.tau);
      const found = ctx.divergencesNow();
      const top = Math.max(...shares.map(({ name }) => sums.get(name).top));
      const largest = Math.max(...Object.values(found).map((item) => item.largest), 1e-12);
      for (const heat of shares) heat.heat(ctx.live.shares.get(heat.name), 0, top, ctx.sequential, true);
      for (const heat of parts) heat.heat(ctx.live.parts.get(heat.name), -largest, largest, ctx.signed);
      [most.textContent, start.textContent, end.textContent] = [`${digits(100 * top, 2)} % (root scale)`, digits(-largest, 2), digits(largest, 2)];
      values.replaceChildren(divergenceBars(ctx, found));
      pointed.replaceChildren(...ctx.atKey((model, key) => `${model === ctx.reference ? "q" : "p"} ${digits(100 * ctx.live.shares.get(model)[key])} %${model === ctx.reference ? "" : `, adds ${digits(ctx.live.parts.get(model)[key])}`}`));
    },
  };
}

function divergenceBars(ctx, found) {
  const rows = ctx.students.map((model) => ({ head: nameOf(ctx, model), value: found[model].value, text: `${digits(found[model].value)} nats`, color: ctx.look.models[model].color }));
  return bars(rows, Math.max(...rows.map(({ value }) => value), 1e-12));
}

export function imagePairs(ctx) {
  const within = make("div", { "data-q": "D" });
  const shares = make("div", { "data-q": "shares q p" });
  const split = p();
  const photo = new Picture(ctx, { which: "i", shows: "photo", words: make("b", {}, "Photo") });
  return {
    title: "Each pair of images by itself",
    question: "The loss looks at one image at a time. What does it not see?",
    body: [
      formula(v("D", "KL"), "(", v("q", "q"), " ‖ ", v("p", "p"), ") = ", big("Σ", "j"), " ", v("shares", "Q", "j"), " ", v("D", "KL", "j"), " + ", v("D", "KL"), "(", v("shares", "Q"), " ‖ ", v("shares", "P"), ")"),
      p("A batch has several images, and a pixel is related with each of them. The softmax is taken over ", b("one image at a time"), ", and the divergences KL", make("sub", {}, "j"), " are averaged, all with the same weight."),
      p("One softmax over all images at once would see more: also which share of the whole each image gets, Q for the teacher and P for the student. The formula splits it: divergences ", b("within"), " the images, weighted by Q, and one ", b("between"), " them. This loss does not ask for the second; it is left free."),
      split, row(photo.element),
    ],
    figure: [make("h4", {}, "Divergence on each image, in nats"), within, make("h4", {}, "Share of its relations that each image gets"), shares],
    pictures: [photo],
    later: true, // all images at once take longer than one: drawn with the next frame, and only for the last pixel
    draw() {
      const found = ctx.live.acrossImages(ctx.a, ctx.view.tau);
      within.replaceChildren(imageBars(ctx, found));
      shares.replaceChildren(...imageShares(ctx, found));
      const model = ctx.view.student;
      const inner = found.within[model].reduce((sum, value, n) => sum + value * found.shares[ctx.reference][n], 0);
      split.replaceChildren("For this pixel and ", nameOf(ctx, model), ": ", b(digits(inner)), " nats within and ", b(digits(found.between[model])), " between the images.");
    },
  };
}

function imageBars(ctx, found) {
  const most = Math.max(...ctx.compared().flatMap((name) => found.within[name]), 1e-12);
  return bars(ctx.block.images.flatMap((image, n) => ctx.compared().map((name) => ({
    head: make("span", {}, make("i", { style: `color:${ctx.look.models[name].color}` }, ctx.look.models[name].glyph), ` ${image.name}`),
    value: found.within[name][n], text: digits(found.within[name][n]), color: ctx.look.models[name].color,
  }))), most);
}

/** For every model a bar that the images divide among themselves, and which image has which colour. */
function imageShares(ctx, found) {
  const { images } = ctx.block;
  const tones = images.map((_, n) => ctx.look.images[n % ctx.look.images.length]);
  const part = (share, n) => make("span", { style: `width:${100 * share}%;background:${tones[n]}`, title: `${images[n].name}: ${percent(share)}` }, share > 0.12 ? percent(share) : "");
  const stacks = [ctx.reference, ...ctx.compared()].map((name) => make("div", { class: "ls-stack" }, make("span", { class: "ls-bar-name" }, nameOf(ctx, name)), make("span", { class: "ls-stack-room" }, ...found.shares[name].map(part))));
  return [...stacks, make("div", { class: "cx-legend" }, ...images.map((image, n) => chip(image.name, tones[n])))];
}
