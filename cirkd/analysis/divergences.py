"""Relation divergence of every pixel in view: the quantity that the mini-batch loss averages, before the average.

By `cirkd.relations.divergence_maps`, the engine of the loss: divergence over all keys and over each image's keys, for
every student at once, without a relation matrix. Tests hold it to the loss's numbers.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Float32, Float64, UInt8

from cirkd.analysis.relations import require_temperature
from cirkd.cache import Cache
from cirkd.data.errors import StudyError
from cirkd.features.feature_set import FeatureSet, Progress

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Divergence:
    """Relation divergence KL(teacher row || student row), in nats, of every pixel of every student.

    As in the loss, a pixel has one row for each image in view: its relations with that image's pixels, softmax at
    `temperature`; its divergence is the mean over these rows. `jointly` is another question, which the loss does not
    ask: one row over the pixels of all images at once, so that it also counts how relations share out between images.

    Attributes:
        per_pixel: name -> float32 [P] (all models but the reference).
        mean: name -> mean over the pixels; `losses.minibatch_pixel_relation` where images are of one size.
        jointly: name -> mean over the pixels where a row runs over all P pixels at once.
        by_class: name -> float64 [C], mean over the pixels of a class (see `FeatureSet.grouping`); nan = absent.
        by_pair: name -> float64 [N, N], mean over the pixels of image i (row) where the row distribution runs over
            the pixels of image j (column) alone: the terms of the mini-batch loss.
        largest: 99.5 % quantile of the per-pixel values of all students, for a common colour scale.
        temperature, reference.
        provenance: grouped_by, keys (how many), device, seconds.
    """

    per_pixel: dict[str, Float32[np.ndarray, " p"]]
    mean: dict[str, float]
    jointly: dict[str, float]
    by_class: dict[str, Float64[np.ndarray, " c"]]
    by_pair: dict[str, Float64[np.ndarray, "n n"]]
    largest: float
    temperature: float
    reference: str
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def batch_loss(self) -> dict[str, float]:
        """name -> mean of by_pair; `mean`, but for images of several sizes, each of which counts alike here."""
        return {name: float(values.mean()) for name, values in self.by_pair.items()}


def divergence(
    features: FeatureSet,
    temperature: float = 0.1,
    reference: str = "teacher",
    *,
    device: str = "cpu",
    progress: Progress | None = None,
    kept: Cache | None = None,
) -> Divergence:
    """Relation divergence of every other model to the reference.

    Args:
        temperature: of the row distributions; the method uses 0.1.
        reference: where the study lacks it, its first model is taken.
        device: where to compute.
        progress: called with (fraction, text); an exception raised from it cancels and is passed on.
        kept: what earlier calls found for a student, used again where its embeddings and the reference's are the same.

    Raises:
        StudyError: the temperature is not above 0, or there is no other model to compare with.

    Source: CIRKD (Yang et al., CVPR 2022), eq. 1, for one pixel.
    """
    require_temperature(temperature)
    reference = reference if reference in features.models else features.reference
    others = [name for name in features.models if name != reference]
    if not others:
        raise StudyError(f"{reference} is the only model: add a second one to compare relations with")
    started = time.perf_counter()
    found = _of_students(features, others, reference, temperature, device, progress, Cache() if kept is None else kept)
    images = _slices(features)
    per_pixel = {name: of.by_image.mean(axis=1) for name, of in found.items()}
    grouping = features.grouping()
    return Divergence(
        per_pixel=per_pixel,
        mean={name: float(values.mean(dtype=np.float64)) for name, values in per_pixel.items()},
        jointly={name: float(of.jointly.mean(dtype=np.float64)) for name, of in found.items()},
        by_class={
            name: means_by_class(values, grouping.values, len(grouping.classes)) for name, values in per_pixel.items()
        },
        by_pair={
            name: np.stack([of.by_image[image].mean(axis=0, dtype=np.float64) for image in images])
            for name, of in found.items()
        },
        largest=float(np.quantile(np.concatenate(list(per_pixel.values())), 0.995)),
        temperature=temperature,
        reference=reference,
        provenance={
            "grouped_by": grouping.source,
            "keys": len(features.pixels),
            "unit": "nats",
            "device": device,
            "seconds": time.perf_counter() - started,
        },
    )


@dataclass(frozen=True, eq=False)
class _OfStudent:
    """One student's divergences: jointly float32 [P], over all keys; by_image float32 [P, N], over each image's."""

    jointly: Float32[np.ndarray, " p"]
    by_image: Float32[np.ndarray, "p n"]


def _of_students(
    features: FeatureSet,
    students: Sequence[str],
    reference: str,
    temperature: float,
    device: str,
    progress: Progress | None,
    kept: Cache,
) -> dict[str, _OfStudent]:
    """Every student's divergences; those that are not kept are made in one pass."""
    import torch

    from cirkd.relations import divergence_maps, normalize

    def unit(name: str) -> Tensor:
        return normalize(torch.from_numpy(features.models[name].embedding).to(device))

    def tell(share: float) -> None:
        if progress is not None:
            progress(share, f"relations of {len(features.pixels)} pixels, {share:.0%} done")

    settings = (_digest(features, reference), features.pixels.grid, temperature, device)
    keys = {name: (_digest(features, name), *settings) for name in students}
    found = {name: kept.find(key) for name, key in keys.items()}
    missing = [name for name in students if found[name] is None]
    if missing:
        maps = divergence_maps(list(map(unit, missing)), unit(reference), _slices(features), temperature, tell)
        # No divergence is below 0; rounding can be.
        by_image, jointly = (values.clamp_(min=0).cpu().numpy() for values in maps)
        for i, name in enumerate(missing):
            found[name] = _OfStudent(jointly[i], by_image[i])
            kept.keep(keys[name], found[name])
    return found


def _digest(features: FeatureSet, name: str) -> bytes:
    embedding = features.models[name].embedding
    return hashlib.blake2b(embedding.tobytes(), digest_size=16).digest() + str(embedding.shape).encode()


def _slices(features: FeatureSet) -> list[slice]:
    return [features.pixels.of_image(i) for i in range(len(features.images))]


def sums_by_class(
    values: Float[np.ndarray, " p"], groups: UInt8[np.ndarray, " p"], count: int
) -> Float64[np.ndarray, " c"]:
    """The sum over the pixels of each class."""
    return np.bincount(groups, weights=values, minlength=256)[:count]


def means_by_class(
    values: Float[np.ndarray, " p"], groups: UInt8[np.ndarray, " p"], count: int
) -> Float64[np.ndarray, " c"]:
    """The mean over the pixels of each class; nan where there are none."""
    pixels = np.bincount(groups, minlength=256)[:count]
    return np.where(pixels == 0, np.nan, sums_by_class(values, groups, count) / np.maximum(pixels, 1))
