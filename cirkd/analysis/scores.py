"""How well each model segments the images in view, and which pixels distillation fixed and broke."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8

from cirkd.features.feature_set import FeatureSet

SAME_CORRECT, SAME_WRONG, FIXED, BROKEN, UNLABELLED = 0, 1, 2, 3, 255
CHANGES = ("correct in both", "wrong in both", "fixed", "broken")
"""The names of the values 0..3 of a change map."""


@dataclass(frozen=True, eq=False)
class ModelScore:
    """One model's scores; all from one confusion matrix over all images in view, never a mean over images.

    Attributes:
        miou: mean of `iou` over the classes that are labelled in these images, 0..1; nan if it cannot be scored.
        iou: float64 [C], intersection over union, 0..1; nan = the class is not labelled in these images.
        pixel_accuracy: share of labelled pixels predicted right, 0..1.
        class_accuracy: float64 [C], share of a class's pixels predicted right (recall); nan = absent.
        confusion: int64 [C, C], rows = label, columns = prediction, in pixels of the full-resolution images.
        image_miou, image_accuracy: float64 [N], the same for each image by itself; nan = unlabelled.
        note: why it could not be scored ("" = it was).
    """

    miou: float
    iou: Float64[np.ndarray, "c"]
    pixel_accuracy: float
    class_accuracy: Float64[np.ndarray, "c"]
    confusion: Int64[np.ndarray, "c c"]
    image_miou: Float64[np.ndarray, "n"]
    image_accuracy: Float64[np.ndarray, "n"]
    note: str = ""


@dataclass(frozen=True, eq=False)
class Scores:
    """The scores of every model on the images in view.

    Attributes:
        models: name -> score, in the feature set's order.
        present: bool [C], classes labelled in these images.
        pixels: how many labelled pixels were scored.
    """

    models: dict[str, ModelScore]
    present: Bool[np.ndarray, "c"]
    pixels: int
    provenance: dict[str, Any] = field(default_factory=dict)

    def iou_change(self, before: str, after: str) -> Float64[np.ndarray, "c"]:
        """IoU of `after` minus that of `before`, [C], -1..1; nan = absent."""
        return self.models[after].iou - self.models[before].iou


@dataclass(frozen=True, eq=False)
class PixelChange:
    """What changed from one model to another, per pixel of the full-resolution images.

    Attributes:
        before, after: the two models.
        maps: uint8 [H, W] per image: 0 correct in both, 1 wrong in both, 2 fixed, 3 broken, 255 unlabelled.
        grid: uint8 [P], the same on the grid (grid predictions against grid labels), to colour scatters by.
        counts: "correct in both", "wrong in both", "fixed", "broken", "unlabelled" -> pixels of the maps.
        by_class: int64 [C, 4], the first four counts by labelled class.
        by_image: int64 [N, 4], the first four counts by image.
        note: why nothing could be compared ("" = it was).
    """

    before: str
    after: str
    maps: tuple[UInt8[np.ndarray, "h w"], ...]
    grid: UInt8[np.ndarray, "p"]
    counts: dict[str, int]
    by_class: Int64[np.ndarray, "c 4"]
    by_image: Int64[np.ndarray, "n 4"]
    provenance: dict[str, Any] = field(default_factory=dict)
    note: str = ""


def scores(features: FeatureSet) -> Scores:
    """Score every model; without labels every number is nan and the note says so."""
    raise NotImplementedError


def pixel_change(features: FeatureSet, before: str = "before", after: str = "after") -> PixelChange:
    """Which pixels `after` gets right that `before` got wrong, and the other way round.

    Raises:
        StudyError: one of the two models is not there.
    """
    raise NotImplementedError
