"""Class centroids and the geometry around them, measured in each model's own embedding space.

Everything here stands on l2-normalised pixel embeddings. Teacher and student differ in width, so a student's
centroid has no distance to the teacher's in the ordinary sense. What can be compared is the *centroid relation row*:
a centroid's cosines to the centroids of all other classes of the same model. "Distance to the teacher" is the mean
absolute difference of a class's row from the teacher's row, 0..2: no width, rotation or scale enters it. The 2-D map
describes each centroid by that row too, and its axes are fitted on the teacher's rows alone, so arrows
before -> after in it mean something; no number is ever measured in the map.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, Int64

from cirkd.analysis.geometry import cosine_silhouette, debiased_cka, geometry_of, nearest_neighbours, overlap
from cirkd.analysis.layout import principal_axes
from cirkd.features.feature_set import IGNORED, FeatureSet
from cirkd.features.sampling import balanced_sample

MODEL_MEASURES = ("fisher_ratio", "silhouette", "nearest_centroid_accuracy", "cka_to_teacher", "neighbour_overlap")
"""The attributes of `Centroids` that hold one number for a model."""


@dataclass(frozen=True, eq=False)
class Centroids:
    """Centroids and geometry of the K classes present, for every model.

    Attributes:
        classes: int64 [K], the classes present, ascending.
        counts: int64 [K], pixels of each.
        vectors: name -> float32 [K, d], mean of a class's l2-normalised embeddings, l2-normalised.
        cosine: name -> float64 [K, K], cosines of the centroids.
        compactness: name -> float64 [K], mean cosine of a class's pixels to its centroid, up to 1 (all the same).
        separation: name -> float64 [K], 1 - the largest cosine to another class's centroid, 0 (another class lies in
            the same direction) .. 2; nan with one class.
        fisher_ratio: name -> between-class over within-class scatter (traces), >= 0; larger means better separated
            classes.
        fisher_by_class: name -> float64 [K], the same for each class by itself: the squared distance of its mean from
            the mean of all pixels that belong to a class, over the mean squared distance of its pixels from their
            mean; inf where a class is a point.
        silhouette: name -> mean silhouette by cosine distance over a class-balanced sample, -1..1; nan with one class.
        nearest_centroid_accuracy: name -> share of pixels whose most similar centroid is their class's, 0..1.
        nearest_centroid_by_class: name -> float64 [K], the same by class.
        cka_to_teacher: name -> debiased linear CKA with the reference on all pixels, about 0..1 (the reference: 1).
        neighbour_overlap: name -> mean share of a pixel's 10 nearest neighbours that it shares with the reference,
            over a class-balanced sample, 0..1 (the reference: 1).
        row_distance: name -> float64 [K], mean |centroid relation row - the reference's|, 0..2: the width-free
            distance to the teacher's centroid (the reference: 0); nan with one class.
        map: name -> float32 [K, 2], the centroids' relation rows on the first two principal axes of the reference's.
        map_explained: share of the variance of the reference's rows on the two axes.
        reference: the model compared with.
        provenance: grouped_by, pixels, sample sizes, neighbours, seed, seconds.
    """

    classes: Int64[np.ndarray, " k"]
    counts: Int64[np.ndarray, " k"]
    vectors: dict[str, Float32[np.ndarray, "k d"]]
    cosine: dict[str, Float64[np.ndarray, "k k"]]
    compactness: dict[str, Float64[np.ndarray, " k"]]
    separation: dict[str, Float64[np.ndarray, " k"]]
    fisher_ratio: dict[str, float]
    fisher_by_class: dict[str, Float64[np.ndarray, " k"]]
    silhouette: dict[str, float]
    nearest_centroid_accuracy: dict[str, float]
    nearest_centroid_by_class: dict[str, Float64[np.ndarray, " k"]]
    cka_to_teacher: dict[str, float]
    neighbour_overlap: dict[str, float]
    row_distance: dict[str, Float64[np.ndarray, " k"]]
    map: dict[str, Float32[np.ndarray, "k 2"]]
    map_explained: tuple[float, float]
    reference: str
    provenance: dict[str, Any] = field(default_factory=dict)

    def drift(self, before: str, after: str) -> Float64[np.ndarray, " k"]:
        """How far each class's centroid relation row moved between two models: mean |difference|, [K], 0..2."""
        return row_differences(self.cosine[before], self.cosine[after])

    def approach(self, before: str, after: str) -> Float64[np.ndarray, " k"]:
        """How much closer each class came to the teacher: row_distance of `before` minus that of `after`, [K]."""
        return self.row_distance[before] - self.row_distance[after]

    def shift(self, name: str) -> Float64[np.ndarray, " k"]:
        """By how much a class's cosines to the other classes are higher than the teacher's, on average, [K]."""
        difference = self.cosine[name] - self.cosine[self.reference]
        return (difference.sum(axis=1) - np.diag(difference)) / max(len(difference) - 1, 1)

    def distance_beside_shift(self, name: str) -> Float64[np.ndarray, " k"]:
        """`row_distance` once each row's `shift` is taken off, [K]: softmax, and so the loss, does not see a shift."""
        return row_differences(self.cosine[name] - self.shift(name)[:, None], self.cosine[self.reference])


def centroids(features: FeatureSet, *, sample_budget: int = 2000, neighbours: int = 10, seed: int = 0) -> Centroids:
    """Centroids, compactness, separation and agreement with the teacher, of every model.

    Args:
        sample_budget: pixels of the class-balanced sample that silhouette and neighbour overlap are measured on;
            everything else is measured on all pixels.
        neighbours: how many nearest neighbours are compared.
        seed: of the sample.

    Raises:
        StudyError: no pixel belongs to a class.
    """
    started = time.perf_counter()
    grouping = features.grouping()
    members = grouping.members()
    classes, known, member = members.classes, members.known, members.member
    sample = balanced_sample(np.where(known, grouping.values, IGNORED), sample_budget, seed)
    reference = features.reference
    units = {name: model.unit_embedding() for name, model in features.models.items()}
    geometry = {name: geometry_of(unit[known], member, len(classes)) for name, unit in units.items()}
    cosine = {name: item.cosine for name, item in geometry.items()}
    axes = principal_axes(cosine[reference], 2)
    nearest = {name: nearest_neighbours(unit[sample.index], neighbours) for name, unit in units.items()}
    groups = grouping.values[sample.index]
    return Centroids(
        classes=classes,
        counts=np.bincount(member, minlength=len(classes)),
        vectors={name: item.vectors.astype(np.float32) for name, item in geometry.items()},
        cosine=cosine,
        compactness={name: item.compactness for name, item in geometry.items()},
        separation={name: item.separation for name, item in geometry.items()},
        fisher_ratio={name: item.fisher_ratio for name, item in geometry.items()},
        fisher_by_class={name: item.fisher_by_class for name, item in geometry.items()},
        silhouette={name: cosine_silhouette(unit[sample.index], groups) for name, unit in units.items()},
        nearest_centroid_accuracy={name: item.accuracy for name, item in geometry.items()},
        nearest_centroid_by_class={name: item.accuracy_by_class for name, item in geometry.items()},
        cka_to_teacher={name: debiased_cka(unit, units[reference]) for name, unit in units.items()},
        neighbour_overlap={name: overlap(items, nearest[reference]) for name, items in nearest.items()},
        row_distance={name: row_differences(item, cosine[reference]) for name, item in cosine.items()},
        map={name: axes.project(item).astype(np.float32) for name, item in cosine.items()},
        map_explained=(axes.explained[0], axes.explained[1]),
        reference=reference,
        provenance={
            "grouped_by": grouping.source,
            "pixels": int(known.sum()),
            "sample": len(sample),
            "neighbours": neighbours,
            "seed": seed,
            "seconds": time.perf_counter() - started,
        },
    )


def row_differences(a: Float64[np.ndarray, "k k"], b: Float64[np.ndarray, "k k"]) -> Float64[np.ndarray, " k"]:
    """Mean |difference| of each row of two cosine matrices, the diagonal left out; nan with one class."""
    if len(a) < 2:
        return np.full(len(a), np.nan)
    difference = np.abs(a - b)
    return (difference.sum(axis=1) - np.diag(difference)) / (len(a) - 1)
