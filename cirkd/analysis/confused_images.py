"""The pixels of one cell of a confusion matrix: in which images they are, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, UInt8

from cirkd.data.errors import StudyError
from cirkd.features.extract import extract
from cirkd.features.feature_set import FeatureSet

if TYPE_CHECKING:
    from cirkd.analysis.split_scores import SplitScores
    from cirkd.cache import Cache
    from cirkd.data.sample import SegmentationData


@dataclass(frozen=True, eq=False)
class ConfusedImage:
    """An image with pixels of one label that a model takes for one class.

    Attributes:
        name, image: uint8 [H, W, 3].
        mask: bool [H, W], where they are.
        pixels: how many; labelled: how many pixels of the image have that label.
        middle: (y, x) of one of them, about in the middle of the others, as shares of the image's sides.
    """

    name: str
    image: UInt8[np.ndarray, "h w 3"]
    mask: Bool[np.ndarray, "h w"]
    pixels: int
    labelled: int
    middle: tuple[float, float]


def confused_images(
    features: FeatureSet, model: str, label: int, predicted: int, count: int = 6
) -> list[ConfusedImage]:
    """The images with the most pixels of this label that a model takes for that class, most first.

    With `predicted` the same as `label`, those that it gets right.

    Raises:
        StudyError: no labels, no such model or class, or a model of other classes than the labels'.
    """
    if features.labels is None or model not in features.models or not features.models[model].comparable:
        raise StudyError(f"{model}: no predictions here that labels could be compared with; choose labelled images")
    if not 0 <= min(label, predicted) <= max(label, predicted) < len(features.classes):
        raise StudyError(f"classes {label} and {predicted}: numbers below {len(features.classes)} are wanted")
    found = []
    for number, truth in enumerate(features.labels):
        own = truth == label
        mask = own & (features.models[model].prediction_maps[number] == predicted)
        if pixels := int(mask.sum()):
            y, x = np.add(middle(mask), 0.5).tolist()
            name, image = features.image_names[number], features.images[number]
            found.append(
                ConfusedImage(name, image, mask, pixels, int(own.sum()), (y / mask.shape[0], x / mask.shape[1]))
            )
    return sorted(found, key=lambda item: -item.pixels)[:count]


def confused_of_split(
    scores: SplitScores,
    network: Any,
    samples: SegmentationData,
    view: FeatureSet,
    cell: tuple[str, int, int],
    count: int,
    kept: Cache,
) -> list[ConfusedImage]:
    """The same of a whole split whose confusion is known: the network runs once more, over these images alone.

    Args:
        samples: of the split; view: of the images in view, for classes and settings; cell: model, label, predicted.
    """
    pixels = scores.confused(*cell)
    most = [int(i) for i in np.argsort(-pixels, kind="stable")[:count] if pixels[i]]
    if not most:
        return []
    settings = {name: view.provenance[name] for name in ("device", "precision")}
    shown = extract({cell[0]: network}, [samples[i] for i in most], **settings, classes=view.classes, kept=kept)
    return confused_images(shown, *cell, count)


def middle(mask: Bool[np.ndarray, "h w"]) -> tuple[int, int]:
    """Row and column of the marked pixel that is nearest to the mean place of all of them."""
    places = np.argwhere(mask)
    row, column = places[((places - places.mean(axis=0)) ** 2).sum(axis=1).argmin()]
    return int(row), int(column)
