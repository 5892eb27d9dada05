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
    drawn = [
        _draw(features, grouping.values, image, len(grouping.classes), per_class, seed)
        for image in range(len(features.images))
    ]
    pixels = {kind: np.concatenate([part[kind][0] for part in drawn]) for kind in (OWN, PUBLISHED)}
    stored = {kind: np.concatenate([part[kind][1] for part in drawn]) for kind in (OWN, PUBLISHED)}
    holds = _expected(features, grouping.values, present, per_class)
    return StoredPixels(
        classes=grouping.classes,
        present=present,
        pixels=pixels,
        stored_as=stored,
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
    features: FeatureSet, values: np.ndarray, image: int, count: int, per_class: int, seed: int
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """One image's choice: kind -> (pixels, classes they are stored under). Images may differ in size."""
    import torch

    from cirkd.losses.pixel_choice import choose_pixels

    labels = torch.from_numpy(features.pixels.grid_map(values, image).astype(np.int64))[None]
    start = features.pixels.of_image(image).start

    def generator() -> torch.Generator:
        return torch.Generator().manual_seed(seed * 10_007 + image)

    def chosen(kind: Indexing) -> tuple[np.ndarray, np.ndarray]:
        (positions,), (classes,) = choose_pixels(labels, count, per_class, generator(), kind)
        stored = classes >= 0
        return positions[stored].numpy() + start, classes[stored].numpy()

    return {OWN: chosen("own"), PUBLISHED: chosen("published")}


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
