"""Relation divergence of every pixel in view: the quantity that the mini-batch loss averages, before the average.

One pass over the blocks of the relation matrices gives the divergence over all keys and over each image's keys, for
every student at once, with the teacher's matrices made only once: several times faster than calling
`cirkd.relations.relation_divergence` for each. Tests hold it, that function and the loss to the same numbers.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32, Float64

from cirkd.data.errors import StudyError
from cirkd.features.feature_set import FeatureSet
from cirkd.features.kept import KeptResults

if TYPE_CHECKING:
    from torch import Tensor

ROWS_AT_ONCE = 512
SAFE_EXPONENT = 60.0  # exp(-60) is far from float32's underflow, so one shift fits all rows


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
    progress: Callable[[float, str], object] | None = None,
    kept: KeptResults | None = None,
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
    if not temperature > 0:
        raise StudyError(f"temperature {temperature}: must be above 0; the method uses 0.1")
    reference = reference if reference in features.models else features.reference
    others = [name for name in features.models if name != reference]
    if not others:
        raise StudyError(f"{reference} is the only model: add a second one to compare relations with")
    started = time.perf_counter()
    found = _of_students(features, others, reference, temperature, device, progress, kept or KeptResults())
    images = _slices(features)
    per_pixel = {name: of.by_image.mean(axis=1) for name, of in found.items()}
    grouping = features.grouping()
    return Divergence(
        per_pixel=per_pixel,
        mean={name: float(values.mean(dtype=np.float64)) for name, values in per_pixel.items()},
        jointly={name: float(of.jointly.mean(dtype=np.float64)) for name, of in found.items()},
        by_class={
            name: _mean_by_class(values, grouping.values, len(grouping.classes)) for name, values in per_pixel.items()
        },
        by_pair={name: _mean_by_image(of.by_image.astype(np.float64), images) for name, of in found.items()},
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
    progress: Callable[[float, str], object] | None,
    kept: KeptResults,
) -> dict[str, _OfStudent]:
    """Every student's divergences; those that are not kept are made in one pass."""
    settings = (_digest(features, reference), features.pixels.grid, temperature, device)
    keys = {name: (_digest(features, name), *settings) for name in students}
    found = {name: kept.find(key) for name, key in keys.items()}
    missing = [name for name in students if found[name] is None]
    if missing:
        rows = {name: _unit(features, name, device) for name in [reference, *missing]}
        total, pairs = relation_divergences(rows, reference, _slices(features), temperature, progress)
        for name in missing:
            found[name] = _OfStudent(total[name].float().cpu().numpy(), pairs[name].float().cpu().numpy())
            kept.keep(keys[name], found[name])
    return found


def _digest(features: FeatureSet, name: str) -> bytes:
    embedding = features.models[name].embedding
    return hashlib.blake2b(embedding.tobytes(), digest_size=16).digest() + str(embedding.shape).encode()


def _slices(features: FeatureSet) -> list[slice]:
    return [features.pixels.of_image(i) for i in range(len(features.images))]


def relation_divergences(
    rows: Mapping[str, Tensor],
    reference: str,
    images: Sequence[slice],
    temperature: float,
    progress: Callable[[float, str], object] | None = None,
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Divergence of every model's rows from the reference's, over all keys [P] and over each image's keys [P, N].

    Args:
        rows: name -> l2-normalised [P, d]; the same rows are the keys.
        images: which rows are an image's.
    """
    import torch

    others = [name for name in rows if name != reference]
    count, device = len(rows[reference]), rows[reference].device
    total = {name: torch.zeros(count, device=device) for name in others}
    pairs = {name: torch.zeros(count, len(images), device=device) for name in others}
    # Dividing the rows by the temperature saves doing it to the matrices.
    scaled = {name: values / temperature for name, values in rows.items()}
    with torch.no_grad():
        for start in range(0, count, ROWS_AT_ONCE):
            if progress is not None:
                progress(start / count, f"relations of pixel {start} of {count}")
            block = slice(start, min(start + ROWS_AT_ONCE, count))
            log_teacher, log_student, excess = _moments(
                {name: values[block] for name, values in scaled.items()}, rows, reference, images, temperature
            )
            share = log_teacher.softmax(dim=1)
            for name in others:
                pairs[name][block] = (excess[name] - log_teacher + log_student[name]).clamp_(min=0)
                all_keys = (share * excess[name]).sum(1) - log_teacher.logsumexp(1) + log_student[name].logsumexp(1)
                total[name][block] = all_keys.clamp_(min=0)
    return total, pairs


def _moments(
    block: Mapping[str, Tensor],
    keys: Mapping[str, Tensor],
    reference: str,
    images: Sequence[slice],
    temperature: float,
) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
    """What the divergence over any union of images follows from, for n rows: each [n, N], by image of the keys.

    With logits t (teacher), s (student) and q = softmax(t): logsumexp(t), logsumexp(s) and sum(q (t - s)), and
    KL = sum(q (t - s)) - logsumexp(t) + logsumexp(s).
    """
    import torch

    # Cosines are at most 1: one shift serves all rows, unless the temperature is so low that rows would vanish.
    shift = 1 / temperature if 2 / temperature <= SAFE_EXPONENT else None
    others = [name for name in keys if name != reference]
    log_teacher: list[Tensor] = []
    log_student: dict[str, list[Tensor]] = {name: [] for name in others}
    excess: dict[str, list[Tensor]] = {name: [] for name in others}
    for image in images:
        t = block[reference] @ keys[reference][image].T
        q, log_sum = _exponentials(t, shift)
        q_sum = q.sum(dim=1)
        log_teacher.append(log_sum(q_sum))
        for name in others:
            s = block[name] @ keys[name][image].T
            excess[name].append((t - s).mul_(q).sum(dim=1) / q_sum)
            p, log_sum = _exponentials(s, shift)
            log_student[name].append(log_sum(p.sum(dim=1)))
    return (
        torch.stack(log_teacher, 1),
        {name: torch.stack(values, 1) for name, values in log_student.items()},
        {name: torch.stack(values, 1) for name, values in excess.items()},
    )


def _exponentials(logits: Tensor, shift: float | None) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """exp(logits - shift), by row where no one shift is safe, and what turns its row sums into logsumexp(logits)."""
    if shift is not None:
        return (logits - shift).exp_(), lambda sums: sums.log() + shift
    largest = logits.amax(dim=1)
    return (logits - largest[:, None]).exp_(), lambda sums: sums.log() + largest


def _unit(features: FeatureSet, name: str, device: str) -> Tensor:
    import torch

    from cirkd.relations import normalize

    return normalize(torch.from_numpy(features.models[name].embedding).to(device))


def _mean_by_image(values: np.ndarray, images: Sequence[slice]) -> np.ndarray:
    return np.stack([values[image].mean(axis=0) for image in images])


def _mean_by_class(values: np.ndarray, groups: np.ndarray, count: int) -> np.ndarray:
    pixels = np.bincount(groups, minlength=256)[:count]
    sums = np.bincount(groups, weights=values, minlength=256)[:count]
    return np.where(pixels == 0, np.nan, sums / np.maximum(pixels, 1))
