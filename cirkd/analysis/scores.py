"""How well each model segments the images in view, and which pixels distillation fixed and broke."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8

from cirkd.data.errors import StudyError
from cirkd.features.feature_set import IGNORED, FeatureSet, ModelFeatures

SAME_CORRECT, SAME_WRONG, FIXED, BROKEN, UNLABELLED = 0, 1, 2, 3, IGNORED
CHANGES = ("right in both", "wrong in both", "fixed", "broken")
"""The names of the values 0..3 of a change map."""


@dataclass(frozen=True, eq=False)
class ModelScore:
    """One model's scores; all from one confusion matrix over all images in view, never a mean over images.

    Attributes:
        miou: mean of `iou` over the classes that are labelled in these images, 0..1; nan if it cannot be scored.
        iou: float64 [C], intersection over union, 0..1; nan = the class is not labelled in these images.
        pixel_accuracy: share of labelled pixels predicted right, 0..1.
        class_accuracy: float64 [C], share of a class's pixels predicted right (recall); nan = absent.
        confusion: int64 [C, C], rows = label, columns = prediction, in pixels of the full-resolution images; without
            predictions of classes that the labels do not have.
        image_miou, image_accuracy: float64 [N], the same for each image by itself; nan = unlabelled.
        note: why it could not be scored ("" = it was).
    """

    miou: float
    iou: Float64[np.ndarray, " c"]
    pixel_accuracy: float
    class_accuracy: Float64[np.ndarray, " c"]
    confusion: Int64[np.ndarray, "c c"]
    image_miou: Float64[np.ndarray, " n"]
    image_accuracy: Float64[np.ndarray, " n"]
    note: str = ""


@dataclass(frozen=True, eq=False)
class Scores:
    """The scores of every model on the images in view.

    Attributes:
        models: name -> score, in the feature set's order.
        labelled: int64 [C], pixels of each class in the full-resolution label maps of these images.
    """

    models: dict[str, ModelScore]
    labelled: Int64[np.ndarray, " c"]
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def present(self) -> Bool[np.ndarray, " c"]:
        """bool [C], classes labelled in these images."""
        return self.labelled > 0

    @property
    def pixels(self) -> int:
        """How many labelled pixels were scored."""
        return int(self.labelled.sum())

    def iou_change(self, before: str, after: str) -> Float64[np.ndarray, " c"]:
        """IoU of `after` minus that of `before`, [C], -1..1; nan = absent."""
        return self.models[after].iou - self.models[before].iou

    def compares(self, before: str, after: str) -> bool:
        """Whether both models are here and could be scored: a model of other classes than the labels' has no IoU."""
        return all(name in self.models and not self.models[name].note for name in (before, after))


@dataclass(frozen=True, eq=False)
class PixelChange:
    """What changed from one model to another, per pixel of the full-resolution images.

    Attributes:
        before, after: the two models.
        maps: uint8 [H, W] per image: 0 right in both, 1 wrong in both, 2 fixed, 3 broken, 255 unlabelled.
        grid: uint8 [P], the same on the grid (grid predictions against grid labels), to colour scatters by.
        counts: "right in both", "wrong in both", "fixed", "broken", "unlabelled" -> pixels of the maps.
        by_class: int64 [C, 4], the first four counts by labelled class.
        by_image: int64 [N, 4], the first four counts by image.
        note: why nothing could be compared ("" = it was).
    """

    before: str
    after: str
    maps: tuple[UInt8[np.ndarray, "_ _"], ...]
    grid: UInt8[np.ndarray, " p"]
    counts: dict[str, int]
    by_class: Int64[np.ndarray, "c 4"]
    by_image: Int64[np.ndarray, "n 4"]
    provenance: dict[str, Any] = field(default_factory=dict)
    note: str = ""


def scores(features: FeatureSet) -> Scores:
    """Score every model; without labels every number is nan and the note says so.

    Source: IoU = TP / (TP + FP + FN) of the data set's confusion matrix, as in the method's evaluation; here over the
    images in view. Classes that no image shows are nan and do not enter the mean, so all models are averaged over
    the same classes.
    """
    count, images = len(features.classes), len(features.images)
    labelled = np.zeros(count, np.int64)
    for label in features.labels or ():
        labelled += np.bincount(label.reshape(-1), minlength=256)[:count]
    found = {}
    for name, model in features.models.items():
        note = _why_not(features, model)
        if note or features.labels is None:
            found[name] = unscored(count, images, note)
        else:
            pairs = zip(features.labels, model.prediction_maps, strict=True)
            found[name] = score_of(confusion(label, prediction, count) for label, prediction in pairs)
    provenance = {"images": images, "resolution": "full", "absent": "classes labelled nowhere are nan, not averaged"}
    return Scores(found, labelled, provenance)


def pixel_change(features: FeatureSet, before: str = "before", after: str = "after") -> PixelChange:
    """Which pixels `after` gets right that `before` got wrong, and the other way round.

    Without labels every pixel is 255 and the note says so.

    Raises:
        StudyError: one of the two models is not there.
    """
    old, new, note = _compared(features, before, after)
    count = len(features.classes)
    if note or features.labels is None:
        truth = [np.full(item.shape, UNLABELLED, np.uint8) for item in old.prediction_maps]
    else:
        truth = list(features.labels)
    maps = tuple(_change(t, a, b) for t, a, b in zip(truth, old.prediction_maps, new.prediction_maps, strict=True))
    by_image = np.stack([np.bincount(item.reshape(-1), minlength=256)[:4] for item in maps])
    by_class = np.sum([_changes_by_class(t, item, count) for t, item in zip(truth, maps, strict=True)], axis=0)
    counts = {name: int(value) for name, value in zip(CHANGES, by_image.sum(0), strict=True)}
    counts["unlabelled"] = int(sum(item.size for item in maps) - by_image.sum())
    return PixelChange(
        before=before,
        after=after,
        maps=maps,
        grid=grid_change(features, before, after),
        counts=counts,
        by_class=by_class,
        by_image=by_image,
        provenance={"resolution": "full", "pixels": int(by_image.sum())},
        note=note,
    )


def grid_change(features: FeatureSet, before: str = "before", after: str = "after") -> UInt8[np.ndarray, " p"]:
    """What changed at every pixel, as in `PixelChange.grid`; a sample of pixels will do.

    Raises:
        StudyError: one of the two models is not there.
    """
    old, new, note = _compared(features, before, after)
    truth = np.full(len(features.pixels), UNLABELLED, np.uint8) if note else features.pixels.label
    return _change(truth, old.prediction, new.prediction)


def _compared(features: FeatureSet, before: str, after: str) -> tuple[ModelFeatures, ModelFeatures, str]:
    """The two models, and why they can't be compared with labels ("" = they can)."""
    for name in (before, after):
        if name not in features.models:
            raise StudyError(f"there is no model {name!r} to compare; this study has: {', '.join(features.models)}")
    old, new = features.models[before], features.models[after]
    return old, new, _why_not(features, old) or _why_not(features, new)


def confusion(
    label: UInt8[np.ndarray, "*shape"], prediction: UInt8[np.ndarray, "*shape"], count: int
) -> Int64[np.ndarray, "c c+1"]:
    """Confusion matrix [count, count + 1], rows = label, columns = prediction; labels >= count are ignored.

    The last column counts predictions of classes that the labels do not have.
    """
    counted = label < count
    cells = label[counted].astype(np.int64) * (count + 1) + np.minimum(prediction[counted], count)
    return np.bincount(cells, minlength=count * (count + 1)).reshape(count, count + 1)


def score_of(matrices: Iterable[Int64[np.ndarray, "c c+1"]]) -> ModelScore:
    """A model's scores from the confusion matrix of each image, as of `confusion`; there is at least one image."""
    found = list(matrices)
    total, images = np.sum(found, axis=0), [_ratios(matrix) for matrix in found]
    iou, recall, accuracy = _ratios(total)
    return ModelScore(
        miou=_mean(iou),
        iou=iou,
        pixel_accuracy=accuracy,
        class_accuracy=recall,
        confusion=total[:, :-1],
        image_miou=np.array([_mean(item[0]) for item in images]),
        image_accuracy=np.array([item[2] for item in images]),
    )


def _ratios(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """IoU [C], recall [C] (nan where no pixel has the label) and accuracy of a confusion matrix."""
    right, labelled = np.diag(matrix), matrix.sum(axis=1)
    union = labelled + matrix.sum(axis=0)[:-1] - right
    nowhere = labelled == 0
    iou = np.where(nowhere, np.nan, right / np.maximum(union, 1))
    recall = np.where(nowhere, np.nan, right / np.maximum(labelled, 1))
    total = int(matrix.sum())
    return iou, recall, float(right.sum() / total) if total else float("nan")


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def unscored(count: int, images: int, note: str) -> ModelScore:
    """The score of a model that has none, and why."""
    nothing, by_image = score_of([np.zeros((count, count + 1), np.int64)]), np.full(images, np.nan)
    return replace(nothing, image_miou=by_image, image_accuracy=by_image.copy(), note=note)


def _why_not(features: FeatureSet, model: ModelFeatures) -> str:
    if features.labels is None:
        return "no image in view is labelled"
    return "" if model.comparable else f"{model.name} predicts other classes than the labels"


def _change(label: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    was, now = before == label, after == label
    change = np.select([was & now, ~was & ~now, now], [SAME_CORRECT, SAME_WRONG, FIXED], BROKEN).astype(np.uint8)
    change[label == UNLABELLED] = UNLABELLED
    return change


def _changes_by_class(label: np.ndarray, change: np.ndarray, count: int) -> np.ndarray:
    counted = label < count
    cells = label[counted].astype(np.int64) * 4 + change[counted]
    return np.bincount(cells, minlength=count * 4).reshape(count, 4)
