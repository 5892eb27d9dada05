// What tests may read from the element with data-testid="lesson": `element.lesson`. It only reads.

export function exposed(ctx) {
  return Object.freeze({
    get view() {
      return { ...ctx.view, a: ctx.a, b: ctx.b, lit: ctx.lit };
    },
    get steps() {
      return ctx.steps.map(({ key }) => key);
    },
    get errors() {
      return Object.fromEntries(ctx.block.models.map(({ name, error }) => [name, error]));
    },
    /** The cosines ("rows"), shares ("shares") or parts of the divergence ("parts") with all pixels of image j. */
    values(what, model) {
      ctx.divergencesNow();
      const { start, end } = ctx.block.images[ctx.view.j];
      return Array.from(ctx.live[what].get(model).subarray(start, end));
    },
    get divergences() {
      return Object.fromEntries(Object.entries(ctx.divergencesNow()).map(([name, { value }]) => [name, value]));
    },
    get across() {
      return ctx.live.acrossImages(ctx.a, ctx.view.tau);
    },
    /** The loss of the two images over an even choice of their pixels: value, positions, steps of descent. */
    get loss() {
      const { pair } = ctx;
      return pair && { ...pair.loss(ctx.view.tau), gradient: Array.from(pair.loss(ctx.view.tau).gradient), positions: pair.positions, steps: pair.steps };
    },
    get scene() {
      return { steps: ctx.scene.steps, students: Object.fromEntries(ctx.scene.students.map((student) => [student.key, ctx.scene.measures(student)])) };
    },
    /** Where a position lies on a picture, in the window. */
    place(testid, position) {
      const element = ctx.root.querySelector(`[data-testid="${testid}"]`);
      const box = element.getBoundingClientRect();
      const image = ctx.block.images.find(({ start, end }) => position >= start && position < end);
      const [rows, columns] = image.grid;
      const offset = position - image.start;
      return [box.left + (((offset % columns) + 0.5) / columns) * box.width, box.top + ((Math.floor(offset / columns) + 0.5) / rows) * box.height];
    },
  });
}
