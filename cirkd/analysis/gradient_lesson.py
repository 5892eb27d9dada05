"""The gradient of the mini-batch relation loss on two images, as training computes it, drawn as arrows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32, Float64, Int64

from cirkd.analysis.lesson import check
from cirkd.analysis.projection import principal_axes
from cirkd.data.errors import StudyError
from cirkd.features.feature_set import FeatureSet
from cirkd.features.sampling import balanced_sample

if TYPE_CHECKING:
    from torch import Tensor

SHOWN_ARROWS = 240
ARROW = 0.07
"""How long the longest arrows are drawn, as a share of the map's larger side."""
STEP = 0.05
"""How far the row with the steepest gradient is moved to see what the loss does; rows have length 1."""


@dataclass(frozen=True, eq=False)
class GradientLesson:
    """The gradient of `cirkd.losses.minibatch_pixel_relation` on two images, by autograd.

    Attributes:
        student, reference: the two models.
        images: which two.
        loss: its value, in nats.
        pairs: float64 [2, 2], the mean divergence of each ordered image pair; `loss` is their mean.
        gradient: float32 [P, d], of the loss by the student's l2-normalised embeddings of both images' pixels.
        pixels: int64 [P], which pixels of the feature set these are.
        points: float32 [P, 2], the student's embeddings on their first two principal axes.
        shown: int64 [S], the rows to draw: a class-balanced choice.
        arrows: float32 [P, 2], minus the gradient on the same axes, times `magnified`: where descent moves them.
        magnified: the factor that makes the arrows visible.
        explained: share of the embeddings' variance on each axis.
        in_plane: share of the gradient's squared length that lies in the map's plane, 0..1.
        stepped: the loss after a step against the gradient that moves the steepest row by `STEP`.
    """

    student: str
    reference: str
    images: tuple[int, int]
    loss: float
    pairs: Float64[np.ndarray, "2 2"]
    gradient: Float32[np.ndarray, "p d"]
    pixels: Int64[np.ndarray, " p"]
    points: Float32[np.ndarray, "p 2"]
    shown: Int64[np.ndarray, " s"]
    arrows: Float32[np.ndarray, "p 2"]
    magnified: float
    explained: tuple[float, ...]
    in_plane: float
    stepped: float
    temperature: float
    provenance: dict[str, Any] = field(default_factory=dict)

    def steepness(self, pixel: int) -> float:
        """The length of the gradient at a pixel, 0 if it lies in neither image."""
        return float(np.linalg.norm(self.gradient[self.pixels == pixel]))


def gradient_lesson(
    features: FeatureSet,
    first: int,
    second: int,
    student: str,
    temperature: float = 0.1,
    *,
    arrows: int = SHOWN_ARROWS,
    seed: int = 0,
    device: str = "cpu",
) -> GradientLesson:
    """Value and gradient of the mini-batch relation loss on two images, and the gradient in the student's PCA map.

    Raises:
        StudyError: images of different grids, no such model, the reference itself, or a bad temperature.
    """
    check(features, 0, max(first, second), temperature)
    reference, grid = features.reference, features.pixels.grid
    if student not in features.models or student == reference:
        others = ", ".join(name for name in features.models if name != reference) or "add a second model"
        raise StudyError(f"{student} has no gradient towards {reference} here; choose one of: {others}")
    if grid[first] != grid[second]:
        raise StudyError("the two images differ in size, and a mini-batch has one size; choose two of one size")
    maps = {name: _maps(features, name, (first, second), device) for name in (student, reference)}
    loss, gradient = _loss_and_gradient(maps[student], maps[reference], temperature)
    steepest = gradient.flatten(2).norm(dim=1).max()
    moved = maps[student] - gradient * (STEP / steepest.clamp(min=1e-12))
    stepped, _ = _loss_and_gradient(moved, maps[reference], temperature)
    slices = [features.pixels.of_image(i) for i in (first, second)]
    pixels = np.concatenate([np.arange(s.start, s.stop) for s in slices])
    rows = gradient.permute(0, 2, 3, 1).reshape(len(pixels), -1).cpu().numpy()
    return GradientLesson(
        student=student,
        reference=reference,
        images=(first, second),
        loss=loss,
        pairs=_pairs(maps[student], maps[reference], temperature),
        gradient=rows,
        pixels=pixels,
        stepped=stepped,
        temperature=temperature,
        **_drawn(features, student, pixels, rows, arrows, seed),
        provenance={"device": device, "seed": seed, "grouped_by": features.grouping().source},
    )


def _drawn(
    features: FeatureSet, student: str, pixels: np.ndarray, gradient: np.ndarray, count: int, seed: int
) -> dict[str, Any]:
    """The gradient of a class-balanced choice of rows in the PCA map of the student's embeddings."""
    unit = features.models[student].unit_embedding()[pixels]
    axes = principal_axes(unit, 2)
    shown = balanced_sample(features.grouping().values[pixels], count, seed).index
    points, plane = axes.project(unit), -gradient.astype(np.float64) @ axes.axes.T
    lengths = np.linalg.norm(plane[shown], axis=1)
    side = float(np.ptp(points, axis=0).max())
    magnified = ARROW * side / max(float(np.quantile(lengths, 0.95)), 1e-30)
    return {
        "shown": shown,
        "points": points.astype(np.float32),
        "arrows": (plane * magnified).astype(np.float32),
        "magnified": magnified,
        "explained": axes.explained,
        "in_plane": float((plane**2).sum() / max(float((gradient.astype(np.float64) ** 2).sum()), 1e-300)),
    }


def _loss_and_gradient(student: Tensor, teacher: Tensor, temperature: float) -> tuple[float, Tensor]:
    import torch

    from cirkd.losses import minibatch_pixel_relation

    with torch.enable_grad():
        student = student.detach().requires_grad_()
        loss = minibatch_pixel_relation(student, teacher, temperature)
        (gradient,) = torch.autograd.grad(loss, student)
    return float(loss.detach()), gradient


def _pairs(student: Tensor, teacher: Tensor, temperature: float) -> Float64[np.ndarray, "n n"]:
    """Mean divergence of each ordered pair of images."""
    from cirkd.relations import flatten_positions, relation_divergence

    s, t = flatten_positions(student), flatten_positions(teacher)
    return np.array([
        [float(relation_divergence(s[i], s[j], t[i], t[j], temperature).double().mean()) for j in range(len(s))]
        for i in range(len(s))
    ])  # fmt: skip


def _maps(features: FeatureSet, name: str, images: tuple[int, int], device: str) -> Tensor:
    """l2-normalised embeddings of two images, [2, d, h, w]."""
    import torch

    unit = features.models[name].unit_embedding()
    maps = np.stack([features.pixels.grid_map(unit, image) for image in images])
    return torch.from_numpy(maps).permute(0, 3, 1, 2).contiguous().to(device)
