// What the tiles show as a heatmap, and the numbers behind it.

import { packed, ramp } from "./colors.js";
import { distribution, meanRowDivergence, similarities } from "./similarity.js";
import { vectorised } from "./vectors.js";

/** What tiles can show, in the order of the keys 1 to 6; `relations`: whether it has to do with a temperature. */
export const OVERLAYS = [
  { value: "image", words: "Image" },
  { value: "labels", words: "Labels" },
  { value: "prediction", words: "Prediction" },
  { value: "similarity", words: "Similarity" },
  { value: "relation", words: "Relation distribution", relations: true },
  { value: "divergence", words: "Relation divergence", relations: true },
];

export const overlayOf = (value) => OVERLAYS.find((overlay) => overlay.value === value);

export class Heat {
  constructor(block, look) {
    this.block = block;
    this.table = Uint32Array.from(ramp(look.sequential), (color) => packed(color));
    this.rows = new Map(block.models.map((model) => [model.name, new Float32Array(block.positions)]));
    this.shares = new Map(block.models.map((model) => [model.name, new Float32Array(block.positions)]));
    this.fast = new Map(block.models.map((model) => [model, vectorised(model)]));
    this.position = -1; // whose similarities `rows` hold
    this.sharesOf = null; // which position and temperature `shares` hold
    this.tops = [];
  }

  /** Every model's cosines with a position. */
  relate(position) {
    if (position === this.position) return this.rows;
    for (const [model, fast] of this.fast) {
      const out = this.rows.get(model.name);
      if (fast) fast(position, out);
      else similarities(model, position, out);
    }
    this.position = position;
    return this.rows;
  }

  /** Every model's relation distributions of a position, one for each image; `tops`: each image's largest share. */
  distribute(position, tau) {
    this.relate(position);
    const key = `${position} ${tau}`;
    if (this.sharesOf === key) return this.shares;
    this.tops = this.block.images.map(({ start, end }) =>
      Math.max(...this.block.models.map(({ name }) => distribution(this.rows.get(name), start, end, tau, this.shares.get(name)))),
    );
    this.sharesOf = key;
    return this.shares;
  }

  /** Each student's divergence of a position's rows from the reference's, in nats: name -> mean over the images. */
  rowDivergences(position, tau) {
    this.relate(position);
    const { reference, images, models } = this.block;
    const others = models.filter(({ name }) => name !== reference);
    const own = this.rows.get(reference);
    return Object.fromEntries(others.map(({ name }) => [name, meanRowDivergence(own, this.rows.get(name), images, tau)]));
  }

  /** Paint all tiles for an overlay and the position in focus (-1: none). */
  paint(tiles, overlay, position, tau) {
    if (overlay === "similarity" && position >= 0) {
      const rows = this.relate(position);
      for (const tile of tiles) tile.drawHeat(rows.get(tile.model.name), this.block.low, 1, this.table);
    } else if (overlay === "relation" && position >= 0) {
      const shares = this.distribute(position, tau);
      for (const tile of tiles) tile.drawHeat(shares.get(tile.model.name), 0, this.tops[tile.index], this.table, true);
    } else if (overlay === "divergence" && this.block.divergence) {
      const { values, largest } = this.block.divergence;
      for (const tile of tiles) tile.drawHeat(values[tile.model.name] ?? null, 0, largest, this.table);
    } else {
      for (const tile of tiles) tile.drawHeat(null);
    }
  }
}
