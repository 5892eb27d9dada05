"""One pixel and the rest: its relations with all others, and its nearest neighbours in each model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64

from cirkd.data.errors import StudyError
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

    Args:
        pixel: its number in the feature set.
        temperature: of the distribution.
        neighbours: how many, over all images; the pixel itself is none of them.

    Raises:
        StudyError: no such pixel, or the temperature is not above 0.
    """
    from scipy.special import softmax

    count = len(features.pixels)
    if not 0 <= pixel < count:
        raise StudyError(f"there is no pixel {pixel}; this study has pixels 0 to {count - 1}")
    if not temperature > 0:
        raise StudyError(f"temperature {temperature}: must be above 0; the method uses 0.1")
    wanted = max(0, min(neighbours, count - 1))
    similarity, distribution, nearest = {}, {}, {}
    for name, model in features.models.items():
        unit = model.unit_embedding()
        row = np.clip(unit @ unit[pixel], -1, 1).astype(np.float32)
        similarity[name] = row
        distribution[name] = softmax(row.astype(np.float64) / temperature).astype(np.float32)
        nearest[name] = _largest(row, pixel, wanted)
    reference = set(nearest[features.reference].tolist())
    return PixelRelations(
        pixel=pixel,
        similarity=similarity,
        distribution=distribution,
        neighbours=nearest,
        shared={name: len(reference & set(items.tolist())) for name, items in nearest.items()},
        temperature=temperature,
        provenance={"reference": features.reference, "keys": count, "neighbours": wanted},
    )


def _largest(row: np.ndarray, pixel: int, count: int) -> np.ndarray:
    """The `count` largest entries but the pixel's own, largest first, the first of equals first."""
    order = np.argsort(-row, kind="stable")
    return order[order != pixel][:count].astype(np.int64)
