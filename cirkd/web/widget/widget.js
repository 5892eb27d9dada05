// The Explorer as a notebook widget: pin and selection are shared with Python, by the pixels' numbers in the study.

import { readBlock } from "../explorer/block.js";
import { Board } from "../explorer/board.js";

function render({ model, el }) {
  const data = model.get("data");
  const block = readBlock(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  const positionOf = new Map(Array.from(block.index, (pixel, position) => [pixel, position]));
  let quiet = true; // what Python has said is not said back to it
  const keep = ({ pin, selection }) => {
    if (quiet) return;
    const chosen = [];
    if (selection) for (let i = 0; i < selection.length; i++) if (selection[i]) chosen.push(block.index[i]);
    model.set("pin", pin < 0 ? null : block.index[pin]);
    model.set("selection", chosen);
    model.save_changes();
  };
  const board = new Board(el, block, { send() {}, keep }, null, performance.now());
  const follow = () => {
    quiet = true;
    const pin = model.get("pin");
    if (pin === null) board.pin = -1;
    else board.pin = positionOf.get(pin) ?? -1;
    board.repin();
    board.choose(Uint8Array.from(block.index, (pixel) => Number(model.get("selection").includes(pixel))));
    quiet = false;
  };
  const ready = setInterval(() => {
    if (!board.pictures) return;
    clearInterval(ready);
    follow();
    model.on("change:pin", follow);
    model.on("change:selection", follow);
  }, 50);
  return () => {
    clearInterval(ready);
    model.off("change:pin", follow);
    model.off("change:selection", follow);
    board.destroy();
  };
}

export default { render };
