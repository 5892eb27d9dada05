// What Streamlit calls: once when the component appears, and again whenever its data or the theme may have changed.

import { readBlock, readHeader } from "./block.js";
import { Board } from "./board.js";

const boards = new WeakMap(); // parent element -> Board
const memories = new Map(); // study -> what was pinned and chosen in it, should the element be made anew
let visited = 0;

export default function mount({ data, parentElement, setStateValue }) {
  if (!data) return undefined;
  const started = performance.now();
  const { header } = readHeader(data);
  const key = header.study ?? header.id; // the same for one study in other colours, whose places are the same
  const visit = header.first?.visit ?? 0; // counts up when another page sends somebody to a place
  if (visit > visited) memories.delete(key);
  visited = Math.max(visit, visited);
  const send = (state) => setStateValue("state", state);
  const keep = (memory) => memories.set(key, memory); // with every change: a new element may be there before the old one goes
  let board = boards.get(parentElement);
  if (board && board.block.id === header.id) {
    board.update(readBlock(data), { send, keep });
  } else {
    const before = board ? { view: board.view } : null; // another study: the same view, but no pin of the old
    board?.destroy();
    board = new Board(parentElement, readBlock(data), { send, keep }, memories.get(key) ?? before, started);
    boards.set(parentElement, board);
  }
  return () => {
    boards.get(parentElement)?.destroy();
    boards.delete(parentElement);
  };
}
