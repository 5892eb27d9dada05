"""Which few images of a data set show it best."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cirkd.features.sampling import evenly

if TYPE_CHECKING:
    from cirkd.data.sample import SegmentationData

ENOUGH = 0.004
"""Share of an image at which a class counts as well visible in it."""
LOOKED_AT = 160


def telling_images(data: SegmentationData, count: int = 6) -> tuple[int, ...]:
    """Numbers of `count` images, ascending, that together show as many classes as possible, and differ.

    Greedy: each image taken adds the most to what is visible of every class and to how little it looks like those
    taken before; another scene (names are SCENE_VIEW) counts as much as one more class. Without labels the images
    are spread evenly. At most `LOOKED_AT` images, spread evenly, are opened. The same data give the same answer.
    """
    candidates = evenly(len(data), LOOKED_AT)
    classes = data.classes
    # Where a data set can read a label without its image, that is several times faster.
    read = getattr(data, "label", lambda i: data[i].label)
    if classes is None or read(candidates[0]) is None:
        return tuple(evenly(len(data), count))
    labels = [read(i) for i in candidates]
    visible = np.stack([_visible(label, len(classes)) for label in labels])
    sketches = np.stack([_sketch(label) for label in labels])
    scenes = np.array([data.names[i].rpartition("_")[0] or data.names[i] for i in candidates])
    best, unlike, chosen = np.zeros(len(classes)), np.ones(len(candidates)), []
    for _ in range(min(count, len(candidates))):
        gain = (
            np.maximum(visible - best, 0).sum(axis=1)
            + unlike
            + ~np.isin(scenes, scenes[chosen])
            + 0.02 * visible.sum(axis=1)
        )
        gain[chosen] = -1.0
        chosen.append(int(gain.argmax()))
        best = np.maximum(best, visible[chosen[-1]])
        unlike = np.minimum(unlike, (sketches != sketches[chosen[-1]]).mean(axis=(1, 2)))
    return tuple(sorted(candidates[i] for i in chosen))


def _sketch(label: np.ndarray | None, size: tuple[int, int] = (16, 32)) -> np.ndarray:
    """A label map of a few pixels, to tell images that look alike by."""
    if label is None:
        return np.full(size, 255, np.uint8)
    rows, columns = (np.arange(n) * side // n for n, side in zip(size, label.shape, strict=True))
    return label[rows[:, None], columns[None, :]]


def _visible(label: np.ndarray | None, classes: int) -> np.ndarray:
    """How well each class is visible in an image, 0..1."""
    if label is None:
        return np.zeros(classes)
    share = np.bincount(label.ravel(), minlength=256)[:classes] / label.size
    return np.minimum(share / ENOUGH, 1.0)
