// The keyboard: P presents; then the arrow keys go on and back, Escape leaves.

import { back, forward } from "./frame.js";

const ON = ["ArrowRight", "ArrowDown", "PageDown", " "];
const BACK = ["ArrowLeft", "ArrowUp", "PageUp"];

export function pressed(ctx, event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || !ctx.root.isConnected) return;
  const { target, key } = event;
  if (target !== document.body && !ctx.root.contains(target)) return; // somebody is typing elsewhere
  const sliding = target.matches("input, select, textarea");
  if (!ctx.view.present) {
    if (key.toLowerCase() !== "p" || sliding || !ctx.root.clientWidth) return;
    ctx.set({ present: true, shown: false });
  } else if (key === "Escape") ctx.set({ present: false });
  else if (sliding || (key === " " && target.matches("button"))) return; // a slider's and a button's own keys
  else if (ON.includes(key)) forward(ctx);
  else if (BACK.includes(key)) back(ctx);
  else return;
  event.preventDefault();
  event.stopPropagation();
}
