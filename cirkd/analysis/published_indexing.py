"""What the authors' published code stores in its pixel queues, beside what belongs there, on the same images."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64, Int64

from cirkd.data.errors import StudyError
from cirkd.features.feature_set import FeatureSet

if TYPE_CHECKING:
    from cirkd.data.sample import Classes
    from cirkd.features.feature_set import Grouping
    from cirkd.losses.pixel_choice import Indexing

PIXELS_PER_CLASS = 16
OWN, PUBLISHED = "own", "published"


@dataclass(frozen=True, eq=False)
class StoredPixels:
    """The pixels that one training step on the images in view would put into the pixel queue.

    Attributes:
        classes: names and colours.
        present: int64 [K], the classes that occur.
        pixels: "own" (the class's own pixels) and "published" -> int64 [n], the pixels stored; stored_as: int64 [n],
            the class each is stored under.
        purity: "own" and "published" -> float64 [K], share of what is stored under a class that belongs to it,
            expected over all draws; 0..1.
        holds: "own" and "published" -> float64 [K, K + 1], expected share of what is stored under a class (row) by
            what it is (column); the last column: pixels of no class.
        provenance: pixels_per_class, seed, grouped_by, images.

    Source: github.com/winycg/CIRKD, the update of its pixel queue; behaviour only.
    """

    classes: Classes
    present: Int64[np.ndarray, " k"]
    pixels: dict[str, Int64[np.ndarray, " n"]]
    stored_as: dict[str, Int64[np.ndarray, " n"]]
    purity: dict[str, Float64[np.ndarray, " k"]]
    holds: dict[str, Float64[np.ndarray, "k k1"]]
    provenance: dict[str, Any] = field(default_factory=dict)

    def mean_purity(self, kind: str) -> float:
        """Mean purity over the classes that occur, 0..1."""
        return float(self.purity[kind].mean())


def stored_pixels(features: FeatureSet, per_class: int = PIXELS_PER_CLASS, seed: int = 0) -> StoredPixels:
    """Both choices on the images in view, by the function that training uses.

    Raises:
        StudyError: no pixel belongs to a class, or less than one pixel per class is asked for.
    """
    if per_class < 1:
        raise StudyError(f"{per_class} pixels per class: choose at least 1")
    grouping = features.grouping()
    present = np.array(grouping.present(), np.int64)
    if not len(present):
        raise StudyError("no pixel in view belongs to a class; choose other images")
    kinds: tuple[Indexing, ...] = ("own", "published")
    drawn = {kind: _draw(features, grouping, kind, per_class, seed) for kind in kinds}
    holds = _expected(features, grouping.values, present, per_class)
    return StoredPixels(
        classes=grouping.classes,
        present=present,
        pixels={kind: pixels for kind, (pixels, _) in drawn.items()},
        stored_as={kind: classes for kind, (_, classes) in drawn.items()},
        purity={kind: np.diag(table[:, :-1]).copy() for kind, table in holds.items()},
        holds=holds,
        provenance={
            "pixels_per_class": per_class,
            "seed": seed,
            "grouped_by": grouping.source,
            "images": len(features.images),
        },
    )


def _draw(
    features: FeatureSet, grouping: Grouping, kind: Indexing, per_class: int, seed: int
) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " n"]]:
    """One way's choice: the pixels, and the classes they are stored under. Images may differ in size."""
    import torch

    from cirkd.losses.pixel_choice import choose_pixels

    pixels, stored_as = [], []
    for image in range(len(features.images)):
        labels = torch.from_numpy(features.pixels.grid_map(grouping.values, image).astype(np.int64))[None]
        generator = torch.Generator().manual_seed(seed * 10_007 + image)
        (positions,), (classes,) = choose_pixels(labels, len(grouping.classes), per_class, generator, kind)
        pixels.append(positions[classes >= 0].numpy() + features.pixels.of_image(image).start)
        stored_as.append(classes[classes >= 0].numpy())
    return np.concatenate(pixels), np.concatenate(stored_as)


def _expected(
    features: FeatureSet, values: np.ndarray, present: np.ndarray, per_class: int
) -> dict[str, Float64[np.ndarray, "k k1"]]:
    """Expected share of what is stored under each class by what it is, both ways."""
    size = len(present)
    place = np.full(256, size)
    place[present] = np.arange(size)
    total = np.zeros((size, size + 1))
    for image in range(len(features.images)):
        kinds = place[values[features.pixels.of_image(image)]]
        for k, count in enumerate(np.bincount(kinds, minlength=size + 1)[:size]):
            # Any of the first `count` positions is as likely as any other.
            first = np.bincount(kinds[:count], minlength=size + 1)
            total[k] += min(per_class, count) * first / max(count, 1)
    return {OWN: np.eye(size, size + 1), PUBLISHED: total / total.sum(axis=1, keepdims=True)}
