// Photos and class maps, decoded once and shared by the tiles.

import { make } from "./dom.js";

/** Decode all pictures of a block: { photos, greys, labels, predictions: { model: [...] } }, one per image. */
export async function decode(block) {
  const photos = await Promise.all(block.images.map((image) => bitmap(image.photo)));
  const labels = await Promise.all(block.images.map((image) => image.label && bitmap(image.label)));
  const predictions = {};
  for (const model of block.models) predictions[model.name] = await Promise.all(model.pictures.map(bitmap));
  return { photos, greys: photos.map(grey), labels, predictions };
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
