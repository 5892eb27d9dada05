"""One pixel and the rest: its relations with all others, nearest neighbours, and where these leave the teacher's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, Int64

from cirkd.analysis.divergences import means_by_class, sums_by_class
from cirkd.analysis.relations import require_temperature
from cirkd.data.errors import StudyError
from cirkd.features.feature_set import IGNORED, FeatureSet


@dataclass(frozen=True, eq=False)
class PixelRelations:
    """One pixel's row of the relation matrix over all images, per model.

    Attributes:
        pixel: its number.
        similarity: name -> float32 [P], cosine with every pixel, -1..1.
        distribution: name -> float32 [P], softmax of that row at `temperature`, sums to 1.
        neighbours: name -> int64 [k], the most similar other pixels, most similar first.
        shared: name -> how many of the k the model shares with the reference model's.
        temperature: of the softmax.
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
    require_temperature(temperature)
    wanted = max(0, min(neighbours, count - 1))
    similarity, distribution, nearest = {}, {}, {}
    for name, model in features.models.items():
        unit = model.unit_embedding()
        row = np.clip(unit @ unit[pixel], -1, 1).astype(np.float32)
        similarity[name] = row
        distribution[name] = softmax(row.astype(np.float64) / temperature).astype(np.float32)
        order = np.argsort(-row, kind="stable")  # the first of equals first
        nearest[name] = order[order != pixel][:wanted].astype(np.int64)
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


@dataclass(frozen=True, eq=False)
class PixelStory:
    """What there is to say about one pixel.

    A class is what a pixel counts as (`FeatureSet.grouping`); C classes, N images.

    Attributes:
        image, row, column: where it lies on its grid.
        relations: the row itself and its nearest neighbours, over all images; whose, and at which temperature.
        cosine: name -> float64 [C], mean cosine with the pixels of a class, itself left out; nan = there are none.
        share: name -> float64 [C], how much of its relation distribution falls on a class, mean over the images, each
            with a distribution of its own, as in the loss; what is in no class is missing from the sum.
        divergence: name -> relation divergence from the reference in nats, mean over the images (no reference).
        by_image: name -> float64 [N], the same for each image's distribution: their mean is `divergence`.
        by_class: name -> float64 [C], the part of `divergence` that the pixels of a class contribute. A part can be
            negative, where the student relates more to that class; the parts of all pixels add up to `divergence`.
    """

    image: int
    row: int
    column: int
    relations: PixelRelations
    cosine: dict[str, Float64[np.ndarray, " c"]]
    share: dict[str, Float64[np.ndarray, " c"]]
    divergence: dict[str, float]
    by_image: dict[str, Float64[np.ndarray, " n"]]
    by_class: dict[str, Float64[np.ndarray, " c"]]
    provenance: dict[str, Any] = field(default_factory=dict)


def pixel_story(features: FeatureSet, pixel: int, temperature: float = 0.1, neighbours: int = 10) -> PixelStory:
    """Everything about one pixel; see `PixelStory`.

    Raises:
        StudyError: no such pixel, or the temperature is not above 0.

    Source: the divergence is one row of CIRKD (Yang et al., CVPR 2022), eq. 1.
    """
    relations = pixel_relations(features, pixel, temperature, neighbours)
    grouping, where = features.grouping(), features.pixels
    images = [where.of_image(i) for i in range(len(features.images))]
    count = len(grouping.classes)
    logs = {name: _log_shares(row, images, temperature) for name, row in relations.similarity.items()}
    own = logs[features.reference]
    parts = {name: np.exp(own) * (own - log) for name, log in logs.items() if name != features.reference}
    by_image = {name: np.array([part[image].sum() for image in images]) for name, part in parts.items()}
    others = grouping.values.copy()
    others[pixel] = IGNORED
    return PixelStory(
        image=int(where.image[pixel]),
        row=int(where.row[pixel]),
        column=int(where.column[pixel]),
        relations=relations,
        cosine={name: means_by_class(row, others, count) for name, row in relations.similarity.items()},
        share={name: sums_by_class(np.exp(log), grouping.values, count) / len(images) for name, log in logs.items()},
        divergence={name: float(values.mean()) for name, values in by_image.items()},
        by_image=by_image,
        by_class={name: sums_by_class(part, grouping.values, count) / len(images) for name, part in parts.items()},
        provenance={"reference": features.reference, "grouped_by": grouping.source, "neighbours": neighbours},
    )


def _log_shares(row: np.ndarray, images: list[slice], temperature: float) -> Float64[np.ndarray, " p"]:
    """Log of a relation distribution for each image by itself."""
    from scipy.special import log_softmax

    logits = row.astype(np.float64) / temperature
    out = np.empty_like(logits)
    for image in images:
        out[image] = log_softmax(logits[image])
    return out
