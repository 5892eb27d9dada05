"""What to look at: places where distillation changed most or classes are confused, and the images that tell most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Bool, Float64, UInt8

from cirkd.data.errors import StudyError
from cirkd.features.extract import extract
from cirkd.features.feature_set import FeatureSet
from cirkd.features.sampling import evenly

if TYPE_CHECKING:
    from cirkd.analysis.scores import PixelChange
    from cirkd.analysis.split_scores import SplitScores
    from cirkd.cache import Cache
    from cirkd.data.sample import SegmentationData

Kind = Literal["fixed", "broken"]
CODES: dict[Kind, int] = {"fixed": 2, "broken": 3}
"""Their numbers in `PixelChange.maps`."""
_HEIGHT = 0.45
"""Of a place, as a share of its image's height; it is a third wider than high."""
LEAST = 0.02
"""Share of a place's pixels that must have changed: less is not worth a picture."""
ENOUGH = 0.004
"""Share of an image at which a class counts as well visible in it."""
LOOKED_AT = 160


@dataclass(frozen=True)
class ChangedPlace:
    """A rectangle of one image in which much was fixed, or broken.

    Attributes:
        kind: "fixed" = wrong before, right after; "broken" = the other way round.
        image: its number; top, left, height, width: in pixels of the image.
        share: of the rectangle's pixels that changed this way, 0..1.
        middle: (row, column) in pixels of a pixel that changed this way, about in the middle of those that did.
        label, other: what most of them are labelled, and what most of those the student that was wrong took for it.
    """

    kind: Kind
    image: int
    top: int
    left: int
    height: int
    width: int
    share: float
    middle: tuple[int, int]
    label: str
    other: str

    def cut(self, picture: np.ndarray) -> np.ndarray:
        """The part of a picture [H, W, ...] of the whole image."""
        return picture[self.top : self.top + self.height, self.left : self.left + self.width]


def changed_places(features: FeatureSet, change: PixelChange, count: int = 3) -> list[ChangedPlace]:
    """The places where most was fixed and most was broken, in turn; no two overlap.

    A place counts the pixels of its kind less those of the other, so that one that is fixed and broken alike is none.

    Args:
        count: places at most; there are fewer where little changed.

    Raises:
        StudyError: the two students cannot be compared.
    """
    if change.note:
        raise StudyError(change.note)
    taken = [np.zeros(values.shape, bool) for values in change.maps]
    found: list[ChangedPlace] = []
    kinds: list[Kind] = ["fixed", "broken"]
    while len(found) < count and kinds:
        kind = kinds[len(found) % len(kinds)]
        place = _best(features, change, kind, taken)
        if place is None:
            kinds.remove(kind)
            continue
        found.append(place)
        taken[place.image][place.top : place.top + place.height, place.left : place.left + place.width] = True
    return found


def _best(features: FeatureSet, change: PixelChange, kind: Kind, taken: Sequence[np.ndarray]) -> ChangedPlace | None:
    best: tuple[float, int, int, int] | None = None
    for image, values in enumerate(change.maps):
        h, w = _size(values)
        gain = np.where(values == CODES[kind], 1.0, np.where(np.isin(values, list(CODES.values())), -1.0, 0.0))
        sums = window_sums(gain, h, w) / (h * w)
        sums[window_sums(taken[image].astype(np.float64), h, w) > 0] = -1
        top, left = divmod(int(sums.argmax()), sums.shape[1])
        if best is None or sums[top, left] > best[0]:
            best = float(sums[top, left]), image, top, left
    if best is None or best[0] < LEAST:
        return None
    _, image, top, left = best
    return _described(features, change, kind, image, top, left)


def _described(features: FeatureSet, change: PixelChange, kind: Kind, image: int, top: int, left: int) -> ChangedPlace:
    values = change.maps[image]
    h, w = _size(values)
    mask = np.zeros(values.shape, bool)
    mask[top : top + h, left : left + w] = values[top : top + h, left : left + w] == CODES[kind]
    wrong = features.models[change.before if kind == "fixed" else change.after].prediction_maps[image]
    labels = (features.labels or ())[image][mask]
    return ChangedPlace(
        kind,
        image,
        top,
        left,
        h,
        w,
        share=int(mask.sum()) / (h * w),
        middle=middle(mask),
        label=_most(labels, features.classes.names),
        other=_most(wrong[mask][labels == _mode(labels)], features.classes.names),
    )


def window_sums(values: Float64[np.ndarray, "h w"], height: int, width: int) -> Float64[np.ndarray, "y x"]:
    """The sum over the window of this size at every place where it fits."""
    whole = np.zeros((values.shape[0] + 1, values.shape[1] + 1))
    whole[1:, 1:] = values.cumsum(0).cumsum(1)
    return whole[height:, width:] - whole[:-height, width:] - whole[height:, :-width] + whole[:-height, :-width]


def _size(values: np.ndarray) -> tuple[int, int]:
    height = max(1, round(_HEIGHT * values.shape[0]))
    return height, min(values.shape[1], round(height * 4 / 3))


def _mode(values: UInt8[np.ndarray, " n"]) -> int:
    return int(np.bincount(values).argmax())


def _most(values: UInt8[np.ndarray, " n"], names: Sequence[str]) -> str:
    code = _mode(values)
    return names[code] if code < len(names) else "nothing"


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
