"""The Fisher ratio of every class by itself: how far it lies from the middle, measured in its own spread."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Float64, Int

from cirkd.analysis.relations import group_sums
from cirkd.features.feature_set import FeatureSet


def fisher_by_class(features: FeatureSet) -> dict[str, Float64[np.ndarray, " k"]]:
    """name -> [K], in the order of `Grouping.present`: between-class over within-class scatter of each class.

    Of l2-normalised embeddings: the squared distance of the class's mean from the mean of all pixels that belong to
    a class, over the mean squared distance of the class's pixels from their mean. `Centroids.fisher_ratio` is the sum
    of the numerators over the sum of the denominators, weighted by the classes' pixels. inf where a class is a point.

    Raises:
        StudyError: no pixel belongs to a class.
    """
    members = features.grouping().members()
    count = len(members.classes)
    return {
        name: _ratios(model.unit_embedding()[members.known], members.member, count)
        for name, model in features.models.items()
    }


def _ratios(unit: Float32[np.ndarray, "n d"], member: Int[np.ndarray, " n"], count: int) -> np.ndarray:
    sizes = np.bincount(member, minlength=count).astype(np.float64)
    means = group_sums(unit, member, count) / sizes[:, None]
    middle = sizes @ means / sizes.sum()
    between = ((means - middle) ** 2).sum(axis=1)
    squares = np.bincount(member, weights=(unit.astype(np.float64) ** 2).sum(axis=1), minlength=count) / sizes
    within = squares - (means**2).sum(axis=1)
    # Squares are taken of float32 rows: what is left below this is rounding.
    return np.divide(between, within, out=np.full(count, np.inf), where=within > 1e-9)
