"""What a handful of chosen pixels consists of: their classes and their images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cirkd.features.feature_set import FeatureSet


@dataclass(frozen=True)
class Composition:
    """The make-up of some pixels.

    Attributes:
        pixels: how many.
        classes: (class, pixels), most frequent first; class 255 = in no class.
        images: (image's number, pixels), in the images' order; only images that have some.
        grouped_by: what a pixel's class is: "label" or "prediction of NAME".
    """

    pixels: int
    classes: tuple[tuple[int, int], ...]
    images: tuple[tuple[int, int], ...]
    grouped_by: str


def composition(features: FeatureSet, pixels: Sequence[int]) -> Composition:
    """Count classes and images among some pixels, given by their numbers in the feature set."""
    chosen = np.asarray(pixels, dtype=np.int64)
    grouping = features.grouping()
    classes = sorted(_counts(grouping.values[chosen]), key=lambda pair: (-pair[1], pair[0]))
    images = _counts(features.pixels.image[chosen])
    return Composition(len(chosen), tuple(classes), tuple(images), grouping.source)


def _counts(values: np.ndarray) -> list[tuple[int, int]]:
    found, counts = np.unique(values, return_counts=True)
    return [(int(v), int(c)) for v, c in zip(found, counts, strict=True)]
