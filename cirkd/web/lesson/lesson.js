// What Streamlit calls: once when the lesson appears, and again whenever its data or the theme may have changed.

import { readBlock, readHeader } from "../explorer/block.js";
import { Lesson } from "./board.js";

const lessons = new WeakMap(); // parent element -> { id, lesson }

export default function mount({ data, parentElement }) {
  if (!data) return undefined;
  const { header } = readHeader(data);
  const id = `${header.id} ${header.study} ${header.measured}`;
  const old = lessons.get(parentElement);
  if (old && old.id !== id && old.block.id === header.id) old.lesson.keep(); // the same pixels, and more is known of them
  if (old?.id !== id) begin(parentElement, id, readBlock(data));
  else if (old.lesson.rethemed()) old.lesson.again();
  return () => {
    lessons.get(parentElement)?.lesson.destroy();
    lessons.delete(parentElement);
  };
}

/** Build the lesson, or build it anew, for another student or in other colours; returns what does that again. */
export function begin(parentElement, id, block) {
  lessons.get(parentElement)?.lesson.destroy();
  const again = () => begin(parentElement, id, block);
  lessons.set(parentElement, { id, block, lesson: new Lesson(parentElement, block, again) });
  return again;
}
