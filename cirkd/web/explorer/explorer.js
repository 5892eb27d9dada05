// What Streamlit calls: once when the component appears, and again whenever its data or the theme may have changed.

import { readBlock, readHeader } from "./block.js";
import { Board } from "./board.js";

const boards = new WeakMap(); // parent element -> Board
const memories = new Map(); // study -> what was pinned and chosen in it, should the element be made anew

export default function mount({ data, parentElement, setStateValue }) {
  if (!data) return undefined;
  const started = performance.now();
  const { header } = readHeader(data);
  const send = (state) => setStateValue("state", state);
  let board = boards.get(parentElement);
  if (board && board.block.id === header.id) {
    board.update(readBlock(data), send);
  } else {
    const before = board ? { view: board.view, pin: -1 } : null; // another study: the same view, but no pin of the old
    if (board) leave(board);
    board = new Board(parentElement, readBlock(data), send, memories.get(header.id) ?? before, started);
    boards.set(parentElement, board);
  }
  return () => {
    const last = boards.get(parentElement);
    if (last) leave(last);
    boards.delete(parentElement);
  };
}

function leave(board) {
  memories.set(board.block.id, board.memory());
  board.destroy();
}
