"""Training augmentation: random scale, crop, flip and colour, drawn from a generator that comes in."""

from dataclasses import dataclass

import numpy as np

from cirkd.data.images import resize_image, resize_label, scaled_size
from cirkd.data.sample import Sample


@dataclass(frozen=True)
class Augmentation:
    """What a training crop looks like.

    Args:
        crop: Height and width of the crop in pixels of the network's input.
        scale: Smallest and largest factor by which an image is resized before cropping, relative to the size at which
            the network sees it.
        flip: Probability of a horizontal flip.
        color: Largest relative change of brightness, contrast and saturation; 0 leaves colours alone.
    """

    crop: tuple[int, int]
    scale: tuple[float, float] = (0.5, 2.0)
    flip: float = 0.5
    color: float = 0.3


def augment(
    sample: Sample,
    augmentation: Augmentation,
    rng: np.random.Generator,
    *,
    ignore_index: int,
    fill: np.ndarray,
    input_scale: float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one training crop of a labelled sample.

    Images smaller than the crop are padded with `fill` (uint8 `[3]`) and their labels with `ignore_index`.

    Args:
        input_scale: Of a network that sees images at another size than they have; the random scale comes on top.

    Returns:
        uint8 image `[h, w, 3]` and uint8 label `[h, w]`, of the crop's size.

    Raises:
        ValueError: the sample has no label map.
    """
    if sample.label is None:
        raise ValueError(f"{sample.name}: training needs a label map")
    factor = float(np.exp(rng.uniform(*np.log(augmentation.scale))))
    size = scaled_size(sample.label.shape, factor * input_scale)
    image, label = resize_image(sample.image, size), resize_label(sample.label, size)
    image, label = _random_crop(image, label, augmentation.crop, rng, ignore_index, fill)
    if rng.random() < augmentation.flip:
        image, label = image[:, ::-1], label[:, ::-1]
    if augmentation.color > 0:
        image = _jitter_color(image, augmentation.color, rng)
    return np.ascontiguousarray(image), np.ascontiguousarray(label)


def _random_crop(
    image: np.ndarray,
    label: np.ndarray,
    crop: tuple[int, int],
    rng: np.random.Generator,
    ignore_index: int,
    fill: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    missing = [max(0, wanted - have) for wanted, have in zip(crop, label.shape, strict=True)]
    if any(missing):
        canvas = np.full((label.shape[0] + missing[0], label.shape[1] + missing[1], 3), fill, np.uint8)
        canvas[: label.shape[0], : label.shape[1]] = image
        image = canvas
        label = np.pad(label, ((0, missing[0]), (0, missing[1])), constant_values=ignore_index)
    top = int(rng.integers(0, label.shape[0] - crop[0] + 1))
    left = int(rng.integers(0, label.shape[1] - crop[1] + 1))
    window = slice(top, top + crop[0]), slice(left, left + crop[1])
    return image[window], label[window]


def _jitter_color(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    brightness, contrast, saturation = rng.uniform(1 - strength, 1 + strength, size=3)
    values = image.astype(np.float32) * brightness
    values = (values - values.mean()) * contrast + values.mean()
    grey = values @ np.array([0.299, 0.587, 0.114], np.float32)
    values = grey[..., None] + (values - grey[..., None]) * saturation
    return np.clip(values, 0, 255).astype(np.uint8)
