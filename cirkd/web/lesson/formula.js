// Formulas as text on the page: every symbol knows which quantity it stands for, and so does every picture of it.

import { make } from "../explorer/dom.js";

/** quantity -> what it is, in a sentence; said when one points at its symbol or its picture. */
export const QUANTITIES = {
  F: "F: an image's embeddings, one vector for each of its A positions.",
  f: "fₐ: the embedding of the pixel a that you point at, brought to length 1.",
  size: "A: how many positions the map of an image has. d: how long a vector is.",
  S: "S: relations. Its row a holds the cosines of pixel a of image i with every pixel of image j.",
  tau: "τ: the temperature. The smaller it is, the more only the most similar pixels count.",
  q: "q: the teacher's relation distribution, its row made into shares that sum to 1.",
  p: "p: the student's relation distribution.",
  D: "KL: the relation divergence, how far the student's distribution is from the teacher's, in nats.",
  b: "b: a pixel of image j. Point at one in a picture to read its numbers.",
  images: "i, j: the two images. Every image of a batch is related with every other, and with itself.",
  shares: "Q, P: the share of the relations that each image gets, for teacher and student.",
  L: "L: the loss, the mean divergence over all pixels and all pairs of images.",
  g: "∂L/∂f: the gradient. Training moves each embedding against it.",
  V: "V: keys, embeddings of earlier batches that the teacher made; the same for teacher and student.",
};

const text = (value) => (value instanceof Node ? value : document.createTextNode(value));
const part = (tag, value) => make(tag, {}, ...[].concat(value).map(text));

/** A symbol of a quantity: v("S", "S", "ij", "s") is S with ij below and s above. */
export function v(quantity, base, below, above) {
  const stacked = below || above ? make("span", { class: "ls-scripts" }, part("sup", above ?? ""), part("sub", below ?? "")) : null;
  const known = quantity ? { "data-q": quantity, tabindex: 0, role: "button", title: QUANTITIES[quantity] } : {};
  return make("span", { class: "ls-symbol", ...known }, part("i", base), stacked);
}

export const frac = (top, bottom) => make("span", { class: "ls-frac" }, part("span", top), part("span", bottom));

/** A sum or the like with what stands below it. */
export const big = (sign, below) => make("span", { class: "ls-big" }, part("span", sign), part("span", below));

export const formula = (...parts) => make("div", { class: "ls-formula", role: "group", "aria-label": "Formula" }, ...parts.flat().map(text));
