// The same pixels from step to step, in one map: play, pause, and a slider over the steps. New steps may come at any
// time: whoever is at the last one is taken along, everybody else stays where they are.

import { make, pen, resize, themeOf } from "../explorer/dom.js";

const FRAME = 650; // milliseconds a step
const GLIDE = 450; // milliseconds from one step's places to the next one's
const RADIUS = 4;
const REACH = 10; // pixels from which a dot can be pointed at

const players = new WeakMap(); // parent element -> Player

export default function mount({ data, parentElement }) {
  if (!data) return undefined;
  let player = players.get(parentElement);
  if (!player) players.set(parentElement, (player = new Player(parentElement)));
  player.show(data);
  return () => {
    players.get(parentElement)?.destroy();
    players.delete(parentElement);
  };
}

export class Player {
  constructor(parent) {
    this.canvas = make("canvas", { class: "cp-dots", role: "img", "data-testid": "trajectory-map" });
    this.tip = make("div", { class: "cp-tip", hidden: true });
    this.button = make("button", { class: "cp-play", type: "button", onclick: () => this.toggle() });
    this.slider = make("input", {
      type: "range", min: 0, step: 1, "aria-label": "Step", oninput: () => this.jump(Number(this.slider.value)),
    });
    this.label = make("output", { class: "cp-step" });
    this.map = make("div", { class: "cp-map" }, this.canvas, this.tip);
    const bar = make("div", { class: "cp-bar" }, this.button, this.slider, this.label);
    this.element = make("div", { class: "cp", "data-testid": "trajectory" }, this.map, bar);
    this.canvas.addEventListener("pointermove", (event) => this.point(event));
    this.canvas.addEventListener("pointerleave", () => (this.tip.hidden = true));
    this.watch = new ResizeObserver(() => this.draw());
    this.watch.observe(this.map);
    parent.append(this.element);
    const player = this; // what tests may read
    this.element.player = Object.freeze({
      get steps() { return [...player.data.steps]; },
      get step() { return player.data.steps[player.at]; },
      get playing() { return player.timer !== null; },
      get gliding() { return player.glide !== null; },
      get places() { return player.places.map((place) => [...place]); },
    });
    this.data = null;
    this.timer = null;
    this.glide = null;
  }

  /** data: run, version, steps [T], frames [T][S][2] (0..1), groups [{ name, color, dots }], names [S], label. */
  show(data) {
    const old = this.data;
    this.data = data;
    if (!old || old.run !== data.run) {
      clearInterval(this.timer);
      cancelAnimationFrame(this.glide);
      this.timer = this.glide = null;
      this.at = data.steps.length - 1;
      this.places = data.frames[this.at];
    } else if (old.version !== data.version) {
      const live = this.at === old.steps.length - 1 && this.timer === null;
      const step = old.steps[this.at];
      const far = (i) => Math.abs(data.steps[i] - step);
      const near = data.steps.reduce((best, _, i) => (far(i) < far(best) ? i : best), 0);
      const same = far(near) === 0 && data.fitted === old.fitted && `${data.shape}` === `${old.shape}`;
      this.at = live ? data.steps.length - 1 : near;
      if (live || !same) this.glideTo(this.at);
    }
    this.kind = [];
    data.groups.forEach((group) => group.dots.forEach((dot) => (this.kind[dot] = group)));
    this.canvas.setAttribute("aria-label", data.label);
    this.slider.max = data.steps.length - 1;
    this.tell();
    this.draw();
  }

  toggle() {
    if (this.timer !== null) return this.pause();
    if (this.at === this.data.steps.length - 1) this.go(0);
    this.timer = setInterval(() => {
      if (this.at < this.data.steps.length - 1) this.go(this.at + 1);
      else this.pause();
    }, FRAME);
    this.tell();
  }

  pause() {
    clearInterval(this.timer);
    this.timer = null;
    this.tell();
  }

  jump(frame) {
    this.pause();
    this.go(frame);
  }

  go(frame) {
    this.at = frame;
    this.glideTo(frame);
    this.tell();
  }

  tell() {
    const { steps } = this.data;
    const playing = this.timer !== null;
    this.button.textContent = playing ? "❚❚ Pause" : "▶ Play";
    this.slider.value = this.at;
    this.slider.setAttribute("aria-valuetext", `step ${steps[this.at]}`);
    this.label.textContent = `step ${steps[this.at].toLocaleString("en")}`;
  }

  /** Move the dots from where they are to a frame's places. */
  glideTo(frame) {
    cancelAnimationFrame(this.glide);
    const [from, to] = [this.places, this.data.frames[frame]];
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const start = performance.now();
    const move = (now) => {
      const share = still ? 1 : Math.min(Math.max((now - start) / GLIDE, 0), 1);
      const eased = share * share * (3 - 2 * share);
      const between = ([x, y], i) => [from[i][0] + (x - from[i][0]) * eased, from[i][1] + (y - from[i][1]) * eased];
      this.places = share < 1 ? to.map(between) : to;
      this.draw();
      this.glide = share < 1 ? requestAnimationFrame(move) : null;
    };
    this.glide = requestAnimationFrame(move);
  }

  /** Where a place (0..1) lies on the canvas, in CSS pixels; a unit is as long across as upwards. */
  onCanvas([x, y]) {
    const { width, height, shape } = this;
    const unit = Math.min(width / shape[0], height / shape[1]);
    return [width / 2 + (x - 0.5) * shape[0] * unit, height / 2 - (y - 0.5) * shape[1] * unit];
  }

  draw() {
    if (!this.data) return;
    this.width = this.map.clientWidth;
    this.height = this.map.clientHeight;
    this.shape = this.data.shape;
    resize(this.canvas, this.width, this.height);
    const context = pen(this.canvas);
    context.clearRect(0, 0, this.width, this.height);
    context.lineWidth = 0.7;
    context.strokeStyle = themeOf(this.element).dark ? "rgba(220,228,240,.45)" : "rgba(40,50,65,.4)";
    context.globalAlpha = 0.85;
    this.places.forEach((place, dot) => {
      context.beginPath();
      context.arc(...this.onCanvas(place), RADIUS, 0, 2 * Math.PI);
      context.fillStyle = this.kind[dot].color;
      context.fill();
      context.stroke();
    });
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let [best, least] = [-1, REACH];
    this.places.forEach((place, dot) => {
      const [u, v] = this.onCanvas(place);
      const far = Math.hypot(u - x, v - y);
      if (far < least) [best, least] = [dot, far];
    });
    this.tip.hidden = best < 0;
    if (best < 0) return;
    this.tip.textContent = `${this.kind[best].name} · ${this.data.names[best]}`;
    this.tip.style.left = `${Math.min(x + 12, this.width - this.tip.offsetWidth - 4)}px`;
    this.tip.style.top = `${Math.max(y - 30, 4)}px`;
  }

  destroy() {
    clearInterval(this.timer);
    cancelAnimationFrame(this.glide);
    this.watch.disconnect();
    this.element.remove();
  }
}
