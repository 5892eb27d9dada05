// What the lesson shows, in the part of the address behind "#": a link reopens it. Nothing is sent anywhere.

const KEY = "lesson";

/** { step, i, j, pixel, tau, student, present, shown } as far as the address says and the study has them. */
export function read(block, steps) {
  const asked = new URLSearchParams(location.hash.slice(1));
  const whole = (name, end) => {
    const text = asked.get(name);
    return text !== null && /^\d+$/.test(text) && Number(text) < end ? Number(text) : undefined;
  };
  const tau = Number(asked.get("tau") ?? NaN);
  const found = {
    step: steps.includes(asked.get(KEY)) ? asked.get(KEY) : undefined,
    i: whole("i", block.images.length),
    j: whole("j", block.images.length),
    pixel: whole("pixel", block.positions),
    tau: tau >= 0.005 && tau <= 5 ? tau : undefined,
    student: block.models.some(({ name }) => name === asked.get("student") && name !== block.reference) ? asked.get("student") : undefined,
    present: asked.has("present") || undefined,
    shown: asked.has("shown") || undefined,
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}

export function write(view) {
  const said = new URLSearchParams({ [KEY]: view.step, i: view.i, j: view.j, pixel: view.pixel, tau: Number(view.tau.toPrecision(3)) });
  if (view.student) said.set("student", view.student);
  if (view.present) said.set("present", "");
  if (view.present && view.shown) said.set("shown", "");
  history.replaceState(history.state, "", `#${said}`);
}
