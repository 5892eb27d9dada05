// Photos and class maps, decoded once and shared by the tiles.

import { make } from "./dom.js";
import { finer, guide } from "./smooth.js";

/** Decode all pictures of a block: { photos, greys, labels, predictions: { model: [...] } }, one per image. */
export async function decode(block) {
  const photos = await Promise.all(block.images.map((image) => bitmap(image.photo)));
  const labels = await Promise.all(block.images.map((image) => image.label && bitmap(image.label)));
  const predictions = {};
  for (const model of block.models) predictions[model.name] = await Promise.all(model.pictures.map(bitmap));
  return { photos, greys: photos.map(grey), labels, predictions };
}

/** How many times finer than its grid each image's heatmaps are drawn, and by which guides; null = as they are. */
export function guides(block, photos) {
  const factor = finer(block.positions * block.models.length);
  if (factor < 2) return { factor: 1, guides: photos.map(() => null) };
  const made = block.images.map(({ grid: [rows, columns] }, i) => {
    const canvas = make("canvas");
    [canvas.width, canvas.height] = [columns * factor, rows * factor];
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.imageSmoothingQuality = "high";
    context.drawImage(photos[i], 0, 0, canvas.width, canvas.height);
    return guide(context.getImageData(0, 0, canvas.width, canvas.height).data, rows, columns, factor);
  });
  return { factor, guides: made };
}

function bitmap(picture) {
  return createImageBitmap(new Blob([picture.bytes], { type: picture.type }));
}

function grey(photo) {
  const canvas = make("canvas");
  [canvas.width, canvas.height] = [photo.width, photo.height];
  const context = canvas.getContext("2d");
  context.drawImage(photo, 0, 0);
  context.globalCompositeOperation = "saturation"; // unlike a filter, every browser has it
  context.fillStyle = "#808080";
  context.fillRect(0, 0, canvas.width, canvas.height);
  return canvas;
}
