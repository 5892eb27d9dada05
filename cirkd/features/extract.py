"""Run the models over the images and collect a `FeatureSet`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from cirkd.features.feature_set import FeatureSet

if TYPE_CHECKING:
    from cirkd.data.sample import Classes, Sample
    from cirkd.models.segmenter import Segmenter

Progress = Callable[[float, str], object]
"""Called with the fraction done, 0..1, and what is being done; raising from it cancels the work."""


def extract(
    models: Mapping[str, Segmenter],
    images: Sequence[Sample],
    *,
    layer: str = "decoder",
    device: str = "auto",
    precision: str = "auto",
    batch_size: int = 8,
    progress: Progress | None = None,
    classes: Classes | None = None,
) -> FeatureSet:
    """Embeddings, predictions and confidences of every model at every grid position of every image."""
    raise NotImplementedError
