// When each class of a training's map comes apart from the others.

const HALF = 0.5;

/**
 * found: what the player draws: steps [T], frames [T][S][2], shape, groups [{ name, dots }]. For each class with two
 * dots or more: { name, step }, the first step from which on, to the last, at least half of its dots have a dot of
 * the class nearest; null where there is no such step.
 */
export function arrivals({ steps, frames, shape, groups }) {
  const of = [];
  groups.forEach(({ dots }, g) => dots.forEach((dot) => (of[dot] = g)));
  const apart = frames.map((places) => {
    const same = groups.map(() => 0);
    places.forEach((_, dot) => (same[of[dot]] += Number(of[nearestTo(places, dot, shape)] === of[dot])));
    return groups.map(({ dots }, g) => same[g] >= HALF * dots.length);
  });
  return groups.flatMap(({ name, dots }, g) => {
    if (dots.length < 2) return [];
    const last = apart.findLastIndex((now) => !now[g]);
    return [{ name, step: steps[last + 1] ?? null }];
  });
}

function nearestTo(places, dot, [width, height]) {
  let [best, least] = [-1, Infinity];
  places.forEach((place, other) => {
    const far = ((place[0] - places[dot][0]) * width) ** 2 + ((place[1] - places[dot][1]) * height) ** 2;
    if (other !== dot && far < least) [best, least] = [other, far];
  });
  return best;
}
