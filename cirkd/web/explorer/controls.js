// The bar above the maps.

import { make } from "./dom.js";
import { OVERLAYS, overlayOf } from "./heat.js";

export const MAPS = [["pca", "PCA"], ["umap", "UMAP"], ["tsne", "t-SNE"], ["relation", "Relation space"]];
const TOOLS = [
  ["point", "Point", "Point and click; draw around dots in a map, or a box in an image"],
  ["lasso", "Lasso", "Draw around dots in a map, or a box in an image (L)"],
  ["box", "Box", "Draw a box in a map or an image (B)"],
  ["move", "Move", "Drag to move what is enlarged (M); zoom with Ctrl and the wheel, or with two fingers"],
];

/** Kinds of places that can be visited one after the other. */
const TOUR = [
  ["fixed", "fixed", "Pin the next place where most pixels were wrong before and are right after"],
  ["broken", "broken", "Pin the next place where most pixels were right before and are wrong after"],
  ["diverged", "diverged", "Pin the next place whose relations diverge most, in the last student"],
];

export class Controls {
  /** change(part of the view) is called with what the user chose; act.clear(), act.whole() */
  constructor(block, view, change, act) {
    this.tau = make("input", {
      type: "range", min: "0.02", max: "1", step: "0.01", "data-testid": "tau", "aria-label": "Temperature tau",
      oninput: () => change({ tau: Number(this.tau.value) }),
    });
    this.tauText = make("output", { class: "cx-number" });
    this.opacity = make("input", {
      type: "range", min: "0", max: "1", step: "0.05", "data-testid": "opacity", "aria-label": "Opacity of the overlay",
      oninput: () => change({ opacity: Number(this.opacity.value) }),
    });
    this.raw = make("button", {
      class: "cx-button", type: "button", "aria-pressed": "false", "data-testid": "raw",
      title: "Heatmaps as cells of the grid, not drawn along the image's edges", onclick: () => change({ raw: !this.isRaw }),
    }, "Raw cells");
    this.size = make("input", {
      type: "range", min: "110", max: "640", step: "10", "data-testid": "tile-size", "aria-label": "Size of the images",
      oninput: () => change({ tile: Number(this.size.value) }),
    });
    this.projection = select("projection", "Map", MAPS.filter(([value]) => !block.still || value in block.maps), (map) => change({ map }));
    this.colorBy = select("color-by", "Colour by", block.colorings.map(({ name, label }) => [name, label]), (color) => change({ color }));
    const possible = OVERLAYS.filter(({ value }) => this.allows(block, value));
    this.overlay = segments("overlay", "Images show", possible.map(({ value, words }) => [value, words, "", keyOf(value)]),
      (overlay) => change({ overlay }));
    this.tool = segments("tool", "Tool", TOOLS, (tool) => change({ tool }));
    this.clear = make("button", { class: "cx-button", type: "button", title: "Let go of pin and selection (Esc)", onclick: act.clear }, "Clear");
    const whole = make("button", { class: "cx-button", type: "button", title: "Show maps and images whole again", onclick: act.whole }, "Whole");
    this.wipe = make("input", {
      type: "range", min: "0", max: "1", step: "0.01", "data-testid": "wipe", "aria-label": "Wipe between before and after",
      oninput: () => change({ wipe: Number(this.wipe.value) }),
    });
    this.wipes = make("button", {
      class: "cx-button", type: "button", "aria-pressed": "false", "data-testid": "wiping",
      title: "Lay the images of before over those of after", onclick: () => change({ wipe: this.wiping ? null : 0.5 }),
    }, "Wipe");
    const visits = TOUR.filter(([kind]) => kind === "diverged" ? block.models.length > 1 : block.change)
      .map(([kind, words, title]) => make("button", { class: "cx-button", type: "button", title, onclick: () => act.visit(kind) }, words));
    this.tauBox = field("Temperature τ", make("span", { class: "cx-row" }, this.tau, this.tauText));
    this.element = make(
      "div", { class: "cx-bar", role: "toolbar", "aria-label": "Explorer" },
      field("Images show", this.overlay),
      this.tauBox,
      field("Overlay", make("span", { class: "cx-row" }, this.opacity, this.raw)),
      field("Image size", this.size),
      field("Map", this.projection),
      field("Colour by", this.colorBy),
      field("Tool", make("span", { class: "cx-row" }, this.tool, this.clear, whole)),
      visits.length ? field("Go to the next place most", make("span", { class: "cx-row" }, ...visits)) : null,
      block.arrows ? field("Before | after", make("span", { class: "cx-row" }, this.wipes, this.wipe)) : null,
    );
    this.show(view);
  }

  allows(block, overlay) {
    if (overlay === "labels") return block.images.some((image) => image.label);
    if (overlay === "divergence" && block.still) return Boolean(block.divergence);
    return overlay !== "divergence" || block.models.length > 1;
  }

  /** How many are chosen and whether there is a pin: what there is to let go of. */
  count(chosen, pinned) {
    this.clear.textContent = chosen ? `Clear ${chosen.toLocaleString("en")}` : "Clear";
    this.clear.disabled = !chosen && !pinned;
  }

  show(view) {
    this.tau.value = view.tau;
    this.tauText.textContent = view.tau.toFixed(2);
    this.opacity.value = view.opacity;
    this.size.value = view.tile;
    this.isRaw = view.raw;
    this.raw.setAttribute("aria-pressed", String(view.raw));
    this.wiping = view.wipe !== null;
    this.wipe.value = view.wipe ?? 0.5;
    this.wipe.disabled = !this.wiping;
    this.wipes.setAttribute("aria-pressed", String(this.wiping));
    this.projection.value = view.map;
    this.colorBy.value = view.color;
    press(this.overlay, view.overlay);
    press(this.tool, view.tool);
    this.tauBox.classList.toggle("cx-off", !overlayOf(view.overlay).relations);
  }
}

const keyOf = (value) => 1 + OVERLAYS.indexOf(overlayOf(value));

/** A control with its name above it; not a `label`, as a click on its words would press the first button in it. */
function field(words, control) {
  return make("div", { class: "cx-field" }, make("span", { class: "cx-label" }, words), control);
}

function select(id, words, choices, choose) {
  const options = choices.map(([value, words]) => make("option", { value }, words));
  return make("select", { class: "cx-select", "aria-label": words, "data-testid": id, onchange: (event) => choose(event.target.value) }, ...options);
}

/** Buttons of which one is pressed: [value, words, title, key]. */
function segments(id, words, choices, choose) {
  const buttons = choices.map(([value, text, title, digit]) =>
    make(
      "button",
      { type: "button", role: "radio", "data-value": value, title: title || (digit ? `${text} (${digit})` : text),
        onclick: (event) => { event.preventDefault(); choose(value); } },
      digit ? make("kbd", { "aria-hidden": "true" }, String(digit)) : null, text,
    ),
  );
  return make("span", { class: "cx-segments", role: "radiogroup", "aria-label": words, "data-testid": id }, ...buttons);
}

function press(group, value) {
  group.dataset.value = value;
  for (const button of group.children) button.setAttribute("aria-checked", String(button.dataset.value === value));
}
