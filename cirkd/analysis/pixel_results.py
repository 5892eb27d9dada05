"""What a study tells about single pixels; a part of `cirkd.study.Study`."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

import numpy as np

from cirkd.analysis.neighbours import PixelRelations, pixel_relations
from cirkd.analysis.pixel_colors import PixelColors, pixel_colors
from cirkd.analysis.scores import grid_change

if TYPE_CHECKING:
    from cirkd.analysis.divergences import Divergence
    from cirkd.features.feature_set import FeatureSet

__all__ = ["PixelColors", "PixelRelations", "PixelResults"]


class PixelResults:
    """One pixel's relations, and the colours of all."""

    features: Callable[[], FeatureSet]
    divergence: Callable[[float], Divergence]
    _keep: Callable[[Hashable, Callable[[], Any]], Any]

    def pixel_relations(self, pixel: int, temperature: float = 0.1, neighbours: int = 10) -> PixelRelations:
        """One pixel's similarity with all others and its nearest neighbours, in every model; not kept."""
        return pixel_relations(self.features(), pixel, temperature, neighbours)

    def pixel_colors(self, by: str, model: str | None = None, temperature: float = 0.1) -> PixelColors:
        """Colours of all pixels by "class", "prediction", "image", "error", "confidence", "divergence", "change".

        "prediction", "error", "confidence" and "divergence" are of `model`; "change" is from before to after.
        """
        features = self.features()
        values = None
        if by == "change":
            values = grid_change(features)
        elif by == "divergence":
            per_pixel = self.divergence(temperature).per_pixel
            name = model if model is not None else next(iter(per_pixel))
            # The reference diverges nowhere from itself.
            values = per_pixel[name] if name in per_pixel else np.zeros(len(features.pixels), np.float32)
        return self._keep(
            ("colors", by, model, temperature if by == "divergence" else None),
            lambda: pixel_colors(features, by, model, values),
        )
