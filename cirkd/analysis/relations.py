"""Relation matrices of the pixels in view, by the functions that training uses."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64, Integer, UInt8

from cirkd.data.errors import StudyError
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


def relation_pair(
    features: FeatureSet,
    image_a: int | None = 0,
    image_b: int | None = 1,
    order: str = "class",
    budget: int = 256,
) -> RelationPair:
    """Relation matrices of two images (None = all), at most `budget` positions a side, evenly spread over the grid.

    With order "class" the pixels stand in class order (those of no class last), within a class by position.

    Raises:
        StudyError: no such image or order, or a budget below 1.
    """
    if order not in ORDERS:
        raise StudyError(f"order {order!r} is unknown; choose one of: {', '.join(ORDERS)}")
    grouping = features.grouping()
    take = pixels_by_class if order == "class" else positions
    rows, columns = take(features, image_a, budget), take(features, image_b, budget)
    by = grouping.values if order == "class" else features.pixels.image
    return RelationPair(
        matrices={
            name: _cosines(model.embedding[rows], model.embedding[columns]) for name, model in features.models.items()
        },
        rows=rows,
        columns=columns,
        row_labels=grouping.values[rows],
        column_labels=grouping.values[columns],
        row_runs=runs(by[rows]),
        column_runs=runs(by[columns]),
        image_a=image_a,
        image_b=image_b,
        order=order,
        provenance={
            "budget": budget,
            "of": (_count(features, image_a), _count(features, image_b)),
            "grouped_by": grouping.source,
        },
    )


def region_relations(features: FeatureSet, image: int | None = 0, budget: int = 256) -> RegionRelations:
    """Relations of an image's pixels (None = all images), in class order, with every region of the images in view.

    A region is the l2-normalised mean of the l2-normalised embeddings of one class in one image; regions come in
    image order, then class order.

    Raises:
        StudyError: no such image, a budget below 1, or no pixel of any class.
    """
    grouping = features.grouping()
    rows = pixels_by_class(features, image, budget)
    count = len(grouping.classes)
    known = grouping.members().known
    code = features.pixels.image.astype(np.int64) * count + grouping.values
    present, member = np.unique(code[known], return_inverse=True)
    matrices = {}
    for name, model in features.models.items():
        # Only the direction of the sum counts: the cosine normalises it.
        sums = group_sums(model.unit_embedding()[known], member, len(present))
        matrices[name] = _cosines(model.embedding[rows], sums.astype(np.float32))
    return RegionRelations(
        matrices=matrices,
        rows=rows,
        row_labels=grouping.values[rows],
        row_runs=runs(grouping.values[rows]),
        region_image=present // count,
        region_label=present % count,
        provenance={"budget": budget, "of": _count(features, image), "grouped_by": grouping.source},
    )


def class_means(features: FeatureSet, across_images: bool = False) -> ClassRelations:
    """Class-by-class mean relations of every model, over all pairs of pixels in view.

    Args:
        across_images: count only pairs whose pixels lie in two different images.

    Raises:
        StudyError: no pixel belongs to a class.
    """
    grouping = features.grouping()
    members = grouping.members()
    classes, known, member = members.classes, members.known, members.member
    image = features.pixels.image[known].astype(np.int64)
    size, images = len(classes), len(features.image_names)
    per_image = np.bincount(image * size + member, minlength=images * size).reshape(images, size)
    pairs = _pairs(per_image, across_images)
    # Of thousands of images most show few classes: only the regions that there are get a sum.
    region, group = np.unique(image * size + member, return_inverse=True)
    edges = np.searchsorted(region, np.arange(images + 1) * size)
    matrices = {}
    for name, model in features.models.items():
        unit = model.unit_embedding()[known]
        sums = group_sums(unit, group, len(region))
        # The mean cosine of two sets is the product of their sums: no matrix of all pairs is needed.
        whole = group_sums(sums, region % size, size)
        total = whole @ whole.T
        if across_images:
            for start, stop in itertools.pairwise(edges.tolist()):
                there = region[start:stop] % size
                total[np.ix_(there, there)] -= sums[start:stop] @ sums[start:stop].T
        else:
            total -= np.diag(np.bincount(member, weights=(unit.astype(np.float64) ** 2).sum(1), minlength=size))
        matrices[name] = np.where(pairs > 0, total / np.maximum(pairs, 1), np.nan)
    return ClassRelations(
        classes=classes,
        counts=per_image.sum(axis=0),
        matrices=matrices,
        across_images=across_images,
        provenance={"grouped_by": grouping.source, "pixels": int(known.sum())},
    )


def require_temperature(temperature: float) -> None:
    """
    Raises:
        StudyError: the temperature of a softmax over relations is not above 0.
    """
    if not temperature > 0:
        raise StudyError(f"temperature {temperature}: must be above 0; the method uses 0.1")


def group_sums(
    rows: Float[np.ndarray, "n d"], group: Integer[np.ndarray, " n"], count: int
) -> Float64[np.ndarray, "g d"]:
    """Sum of the rows of each of `count` groups, in double precision."""
    sums = np.zeros((count, rows.shape[1]))
    for g in np.unique(group):
        sums[g] = rows[group == g].sum(axis=0, dtype=np.float64)
    return sums


def runs(labels: Integer[np.ndarray, " n"]) -> tuple[Run, ...]:
    """The runs of equal neighbours."""
    cuts = np.flatnonzero(np.diff(labels.astype(np.int64))) + 1
    edges = [0, *cuts.tolist(), len(labels)]
    return tuple(Run(int(labels[a]), a, b) for a, b in itertools.pairwise(edges) if b > a)


def spread(height: int, width: int, budget: int) -> Int64[np.ndarray, " n"]:
    """At most `budget` positions of a grid, row-major, evenly spread: a coarser grid of about the same proportions."""
    if height * width <= budget:
        return np.arange(height * width)
    rows = min(height, max(1, int(np.sqrt(budget * height / width))))
    columns = min(width, max(1, budget // rows))
    rows = min(height, max(1, budget // columns))
    row = ((np.arange(rows) + 0.5) * height / rows).astype(np.int64)
    column = ((np.arange(columns) + 0.5) * width / columns).astype(np.int64)
    return (row[:, None] * width + column[None, :]).reshape(-1)


def positions(features: FeatureSet, image: int | None, budget: int) -> np.ndarray:
    """Pixel numbers of one image, or of all with the budget shared out."""
    pixels, count = features.pixels, len(features.images)
    if budget < 1:
        raise StudyError(f"budget {budget}: choose at least 1 position")
    if image is None:
        share = max(1, budget // count)
        return np.concatenate([positions(features, i, share) for i in range(count)])
    if not 0 <= image < count:
        raise StudyError(f"there is no image {image}; this study has images 0 to {count - 1}")
    return pixels.of_image(image).start + spread(*pixels.grid[image], budget)


def pixels_by_class(features: FeatureSet, image: int | None, budget: int) -> np.ndarray:
    """The same in class order, those of no class last, within a class by position."""
    found = positions(features, image, budget)
    return found[np.argsort(features.grouping().values[found], kind="stable")]


def _count(features: FeatureSet, image: int | None) -> int:
    if image is None:
        return len(features.pixels)
    h, w = features.pixels.grid[image]
    return h * w


def _cosines(a: np.ndarray, b: np.ndarray) -> Float32[np.ndarray, "n m"]:
    import torch

    from cirkd.relations import cosine_similarity

    return cosine_similarity(torch.from_numpy(a), torch.from_numpy(b)).numpy()


def _pairs(per_image: np.ndarray, across_images: bool) -> np.ndarray:
    """How many pairs of pixels each pair of classes [K, K] has; a pixel is no pair with itself."""
    counts = per_image.sum(axis=0)
    within = per_image.T @ per_image if across_images else np.diag(counts)
    return np.outer(counts, counts) - within
