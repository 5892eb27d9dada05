"""Class centroids and the geometry around them, measured in each model's own embedding space.

Everything here stands on l2-normalised pixel embeddings. Teacher and student differ in width, so a student's
centroid has no distance to the teacher's in the ordinary sense. What can be compared is the *centroid relation row*:
a centroid's cosines to the centroids of all other classes of the same model. "Distance to the teacher" is the mean
absolute difference of a class's row from the teacher's row, 0..2: no width, rotation or scale enters it. The 2-D map
describes each centroid by that row too, and its axes are fitted on the teacher's rows alone, so arrows
before -> after in it mean something; no number is ever measured in the map.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, Int64

from cirkd.features.feature_set import FeatureSet


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
        fisher_ratio: name -> between-class over within-class scatter (traces), >= 0, larger = better apart.
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
        raise NotImplementedError

    def approach(self, before: str, after: str) -> Float64[np.ndarray, " k"]:
        """How much closer each class came to the teacher: row_distance of `before` minus that of `after`, [K]."""
        return self.row_distance[before] - self.row_distance[after]


def centroids(features: FeatureSet, *, sample_budget: int = 2000, neighbours: int = 10, seed: int = 0) -> Centroids:
    """Centroids, compactness, separation and agreement with the teacher, of every model.

    Raises:
        StudyError: no pixel belongs to a class.
    """
    raise NotImplementedError
