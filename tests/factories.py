"""Small studies made of random but structured features, and networks that take no training."""

from __future__ import annotations

from dataclasses import dataclass, field
from inspect import getmembers
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cirkd.data.sample import Classes, Sample
from cirkd.declaration import Declaration
from cirkd.features.extract import make_pixels
from cirkd.features.feature_set import FeatureSet, ModelFeatures
from cirkd.study import Study

NAMES = ("road", "building", "pole", "sky", "car", "tree", "fence", "person")
COLORS = (
    (128, 64, 128),
    (70, 70, 70),
    (153, 153, 153),
    (70, 130, 180),
    (0, 0, 142),
    (107, 142, 35),
    (190, 153, 153),
    (220, 20, 60),
)
NOISE = {"teacher": 0.25, "before": 0.9, "after": 0.5}
WIDTHS = {"teacher": 16, "before": 8, "after": 8}


def declarations(of: type) -> dict[str, Declaration]:
    """name -> declaration of every result that a class has."""
    return {name: method.declared for name, method in getmembers(of) if hasattr(method, "declared")}


def make_classes(count: int = 4) -> Classes:
    return Classes(NAMES[:count], COLORS[:count])


def make_features(
    models: tuple[str, ...] = ("teacher", "before", "after"),
    *,
    images: int = 4,
    grid: tuple[int, int] = (6, 8),
    stride: int = 4,
    classes: int = 4,
    widths: dict[str, int] | None = None,
    labels: bool = True,
    seed: int = 0,
) -> FeatureSet:
    """A feature set in which the teacher's classes lie well apart, `before`'s badly, `after`'s in between."""
    generator = np.random.default_rng(seed)
    size = (grid[0] * stride, grid[1] * stride)
    truth = [blocks(generator, size, classes) for _ in range(images)]
    if labels:
        for label in truth:
            label[0, :3] = 255
    pixels = make_pixels([grid] * images, truth)
    clean = make_pixels([grid] * images, truth).label
    widths = {**WIDTHS, **(widths or {})}
    found = {
        name: _make_model(name, generator, clean, truth, widths.get(name, 8), NOISE.get(name, 0.7), classes)
        for name in models
    }
    if not labels:
        pixels = make_pixels([grid] * images, None)
    pictures = tuple(generator.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in range(images))
    return FeatureSet(
        classes=make_classes(classes),
        image_names=tuple(f"image-{i}" for i in range(images)),
        images=pictures,
        labels=tuple(truth) if labels else None,
        pixels=pixels,
        models=found,
        provenance={"layer": "decoder", "device": "cpu", "precision": "float32", "reference": models[0]},
    )


def blocks(generator: np.random.Generator, size: tuple[int, int], classes: int) -> np.ndarray:
    """A label map uint8 of vertical stripes of random width."""
    cuts = np.sort(generator.integers(1, size[1], classes - 1))
    order = generator.permutation(classes)
    return np.tile(order[np.searchsorted(cuts, np.arange(size[1]), side="right")].astype(np.uint8), (size[0], 1))


def _make_model(
    name: str,
    generator: np.random.Generator,
    label: np.ndarray,
    truth: list[np.ndarray],
    width: int,
    noise: float,
    classes: int,
) -> ModelFeatures:
    centres = generator.normal(size=(classes, width))
    known = np.where(label < classes, label, 0)
    embedding = centres[known] + noise * generator.normal(size=(len(label), width))
    wrong = generator.random(len(label)) < noise / 4
    prediction = np.where(wrong, generator.integers(0, classes, len(label)), known).astype(np.uint8)
    maps = []
    for item in truth:
        errors = generator.random(item.shape) < noise / 4
        maps.append(np.where(errors | (item >= classes), generator.integers(0, classes, item.shape), item))
    return ModelFeatures(
        name=name,
        layer="decoder",
        embedding=embedding.astype(np.float32),
        prediction=prediction,
        confidence=generator.uniform(1 / classes, 1, len(label)).astype(np.float32),
        prediction_maps=tuple(item.astype(np.uint8) for item in maps),
        confidence_maps=tuple(generator.uniform(0.2, 1, item.shape).astype(np.float16) for item in truth),
        classes=make_classes(classes),
        info={"architecture": "fake", "encoder": "none"},
    )


@dataclass(frozen=True)
class FakeInfo:
    classes: Classes
    architecture: str = "fake"
    encoder: str = "none"
    output_stride: int = 4
    embedding_channels: int = 8
    auxiliary: bool = False
    provenance: dict[str, Any] = field(default_factory=dict)
    align_corners: bool = True


@dataclass
class FakeOutput:
    logits: Tensor
    embedding: Tensor
    auxiliary: Tensor | None = None
    encoded: Tensor | None = None


class FakeSegmenter(nn.Module):
    """One strided convolution and a classifier; fails where the test asks for it.

    Args:
        fits: images that fit into "memory" at once; more raise what PyTorch raises.
        bad: give embeddings that are not finite.
    """

    def __init__(
        self,
        classes: Classes | None = None,
        width: int = 8,
        stride: int = 4,
        *,
        projection: int | None = None,
        fits: int = 99,
        bad: bool = False,
        seed: int = 0,
        provenance: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        torch.manual_seed(seed)
        classes = classes or make_classes()
        self.info = FakeInfo(classes, output_stride=stride, embedding_channels=width, provenance=provenance or {})
        self.features = nn.Conv2d(3, width, stride, stride)
        self.classifier = nn.Conv2d(width, len(classes), 1)
        self.memory = nn.Module() if projection else None
        if self.memory is not None:
            self.memory.projection = nn.Conv2d(width, projection or 1, 1, bias=False)
        self.fits, self.bad = fits, bad
        self.batches: list[int] = []

    def preprocess(self, image: np.ndarray) -> Tensor:
        return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).float() / 255

    def forward(self, batch: Tensor) -> FakeOutput:
        if len(batch) > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        self.batches.append(len(batch))
        embedding = torch.relu(self.features(batch))
        if self.bad:
            embedding = embedding / torch.zeros(())
        return FakeOutput(self.classifier(embedding), embedding)


def make_samples(
    count: int = 3, size: tuple[int, int] = (24, 32), *, labels: bool = True, seed: int = 0, classes: int = 4
) -> list[Sample]:
    """Random images with stripes as labels."""
    generator = np.random.default_rng(seed)
    return [
        Sample(
            f"sample-{i}",
            generator.integers(0, 256, (*size, 3), dtype=np.uint8),
            blocks(generator, size, classes) if labels else None,
        )
        for i in range(count)
    ]


def make_study(**changes: Any) -> Study:
    """A study of three such networks on three random images, on the processor; changes: arguments of `Study.open`."""
    arguments: dict[str, Any] = {
        "teacher": FakeSegmenter(width=12),
        "before": FakeSegmenter(seed=1),
        "after": FakeSegmenter(seed=2),
        "images": make_samples(3),
        "device": "cpu",
    }
    return Study.open(**arguments | changes)
