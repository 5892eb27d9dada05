"""One pixel and the rest: its relations with all others, and its nearest neighbours in each model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64

from cirkd.features.feature_set import FeatureSet


@dataclass(frozen=True, eq=False)
class PixelRelations:
    """One pixel's row of the relation matrix over all images, per model.

    Attributes:
        pixel: its number.
        similarity: name -> float32 [P], cosine with every pixel, -1..1.
        distribution: name -> float32 [P], softmax of that row at `temperature`, sums to 1.
        neighbours: name -> int64 [k], the most similar other pixels, most similar first.
        shared: name -> how many of the k the model shares with the reference model's.
        temperature.
    """

    pixel: int
    similarity: dict[str, Float32[np.ndarray, " p"]]
    distribution: dict[str, Float32[np.ndarray, " p"]]
    neighbours: dict[str, Int64[np.ndarray, " k"]]
    shared: dict[str, int]
    temperature: float
    provenance: dict[str, Any] = field(default_factory=dict)


def pixel_relations(features: FeatureSet, pixel: int, temperature: float = 0.1, neighbours: int = 10) -> PixelRelations:
    """Similarity, relation distribution and nearest neighbours of one pixel in every model.

    Raises:
        StudyError: no such pixel, or the temperature is not above 0.
    """
    raise NotImplementedError
