"""The method on one pixel: each quantity of the formulas as a number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from cirkd.data.errors import StudyError
from cirkd.features.feature_set import FeatureSet


@dataclass(frozen=True, eq=False)
class Row:
    """One pixel's relations with the A pixels of one image, in one model.

    Attributes:
        similarity: float32 [A], cosines, -1..1.
        distribution: float64 [A], softmax of the similarity at the temperature; sums to 1.
        length: of the pixel's embedding before it is normalised.
        width: d, of the embedding.
    """

    similarity: Float32[np.ndarray, " a"]
    distribution: Float64[np.ndarray, " a"]
    length: float
    width: int

    @property
    def spread(self) -> float:
        """Over how many pixels the distribution spreads: exp of its entropy, 1..A."""
        p = self.distribution[self.distribution > 0]
        return float(np.exp(-(p * np.log(p)).sum()))


@dataclass(frozen=True, eq=False)
class SharedOut:
    """One pixel's relations with several images at once, split as the chain rule splits a divergence.

    `total = sum_j share_j * within_j + between`: the loss averages `within` over the images, all alike, and never
    sees `between`, how the distribution shares itself out among the images.

    Attributes:
        shares: name -> float64 [N], the part of the joint distribution that falls on each image.
        within: float64 [N], divergence of the rows over each image alone, in nats.
        between: divergence of the shares, in nats.
        total: divergence of the joint distributions, in nats.
    """

    shares: dict[str, Float64[np.ndarray, " n"]]
    within: Float64[np.ndarray, " n"]
    between: float
    total: float


@dataclass(frozen=True, eq=False)
class PixelLesson:
    """The steps of the method for one pixel of an image, related with the pixels of another.

    Attributes:
        pixel: its number in the feature set; images: the one it lies in and the one it is related with.
        rows: name -> its relations with the second image, of every model.
        terms: name -> float64 [A], what each pixel of the second image adds to the divergence from the reference,
            q (log q - log p), in nats; of every model but the reference.
        divergence: name -> their sum.
        shared_out: name -> the same over both images at once.
        temperature, reference.
    """

    pixel: int
    images: tuple[int, int]
    rows: dict[str, Row]
    terms: dict[str, Float64[np.ndarray, " a"]]
    divergence: dict[str, float]
    shared_out: dict[str, SharedOut]
    temperature: float
    reference: str


def pixel_lesson(features: FeatureSet, pixel: int, image: int, temperature: float = 0.1) -> PixelLesson:
    """What the formulas say about one pixel and the pixels of `image`.

    Raises:
        StudyError: no such pixel or image, or a temperature that is not above 0.
    """
    check(features, pixel, image, temperature)
    home, reference = int(features.pixels.image[pixel]), features.reference
    columns = features.pixels.of_image(image)
    rows = {name: _row(model.unit_embedding(), model.embedding, pixel, columns, temperature)
            for name, model in features.models.items()}  # fmt: skip
    both = [features.pixels.of_image(home), columns] if image != home else [columns]
    logits = {
        name: [_cosines(model.unit_embedding(), pixel, part) / temperature for part in both]
        for name, model in features.models.items()
    }
    others = [name for name in rows if name != reference]
    terms = {name: _terms(logits[reference][-1], logits[name][-1]) for name in others}
    return PixelLesson(
        pixel=pixel,
        images=(home, image),
        rows=rows,
        terms=terms,
        divergence={name: float(values.sum()) for name, values in terms.items()},
        shared_out={name: shared_out(logits, name, reference) for name in others},
        temperature=temperature,
        reference=reference,
    )


def shared_out(logits: dict[str, list[np.ndarray]], name: str, reference: str) -> SharedOut:
    """The divergence over several images at once by the chain rule; logits: name -> one row for each image."""
    whole = {n: np.concatenate(logits[n]) for n in (reference, name)}
    shares = {
        n: np.array([np.exp(_log_sum(part) - _log_sum(whole[n])) for part in logits[n]]) for n in (reference, name)
    }
    return SharedOut(
        shares=shares,
        within=np.array([_terms(t, s).sum() for t, s in zip(logits[reference], logits[name], strict=True)]),
        between=float((shares[reference] * np.log(shares[reference] / shares[name])).sum()),
        total=float(_terms(whole[reference], whole[name]).sum()),
    )


def telling_pixel(features: FeatureSet, image: int, student: str | None, temperature: float = 0.1) -> int:
    """The pixel of an image to begin with: where its relations with its own image diverge most from the reference's.

    Without a student, the pixel in the middle.
    """
    if student is None:
        return features.pixels.pixel_at(image, 0.5, 0.5)
    import torch

    from cirkd.relations import relation_divergence

    place = features.pixels.of_image(image)
    s, t = (torch.from_numpy(features.models[n].unit_embedding()[place]) for n in (student, features.reference))
    return place.start + int(relation_divergence(s, s, t, t, temperature).argmax())


def _row(unit: np.ndarray, raw: np.ndarray, pixel: int, columns: slice, temperature: float) -> Row:
    similarity = _cosines(unit, pixel, columns)
    weights = np.exp((similarity - similarity.max()) / temperature)
    return Row(
        similarity=similarity.astype(np.float32),
        distribution=weights / weights.sum(),
        length=float(np.linalg.norm(raw[pixel])),
        width=int(raw.shape[1]),
    )


def _cosines(unit: np.ndarray, pixel: int, columns: slice) -> Float64[np.ndarray, " a"]:
    return np.clip(unit[columns].astype(np.float64) @ unit[pixel].astype(np.float64), -1, 1)


def _terms(teacher: np.ndarray, student: np.ndarray) -> Float64[np.ndarray, " a"]:
    """q (log q - log p) of each key, from logits."""
    log_q, log_p = teacher - _log_sum(teacher), student - _log_sum(student)
    return np.exp(log_q) * (log_q - log_p)


def _log_sum(logits: np.ndarray) -> float:
    high = logits.max()
    return float(high + np.log(np.exp(logits - high).sum()))


def check(features: FeatureSet, pixel: int, image: int, temperature: float) -> None:
    """Raise StudyError unless there are such a pixel and image, and the temperature is above 0."""
    features.require_images("a lesson")
    if not 0 <= pixel < len(features.pixels):
        raise StudyError(f"there is no pixel {pixel}; this study has pixels 0 to {len(features.pixels) - 1}")
    if not 0 <= image < len(features.images):
        raise StudyError(f"there is no image {image}; this study has images 0 to {len(features.images) - 1}")
    if not temperature > 0:
        raise StudyError(f"temperature {temperature}: must be above 0; the method uses 0.1")
