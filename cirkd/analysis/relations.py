"""Relation matrices and relation divergence of the pixels in view, by the functions that training uses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8

from cirkd.features.feature_set import FeatureSet

ORDERS = ("class", "position")


@dataclass(frozen=True)
class Run:
    """A run of equal labels along a matrix's side: positions start..stop-1 have this label (for ticks and lines)."""

    label: int
    start: int
    stop: int


@dataclass(frozen=True, eq=False)
class RelationPair:
    """The relations (cosine similarities, -1..1) of pixels of one image with pixels of another.

    Attributes:
        matrices: name -> float32 [n, m].
        rows, columns: int64 [n], [m], numbers of the pixels in the feature set.
        row_labels, column_labels: uint8 [n], [m], the class each counts as; 255 = none.
        row_runs, column_runs: runs of equal labels; with order "class" one per class, with "position" one per image
            (then `label` is the image's number).
        image_a, image_b: the images; None = all images in view.
        order: "class" or "position".
        provenance: budget, positions available, grouped_by.
    """

    matrices: dict[str, Float32[np.ndarray, "n m"]]
    rows: Int64[np.ndarray, " n"]
    columns: Int64[np.ndarray, " m"]
    row_labels: UInt8[np.ndarray, " n"]
    column_labels: UInt8[np.ndarray, " m"]
    row_runs: tuple[Run, ...]
    column_runs: tuple[Run, ...]
    image_a: int | None
    image_b: int | None
    order: str
    provenance: dict[str, Any] = field(default_factory=dict)

    def difference(self, first: str, second: str) -> Float32[np.ndarray, "n m"]:
        """Matrix of `first` minus that of `second`, -2..2."""
        return self.matrices[first] - self.matrices[second]


@dataclass(frozen=True, eq=False)
class RegionRelations:
    """Relations of pixels with regions (a region: the mean embedding of one class in one image).

    Attributes:
        matrices: name -> float32 [n, r].
        rows: int64 [n], pixels' numbers; row_labels uint8 [n]; row_runs by class.
        region_image, region_label: int64 [r], which image and class each region is.
    """

    matrices: dict[str, Float32[np.ndarray, "n r"]]
    rows: Int64[np.ndarray, " n"]
    row_labels: UInt8[np.ndarray, " n"]
    row_runs: tuple[Run, ...]
    region_image: Int64[np.ndarray, " r"]
    region_label: Int64[np.ndarray, " r"]
    provenance: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ClassRelations:
    """Mean relation of the pixels of one class with those of another.

    Attributes:
        classes: int64 [K], the classes present.
        counts: int64 [K], pixels of each.
        matrices: name -> float64 [K, K], symmetric, -1..1; a pixel's relation with itself is left out; nan where
            there is no pair.
        across_images: whether only pairs of pixels of two different images count.
    """

    classes: Int64[np.ndarray, " k"]
    counts: Int64[np.ndarray, " k"]
    matrices: dict[str, Float64[np.ndarray, "k k"]]
    across_images: bool
    provenance: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Divergence:
    """Relation divergence KL(teacher row || student row), in nats, of every pixel of every student.

    A pixel's row holds its relations with all P pixels of all images in view, softmax at `temperature`.

    Attributes:
        per_pixel: name -> float32 [P] (students only).
        mean: name -> mean over the pixels.
        by_class: name -> float64 [C], mean over the pixels of a class; nan = absent.
        by_pair: name -> float64 [N, N], mean over the pixels of image i (row) where the row distribution runs over
            the pixels of image j (column) alone: the terms of the mini-batch loss.
        batch_loss: name -> mean of by_pair: what `losses.minibatch_pixel_relation` gives on these embeddings (images
            of one size).
        largest: the largest per-pixel value of all students, for a common colour scale (99.5 % quantile).
        temperature, reference.
        provenance: grouped_by, keys (how many), device, seconds.
    """

    per_pixel: dict[str, Float32[np.ndarray, " p"]]
    mean: dict[str, float]
    by_class: dict[str, Float64[np.ndarray, " c"]]
    by_pair: dict[str, Float64[np.ndarray, "n n"]]
    batch_loss: dict[str, float]
    largest: float
    temperature: float
    reference: str
    provenance: dict[str, Any] = field(default_factory=dict)


def relation_pair(
    features: FeatureSet,
    image_a: int | None = 0,
    image_b: int | None = 1,
    order: str = "class",
    budget: int = 256,
) -> RelationPair:
    """Relation matrices of two images (None = all), at most `budget` positions each, evenly spread over the grid.

    Raises:
        StudyError: no such image or order.
    """
    raise NotImplementedError


def region_relations(features: FeatureSet, image: int | None = 0, budget: int = 256) -> RegionRelations:
    """Relations of an image's pixels (None = all images) with every region of the images in view."""
    raise NotImplementedError


def divergence(features: FeatureSet, temperature: float = 0.1, reference: str = "teacher") -> Divergence:
    """Relation divergence of every other model to the reference (the first model where it is missing).

    Raises:
        StudyError: the temperature is not above 0, or there is no model to compare with.
    """
    raise NotImplementedError


def class_means(features: FeatureSet, across_images: bool = False) -> ClassRelations:
    """Class-by-class mean relations of every model."""
    raise NotImplementedError
