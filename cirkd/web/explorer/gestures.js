// Mouse, pen and touch on one panel: pointing, clicking, drawing, moving, zooming.

const SLOP = 4; // pixels that a click may wander

/**
 * Listen on an element; all coordinates are CSS pixels within it.
 *
 * on: { hover(x, y), leave(), click(x, y, event), begin(x, y, event) -> "draw" | "move" | "none",
 *       draw(x, y), finish(event), abort(), move(dx, dy), zoom(factor, x, y), reset() }
 */
export function listen(element, on, signal) {
  const down = new Map(); // pointers that touch the panel
  let drag = null; // { id, x, y, kind }: kind is null until the pointer has left its spot
  let pinch = null; // { distance, x, y } of two fingers
  const at = (event) => {
    const box = element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const pair = () => {
    const [[ax, ay], [bx, by]] = [...down.values()];
    return { distance: Math.hypot(ax - bx, ay - by) || 1, x: (ax + bx) / 2, y: (ay + by) / 2 };
  };

  function press(event) {
    if (event.button > 1) return;
    const [x, y] = at(event);
    down.set(event.pointerId, [x, y]);
    if (down.size === 2) {
      if (drag?.kind === "draw") on.abort();
      drag = null;
      pinch = pair();
    } else if (down.size === 1) {
      drag = { id: event.pointerId, x, y, kind: null, middle: event.button === 1 };
    }
    if (event.button === 1) event.preventDefault();
  }

  function travel(event) {
    const [x, y] = at(event);
    if (down.has(event.pointerId)) down.set(event.pointerId, [x, y]);
    if (pinch && down.size === 2) return squeeze();
    if (!drag || drag.id !== event.pointerId) {
      if (event.pointerType !== "touch") on.hover(x, y);
      return;
    }
    if (drag.kind === null) {
      if (Math.hypot(x - drag.x, y - drag.y) < SLOP) return;
      drag.kind = drag.middle ? "move" : on.begin(drag.x, drag.y, event);
      if (drag.kind !== "none") element.setPointerCapture(event.pointerId);
    }
    if (drag.kind === "draw") on.draw(x, y);
    if (drag.kind === "move") {
      on.move(x - drag.x, y - drag.y);
      [drag.x, drag.y] = [x, y];
    }
  }

  function squeeze() {
    const now = pair();
    on.zoom(now.distance / pinch.distance, now.x, now.y);
    on.move(now.x - pinch.x, now.y - pinch.y);
    pinch = now;
  }

  function lift(event) {
    down.delete(event.pointerId);
    if (down.size < 2) pinch = null;
    if (!drag || drag.id !== event.pointerId) return;
    const was = drag;
    drag = null;
    if (event.type === "pointercancel") {
      if (was.kind === "draw") on.abort();
    } else if (was.kind === null && !was.middle) on.click(...at(event), event);
    else if (was.kind === "draw") on.finish(event);
  }

  function roll(event) {
    if (!event.ctrlKey && !event.metaKey) return; // a plain wheel scrolls the page
    event.preventDefault();
    on.zoom(Math.exp(-event.deltaY * 0.003), ...at(event));
  }

  const options = { signal };
  element.addEventListener("pointerdown", press, options);
  element.addEventListener("pointermove", travel, options);
  element.addEventListener("pointerup", lift, options);
  element.addEventListener("pointercancel", lift, options);
  element.addEventListener("pointerleave", () => !drag && on.leave(), options);
  element.addEventListener("dblclick", () => on.reset(), options);
  element.addEventListener("wheel", roll, { signal, passive: false });
}
