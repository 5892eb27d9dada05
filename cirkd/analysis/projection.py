"""Pixel embeddings in two or three dimensions, for looking at; no number in a result is measured in such a map."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64

from cirkd.features.feature_set import FeatureSet
from cirkd.features.sampling import PixelSample

METHODS = ("pca", "umap", "tsne")
SPACES = ("feature", "relation")


@dataclass(frozen=True, eq=False)
class Projection:
    """A map of the same S pixels for each model.

    Attributes:
        coordinates: name -> float32 [S, k], k = 2 or 3.
        index: int64 [S], the pixels' numbers in the feature set.
        labels: uint8 [S], the class each pixel counts as (see `FeatureSet.grouping`), for colours.
        method: "pca", "umap" or "tsne".
        space: "feature" = each model's own embedding space, laid on the reference's map by Procrustes;
            "relation" = every pixel described by its cosines to the same anchor pixels, one map for all models.
        dimensions: k.
        aligned: whether the maps were laid on the reference's.
        residual: name -> share of the map's variance that no rotation, reflection, scale and shift could bring onto
            the reference's map, 0 (same map) .. 1 (nothing in common); empty if not aligned.
        explained: name -> share of the variance on each axis of a PCA, length k; empty for the other methods.
        sample: how many pixels of each class were chosen, of how many; None if the index was given.
        provenance: reference, parameters of the method, seed, grouped_by, seconds.
    """

    coordinates: dict[str, Float32[np.ndarray, "s k"]]
    index: Int64[np.ndarray, " s"]
    labels: np.ndarray
    method: str
    space: str
    dimensions: int
    aligned: bool
    residual: dict[str, float]
    explained: dict[str, tuple[float, ...]]
    sample: PixelSample | None = None
    provenance: dict[str, Any] = field(default_factory=dict)


def project(
    features: FeatureSet,
    method: str = "pca",
    dimensions: int = 2,
    index: Int64[np.ndarray, " s"] | PixelSample | None = None,
    seed: int = 0,
    align: bool = True,
    space: str = "feature",
    anchors: int = 256,
) -> Projection:
    """Lay the l2-normalised embeddings of some pixels out in two or three dimensions, for every model.

    Raises:
        StudyError: an unknown method or space, other than 2 or 3 dimensions, fewer than 4 pixels.
    """
    raise NotImplementedError
