// A page of its own: the lesson and the Explorer of one study, from a block that stands in the page itself.

import { readBlock } from "../explorer/block.js";
import { Board } from "../explorer/board.js";
import { make } from "../explorer/dom.js";
import { begin } from "../lesson/lesson.js";

const VIEWS = [["lesson", "Lesson"], ["explorer", "Explorer"]];

export default async function mount() {
  const text = document.getElementById("block").textContent;
  const packed = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const block = readBlock(new Uint8Array(await new Response(stream).arrayBuffer()));
  const place = document.getElementById("place");
  const [lesson, explorer] = VIEWS.map(([name]) => make("div", { id: name }));
  const tabs = VIEWS.map(([name, words]) => make("button", { type: "button", class: "cx-button", "data-testid": `view-${name}`, onclick: () => show(name) }, words));
  place.append(make("div", { class: "cx sl-tabs" }, make("div", { class: "cx-row" }, ...tabs)), lesson, explorer);
  let board = null;
  let memory = null;
  const keep = (now) => (memory = now);
  const open = () => {
    board?.destroy();
    board = new Board(explorer, block, { send() {}, keep }, memory, performance.now());
  };
  function show(name) {
    [lesson, explorer].forEach((item) => (item.hidden = item.id !== name));
    tabs.forEach((tab, n) => tab.setAttribute("aria-pressed", String(VIEWS[n][0] === name)));
    if (name === "explorer" && !board) open();
  }
  show("lesson");
  const again = begin(lesson, "still", block);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    again();
    if (board) open();
  });
}

mount();
